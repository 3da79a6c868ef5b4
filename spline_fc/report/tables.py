"""The main table: the spline alone, then every initialisation, summed up over seeds."""

import math
from typing import Any, NamedTuple

import numpy as np

from spline_fc.analysis.convergence import bootstrap
from spline_fc.analysis.formats import (
    display_name,
    interval,
    mean_error,
    mean_interval,
    ratio,
    significant,
)
from spline_fc.analysis.speed import Reach, Speed, compare_speed, relative_targets
from spline_fc.analysis.workdir import Workdir, read_workdir

SPLINE_ALONE = "spline alone"
MULTIPLES = (2.0, 1.2, 1.0)  # of the reference's best loss: the targets of the speed table


class Row(NamedTuple):
    """One contender: arrays have one entry per seed that ran."""

    name: str
    init: str  # key of the initialisation; empty for the spline alone
    seeds: np.ndarray  # (s,)
    failed: int  # chosen runs that diverged
    learning_rates: tuple[float, ...]  # chosen, distinct
    start_loss: np.ndarray  # (s,) validation loss before training
    validation_loss: np.ndarray  # (s,) best
    test_loss: np.ndarray  # (s,) at the best validation step
    test_rmse: np.ndarray  # (s,) raw units, nan where there is none
    best_step: np.ndarray  # (s,)
    reach: Reach | None  # of the reference's best validation loss
    difference: np.ndarray  # (p,) test error less that of the reference, by shared seed


class Table(NamedTuple):
    """A table ready to be set: strings, with the first column holding names."""

    header: list[str]
    body: list[list[str]]
    notes: list[str]


def main_rows(work: Workdir) -> list[Row]:
    """Measures every contender of a workdir.

    Args:
      work: from `read_workdir`.

    Returns:
      One Row for the spline alone (if it was fitted) and one per initialisation, in run order.
    """
    speeds = {speed.init: speed for speed in speeds_of(work)}
    measured = [_init_row(work, init, speeds.get(init)) for init in work.inits]
    rows = ([_spline_row(work.fits)] if work.fits else []) + measured
    reference = next((row for row in measured if row.init == work.reference), None)
    return [_with_difference(row, reference) for row in rows]


def speeds_of(work: Workdir) -> list[Speed]:
    """Compares the chosen runs of a workdir; the last target is the reference's best loss.

    Args:
      work: from `read_workdir`.

    Returns:
      One Speed per initialisation with a run that has metrics and did not diverge.
    """
    best = reference_targets(work)
    named = f"{display_name(work.reference)}'s best" if work.reference else "best"
    targets = relative_targets(best, MULTIPLES, named) if best else {}
    curves = {init: curves for init in work.inits if (curves := work.curves(init))}
    reference = work.reference if work.reference in curves else None
    return compare_speed(curves, targets, reference)


def reference_targets(work: Workdir) -> dict[int, float]:
    """Finds the target of each seed: the reference's best validation loss over its whole grid."""
    targets: dict[int, float] = {}
    for run in work.runs:
        loss = _number(run.get("best_validation_loss"))
        if run["init"] == work.reference and math.isfinite(loss):
            targets[run["seed"]] = min(loss, targets.get(run["seed"], math.inf))
    return targets


def main_table(work: Workdir, *, intervals: bool = False) -> Table:
    """Sets the main table in strings.

    Args:
      work: from `read_workdir`.
      intervals: give bootstrap intervals over seeds in place of standard errors.

    Returns:
      Table; columns that no contender fills are left out.
    """
    rows = main_rows(work)
    reference = display_name(work.reference) if work.reference else None
    mean = mean_interval if intervals else mean_error
    columns = [
        ("start", [row.name for row in rows]),
        ("seeds", [_seeds(row) for row in rows]),
        ("learning rate", [_rates(row) for row in rows]),
        ("validation loss at step 0", [mean(row.start_loss) for row in rows]),
        ("best validation loss", [mean(row.validation_loss) if row.init else "" for row in rows]),
        _test_column(rows, mean),
    ]
    if reference and intervals:
        columns.append((f"test error less {reference}'s", [_difference(row) for row in rows]))
    if reference:
        columns += [
            (f"steps to {reference}'s best", [_steps(row.reach) for row in rows]),
            (f"ratio to {reference}", [ratio(row.reach and row.reach.step_ratio) for row in rows]),
        ]
    kept = [column for column in columns if any(cell not in ("", "–") for cell in column[1])]
    body = [list(cells) for cells in zip(*(cells for _, cells in kept), strict=True)]
    return Table([name for name, _ in kept], body, _notes(reference, intervals))


