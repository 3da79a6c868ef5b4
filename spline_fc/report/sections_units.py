"""Sections of the page that speak of units: knots, activations and linear pieces."""

import numpy as np

from spline_fc.analysis import KnotTrack, summarize_track
from spline_fc.printing import one_line
from spline_fc.report import pictures_units as pictures
from spline_fc.report.figures import place
from spline_fc.report.formats import count, display_name, percent, significant, with_range
from spline_fc.report.measures import MIN_ALIGNMENT, ON_DIRECTION, ON_FEATURE, RANDOM, SEGMENTS
from spline_fc.report.page import Block, Heading, Words
from spline_fc.report.pictures_model import about_of
from spline_fc.report.study import Study
from spline_fc.report.tables import Table

MOST_MOVED = 12
MIDDLE = (0.5, 0.05, 0.95)  # quantiles of a table: a value and its range
ARROW = "\N{NO-BREAK SPACE}→ "


def knots(study: Study) -> list[Block]:
    """Where knots stood and went, unit by unit and as distributions."""
    units, rows, folder = study.units.get(study.init or ""), study.data, study.work.path
    if units is None or rows is None:
        return [Words("Knots need the training rows and the parameters of the run.", "note")]
    about, hinges = (
        about_of(study, rows),
        units.drift.select(units.drift.began_on_axis),
    )
    parts: list[Block] = [
        Words("The figures show where the spline placed its hinges and where training took them."),
        Words(_drift_sentence(hinges, study)),
    ]
    if hinges.aligned[1].any():
        parts.append(place(folder, pictures.knot_drift, hinges, about))
    if study.track is None:
        parts.append(Words("The way of the knots during training was not recorded.", "note"))
    else:
        track = study.track.select(study.track.began_on_axis)
        best = {run["seed"]: run.get("best_step") for run in study.work.chosen(study.init or "")}
        if track.unit.size:
            step = best.get(study.seed)
            parts.append(place(folder, pictures.knots_over_steps, track, about, step))
        parts.append(place(folder, pictures.drift_over_steps, track, study.flips))
    moved = _moved_table(hinges, rows.feature_names, study.outputs)
    if moved.body:
        parts += [Heading("Units that moved most"), moved]
    parts += [Heading("Alignment"), place(folder, pictures.alignment, study.units)]
    return [*parts, _groups_table(study)]


def regions(study: Study) -> list[Block]:
    """Activations that changed, activation patterns, and cells of a plane."""
    if not study.units or study.data is None:
        return [Words("Activations need the training rows and the parameters of the run.", "note")]
    folder = study.work.path
    parts: list[Block] = [
        Words(_flip_sentence(study, len(study.data.x))),
        place(folder, pictures.flipped, study.units),
        Heading("Linear pieces"),
        _patterns_table(study),
    ]
    if study.plane is not None:
        about = about_of(study, study.data)
        parts.append(place(folder, pictures.cells, study.plane, about))
    return parts


def _patterns_table(study: Study) -> Table:
    """Activation patterns met by the rows and borders between rows, before and after training."""
    body, rows = [], 0
    for init, units in study.units.items():
        for moment, found in zip(("before", "after"), units.patterns, strict=True):
            borders = with_range(*(f"{v:.0f}" for v in np.quantile(found.crossings, MIDDLE)))
            name, rows = f"{display_name(init)}, {moment}", found.rows
            share = percent(found.patterns / found.rows)
            body.append([name, f"{found.patterns:,}", share, borders])
    header = ["network", "activation patterns", "of the rows", "borders between two rows"]
    note = (
        f"Distinct patterns of all hidden units among {rows:,} training rows; borders between "
        f"linear pieces on the straight way from one row to another, median and 5 to 95 % over "
        f"{SEGMENTS} pairs, the same for all networks."
    )
    return Table(header, body, [note])


def _groups_table(study: Study) -> Table:
    """How far first-layer units turned and how many activations changed, by what they began as."""
    body = []
    for init, units in study.units.items():
        for name, mask in units.groups.items():
            if mask.any():
                turned = np.nanquantile(units.turned[mask], MIDDLE)
                flipped = np.nanquantile(units.drift.flipped[1, mask], MIDDLE)
                on_axis = int((units.drift.alignment[1, mask] >= MIN_ALIGNMENT).sum())
                degrees = with_range(*(significant(v, 2) for v in turned))
                rows = with_range(*(percent(v) for v in flipped))
                numbers = [str(int(mask.sum())), str(on_axis), degrees, rows]
                body.append([display_name(init), name, *numbers])
    header = ["start", "units that began", "units", f"alignment ≥ {MIN_ALIGNMENT:g} after"]
    header += ["turned by, degrees", "rows that changed sides"]
    note = (
        "Median over units and 5 to 95 %. Turned: the angle between a unit's weights before and "
        "after training, features standardised; it needs no axis."
    )
    return Table(header, body, [note], words=2)


