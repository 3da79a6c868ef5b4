"""Figures of units: which left their axis, what switched, and the pieces between them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.ticker import MaxNLocator

from spline_fc.printing import shortened
from spline_fc.report import figures as fig
from spline_fc.report.formats import display_name
from spline_fc.report.measures import MIN_ALIGNMENT, Plane, Units

MARGINS = {"left": 0.62, "bottom": 0.5, "top": 0.42}


def alignment(units: Mapping[str, Units]) -> fig.Picture:
    """Distribution over units of the alignment with the home feature, start and end, per start."""
    shown = min(len(units), fig.COLUMNS)
    figure, axes = fig.panels(shown, max(shown, 2), 2.5, gap=0.5, **MARGINS)
    dashed = {"color": fig.INK, "linewidth": 1.3, "linestyle": (0, (3, 1.5))}
    for ax, (init, found) in zip(axes, units.items(), strict=False):
        bins = np.linspace(0, 1, 21)
        before, after = (np.histogram(_known(a), bins)[0] for a in found.drift.alignment)
        ax.stairs(after, bins, fill=True, color=fig.SKY, alpha=0.75, label="end")
        ax.stairs(before, bins, label="start", **dashed)
        ax.axvline(MIN_ALIGNMENT, color=fig.MUTED, linewidth=0.9, linestyle=(0, (1, 2)))
        ax.set(xlim=(0, 1.02), xlabel="alignment, |w_v| / |w|", title=display_name(init))
        ax.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes[0].set_ylabel("units of the first layer")
    axes[0].legend(loc="upper left", handlelength=2.4)
    rest = f" The first {shown} starts; the others are in the CSV." if len(units) > shown else ""
    return fig.Picture(
        "alignment",
        "Which units are on an axis",
        "Units of the first layer by how much of their weight lies on one feature, before "
        "training (dashed outline) and after it (filled). Left of the dotted line (below "
        f"{MIN_ALIGNMENT:g}) a unit mixes features and has no knot; such units are counted, never "
        f"averaged.{rest}",
        figure,
        fig.stacked(
            {
                "init": init,
                "unit": found.drift.unit,
                "alignment_before": found.drift.alignment[0],
                "alignment_after": found.drift.alignment[1],
            }
            for init, found in units.items()
        ),
    )


def flipped(units: Mapping[str, Units]) -> fig.Picture:
    """Cumulative shares of units by how many rows they changed sides on, per hidden layer."""
    layers = max(len(found.layers) for found in units.values())
    figure, axes = fig.panels(layers, max(layers, 2), 2.5, gap=0.6, **MARGINS)
    for index, (init, found) in enumerate(units.items()):
        look = {key: fig.look(index)[key] for key in ("color", "linestyle")}
        for ax, activity in zip(axes, found.layers.values(), strict=False):
            _cumulative(ax, activity.flipped, label=display_name(init), linewidth=1.8, **look)
    for i, ax in enumerate(axes):
        ax.set(xlim=(0, None), ylim=(0, 1.03), xlabel="share of rows that changed sides")
        ax.set_title(f"hidden layer {i + 1}")
    axes[0].set_ylabel("share of units at or below")
    axes[-1].legend(loc="lower right", handlelength=3)
    return fig.Picture(
        "flipped",
        "Whose activations changed",
        "Cumulative share of the units of each hidden layer by the share of rows on which they are "
        "active after training and were not before, or the other way round. A line in the upper "
        "left corner: the activation pattern stayed what it was.",
        figure,
        fig.stacked(
            {"init": init, "layer": layer, "unit": np.arange(a.flipped.size), "flipped": a.flipped}
            for init, found in units.items()
            for layer, a in found.layers.items()
        ),
    )


def cells(plane: Plane, feature_names: tuple[str, ...]) -> fig.Picture:
    """The linear pieces of a network on one plane through the data, before and after training."""
    first, second = (shortened(feature_names[v], 40) for v in plane.features)
    figure, axes = fig.panels(2, 2, 3.9, gap=0.7, **MARGINS)
    left, right, bottom, top = plane.box
    middle = np.array([left + right, bottom + top]) / 2
    half = np.array([right - left, top - bottom]) / 2
    numbers = []
    panels = {"before": plane.before, "after": plane.after}
    heights = [
        np.array([c.polygon.mean(axis=0) @ c.slope[:, 0] + c.intercept[0] for c in found])
        for found in panels.values()
    ]
    range_of_all = np.concatenate(heights).min(), np.concatenate(heights).max()
    for ax, height, (title, found) in zip(axes, heights, panels.items(), strict=True):
        corners = [middle + c.polygon * half for c in found]
        # Rasterised: thousands of polygons as vectors would outweigh the rest of the page.
        look = {"cmap": "cividis", "edgecolors": "white", "linewidths": 0.25, "rasterized": True}
        ax.add_collection(PolyCollection(corners, array=height, clim=range_of_all, **look))
        ax.set(xlim=(left, right), ylim=(bottom, top), xlabel=first)
        ax.set_title(f"{title}: {len(found):,} cells")
        slopes = np.array([c.slope[:, 0] for c in found]) / half
        numbers.append(
            {
                "network": title,
                "cell": np.arange(len(found)),
                "corners": [len(c.polygon) for c in found],
                "area": _areas(corners),
                "slope_first": slopes[:, 0],
                "slope_second": slopes[:, 1],
            }
        )
    axes[0].set_ylabel(second)
    return fig.Picture(
        "cells",
        "Linear pieces on a plane through the data",
        f"Each cell is one affine map; {first} and {second} vary over the range of the data, "
        "the other features stay at their medians. Lighter is a higher output, same scale in all "
        "panels. A border is where a hidden unit switches, whether or not the output bends there.",
        figure,
        fig.stacked(numbers),
    )


def _cumulative(ax: Axes, values: np.ndarray, **line: Any) -> None:
    known = np.sort(_known(values))
    if known.size:
        share = np.arange(1, known.size + 1) / known.size
        ax.step(np.r_[0, known, max(1.0, known[-1])], np.r_[0, share, 1], where="post", **line)


def _known(values: np.ndarray) -> np.ndarray:
    return values[~np.isnan(values)]


def _areas(polygons: list[np.ndarray]) -> np.ndarray:
    """The areas of polygons, by the shoelace formula."""
    sizes = np.array([len(polygon) for polygon in polygons])
    first = np.cumsum(sizes) - sizes
    (x, y), following = np.concatenate(polygons).T, np.arange(sizes.sum()) + 1
    following[first + sizes - 1] = first
    return np.abs(np.add.reduceat(x * y[following] - y * x[following], first)) / 2
