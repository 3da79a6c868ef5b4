"""The records of configs/growth.py and of experiments.growth as tables and a picture."""

import json
import pathlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from experiments.bake_off_table import first, interval, mean_error, median
from experiments.benchmarks import machine, tables

REFERENCE = "he_normal"
LABELS = {"spline": "spline", "tenth": "spline of a tenth of the rows"}
TARGETS = (1.0, 1.05, 1.2)  # times the best validation loss of the reference
MANY_ROWS = 5000
NONE_AT = 0.03  # where a picture with logarithmic axes shows a ratio of 0
WANTED = {"steps": 1 / 10, "seconds": 1 / 3}  # in the median over sets of more rows than that
Record = dict[str, Any]


class Growth(NamedTuple):
    """A contender on one set at one number of rows; arrays have an entry per seed."""

    set: str
    rows: int
    name: str
    steps: np.ndarray  # (s, targets) to reach the target, inf if never
    reference: np.ndarray  # (s, targets) those of the reference
    head_start: np.ndarray  # (s,) steps of the reference to the loss that we begin with
    epoch: int  # steps
    start: dict[str, float]  # seconds of the processor, "warm" and "cold"
    reference_start: dict[str, float]
    step: float  # seconds of one step of one run alone
    rates: int  # of the grid
    record: Record  # of the cell

    def ratio(self) -> np.ndarray:
        """Steps over those of the reference (s, targets); 0 over 0 is 1."""
        both = (self.steps == 0) & (self.reference == 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(both, 1.0, self.steps / self.reference)

    def seconds(self, when: str = "warm", runs: int = 1) -> np.ndarray:
        """Seconds over those of the reference (s, targets), starts included.

        Args:
          when: "warm", or "cold" with whatever a fresh process compiles.
          runs: that set out from one start: 1, or as many as the grid has learning rates.
        """
        ours = self.start[when] + runs * self.steps * self.step
        return ours / (self.reference_start[when] + runs * self.reference * self.step)


class Records(NamedTuple):
    """What a folder of records holds."""

    cells: dict[str, Record]  # of the sweep, by their names
    seconds: Record


def read(folder: pathlib.Path) -> Records:
    """Reads folder/cells/*.json, which the sweep wrote, and folder/seconds.json."""
    paths = (folder / "cells").glob("*.json")
    cells = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths}
    seconds = json.loads((folder / "seconds.json").read_text(encoding="utf-8"))
    return Records(dict(sorted(cells.items(), key=_place)), seconds)


def _place(item: tuple[str, Record]) -> tuple[bool, str, int]:
    name, rows = _set_and_rows(item[0])
    return name != "friedman1", name, rows


def _set_and_rows(cell: str) -> tuple[str, int]:
    name, _, rows = cell.rpartition("-")
    return name, int(rows)


def growths(records: Records) -> list[Growth]:
    """Every contender beside the reference, on every set and number of rows that was timed."""
    return [
        _growth(cell, record, name, records.seconds["cells"][cell])
        for cell, record in records.cells.items()
        for name in record["contenders"]
        if name != REFERENCE and cell in records.seconds["cells"]
    ]


def _growth(cell: str, record: Record, name: str, timed: Sequence[Record]) -> Growth:
    ours, theirs = (record["contenders"][one] for one in (name, REFERENCE))
    pairs = list(zip(ours["pairs"], theirs["pairs"], strict=True))
    own = [_reached(a["validation"], b["validation"]) for a, b in pairs]
    reference = [_reached(b["validation"], b["validation"]) for _, b in pairs]
    head_start = [first(b["validation"], a["validation"][0]) for a, b in pairs]
    return Growth(
        *_set_and_rows(cell),
        name,
        steps=np.array(own) * ours["steps_per_epoch"],
        reference=np.array(reference) * theirs["steps_per_epoch"],
        head_start=np.array(head_start) * theirs["steps_per_epoch"],
        epoch=theirs["steps_per_epoch"],
        start=_starts(timed, name),
        reference_start=_starts(timed, REFERENCE),
        step=_step(timed),
        rates=len(ours["settings"]["learning_rates"]),
        record=record,
    )


def _reached(losses: Sequence[float], reference: Sequence[float]) -> list[float]:
    return [first(losses, multiple * min(reference)) for multiple in TARGETS]


