"""The forward pass: at each step the best reflected pair over all parents, features and knots.

The loop runs on the host. Few rows are searched there too, in NumPy; many by compiled steps, of
which an additive fit takes several at a time.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from spline_fc.cpwl.few_rows import FewRows
from spline_fc.cpwl.knots import SearchSpace
from spline_fc.cpwl.many_rows import ManyRows
from spline_fc.cpwl.search import Limits, Search
from spline_fc.cpwl.sharded.search import ShardedSearch
from spline_fc.cpwl.stopping import Stop, why_stop
from spline_fc.cpwl.terms import Term
from spline_fc.printing import printed
from spline_fc.sharding import Placement

Array = np.ndarray | jax.Array


@printed
class ForwardTrace(NamedTuple):
    """What the forward pass did; entry 0 is the intercept alone."""

    rss: np.ndarray  # (steps + 1,) float64, residual sum of squares as tracked by the tables
    num_terms: np.ndarray  # (steps + 1,) int, intercept included
    parent: np.ndarray  # (steps,) int, index of the parent term, -1 for none
    feature: np.ndarray  # (steps,) int
    knot: np.ndarray  # (steps,) float


def forward(
    features: Array, y: Array, weights: Array, space: SearchSpace, limits: Limits,
    place: Placement | None = None, on_step: Callable[[int, float], None] | None = None,
) -> tuple[list[Term], ForwardTrace, Stop]:  # fmt: skip
    """Grows a basis greedily, one reflected pair at a time.

    Args:
      features: (d, n) float, scaled columns (see `scaling`); of a device for compiled steps.
      y: (n, k) float, weighted mean removed.
      weights: (n,) float, >= 0.
      space: candidate knots with their constraints.
      limits: when to stop.
      place: of the rows; None for those of the host.
      on_step: called with (number of terms, share of variance explained) for every step; those of
        an additive fit come in bursts.

    Returns:
      terms (intercept left out) and trace in scaled units, and why the pass ended.

    Reference:
      Friedman (1991), Multivariate Adaptive Regression Splines, Algorithm 2, with minima of hinges
      in place of products (Xu, Huang, Wang 2009).
    """
    return grow(
        lambda: _search(features, y, weights, space, limits, place),
        _total(y, weights, place),
        limits,
        on_step,
    )


def grow(
    begin: Callable[[], Search[Any]], total: float, limits: Limits,
    on_step: Callable[[int, float], None] | None = None,
) -> tuple[list[Term], ForwardTrace, Stop]:  # fmt: skip
    """The loop of `forward` over a search, which is begun if the targets vary.

    Args:
      begin: makes the search. total: weighted sum of squares of the targets.
      limits, on_step: as of `forward`.
    """
    rss, taken = [total], []
    if total <= 0:
        constant = Stop("The target is constant: the intercept says it all.", starved=False)
        return [], _trace(rss, [1], taken), constant
    search, counts = begin(), [1]
    while True:
        num_terms = 1 + len(search.terms)
        best = search.best(limits.fast_k)
        stop = why_stop(limits, best.head.gain, num_terms, rss[-1], total)
        if stop:  # which must be true of all parents
            best = search.best(None)
            stop = why_stop(limits, best.head.gain, num_terms, rss[-1], total)
        if stop:
            return search.terms, _trace(rss, counts, taken), stop
        for head in search.enter(best, rss[-1], total):
            taken.append((best.term, head.feature, search.position(head)))
            rss.append(max(rss[-1] - head.gain, 0.0))
            counts.append(counts[-1] + 1 + head.paired)
            if on_step is not None:
                on_step(counts[-1], 1 - rss[-1] / total)


def _total(y: Array, weights: Array, place: Placement | None) -> float:
    """Weighted sum of squares, in float64."""
    if place is None:
        y, weights = np.asarray(y), np.asarray(weights)
    return float(weights.astype(float) @ (y.astype(float) ** 2).sum(1))


def _search(features: Array, y: Array, weights: Array, space, limits: Limits, place) -> Search[Any]:
    if isinstance(features, jax.Array):
        rows = (features, jnp.asarray(y), jnp.asarray(weights), space, limits)
        return ManyRows(*rows) if place is None else ShardedSearch(*rows, place)
    return FewRows(features, np.asarray(y), np.asarray(weights), space, limits)


def _trace(rss: list[float], counts: list[int], taken: list[tuple]) -> ForwardTrace:
    parent, feature, knot = zip(*taken, strict=True) if taken else ((), (), ())
    return ForwardTrace(np.array(rss), np.array(counts), np.array(parent, int),
                        np.array(feature, int), np.array(knot, float))  # fmt: skip
