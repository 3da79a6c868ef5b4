"""Workshop: continuous piecewise-linear splines and how they are fitted."""

from spline_fc.cpwl.fit import FitResult, FitSeconds, fit_mars, r2_score
from spline_fc.cpwl.forward import ForwardTrace, Term
from spline_fc.cpwl.io import load_spline, save_spline, spline_from_dict, spline_to_dict
from spline_fc.cpwl.pruning import PruningPath, gcv_score
from spline_fc.cpwl.spline import Spline, basis, evaluate

__all__ = [
    "FitResult",
    "FitSeconds",
    "ForwardTrace",
    "PruningPath",
    "Spline",
    "Term",
    "basis",
    "evaluate",
    "fit_mars",
    "gcv_score",
    "load_spline",
    "r2_score",
    "save_spline",
    "spline_from_dict",
    "spline_to_dict",
]
