"""Measures what recording the drift of knots costs: training with and without it, in turn.

python -m experiments.benchmarks.recording --output=results/recording/cpu.json

Networks of 64 and 64 units start from splines fitted to Friedman 1 with 2000 rows. A whole grid of
seeds and learning rates is trained as one computation, as a run of a config does, and one network
alone. At most 10 % of the time of training is the aim. Takes a few minutes on two cores.
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from absl import app, flags

from configs import friedman1
from experiments.benchmarks import machine
from experiments.benchmarks.starts import Starts, spline_starts
from spline_fc import analysis, data, training
from spline_fc.runs import read_plan

AIM = 0.1  # share of training time that recording may cost


class Problem(NamedTuple):
    """What is trained, how, and how often it is recorded."""

    starts: Starts
    config: training.TrainingConfig
    learning_rates: tuple[float, ...]  # L
    every: int  # epochs per record


class Timing(NamedTuple):
    """One call of a training function, compiled before."""

    wall: float  # seconds
    processor: float  # seconds of all threads, which other programs on the machine disturb less


def prepare(config: Any, seeds: int, records: int) -> Problem:
    """Fits a spline per seed and turns it into a network.

    Args:
      config: a ConfigDict as in configs/.
      seeds: S.
      records: at most so many per run, besides that of the start.

    Returns:
      Problem.
    """
    plan = read_plan(config)
    contender = plan.contenders[0]
    starts = spline_starts(
        lambda seed: data.load(plan.data, seed=seed),
        seeds,
        plan.hidden_sizes,
        **contender.options,
    )
    settings = contender.training
    every = max(1, -(-settings.epochs // records))
    return Problem(starts, settings, plan.learning_rates, every)


def grid(problem: Problem, recorder: training.Recorder | None) -> training.TrainResult:
    """Trains all seeds with all learning rates as one computation, as a run of a config does."""
    starts = problem.starts
    return training.train_replicas(
        starts.params,
        starts.datasets,
        problem.config,
        learning_rates=problem.learning_rates,
        seeds=range(len(starts.datasets.train.x)),
        recorder=recorder,
    )


def alone(problem: Problem, recorder: training.Recorder | None) -> training.TrainResult:
    """Trains the network of the first seed."""
    return training.train(*problem.starts.first, problem.config, recorder=recorder)


def report(problem: Problem, repeats: int, rows: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Measures a grid, a network alone, and the study of a trace.

    Args:
      problem: from `prepare`.
      repeats: rounds, as for `measure`.
      rows: as for `study`.
      say: called with lines of progress and with the verdicts.

    Returns:
      {"grid": ..., "alone": ...: from `measure`, "study": from `study`}.
    """
    found: dict[str, Any] = {}
    for train in (grid, alone):
        name = train.__name__
        found[name] = measure(
            problem, train, repeats, lambda line, name=name: say(f"{name}, {line}")
        )
        say(verdict(name, found[name]))
    found["study"] = study(problem, rows)
    say(f"knots and flips of one run, afterwards: {found['study']['wall']:.2f} s")
    return found


