"""Candidate knots, and which of them spans and constraints leave to a parent."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from spline_fc.arrays import numbers
from spline_fc.checks import check, check_finite, check_integer, check_rank


class Spans(NamedTuple):
    """How many rows lie between knots, and before the first and after the last one."""

    end: float
    between: float  # 0 for Friedman's formula
    num_columns: float  # of z, which the formula reads


class SearchSpace(NamedTuple):
    """What the forward pass may choose from."""

    knots: np.ndarray  # (d, K), scaled, ascending; the first is the column's minimum
    usable: np.ndarray  # (d, K) bool, False where a row of `knots` is padding
    spans: Spans
    linear: frozenset[int]  # columns that may enter only linearly
    groups: tuple[frozenset[int], ...] | None  # columns that may meet in a term; None for all
    num_columns: int  # d less those at the end that only make room


def spans_of(min_span: int | None, end_span: int | None, num_columns: int) -> Spans:
    """The spans that options ask for; None for Friedman (1991) eq. 45, and eq. 43 between knots."""
    end = int(7.32193 + np.log2(num_columns)) if end_span is None else end_span
    return Spans(float(end), float(min_span or 0), float(num_columns))


def leave_spans(active: Any, usable: Any, spans: Spans) -> Any:
    """Decides which knots spans leave to a parent; with NumPy arrays or, traced or not, JAX's.

    With the rows on which the parent is active counted in the order of the feature, a knot is
    allowed if one of the rows of its bin is number end, end + between, ... and `end` rows remain.
    Between knots are (2.9702 + log(columns * active rows)) / 1.7329 rows, rounded down, Friedman
    (1991) eq. 43 at alpha = 0.05, if nothing else is said. Weights count as rows.

    Args:
      active: (f, K) float64, weight of the parent's active rows in every bin.
      usable: (f, K) bool, False where there is no knot.
      spans: what is wanted.

    Returns:
      (f, K) bool.
    """
    xp = active.__array_namespace__()
    after = active.cumsum(axis=1)
    before, total = after - active, after[:, -1:]
    formula = xp.floor((2.9702 + xp.log(spans.num_columns * xp.maximum(total, 1e-9))) / 1.7329)
    between = xp.where(spans.between > 0, spans.between, xp.maximum(formula, 1.0))
    slack = 1e-9 * xp.maximum(total, 1.0)  # sums of weights are not exact
    number = xp.ceil((before - spans.end - slack) / between)
    number = xp.maximum(number, 0.0) * between + spans.end
    return (number < after - slack) & (number < total - spans.end - slack) & usable


def knot_choices(knots: Any, num_columns: int) -> Sequence[int | str | np.ndarray]:
    """Says for every column of z which candidates are wanted.

    Args:
      knots: "all" for every data point; an integer K for K quantiles, other values in the place of
        equal ones; a sequence of arrays for explicit positions, one per column.
      num_columns: of z.

    Raises:
      ValueError: knots is none of these.
    """
    if isinstance(knots, (str, int, np.integer)):
        if isinstance(knots, str):
            check(knots == "all", f'knots must be "all", an integer or d arrays; got {knots!r}.')
        else:
            check_integer("knots", knots, 1)
            knots = int(knots)
        return [knots] * num_columns
    sized = hasattr(knots, "__len__") and np.ndim(knots[0] if len(knots) else 0) == 1
    check(
        sized or (hasattr(knots, "__len__") and not len(knots)),
        f'knots must be "all", an integer or one array of positions per column; got {knots!r}.',
    )
    check(
        len(knots) == num_columns,
        f"knots must hold one array per feature and direction, {num_columns}; got {len(knots)}.",
    )
    given = [numbers(f"knots[{v}]", row) for v, row in enumerate(knots)]
    for v, row in enumerate(given):
        check_rank(f"knots[{v}]", row, 1, "(number of knots,)")
        check_finite(f"knots[{v}]", row)
    return given


def candidate_knots(
    column: np.ndarray, weights: np.ndarray | None, choice: int | str | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Chooses the candidate knots of one column of z.

    Args:
      column: (n,) float, contiguous; ascending if there are no weights.
      weights: (n,), quantiles are weighted; None if all are equal.
      choice: of `knot_choices`.

    Returns:
      knots (K,), ascending and in the dtype of the column, and usable (K,) bool. The first knot is
      always the column's minimum, so that every row has a bin.
    """
    if isinstance(choice, np.ndarray):
        return given_knots(column.min(), choice)
    is_all = isinstance(choice, str)
    row = np.unique(column) if is_all else _quantiles(column, weights, int(choice))
    return row, np.ones(len(row), bool)


def given_knots(low: np.floating, choice: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Knots and which are usable, of positions that were given for a column with minimum `low`."""
    given = np.unique(choice.astype(low.dtype))
    inside = given[given > low]
    wanted = np.concatenate([[low in given], np.ones(len(inside), bool)])
    return np.concatenate([[low], inside]), wanted


def _quantiles(column: np.ndarray, weights: np.ndarray | None, num_knots: int) -> np.ndarray:
    """Distinct values at equally spaced shares of the total weight, the minimum included.

    Where ties leave fewer than were asked for, other values take the free places, so that a feature
    that is mostly zero, or has few values, is not seen at a handful of them.
    """
    if weights is None:
        ranked, places = column, np.arange(num_knots) * len(column) // num_knots
    else:
        order = np.argsort(column)
        ranked, share = column[order], np.cumsum(weights[order], dtype=np.float64)
        places = np.searchsorted(share, np.arange(num_knots) * share[-1] / num_knots, side="right")
        places = np.minimum(places, len(order) - 1)
    chosen = np.unique(ranked[places])
    if len(chosen) == num_knots:
        return chosen
    return filled_up(chosen, ranked[np.append(True, ranked[1:] != ranked[:-1])], num_knots)


def filled_up(chosen: np.ndarray, distinct: np.ndarray, num_knots: int) -> np.ndarray:
    """Chosen values and, in the free places, others of the distinct ones; all ascending."""
    others = np.setdiff1d(distinct, chosen, assume_unique=True)
    free = min(num_knots - len(chosen), len(others))
    return np.union1d(chosen, others[np.arange(free) * len(others) // max(free, 1)])


def partner_features(space: SearchSpace, parent_features: frozenset[int]) -> np.ndarray:
    """Columns of x, ascending, that may join a parent that reads `parent_features` already."""
    joins = [v for v in range(space.num_columns) if _may_join(space, parent_features, v)]
    return np.array(joins, np.int32)


def _may_join(space: SearchSpace, parent_features: frozenset[int], feature: int) -> bool:
    if not parent_features:
        return True
    joined = parent_features | {feature}
    if feature in parent_features or joined & space.linear:
        return False
    return space.groups is None or any(joined <= group for group in space.groups)
