"""Activation patterns of whole networks: how much they changed, how finely they cut the data."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from spline_fc.analysis.forward import Params
from spline_fc.analysis.knots import activity, disagreement
from spline_fc.analysis.regions import count_patterns, segment_breakpoints
from spline_fc.checks import check, check_integer, check_not_empty
from spline_fc.threads import one_thread


class PatternCount(NamedTuple):
    """How finely a network cuts the data."""

    rows: int
    patterns: int  # distinct activation patterns among the rows
    crossings: np.ndarray  # (segments,) int, borders between two random rows


def flips_per_layer(trace: Mapping[str, Any], x: Any) -> dict[str, np.ndarray]:
    """Measures at every record how many rows find a unit on the other side than at the start.

    It needs no knot, so it also speaks of deeper layers and of units that left their axis.

    Args:
      trace: of `training.network_recorder`, of one replica: {"step": (r,), "params": tree of
        (r, ...)}.
      x: (n, d), the rows to look at, in the units the network takes.

    Returns:
      {"Dense_0": (r, h0), "Dense_1": (r, h1), ...}, shares of rows; the records are those of
      `knot_track`, so a run that stopped early has fewer.

    Raises:
      ValueError: no such trace, no finite record in it, or no row.
    """
    check(
        {"step", "params"} <= set(trace), f"trace must hold step and params; got {sorted(trace)}."
    )
    check_not_empty("x", np.asarray(x))
    tree = jax.tree.map(np.asarray, dict(trace["params"]))
    finite = np.asarray(trace["step"]) >= 0
    for leaf in jax.tree.leaves(tree):
        finite = finite & np.isfinite(leaf.reshape(len(leaf), -1)).all(axis=1)
    reached = np.flatnonzero(finite)
    check(reached.size > 0, "trace must hold at least one finite record; got none.")
    start, flips = None, []
    with one_thread():
        for i in reached:
            active = activity(jax.tree.map(lambda leaf, i=i: leaf[i], tree), x)
            start = active if start is None else start
            flips.append(disagreement(start, active))
    return {layer: np.stack([flip[layer] for flip in flips]) for layer in start}


def pattern_count(params: Params, x: Any, *, segments: int = 50, seed: int = 0) -> PatternCount:
    """Counts activation patterns of the rows, and borders met on the way from one row to another.

    Two networks see the same pairs of rows if their x and seed are the same.

    Args:
      params: {"Dense_0": ..., "Dense_1": ..., ...}.
      x: (n, d), n >= 2, in the units the network takes.
      segments: number of pairs of rows.
      seed: of the pairs.

    Returns:
      PatternCount.

    Raises:
      ValueError: fewer than two rows, or segments < 1.
    """
    x = np.asarray(x, np.float64)
    check_not_empty("x", x)
    check(len(x) > 1, f"x must have at least 2 rows; got {len(x)}.")
    check_integer("segments", segments, at_least=1)
    rng = np.random.default_rng(seed)
    pairs = [rng.choice(len(x), 2, replace=False) for _ in range(segments)]
    crossings = [segment_breakpoints(params, x[a], x[b]).size for a, b in pairs]
    return PatternCount(len(x), count_patterns(params, x), np.array(crossings))