def measure(
    problem: Problem,
    train: Callable[[Problem, training.Recorder | None], training.TrainResult],
    repeats: int,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Times training without and with recording in turn, compiled, in rounds of changing order.

    Args:
      problem: from `prepare`.
      train: `grid` or `alone`.
      repeats: rounds.
      say: called with a line of progress after each round.

    Returns:
      {"without", "with": {"wall", "processor": seconds per round}, "share": {"wall", "processor":
      quartiles over rounds of what recording adds}, "same_bits", "records", "trace_bytes"}.
    """
    recorders = {"without": None, "with": training.network_recorder(problem.every)}
    results = {name: train(problem, recorder) for name, recorder in recorders.items()}
    timings: dict[str, list[Timing]] = {name: [] for name in recorders}
    for index in range(repeats):
        for name in sorted(recorders, reverse=index % 2 == 1):
            timings[name].append(_timing(lambda name=name: train(problem, recorders[name])))
        pair = [timings[name][-1].wall for name in recorders]
        say(f"round {index + 1}: {pair[0]:.3f} s without, {pair[1]:.3f} s with recording")
    columns = {
        name: {clock: [getattr(t, clock) for t in rounds] for clock in Timing._fields}
        for name, rounds in timings.items()
    }
    share = {
        clock: np.divide(columns["with"][clock], columns["without"][clock]) - 1
        for clock in Timing._fields
    }
    trace = results["with"].trace
    return {
        **columns,
        "share": {clock: np.quantile(v, (0.25, 0.5, 0.75)) for clock, v in share.items()},
        "same_bits": _same(*(r._replace(trace=None, seconds=None) for r in results.values())),
        "records": trace["step"].shape[-1],
        "trace_bytes": sum(leaf.nbytes for leaf in jax.tree.leaves(trace)),
    }


def study(problem: Problem, rows: int) -> dict[str, float]:
    """Times what turns the trace of one run into knots and flips; `rows` rows are looked at."""
    result = alone(problem, training.network_recorder(problem.every))
    x = np.asarray(problem.starts.first[1].train.x)
    x = x[:: max(1, len(x) // rows)][:rows]

    def examine():
        analysis.summarize_track(analysis.knot_track(result.trace, x))
        analysis.activation_flips(analysis.recorded_networks(result.trace).networks, x)

    return {"rows": len(x), **_timing(examine)._asdict()}


def verdict(name: str, measured: dict[str, Any]) -> str:
    """Says in one line what `measure` found."""
    clocks = {
        clock: "{1:.1%} ({0:.1%} to {2:.1%})".format(*share)
        for clock, share in measured["share"].items()
    }
    met = "met" if measured["share"]["wall"][1] <= AIM else "missed"
    return (
        f"{name}: recording adds {clocks['wall']} to the seconds and {clocks['processor']} to "
        f"those of the processor, median and quartiles; aim of {AIM:.0%} {met}; "
        f"{measured['records']} records, {measured['trace_bytes'] / 1e6:.1f} MB; "
        f"bits of training {'the same' if measured['same_bits'] else 'differ'}"
    )


def _timing(function: Callable[[], Any]) -> Timing:
    wall, processor = time.perf_counter(), time.process_time()
    jax.block_until_ready(function())
    return Timing(time.perf_counter() - wall, time.process_time() - processor)


def _same(one: training.TrainResult, other: training.TrainResult) -> bool:
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return all(np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind == "f") for a, b in pairs)


def main(argv: list[str]) -> None:
    """Prints a line per round and the share of time, and writes both with machine and versions."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments: {argv[1:]}")
    wanted, config = flags.FLAGS, friedman1.get_config()
    machine.check_output(wanted.output)
    with config.unlocked():
        config.training.epochs, config.data.num_train = wanted.epochs, wanted.num_train
    problem = prepare(config, wanted.seeds, wanted.records)
    found = report(problem, wanted.repeats, wanted.rows, lambda line: print(line, flush=True))
    about = {"config": config.to_dict(), "seeds": wanted.seeds, "aim": AIM}
    machine.write(wanted.output, {**machine.stamp(), **about, **found})


if __name__ == "__main__":
    flags.DEFINE_integer("repeats", 15, "Rounds of training without and with recording.", 1)
    flags.DEFINE_integer("records", 50, "Records per run, besides that of the start.", 1)
    flags.DEFINE_integer("rows", 500, "Rows on which activation is counted afterwards.", 1)
    flags.DEFINE_integer("seeds", 5, "Networks trained at once, per learning rate.", 1)
    flags.DEFINE_integer("epochs", 100, "Epochs of each run.", 1)
    flags.DEFINE_integer("num_train", 2000, "Training rows.", 100)
    flags.DEFINE_string("output", "results/recording/cpu.json", "JSON file to write.")
    app.run(main)
