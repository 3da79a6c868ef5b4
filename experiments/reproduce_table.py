"""The records of `experiments.reproduce` as markdown tables, as sentences and as figures."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

import spline_fc as sfc
from experiments.bake_off_table import first
from experiments.benchmarks import machine, tables
from experiments.reproduce_readout import ALONE, BEFORE
from spline_fc import files
from spline_fc.analysis import Comparison, History, PairedRatio, bootstrap, compare, paired_ratio
from spline_fc.plots import look
from spline_fc.printing import NONE, significant
from spline_fc.protocol import SPLINE
from spline_fc.report.formats import display_name, mean_error, ratio

Record = Mapping[str, Any]
HE = "he_normal"
FIELDS = ("rmse", "clipped_rmse")  # of a readout
CLOCKS = ("warm", "cold")  # of Reached
LEAST_ERROR = 5e-4  # below which nobody reads the standard error of a measure
TARGETS = (1.05, 1.0)  # multiples of He's best validation loss
# Models in the order of a readout's table, and the words for each.
READ = {
    ALONE: "spline alone",
    f"{SPLINE}, {BEFORE}": "network before training",
    SPLINE: "trained on, free",
    "masked": "trained on, masked",
    "penalised": "trained on, penalised",
    f"{HE}, {BEFORE}": "He before training",
    HE: "He, trained",
    "glorot_uniform": "Glorot, trained",
}
MEASURES = {
    "additive": "additive share",
    "on_axis": "units on their axis",
    "drift": "way of knots",
    "agreement": "importance agrees",
    "terms": "terms",
    "distilled_share": "share of its spline",
    "clipped_rmse": "test RMSE",
    "distilled_rmse": "that of its spline",
}


class Reached(NamedTuple):
    """What it took a contender to reach a multiple of He's best validation loss; (s,) per split."""

    steps: np.ndarray  # inf for never
    warm: np.ndarray  # seconds, the start included
    cold: np.ndarray  # with all that is compiled; nan where it was not measured


def read(folder: pathlib.Path) -> list[dict[str, Any]]:
    """Reads the records of a folder, Abalone first, then the wines by their number of rows.

    Raises:
      ValueError: there is none.
    """
    records = [files.read_json(path) for path in sorted(folder.glob("*.json"))]
    if not records:
        raise ValueError(f"--table must name a folder of records; {folder} holds none.")
    return sorted(records, key=lambda r: (r["set"].startswith("wine"), sum(r["sizes"])))


def markdown(records: Sequence[Record]) -> str:
    """All tables and sentences."""
    return "\n\n".join(make(records) for make in TABLES.values())


def reached(record: Record, name: str, multiple: float = 1.0) -> Reached:
    """Counts steps and seconds to a multiple of He's best validation loss of the same split.

    Args:
      record: of one set.
      name: of a contender.
      multiple: of the loss.
    """
    own, he = record["contenders"][name], record["contenders"][HE]
    epochs = np.array(
        [
            first(pair["validation"], multiple * min(its["validation"]))
            for pair, its in zip(own["pairs"], he["pairs"], strict=True)
        ]
    )
    steps = epochs * own["steps_per_epoch"]
    cost = _costs(record, name)
    training = steps * cost["step"]
    return Reached(steps, cost["start"] + training, cost["cold_start"] + cost["compile"] + training)


def _costs(record: Record, name: str) -> dict[str, float]:
    """Median seconds of a contender, nan where it was not timed."""
    found = record["costs"].get(name, {})
    whats = ("cold_start", "compile", "start", "step")
    return {what: float(np.median(found.get(what, np.nan))) for what in whats}


def errors_of(record: Record, name: str, field: str = "rmse") -> np.ndarray:
    """Test errors of a model of a readout, (s,) one per split.

    Args:
      record: of one set.
      name: a contender, or "spline alone".
      field: "rmse", or "clipped_rmse" on rows within the range of the training rows.
    """
    return np.array(record["readout"][name][field])


def _views(records: Sequence[Record]) -> list[tuple[str, Record, str]]:
    """Sets with the field of their errors; twice where clipping changes a mean by 1 %."""
    found = []
    for record in records:
        found.append((record["set"], record, "rmse"))
        means = [[errors_of(record, n, f).mean() for f in FIELDS] for n in record["contenders"]]
        if any(abs(plain / clipped - 1) > 0.01 for plain, clipped in means):
            found.append((f"{record['set']}, clipped", record, "clipped_rmse"))
    return found


