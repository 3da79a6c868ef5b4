"""What a start and its training cost where nothing has been compiled before."""

import concurrent.futures
import dataclasses
import multiprocessing
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from spline_fc import data, protocol, runs, training

REPEATS = 3


def cold(config: Mapping[str, Any], names: Sequence[str]) -> dict[str, dict[str, list[float]]]:
    """Measures contenders in fresh processes, in turn, without a cache of compiled programs.

    Args:
      config: of a run, plain.
      names: of its contenders.

    Returns:
      {contender: {"start_seconds": all of a start, compilation included, "compile_seconds": of the
      training}}, a value per repeat.
    """
    found: dict[str, dict[str, list[float]]] = {
        name: {"start_seconds": [], "compile_seconds": []} for name in names
    }
    context = multiprocessing.get_context("spawn")
    for _ in range(REPEATS):
        for name in names:
            with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as process:
                measured = process.submit(_measure, config, name).result()
            for field, seconds in zip(found[name], measured, strict=True):
                found[name][field].append(float(f"{seconds:.4g}"))
    return found


def _measure(config: Mapping[str, Any], name: str) -> tuple[float, float]:
    """In a process of its own: seconds of a start, and of compiling the training after it."""
    jax.config.update("jax_compilation_cache_dir", None)
    plan = runs.read_plan(config)
    contender = next(c for c in plan.contenders if c.name == name)
    dataset = data.standardize(data.load(plan.data, seed=0))
    jax.block_until_ready(jax.numpy.zeros(1))  # the device is there before the clock runs
    key = protocol.key_of(0, contender)
    start = protocol.make_start(key, contender, dataset, plan.hidden_sizes)
    short = dataclasses.replace(contender.training, epochs=contender.training.warmup_epochs + 1)
    trained = training.train(start.params, dataset, short, seed=0)
    return float(np.sum(start.seconds)), trained.seconds.compile
