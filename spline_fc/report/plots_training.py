"""Figures of training: losses over steps and over seconds, starts over several runs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullLocator

from spline_fc.analysis import PairedRatio
from spline_fc.printing import shortened, significant
from spline_fc.report import figures as fig
from spline_fc.report.rows import Contest, Row
from spline_fc.workdir import Workdir

COLUMNS = ("epoch", "step", "seconds", "validation_loss")


def convergence(work: Workdir, rows: Sequence[Row]) -> fig.Picture:
    """Validation loss over steps and over seconds, one line per seed and their median."""
    figure, axes = fig.panels(2, 2, 3.7, left=0.62, right=1.15, bottom=0.5, top=0.42, gap=0.4)
    labels: list[tuple[float, str, Any]] = []
    numbers = []
    for index, row in enumerate(row for row in rows if row.init):
        curves, look = work.curves(row.init), fig.look(index)
        if not curves:
            continue
        losses = [history.validation_loss for history in curves.values()]
        _lines(axes[0], [history.step for history in curves.values()], losses, look)
        end = _lines(axes[1], [history.seconds for history in curves.values()], losses, look)
        labels.append((end, row.name, look["color"]))
        names = {run["seed"]: run["run"] for run in work.chosen(row.init)}
        numbers += [
            {"run": names[seed], **{key: getattr(history, key) for key in COLUMNS}}
            for seed, history in curves.items()
        ]
    alone = next((row for row in rows if not row.init), None)
    if alone is not None and np.isfinite(alone.validation_loss).any():
        level = float(np.nanmean(alone.validation_loss))
        labels.append((level, alone.name, fig.INK))
        for ax in axes:
            ax.axhline(level, color=fig.INK, linewidth=0.9, linestyle=(0, (2, 2)), zorder=1)
    _loss_axes(axes, work)
    _end_labels(axes[1], labels)
    axes[0].set_title("over training steps")
    axes[1].set_title("over seconds, the start included")
    return fig.Picture(
        "convergence",
        "Validation loss while training",
        "Thin lines are seeds, the strong line their median; the marker is the best epoch of the "
        "median. The dotted level is the spline without any training. Seconds include all that a "
        "start does but no compilation; runs that were trained together share their time evenly.",
        figure,
        fig.stacked(numbers),
    )


def sweep(contests: Sequence[Contest]) -> fig.Picture:
    """Every start against the reference, one line per workdir: error, steps and seconds."""
    titles = list(dict.fromkeys(c.title for c in contests))
    starts = list(dict.fromkeys(c.start for c in contests))
    values = {
        "difference_percent": np.array([100 * np.array(c.against.relative) for c in contests]),
        "ratio_of_steps": np.array([_ends(c.against.steps) for c in contests]),
        "ratio_of_seconds": np.array([_ends(c.against.seconds) for c in contests]),
    }
    margins = {"left": 1.5, "bottom": 0.5, "top": 0.62, "gap": 0.4}
    figure, axes = fig.panels(3, 3, 1.0 + 0.32 * len(titles), **margins)
    height = 0.7 / len(starts)
    for ax, found in zip(axes, values.values(), strict=True):
        drawn = np.where(np.isfinite(found), found, np.nan)
        for index, start in enumerate(starts):
            own = [i for i, c in enumerate(contests) if c.start == start]
            y = np.array([-titles.index(contests[i].title) for i in own], float)
            y -= (index - (len(starts) - 1) / 2) * height
            marker, colour = (fig.look(index)[key] for key in ("marker", "color"))
            ax.hlines(y, *drawn[own, 1:].T, color=colour, linewidth=1.4)
            ax.plot(drawn[own, 0], y, marker, color=colour, markersize=5, label=start)
        ax.set_yticks([-i for i in range(len(titles))], [""] * len(titles))
        ax.set_ylim(0.6 - len(titles), 0.6)
    axes[0].set_yticklabels([shortened(title, 20) for title in titles])
    above: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0.35, 1.0)}
    axes[0].legend(ncols=len(starts), handlelength=1, **above)
    _sweep_axes(axes, contests[0].reference)
    ends = {
        f"{name}{end}": column
        for name, found in values.items()
        for end, column in zip(("", "_low", "_high"), found.T, strict=True)
    }
    return fig.Picture(
        "sweep",
        "Every start against the reference",
        "One line per workdir: means of the paired differences and medians of the paired ratios, "
        "with 95 % bootstrap intervals over seeds, from three seeds on. Left of the dark line is "
        "better. A start without a mark never arrived, or was not measured.",
        figure,
        {"runs": [c.title for c in contests], "start": [c.start for c in contests], **ends},
    )


def _ends(found: PairedRatio | None) -> tuple[float, float, float]:
    return tuple(found.median) if found is not None and found.pairs else (float("nan"),) * 3


def _sweep_axes(axes: list[Axes], reference: str) -> None:
    labels = (f"difference to {reference}'s, % of it", *(f"over {reference}'s",) * 2)
    titles = ("test error", "steps to its best", "seconds to its best")
    for ax, title, label, par in zip(axes, titles, labels, (0, 1, 1), strict=True):
        ax.axvline(par, color=fig.INK, linewidth=0.9)
        ax.grid(True, axis="x", color=fig.HAIR, linewidth=0.5)
        ax.set(title=title, xlabel=label)
    for ax in axes[1:]:  # ratios of 0, there before the first step, must have a place
        ax.set_xscale("symlog", linthresh=0.01, linscale=0.5)
        ax.set_xlim(0, None)
        ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: significant(v, 1)))
        ax.xaxis.set_minor_locator(NullLocator())


def _lines(
    ax: Axes, places: list[np.ndarray], losses: list[np.ndarray], look: dict[str, Any]
) -> float:
    """Draws seeds and their median; returns where the median ends."""
    colour = look["color"]
    for x, y in zip(places, losses, strict=True):
        ax.plot(x, y, color=colour, linewidth=0.7, alpha=0.3, zorder=2)
    size = min(y.size for y in losses)
    x, y = (np.median([line[:size] for line in lines], axis=0) for lines in (places, losses))
    ax.plot(x, y, color=colour, linestyle=look["linestyle"], linewidth=2.0, zorder=3)
    if np.isfinite(y).any():
        best = int(np.nanargmin(y))
        dot = {"color": colour, "markersize": 6, "markeredgecolor": "white"}
        ax.plot(x[best], y[best], look["marker"], zorder=4, **dot)
    return float(y[-1])


def _loss_axes(axes: list[Axes], work: Workdir) -> None:
    steps = [h.step[1] for h in work.histories.values() if h.step.size > 1]
    if steps:
        # Step 0 has no place on a logarithm: the first epoch is drawn linearly.
        axes[0].set_xscale("symlog", linthresh=max(min(steps), 1.0), linscale=0.35)
    axes[0].xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.0f}"))
    axes[0].xaxis.set_minor_locator(NullLocator())
    axes[0].set(xlabel="training steps", ylabel="validation loss")
    axes[1].set(xlabel="seconds", xlim=(0, None))
    for ax in axes:
        ax.set_yscale("log")
        ax.grid(True, axis="y", color=fig.HAIR, linewidth=0.5)
        ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: significant(v, 1)))
        ax.yaxis.set_minor_formatter(FuncFormatter(lambda v, _: _between(v)))
        ax.tick_params(axis="y", which="minor", labelsize=6.5)
    axes[0].set_xlim(0, None)
    axes[1].set_ylim(axes[0].get_ylim())


def _between(value: float) -> str:
    leading = f"{value:e}"[0]
    return significant(value, 1) if leading in "25" else ""


def _end_labels(ax: Axes, labels: list[tuple[float, str, Any]]) -> None:
    known = [label for label in labels if np.isfinite(label[0]) and label[0] > 0]
    if not known:
        return
    low, high = np.log(ax.get_ylim())
    places = [(np.log(level) - low) / (high - low) for level, _, _ in known]
    for place, (_, name, colour) in zip(fig.spread_labels(places, 0.055), known, strict=True):
        style = {"color": colour, "va": "center", "fontweight": "bold", "fontsize": 8.5}
        ax.text(1.02, place, name, transform=ax.transAxes, **style)
