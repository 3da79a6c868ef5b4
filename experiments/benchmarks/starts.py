"""Networks that start from splines, one per seed, ready to be trained as one computation."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from spline_fc import data, network
from spline_fc.network.structure import Params


class Starts(NamedTuple):
    """Networks and their standardised data."""

    params: Params  # leaves (S, ...)
    datasets: data.Dataset  # arrays (S, ...)
    first: tuple[Params, data.Dataset]  # of the first seed, for a run of its own


def spline_starts(
    load: Callable[[int], data.Dataset], seeds: int, hidden_sizes: Sequence[int], **options: Any
) -> Starts:
    """Fits a spline per seed and turns it into a network.

    Args:
      load: the data of a seed, in raw units.
      seeds: S; seed s is the key of its start as well.
      hidden_sizes: widths of the hidden layers.
      **options: of `network.spline_start`.

    Returns:
      Starts.
    """
    networks, datasets = [], []
    for seed in range(seeds):
        dataset = data.standardize(load(seed))
        key = jax.random.key(seed)
        start = network.spline_start(key, *dataset.train, tuple(hidden_sizes), **options)
        networks.append(start.params)
        datasets.append(dataset)
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *networks)
    return Starts(stacked, data.stack(datasets), (networks[0], datasets[0]))