def errors(records: Sequence[Record]) -> str:
    """Test RMSE of every contender and of what is no network."""
    names = list(records[0]["contenders"])
    body = [
        [
            label,
            f"{sum(record['sizes'])}",
            ", ".join(_rates(record, name) for name in (SPLINE, HE)),
            _linear(record) if field == FIELDS[0] else NONE,
            *(mean_error(errors_of(record, name, field)) for name in (ALONE, *names)),
        ]
        for label, record, field in _views(records)
    ]
    return tables.markdown(
        ["set", "rows", "rates", "linear", "spline alone", *map(display_name, names)],
        body,
        f"Test RMSE, mean ± standard error over {_splits(records)} random splits. Rates: those "
        f"that most splits chose for spline and He, out of {_grid(records)}. Clipped: every column "
        "of the test rows pulled in to the range of the training rows.",
    )


def costs(records: Sequence[Record]) -> str:
    """Seconds of a start and of a step, one run alone."""
    head = ["set", "start", "start, warm", "start, cold", "compiling the training", "a step"]
    body = []
    for record in records:
        for name in record["costs"]:
            cost = _costs(record, name)
            times = (cost[what] for what in ("start", "cold_start", "compile"))
            shown = [f"{significant(seconds, 2)} s" for seconds in times]
            step = f"{significant(1e6 * cost['step'], 2)} µs"
            body.append([record["set"], display_name(name), *shown, step])
    return tables.markdown(
        head,
        body,
        f"Medians of {len(records[0]['costs'][SPLINE]['start'])} fresh processes, the two starts "
        "in turn. Cold: nothing was compiled before; a start holds fit, shrinking, conversion and "
        f"reshaping. {machine.sentence(records[0])} The machine was shared with other work.",
    )


def convergence(records: Sequence[Record]) -> str:
    """What it took every start to come to He's best validation loss."""
    head = ["set", "start", *(f"steps to {_times(m)}, over He's" for m in TARGETS)]
    head += [f"s to {_times(m)}, {c}" for m in TARGETS for c in CLOCKS]
    head += ["never at He's best"]
    body = []
    for record in records:
        for name in record["contenders"]:
            found, he = (
                [reached(record, one, multiple) for multiple in TARGETS] for one in (name, HE)
            )
            steps = [_steps(*pair, name) for pair in zip(found, he, strict=True)]
            times = [NONE] * 4
            if name != HE and name in record["costs"]:
                pairs = [(*pair, c) for pair in zip(found, he, strict=True) for c in CLOCKS]
                times = [_median_ratio(*pair) for pair in pairs]
            missed = np.isinf(found[-1].steps)
            never = f"{missed.sum()} of {missed.size}"
            body.append([record["set"], display_name(name), *steps, *times, never])
    return tables.markdown(
        head,
        body,
        "He's best validation loss of the same split, at He's own best rate. Median steps, and "
        "the median of the paired ratios with its 95 % interval; ratios of seconds hold the start, "
        "cold ones all that is compiled.",
    )


def readouts(records: Sequence[Record]) -> str:
    """What can be read off networks, a table for each set."""
    parts = [
        "Means ± standard errors over splits. Additive share: of the variance of the predictions, "
        "that the shape functions carry. Units on their axis: with 0.9 of their weight on one "
        "feature, of the spline's own hinges, or of all units of a random start. Way of knots: "
        "median, in inter-quartile ranges. Importance agrees: rank correlation with that for the "
        "spline alone. Terms: of the spline itself, or of one that is distilled from the network, "
        "with the share of the network's variance on test rows that it explains and its own error; "
        "test rows are clipped."
    ]
    for record in records:
        own = {name: record["readout"][name] for name in READ if name in record["readout"]}
        body = [
            [READ[name], *(_measure(found.get(measure)) for measure in MEASURES)]
            for name, found in own.items()
        ]
        parts.append(f"**{record['set']}**")
        parts.append(tables.markdown(["", *MEASURES.values()], body))
    return "\n\n".join(parts)


def verdicts(records: Sequence[Record]) -> str:
    """What the paired comparisons of test errors say, a line for each question."""
    asked = {
        "Is the spline, trained on, better than He?": (SPLINE, HE),
        "Is it better than Glorot?": (SPLINE, "glorot_uniform"),
        "Does training on pay at all?": (SPLINE, ALONE),
        "Is the spline alone better than He's network?": (ALONE, HE),
        "Does the mask cost error?": ("masked", SPLINE),
        "Does the pull to the start cost error?": ("penalised", SPLINE),
    }
    views = _views(records)
    body = [
        [question, *(_verdict(_compared(record, *pair, field)) for _, record, field in views)]
        for question, pair in asked.items()
        if set(pair) <= set(records[0]["readout"])
    ]
    return tables.markdown(
        ["", *(label for label, _, _ in views)],
        body,
        "Difference of mean test RMSE, of the error of the second, with p of the paired t test; "
        "below zero the first is better, and bold is p below 0.05. Splits share rows, so p is "
        "somewhat too small, and nothing is corrected for the number of questions.",
    )


