"""Figures of knots: where they stood, where they went, and how far units drifted."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from spline_fc.analysis import KnotTrack, summarize_track
from spline_fc.analysis.shapes import raw_input
from spline_fc.printing import shortened, significant
from spline_fc.report import figures as fig
from spline_fc.report.formats import count
from spline_fc.workdir import Rows

MOST_PANELS = 12  # further features are in the CSV
FIGURES = ("knot", "displacement", "alignment", "aligned", "slope", "active", "flipped")


def knot_drift(drift: KnotTrack, rows: Rows) -> fig.Picture:
    """Knots per feature at the start and at the end, the two records, over the data's density."""
    order = _busiest(drift.feature, drift.aligned[1], rows)
    columns = fig.columns(len(order))
    figure, axes = fig.panels(max(len(order), 1), columns, 1.75, left=0.55)
    raw = raw_input(rows.x, rows.scaler)
    for i, (ax, feature) in enumerate(zip(axes, order, strict=False)):
        _knot_panel(ax, drift, feature, raw[:, feature])
        ax.set_title(shortened(rows.feature_names[feature], 15))
        ax.set_yticks((0.76, 0.28), ("start", "end") if i % columns == 0 else ("", ""))
    numbers = {"feature_name": _names(drift, rows), "unit": drift.unit, "feature": drift.feature}
    for field in (*FIGURES, "direction", "outside", "merged"):
        before, after = getattr(drift, field)
        numbers |= {f"{field}_before": before, f"{field}_after": after}
    return fig.Picture(
        "knot_drift",
        "Where training moved the knots",
        "Each line is one hidden unit on its home feature, from its knot in the spline (open) to "
        "its knot after training (filled). A marker points to the side on which the unit is "
        "active; heavier lines carry more slope. The grey area is the data. Feature values in raw "
        "units.",
        figure,
        numbers,
    )


def knots_over_steps(track: KnotTrack, rows: Rows, best_step: float | None) -> fig.Picture:
    """The way of every knot through training, one panel per feature, the best step marked."""
    order = _busiest(track.feature, track.aligned[0], rows)
    columns = fig.columns(len(order))
    figure, axes = fig.panels(max(len(order), 1), columns, 1.95, left=0.55, bottom=0.5, gap=0.42)
    raw = raw_input(rows.x, rows.scaler)
    for i, (ax, feature) in enumerate(zip(axes, order, strict=False)):
        _way_panel(ax, track, feature, raw[:, feature], best_step)
        ax.set_title(shortened(rows.feature_names[feature], 18))
        if i + columns >= len(order):
            ax.set_xlabel("training steps")
    records, units = track.knot.shape
    return fig.Picture(
        "knots_over_steps",
        "The knots during training",
        "One line per hidden unit: solid where it is active above its knot, dashed where below. A "
        "line breaks off where the unit has left its axis. The grey area along the left edge is "
        "the data" + ("; the dotted line marks the network that was kept." if best_step else "."),
        figure,
        {
            "step": np.repeat(track.step, units),
            "unit": np.tile(track.unit, records),
            "feature_name": np.tile(_names(track, rows), records),
            **{field: getattr(track, field).ravel() for field in FIGURES},
        },
    )


def drift_over_steps(track: KnotTrack, flips: dict[str, np.ndarray]) -> fig.Picture:
    """Displacement and alignment of some units over records, and how many of all have flipped."""
    found, bands = summarize_track(track), {}
    if track.unit.size:
        bands["displacement"] = "how far knots have moved, IQR"
        bands["alignment"] = "alignment of the spline's units"
    panels = len(bands) + 1
    margins = {"left": 0.62, "bottom": 0.5, "top": 0.42, "gap": 0.7}
    figure, axes = fig.panels(panels, max(panels, 2), 2.75, **margins)
    numbers = {name: getattr(found, name) for name in ("step", "aligned", "left_axis")}
    for ax, (key, title) in zip(axes, bands.items(), strict=False):
        values = getattr(found, key)
        _bands(ax, found.step, values)
        ax.set_title(title)
        ax.set_ylim(0, 1.03 if key == "alignment" else None)
        for column, share in enumerate((5, 25, 50, 75, 95)):
            numbers[f"{key}_{share}"] = values[:, column]
    for index, (layer, share) in enumerate(flips.items()):
        look, average = fig.look(index), share.mean(axis=1)
        line = {key: look[key] for key in ("color", "linestyle")}
        axes[-1].plot(found.step, average, **line, linewidth=1.8, label=f"layer {index + 1}")
        numbers[f"flipped_{layer}"] = average
    axes[-1].set_title("activations that changed, share")
    axes[-1].legend(loc="best", handlelength=3)
    axes[-1].set_ylim(0, None)
    for ax in axes:
        ax.set(xlabel="training steps", xlim=(0, None))
        fig.ticks(ax, x=4)
    of_knots = (
        "Median (line), quartiles (dark) and 5 to 95 % (pale) over the spline's units on a "
        "feature; displacement in inter-quartile ranges of it, aligned units alone. On the right: s"
    )
    return fig.Picture(
        "drift_over_steps",
        "Drift over training",
        f"{of_knots if bands else 'S'}hare of all pairs of row and unit, those off the axes among "
        "them, that are on the other side than at the start.",
        figure,
        numbers,
    )


