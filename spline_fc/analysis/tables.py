"""The main table: the spline alone, then every initialisation, summed up over seeds."""

import math
from typing import Any, NamedTuple

import numpy as np

from spline_fc.analysis.convergence import PairedRatio, paired_ratio, steps_to_target
from spline_fc.analysis.workdir import Workdir, read_workdir

SPLINE_ALONE = "spline alone"
NAMES = {"spline": "spline", "he_normal": "He", "glorot_uniform": "Glorot", "lecun_normal": "LeCun"}


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
    target_steps: np.ndarray  # (s,) steps to the reference's best validation loss
    target_seconds: np.ndarray  # (s,) the same, spline fit included
    ratio: PairedRatio | None  # target_steps over those of the reference; None for the reference


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
    targets = reference_targets(work)
    rows = [_spline_row(work.fits)] if work.fits else []
    measured = [_init_row(work, init, targets) for init in work.inits]
    reference = next((row for row in measured if row.init == work.reference), None)
    return rows + [_with_ratio(row, reference) for row in measured]


def reference_targets(work: Workdir) -> dict[int, float]:
    """Finds the target of each seed: the reference's best validation loss over its whole grid."""
    targets: dict[int, float] = {}
    for run in work.runs:
        loss = _number(run.get("best_validation_loss"))
        if run["init"] == work.reference and math.isfinite(loss):
            targets[run["seed"]] = min(loss, targets.get(run["seed"], math.inf))
    return targets


def main_table(work: Workdir) -> Table:
    """Sets the main table in strings.

    Args:
      work: from `read_workdir`.

    Returns:
      Table; columns that no contender fills are left out.
    """
    rows = main_rows(work)
    reference = display_name(work.reference) if work.reference else None
    columns = [
        ("start", [row.name for row in rows]),
        ("seeds", [_seeds(row) for row in rows]),
        ("learning rate", [_rates(row) for row in rows]),
        ("validation loss at step 0", [mean_error(row.start_loss) for row in rows]),
        ("best validation loss", [_trained(row, row.validation_loss) for row in rows]),
        _test_column(rows),
    ]
    if reference:
        columns += [
            (f"steps to {reference}'s best", [_steps(row) for row in rows]),
            (f"ratio to {reference}", [_ratio(row) for row in rows]),
        ]
    kept = [column for column in columns if any(cell not in ("", "–") for cell in column[1])]
    body = [list(cells) for cells in zip(*(cells for _, cells in kept), strict=True)]
    return Table([name for name, _ in kept], body, _notes(reference))


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


def display_name(init: str) -> str:
    """The name of an initialisation as a reader would say it."""
    return NAMES.get(init, init.replace("_", " "))


def mean_error(values: Any) -> str:
    """Formats mean and standard error, as many digits as the error allows; "–" without values."""
    values = np.asarray(values, np.float64)
    known = values[~np.isnan(values)]
    if known.size == 0:
        return "–"
    mean = float(known.mean())
    if known.size == 1 or not math.isfinite(mean):
        return significant(mean, 4)
    error = float(known.std(ddof=1) / math.sqrt(known.size))
    if error == 0 or mean == 0:
        return f"{significant(mean, 4)} ± {significant(error, 2)}"
    digits = max(1 - math.floor(math.log10(error)), 0)
    if digits > 6:
        return f"{mean:.3g} ± {error:.1g}"
    return f"{mean:,.{digits}f} ± {error:,.{digits}f}"


def significant(value: float, digits: int = 3) -> str:
    """Formats a number with so many significant digits, without exponents in the common range."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if size < -4 or size > 6:
        return f"{value:.{digits - 1}e}".replace("-", "−")
    return f"{value:,.{max(digits - 1 - size, 0)}f}".replace("-", "−")


def _spline_row(fits: list[dict[str, Any]]) -> Row:
    def column(name: str) -> np.ndarray:
        return np.array([_number(fit.get(name)) for fit in fits])

    none = np.full(len(fits), np.nan)
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
        best_step=none,
        target_steps=none,
        target_seconds=none,
        ratio=None,
    )


def _init_row(work: Workdir, init: str, targets: dict[int, float]) -> Row:
    runs = work.chosen(init)
    good = [run for run in runs if not run.get("diverged")]

    def column(name: str) -> np.ndarray:
        return np.array([_number(run.get(name)) for run in good])

    steps = np.array([_target_steps(work, run, targets) for run in good])
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
        target_steps=steps,
        target_seconds=np.array(
            [_seconds(work, run, at) for run, at in zip(good, steps, strict=True)]
        ),
        ratio=None,
    )


def _with_ratio(row: Row, reference: Row | None) -> Row:
    if reference is None or row.init == reference.init:
        return row
    shared = np.intersect1d(row.seeds, reference.seeds)
    ours = row.target_steps[np.isin(row.seeds, shared)]
    theirs = reference.target_steps[np.isin(reference.seeds, shared)]
    return row._replace(ratio=paired_ratio(ours, theirs))


def _target_steps(work: Workdir, run: dict[str, Any], targets: dict[int, float]) -> float:
    history = work.histories.get(run["run"])
    if history is None or run["seed"] not in targets:
        return math.nan
    # The metrics file and runs.json may round a loss differently: allow the last digits.
    target = targets[run["seed"]]
    return steps_to_target(history.step, history.validation_loss, target + 1e-6 * abs(target))


def _seconds(work: Workdir, run: dict[str, Any], step: float) -> float:
    """Seconds to a step, the spline fit included; training time is spread evenly over its steps."""
    history = work.histories.get(run["run"])
    if history is None or not history.step[-1] > 0:
        return math.nan
    fit = _number(run.get("fit_seconds"))
    share = step / history.step[-1]
    return (0.0 if math.isnan(fit) else fit) + _number(run.get("train_seconds")) * share


def _start_loss(work: Workdir, run: dict[str, Any]) -> float:
    history = work.histories.get(run["run"])
    return float(history.validation_loss[0]) if history is not None else math.nan


def _test_column(rows: list[Row]) -> tuple[str, list[str]]:
    if any(np.isfinite(row.test_rmse).any() for row in rows):
        return "test RMSE, raw units", [mean_error(row.test_rmse) for row in rows]
    return "test loss", [mean_error(row.test_loss) for row in rows]


def _seeds(row: Row) -> str:
    return f"{row.seeds.size}" + (f" ({row.failed} diverged)" if row.failed else "")


def _rates(row: Row) -> str:
    return ", ".join(f"{rate:g}" for rate in row.learning_rates)


def _trained(row: Row, values: np.ndarray) -> str:
    return mean_error(values) if row.init else ""


def _steps(row: Row) -> str:
    known = row.target_steps[~np.isnan(row.target_steps)]
    if known.size == 0:
        return ""
    reached = int(np.isfinite(known).sum())
    median = float(np.median(known))
    share = "" if reached == known.size else f" ({reached} of {known.size} arrive)"
    return ("never" if math.isinf(median) else f"{median:,.0f}") + share


def _ratio(row: Row) -> str:
    if row.ratio is None or row.ratio.pairs == 0:
        return ""
    value, low, high = (significant(v, 2) for v in row.ratio.median)
    return f"{value} [{low}, {high}]"


def _notes(reference: str | None) -> list[str]:
    notes = ["Mean ± standard error over seeds; losses in the units that were trained on."]
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
