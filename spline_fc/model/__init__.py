"""What one keeps: a fitted function of rows as they come, in one file."""

from spline_fc.model.io import load_model, save_model
from spline_fc.model.make import make_model
from spline_fc.model.record import Model

__all__ = ["Model", "load_model", "make_model", "save_model"]