def speed_table(work: Workdir, speeds: list[Speed]) -> Table:
    """Sets what every contender needed to reach each target.

    Args:
      work: from `read_workdir`; of it, the seconds that compilation took.
      speeds: from `speeds_of`.

    Returns:
      Table, one line per target and contender; columns that nobody fills are left out.
    """
    name = display_name(work.reference) if work.reference else "reference"
    lines = []
    for speed in speeds:
        cold = _cold(work, speed.init, speed.seeds)
        for reach in speed.reaches:
            lines.append([
                display_name(speed.init), reach.target, _steps(reach), ratio(reach.step_ratio),
                _median(reach.seconds), ratio(reach.second_ratio), _median(reach.seconds + cold),
            ])  # fmt: skip
    header = ["start", "target", "steps", f"ratio to {name}", "seconds", f"ratio to {name} ",
              "seconds, cold"]  # fmt: skip
    kept = [i for i in range(len(header)) if any(line[i] not in ("", "–") for line in lines)]
    notes = ["Medians over seeds; in brackets 95 % bootstrap intervals of the median paired ratio. "
             "A multiple is one of the loss that the same seed's reference ended with.",
             "Seconds include the fit of the spline but no compilation; cold seconds include the "
             "compilation of both. Replicas that trained together share their time evenly, "
             "which makes training cheap against the fit."]  # fmt: skip
    return Table([header[i].strip() for i in kept], [[r[i] for i in kept] for r in lines], notes)


def shape_table(speeds: list[Speed], reference: str | None) -> Table:
    """Sets the measures of whole curves: the mean loss on the way, and how fast the loss fell."""
    name = display_name(reference) if reference else "reference"
    body = [
        [display_name(s.init), mean_interval(s.area), ratio(s.area_ratio),
         interval(s.half_life_interval), f"{np.isfinite(s.half_life).sum()} of {s.seeds.size}"]
        for s in speeds
    ]  # fmt: skip
    header = ["start", "mean validation loss on the way", f"ratio to {name}",
              "steps per halving", "seeds with a decay"]  # fmt: skip
    return Table(header, body, [
        "The mean validation loss over the steps that all starts had is the area under the curve "
        "divided by its length. Steps per halving: ln 2 over the rate of floor + amplitude "
        "× exp(−rate × step), fitted up to the best epoch; median and 95 % bootstrap interval."
    ])  # fmt: skip


def text_table(workdir: Any) -> str:
    """Prints the main table of a workdir as aligned plain text.

    Args:
      workdir: a folder that a run wrote.

    Returns:
      The table with its notes below, without a trailing newline.

    Raises:
      ValueError: as in `read_workdir`.
    """
    return set_text(main_table(read_workdir(workdir)))


def set_text(table: Table) -> str:
    """Aligns a Table for a terminal; long headers are broken over lines."""
    header = [_broken(name) for name in table.header]
    depth = max((len(lines) for lines in header), default=0)
    padded = [[""] * (depth - len(lines)) + lines for lines in header]
    lines = [list(line) for line in zip(*padded, strict=True)]
    grid = lines + table.body
    widths = [max(len(row[i]) for row in grid) for i in range(len(table.header))]
    ruled = [_aligned(row, widths) for row in lines]
    ruled += ["  ".join("-" * width for width in widths)]
    ruled += [_aligned(row, widths) for row in table.body]
    return "\n".join([*ruled, *table.notes])


def _spline_row(fits: list[dict[str, Any]]) -> Row:
    def column(name: str) -> np.ndarray:
        return np.array([_number(fit.get(name)) for fit in fits])

    return Row(
        name=SPLINE_ALONE,
        init="",
        seeds=column("seed"),
        failed=0,
        learning_rates=(),
        start_loss=column("validation_loss"),
        validation_loss=column("validation_loss"),
        test_loss=column("test_loss"),
        test_rmse=column("test_rmse"),
        best_step=np.full(len(fits), np.nan),
        reach=None,
        difference=np.zeros(0),
    )


