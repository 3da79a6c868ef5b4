"""The road as scikit-learn estimators: rows in, a fitted model out."""

from spline_fc.estimators.mars import MARSRegressor, MARSTransformer
from spline_fc.estimators.network import SplineFCClassifier, SplineFCRegressor

__all__ = ["MARSRegressor", "MARSTransformer", "SplineFCClassifier", "SplineFCRegressor"]
