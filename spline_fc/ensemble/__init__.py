"""Many networks from many splines, trained side by side, whose mean is better than any of them."""

from spline_fc.ensemble.distil import Distilled, distil_network, rows_between
from spline_fc.ensemble.record import (
    Ensemble,
    ErrorParts,
    ensemble_outputs,
    error_parts,
    member_outputs,
)
from spline_fc.ensemble.train import train_ensemble

__all__ = [
    "Distilled",
    "Ensemble",
    "ErrorParts",
    "distil_network",
    "ensemble_outputs",
    "error_parts",
    "member_outputs",
    "rows_between",
    "train_ensemble",
]
