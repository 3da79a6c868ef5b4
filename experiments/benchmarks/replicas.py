"""Times 100 replicas trained in one vmap against one replica, in turn, in one process.

python -m experiments.benchmarks.replicas --output=results/training/replicas_cpu.json
python -m experiments.benchmarks.replicas --table=results/training/replicas_cpu.json

The replicas are 20 splines times 5 learning rates. Beside the ratio stands its floor: the matrix
products alone of 100 replicas over a whole step of one.
"""

import os
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from absl import app, flags

from experiments.benchmarks import machine, tables
from experiments.benchmarks.starts import Starts, spline_starts
from spline_fc import data, training

BOUND = 10.0  # what 100 replicas may cost, in runs of one
LEARNING_RATES = (1e-3, 2e-3, 3e-3, 5e-3, 1e-2)
ROUND_SECONDS = 0.5  # one, and then all, train again and again for so long in each round
LONGER = 20  # one replica trains for so many times more epochs, as its steps are short
LONG_RUN = 100  # epochs of the run whose cost includes compilation
FLOOR_STEPS = 20


class Case(NamedTuple):
    """Networks of one architecture that start from splines on Friedman-1."""

    name: str
    hidden_sizes: tuple[int, ...]
    batch_size: int
    epochs: int = 5
    seeds: int = 20  # times the learning rates is the number of replicas
    num_train: int = 1024


CASES = {
    case.name: case
    for case in (
        Case("64x64", (64, 64), 64),
        Case("128x128", (128, 128), 64, epochs=2),
        Case("16", (16,), 16),
    )
}


def prepare(case: Case) -> Starts:
    """Draws the data of every seed and fits the spline that its network starts from."""
    rows = {"num_train": case.num_train, "num_validation": 256, "num_test": 256}
    return spline_starts(
        lambda seed: data.load("friedman1", seed=seed, **rows), case.seeds, case.hidden_sizes
    )


