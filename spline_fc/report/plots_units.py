"""Figures of units: where knots went, which units left their axis, what switched."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.ticker import MaxNLocator

from spline_fc.analysis import figures as fig
from spline_fc.analysis.formats import count, display_name, shortened, significant
from spline_fc.analysis.knot_track import KnotTrack, summarize_track
from spline_fc.analysis.knots import KnotDrift
from spline_fc.analysis.workdir import Rows

MOST_PANELS = 12  # further features are in the CSV


def knot_drift(drift: KnotDrift, rows: Rows) -> fig.Picture:
    """Knots per feature at the start and at the end, over the density of the data.

    Args:
      drift: in raw units.
      rows: the data it was measured on.

    Returns:
      Picture; its numbers are one line per unit.
    """
    order = _busiest(drift.feature, drift.aligned, rows)
    columns = fig.columns(len(order))
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
        "active; heavier lines carry more slope. The grey area is the data. Feature values in raw "
        "units.",
        figure,
        {"feature_name": names, **drift._asdict()},
    )


def knots_over_steps(track: KnotTrack, rows: Rows, best_step: float | None) -> fig.Picture:
    """The way of every knot through training, one panel per feature.

    Args:
      track: in raw units, of the units to show.
      rows: the data, for names and ranges.
      best_step: where the best validation loss was met; marked if known.

    Returns:
      Picture; its numbers are one line per record and unit.
    """
    order = _busiest(track.feature, track.aligned[0], rows)
    columns = fig.columns(len(order))
    figure, axes = fig.panels(max(len(order), 1), columns, 1.95, left=0.55, bottom=0.5, gap=0.42)
    raw = rows.x * rows.scaler.x_scale + rows.scaler.x_shift
    for i, (ax, feature) in enumerate(zip(axes, order, strict=False)):
        _way_panel(ax, track, feature, raw[:, feature], best_step)
        ax.set_title(shortened(rows.feature_names[feature], 18))
        if i // columns == (len(order) - 1) // columns or i + columns >= len(order):
            ax.set_xlabel("training steps")
    records, units = track.knot.shape
    return fig.Picture(
        "knots_over_steps",
        "The knots during training",
        "One line per hidden unit: solid where it is active above its knot, dashed where below. A "
        "line breaks off where the unit has left its axis. The grey area along the left edge is "
        "the data" + ("; the dotted line marks the network that was kept." if best_step else "."),
        figure,
        {"step": np.repeat(track.step, units), "unit": np.tile(track.unit, records),
         "feature_name": np.tile(np.array(rows.feature_names)[track.feature], records),
         **{key: getattr(track, key).ravel() for key in (
             "knot", "displacement", "alignment", "aligned", "slope", "active", "flipped")}},
    )  # fmt: skip


def drift_over_steps(track: KnotTrack, flips: dict[str, np.ndarray]) -> fig.Picture:
    """Distributions over units at every record: displacement, alignment, activations per layer.

    Args:
      track: of the units to speak of.
      flips: (records, units) per hidden layer, all units.

    Returns:
      Picture; its numbers are one line per record.
    """
    found = summarize_track(track)
    bands = {"displacement": "how far knots have moved, IQR",
             "alignment": "alignment of the spline's units"} if track.unit.size else {}  # fmt: skip
    panels = len(bands) + 1
    figure, axes = fig.panels(panels, max(panels, 2), 2.75, left=0.62, bottom=0.5, top=0.42,
                              gap=0.7)  # fmt: skip
    numbers: dict[str, Any] = {"step": found.step, "aligned": found.aligned,
                               "left_axis": found.left_axis}  # fmt: skip
    for ax, (key, title) in zip(axes, bands.items(), strict=False):
        values = getattr(found, key)
        _bands(ax, found.step, values)
        ax.set_title(title)
        ax.set_ylim(0, 1.03 if key == "alignment" else None)
        for column, share in enumerate((5, 25, 50, 75, 95)):
            numbers[f"{key}_{share}"] = values[:, column]
    for index, (layer, share) in enumerate(flips.items()):
        look = fig.look(index)
        average = share.mean(axis=1)
        axes[-1].plot(found.step, average, color=look["color"], linestyle=look["linestyle"],
                      linewidth=1.8, label=f"layer {index + 1}")  # fmt: skip
        numbers[f"flipped_{layer}"] = average
    axes[-1].set_title("activations that changed, share")
    axes[-1].legend(frameon=False, fontsize=7.5, loc="upper left", handlelength=3)
    axes[-1].set_ylim(0, None)
    for ax in axes:
        ax.set(xlabel="training steps", xlim=(0, None))
        ax.xaxis.set_major_locator(MaxNLocator(4))
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


def alignment(drifts: dict[str, KnotDrift], min_alignment: float) -> fig.Picture:
    """Distribution over units of the alignment with the home feature, start and end.

    Args:
      drifts: by initialisation, in contender order.
      min_alignment: the threshold below which a unit has no knot.

    Returns:
      Picture; its numbers are one line per unit.
    """
    shown = min(len(drifts), fig.COLUMNS)
    figure, axes = fig.panels(shown, max(shown, 2), 2.5, left=0.62, bottom=0.5, top=0.42, gap=0.5)
    numbers: dict[str, list] = {k: [] for k in ("init", "unit", "alignment_before",
                                                "alignment_after")}  # fmt: skip
    for init, drift in drifts.items():
        numbers["init"] += [init] * drift.unit.size
        for key in ("unit", "alignment_before", "alignment_after"):
            numbers[key] += getattr(drift, key).tolist()
    for ax, (init, drift) in zip(axes, drifts.items(), strict=False):
        bins = np.linspace(0, 1, 21)
        before = np.histogram(_known(drift.alignment_before), bins)[0]
        after = np.histogram(_known(drift.alignment_after), bins)[0]
        ax.stairs(after, bins, fill=True, color=fig.SKY, alpha=0.75, label="end")
        ax.stairs(before, bins, color=fig.INK, linewidth=1.3, linestyle=(0, (3, 1.5)),
                  label="start")  # fmt: skip
        ax.axvline(min_alignment, color=fig.MUTED, linewidth=0.9, linestyle=(0, (1, 2)))
        ax.set(xlim=(0, 1.02), xlabel="alignment, |w_v| / |w|")
        ax.set_title(display_name(init))
        ax.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes[0].set_ylabel("units of the first layer")
    axes[0].legend(frameon=False, fontsize=7.5, loc="upper left", handlelength=2.4)
    return fig.Picture(
        "alignment",
        "Which units are on an axis",
        f"Units of the first layer by how much of their weight lies on one feature, before "
        f"training (dashed outline) and after it (filled). Left of the dotted line (below "
        f"{min_alignment:g}) a unit mixes features and has no knot; such units are counted, never "
        "averaged."
        + (f" The first {shown} starts; the others are in the CSV." if len(drifts) > shown else ""),
        figure,
        numbers,
    )


def flipped(shares: dict[str, dict[str, np.ndarray]]) -> fig.Picture:
    """Cumulative shares of units by how many rows they changed sides on, per hidden layer.

    Args:
      shares: {init: {"Dense_0": (h0,), ...}}, from `activation_flips`.

    Returns:
      Picture; its numbers are one line per initialisation, layer and unit.
    """
    layers = list(next(iter(shares.values())))
    figure, axes = fig.panels(len(layers), max(len(layers), 2), 2.5, left=0.62, bottom=0.5,
                              top=0.42, gap=0.6)  # fmt: skip
    numbers: dict[str, list] = {k: [] for k in ("init", "layer", "unit", "flipped")}
    for index, (init, found) in enumerate(shares.items()):
        look = fig.look(index)
        for ax, (layer, share) in zip(axes, found.items(), strict=False):
            _cumulative(ax, share, label=display_name(init), color=look["color"],
                        linestyle=look["linestyle"], linewidth=1.8)  # fmt: skip
            numbers["init"] += [init] * share.size
            numbers["layer"] += [layer] * share.size
            numbers["unit"] += list(range(share.size))
            numbers["flipped"] += share.tolist()
    for i, ax in enumerate(axes):
        ax.set(xlim=(0, None), ylim=(0, 1.03), xlabel="share of rows that changed sides")
        ax.set_title(f"hidden layer {i + 1}")
    axes[0].set_ylabel("share of units at or below")
    axes[-1].legend(frameon=False, fontsize=7.5, loc="lower right", handlelength=3)
    return fig.Picture(
        "flipped",
        "Whose activations changed",
        "Cumulative share of the units of each hidden layer by the share of rows on which they are "
        "active after training and were not before, or the other way round. A line in the upper "
        "left corner: the activation pattern stayed what it was.",
        figure,
        numbers,
    )


def cells(panels: dict[str, tuple[list, tuple]], names: tuple[str, str]) -> fig.Picture:
    """The linear pieces of networks on one plane through the data.

    Args:
      panels: {title: (cells, (left, right, bottom, top) in raw units)}; cells with corners in
        (-1, 1).
      names: of the two features.

    Returns:
      Picture; its numbers are one line per cell.
    """
    figure, axes = fig.panels(len(panels), max(len(panels), 2), 3.9, left=0.62, bottom=0.5,
                              top=0.42, gap=0.7)  # fmt: skip
    numbers: dict[str, list] = {k: [] for k in ("network", "cell", "corners", "area", "slope_first",
                                                "slope_second")}  # fmt: skip
    heights = [np.array([c.polygon.mean(axis=0) @ c.slope[:, 0] + c.intercept[0] for c in found])
               for found, _ in panels.values()]  # fmt: skip
    low, high = (f(np.concatenate(heights)) for f in (np.min, np.max))
    for ax, height, (title, (found, box)) in zip(axes, heights, panels.items(), strict=False):
        left, right, bottom, top = box
        middle = np.array([left + right, bottom + top]) / 2
        half = np.array([right - left, top - bottom]) / 2
        # Rasterised: thousands of polygons as vectors would outweigh the rest of the page.
        ax.add_collection(PolyCollection(
            [middle + c.polygon * half for c in found], array=height, cmap="cividis",
            clim=(low, high), edgecolors="white", linewidths=0.25, rasterized=True))  # fmt: skip
        ax.set(xlim=(left, right), ylim=(bottom, top), xlabel=names[0])
        ax.set_title(f"{title}: {len(found):,} cells")
        numbers["network"] += [title] * len(found)
        numbers["cell"] += list(range(len(found)))
        numbers["corners"] += [len(c.polygon) for c in found]
        numbers["area"] += [_area(c.polygon * half) for c in found]
        numbers["slope_first"] += [float(c.slope[0, 0] / half[0]) for c in found]
        numbers["slope_second"] += [float(c.slope[1, 0] / half[1]) for c in found]
    axes[0].set_ylabel(names[1])
    return fig.Picture(
        "cells",
        "Linear pieces on a plane through the data",
        f"Each cell is one affine map; {names[0]} and {names[1]} vary over the range of the data, "
        "the other features stay at their medians. Lighter is a higher output, same scale in all "
        "panels. A border is where a hidden unit switches, whether or not the output bends there.",
        figure,
        numbers,
    )


def _busiest(feature: np.ndarray, mask: np.ndarray, rows: Rows) -> list[int]:
    """Features by their number of units, those without one left out."""
    counts = np.bincount(feature, weights=mask, minlength=rows.x.shape[1])
    return [int(v) for v in np.argsort(-counts, kind="stable") if counts[v] > 0][:MOST_PANELS]


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
    fig.corner(ax, count(shown.size, "unit") + (f", {off} off axis" if off else ""))
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.xaxis.set_major_locator(MaxNLocator(4))


def _way_panel(ax: Axes, track: KnotTrack, feature: int, column, best_step) -> None:
    counts, edges = np.histogram(column, bins=32)
    ax.stairs(counts / counts.max() * 0.22, edges, orientation="horizontal", fill=True,
              color=fig.DENSITY, transform=ax.get_yaxis_transform(), zorder=0)  # fmt: skip
    shown = np.where(track.aligned, track.knot, np.nan)
    for unit in np.flatnonzero(track.feature == feature):
        right = track.direction[0, unit] > 0
        ax.plot(track.step, shown[:, unit], color=fig.BLUE if right else fig.VERMILION,
                linestyle="-" if right else (0, (4, 1.5)), linewidth=1.2, zorder=2)  # fmt: skip
    if best_step:
        ax.axvline(best_step, color=fig.MUTED, linewidth=0.9, linestyle=(0, (1, 2)), zorder=1)
    margin = 0.04 * np.ptp(column)
    ax.set(xlim=(0, max(track.step[-1], 1)), ylim=(column.min() - margin, column.max() + margin))
    ax.xaxis.set_major_locator(MaxNLocator(3))
    ax.yaxis.set_major_locator(MaxNLocator(4))


def _bands(ax: Axes, step: np.ndarray, quantiles: np.ndarray) -> None:
    for low, high, alpha in ((0, 4, 0.25), (1, 3, 0.5)):
        ax.fill_between(step, quantiles[:, low], quantiles[:, high], color=fig.SKY, alpha=alpha,
                        linewidth=0)  # fmt: skip
    ax.plot(step, quantiles[:, 2], color=fig.BLUE, linewidth=1.8)
    ax.yaxis.set_major_formatter(lambda v, _: significant(v, 2))


def _cumulative(ax: Axes, values: np.ndarray, **line: Any) -> None:
    known = np.sort(_known(values))
    if known.size:
        share = np.arange(1, known.size + 1) / known.size
        ax.step(np.r_[0, known, max(1.0, known[-1])], np.r_[0, share, 1], where="post", **line)


def _known(values: np.ndarray) -> np.ndarray:
    return values[~np.isnan(values)]


def _area(polygon: np.ndarray) -> float:
    x, y = polygon.T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)