def _moved_table(
    drift: KnotTrack, feature_names: tuple[str, ...], outputs: tuple[str, ...]
) -> Table:
    """The aligned units whose knots moved furthest, in raw units."""
    way = np.abs(np.where(drift.aligned[1], drift.displacement[1], 0.0))
    ranked = [i for i in np.argsort(-way, kind="stable") if way[i] > 0][:MOST_MOVED]
    sides = {1.0: "above", -1.0: "below", 0.0: "–"}
    body = [
        [
            str(drift.unit[i]),
            one_line(feature_names[drift.feature[i]]),
            ARROW.join(_both(*drift.knot[:, i])),
            significant(drift.displacement[1, i], 2),
            sides[float(drift.direction[1, i])],
            ARROW.join(_both(*drift.slope[:, i])),
            f"{drift.alignment[1, i]:.2f}",
            ARROW.join(percent(share) for share in drift.active[:, i]),
        ]
        for i in ranked
    ]
    header = ["unit", "feature", "knot", "moved by, IQR", "active", "slope", "alignment"]
    note = "Start → end of training, in raw units; IQR is the inter-quartile range of the feature."
    note += f" Slopes are those of {one_line(outputs[0])}." if len(outputs) > 1 else ""
    return Table([*header, "active rows"], body, [note], words=2)


def _both(before: float, after: float) -> tuple[str, str]:
    """Two numbers with as many digits as it takes to tell them apart, at most six."""
    for digits in range(3, 7):
        written = significant(before, digits), significant(after, digits)
        if written[0] != written[1]:
            break
    return written


def _drift_sentence(hinges: KnotTrack, study: Study) -> str:
    summary = summarize_track(hinges)
    pieces = [_begun_sentence(study)]
    aligned = int(summary.aligned[1])
    if summary.units:
        pieces.append(
            f"Of the {count(summary.units, 'unit')} on a feature, {aligned} are still on "
            f"it after training and {summary.left_axis[1]} left it."
        )
    if aligned:
        low, q1, median, q3, high = (significant(v, 2) for v in summary.displacement[1])
        pieces.append(
            f"The knots moved by {low} to {high} inter-quartile ranges of their feature (5 to "
            f"95 % of the units; quartiles {q1}, {median}, {q3}); "
            f"{count(int(summary.sign_flips[1]), 'unit')} changed direction, "
            f"{count(int(summary.outside[1]), 'knot')} left the range of the data, "
            f"{summary.merged[1]} merged with a neighbour."
        )
    return " ".join([*pieces, f"Seed {study.seed}, on the training rows."])


def _begun_sentence(study: Study) -> str:
    """What the first layer consisted of at the start."""
    masks = study.units[study.init or ""].groups
    groups = {name: int(mask.sum()) for name, mask in masks.items()}
    units, loose = sum(groups.values()), groups[RANDOM]
    if loose == units:
        return f"All {units} first-layer units began with random directions and have no knot."
    said = f"{units - loose} of the {units} first-layer units began as hinges of the spline"
    if study.fit is not None and groups[ON_DIRECTION]:
        directions = study.fit.names[study.fit.spline.projection.shape[0] :]
        names = ", ".join(one_line(name) for name in directions)
        said += (
            f": {groups[ON_FEATURE]} on one feature and {groups[ON_DIRECTION]} on a direction "
            f"that mixes features (offered were {names})"
        )
    else:
        said += ", each on one feature"
    left_out = " Units off the axes have no knot: they are counted, never averaged in."
    if loose:
        return f"{said}. The other {loose} began with random directions.{left_out}"
    return f"{said}." + (left_out if groups[ON_DIRECTION] else "")


def _flip_sentence(study: Study, rows: int) -> str:
    """How much of the activation pattern changed, per start and layer."""
    parts = []
    for init, units in study.units.items():
        if init not in (study.init, study.work.reference):
            continue  # further starts are in the figure
        shares = [
            f"{percent(float(layer.flipped.mean()))} in hidden layer {i}"
            for i, layer in enumerate(units.layers.values(), 1)
        ]
        parts.append(f"from the {display_name(init)} start {' and '.join(shares)}")
    return (
        f"Training turned units on or off on some of the {rows:,} training rows: "
        f"{'; '.join(parts)}, of all pairs of row and unit."
    )
