"""Many networks from many splines, trained side by side, whose mean is better than any of them."""

from spline_fc.ensemble.distil import Distilled, distil_network, rows_between
from spline_fc.ensemble.held_out import (
    METHODS,
    HeldOut,
    check_held_out,
    keep_held_out,
    of_ensemble,
    of_validation,
)
from spline_fc.ensemble.intervals import LEVEL, Groups
from spline_fc.ensemble.record import (
    Ensemble,
    ErrorParts,
    ensemble_outputs,
    error_parts,
    member_outputs,
)
from spline_fc.ensemble.spread import Spread
from spline_fc.ensemble.starts import VARIETY
from spline_fc.ensemble.train import train_ensemble

__all__ = [
    "LEVEL",
    "METHODS",
    "VARIETY",
    "Distilled",
    "Ensemble",
    "ErrorParts",
    "Groups",
    "HeldOut",
    "Spread",
    "check_held_out",
    "distil_network",
    "ensemble_outputs",
    "error_parts",
    "keep_held_out",
    "member_outputs",
    "of_ensemble",
    "of_validation",
    "rows_between",
    "train_ensemble",
]
