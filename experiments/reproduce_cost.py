"""What a start and a step of training cost, in a fresh process and once everything is compiled."""

import concurrent.futures
import dataclasses
import multiprocessing
import time
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from spline_fc import data, protocol, runs, training

REPEATS = 3
STEPS = 1500  # of a run alone
Costs = dict[str, dict[str, list[float]]]  # contender -> seconds of what -> a value per repeat


def costs(config: Mapping[str, Any], names: Sequence[str]) -> Costs:
    """Measures contenders in turn, each time in a process of its own without compiled programs.

    Args:
      config: of a run, plain.
      names: of its contenders.

    Returns:
      {contender: {"cold_start": all of a first start, "compile": of the training after it,
      "start": a further start, "step": of the training, with its share of what an epoch ends
      with}}, seconds, a value per repeat.
    """
    found: Costs = {name: {} for name in names}
    context = multiprocessing.get_context("spawn")
    for _ in range(REPEATS):
        for name in names:
            with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as process:
                measured = process.submit(_measure, config, name).result()
            for what, seconds in measured.items():
                found[name].setdefault(what, []).append(float(f"{seconds:.4g}"))
    return found


def told(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record whose timed contenders have the seconds of one run alone, as a sweep's may have."""
    contenders = dict(record["contenders"])
    for name, found in record["costs"].items():
        alone = {f"{what}_seconds": float(np.median(found[what])) for what in ("start", "step")}
        contenders[name] = {**contenders[name], **alone, "timed_alone": True}
    return {**record, "contenders": contenders}


def _measure(config: Mapping[str, Any], name: str) -> dict[str, float]:
    """What `costs` says, once, in this process, which must have compiled nothing."""
    # Of this process alone: a program that an earlier one left in the cache would not be cold.
    jax.config.update("jax_compilation_cache_dir", None)
    plan = runs.read_plan(config)
    contender = next(c for c in plan.contenders if c.name == name)
    dataset = protocol.prepare(data.load(plan.data, seed=0), plan.extrapolate)
    jax.block_until_ready(jax.numpy.zeros(1))  # the device is there before the clock runs
    key = protocol.key_of(0, contender)

    def begin() -> tuple[protocol.Start, float]:
        began = time.perf_counter()
        start = protocol.make_start(key, contender, dataset, plan.hidden_sizes)
        return start, time.perf_counter() - began

    start, cold = begin()
    steps = contender.training.steps_per_epoch(len(dataset.train.x))
    short = dataclasses.replace(contender.training, epochs=-(-STEPS // steps))
    trained = training.train(start.params, dataset, short, seed=0)
    return {
        "cold_start": cold,
        "compile": trained.seconds.compile,
        "start": float(np.median([begin()[1] for _ in range(3)])),
        "step": trained.seconds.run / (short.epochs * steps),
    }
