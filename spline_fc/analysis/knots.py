"""Knots of the first hidden layer: where they stood, where training took them.

Two networks, before and after; knot_track follows the knots in between with the same measures.
"""

from typing import Any, NamedTuple

import numpy as np

from spline_fc.analysis.forward import Params, layers, preactivations
from spline_fc.analysis.knot_track import track_networks
from spline_fc.checks import check


class KnotDrift(NamedTuple):
    """One entry per unit of Dense_0; every figure is unchanged by (w, b, v) -> (a w, a b, v / a).

    Knots, slopes and displacements mean something for units that are `aligned` before and after;
    the others are there to be counted, not averaged.
    """

    unit: np.ndarray  # (h,) int
    feature: np.ndarray  # (h,) int, home feature: the largest weight before training
    aligned: np.ndarray  # (h,) bool, alignment at or above the threshold before and after
    alignment_before: np.ndarray  # (h,) |w_v| / |w|, nan for a unit without weights
    alignment_after: np.ndarray  # (h,)
    knot_before: np.ndarray  # (h,) -b / w_v, nan where w_v = 0
    knot_after: np.ndarray  # (h,)
    displacement: np.ndarray  # (h,) (after - before) in inter-quartile ranges of the feature
    direction_before: np.ndarray  # (h,) +1 active to the right of the knot, -1 to the left
    direction_after: np.ndarray  # (h,)
    slope_before: np.ndarray  # (h,) mean slope the unit adds along its feature where it is active
    slope_after: np.ndarray  # (h,)
    active_before: np.ndarray  # (h,) share of rows on which the unit is active
    active_after: np.ndarray  # (h,)
    flipped: np.ndarray  # (h,) share of rows on which active and inactive changed places
    outside: np.ndarray  # (h,) bool, the knot after training lies outside the data's range
    merged: np.ndarray  # (h,) bool, now within MERGE_DISTANCE of a neighbour it was apart from


class DriftSummary(NamedTuple):
    """Counts over all units and distributions over the aligned ones."""

    units: int
    aligned: int
    off_axis_before: int
    left_axis: int  # on the axis before, off it after
    dead: int
    always_on: int
    sign_flips: int  # of aligned units
    outside: int  # of aligned units
    merged: int  # of aligned units
    flipped_share: float  # of all (row, unit) pairs
    displacement_quantiles: np.ndarray  # (5,) of |displacement| at 0, 25, 50, 75, 100 %
    alignment_quantiles: np.ndarray  # (5,) of alignment_after of units aligned before


def knot_drift(
    initial_params: Params,
    final_params: Params,
    x: Any,
    *,
    scaler: Any = None,
    min_alignment: float = 0.5,
    output: int = 0,
) -> KnotDrift:
    """Compares the first hidden layer of a network before and after training, unit by unit.

    Args:
      initial_params: {"Dense_0": {"kernel": (d, h), "bias": (h,)}, ...} before training.
      final_params: the same structure after it; unit i is the same unit.
      x: (n, d), the rows on which activation is counted, in the units the network takes.
      scaler: a data.Scaler; knots and slopes are then returned in raw units. Without one they are
        in the units of x.
      min_alignment: |w_v| / |w| from which a unit has a knot worth the name.
      output: the output whose slopes are measured.

    Returns:
      KnotDrift.

    Raises:
      ValueError: the two networks differ in shape, x does not fit them, or no row was given.
    """
    _check_same_shapes(initial_params, final_params)
    track = track_networks(
        [initial_params, final_params], (0, 1), x,
        scaler=scaler, min_alignment=min_alignment, output=output,
    )  # fmt: skip
    return KnotDrift(
        unit=track.unit,
        feature=track.feature,
        aligned=track.aligned[1],
        alignment_before=track.alignment[0],
        alignment_after=track.alignment[1],
        knot_before=track.knot[0],
        knot_after=track.knot[1],
        displacement=track.displacement[1],
        direction_before=track.direction[0],
        direction_after=track.direction[1],
        slope_before=track.slope[0],
        slope_after=track.slope[1],
        active_before=track.active[0],
        active_after=track.active[1],
        flipped=track.flipped[1],
        outside=track.outside[1],
        merged=track.merged[1],
    )