def measure(case: Case, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Trains one replica and all of them in turn, warm.

    Args:
      case: what to train.
      rounds: of one and all.
      say: called with a line of progress after each round.

    Returns:
      JSON-ready record: "one_ms" and "all_ms" per step and round, their "ratio" (median and range
      over the rounds), steps per second, "floor_ratio" (see `floor_ms`), "with_compilation",
      the ratio of two runs of 100 epochs in fresh processes, and GFLOP/s: of one, of all, of all
      at the bound, and of one large product for comparison.
    """
    problem = prepare(case)
    config = {"epochs": case.epochs, "batch_size": case.batch_size}
    longer = {**config, "epochs": LONGER * case.epochs}
    steps = case.epochs * (case.num_train // case.batch_size)

    def one():
        return training.train(*problem.first, longer).seconds

    def every():
        return training.train_replicas(
            problem.params,
            problem.datasets,
            config,
            learning_rates=LEARNING_RATES,
            seeds=range(case.seeds),
        ).seconds

    compiling = [run().compile for run in (one, every)]  # of the first call
    floor = floor_ms(problem, case.batch_size)
    wall = []
    for number in range(rounds):
        wall.append([_step_ms(one, LONGER * steps), _step_ms(every, steps)])
        say(
            f"round {number + 1}: one {wall[-1][0]:.4f} ms a step, all {wall[-1][1]:.3f} ms, "
            f"ratio {wall[-1][1] / wall[-1][0]:.1f}"
        )
    flops = step_flops(case, problem)
    return _record(case, np.array(wall), floor, compiling, flops, large_product_gflops())


def _step_ms(run: Callable, steps: int) -> float:
    """Milliseconds per step, the median of the runs that go into a round; one at least."""
    times, began = [], time.perf_counter()
    while not times or time.perf_counter() - began < ROUND_SECONDS:
        times.append(run().run)
    return float(np.median(times)) / steps * 1e3


def floor_ms(problem: Starts, batch_size: int) -> float:
    """Milliseconds of the matrix products alone that one step of all replicas needs.

    Forward, and backward to weights and inputs, each replica with a batch of its own: what no
    bookkeeping around them can save.
    """
    kernels = [layer["kernel"] for _, layer in sorted(problem.params.items())]
    kernels = [jnp.repeat(kernel, len(LEARNING_RATES), axis=0) for kernel in kernels]
    x = jnp.ones((kernels[0].shape[0], batch_size, kernels[0].shape[1]), kernels[0].dtype)

    def step(kernels, _):
        inputs = [x]
        for kernel in kernels:
            inputs.append(jnp.einsum("rbi,rio->rbo", inputs[-1], kernel))
        gradient, new = inputs.pop(), []
        for kernel, into in zip(kernels[::-1], inputs[::-1], strict=True):
            # The sum keeps the products from being left out or moved out of the loop.
            new.append(kernel + 1e-9 * jnp.einsum("rbi,rbo->rio", into, gradient))
            gradient = jnp.einsum("rbo,rio->rbi", gradient, kernel)
        return new[::-1], None

    run = jax.jit(lambda kernels: jax.lax.scan(step, kernels, length=FLOOR_STEPS)[0])
    jax.block_until_ready(run(kernels))
    times = []
    for _ in range(10):
        began = time.perf_counter()
        jax.block_until_ready(run(kernels))
        times.append(time.perf_counter() - began)
    return float(np.median(times)) / FLOOR_STEPS * 1e3


def step_flops(case: Case, problem: Starts) -> float:
    """Additions and multiplications in the matrix products of one step of one replica.

    Three products per layer (the first needs no gradient of its inputs), and per step the share of
    the evaluation of all parts after each epoch.
    """
    first, *rest = (
        np.prod(layer["kernel"].shape[1:]) for _, layer in sorted(problem.params.items())
    )
    _, dataset = problem.first
    evaluated = sum(len(part.x) for part in (dataset.train, dataset.validation, dataset.test))
    per_step = evaluated / (case.num_train // case.batch_size)
    trained = case.batch_size * (2 * first + 3 * sum(rest))
    return float(2 * (trained + per_step * (first + sum(rest))))


def large_product_gflops(size: int = 2048) -> float:
    """Speed of one large matrix product on all cores, the best of ten: what the machine can do."""
    matrix = jnp.ones((size, size))
    product = jax.jit(lambda a: a @ a)
    jax.block_until_ready(product(matrix))
    times = []
    for _ in range(10):
        began = time.perf_counter()
        jax.block_until_ready(product(matrix))
        times.append(time.perf_counter() - began)
    return 2 * size**3 / min(times) / 1e9


def _record(case: Case, wall, floor: float, compiling, flops: float, peak: float) -> dict[str, Any]:
    one, every = np.median(wall, axis=0)
    ratios = wall[:, 1] / wall[:, 0]
    replicas = case.seeds * len(LEARNING_RATES)
    steps = LONG_RUN * (case.num_train // case.batch_size)
    cold = [c + steps * ms / 1e3 for c, ms in zip(compiling, (one, every), strict=True)]
    return {
        "case": case._asdict(),
        "replicas": replicas,
        "load_average": os.getloadavg()[0],
        "one_ms": wall[:, 0].tolist(),
        "all_ms": wall[:, 1].tolist(),
        "ratio": float(np.median(ratios)),
        "ratio_range": [float(ratios.min()), float(ratios.max())],
        "bound": BOUND,
        "met": bool(np.median(ratios) <= BOUND),
        "steps_per_second_one": 1e3 / float(one),
        "replica_steps_per_second_all": replicas * 1e3 / float(every),
        "floor_ms": floor,
        "floor_ratio": floor / float(one),
        "gflops_one": flops / float(one) / 1e6,
        "gflops_all": replicas * flops / float(every) / 1e6,
        "gflops_of_the_bound": replicas * flops / (BOUND * float(one)) / 1e6,
        "gflops_of_a_large_product": peak,
        "compile_seconds": compiling,
        "with_compilation": {"epochs": LONG_RUN, "seconds": cold, "ratio": cold[1] / cold[0]},
    }


def table(record: dict[str, Any]) -> str:
    """Markdown of a whole record, a row per case."""
    head = (
        "network",
        "replicas",
        "one, ms a step",
        "all",
        "ratio (range)",
        "products alone",
        "100 epochs with compilation",
        "GFLOP/s: one, all",
        "the bound needs",
        "a large product",
    )
    return tables.markdown(head, [_row(entry) for entry in record["cases"].values()])


def _row(entry: dict[str, Any]) -> list[str]:
    low, high = entry["ratio_range"]
    return [
        f"{tuple(entry['case']['hidden_sizes'])}, batch {entry['case']['batch_size']}",
        f"{entry['replicas']}",
        f"{np.median(entry['one_ms']):.4f}",
        f"{np.median(entry['all_ms']):.3f}",
        f"{entry['ratio']:.1f} ({low:.1f} to {high:.1f})",
        f"{entry['floor_ratio']:.1f}",
        f"{entry['with_compilation']['ratio']:.1f}",
        f"{entry['gflops_one']:.0f}, {entry['gflops_all']:.0f}",
        f"{entry['gflops_of_the_bound']:.0f}",
        f"{entry['gflops_of_a_large_product']:.0f}",
    ]


def main(argv: list[str]) -> None:
    """Measures case after case; the file is written after each."""
    wanted = flags.FLAGS
    if tables.shown(argv, wanted.table, table):
        return
    tables.check_cases(wanted.cases, list(CASES))
    machine.check_output(wanted.output)
    record = {**machine.stamp(), "cases": {}}
    for name in wanted.cases:
        print(f"{name}:", flush=True)
        record["cases"][name] = measure(
            CASES[name], wanted.rounds, lambda line: print(f"  {line}", flush=True)
        )
        machine.write(wanted.output, record)
    print(table(record))


if __name__ == "__main__":
    flags.DEFINE_list("cases", list(CASES), f"Of {', '.join(CASES)}.")
    flags.DEFINE_integer("rounds", 7, "Rounds of one and all in turn.", 1)
    flags.DEFINE_string("output", "results/training/replicas_cpu.json", "JSON to write.")
    flags.DEFINE_string("table", None, "Print the table of this JSON file and end.")
    app.run(main)
