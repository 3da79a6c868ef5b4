"""Times starts and steps of one cell of configs/growth.py in a fresh process, as a line of JSON.

    python -m experiments.growth_child CELL ROUNDS CONTENDER ...

Contenders begin and train in turn: once cold, with whatever a fresh process compiles, then ROUNDS
times. Networks of one shape train by the same program, which the first contender compiles for all.
Seconds are of the clock, and of the processor: those of one thread hardly depend on what else runs.
"""

import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import jax

from experiments import sweep_cells
from spline_fc import data, protocol, training
from spline_fc.data import Dataset
from spline_fc.network import Params
from spline_fc.protocol import Contender

CONFIG = "configs/growth.py"
STEPS = 3000  # of a training, at least: whole epochs
HELD_OUT = 4  # training rows per validation row: more would make steps of few rows look dear
Spent = dict[str, float]  # "clock" and "processor", seconds


def main(cell: str, rounds: int, *names: str) -> None:
    """Prints the seconds of a cell: every contender's starts and trainings, the first ones cold."""
    plan = sweep_cells.expand(CONFIG).cells[cell].plan
    contenders = [one for one in plan.contenders if one.name in names]
    dataset = _cut(protocol.prepare(data.load(plan.data, seed=0), plan.extrapolate))
    epochs = -(-STEPS // contenders[0].training.steps_per_epoch(len(dataset.train.x)))
    found: dict[str, Any] = {one.name: {"start": [], "training": []} for one in contenders}
    jax.block_until_ready(jax.numpy.zeros(1))  # the back end starts here
    for _ in range(1 + rounds):
        for contender in contenders:
            params, start = begin(contender, dataset, plan.hidden_sizes)
            steps, taken = train(contender, params, dataset, epochs)
            found[contender.name]["start"].append(start)
            found[contender.name]["training"].append(taken)
    print(json.dumps({"contenders": found, "steps": steps, "load_average": os.getloadavg()[0]}))


def _cut(dataset: Dataset) -> Dataset:
    """Leaves the validation rows that one would hold out, and a test row: epochs evaluate both."""
    rows = len(dataset.train.x) // HELD_OUT
    validation, test = (
        part._replace(x=part.x[:count], y=part.y[:count])
        for part, count in ((dataset.validation, rows), (dataset.test, 1))
    )
    return dataset._replace(validation=validation, test=test)


def begin(
    contender: Contender, dataset: Dataset, hidden_sizes: Sequence[int]
) -> tuple[Params, Spent]:
    """Makes a start."""
    with _watched() as spent:
        key = protocol.key_of(0, contender)
        params = protocol.make_start(key, contender, dataset, hidden_sizes).params
    return params, spent


def train(contender: Contender, params: Params, dataset: Dataset, epochs: int) -> tuple[int, Spent]:
    """Trains one run alone; the number of its steps and what they took, evaluations included."""
    config = replace(contender.training, epochs=epochs, learning_rate=1e-3)
    with _watched() as spent:
        training.train(params, dataset, config)
    return epochs * config.steps_per_epoch(len(dataset.train.x)), spent


@contextlib.contextmanager
def _watched() -> Iterator[Spent]:
    spent: Spent = {}
    clock, processor = time.perf_counter(), time.process_time()
    yield spent
    spent["clock"] = time.perf_counter() - clock
    spent["processor"] = time.process_time() - processor


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
