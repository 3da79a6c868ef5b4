"""The tables of a run: the spline alone, then every start, summed up over seeds."""

import math
import textwrap
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from spline_fc.analysis import Reach, Speed
from spline_fc.report.formats import (
    NBSP,
    NONE,
    display_name,
    interval,
    mean_error,
    mean_interval,
    ratio,
    significant,
)
from spline_fc.report.rows import (
    LOG_LOSS,
    SCORES,
    Row,
    error_of,
    loss_word,
    main_rows,
    number,
    shown_scores,
    speeds_of,
    target_scores,
)
from spline_fc.workdir import Workdir, read_workdir

Columns = list[tuple[str, list[str]]]


class Table(NamedTuple):
    """A table ready to be set: strings, with the first `words` columns holding names."""

    header: list[str]
    body: list[list[str]]
    notes: list[str]
    words: int = 1
    folded: str = ""  # what is said of a table that is opened by a click

    block = "table"


def score_table(rows: Sequence[Row], reference: str | None, loss: str) -> Table:
    """Sets the losses and test scores of contenders, with bootstrap intervals over seeds.

    `loss` says what the loss is called, here and below.
    """
    errors = [error_of(row) for row in rows]
    error = next((name for name, _ in errors if name != "test loss"), "test loss")
    columns = _start_columns(rows, mean_interval, loss)
    shown = [mean_interval(values) if name == error else NONE for name, values in errors]
    columns.append((error, shown))
    beside = target_scores(rows, "rmse") or {"accuracy": ""}  # what people ask for next
    for key, title in shown_scores(rows, SCORES).items():
        if key in beside:
            columns.append((title, [mean_interval(row.scores.get(key, ())) for row in rows]))
    notes = [
        f"Mean over seeds, in brackets the 95 % bootstrap interval (from three seeds on); "
        f"{_units(loss)}"
    ]
    less = [interval(row.against.mean) if row.against else "" for row in rows]
    if reference and any(said not in ("", NONE) for said in less):
        name = display_name(reference)
        columns.append((f"{error} less {name}'s", less))
        notes.append(
            f"{error[0].upper()}{error[1:]} less {name}'s: mean of the differences by seed; below "
            "0 is better, and an interval without 0 is a difference."
        )
    return table_of(columns, notes)


def arrival_table(rows: Sequence[Row], reference: str, loss: str) -> Table:
    """Sets the steps and seconds to the reference's best loss, with ratios to the reference's."""
    trained = [row for row in rows if row.init]
    columns = [("start", [row.name for row in trained]), *_arrival_columns(trained, reference)]
    return table_of(columns, _arrival_notes(display_name(reference), loss))


def main_table(work: Workdir) -> Table:
    """Sets results and speed in one table, with standard errors, as a terminal takes it."""
    rows = main_rows(work, speeds_of(work))
    loss = loss_word(work, rows)
    columns = _start_columns(rows, mean_error, loss)
    found = shown_scores(rows, SCORES)
    columns += [
        (title, [mean_error(r.scores.get(k, ())) for r in rows]) for k, title in found.items()
    ]
    if not found:
        columns.append(("test loss", [mean_error(row.test_loss) for row in rows]))
    notes = [f"Mean ± standard error over seeds; {_units(loss)}"]
    if work.reference:
        columns += _arrival_columns(rows, work.reference)
        notes += _arrival_notes(display_name(work.reference), loss)
    return table_of(columns, notes)


def speed_table(work: Workdir, speeds: Sequence[Speed], loss: str) -> Table:
    """Sets what every contender needed to reach each target, a line for each of both."""
    name = display_name(work.reference) if work.reference else "reference"
    pairs = [(speed, reach) for speed in speeds for reach in speed.reaches]
    cold = [reach.seconds + _compile_seconds(work, speed) for speed, reach in pairs]
    columns = [
        ("start", [display_name(speed.init) for speed, _ in pairs]),
        ("target", [reach.target for _, reach in pairs]),
        *_reach_columns([reach for _, reach in pairs], name),
        ("seconds, cold", [_median(seconds) for seconds in cold]),
    ]
    notes = [
        "Medians over seeds; in brackets 95 % bootstrap intervals of the median paired ratio. A "
        f"multiple is one of the validation {loss} that the same seed's reference ended with.",
        "Seconds include everything that a start does but no compilation; cold seconds include "
        "that too. Replicas that trained together share their time evenly, which makes training "
        "cheap against the start.",
    ]
    return table_of(columns, notes, words=2)