def curves(records: Sequence[Record]) -> Figure:
    """Validation losses of spline and He over steps, and over seconds with the start included."""
    figure = Figure(figsize=(8, 3.7), layout=ConstrainedLayoutEngine(**look.GAPS))
    grid = figure.subplots(2, len(records), squeeze=False)
    for column, record in enumerate(records):
        for row, over in enumerate(("step", "seconds")):
            ax, last = grid[row][column], column == len(records) - 1
            sfc.plots.convergence(_histories(record), over=over, names=last, ax=ax)
            ax.set(ylabel=ax.get_ylabel() if column == 0 else "")
            if row == 0:
                ax.set_title(record["set"])
    return figure


def additive(records: Sequence[Record]) -> Figure:
    """How much of each network curves can tell: its shape functions, and a distilled spline."""
    shown = (SPLINE, "masked", "penalised", HE, "glorot_uniform")
    figure = Figure(figsize=(8, 2.8), layout=ConstrainedLayoutEngine(**look.GAPS))
    panels = {"additive": "shape functions carry", "distilled_share": "a distilled spline explains"}
    for ax, (field, words) in zip(figure.subplots(1, 2), panels.items(), strict=True):
        values = {
            record["set"]: {
                display_name(name): bootstrap(np.array(record["readout"][name][field]))
                for name in shown
                if name in record["readout"]
            }
            for record in records
        }
        sfc.plots.intervals(values, par=1.0, ax=ax)
        ax.set_xlabel(f"share of the variance that {words}")
    ax.set_yticklabels([])
    figure.legend(*ax.get_legend_handles_labels(), loc="outside upper right", ncols=len(shown))
    return figure


def _histories(record: Record) -> dict[str, list[History]]:
    """Quartiles over splits, epoch by epoch, of the free spline and of He."""
    found: dict[str, list[History]] = {}
    for name in (SPLINE, HE):
        own, cost = record["contenders"][name], _costs(record, name)
        losses = [pair["validation"] for pair in own["pairs"]]
        epochs = min(map(len, losses))  # a run that diverged ends sooner
        quartiles = np.quantile([loss[:epochs] for loss in losses], (0.25, 0.5, 0.75), axis=0)
        epoch, none = np.arange(epochs, dtype=float), np.full(epochs, np.nan)
        steps = epoch * own["steps_per_epoch"]
        clock = cost["start"] + steps * cost["step"]
        found[display_name(name)] = [
            History(epoch, steps, none, loss, *[none] * 4, clock) for loss in quartiles
        ]
    return found


def _compared(record: Record, ours: str, theirs: str, field: str) -> Comparison:
    return compare(errors_of(record, ours, field), errors_of(record, theirs, field))


def _verdict(found: Comparison) -> str:
    sign = "−" if found.relative.value < 0 else "+"
    said = f"{sign}{abs(100 * found.relative.value):.1f} % (p {_p_value(found)})"
    return f"**{said}**" if found.verdict else said


def _p_value(found: Comparison) -> str:
    return NONE if np.isnan(found.p_value) else f"{found.p_value:.2g}"


def _median_ratio(ours: Reached, theirs: Reached, field: str) -> str:
    found: PairedRatio = paired_ratio(getattr(ours, field), getattr(theirs, field))
    return ratio(found) or NONE


def _steps(ours: Reached, theirs: Reached, name: str) -> str:
    middle = np.median(ours.steps)
    said = "never" if np.isinf(middle) else f"{middle:.0f}"
    return said if name == HE else f"{said}, {_median_ratio(ours, theirs, 'steps')}"


def _times(multiple: float) -> str:
    return "He's best" if multiple == 1 else f"{multiple:g} × He's best"


def _splits(records: Sequence[Record]) -> int:
    return len(records[0]["contenders"][SPLINE]["pairs"])


def _grid(records: Sequence[Record]) -> str:
    return ", ".join(f"{rate:g}" for rate in records[0]["config"]["learning_rates"])


def _rates(record: Record, name: str) -> str:
    """The learning rate that most splits chose."""
    rates = [pair["learning_rate"] for pair in record["contenders"][name]["pairs"]]
    return f"{max(set(rates), key=rates.count):g}"


def _linear(record: Record) -> str:
    return mean_error([scores["rmse"] for scores in record["linear"]])


def _measure(values: Sequence[float | None] | None) -> str:
    known = [value for value in values or () if value is not None]
    if not known:
        return NONE
    error = np.std(known, ddof=1) / np.sqrt(len(known)) if len(known) > 1 else 0.0
    return mean_error(known) if error >= LEAST_ERROR else f"{np.mean(known):.3f}"


TABLES = {  # by their names on the page
    "errors": errors,
    "questions": verdicts,
    "costs": costs,
    "convergence": convergence,
    "readout": readouts,
}
