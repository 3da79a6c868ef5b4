"""The figures of hidden units: what each is called, says of itself, and shows in numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spline_fc import plots
from spline_fc.analysis import Cell, KnotTrack, summarize_track
from spline_fc.plots import About, look
from spline_fc.printing import one_line
from spline_fc.report import figures as fig
from spline_fc.report.formats import display_name
from spline_fc.report.measures import MIN_ALIGNMENT, Plane, Units

UNITS_SAID = 10  # letters beside a title, "12 units"
UNIT = ("knot", "displacement", "alignment", "aligned", "slope", "active", "flipped")


def knot_drift(drift: KnotTrack, about: About) -> fig.Picture:
    """Knots per feature at the start and at the end, the two records, over the data's density."""
    make = fig.rows_of(look.COLUMNS, 1.75, _letters(drift, about) + UNITS_SAID)
    drawn = plots.knot_drift(drift, about, ax=make)
    names = np.array(about.feature_names)[drift.feature]
    numbers = {"feature_name": names, "unit": drift.unit, "feature": drift.feature}
    for field in (*UNIT, "direction", "outside", "merged"):
        before, after = getattr(drift, field)
        numbers |= {f"{field}_before": before, f"{field}_after": after}
    return fig.Picture(
        "knot_drift",
        "Where training moved the knots",
        "Each line is one hidden unit on its home feature, from its knot in the spline (open) to "
        "its knot after training (filled). A marker points to the side on which the unit is "
        "active; heavier lines carry more slope. The grey area is the data. Feature values in raw "
        "units.",
        fig.figure_of(drawn),
        numbers,
    )


def knots_over_steps(track: KnotTrack, about: About, best_step: float | None) -> fig.Picture:
    """The way of every knot through training, one panel per feature, the best step marked."""
    make = fig.rows_of(look.COLUMNS, 2.0, _letters(track, about))
    drawn = plots.knots_over_steps(track, about, best_step=best_step, ax=make)
    records, units = track.knot.shape
    names = np.array(about.feature_names)[track.feature]
    return fig.Picture(
        "knots_over_steps",
        "The knots during training",
        "One line per hidden unit: solid where it is active above its knot, dashed where below. A "
        "line breaks off where the unit has left its axis. The grey area along the left edge is "
        "the data" + ("; the dotted line marks the network that was kept." if best_step else "."),
        fig.figure_of(drawn),
        {
            "step": np.repeat(track.step, units),
            "unit": np.tile(track.unit, records),
            "feature_name": np.tile(names, records),
            **{field: getattr(track, field).ravel() for field in UNIT},
        },
    )


def drift_over_steps(track: KnotTrack, flips: Mapping[str, np.ndarray]) -> fig.Picture:
    """Displacement and alignment of some units over records, and how many of all have flipped."""
    drawn = plots.drift_over_steps(track, flips, ax=fig.rows_of(3, 2.75))
    found = summarize_track(track)
    numbers = {name: getattr(found, name) for name in ("step", "aligned", "left_axis")}
    for key in ("displacement", "alignment"):
        values = getattr(found, key)
        numbers |= {f"{key}_{share}": values[:, i] for i, share in enumerate((5, 25, 50, 75, 95))}
    numbers |= {f"flipped_{layer}": share.mean(axis=1) for layer, share in flips.items()}
    return fig.Picture(
        "drift_over_steps",
        "Drift over training",
        "Median (line), quartiles (dark) and 5 to 95 % (pale) over the spline's units on a "
        "feature; displacement in inter-quartile ranges of it, aligned units alone. On the right: "
        "share of all pairs of row and unit, those off the axes among them, that are on the other "
        "side than at the start.",
        fig.figure_of(drawn),
        numbers,
    )


def alignment(units: Mapping[str, Units]) -> fig.Picture:
    """Distribution over units of the alignment with the home feature, start and end, per start."""
    first = dict(list(units.items())[: look.COLUMNS])
    tracks = {display_name(init): found.drift for init, found in first.items()}
    make = fig.rows_of(len(first), 2.5)
    drawn = plots.alignment(tracks, threshold=MIN_ALIGNMENT, ax=make)
    rest = len(units) - len(first)
    more = f" The first {len(first)} starts; the others are in the CSV." if rest else ""
    numbers = (
        {
            "init": init,
            "unit": found.drift.unit,
            "alignment_before": found.drift.alignment[0],
            "alignment_after": found.drift.alignment[1],
        }
        for init, found in units.items()
    )
    return fig.Picture(
        "alignment",
        "Which units are on an axis",
        "Units of the first layer by how much of their weight lies on one feature, before "
        "training (dashed outline) and after it (filled). Left of the dotted line (below "
        f"{MIN_ALIGNMENT:g}) a unit mixes features and has no knot; such units are counted, never "
        f"averaged.{more}",
        fig.figure_of(drawn),
        fig.stacked(numbers),
    )


def flipped(units: Mapping[str, Units]) -> fig.Picture:
    """Cumulative shares of units by how many rows they changed sides on, per hidden layer."""
    shares = {
        display_name(init): {layer: activity.flipped for layer, activity in found.layers.items()}
        for init, found in units.items()
    }
    layers = max(len(found) for found in shares.values())
    drawn = plots.flipped(shares, ax=fig.rows_of(layers, 2.6))
    numbers = (
        {"init": init, "layer": layer, "unit": np.arange(a.flipped.size), "flipped": a.flipped}
        for init, found in units.items()
        for layer, a in found.layers.items()
    )
    return fig.Picture(
        "flipped",
        "Whose activations changed",
        "Cumulative share of the units of each hidden layer by the share of rows on which they are "
        "active after training and were not before, or the other way round. A line in the upper "
        "left corner: the activation pattern stayed what it was.",
        fig.figure_of(drawn),
        fig.stacked(numbers),
    )


def cells(plane: Plane, about: About) -> fig.Picture:
    """The linear pieces of a network on one plane through the data, before and after training."""
    found = {"before": plane.before, "after": plane.after}
    drawn = plots.partition(found, about, features=plane.features, ax=fig.rows_of(2, 3.9))
    first, second = (one_line(about.feature(v)) for v in plane.features)
    return fig.Picture(
        "cells",
        "Linear pieces on a plane through the data",
        f"Each cell is one affine map; {first} and {second} vary over the range of the data, "
        f"the other features stay at their medians. Lighter is a higher {one_line(about.output(0))}"
        ", same scale in all panels. A border is where a hidden unit switches, whether or not the "
        "output bends there.",
        fig.figure_of(drawn),
        fig.stacked(_cell_table(when, some) for when, some in found.items()),
    )


def _letters(track: KnotTrack, about: About) -> int:
    """Of the longest name of a feature with a knot."""
    return max(len(about.feature(int(v))) for v in track.feature)


def _cell_table(when: str, found: Sequence[Cell]) -> dict[str, Any]:
    slopes = np.array([cell.slope[:, 0] for cell in found])
    return {
        "network": when,
        "cell": np.arange(len(found)),
        "corners": [len(cell.polygon) for cell in found],
        "area": _areas([cell.polygon for cell in found]),
        "slope_first": slopes[:, 0],
        "slope_second": slopes[:, 1],
    }


def _areas(polygons: list[np.ndarray]) -> np.ndarray:
    """The areas of polygons, by the shoelace formula."""
    sizes = np.array([len(polygon) for polygon in polygons])
    first = np.cumsum(sizes) - sizes
    (x, y), following = np.concatenate(polygons).T, np.arange(sizes.sum()) + 1
    following[first + sizes - 1] = first
    return np.abs(np.add.reduceat(x * y[following] - y * x[following], first)) / 2
