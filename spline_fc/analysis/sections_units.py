"""Sections of the page that speak of units: knots, activations and linear pieces."""

import numpy as np

from spline_fc.analysis import html
from spline_fc.analysis.activations import PatternCount, pattern_count
from spline_fc.analysis.formats import count, display_name, percent, significant
from spline_fc.analysis.knot_track import KnotTrack, select_units
from spline_fc.analysis.knots import (
    DriftSummary,
    KnotDrift,
    activation_flips,
    on_axis_at_start,
    select,
    summarize_drift,
)
from spline_fc.analysis.regions import slice_cells
from spline_fc.analysis.study import MIN_ALIGNMENT, Study
from spline_fc.analysis.tables import Table

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
    parts = [html.paragraph(_drift_sentence(summarize_drift(hinges), drift.unit.size, study.seed))]
    if hinges.unit.size:
        parts.append(html.picture(folder, plots.knot_drift, hinges, rows))
    track = spline_units(study)
    if track is None:
        parts.append(html.note("The way of the knots during training was not recorded."))
    elif track.unit.size:
        best = {run["seed"]: run.get("best_step") for run in study.work.chosen(study.init)}
        parts += [html.picture(folder, plots.knots_over_steps, track, rows, best.get(study.seed)),
                  html.picture(folder, plots.drift_over_steps, track, study.flips)]  # fmt: skip
    moved = moved_table(hinges, rows.feature_names)
    if moved.body:
        parts += ["<h3>Units that moved most</h3>", html.table(moved, "text")]
    return [*parts, "<h3>Alignment</h3>",
            html.picture(folder, plots.alignment, study.drifts, MIN_ALIGNMENT)]  # fmt: skip


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
    shares = {init: activation_flips(*pair, x) for init, pair in study.pairs.items()}
    parts = [html.picture(folder, plots.flipped, shares), "<h3>Linear pieces</h3>",
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


def _drift_sentence(summary: DriftSummary, units: int, seed: int | None) -> str:
    low, q1, median, q3, high = (significant(v, 2) for v in summary.displacement_quantiles)
    added = units - summary.units
    pieces = [
        f"{summary.units} of the {units} first-layer units began as hinges of the spline, each on "
        f"one feature; {summary.aligned} of them are still on it after training and "
        f"{summary.left_axis} left it."
    ]
    if added:
        pieces.append(
            f"{'The other' if summary.units else 'All'} {added} began with random directions and "
            f"have no knot."
        )
    if summary.aligned:
        pieces.append(
            f"The knots moved by {low} to {high} inter-quartile ranges of their feature (quartiles "
            f"{q1}, {median}, {q3}); {count(summary.sign_flips, 'unit')} changed direction, "
            f"{count(summary.outside, 'knot')} left the range of the data, {summary.merged} merged "
            f"with a neighbour."
        )
    return " ".join([*pieces, f"Seed {seed}, on the training rows."])


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
