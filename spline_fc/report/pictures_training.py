"""The figures of how starts trained: what each is called, says of itself, and shows in numbers."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spline_fc import plots
from spline_fc.analysis import Interval, PairedRatio
from spline_fc.plots import look
from spline_fc.report import figures as fig
from spline_fc.report.rows import Contest, Row
from spline_fc.workdir import Workdir

CURVE = ("epoch", "step", "seconds")
MOST_MARKS = 6  # starts on a line
MOST_LINES = 30  # cells that have a line each in the figure of a sweep


def convergence(work: Workdir, rows: Sequence[Row], word: str) -> fig.Picture:
    """Validation loss, under its name, over steps and over seconds: seeds and their median."""
    alone = next((row for row in rows if not row.init), None)
    levels = {}
    if alone is not None and np.isfinite(alone.validation_loss).any():
        levels[alone.name] = float(np.nanmean(alone.validation_loss))
    figure, numbers = _curves(work, rows, "loss", f"validation {word}", levels)
    return fig.Picture(
        "convergence",
        f"Validation {word} while training",
        "Thin lines are seeds, the strong line their median; the marker is the best epoch of the "
        "median. The dotted level is the spline without any training. Seconds include all that a "
        "start does but no compilation; runs that were trained together share their time evenly.",
        figure,
        numbers,
    )


def accuracy(work: Workdir, rows: Sequence[Row]) -> fig.Picture:
    """Validation accuracy over steps and over seconds, as `convergence` draws the log loss."""
    figure, numbers = _curves(work, rows, "accuracy", "validation accuracy", {})
    return fig.Picture(
        "accuracy",
        "Validation accuracy while training",
        "The same runs: the share of validation rows whose most probable class is the true one. "
        "The marker is the highest of the median; which epoch is kept the log loss decides.",
        figure,
        numbers,
    )


def _curves(
    work: Workdir, rows: Sequence[Row], measure: str, name: str, levels: Mapping[str, float]
) -> tuple[Figure, dict[str, np.ndarray]]:
    """A validation curve of every run, over steps and over seconds, and its numbers."""
    curves = {row.name: list(work.curves(row.init).values()) for row in rows if row.init}
    steps, seconds = fig.panels(2, columns=2, height=3.7, share_y=True)
    options: dict[str, Any] = {"levels": levels, "measure": measure}
    plots.convergence(curves, names=False, ax=steps, **options)
    plots.convergence(curves, over="seconds", ax=seconds, **options)
    place = seconds.get_subplotspec()
    is_first = place is None or place.is_first_col()
    look.label(steps, title="over training steps", y=name)
    look.label(seconds, title="over seconds, the start included", y=name if is_first else "")
    if not is_first:
        seconds.set_ylabel("")
    numbers, field = [], f"validation_{measure}"
    for init in (row.init for row in rows if row.init):
        names = {run["seed"]: run["run"] for run in work.chosen(init)}
        numbers += [
            {"run": names[seed], **{key: getattr(history, key) for key in (*CURVE, field)}}
            for seed, history in work.curves(init).items()
        ]
    return fig.figure_of(steps), fig.stacked(numbers)


def sweep(contests: Sequence[Contest]) -> fig.Picture:
    """Every start against the reference: error, steps and seconds; a line per cell, if few."""
    reference, titles = contests[0].reference, dict.fromkeys(c.title for c in contests)
    found = {
        "difference_percent": [Interval(*(100 * v for v in c.against.relative)) for c in contests],
        "ratio_of_steps": [_median(c.against.steps) for c in contests],
        "ratio_of_seconds": [_median(c.against.seconds) for c in contests],
    }
    about = (
        ("test error", f"difference to {reference}'s, % of it", 0),
        ("steps to its best", f"over {reference}'s", 1),
        ("seconds to its best", f"over {reference}'s", 1),
    )
    starts = dict.fromkeys(c.start for c in contests)
    turned = len(starts) > max(len(titles), MOST_MARKS)
    many = not turned and len(titles) > MOST_LINES
    height = 3.4 if many else 1.1 + 0.32 * len(starts if turned else titles)
    axes = fig.panels(3, columns=3, height=height, share_y=True)
    draw = _shares if many else functools.partial(_lines, turned=turned)
    for ax, values, (title, x, par) in zip(axes, found.values(), about, strict=True):
        draw(contests, values, par, ax)
        look.label(ax, title=title, x=x)
    if many:
        look.label(axes[0], y="share of the cells, %")
    look.legend(axes[0])
    ends = {
        f"{name}{end}": column
        for name, values in found.items()
        for end, column in zip(("", "_low", "_high"), np.array(values).T, strict=True)
    }
    shown = (
        "The share of the cells in which a mean of the paired differences, or a median of the "
        "paired ratios, is at most so much. Left of the dark line is better. A curve that ends "
        "below 100 % belongs to a start that did not arrive everywhere."
        if many
        else f"One line per {'start' if turned else 'cell'}: means of the paired differences and "
        "medians of the paired ratios, with 95 % bootstrap intervals over seeds, from three seeds "
        "on. Left of the dark line is better. Where a mark is missing a start never arrived, or "
        "was not measured."
    )
    return fig.Picture(
        "sweep",
        "Every start against the reference",
        shown,
        fig.figure_of(axes[0]),
        {"runs": [c.title for c in contests], "start": [c.start for c in contests], **ends},
    )


def _lines(
    contests: Sequence[Contest], values: Sequence[Interval], par: int, ax: Axes, *, turned: bool
) -> None:
    """A line per cell and a mark per start, or the other way round where starts are many."""
    rows: dict[str, dict[str, Interval]] = {}
    for contest, value in zip(contests, values, strict=True):
        line, mark = (contest.title, contest.start)[:: -1 if turned else 1]
        rows.setdefault(line, {})[mark] = value
    plots.intervals(rows, par=par, logarithmic=par == 1, ax=ax)


def _shares(contests: Sequence[Contest], values: Sequence[Interval], par: int, ax: Axes) -> None:
    """A curve per start: in what share of the cells its value is at most so much."""
    for index, start in enumerate(dict.fromkeys(c.start for c in contests)):
        pairs = zip(contests, values, strict=True)
        own = np.sort([value.value for contest, value in pairs if contest.start == start])
        known = own[~np.isnan(own)]  # one that never arrived is infinite, and counts
        finite = known[np.isfinite(known)]
        share = 100 * np.arange(1, finite.size + 1) / max(known.size, 1)
        line = {key: look.contender(index)[key] for key in ("color", "linestyle")}
        ax.step(finite, share, where="post", label=start, linewidth=1.4, **line)
    ax.axvline(par, color=look.INK, linewidth=0.9, zorder=1)
    ax.set_ylim(0, 101)
    ax.grid(True, color=look.HAIR, linewidth=0.5)
    if par == 1:
        look.ratios(ax)


def _median(found: PairedRatio | None) -> Interval:
    known = found is not None and found.pairs
    return found.median if found is not None and known else Interval(*(float("nan"),) * 3)
