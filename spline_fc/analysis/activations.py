"""Which units are active on which rows: what training changed, and how finely rows are told apart.

It needs no knot, so it also speaks of deeper layers and of units that left their axis.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from spline_fc.analysis.regions import count_patterns, segment_breakpoints
from spline_fc.analysis.shapes import checked_rows
from spline_fc.checks import as_list, check, check_integer
from spline_fc.network import Params, layer_sizes, preactivations_float64
from spline_fc.printing import printed
from spline_fc.threads import one_thread


def activation_flips(networks: Sequence[Params], x: Any) -> dict[str, np.ndarray]:
    """Measures on how many rows every hidden unit is on the other side than at the start.

    Args:
      networks: r parameter trees of one shape, the start first, as (before, after) or those of
        `recorded_networks`.
      x: (n, d), in the units the network takes.

    Returns:
      {"Dense_0": (r, h0), "Dense_1": (r, h1), ...}, shares of rows.

    Raises:
      ValueError: networks of different shapes, none with a hidden layer, or no row.
    """
    x = checked_rows(x)
    check_same_shapes(networks)
    with one_thread():
        start = active_rows(networks[0], x)
        flips = [
            {layer: (active != start[layer]).mean(axis=0) for layer, active in found.items()}
            for found in (active_rows(params, x) for params in networks)
        ]
    return {layer: np.stack([flip[layer] for flip in flips]) for layer in start}


def active_rows(params: Params, x: Any) -> dict[str, np.ndarray]:
    """Says on which rows every hidden unit is active: {"Dense_0": (n, h0) bool, ...}."""
    hidden = preactivations_float64(params, x)[:-1]
    check(len(hidden) > 0, "params must have at least one hidden layer; got one layer.")
    return {f"Dense_{i}": values > 0 for i, values in enumerate(hidden)}


@printed
class PatternCount(NamedTuple):
    """How finely a network cuts the data."""

    rows: int
    patterns: int  # distinct activation patterns among the rows
    crossings: np.ndarray  # (segments,) int, borders between two random rows


def pattern_count(params: Params, x: Any, *, segments: int = 50, seed: int = 0) -> PatternCount:
    """Counts activation patterns of the rows, and borders met on the way from one row to another.

    Two networks see the same pairs of rows if their x and seed are the same.

    Args:
      params: as in `count_patterns`.
      x: (n, d), n >= 2, in the units the network takes.
      segments: number of pairs of rows.
      seed: of the pairs.

    Returns:
      PatternCount.

    Raises:
      ValueError: fewer than two rows, or segments < 1.
    """
    x = checked_rows(x, exactly=layer_sizes(params)[0])
    check(len(x) > 1, f"x must have at least 2 rows; got {len(x)}.")
    check_integer("segments", segments, at_least=1)
    check_integer("seed", seed, at_least=0)
    rng = np.random.default_rng(seed)
    pairs = [rng.choice(len(x), 2, replace=False) for _ in range(segments)]
    crossings = [segment_breakpoints(params, x[a], x[b]).size for a, b in pairs]
    return PatternCount(len(x), count_patterns(params, x), np.array(crossings))


def check_same_shapes(networks: Sequence[Params]) -> None:
    """Raises ValueError unless there is a network and all have kernels of the same shapes."""
    networks = as_list("networks", networks, "parameter trees")
    check(len(networks) > 0, "networks must hold at least one network; got none.")
    first, *others = (layer_sizes(params) for params in networks)
    for found in others:
        check(
            found == first,
            f"networks must all have the layer sizes {first} of the first; got {found}.",
        )
