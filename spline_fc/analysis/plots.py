"""The figures of a report, each a function from records to a Picture."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from spline_fc.analysis import figures as fig
from spline_fc.analysis.knots import KnotDrift
from spline_fc.analysis.shapes import Curve
from spline_fc.analysis.tables import Row, display_name, significant
from spline_fc.analysis.workdir import Rows, Workdir

COLUMNS = 4
MOST_PANELS = 12  # further features are in the CSV


def convergence(work: Workdir, rows: Sequence[Row]) -> fig.Picture:
    """Validation loss over steps and over seconds, one line per seed and their median.

    Args:
      work: with at least one history.
      rows: of the main table.

    Returns:
      Picture; its numbers are one line per run and epoch.
    """
    figure, axes = fig.panels(2, 2, 3.7, left=0.62, right=1.15, bottom=0.5, top=0.42, gap=0.4)
    trained = [row for row in rows if row.init]
    labels: list[tuple[float, str, Any]] = []
    numbers: dict[str, list] = {
        k: [] for k in ("run", "epoch", "step", "seconds", "validation_loss")
    }
    for index, row in enumerate(trained):
        paths = _paths(work, row, numbers)
        if not paths:
            continue
        look = fig.look(index)
        for ax, column in zip(axes, (0, 1), strict=True):
            end = _lines(ax, [(path[column], path[2]) for path in paths], look)
        labels.append((end, row.name, look["color"]))
    alone = next((row for row in rows if not row.init), None)
    if alone is not None and np.isfinite(alone.validation_loss).any():
        level = float(np.nanmean(alone.validation_loss))
        labels.append((level, alone.name, fig.INK))
        for ax in axes:
            ax.axhline(level, color=fig.INK, linewidth=0.9, linestyle=(0, (2, 2)), zorder=1)
    _loss_axes(axes, work)
    _end_labels(axes[1], labels)
    axes[0].set_title("over training steps")
    axes[1].set_title("over seconds, the spline fit included")
    return fig.Picture(
        "convergence",
        "Validation loss while training",
        "Thin lines are seeds, the strong line their median; the marker is the best epoch of the "
        "median. The dotted level is the spline without any training. Seconds include compilation, "
        "and runs that were trained together share their time evenly.",
        figure,
        numbers,
    )


def knot_drift(drift: KnotDrift, rows: Rows) -> fig.Picture:
    """Knots per feature at the start and at the end, over the density of the data.

    Args:
      drift: in raw units.
      rows: the data it was measured on.

    Returns:
      Picture; its numbers are one line per unit.
    """
    counts = np.bincount(drift.feature, weights=drift.aligned, minlength=rows.x.shape[1])
    order = [int(v) for v in np.argsort(-counts, kind="stable") if counts[v] > 0][:MOST_PANELS]
    columns = _columns(len(order))
    figure, axes = fig.panels(max(len(order), 1), columns, 1.75, left=0.55)
    raw = rows.x * rows.scaler.x_scale + rows.scaler.x_shift
    for i, (ax, feature) in enumerate(zip(axes, order, strict=False)):
        _knot_panel(ax, drift, feature, raw[:, feature])
        ax.set_title(shortened(rows.feature_names[feature], 15))
        ax.set_yticks((0.76, 0.28), ("start", "end") if i % columns == 0 else ("", ""))
    names = np.array(rows.feature_names)[drift.feature]
    return fig.Picture(
        "knot_drift",
        "Where training moved the knots",
        "Each line is one hidden unit on its home feature, from its knot in the spline (open) to "
        "its knot after training (filled). A marker points to the side on which the unit is "
        "active; heavier lines carry more slope. The grey area is the data.",
        figure,
        {"feature_name": names, **drift._asdict()},
    )


def alignment(drifts: dict[str, KnotDrift], min_alignment: float) -> fig.Picture:
    """Distributions over units: alignment after training, and share of rows that flipped.

    Args:
      drifts: by initialisation, in contender order.
      min_alignment: the threshold below which a unit has no knot.

    Returns:
      Picture; its numbers are one line per unit.
    """
    figure, axes = fig.panels(2, 2, 3.1, left=0.62, bottom=0.5, top=0.42, gap=0.75)
    numbers: dict[str, list] = {k: [] for k in ("init", "unit", "alignment_before",
                                                "alignment_after", "flipped")}  # fmt: skip
    for index, (init, drift) in enumerate(drifts.items()):
        look, name = fig.look(index), display_name(init)
        line = {"color": look["color"], "linestyle": look["linestyle"], "linewidth": 1.8}
        pale = {"color": look["color"], "linewidth": 0.9, "alpha": 0.45}
        _cumulative(axes[0], drift.alignment_before, label=f"{name}, start", **pale)
        _cumulative(axes[0], drift.alignment_after, label=f"{name}, end", **line)
        _cumulative(axes[1], drift.flipped, label=name, **line)
        size = drift.unit.size
        numbers["init"] += [init] * size
        for key in ("unit", "alignment_before", "alignment_after", "flipped"):
            numbers[key] += getattr(drift, key).tolist()
    axes[0].axvline(min_alignment, color=fig.MUTED, linewidth=0.8, linestyle=(0, (1, 2)))
    axes[0].set(xlim=(0, 1.02), xlabel="alignment of a unit with its home feature, |w_v| / |w|")
    axes[1].set(xlim=(0, None), xlabel="share of rows on which a unit's activation changed")
    axes[0].set_title("how many units stay on their axis")
    axes[1].set_title("how much the activation pattern changed")
    for ax in axes:
        ax.set(ylim=(0, 1.02), ylabel="share of units at or below")
        ax.legend(frameon=False, fontsize=7.5, loc="best", handlelength=3)
    return fig.Picture(
        "alignment",
        "Which units left their axis",
        f"Cumulative shares of first-layer units. Left of the dotted line (alignment below "
        f"{min_alignment:g}) a unit mixes features and has no knot; such units are counted, never "
        "averaged.",
        figure,
        numbers,
    )


def shapes(before: list[Curve], after: list[Curve], rows: Rows, index: int = 0) -> fig.Picture:
    """Shape functions before and after training, the most influential features first.

    Args:
      before, after: one Curve per feature, same features, in standardised units, centred.
      rows: the data they were averaged over.
      index: which output.

    Returns:
      Picture; its numbers are one line per feature and grid point, in raw units.
    """
    reach = [max(np.ptp(b.value[:, index]), np.ptp(a.value[:, index]))
             for b, a in zip(before, after, strict=True)]  # fmt: skip
    order = [int(i) for i in np.argsort(reach)[::-1]]
    columns = _columns(len(order))
    figure, axes = fig.panels(min(len(order), MOST_PANELS), columns, 1.95, left=0.55, gap=0.3)
    numbers: dict[str, list] = {k: [] for k in ("feature_name", "when", "x", "effect")}
    scale = rows.scaler.y_scale[index]
    bound = (
        1.12
        * scale
        * max(np.abs(c.value[:, index]).max() for i in order for c in (before[i], after[i]))
    )
    for place, i in enumerate(order):
        lines = [_raw_curve(c, rows, index) for c in (before[i], after[i])]
        for when, (x, y) in zip(("before", "after"), lines, strict=True):
            numbers["feature_name"] += [rows.feature_names[before[i].feature]] * x.size
            numbers["when"] += [when] * x.size
            numbers["x"] += x.tolist()
            numbers["effect"] += y.tolist()
        if place < len(axes):
            _shape_panel(axes[place], lines, rows, before[i].feature)
            axes[place].set_ylim(-bound, bound)
            if place % columns:
                axes[place].set_yticklabels([])
    return fig.Picture(
        "shapes",
        "What the model does with each feature",
        f"Effect on {rows.target_names[index]}, centred, all panels on one scale: the spline "
        "network before training (dashed) and after it (solid). The grey area is the data.",
        figure,
        numbers,
    )


def shortened(name: str, limit: int = 22) -> str:
    """Cuts a long feature name for a panel title."""
    return name if len(name) <= limit else name[: limit - 1] + "…"


def _paths(work: Workdir, row: Row, numbers: dict[str, list]) -> list[tuple]:
    """(steps, seconds, loss) per seed of a contender, also filed in `numbers`."""
    paths = []
    for run in work.chosen(row.init):
        history = work.histories.get(run["run"])
        if history is None or run.get("diverged"):
            continue
        last = max(float(history.step[-1]), 1.0)
        fit = float(run.get("fit_seconds") or 0.0)
        seconds = fit + float(run.get("train_seconds") or np.nan) * history.step / last
        paths.append((history.step, seconds, history.validation_loss))
        numbers["run"] += [run["run"]] * history.step.size
        numbers["seconds"] += seconds.tolist()
        for key in ("epoch", "step", "validation_loss"):
            numbers[key] += getattr(history, key).tolist()
    return paths


def _lines(ax: Axes, paths: list[tuple], look: dict[str, Any]) -> float:
    """Draws seeds and their median; returns where the median ends."""
    for x, y in paths:
        ax.plot(x, y, color=look["color"], linewidth=0.7, alpha=0.3, zorder=2)
    size = min(x.size for x, _ in paths)
    x = np.median([x[:size] for x, _ in paths], axis=0)
    y = np.median([y[:size] for _, y in paths], axis=0)
    ax.plot(x, y, color=look["color"], linestyle=look["linestyle"], linewidth=2.0, zorder=3)
    if np.isfinite(y).any():
        best = int(np.nanargmin(y))
        ax.plot(x[best], y[best], look["marker"], color=look["color"], markersize=6,
                markeredgecolor="white", zorder=4)  # fmt: skip
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
        ax.text(1.02, place, name, color=colour, transform=ax.transAxes, va="center",
                fontweight="bold", fontsize=8.5)  # fmt: skip


def _knot_panel(ax: Axes, drift: KnotDrift, feature: int, column: np.ndarray) -> None:
    here = drift.feature == feature
    shown = np.flatnonzero(here & drift.aligned)
    fig.density(ax, column, 0.95)
    margin = 0.06 * np.ptp(column)
    ax.set(xlim=(column.min() - margin, column.max() + margin), ylim=(0, 1))
    strongest = np.nanmax(np.abs(drift.slope_after[drift.aligned]), initial=0) or 1.0
    for unit in shown:
        ends = (drift.knot_before[unit], drift.knot_after[unit])
        weight = 0.6 + 2.4 * abs(drift.slope_after[unit]) / strongest
        ax.plot(ends, (0.76, 0.28), color=fig.MUTED, linewidth=weight, alpha=0.7, zorder=2)
    for side, marker in ((1, ">"), (-1, "<")):
        start = shown[drift.direction_before[shown] == side]
        end = shown[drift.direction_after[shown] == side]
        ax.plot(drift.knot_before[start], np.full(start.size, 0.76), marker, markersize=5.5,
                color=fig.BLUE, markerfacecolor="white", markeredgewidth=1.1, zorder=3)  # fmt: skip
        ax.plot(drift.knot_after[end], np.full(end.size, 0.28), marker, markersize=5.5,
                color=fig.VERMILION, zorder=3)  # fmt: skip
    off = int((here & ~drift.aligned).sum())
    fig.corner(ax, _count(shown.size, "unit") + (f", {off} off axis" if off else ""))
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.xaxis.set_major_locator(MaxNLocator(4))


def _shape_panel(ax: Axes, lines: list[tuple], rows: Rows, feature: int) -> None:
    (x0, y0), (x1, y1) = lines
    column = rows.x[:, feature] * rows.scaler.x_scale[feature] + rows.scaler.x_shift[feature]
    fig.density(ax, column, 0.3)
    ax.axhline(0, color=fig.HAIR, linewidth=0.8, zorder=1)
    ax.plot(x1, y1, color=fig.BLUE, linewidth=2.0, zorder=3)
    ax.plot(x0, y0, color=fig.INK, linewidth=1.2, linestyle=(0, (3, 2)), zorder=4)
    ax.set_title(shortened(rows.feature_names[feature]))
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.yaxis.set_major_locator(MaxNLocator(5))


def _raw_curve(curve: Curve, rows: Rows, index: int) -> tuple[np.ndarray, np.ndarray]:
    s = rows.scaler
    x = curve.grid * s.x_scale[curve.feature] + s.x_shift[curve.feature]
    return x, curve.value[:, index] * s.y_scale[index]


def _cumulative(ax: Axes, values: np.ndarray, **line: Any) -> None:
    known = np.sort(values[~np.isnan(values)])
    if known.size:
        share = np.arange(1, known.size + 1) / known.size
        ax.step(np.r_[0, known, max(1.0, known[-1])], np.r_[0, share, 1], where="post", **line)


def _columns(count: int) -> int:
    return min(max(count, 2), COLUMNS)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")
