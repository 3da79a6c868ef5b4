"""The starts of a run, each made once: by an earlier process, or for several contenders."""

import pathlib
from collections.abc import Sequence
from typing import Any

from spline_fc import protocol, training, workdir
from spline_fc.data import Dataset
from spline_fc.protocol import SPLINE, Contender, Start
from spline_fc.runs.plan import Plan
from spline_fc.runs.progress import Progress


def all_starts(
    plan: Plan, datasets: Sequence[Dataset], folder: pathlib.Path, progress: Progress
) -> dict[str, list[Start]]:
    """Makes what all contenders and seeds begin with, and writes it down, with the data.

    Starts that an earlier process wrote are read, and contenders that differ in their training
    alone share one, seconds included.

    Args:
      plan: with the contenders.
      datasets: one per seed, standardised.
      folder: that is being written.
      progress: where to say how far it is.

    Returns:
      {name of the contender: one start per seed}.

    Raises:
      ValueError: what `protocol.make_start` refuses.
    """
    found: dict[str, list[Start]] = {contender.name: [] for contender in plan.contenders}
    progress.phase("fitting", len(datasets))
    for seed, dataset in enumerate(datasets):
        workdir.write_data(folder, seed, dataset)
        made: list[tuple[Any, Start]] = []
        for contender in plan.contenders:
            name, kind = f"{contender.name}-seed{seed}", _kind(contender, dataset.task)
            sizes = (dataset.train.x.shape[1], *plan.hidden_sizes, dataset.train.y.shape[1])
            start = workdir.read_start(folder, name, sizes)
            if start is None:
                start = next((start for other, start in made if other == kind), None)
                if start is None:
                    key = protocol.key_of(seed, contender)
                    start = protocol.make_start(key, contender, dataset, plan.hidden_sizes)
                workdir.write_start(folder, name, start)
            made.append((kind, start))
            found[contender.name].append(start)
        progress.step(seed + 1)
    return found


def _kind(contender: Contender, task: str) -> tuple[Any, ...]:
    """All of a contender that its start depends on."""
    if contender.start != SPLINE:
        return (contender.start,)
    fitted_as = training.fitted_as(contender.training.loss, task)
    return contender.start, contender.options, contender.control, contender.noise, fitted_as
