"""Candidate knots, and which of them spans and constraints leave to a parent."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from spline_fc.checks import check, check_finite, check_integer

ALL_POINTS_ROWS = 2000  # up to here the default tries every data point as a knot
DEFAULT_KNOTS = 64  # beyond, this many quantiles of each feature


class SearchSpace(NamedTuple):
    """What the forward pass may choose from."""

    knots: np.ndarray  # (d, K) in the dtype of x, ascending; the first is the feature's minimum
    usable: np.ndarray  # (d, K) bool, False where a row of `knots` is padding
    min_span: int | None  # rows between knots; None for Friedman's formula
    end_span: int | None  # rows before the first and after the last knot; None for the formula
    linear: frozenset[int]  # features that may enter only linearly
    groups: tuple[frozenset[int], ...] | None  # features that may meet in a term; None for all


def default_end_span(num_features: int) -> int:
    """Rows to leave free at both ends, Friedman (1991) eq. 45 at alpha = 0.05."""
    return int(7.32193 + np.log2(num_features))


def default_min_span(num_features: int, num_active: float) -> int:
    """Rows between neighbouring knots, Friedman (1991) eq. 43 at alpha = 0.05."""
    if num_active <= 0:
        return 1
    return max(1, int((2.9702 + np.log(num_features * num_active)) / 1.7329))


def candidate_knots(
    x: np.ndarray, weights: np.ndarray, knots: int | str | Sequence[np.ndarray] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Chooses the candidate knots of every feature.

    Args:
      x: (n, d) float.
      weights: (n,) float; quantiles are weighted.
      knots: "all" for every data point; an integer K for K quantiles, other values in the place of
        equal ones; a sequence of d arrays for explicit positions; None for "all" up to 2000 rows
        and 64 quantiles beyond.

    Returns:
      knots (d, K) and usable (d, K); short rows are filled with their last knot, not usable. The
      first knot of a row is always the feature's minimum, so that every row has a bin.

    Raises:
      ValueError: knots is none of these.
    """
    positive = x if (weights > 0).all() else x[weights > 0]
    if knots is None:
        knots = "all" if len(x) <= ALL_POINTS_ROWS else DEFAULT_KNOTS
    if isinstance(knots, str):
        check(knots == "all", f'knots must be "all", an integer or d arrays; got {knots!r}.')
        rows = [np.unique(positive[:, v]) for v in range(x.shape[1])]
        wanted = [np.ones(len(row), bool) for row in rows]
    elif isinstance(knots, (int, np.integer)):
        check_integer("knots", knots, 1)
        rows = [_quantiles(x[:, v], weights, int(knots)) for v in range(x.shape[1])]
        wanted = [np.ones(len(row), bool) for row in rows]
    else:
        rows, wanted = _explicit(x, knots)
    width = max(len(row) for row in rows)
    table = np.stack([np.pad(row, (0, width - len(row)), mode="edge") for row in rows])
    usable = np.stack([np.pad(row, (0, width - len(row))) for row in wanted])
    return table.astype(x.dtype), usable


def _quantiles(column: np.ndarray, weights: np.ndarray, num_knots: int) -> np.ndarray:
    """Distinct values at equally spaced shares of the total weight, the minimum included.

    Where ties leave fewer than were asked for, other values take the free places, so that a feature
    that is mostly zero, or has few values, is not seen at a handful of them.
    """
    if (weights == weights[0]).all():
        ranked = np.sort(np.ascontiguousarray(column))  # faster than a partition at many places
        places = np.arange(num_knots) * len(column) // num_knots
    else:
        order = np.argsort(column)
        order = order[weights[order] > 0]
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


def _explicit(x: np.ndarray, knots: Sequence[np.ndarray]):
    num_features = x.shape[1]
    check(
        len(knots) == num_features,
        f"knots must hold one array per feature, {num_features} of them; got {len(knots)}.",
    )
    rows, wanted = [], []
    for v, given in enumerate(knots):
        given = np.unique(np.asarray(given, x.dtype))
        check_finite(f"knots[{v}]", given)
        low = x[:, v].min()
        inside = given[given > low]
        rows.append(np.concatenate([[low], inside]).astype(x.dtype))
        wanted.append(np.concatenate([[low in given], np.ones(len(inside), bool)]))
    return rows, wanted


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
