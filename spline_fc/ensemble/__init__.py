"""Many networks from many splines, trained side by side, whose mean is better than any of them."""

from spline_fc.ensemble.record import (
    Ensemble,
    ErrorParts,
    ensemble_outputs,
    error_parts,
    member_outputs,
)
from spline_fc.ensemble.train import train_ensemble

__all__ = [
    "Ensemble",
    "ErrorParts",
    "ensemble_outputs",
    "error_parts",
    "member_outputs",
    "train_ensemble",
]