def curve_table(speeds: Sequence[Speed], reference: str | None, loss: str) -> Table:
    """Sets the measures of whole curves: the mean loss on the way, and how fast the loss fell."""
    name = display_name(reference) if reference else "reference"
    decays = [f"{np.isfinite(s.half_life).sum()} of {s.seeds.size}" for s in speeds]
    columns = [
        ("start", [display_name(s.init) for s in speeds]),
        (f"mean validation {loss} on the way", [mean_interval(s.area) for s in speeds]),
        (f"ratio to {name}'s", [ratio(s.area_ratio) for s in speeds]),
        ("steps per halving", [interval(s.half_life_interval) for s in speeds]),
        ("seeds with a decay", decays),
    ]
    notes = [
        f"The mean validation {loss} over the steps that all starts had is the area under the "
        "curve divided by its length. Steps per halving: ln 2 over the rate of floor + amplitude × "
        "exp(−rate × step), fitted up to the best epoch; median and 95 % bootstrap interval."
    ]
    return table_of(columns, notes)


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
    header = [textwrap.wrap(name, 16, break_long_words=False) for name in table.header]
    depth = max((len(lines) for lines in header), default=0)
    padded = [[""] * (depth - len(lines)) + lines for lines in header]
    lines = [list(line) for line in zip(*padded, strict=True)]
    grid = lines + table.body
    widths = [max(len(row[i]) for row in grid) for i in range(len(table.header))]
    ruled = [_aligned(row, widths, table.words) for row in lines]
    ruled += ["  ".join("-" * width for width in widths)]
    ruled += [_aligned(row, widths, table.words) for row in table.body]
    return "\n".join([*ruled, *table.notes]).replace(NBSP, " ")


def table_of(columns: Columns, notes: list[str], words: int = 1) -> Table:
    """A table of the columns in which some cell says something."""
    kept = [(name, cells) for name, cells in columns if any(c not in ("", NONE) for c in cells)]
    body = [list(cells) for cells in zip(*(cells for _, cells in kept), strict=True)]
    return Table([name for name, _ in kept], body, notes, words)


def _units(loss: str) -> str:
    """What losses and scores are measured in."""
    if loss == LOG_LOSS:
        return "the loss that was trained on is the log loss, by which epoch and rate are chosen."
    return "losses in the units that were trained on, test scores in those of the data."


def _start_columns(rows: Sequence[Row], mean: Callable[[Any], str], loss: str) -> Columns:
    return [
        ("start", [row.name for row in rows]),
        ("seeds", [str(r.seeds.size) + f" ({r.failed} diverged)" * bool(r.failed) for r in rows]),
        ("learning rate", [", ".join(f"{r:g}" for r in row.learning_rates) for row in rows]),
        (f"validation {loss} at step 0", [mean(row.start_loss) for row in rows]),
        (
            f"best validation {loss}",
            [mean(row.validation_loss) if row.init else "" for row in rows],
        ),
    ]


def _arrival_columns(rows: Sequence[Row], reference: str) -> Columns:
    name = display_name(reference)
    return _reach_columns([row.reach for row in rows], name, f" to {name}'s best")


def _reach_columns(reaches: Sequence[Reach | None], name: str, goal: str = "") -> Columns:
    """Steps and seconds to a goal, each with its ratio to the reference's."""
    cells: dict[str, Callable[[Reach], str]] = {
        f"steps{goal}": _steps,
        f"ratio of steps to {name}'s": lambda reach: ratio(reach.step_ratio),
        f"seconds{goal}": lambda reach: _median(reach.seconds),
        f"ratio of seconds to {name}'s": lambda reach: ratio(reach.second_ratio),
    }
    return [(title, [say(r) if r else "" for r in reaches]) for title, say in cells.items()]


def _arrival_notes(name: str, loss: str) -> list[str]:
    return [
        f"Steps to {name}'s best: median over seeds of the first recorded step at or below the "
        f"best validation {loss} that {name} reached on its whole grid, same seed. Seconds: the "
        "same, with everything that a start does and without compilation.",
        "Ratio: median over seeds of paired ratios, in brackets the 95 % bootstrap interval (from "
        "three seeds on).",
    ]


def _compile_seconds(work: Workdir, speed: Speed) -> np.ndarray:
    """(s,) seconds of compilation, nan where they were not recorded."""
    found = {run["seed"]: number(run.get("compile_seconds")) for run in work.chosen(speed.init)}
    return np.array([found.get(int(seed), math.nan) for seed in speed.seeds])


def _steps(reach: Reach) -> str:
    known = reach.steps[~np.isnan(reach.steps)]
    reached = int(np.isfinite(known).sum())
    share = "" if reached == known.size else f" ({reached} of {known.size} arrive)"
    return _median(known, "{:,.0f}".format) + share


def _median(values: np.ndarray, say: Callable[[float], str] = lambda v: significant(v, 2)) -> str:
    known = values[~np.isnan(values)]
    if known.size == 0:
        return ""
    median = float(np.median(known))
    return "never" if math.isinf(median) else say(median)


def _aligned(cells: list[str], widths: list[int], words: int) -> str:
    """Names to the left, numbers to the right."""
    sides = [str.ljust] * words + [str.rjust] * (len(cells) - words)
    padded = [side(cell, width) for side, cell, width in zip(sides, cells, widths, strict=True)]
    return "  ".join(padded).rstrip()
