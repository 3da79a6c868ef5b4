"""Candidate knots, and which of them spans and constraints leave to a parent."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from spline_fc.arrays import numbers
from spline_fc.checks import check, check_finite, check_integer, check_rank

ALL_POINTS_ROWS = 2000  # up to here the default tries every data point as a knot
DEFAULT_KNOTS = 64  # beyond, this many quantiles of each feature


class SearchSpace(NamedTuple):
    """What the forward pass may choose from."""

    knots: np.ndarray  # (d, K), scaled, ascending; the first is the column's minimum
    usable: np.ndarray  # (d, K) bool, False where a row of `knots` is padding
    min_span: int | None  # rows between knots; None for Friedman's formula
    end_span: int | None  # rows before the first and after the last knot; None for the formula
    linear: frozenset[int]  # columns that may enter only linearly
    groups: tuple[frozenset[int], ...] | None  # columns that may meet in a term; None for all


def default_end_span(num_features: int) -> int:
    """Rows to leave free at both ends, Friedman (1991) eq. 45 at alpha = 0.05."""
    return int(7.32193 + np.log2(num_features))


def default_min_span(num_features: int, num_active: float) -> int:
    """Rows between neighbouring knots, Friedman (1991) eq. 43 at alpha = 0.05."""
    if num_active <= 0:
        return 1
    return max(1, int((2.9702 + np.log(num_features * num_active)) / 1.7329))


def knot_choices(knots: Any, num_rows: int, num_columns: int) -> Sequence[int | str | np.ndarray]:
    """Says for every column of z which candidates are wanted.

    Args:
      knots: "all" for every data point; an integer K for K quantiles, other values in the place of
        equal ones; a sequence of arrays for explicit positions, one per column; None for "all" up
        to 2000 rows and 64 quantiles beyond.
      num_rows: n. num_columns: of z.

    Raises:
      ValueError: knots is none of these.
    """
    if knots is None:
        knots = "all" if num_rows <= ALL_POINTS_ROWS else DEFAULT_KNOTS
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
        f"knots must hold one array per feature, {num_columns} of them; got {len(knots)}.",
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
      column: (n,) float, contiguous.
      weights: (n,), quantiles are weighted; None if all are equal.
      choice: of `knot_choices`.

    Returns:
      knots (K,), ascending and in the dtype of the column, and usable (K,) bool. The first knot is
      always the column's minimum, so that every row has a bin.
    """
    if isinstance(choice, np.ndarray):
        low, given = column.min(), np.unique(choice.astype(column.dtype))
        inside = given[given > low]
        wanted = np.concatenate([[low in given], np.ones(len(inside), bool)])
        return np.concatenate([[low], inside]), wanted
    is_all = isinstance(choice, str)
    row = np.unique(column) if is_all else _quantiles(column, weights, int(choice))
    return row, np.ones(len(row), bool)


def _quantiles(column: np.ndarray, weights: np.ndarray | None, num_knots: int) -> np.ndarray:
    """Distinct values at equally spaced shares of the total weight, the minimum included.

    Where ties leave fewer than were asked for, other values take the free places, so that a feature
    that is mostly zero, or has few values, is not seen at a handful of them.
    """
    if weights is None:
        ranked = np.sort(column)  # faster than a partition at many places
        places = np.arange(num_knots) * len(column) // num_knots
    else:
        order = np.argsort(column)
        ranked, share = column[order], np.cumsum(weights[order], dtype=np.float64)
        places = np.searchsorted(share, np.arange(num_knots) * share[-1] / num_knots, side="right")
        places = np.minimum(places, len(order) - 1)
    chosen = np.unique(ranked[places])
    if len(chosen) == num_knots:
        return chosen
    distinct = ranked[np.append(True, ranked[1:] != ranked[:-1])]
    others = np.setdiff1d(distinct, chosen, assume_unique=True)
    free = min(num_knots - len(chosen), len(others))
    return np.union1d(chosen, others[np.arange(free) * len(others) // max(free, 1)])


def allowed_knots(
    space: SearchSpace, active: np.ndarray, parent_features: frozenset[int]
) -> np.ndarray:
    """Decides which knots a parent may use.

    With the rows on which the parent is active counted in the order of the feature, a knot is
    allowed if one of the rows of its bin is number end_span, end_span + min_span, ... and end_span
    rows remain. Weights count as rows.

    Args:
      space: the candidates.
      active: (d, K), weight of the parent's active rows in every bin.
      parent_features: columns that the parent reads already.

    Returns:
      (d, K) bool.
    """
    num_features = len(active)
    total = float(active[0].sum())
    end = default_end_span(num_features) if space.end_span is None else space.end_span
    span = default_min_span(num_features, total) if space.min_span is None else space.min_span
    after = np.cumsum(active, axis=1, dtype=np.float64)
    before = after - active
    slack = 1e-9 * max(total, 1.0)  # sums of weights are not exact
    number = np.maximum(np.ceil((before - end - slack) / span), 0) * span + end
    allowed = (number < after - slack) & (number < total - end - slack) & space.usable
    partners = partner_features(space, parent_features, num_features)
    allowed[np.setdiff1d(np.arange(num_features), partners)] = False
    for feature in partners:
        if feature in space.linear:
            # On the data a hinge at the minimum is the linear term; fit_mars mirrors it later.
            allowed[feature] = np.arange(active.shape[1]) == 0
    constant = space.knots[:, 0] == space.knots[:, -1]
    allowed[constant] = False
    return allowed


def partner_features(
    space: SearchSpace, parent_features: frozenset[int], num_features: int
) -> np.ndarray:
    """Columns of x, ascending, that may join a parent that reads `parent_features` already."""
    joins = [v for v in range(num_features) if _may_join(space, parent_features, v)]
    return np.array(joins, np.int32)


def _may_join(space: SearchSpace, parent_features: frozenset[int], feature: int) -> bool:
    if not parent_features:
        return True
    joined = parent_features | {feature}
    if feature in parent_features or joined & space.linear:
        return False
    return space.groups is None or any(joined <= group for group in space.groups)