def select(drift: KnotDrift, mask: np.ndarray) -> KnotDrift:
    """Keeps the units of a (h,) boolean mask; `unit` still holds their original indices."""
    return KnotDrift(*(field[mask] for field in drift))


def on_axis_at_start(drift: KnotDrift) -> np.ndarray:
    """Marks the units that began as hinges of a spline: (h,) bool, exactly on their axis.

    Units that widening appended have random directions; with few features some of those pass any
    alignment threshold by chance.
    """
    return drift.alignment_before > 1 - 1e-6


def summarize_drift(drift: KnotDrift, *, min_alignment: float = 0.5) -> DriftSummary:
    """Condenses a drift record into counts and quantiles; off-axis units are counted apart.

    Args:
      drift: from `knot_drift`.
      min_alignment: the threshold it was made with.

    Returns:
      DriftSummary; its quantiles are nan when no unit is aligned.
    """
    on_before = drift.alignment_before >= min_alignment
    aligned = drift.aligned
    return DriftSummary(
        units=drift.unit.size,
        aligned=int(aligned.sum()),
        off_axis_before=int((~on_before).sum()),
        left_axis=int((on_before & ~aligned).sum()),
        dead=int((drift.active_after == 0).sum()),
        always_on=int((drift.active_after == 1).sum()),
        sign_flips=int((aligned & (drift.direction_before != drift.direction_after)).sum()),
        outside=int((aligned & drift.outside).sum()),
        merged=int((aligned & drift.merged).sum()),
        flipped_share=float(drift.flipped.mean()) if drift.unit.size else float("nan"),
        displacement_quantiles=_quantiles(np.abs(drift.displacement[aligned])),
        alignment_quantiles=_quantiles(drift.alignment_after[on_before]),
    )


def activation_flips(initial_params: Params, final_params: Params, x: Any) -> dict[str, np.ndarray]:
    """Measures drift where no knot exists: deeper layers and units that left their axis.

    Args:
      initial_params, final_params: as in `knot_drift`.
      x: (n, d), in the units the network takes.

    Returns:
      {"Dense_0": (h0,), "Dense_1": (h1,), ...}: per hidden unit the share of rows on which the two
      networks disagree about its being active.

    Raises:
      ValueError: as in `knot_drift`.
    """
    _check_same_shapes(initial_params, final_params)
    return disagreement(activity(initial_params, x), activity(final_params, x))


def activity(params: Params, x: Any) -> dict[str, np.ndarray]:
    """Says on which rows every hidden unit is active: {"Dense_0": (n, h0) bool, ...}."""
    hidden = preactivations(params, x)[:-1]
    check(len(hidden) > 0, "params must have at least one hidden layer; got one layer.")
    return {f"Dense_{i}": values > 0 for i, values in enumerate(hidden)}


def disagreement(before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> dict:
    """Shares of rows, per layer and unit, on which two results of `activity` differ."""
    return {layer: (active != after[layer]).mean(axis=0) for layer, active in before.items()}


def _quantiles(values: np.ndarray) -> np.ndarray:
    if values.size == 0:
        return np.full(5, np.nan)
    return np.quantile(values, (0, 0.25, 0.5, 0.75, 1))


def _check_same_shapes(initial_params: Params, final_params: Params) -> None:
    shapes = [[k.shape for k, _ in layers(p)] for p in (initial_params, final_params)]
    check(
        shapes[0] == shapes[1],
        f"final_params must have kernels of shapes {shapes[0]}, as initial_params; "
        f"got {shapes[1]}.",
    )
    check(len(shapes[0]) > 1, "params must have at least one hidden layer; got one layer.")
