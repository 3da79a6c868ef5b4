"""What one keeps: a fitted function of rows as they come, in one file."""

from spline_fc.model.columns import Column
from spline_fc.model.environment import environment, versions
from spline_fc.model.explanation import Explanation
from spline_fc.model.fitting import Fitted, Trained, fit_model, train_network
from spline_fc.model.io import load_model, save_model
from spline_fc.model.make import make_model
from spline_fc.model.record import Model

__all__ = [
    "Column",
    "Explanation",
    "Fitted",
    "Model",
    "Trained",
    "environment",
    "fit_model",
    "load_model",
    "make_model",
    "save_model",
    "train_network",
    "versions",
]