def _init_row(work: Workdir, init: str, speed: Speed | None) -> Row:
    runs = work.chosen(init)
    good = [run for run in runs if not run.get("diverged")]

    def column(name: str) -> np.ndarray:
        return np.array([_number(run.get(name)) for run in good])

    return Row(
        name=display_name(init),
        init=init,
        seeds=np.array([run["seed"] for run in good]),
        failed=len(runs) - len(good),
        learning_rates=tuple(sorted({run["learning_rate"] for run in good})),
        start_loss=np.array([_start_loss(work, run) for run in good]),
        validation_loss=column("best_validation_loss"),
        test_loss=column("test_loss"),
        test_rmse=column("test_rmse"),
        best_step=column("best_step"),
        reach=speed.reaches[-1] if speed is not None and speed.reaches else None,
        difference=np.zeros(0),
    )


def error_of(row: Row) -> np.ndarray:
    """(s,) test errors of a contender: RMSE in raw units where there is one, else the loss."""
    return row.test_rmse if np.isfinite(row.test_rmse).any() else row.test_loss


def _with_difference(row: Row, reference: Row | None) -> Row:
    if reference is None or row.init == reference.init:
        return row
    shared = np.intersect1d(row.seeds, reference.seeds)
    ours = error_of(row)[np.isin(row.seeds, shared)]
    return row._replace(difference=ours - error_of(reference)[np.isin(reference.seeds, shared)])


def _cold(work: Workdir, init: str, seeds: np.ndarray) -> np.ndarray:
    """(s,) seconds of compilation, nan where they were not recorded."""
    found = {run["seed"]: _number(run.get("compile_seconds")) for run in work.chosen(init)}
    return np.array([found.get(int(seed), math.nan) for seed in seeds])


def _start_loss(work: Workdir, run: dict[str, Any]) -> float:
    history = work.histories.get(run["run"])
    return float(history.validation_loss[0]) if history is not None else math.nan


def _test_column(rows: list[Row], mean: Any) -> tuple[str, list[str]]:
    if any(np.isfinite(row.test_rmse).any() for row in rows):
        return "test RMSE, raw units", [mean(row.test_rmse) for row in rows]
    return "test loss", [mean(row.test_loss) for row in rows]


def _seeds(row: Row) -> str:
    return f"{row.seeds.size}" + (f" ({row.failed} diverged)" if row.failed else "")


def _rates(row: Row) -> str:
    return ", ".join(f"{rate:g}" for rate in row.learning_rates)


def _difference(row: Row) -> str:
    known = row.difference[~np.isnan(row.difference)]
    return interval(bootstrap(known)) if known.size else ""


def _steps(reach: Reach | None) -> str:
    known = reach.steps[~np.isnan(reach.steps)] if reach is not None else np.zeros(0)
    if known.size == 0:
        return ""
    reached = int(np.isfinite(known).sum())
    median = float(np.median(known))
    share = "" if reached == known.size else f" ({reached} of {known.size} arrive)"
    return ("never" if math.isinf(median) else f"{median:,.0f}") + share


def _median(seconds: np.ndarray) -> str:
    known = seconds[~np.isnan(seconds)]
    if known.size == 0:
        return ""
    median = float(np.median(known))
    return "never" if math.isinf(median) else significant(median, 2)


def _notes(reference: str | None, intervals: bool) -> list[str]:
    what = "Mean and 95 % bootstrap interval" if intervals else "Mean ± standard error"
    notes = [f"{what} over seeds; losses in the units that were trained on."]
    if reference and intervals:
        notes.append(f"Test error less {reference}'s: mean of the differences by seed; below 0 is "
                     f"better, and an interval without 0 is a difference.")  # fmt: skip
    if reference:
        notes.append(
            f"Steps to {reference}'s best: median over seeds of the first recorded step at or "
            f"below the best validation loss that {reference} reached on its whole grid, same seed."
        )
        notes.append("Ratio: median over seeds of paired ratios, 95 % bootstrap interval.")
    return notes


def _broken(name: str, width: int = 16) -> list[str]:
    lines = [""]
    for word in name.split():
        joined = f"{lines[-1]} {word}".strip()
        if len(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(word)
    return [line for line in lines if line]


def _aligned(cells: list[str], widths: list[int]) -> str:
    first, *rest = [
        cell.ljust(width) if i == 0 else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join([first, *rest]).rstrip()


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)
