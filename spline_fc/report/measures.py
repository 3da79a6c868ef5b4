"""What is measured for a page on one start of one seed: units, interaction, linear pieces."""

from typing import Any, NamedTuple

import numpy as np

from spline_fc.analysis import (
    Cell,
    KnotTrack,
    PatternCount,
    Surface,
    decompose,
    dependence_surface,
    knot_drift,
    pattern_count,
    plane_cells,
    shape_functions,
)
from spline_fc.analysis.activations import active_rows
from spline_fc.analysis.shapes import raw_surface
from spline_fc.cpwl import FitResult, Spline
from spline_fc.data import Scaler
from spline_fc.network import Params
from spline_fc.report.answers import AFTER, BEFORE, is_comparable
from spline_fc.workdir import Rows

MIN_ALIGNMENT = 0.5
SEGMENTS = 200  # between pairs of rows, on which borders are counted
MOST_CELLS_UNITS = 600  # wider networks: cutting a plane takes too long for a page
SIDE = 25  # points along a side of a surface
ON_FEATURE, ON_DIRECTION, RANDOM = "on a feature", "on a direction", "random"


class Pair(NamedTuple):
    """A network before training and at its best validation loss."""

    before: Params
    after: Params


class LayerActivity(NamedTuple):
    """What the units of one hidden layer do on the training rows; (h,) each."""

    active_after: np.ndarray  # share of rows
    flipped: np.ndarray  # share of rows on which active and inactive changed places


class Units(NamedTuple):
    """What training did to the hidden units of one start."""

    drift: KnotTrack  # two records, before and after
    turned: np.ndarray  # (h,) degrees between a unit's weights before and after
    groups: dict[str, np.ndarray]  # (h,) masks: what the units of the first layer began as
    layers: dict[str, LayerActivity]
    patterns: tuple[PatternCount, PatternCount]  # before and after


class Plane(NamedTuple):
    """Linear pieces on the plane of two features, the others at their medians."""

    features: tuple[int, int]
    before: list[Cell]  # in raw units
    after: list[Cell]


def measure_units(pair: Pair, rows: Rows, fit: FitResult | None) -> Units:
    """Measures the hidden units of one start on the training rows of its seed."""
    drift = knot_drift(*pair, rows.x, scaler=rows.scaler, min_alignment=MIN_ALIGNMENT)
    before, after = (_unit_columns(params["Dense_0"]["kernel"]) for params in pair)
    apart = np.linalg.norm(before - after, axis=0)
    active, then = (active_rows(params, rows.x) for params in pair)
    layers = {
        layer: LayerActivity(then[layer].mean(axis=0), (then[layer] != on).mean(axis=0))
        for layer, on in active.items()
    }
    first, second = (pattern_count(params, rows.x, segments=SEGMENTS) for params in pair)
    return Units(
        drift=drift,
        turned=np.degrees(2 * np.arcsin(np.minimum(apart / 2, 1.0))),
        groups=_groups(drift.began_on_axis, before, fit),
        layers=layers,
        patterns=(first, second),
    )


def measure_interaction(
    fit: FitResult, after: Params, x: np.ndarray, scaler: Scaler, loss: str
) -> dict[str, Surface]:
    """What the strongest pair of features of a spline does beyond its two curves.

    Of the spline alone, where it compares, and of the network, in raw units; empty without a pair.
    Rows to average over are standardised.
    """
    pair = _strongest_pair(fit.spline, x)
    if pair is None:
        return {}
    alone = {BEFORE: fit.spline} if is_comparable(fit, loss) else {}
    models = {**alone, AFTER: after}
    found = {name: _together(model, x, pair) for name, model in models.items()}
    return {name: raw_surface(one, scaler, effect=True) for name, one in found.items()}


def measure_plane(pair: Pair, drift: KnotTrack, x: np.ndarray, rows: Rows) -> Plane | None:
    """Cuts the plane of the two features with most slope on their hinges into linear pieces.

    None where a single feature varies, or where there are too many units for a page.
    """
    widths = [leaves["bias"].size for leaves in pair.before.values()]
    varies = np.ptp(x, axis=0) > 0
    if varies.sum() < 2 or sum(widths) > MOST_CELLS_UNITS:
        return None
    slopes = np.nan_to_num(np.abs(drift.slope[0]) * drift.aligned[-1])
    weight = np.bincount(drift.feature, slopes, x.shape[1]) * rows.scaler.x_scale
    order = np.argsort(np.where(varies, -weight, np.inf), kind="stable")
    chosen = np.sort(order[:2])
    features = int(chosen[0]), int(chosen[1])
    before, after = (plane_cells(params, x, features, scaler=rows.scaler) for params in pair)
    return Plane(features, before, after)


def _unit_columns(kernel: Any) -> np.ndarray:
    """(d, h) columns of a kernel, scaled to length 1; nan where a column is zero."""
    kernel = np.asarray(kernel, np.float64)
    lengths = np.linalg.norm(kernel, axis=0)
    return kernel / np.where(lengths > 0, lengths, np.nan)


def _groups(
    on_feature: np.ndarray, kernel: np.ndarray, fit: FitResult | None
) -> dict[str, np.ndarray]:
    """Masks of the units on one feature, on a direction of the fit's spline, and of the others."""
    on_direction = np.zeros_like(on_feature)
    if fit is not None and fit.spline.projection.shape[1]:
        cosine = np.abs(kernel.T @ _unit_columns(fit.spline.projection))
        on_direction = (cosine > 1 - 1e-5).any(axis=1) & ~on_feature
    return {ON_FEATURE: on_feature, ON_DIRECTION: on_direction, RANDOM: ~on_feature & ~on_direction}


def _strongest_pair(spline: Spline, x: np.ndarray) -> tuple[int, int] | None:
    """The two features that vary the spline's prediction most beyond their own curves.

    Directions are none, nor are columns of two values, such as the levels of a category.
    """
    parts = decompose(spline, x)
    several = [v for v in range(x.shape[1]) if np.unique(x[:, v]).size > 2]
    pairs = [
        (float(deviation[0]), component)
        for component, deviation in zip(parts.components, parts.deviation, strict=True)
        if len(component) == 2 and set(component) <= set(several)
    ]
    deviation, pair = max(pairs, default=(0.0, None))
    return pair if deviation > 0 else None


def _together(model: Spline | Params, x: np.ndarray, pair: tuple[int, int]) -> Surface:
    """What two features do together less what each does alone, by partial dependence."""
    grids = [np.linspace(x[:, v].min(), x[:, v].max(), SIDE) for v in pair]
    surface = dependence_surface(model, x, pair, first=grids[0], second=grids[1])
    value = surface.value
    alone = shape_functions(model, x, features=pair, size=SIDE).curves
    for axis, (curve, grid) in enumerate(zip(alone, grids, strict=True)):
        value = value - np.expand_dims(curve.at(grid), 1 - axis)
    return surface._replace(value=value - value.mean(axis=(0, 1)))