def _step(timed: Sequence[Record]) -> float:
    """Seconds of a step: networks of one shape differ by noise alone."""
    first_child = timed[0]
    trainings = [_warm(told["training"]) for told in first_child["contenders"].values()]
    return float(np.median(trainings)) / first_child["steps"]


def _warm(spent: Sequence[Record]) -> float:
    return float(np.median([one["processor"] for one in spent[1:]]))


def _starts(timed: Sequence[Record], name: str) -> dict[str, float]:
    """Seconds until the first step can be taken; cold they hold what training compiles as well."""
    child = next(told["contenders"] for told in timed if name in told["contenders"])
    compiled = next(iter(child.values()))["training"]
    compiling = max(0.0, compiled[0]["processor"] - _warm(compiled))
    start = child[name]["start"]
    return {"warm": _warm(start), "cold": start[0]["processor"] + compiling}


def markdown(records: Records) -> str:
    """Makes the tables: where runs end, steps, seconds, and what was wanted."""
    found = growths(records)
    newest = max(records.cells.values(), key=lambda record: record["date"])
    parts = [machine.sentence(newest), _ends(found), _steps(found), _seconds(found)]
    return "\n\n".join([*parts, "\n".join(f"* {line}" for line in verdicts(found))])


def verdicts(found: Sequence[Growth]) -> list[str]:
    """The medians over sets of many rows, beside what was wanted of them."""
    lines = []
    for name in dict.fromkeys(one.name for one in found):
        own = [one for one in found if one.name == name and one.rows > MANY_ROWS]
        if not own:
            continue
        measures: dict[str, Callable[[Growth], np.ndarray]] = {
            "steps": Growth.ratio,
            "seconds": Growth.seconds,
            "seconds, cold": lambda one: one.seconds("cold"),
            "seconds of a grid": lambda one: one.seconds("warm", one.rates),
        }
        said = []
        for what, measure in measures.items():
            middle = [np.median(measure(one), axis=0) for one in own]
            values = ", ".join(median(np.array(column)) for column in np.transpose(middle))
            bound = WANTED.get(what)
            met = "" if bound is None else _met(np.median([m[0] for m in middle]), bound)
            said.append(f"{what} {values}{met}")
        lines.append(
            f"{LABELS[name].capitalize()}, median over {len(own)} cells of more than "
            f"{MANY_ROWS:,} rows, to 1, 1.05 and 1.2 times He's best: {'; '.join(said)}."
        )
    return lines


def _met(value: float, bound: float) -> str:
    return f" (wanted: at most {bound:.2f} at He's best, {'met' if value <= bound else 'MISSED'})"


def _ends(found: Sequence[Growth]) -> str:
    body = []
    for one in found:
        ours, he = (one.record["contenders"][name] for name in (one.name, REFERENCE))
        epochs = len(he["pairs"][0]["validation"]) - 1
        best = [pair["best_epoch"] for pair in he["pairs"]]
        body.append(
            [
                *_names(one),
                str(len(he["pairs"])),
                mean_error(ours, "start_rmse"),
                mean_error(ours),
                mean_error(he),
                f"{min(best)} to {max(best)} of {epochs}",
                _rates(ours),
                _rates(he),
            ]
        )
    head = ["set", "rows", "start", "seeds", "spline alone", "network", "He"]
    head += ["He's best epochs", "rates", "He's rates"]
    return tables.markdown(
        head,
        body,
        "Test RMSE at the best validation step, mean and standard error over seeds, each with the "
        "best of its own learning rates; a star marks one at the edge of the grid.",
    )


def _names(one: Growth) -> list[str]:
    return [one.set, f"{one.rows:,}", LABELS[one.name]]


def _rates(contender: Record) -> str:
    """The learning rates that validation chose, those at an edge of the grid marked."""
    grid = contender["settings"]["learning_rates"]
    chosen = sorted({pair["learning_rate"] for pair in contender["pairs"]})
    return ", ".join(f"{rate:g}{'*' * (rate in (grid[0], grid[-1]))}" for rate in chosen)


