"""The whole road in one call: config in, workdir out."""

import contextlib
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from spline_fc import analysis, files, protocol, report, runs, training, workdir
from spline_fc.data import Dataset
from spline_fc.protocol import Contender, Start
from spline_fc.runs import Plan, Progress, Watch
from spline_fc.training import TrainResult

KNOT_ROWS = 500  # on which activation is counted


class Road(NamedTuple):
    """What all steps of a run need."""

    plan: Plan
    raw: list[Dataset]  # one per seed
    datasets: list[Dataset]  # the same, as they are judged on
    folder: pathlib.Path  # that is being written
    progress: Progress
    knot_every: int  # epochs from one record of the knots to the next


def run(
    config: Any,
    folder: str | os.PathLike,
    *,
    overwrite: bool = False,
    page: bool = True,
    progress: Progress | None = None,
) -> pathlib.Path:
    """Runs the road that a config describes and writes everything to a workdir.

    Called again, it goes on with an interrupted run and ends at the same bits; asked for more
    epochs, it goes on with a finished one; a finished run is not run again. Of several processes,
    which all call it, the first writes, and all train; see `runs.together`.

    Args:
      config: mapping or ConfigDict with any of the fields of `configs/default.py`.
      folder: the workdir, see `spline_fc.workdir`. Until it is whole, the run lives in
        `<folder>.partial` beside it; what stands in `folder` before is replaced at the very end.
      overwrite: run anew, and replace whatever run is there.
      page: write the report, which takes longer than a run of seconds.
      progress: where to say how far it is; nowhere by default.

    Returns:
      Path of the report, there or not.

    Raises:
      ValueError, FileNotFoundError: bad config, data or workdir.
      ImportError: a package of the extras "plots" or "checkpoints" is not installed.
    """
    report.check_packages()  # before hours of training, not after
    plan, progress = runs.read_plan(config), progress or Progress(None)
    path, is_first = files.as_path(folder) / "report.html", runs.is_first()
    if runs.from_first(is_first and not overwrite and runs.is_finished(folder, plan.config)):
        return report.write_report(folder) if is_first and page and not path.is_file() else path
    if is_first:
        runs.check_place(folder, plan.config, overwrite)
    progress.phase("reading")
    raw = runs.load_seeds(plan)
    datasets = [protocol.prepare(dataset, plan.extrapolate) for dataset in raw]
    runs.check_read(plan, datasets)
    if not is_first:
        runs.assist(plan, datasets)
        return path
    with runs.claim(folder, plan.config, overwrite) as partial, _told(partial):
        every = max(1, -(-plan.contenders[0].training.epochs // plan.knot_records))
        every = workdir.begin(partial, plan.config, every)
        workdir.write_status(partial, "running")
        diverged = _run(Road(plan, raw, datasets, partial, progress, every))
        workdir.write_status(partial, "diverged" if diverged else "done")
        if page:
            progress.phase("writing the report")
            report.write_report(partial)
    runs.from_first(None)  # nothing is left to be trained
    progress.close()
    return path


@contextlib.contextmanager
def _told(folder: pathlib.Path) -> Iterator[None]:
    """Leaves word of what ended a run before its time."""
    try:
        yield
    except KeyboardInterrupt:
        workdir.write_status(folder, "interrupted", "The same command goes on.")
        raise
    except BaseException as error:
        with contextlib.suppress(OSError):  # of a full disk, say: the first error is the one to see
            workdir.write_status(folder, "failed", f"{type(error).__name__}: {error}")
        raise


def _run(road: Road) -> bool:
    """Starts, trains, judges and writes; True when a chosen run diverged."""
    starts = runs.all_starts(road.plan, road.datasets, road.folder, road.progress)
    files.write_json(road.folder / "fits.json", runs.fit_rows(road.plan, starts, road.datasets))
    files.write_json(road.folder / "baselines.json", runs.baseline_rows(road.datasets))
    contenders = road.plan.contenders
    found = {
        c.name: workdir.finished_rows(road.folder, c.name, c.training.epochs) for c in contenders
    }
    for contender in contenders:
        if not found[contender.name]:
            found[contender.name] = _contend(road, contender, starts[contender.name])
            files.write_json(road.folder / "runs.json", sum(found.values(), []))
    return any(row["diverged"] for row in sum(found.values(), []) if row["chosen"])


def _contend(road: Road, contender: Contender, starts: list[Start]) -> list[dict[str, Any]]:
    """Trains one contender from all seeds at all rates; its rows of runs.json."""
    plan, name = road.plan, contender.name
    seeds = range(plan.seeds)
    names = [[f"{name}-seed{s}-lr{rate!r}" for rate in plan.learning_rates] for s in seeds]
    road.progress.phase(f"compiling {name}")
    steps = contender.training.steps_per_epoch(len(road.datasets[0].train.x))
    watch = Watch(road.folder, names, starts, contender, plan, steps, road.progress)
    with contextlib.closing(watch):
        work = runs.Work(plan.contenders.index(contender), starts, road.folder, road.knot_every)
        result = runs.train(plan, road.datasets, work, watch)
    road.progress.phase(f"measuring {name}")
    verdict = protocol.judge(contender, starts, road.datasets, result)
    for s in seeds:
        _write_chosen(road, contender, starts[s], s, int(verdict.chosen[s]), result)
    found = runs.run_rows(contender, names, plan.learning_rates, starts, result, verdict, watch)
    if plan.refit:
        _add_refit(road, contender, [row for row in found if row["chosen"]])
    if plan.timing:
        times = protocol.time_alone(contender, road.datasets[0], plan.hidden_sizes, 0)
        found = [{**row, "alone": times} for row in found]
    return found


def _write_chosen(
    road: Road, contender: Contender, start: Start, seed: int, rate: int, result: TrainResult
) -> None:
    """The run that was chosen for a seed: network, model, and the way of its knots if recorded."""
    stem, dataset, where = f"{contender.name}-seed{seed}", road.datasets[seed], (seed, rate)
    params = training.replica(result.params, *where)
    chosen = runs.chosen_model(road.plan, contender, start, dataset, seed, rate, params)
    workdir.write_chosen(road.folder, stem, chosen)
    if result.trace is not None:
        probe = np.asarray(dataset.train.x)[:: -(-len(dataset.train.x) // KNOT_ROWS)]
        trace = training.replica(result.trace, *where)
        track = analysis.knot_track(trace, probe, scaler=dataset.scaler)
        flips = analysis.activation_flips(analysis.recorded_networks(trace).networks, probe)
        workdir.write_knots(road.folder, stem, track, flips)


def _add_refit(road: Road, contender: Contender, chosen: Sequence[dict[str, Any]]) -> None:
    """Scores after training again on training and validation rows, to the rows of the chosen."""
    told = [[row[field] for row in chosen] for field in ("seed", "learning_rate", "best_epoch")]
    given = {"extrapolate": road.plan.extrapolate}
    found = protocol.refit(contender, road.raw, road.plan.hidden_sizes, *told, **given)
    for row, (_, scores) in zip(chosen, found, strict=True):
        row.update({f"refit_{name}": value for name, value in scores.items()})
