"""Sections of the page that speak of units: knots, activations and linear pieces."""

import numpy as np

from spline_fc.analysis import html
from spline_fc.analysis.activations import PatternCount, pattern_count
from spline_fc.analysis.formats import count, display_name, percent, significant
from spline_fc.analysis.knot_track import KnotTrack, select_units
from spline_fc.analysis.knots import (
    DriftSummary,
    KnotDrift,
    on_axis_at_start,
    select,
    summarize_drift,
)
from spline_fc.analysis.regions import slice_cells
from spline_fc.analysis.study import MIN_ALIGNMENT, Study
from spline_fc.analysis.tables import Table

ON_FEATURE, ON_DIRECTION, RANDOM = "on a feature", "on a direction", "random"
MOST_MOVED = 12
SEGMENTS = 200
MOST_CELLS_UNITS = 600  # wider networks: cutting a plane takes too long for a page


def knots(study: Study) -> list[str]:
    """Where knots stood and went, unit by unit and as distributions."""
    drift = study.drifts.get(study.init or "")
    if drift is None:
        return [html.note("Knots need data.npz and the parameters before and after training.")]
    from spline_fc.analysis import plots_units as plots

    folder, rows = study.work.path, study.work.rows
    hinges = select(drift, on_axis_at_start(drift))
    parts = [
        html.paragraph(
            "The figures show where the spline placed its hinges and where training took them."
        ),
        html.paragraph(_drift_sentence(summarize_drift(hinges), study)),
    ]
    if hinges.aligned.any():
        parts.append(html.picture(folder, plots.knot_drift, hinges, rows))
    track = spline_units(study)
    if track is None:
        parts.append(html.note("The way of the knots during training was not recorded."))
    else:
        best = {run["seed"]: run.get("best_step") for run in study.work.chosen(study.init)}
        if track.unit.size:
            parts.append(
                html.picture(folder, plots.knots_over_steps, track, rows, best.get(study.seed))
            )
        parts.append(html.picture(folder, plots.drift_over_steps, track, study.flips))
    moved = moved_table(hinges, rows.feature_names)
    if moved.body:
        parts += ["<h3>Units that moved most</h3>", html.table(moved, "text")]
    return [*parts, "<h3>Alignment</h3>",
            html.picture(folder, plots.alignment, study.drifts, MIN_ALIGNMENT),
            html.table(groups_table(study), "text")]  # fmt: skip


def spline_units(study: Study) -> KnotTrack | None:
    """The recorded way of the units that began as hinges; None if nothing was recorded."""
    if study.track is None:
        return None
    return select_units(study.track, study.track.alignment[0] > 1 - 1e-6)


def regions(study: Study) -> list[str]:
    """Activations that changed, activation patterns, and cells of a plane."""
    if study.before is None:
        return [html.note("Activations need data.npz and the parameters of the run.")]
    from spline_fc.analysis import plots_units as plots

    folder, x = study.work.path, study.work.rows.x
    shares = {init: {layer: units.flipped for layer, units in found.items()}
              for init, found in study.activity.items()}  # fmt: skip
    parts = [html.paragraph(_flip_sentence(study, len(x))),
             html.picture(folder, plots.flipped, shares), "<h3>Linear pieces</h3>",
             html.table(patterns_table(study))]  # fmt: skip
    panels = _cell_panels(study)
    if panels:
        parts.append(html.picture(folder, plots.cells, *panels))
    return parts


def patterns_table(study: Study) -> Table:
    """Activation patterns met by the rows and borders between rows, before and after training.

    Args:
      study: with parameters.

    Returns:
      Table, one line per initialisation and moment.
    """
    x, body = study.work.rows.x, []
    for init, pair in study.pairs.items():
        for moment, params in zip(("before", "after"), pair, strict=True):
            found: PatternCount = pattern_count(params, x, segments=SEGMENTS)
            low, median, high = np.quantile(found.crossings, (0.05, 0.5, 0.95))
            body.append([
                f"{display_name(init)}, {moment}", f"{found.patterns:,}",
                percent(found.patterns / found.rows), f"{median:.0f} [{low:.0f}, {high:.0f}]",
            ])  # fmt: skip
    header = ["network", "activation patterns", "of the rows", "borders between two rows"]
    return Table(header, body, [
        f"Distinct patterns of all hidden units among {len(x):,} training rows; borders between "
        f"linear pieces on the straight way from one row to another, median and 5 to 95 % over "
        f"{SEGMENTS} pairs, the same for all networks."
    ])  # fmt: skip