def _names(track: KnotTrack, rows: Rows) -> np.ndarray:
    return np.array(rows.feature_names)[track.feature]


def _busiest(feature: np.ndarray, mask: np.ndarray, rows: Rows) -> list[int]:
    """Features by their number of units, those without one left out."""
    counts = np.bincount(feature, weights=mask, minlength=rows.x.shape[1])
    return [int(v) for v in np.argsort(-counts, kind="stable") if counts[v] > 0][:MOST_PANELS]


def _knot_panel(ax: Axes, drift: KnotTrack, feature: int, column: np.ndarray) -> None:
    here = drift.feature == feature
    shown = np.flatnonzero(here & drift.aligned[1])
    fig.density(ax, column, 0.95)
    margin = 0.06 * np.ptp(column)
    ax.set(xlim=(column.min() - margin, column.max() + margin), ylim=(0, 1))
    slope = np.abs(drift.slope[1])
    strongest = np.nanmax(slope[drift.aligned[1]], initial=0) or 1.0
    ends = np.stack([drift.knot[:, shown].T, np.tile((0.76, 0.28), (shown.size, 1))], axis=2)
    widths = 0.6 + 2.4 * np.nan_to_num(slope[shown]) / strongest
    lines = {"colors": fig.MUTED, "linewidths": widths, "alpha": 0.7, "zorder": 2}
    ax.add_collection(LineCollection(list(ends), **lines))
    for record, (height, colour) in enumerate(((0.76, fig.BLUE), (0.28, fig.VERMILION))):
        look = {"color": colour, "markersize": 5.5, "markeredgewidth": 1.1, "zorder": 3}
        look["markerfacecolor"] = colour if record else "white"
        for side, marker in ((1, ">"), (-1, "<")):
            own = shown[drift.direction[record, shown] == side]
            ax.plot(drift.knot[record, own], np.full(own.size, height), marker, **look)
    off = int((here & ~drift.aligned[1]).sum())
    said = count(shown.size, "unit") + (f", {off} off axis" if off else "")
    ax.set_title(said, loc="right", fontsize=7.5, fontweight="normal", color=fig.MUTED)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    fig.ticks(ax, x=4)


def _way_panel(
    ax: Axes, track: KnotTrack, feature: int, column: np.ndarray, best_step: float | None
) -> None:
    fig.density(ax, column, 0.22, along="y")
    shown = np.where(track.aligned, track.knot, np.nan)
    for side, colour, line in ((1, fig.BLUE, "-"), (-1, fig.VERMILION, (0, (4, 1.5)))):
        units = np.flatnonzero((track.feature == feature) & (np.sign(track.direction[0]) == side))
        ax.plot(track.step, shown[:, units], color=colour, linestyle=line, linewidth=1.2, zorder=2)
    if best_step:
        ax.axvline(best_step, color=fig.MUTED, linewidth=0.9, linestyle=(0, (1, 2)), zorder=1)
    margin = 0.04 * np.ptp(column)
    ax.set(xlim=(0, max(track.step[-1], 1)), ylim=(column.min() - margin, column.max() + margin))
    fig.ticks(ax, x=3, y=4)


def _bands(ax: Axes, step: np.ndarray, quantiles: np.ndarray) -> None:
    for low, high, alpha in ((0, 4, 0.25), (1, 3, 0.5)):
        ends = quantiles[:, low], quantiles[:, high]
        ax.fill_between(step, *ends, color=fig.SKY, alpha=alpha, linewidth=0)
    ax.plot(step, quantiles[:, 2], color=fig.BLUE, linewidth=1.8)
    ax.yaxis.set_major_formatter(lambda v, _: significant(v, 2))
