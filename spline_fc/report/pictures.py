"""The figures of a page: what each is called, says of itself, and shows in numbers.

They are drawn by `spline_fc.plots`; what needs more room than a panel has is in the numbers alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spline_fc import plots
from spline_fc.analysis import (
    Cell,
    Interval,
    KnotTrack,
    PairedRatio,
    Permutation,
    ShapeFunctions,
    Surface,
    summarize_track,
    thin_curve,
)
from spline_fc.data import Encoding
from spline_fc.model.columns import Column
from spline_fc.plots import About, look
from spline_fc.printing import one_line
from spline_fc.report import figures as fig
from spline_fc.report.formats import display_name
from spline_fc.report.measures import MIN_ALIGNMENT, Plane, Units
from spline_fc.report.rows import Contest, Row
from spline_fc.workdir import Rows, Workdir

CURVE = ("epoch", "step", "seconds", "validation_loss")
UNITS_SAID = 10  # letters beside a title, "12 units"
UNIT = ("knot", "displacement", "alignment", "aligned", "slope", "active", "flipped")


def about_rows(rows: Rows, encoding: Encoding | None = None) -> About:
    """What the rows of a run say of their columns."""
    names = rows.feature_names, rows.target_names
    return About(*names, rows.scaler, encoding, rows.x, rows.task)


def convergence(work: Workdir, rows: Sequence[Row]) -> fig.Picture:
    """Validation loss over steps and over seconds, one line per seed and their median."""
    curves = {row.name: list(work.curves(row.init).values()) for row in rows if row.init}
    alone = next((row for row in rows if not row.init), None)
    levels = {}
    if alone is not None and np.isfinite(alone.validation_loss).any():
        levels[alone.name] = float(np.nanmean(alone.validation_loss))
    steps, seconds = fig.panels(2, columns=2, height=3.7, share_y=True)
    plots.convergence(curves, levels=levels, names=False, ax=steps)
    plots.convergence(curves, levels=levels, over="seconds", ax=seconds)
    place = seconds.get_subplotspec()
    if place is not None and not place.is_first_col():
        seconds.set_ylabel("")
    look.label(steps, title="over training steps")
    look.label(seconds, title="over seconds, the start included")
    numbers = []
    for init in (row.init for row in rows if row.init):
        names = {run["seed"]: run["run"] for run in work.chosen(init)}
        numbers += [
            {"run": names[seed], **{key: getattr(history, key) for key in CURVE}}
            for seed, history in work.curves(init).items()
        ]
    return fig.Picture(
        "convergence",
        "Validation loss while training",
        "Thin lines are seeds, the strong line their median; the marker is the best epoch of the "
        "median. The dotted level is the spline without any training. Seconds include all that a "
        "start does but no compilation; runs that were trained together share their time evenly.",
        fig.figure_of(steps),
        fig.stacked(numbers),
    )


def sweep(contests: Sequence[Contest]) -> fig.Picture:
    """Every start against the reference, one line per workdir: error, steps and seconds."""
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
    axes = fig.panels(3, columns=3, height=1.1 + 0.32 * len(titles), share_y=True)
    for ax, values, (title, x, par) in zip(axes, found.values(), about, strict=True):
        rows: dict[str, dict[str, Interval]] = {title: {} for title in titles}
        for contest, value in zip(contests, values, strict=True):
            rows[contest.title][contest.start] = value
        plots.intervals(rows, par=par, logarithmic=par == 1, ax=ax)
        look.label(ax, title=title, x=x)
    look.legend(axes[0])
    ends = {
        f"{name}{end}": column
        for name, values in found.items()
        for end, column in zip(("", "_low", "_high"), np.array(values).T, strict=True)
    }
    return fig.Picture(
        "sweep",
        "Every start against the reference",
        "One line per workdir: means of the paired differences and medians of the paired ratios, "
        "with 95 % bootstrap intervals over seeds, from three seeds on. Left of the dark line is "
        "better. A start without a mark never arrived, or was not measured.",
        fig.figure_of(axes[0]),
        {"runs": [c.title for c in contests], "start": [c.start for c in contests], **ends},
    )


def predicted(given: Mapping[str, np.ndarray], came: np.ndarray, about: About) -> fig.Picture:
    """Predictions of models over what came, test rows of one seed, a panel for each target."""
    axes = fig.panels(len(given) * came.shape[1], columns=3, height=3.3)
    tables, rows = [], np.array(axes, object).reshape(len(given), -1)
    for panels, (name, values) in zip(rows, given.items(), strict=True):
        plots.predicted_against_observed(values, came, about, ax=panels)
        for k, panel in enumerate(panels):
            target = one_line(about.target_names[k])
            look.label(panel, title=f"{target}, {name}" if len(panels) > 1 else name)
            columns = {"observed": came[:, k], "predicted": values[:, k]}
            tables.append({"model": name, "target": target, **columns})
    said = "A dot is a test row; on the dashed line the prediction is right."
    if about.task != "regression":
        said = (
            "Test rows gathered by the predicted probability: the share of them that are of the "
            "class, with its standard error; on the dashed line probabilities mean what they say. "
            "The grey area is where the predictions lie."
        )
    title = "Predicted against observed"
    return fig.Picture("predicted", title, said, fig.figure_of(axes[0]), fig.stacked(tables))


def importance(
    found: Mapping[str, Permutation], names: tuple[str, ...], measure: str
) -> fig.Picture:
    """How much columns of the file matter to each model; `measure` says what rises."""
    shown = min(len(names), plots.scores.MOST_FEATURES)
    make = fig.rows_of(1, 1.1 + 0.22 * shown)
    drawn = plots.importance(found, About(names), measure=measure, ax=make)
    numbers = {
        f"{name}_{part}": getattr(one, part)
        for name, one in found.items()
        for part in ("mean", "deviation")
    }
    return fig.Picture(
        "importance",
        "Which columns matter",
        "The more the error rises when a column is shuffled, the more the model lives on it; bars "
        "are the deviation over seeds, of a single one over its shuffles.",
        fig.figure_of(drawn),
        {"column": np.array(names), **numbers},
    )


def shapes(
    found: Mapping[str, Sequence[ShapeFunctions]], about: About, columns: Sequence[Column]
) -> fig.Picture:
    """Shape functions of the first output for some columns that are all numbers or all words."""
    words = bool(columns[0].levels)
    letters = max(len(about.axis(column.places[0])) for column in columns)
    drawn = plots.shape_functions(
        found,
        about,
        features=[column.places[0] for column in columns],
        target=0,
        share_y=False,
        ax=fig.rows_of(2, 2.7) if words else fig.rows_of(look.COLUMNS, 2.0, letters),
    )
    for panel in np.ravel(np.asarray(drawn, object)):
        panel.set_ylabel("effect" if panel.get_ylabel() else "")
    places = {place for column in columns for place in column.places}
    tables = (
        {
            "feature_name": about.feature(curve.feature),
            "model": name,
            "seed": seed,
            "x": curve.grid,
            "effect": curve.value[:, 0],
        }
        for name, seeds in found.items()
        for seed, one in enumerate(seeds)
        for curve in map(thin_curve, one.curves)
        if curve.feature in places
    )
    said = f"Effect on {one_line(about.output(0))}, centred; each panel has a scale of its own."
    said += " Bands are the range over seeds." if len(next(iter(found.values()))) > 1 else ""
    said += (
        " A level has a dot for each model; bars tell how often it occurs."
        if words
        else " The grey area is the data."
    )
    name, title = ("categories", "each category") if words else ("shapes", "each number")
    title = f"What the model does with {title}"
    return fig.Picture(name, title, said, fig.figure_of(drawn), fig.stacked(tables))


def interaction(surfaces: Mapping[str, Surface], about: About) -> fig.Picture:
    """What two features do together on the first output, at one grid, in raw units."""
    first = next(iter(surfaces.values()))
    names = [one_line(about.feature(feature)) for feature in first.features]
    drawn = plots.surface(surfaces, about, target=0, ax=fig.rows_of(2, 3.4))
    grid = np.meshgrid(first.first, first.second, indexing="ij")
    return fig.Picture(
        "interaction",
        f"What {names[0]} and {names[1]} do together",
        f"Their joint effect on {one_line(about.target(0))} less what each does alone; the pair "
        "with the strongest interaction in the spline. Lighter is higher, lines are of equal "
        "effect, all on one scale; dots are rows.",
        fig.figure_of(drawn),
        {
            "first": grid[0].ravel(),
            "second": grid[1].ravel(),
            **{when: one.value[:, :, 0].ravel() for when, one in surfaces.items()},
        },
    )


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
        "the other features stay at their medians. Lighter is a higher output, same scale in all "
        "panels. A border is where a hidden unit switches, whether or not the output bends there.",
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


def _median(found: PairedRatio | None) -> Interval:
    known = found is not None and found.pairs
    return found.median if found is not None and known else Interval(*(float("nan"),) * 3)