def _steps(found: Sequence[Growth]) -> str:
    body = [
        [
            *_names(one),
            f"{one.epoch:,}",
            *(_counted(steps) for steps in (one.head_start, one.reference[:, 0])),
            *(interval(column) for column in one.ratio().T),
        ]
        for one in found
    ]
    head = ["set", "rows", "start", "an epoch", "He's to the spline's loss", "He's to his best"]
    return tables.markdown(
        [*head, *_targets()],
        body,
        "Steps: of an epoch; He's to the validation loss of the spline alone, which is the head "
        "start, and to his own best. Then the steps from a spline to He's best and to multiples of "
        "it over his own to the same loss: median over seeds and its bootstrap interval. Losses "
        "are known at the ends of epochs alone, so all steps are whole epochs, rounded up.",
    )


def _counted(steps: np.ndarray) -> str:
    """The median of steps over seeds."""
    middle = np.median(steps)
    return "never" if np.isinf(middle) else f"{middle:,.0f}"


def _seconds(found: Sequence[Growth]) -> str:
    body = []
    for one in found:
        starts = [f"{value:.2g}" for value in one.start.values()]
        starts.append(f"{one.start['warm'] / (one.epoch * one.step):.2g}")
        he = one.reference_start["warm"] + np.median(one.reference[:, 0]) * one.step
        ratios = [median(column) for column in one.seconds().T]
        others = [one.seconds("cold"), one.seconds("warm", one.rates)]
        others.append(one.seconds("cold", one.rates))
        cells = [*starts, f"{1e6 * one.step:.0f}", f"{he:.2g}", *ratios]
        body.append([*_names(one), *cells, *(median(other[:, 0]) for other in others)])
    head = ["set", "rows", "start", "start, s", "cold, s", "in epochs", "step, µs", "He's best, s"]
    return tables.markdown(
        [*head, *_targets(), "fresh process", "grid", "grid, fresh process"],
        body,
        "Seconds of the processor, one thread: of a start, warm and in a fresh process with what "
        "it and training compile, and how many epochs of one run take as long as the warm one; of "
        "a step; until He's best. Then ratios to "
        "He's seconds, the start included: warm, to three targets; and to He's best in a fresh "
        "process, and for all rates of a grid, which share a start.",
    )


def _targets() -> list[str]:
    return [f"to {multiple:g}×" if multiple != 1 else "to He's best" for multiple in TARGETS]


def figure(records: Records) -> Any:
    """Steps and seconds to He's best over He's, against rows."""
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    from spline_fc.plots import look

    found = growths(records)
    with matplotlib.rc_context(look.STYLE):
        drawn = Figure((8, 3), layout=ConstrainedLayoutEngine(**look.GAPS))
        panels = drawn.subplots(1, 2, sharey=True)
        for place, key in enumerate(dict.fromkeys((one.set, one.name) for one in found)):
            own = [one for one in found if (one.set, one.name) == key]
            style = {
                "color": (look.BLUE, look.SKY, look.VERMILION, look.ORANGE)[place % 4],
                "linestyle": look.LINES[place % len(look.LINES)],
                "marker": look.MARKERS[place % len(look.MARKERS)],
                "label": f"{key[0]}, {LABELS[key[1]]}",
            }
            for ax, measure in zip(panels, (Growth.ratio, Growth.seconds), strict=True):
                middle = [np.median(measure(one)[:, 0]) for one in own]
                middle = [max(value, NONE_AT) if np.isfinite(value) else np.nan for value in middle]
                ax.plot([one.rows for one in own], middle, **style)
        rows, ratios = [found[0].rows], (0.1, 0.33, 1, 3)
        for count in sorted({one.rows for one in found}):
            rows += [count] if count > 1.5 * rows[-1] else []  # labels must not meet
        for ax, what in zip(panels, ("Steps", "Seconds, start included"), strict=True):
            ax.axhline(1, color=look.MUTED, linewidth=0.8)
            ax.axhline(WANTED[what.split(",")[0].lower()], color=look.MUTED, linewidth=0.8, ls=":")
            ax.set(xscale="log", yscale="log", xlabel="training rows", title=what)
            ax.set_xticks(rows, [f"{count / 1000:g} k" for count in rows])
            ax.set_yticks([NONE_AT, *ratios], ["0", *(f"{ratio:g}" for ratio in ratios)])
            ax.minorticks_off()
        panels[0].set_ylabel("to He's best loss, over He's")
        panels[1].legend(loc="lower left")
    return drawn
