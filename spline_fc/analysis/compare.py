"""One contender against a reference over seeds or splits, from arrays of any origin."""

import math
from typing import Any, NamedTuple

import numpy as np
from scipy.special import stdtr

from spline_fc.analysis.convergence import (
    LEAST_FOR_INTERVAL,
    Interval,
    PairedRatio,
    bootstrap,
    paired_ratio,
)
from spline_fc.arrays import numbers_float64
from spline_fc.checks import as_list, check, check_rank, check_same_length
from spline_fc.printing import printed

LEVEL = 0.05  # of the paired t test, two-sided and not corrected: splits share rows


@printed
class Comparison(NamedTuple):
    """What p pairs say; differences below 0 and ratios below 1 speak for the contender."""

    difference: np.ndarray  # (p,) errors, the contender's less the reference's, of finite pairs
    mean: Interval  # of the differences
    relative: Interval  # of the differences over the mean error of the reference
    wins: int  # pairs in which the contender's error is lower
    p_value: float  # of the paired t test on the differences, nan below two pairs
    steps: PairedRatio | None  # to the reference's best validation loss, of classes the log loss
    seconds: PairedRatio | None  # the same, everything that a start does included

    @property
    def verdict(self) -> str:
        """ "lower" or "higher" if the mean errors clearly differ (t test, three pairs), else ""."""
        if self.difference.size < LEAST_FOR_INTERVAL or not self.p_value < LEVEL:
            return ""
        return "lower" if self.mean.value < 0 else "higher"


def compare(
    error: Any,
    reference_error: Any,
    *,
    steps: tuple[Any, Any] | None = None,
    seconds: tuple[Any, Any] | None = None,
) -> Comparison:
    """Compares errors and costs of a contender with those of a reference, pair by pair.

    Args:
      error: (s,) errors of the contender, one per seed or split.
      reference_error: (s,) of the reference, the same seeds or splits in the same order.
      steps: two (s,) arrays, what it took the contender and the reference to reach the same loss;
        inf for never.
      seconds: the same in seconds; nan where they were not measured.

    Returns:
      Comparison; pairs with an error that is not finite are left out of the differences.

    Raises:
      ValueError: the lengths differ.
    """
    ours = numbers_float64("error", error)
    theirs = numbers_float64("reference_error", reference_error)
    check_rank("error", ours, 1, "(s,)")
    check_same_length("reference_error", theirs, "error", ours)
    known = np.isfinite(ours) & np.isfinite(theirs)
    difference = ours[known] - theirs[known]
    level = theirs[known].mean() if known.any() else math.nan
    return Comparison(
        difference=difference,
        mean=bootstrap(difference),
        relative=bootstrap(difference / level if level else np.full(difference.size, np.nan)),
        wins=int((difference < 0).sum()),
        p_value=_paired_t_test(difference),
        steps=None if steps is None else paired_ratio(*_pair("steps", steps)),
        seconds=None if seconds is None else paired_ratio(*_pair("seconds", seconds)),
    )


def _pair(name: str, arrays: Any) -> list[Any]:
    """Two arrays; raises ValueError unless there are two."""
    pair = as_list(name, arrays, "two arrays")
    check(len(pair) == 2, f"{name} must be a list of two arrays; got {len(pair)}.")
    return pair


def _paired_t_test(difference: np.ndarray) -> float:
    """The two-sided p value of mean zero."""
    if difference.size < 2:
        return math.nan
    error = difference.std(ddof=1) / math.sqrt(difference.size)
    if error == 0:
        return 0.0 if difference[0] else 1.0
    return float(2 * stdtr(difference.size - 1, -abs(difference.mean()) / error))