def unit_groups(study: Study, init: str) -> dict[str, np.ndarray]:
    """Says what the units of the first layer began as: {group: (h,) bool}, each unit in one.

    Args:
      study: with parameters of the initialisation.
      init: the initialisation.

    Returns:
      Masks of the units on one feature, of those on a direction that the spline stands on, and of
      the others.
    """
    kernel = _unit_columns(study.pairs[init][0])
    on_feature = on_axis_at_start(study.drifts[init])
    on_direction = np.zeros_like(on_feature)
    if init == "spline" and study.directions is not None:
        projection = study.directions.projection
        lengths = np.linalg.norm(projection, axis=0)
        cosine = np.abs(kernel.T @ (projection / np.where(lengths > 0, lengths, 1.0)))
        on_direction = (cosine > 1 - 1e-5).any(axis=1) & ~on_feature
    return {ON_FEATURE: on_feature, ON_DIRECTION: on_direction,
            RANDOM: ~on_feature & ~on_direction}  # fmt: skip


def groups_table(study: Study) -> Table:
    """How far first-layer units turned and how many activations changed, by what they began as.

    Args:
      study: with parameters.

    Returns:
      Table, one line per initialisation and group that has a unit.
    """
    body = []
    for init, (before, after) in study.pairs.items():
        drift = study.drifts[init]
        apart = np.linalg.norm(_unit_columns(before) - _unit_columns(after), axis=0)
        degrees = np.degrees(2 * np.arcsin(np.minimum(apart / 2, 1.0)))
        for name, mask in unit_groups(study, init).items():
            if mask.any():
                turned, flipped = (np.nanquantile(a[mask], (0.5, 0.05, 0.95))
                                   for a in (degrees, drift.flipped))  # fmt: skip
                on_axis = int((drift.alignment_after[mask] >= MIN_ALIGNMENT).sum())
                body.append([
                    display_name(init), name, str(int(mask.sum())), str(on_axis),
                    "{} [{}, {}]".format(*(significant(v, 2) for v in turned)),
                    "{} [{}, {}]".format(*(percent(v) for v in flipped)),
                ])  # fmt: skip
    header = ["start", "units that began", "units", f"alignment ≥ {MIN_ALIGNMENT:g} after",
              "turned by, degrees", "rows that changed sides"]  # fmt: skip
    return Table(header, body, [
        "Median over units and 5 to 95 %. Turned: the angle between a unit's weights before and "
        "after training, features standardised; it needs no axis."
    ])  # fmt: skip


def _unit_columns(params: dict) -> np.ndarray:
    """(d, h) columns of the first kernel, scaled to length 1; nan where a column is zero."""
    kernel = np.asarray(params["Dense_0"]["kernel"], np.float64)
    lengths = np.linalg.norm(kernel, axis=0)
    return kernel / np.where(lengths > 0, lengths, np.nan)


def moved_table(drift: KnotDrift, feature_names: tuple[str, ...], most: int = MOST_MOVED) -> Table:
    """The units whose knots moved furthest, in raw units.

    Args:
      drift: from `knot_drift`, with a scaler.
      feature_names: d names.
      most: at most so many rows.

    Returns:
      Table; only aligned units are listed.
    """
    ranked = np.argsort(-np.abs(np.where(drift.aligned, drift.displacement, 0.0)), kind="stable")
    ranked = [i for i in ranked if drift.aligned[i] and drift.displacement[i] != 0][:most]
    sides = {1.0: "above", -1.0: "below", 0.0: "–"}
    body = [
        [
            str(drift.unit[i]),
            feature_names[drift.feature[i]],
            " → ".join(_both(drift.knot_before[i], drift.knot_after[i])),
            f"{significant(drift.displacement[i], 2)}",
            sides[float(drift.direction_after[i])],
            " → ".join(_both(drift.slope_before[i], drift.slope_after[i])),
            f"{drift.alignment_after[i]:.2f}",
            f"{percent(drift.active_before[i])} → {percent(drift.active_after[i])}",
        ]
        for i in ranked
    ]
    header = ["unit", "feature", "knot", "moved by, IQR", "active", "slope", "alignment",
              "active rows"]  # fmt: skip
    return Table(header, body, ["Start → end of training, in raw units; IQR is the inter-quartile "
                                "range of the feature."])  # fmt: skip


