"""Pictures of knots: where they stood, where they went, and how far units drifted."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from spline_fc.analysis import KnotTrack, summarize_track
from spline_fc.arrays import numbers_float64
from spline_fc.checks import (
    as_list,
    check,
    check_integer,
    check_kind,
    check_mapping,
    check_number,
    check_rank,
)
from spline_fc.plots import look
from spline_fc.plots.about import About, AboutLike, known

START, END = 0.76, 0.28  # heights of the two records


@look.styled
def knot_drift(
    track: KnotTrack,
    about: AboutLike = None,
    *,
    features: Sequence[int] | None = None,
    most: int = look.MOST_PANELS,
    ax: look.AxesLike = None,
) -> Axes | np.ndarray:
    """Draws where the knots on each feature stood at the start and where they are at the end.

    A line is a hidden unit, heavier the more slope it carries at the end; its markers point to the
    side on which it is active, open at the start and filled at the end. The pale area is the data.

    Args:
      track: of `analysis.knot_drift` or `analysis.knot_track`, with the scaler of `about`; the
        first and the last record are drawn.
      about: a Dataset, Model or About: names, and rows.
      features: columns of x to draw; by default those with most knots.
      most: features that are drawn at most, unless they are chosen; the others are counted.
      ax: an Axes for each feature.

    Returns:
      The Axes, an array of them unless there is one feature.

    Raises:
      TypeError: no KnotTrack.
      ValueError: no unit has a knot at the end, or another number of Axes.
    """
    (order, rest), about = _chosen(track, -1, features, most), known(about)
    axes = look.axes_for(len(order), ax)
    strongest = np.nanmax(np.abs(track.slope[-1][track.aligned[-1]]), initial=0) or 1.0
    for panel, feature in zip(axes, order, strict=True):
        _knot_panel(panel, track, feature, about, strongest)
        place = panel.get_subplotspec()
        begins = place is None or place.is_first_col()
        panel.set_yticks((START, END), ("start", "end") if begins else ("", ""))
    look.label(axes[-1], x=look.left_out(rest))
    return look.squeezed(axes)


@look.styled
def knots_over_steps(
    track: KnotTrack,
    about: AboutLike = None,
    *,
    features: Sequence[int] | None = None,
    best_step: float | None = None,
    most: int = look.MOST_PANELS,
    ax: look.AxesLike = None,
) -> Axes | np.ndarray:
    """Draws the way of every knot through training, a panel for each feature.

    A line is a hidden unit, solid where it is active above its knot, dashed where below, and breaks
    off where the unit has left its axis. The pale area at the left is the data.

    Args:
      track, about, features, most, ax: as in `knot_drift`.
      best_step: a step to mark, e.g. that of the network that was kept.

    Returns:
      The Axes, an array of them unless there is one feature.

    Raises:
      TypeError: no KnotTrack.
      ValueError: no unit has a knot at the start, or another number of Axes.
    """
    if best_step is not None:
        check_number("best_step", best_step)
    (order, rest), about = _chosen(track, 0, features, most), known(about)
    axes = look.axes_for(len(order), ax, size=(2.4, 2.0))
    for panel, feature in zip(axes, order, strict=True):
        _way_panel(panel, track, feature, about, best_step)
        place = panel.get_subplotspec()
        last = place is None or place.is_last_row()
        x = "training steps" if last or panel in axes[-look.COLUMNS :] else ""
        look.label(panel, title=about.feature(feature), x=x)
    look.label(axes[-1], x=", ".join(filter(None, ("training steps", look.left_out(rest)))))
    return look.squeezed(axes)


@look.styled
def drift_over_steps(
    track: KnotTrack,
    flips: Mapping[str, np.ndarray] | None = None,
    *,
    ax: look.AxesLike = None,
) -> np.ndarray:
    """Draws displacement and alignment over steps, and how many activations are not as they were.

    The first two panels show the median over units (line), the quartiles (dark) and 5 to 95 %
    (pale), displacements of aligned units alone; the third, of `flips`, a line for each layer.

    Args:
      track: of `analysis.knot_track`.
      flips: of `analysis.activation_flips` at the same records: (r, h) shares by layer.
      ax: two Axes, three with flips.

    Returns:
      An array of the Axes.

    Raises:
      TypeError: no KnotTrack.
      ValueError: records that do not fit, or another number of Axes.
    """
    check_kind("track", track, KnotTrack)
    flips = {} if flips is None else flips
    check_mapping("flips", flips)
    found = summarize_track(track)
    titles = ["how far knots have moved, IQR", "alignment of units"]
    titles += ["activations that changed, share"] if flips else []
    axes = look.axes_for(len(titles), ax, size=(3.2, 2.6))
    for panel, values in zip(axes, (found.displacement, found.alignment), strict=False):
        for low, high, alpha in ((0, 4, 0.25), (1, 3, 0.5)):
            band = {"color": look.SKY, "alpha": alpha, "linewidth": 0}
            panel.fill_between(found.step, values[:, low], values[:, high], **band)
        panel.plot(found.step, values[:, 2], color=look.BLUE, linewidth=1.8)
    ends: list[tuple[float, str, Any]] = []
    for index, (layer, shares) in enumerate(flips.items()):
        shares = numbers_float64("flips", shares)
        check_rank("flips", shares, 2, "(r, h) in each layer")
        came = len(shares)
        check(came == found.step.size, f"flips must have the records of track; {layer} has {came}.")
        style = {key: look.contender(index)[key] for key in ("color", "linestyle")}
        mean = shares.mean(axis=1)
        axes[2].plot(found.step, mean, linewidth=1.8, **style)
        ends.append((mean[-1], f"layer {index + 1}", style["color"]))
    for panel, title in zip(axes, titles, strict=True):
        look.label(panel, title=title, x="training steps")
        panel.set(xlim=(0, max(found.step[-1], 1)), ylim=(0, None))
        look.ticks(panel.xaxis, 4)
        look.ticks(panel.yaxis, 5)
    axes[1].set_ylim(0, 1.03)
    if flips:
        look.beside(axes[2], ends)
    return np.array(axes, object)


def _chosen(
    track: KnotTrack, record: int, features: Sequence[int] | None, most: int
) -> tuple[list[int], int]:
    """The features chosen, else those with most units at a record; and how many are left out."""
    check_kind("track", track, KnotTrack)
    check_integer("most", most, at_least=1)
    if features is not None:
        chosen = as_list("features", features, "columns")
        check(len(chosen) > 0, "features must name at least one column; got none.")
        for feature in chosen:
            check_integer("a column in features", feature, at_least=0)
        return chosen, 0
    counts = np.bincount(track.feature, weights=track.aligned[record])
    order = [int(v) for v in np.argsort(-counts, kind="stable") if counts[v] > 0]
    check(len(order) > 0, "track must have a unit with a knot; got none.")
    return order[:most], max(len(order) - most, 0)


def _knot_panel(ax: Axes, track: KnotTrack, feature: int, about: About, strongest: float) -> None:
    here = track.feature == feature
    shown = np.flatnonzero(here & track.aligned[-1])
    ends = track.knot[[0, -1]][:, shown]  # (2, units)
    _along(ax, about.raw(feature), ends, "x")
    ax.set_ylim(0, 1)
    ways = np.stack([ends.T, np.tile((START, END), (shown.size, 1))], axis=2)
    widths = 0.6 + 2.4 * np.nan_to_num(np.abs(track.slope[-1, shown])) / strongest
    lines = {"colors": look.MUTED, "linewidths": widths, "alpha": 0.6, "zorder": 2}
    ax.add_collection(LineCollection(list(ways), **lines))
    for record, (height, colour) in enumerate(((START, look.INK), (END, look.BLUE))):
        style = {"color": colour, "markersize": 5.5, "markeredgewidth": 1.1, "zorder": 3}
        style["markerfacecolor"] = colour if record else "white"
        for side, marker in ((1, ">"), (-1, "<")):
            own = track.direction[-record, shown] == side
            ax.plot(ends[record, own], np.full(own.sum(), height), marker, **style)
    off = int((here & ~track.aligned[-1]).sum())
    unit = "unit" if shown.size == 1 else "units"
    said = f"{shown.size} {unit}" + (f", {off} off axis" if off else "")
    look.label(ax, title=about.feature(feature), aside=said)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    look.ticks(ax.xaxis, 4, about.column(feature).format)


def _way_panel(
    ax: Axes,
    track: KnotTrack,
    feature: int,
    about: About,
    best_step: float | None,
) -> None:
    shown = np.where(track.aligned, track.knot, np.nan)
    _along(ax, about.raw(feature), shown[:, track.feature == feature], "y")
    for side, colour, line in ((1, look.BLUE, "-"), (-1, look.VERMILION, (0, (4, 1.5)))):
        units = np.flatnonzero((track.feature == feature) & (np.sign(track.direction[0]) == side))
        ax.plot(track.step, shown[:, units], color=colour, linestyle=line, linewidth=1.2, zorder=2)
    if best_step:
        ax.axvline(best_step, color=look.MUTED, linewidth=0.9, linestyle=(0, (1, 2)), zorder=1)
    ax.set_xlim(0, max(track.step[-1], 1))
    look.ticks(ax.xaxis, 3)
    look.ticks(ax.yaxis, 4, about.column(feature).format)


def _along(ax: Axes, column: np.ndarray | None, knots: np.ndarray, axis: str) -> None:
    """The data along an axis and its range; without data, that of the knots."""
    known = knots[np.isfinite(knots)] if column is None else column
    if known.size:
        margin = 0.06 * np.ptp(known) or 1.0
        ends: Any = known.min() - margin, known.max() + margin
        ax.set_xlim(ends) if axis == "x" else ax.set_ylim(ends)
    if column is not None:
        look.density(ax, column, 0.95 if axis == "x" else 0.22, along=axis)
