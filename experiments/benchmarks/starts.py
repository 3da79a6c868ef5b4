"""Networks that start from splines, one per seed, ready to be trained as one computation."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from spline_fc import data, protocol, training
from spline_fc.network import Params
from spline_fc.protocol import Contender


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
      seeds: S; seed s decides on its start as well.
      hidden_sizes: widths of the hidden layers.
      **options: of `network.spline_start`.

    Returns:
      Starts.
    """
    contender = Contender(protocol.SPLINE, protocol.SPLINE, options, training.TrainingConfig())
    datasets = [data.standardize(load(seed)) for seed in range(seeds)]
    networks = [
        protocol.make_start(
            protocol.key_of(seed, contender), contender, dataset, hidden_sizes
        ).params
        for seed, dataset in enumerate(datasets)
    ]
    first = (networks[0], datasets[0])
    return Starts(training.stack_params(networks), data.stack(datasets), first)