def _both(before: float, after: float) -> tuple[str, str]:
    """Two numbers with as many digits as it takes to tell them apart, at most six."""
    for digits in range(3, 7):
        written = significant(before, digits), significant(after, digits)
        if written[0] != written[1]:
            break
    return written


def _drift_sentence(summary: DriftSummary, study: Study) -> str:
    low, q1, median, q3, high = (significant(v, 2) for v in summary.displacement_quantiles)
    pieces = [_begun_sentence(study)]
    if summary.units:
        pieces.append(
            f"Of the {count(summary.units, 'unit')} on a feature, {summary.aligned} are still on "
            f"it after training and {summary.left_axis} left it."
        )
    if summary.aligned:
        pieces.append(
            f"The knots moved by {low} to {high} inter-quartile ranges of their feature (quartiles "
            f"{q1}, {median}, {q3}); {count(summary.sign_flips, 'unit')} changed direction, "
            f"{count(summary.outside, 'knot')} left the range of the data, {summary.merged} merged "
            f"with a neighbour."
        )
    return " ".join([*pieces, f"Seed {study.seed}, on the training rows."])


def _begun_sentence(study: Study) -> str:
    """What the first layer consisted of at the start."""
    groups = {name: int(mask.sum()) for name, mask in unit_groups(study, study.init).items()}
    units, loose = sum(groups.values()), groups[RANDOM]
    if loose == units:
        return f"All {units} first-layer units began with random directions and have no knot."
    said = f"{units - loose} of the {units} first-layer units began as hinges of the spline"
    if groups[ON_DIRECTION]:
        names = ", ".join(study.directions.names)
        said += (f": {groups[ON_FEATURE]} on one feature and {groups[ON_DIRECTION]} on a direction "
                 f"that mixes features (offered were {names})")  # fmt: skip
    else:
        said += ", each on one feature"
    left_out = "Units off the axes have no knot: they are counted, never averaged in."
    return f"{said}. The other {loose} began with random directions. {left_out}" if loose \
        else f"{said}." + (f" {left_out}" if groups[ON_DIRECTION] else "")  # fmt: skip


def _flip_sentence(study: Study, rows: int) -> str:
    """How much of the activation pattern changed, per start and layer."""
    parts = []
    for init, layers in study.activity.items():
        if init not in (study.init, study.work.reference):
            continue  # further starts are in the figure
        shares = [f"{percent(float(units.flipped.mean()))} in hidden layer {i}"
                  for i, units in enumerate(layers.values(), 1)]  # fmt: skip
        parts.append(f"from the {display_name(init)} start {' and '.join(shares)}")
    return (
        f"Training turned units on or off on some of the {rows:,} training rows: "
        f"{'; '.join(parts)}, of all pairs of row and unit."
    )


def _cell_panels(study: Study) -> tuple | None:
    """Cells of the spline's network before and after, on the plane of two features."""
    widths = [leaves["bias"].size for leaves in study.before.values()]
    if study.x.shape[1] < 2 or sum(widths) > MOST_CELLS_UNITS:
        return None
    first, second = sorted(_widest(study))
    x, scaler = study.x, study.work.rows.scaler
    low, high = x.min(axis=0), x.max(axis=0)
    origin = np.median(x, axis=0)
    axes = np.zeros((2, x.shape[1]))
    box = []
    for axis, feature in zip(axes, (first, second), strict=True):
        origin[feature] = (low[feature] + high[feature]) / 2
        axis[feature] = (high[feature] - low[feature]) / 2
        box += [end[feature] * scaler.x_scale[feature] + scaler.x_shift[feature]
                for end in (low, high)]  # fmt: skip
    titles = ("before", "after")
    panels = {
        title: (slice_cells(params, origin, *axes, (-1, 1)), tuple(box))
        for title, params in zip(titles, (study.before, study.after), strict=True)
    }
    names = study.work.rows.feature_names
    return panels, (names[first], names[second])


def _widest(study: Study) -> list[int]:
    """The two features on which most hinges with most slope lie; constant ones never."""
    drift = study.drifts[study.init]
    weight = np.bincount(drift.feature, np.nan_to_num(np.abs(drift.slope_before) * drift.aligned),
                         study.x.shape[1]) * study.work.rows.scaler.x_scale  # fmt: skip
    varies = np.ptp(study.x, axis=0) > 0
    return np.argsort(np.where(varies, -weight, np.inf), kind="stable")[:2].tolist()
