"""Prediction intervals and prediction sets from rows that members were not trained on.

Barber, Candès, Ramdas and Tibshirani (2021), Predictive inference with the jackknife+, Annals of
Statistics 49, 486-507. A group g is all rows that the same members held out, mu_g the mean of these
members: with one set of folds a group is a fold, and mu_g one member. R_i is the size of the
residual of row i, |y_i - mu_g(i)(x_i)|.

CV+ takes the quantiles of mu_g(i)(x) +- R_i over all rows i, jackknife-minmax the outermost mu_g(x)
and the quantile of R_i. Of exchangeable rows and a level of 1 - a the latter holds a new target
with probability 1 - a at least (theorem 3); CV+ with 1 - 2 a less min(2 (1 - 1/G) / (n/G + 1),
(1 - G/n) / (G + 1)) at least (theorem 4), and mostly with about 1 - a. Both promises are of rows at
large, not of every kind of row, and of groups whose rows decided nothing of their members.
"""

from typing import Any, NamedTuple

import numpy as np

from spline_fc.checks import check, check_number, check_rank, check_same_length
from spline_fc.printing import printed

LEVEL = 0.9
_HALVINGS = 64  # of a range of float64: its ends are neighbours then
_ROUNDING = 1e-12  # 0.55 of 100 rows are 55, though the product is 55.00000000000001


@printed
class Groups(NamedTuple):
    """Rows by the members that held them out; each of the n rows is in one of G groups."""

    holders: np.ndarray  # (G, K) bool: the members that held the rows of a group out
    of_row: np.ndarray  # (n,) int32


class _Sorted(NamedTuple):
    """The numbers of the rows of a group, in order."""

    values: np.ndarray  # (r + 1,) float64, the last one infinite
    weights: np.ndarray  # (r + 1,) of the first 0, 1, ..., r of them


def groups_of(held_out: np.ndarray) -> Groups:
    """Gathers the rows that the same members held out.

    Args:
      held_out: (K, n) bool; every row is held out by one member at least.

    Raises:
      ValueError: another rank, or a row that every member was trained on.
    """
    check_rank("held_out", held_out, 2, "(K, n)")
    held_out = np.asarray(held_out, bool)
    free = int((~held_out.any(axis=0)).sum())
    check(free == 0, f"held_out must have a member for every row; {free} row(s) have none.")
    words = np.ascontiguousarray(np.packbits(held_out, axis=0).T)
    keys = words.view(f"V{words.shape[1]}").ravel()
    _, first, of_row = np.unique(keys, return_index=True, return_inverse=True)
    return Groups(held_out.T[first], of_row.astype(np.int32))


def group_means(groups: Groups, outputs: np.ndarray) -> np.ndarray:
    """Averages outputs of members (K, m, k) over those that held a group out: (G, m, k)."""
    shares = groups.holders / groups.holders.sum(axis=1, keepdims=True)
    return np.einsum("gk,kmt->gmt", shares, outputs)


