"""A run of several processes: the first walks the road and writes, the others train with it.

The runs of a contender are divided over the devices of all; see `training.train_replicas`.
"""

import hashlib
import json
import pathlib
import pickle
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh

from spline_fc import protocol, training
from spline_fc.checks import check
from spline_fc.data import Dataset
from spline_fc.protocol import SPLINE, Start
from spline_fc.runs.plan import Plan, check_against_data
from spline_fc.training import Checkpoints, TrainResult
from spline_fc.training.checkpoints import digest
from spline_fc.training.loop import OnEpochs


class Work(NamedTuple):
    """What is to be trained next, as the first process tells the others."""

    contender: int  # index into those of the plan
    starts: list[Start]  # one per seed
    folder: pathlib.Path  # that is being written
    knot_every: int  # epochs from one record of the knots to the next


def is_first() -> bool:
    """Whether this is the process that writes."""
    return jax.process_index() == 0


def from_first(word: Any = None) -> Any:
    """What the first process says here, in every process; the others wait for it.

    Args:
      word: of the first process, picklable.
    """
    if jax.process_count() == 1:
        return word
    said = np.frombuffer(pickle.dumps(word) if is_first() else b"", np.uint8)
    size = int(multihost_utils.broadcast_one_to_all(np.int32(len(said))))
    said = said if is_first() else np.zeros(size, np.uint8)
    return pickle.loads(np.asarray(multihost_utils.broadcast_one_to_all(said)).tobytes())


def check_read(plan: Plan, datasets: Sequence[Dataset]) -> None:
    """Raises ValueError, in every process, unless all have read the same config and rows.

    And where these rows and the config do not go together.
    """
    check_against_data(plan, datasets[0])
    if jax.process_count() == 1:
        return
    parts = [[dataset.train, dataset.validation, dataset.test] for dataset in datasets]
    config = hashlib.sha256(json.dumps(plan.config, sort_keys=True).encode()).digest()
    own = np.frombuffer(config + bytes.fromhex(digest(parts)), np.uint8)
    every = np.asarray(multihost_utils.process_allgather(own)).reshape(-1, 2, len(config))
    x = datasets[0].train.x
    here = f"{x.shape[0]} rows of {x.shape[1]} columns, {x.dtype}"
    for what, place, came in (("config", 0, "this one"), ("rows", 1, here)):
        strange = np.flatnonzero((every[:, place] != every[0, place]).any(axis=1))
        check(
            not strange.size,
            f"all processes must read the same {what}; process {[*strange, 0][0]} has others than "
            f"process 0 (process {jax.process_index()}: {came}).",
        )


def train(plan: Plan, datasets: Sequence[Dataset], work: Work, on_epochs: OnEpochs) -> TrainResult:
    """Trains a contender, in the first process; the others do the same in `assist`.

    Args:
      plan: of the run.
      datasets: one per seed, standardised.
      work: what is to be trained.
      on_epochs: of `training.train_replicas`.
    """
    from_first(work)
    return _train(plan, datasets, work, on_epochs)


def assist(plan: Plan, datasets: Sequence[Dataset]) -> None:
    """Trains what the first process trains, until it says None."""
    while (work := from_first()) is not None:
        _train(plan, datasets, work, lambda done, history: None)  # looked at as often as there


def _train(plan: Plan, datasets: Sequence[Dataset], work: Work, on_epochs: OnEpochs) -> TrainResult:
    contender = plan.contenders[work.contender]
    recorder = training.network_recorder(work.knot_every)  # of networks that begin with knots
    saved = Checkpoints(work.folder / "checkpoints" / contender.name, plan.checkpoint_every)
    several = jax.process_count() > 1
    return protocol.train(
        contender,
        work.starts,
        datasets,
        plan.learning_rates,
        range(plan.seeds),
        mesh=Mesh(np.array(jax.devices()), ("devices",)) if several else None,
        recorder=recorder if contender.start == SPLINE else None,
        on_epochs=on_epochs,
        checkpoints=saved,
    )
