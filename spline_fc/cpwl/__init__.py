"""Workshop: continuous piecewise-linear splines and how they are fitted."""

from spline_fc.cpwl.spline import Spline, basis, evaluate

__all__ = ["Spline", "basis", "evaluate"]
