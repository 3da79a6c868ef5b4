"""Which columns of z are searched: all that vary, or if wanted the most promising ones."""

import jax
import numpy as np

from spline_fc.checks import check
from spline_fc.cpwl.chunked.scaling import ScaledChunks
from spline_fc.cpwl.knots import SearchSpace
from spline_fc.cpwl.moments import aligned, in_threads
from spline_fc.cpwl.terms import Term
from spline_fc.sharding import is_divided

Array = np.ndarray | jax.Array
BINS = 8  # at whose resolution a column is looked at
TOGETHER = 32  # columns are left out by so many, so that compiled code is met again


def searched_columns(
    columns: Array, y: Array, weights: Array, space: SearchSpace,
    num_features: int, screen: int | None,
) -> np.ndarray:  # fmt: skip
    """Chooses the columns that the search looks at, ascending.

    Without a screen all but constant ones, in whose place nothing can be found. With one, all
    directions, and the features with the highest correlation ratio: what a step function of the
    column alone, of at most BINS steps, explains of y.

    Args:
      columns: (D, n), scaled. y: (n, k), weighted mean removed. weights: (n,).
      space: candidates on the columns.
      num_features: columns that are features; directions follow.
      screen: how many features are wanted at most; None for all.
    """
    varies = space.knots[:, 0] < space.knots[:, -1]
    found = np.flatnonzero(varies)
    features, others = found[found < num_features], found[found >= num_features]
    if screen is None or len(features) <= screen:
        idle = np.flatnonzero(~varies)
        kept = len(idle) % TOGETHER if len(found) else len(idle)
        return np.sort(np.concatenate([found, idle[:kept]]))
    check(
        not is_divided(columns),
        f"screen must be None, or {len(features)} at least, for rows on several devices; got "
        f"{screen}.",
    )
    columns, y, weights = map(np.asarray, (columns, y, weights))
    weighted = y * weights[:, None]

    def promise(v: int) -> float:
        distinct = np.unique(space.knots[v])
        edges = distinct[1 :: -(-len(distinct) // BINS)]
        place = np.searchsorted(edges, columns[v], side="right")
        total = np.bincount(place, weights, minlength=len(edges) + 1)
        sums = np.stack([np.bincount(place, part, minlength=len(total)) for part in weighted.T])
        return float((sums**2 / np.where(total > 0, total, 1)).sum())

    promises = np.array(in_threads(promise, features))
    best = features[np.argsort(-promises, kind="stable")[:screen]]
    return np.concatenate([np.sort(best), others])


def taken(columns: Array | ScaledChunks, kept: np.ndarray) -> Array | ScaledChunks:
    """Some of the columns (D, n), where they are."""
    if isinstance(columns, ScaledChunks):
        return columns.taken(kept)
    if not isinstance(columns, np.ndarray):
        return columns[kept]
    some = aligned((len(kept), columns.shape[1]), columns.dtype)
    return np.take(columns, kept, axis=0, out=some)


def narrowed(space: SearchSpace, columns: np.ndarray) -> SearchSpace:
    """The candidates on some columns alone, numbered as these are; spans are those of all."""
    number = {int(v): i for i, v in enumerate(columns)}

    def renumbered(group: frozenset[int]) -> frozenset[int]:
        return frozenset(number[v] for v in group if v in number)

    return SearchSpace(
        space.knots[columns],
        space.usable[columns],
        space.spans,
        renumbered(space.linear),
        None if space.groups is None else tuple(map(renumbered, space.groups)),
        int((columns < space.num_columns).sum()),
    )


def as_in_all(terms: list[Term], columns: np.ndarray) -> list[Term]:
    """Terms on some columns, as they are numbered among all."""
    return [Term(tuple((int(columns[v]), s, t) for v, s, t in term.factors)) for term in terms]