def cv_plus(
    sizes: np.ndarray,
    of_row: np.ndarray,
    means: np.ndarray,
    level: float = LEVEL,
    weights: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Bounds the targets of new rows by CV+.

    upper(x) = the ceil(level (n + 1))-th smallest of mu_g(i)(x) + R_i, i = 1..n;
    lower(x) = minus the ceil(level (n + 1))-th smallest of R_i - mu_g(i)(x).

    Time grows with G m log n and memory with G m: no table of rows by rows is made.

    Args:
      sizes: (n, k) R, >= 0.
      of_row: (n,) int, the group of each row.
      means: (G, m, k) mu_g at the new rows.
      level: coverage that is aimed at, in (0, 1).
      weights: (n,) > 0, what rows count: 2 is two copies of a row, and n the sum.

    Returns:
      lower, upper: (m, k) float64; a target is bounded by its own residuals alone.

    Raises:
      ValueError: a level that no interval of so many rows has, shapes that differ.
    """
    counts, wanted = _counted(sizes, of_row, means, level, weights)
    lower, upper = np.empty(means.shape[1:]), np.empty(means.shape[1:])
    for j in range(means.shape[2]):
        rows = _by_group(sizes[:, j], of_row, counts, len(means))
        upper[:, j] = _smallest(rows, means[..., j], wanted)
        lower[:, j] = -_smallest(rows, -means[..., j], wanted)
    return lower, upper


def jackknife_minmax(
    sizes: np.ndarray,
    of_row: np.ndarray,
    means: np.ndarray,
    level: float = LEVEL,
    weights: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Bounds the targets of new rows by jackknife-minmax, never narrower than CV+.

    upper(x) = max_g mu_g(x) + q and lower(x) = min_g mu_g(x) - q, where q is the
    ceil(level (n + 1))-th smallest R_i. Arguments, returned values and errors are those of
    `cv_plus`.
    """
    counts, wanted = _counted(sizes, of_row, means, level, weights)
    whole = np.zeros_like(of_row)
    reach = np.array(
        [
            _smallest(_by_group(own, whole, counts, 1), np.zeros((1, 1)), wanted)[0]
            for own in sizes.T
        ]
    )
    return means.min(axis=0) - reach, means.max(axis=0) + reach


def prediction_sets(
    scores: np.ndarray,
    of_row: np.ndarray,
    means: np.ndarray,
    level: float = LEVEL,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Says which classes a new row may have, by CV+ of scores (Romano, Sesia, Candès 2020).

    A class y is among them unless level (n + 1) rows or more have S_i < S_g(i)(x, y).

    Args:
      scores: (n,) S_i of the true class of each row, larger where it was less expected.
      of_row: (n,) int, the group of each row.
      means: (G, m, c) S_g(x, y) of every class at the new rows.
      level, weights: as in `cv_plus`.

    Returns:
      (m, c) bool; a row may have no class.

    Raises:
      ValueError: as for `cv_plus`.
    """
    counts, wanted = _counted(scores[:, None], of_row, means, level, weights)
    rows = _by_group(scores, of_row, counts, len(means))
    below = np.zeros(means.shape[1:])
    for own, at in zip(rows, means, strict=True):
        below += own.weights[np.searchsorted(own.values, at, "left")]
    return below < wanted


def _counted(
    sizes: np.ndarray, of_row: np.ndarray, means: np.ndarray, level: float, weights: Any
) -> tuple[np.ndarray, float]:
    """What rows count (n,), and how much must lie at or below a quantile."""
    check_number("level", level, above=0, below=1)
    check_rank("sizes", sizes, 2, "(n, k)")
    check_rank("means", means, 3, "(G, m, k)")
    check_same_length("of_row", of_row, "sizes", sizes)
    counts = np.ones(len(sizes)) if weights is None else np.asarray(weights, np.float64)
    check_same_length("weights", counts, "sizes", sizes)
    total = float(counts.sum())
    what = f"{len(counts)} row(s) held out" + f" that count as {total:g}" * (weights is not None)
    check(
        gives(total, level),
        f"level must be at most {total / (total + 1):.6g}, the most that {what} give; got {level}.",
    )
    return counts, _least_count(total, level)


def gives(total: float, level: float) -> bool:
    """Whether rows that count so much are enough for intervals of this level."""
    return _least_count(total, level) <= total


def _least_count(total: float, level: float) -> float:
    """How much of rows that count `total` must lie at or below a quantile."""
    return level * (total + 1) * (1 - _ROUNDING)


def _by_group(
    values: np.ndarray, of_row: np.ndarray, counts: np.ndarray, groups: int
) -> list[_Sorted]:
    """The numbers (n,) of each group in order, with the sums of what they count."""
    found = []
    for group in range(groups):
        own = np.flatnonzero(of_row == group)
        own = own[np.argsort(values[own], kind="stable")]
        sums = np.cumsum(np.append(0.0, counts[own]))
        found.append(_Sorted(np.append(values[own], np.inf).astype(np.float64), sums))
    return found


def _smallest(rows: list[_Sorted], means: np.ndarray, wanted: float) -> np.ndarray:
    """The least v (m,) for which rows of weight `wanted` have mean (G, m) + value <= v.

    Halving narrows v down between two numbers, above the lower of which the next sum is taken.
    """
    # Below the least sum by more than its rounding, at or above the largest.
    last = [own.values[-2] if len(own.values) > 1 else -np.inf for own in rows]
    high = np.max([mean + value for mean, value in zip(means, last, strict=True)], axis=0)
    first = np.min([mean + own.values[0] for mean, own in zip(means, rows, strict=True)], axis=0)
    low = first - 1e-9 * (high - first) - 1e-9 * np.abs(first) - np.finfo(np.float64).tiny
    for _ in range(_HALVINGS):
        middle = low + (high - low) / 2
        reached = sum(
            own.weights[np.searchsorted(own.values, middle - mean, "right")]
            for own, mean in zip(rows, means, strict=True)
        )
        enough = reached >= wanted
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    above = (
        mean + own.values[np.searchsorted(own.values, low - mean, "right")]
        for own, mean in zip(rows, means, strict=True)
    )
    return np.minimum.reduce(list(above))
