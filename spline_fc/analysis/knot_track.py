"""The way of every knot through training: one record per unit and recorded step.

Units that have left their axis, and those of deeper layers, have no knot: what they did is seen in
their activations alone (`activation_flips`).
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from spline_fc.analysis.activations import check_same_shapes
from spline_fc.analysis.forward import gradients_at
from spline_fc.analysis.shapes import checked_rows
from spline_fc.checks import check, check_integer, check_kind, check_mapping, check_number
from spline_fc.data import Scaler
from spline_fc.network import Params, preactivations_float64
from spline_fc.network.structure import layers_float64
from spline_fc.printing import printed
from spline_fc.threads import one_thread

MERGE_DISTANCE = 0.01  # inter-quartile ranges; closer knots of the same direction count as one
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@printed
class KnotTrack(NamedTuple):
    """The h units of Dense_0 at r records, the start first.

    Every figure is unchanged by (w, b, v) -> (a w, a b, v / a), a > 0, at any record. Knots,
    slopes and displacements mean something where `aligned`; the other units are there to be
    counted, not averaged.
    """

    step: np.ndarray  # (r,) int, training steps taken
    unit: np.ndarray  # (h,) int
    feature: np.ndarray  # (h,) int, home feature
    spread: np.ndarray  # (h,) inter-quartile range of the home feature (the whole range where the
    # quartiles are equal, nan where the feature is constant)
    aligned: np.ndarray  # (r, h) bool, alignment at or above the threshold at the start and here
    alignment: np.ndarray  # (r, h) |w_v| / |w|, nan for a unit without weights
    knot: np.ndarray  # (r, h) -b / w_v, nan where w_v = 0
    displacement: np.ndarray  # (r, h) (knot - knot at the start) / spread
    direction: np.ndarray  # (r, h) +1 active to the right of the knot, -1 to the left
    sign_flipped: np.ndarray  # (r, h) bool, the direction is opposite to that at the start
    slope: np.ndarray  # (r, h) mean slope the unit adds along its feature where it is active
    slope_change: np.ndarray  # (r, h) (slope - slope at the start) * spread: output per range
    active: np.ndarray  # (r, h) share of rows on which the unit is active
    flipped: np.ndarray  # (r, h) share of rows whose activation differs from the start
    dead: np.ndarray  # (r, h) bool, active on no row
    always_on: np.ndarray  # (r, h) bool, active on every row
    outside: np.ndarray  # (r, h) bool, the knot lies outside the range of the rows
    merged: np.ndarray  # (r, h) bool, within MERGE_DISTANCE of a neighbour it was apart from

    @property
    def began_on_axis(self) -> np.ndarray:
        """(h,) bool: units that began exactly on their axis, as the hinges of a spline do.

        Units that widening appended have random directions; with few features some of those pass
        any alignment threshold by chance.
        """
        return self.alignment[0] > 1 - 1e-6

    def select(self, units: np.ndarray) -> "KnotTrack":
        """The track of some units, by a (h,) mask or indices; `unit` holds their old numbers."""
        return KnotTrack(self.step, *(field[..., units] for field in self[1:]))


@printed
class TrackSummary(NamedTuple):
    """Per record counts over units and distributions, (r, 5) at QUANTILES; nan without a unit."""

    step: np.ndarray  # (r,) int
    units: int
    off_axis_at_start: int
    aligned: np.ndarray  # (r,) int
    left_axis: np.ndarray  # (r,) int, on the axis at the start, off it here
    dead: np.ndarray  # (r,) int, of all units
    always_on: np.ndarray  # (r,) int, of all units
    sign_flips: np.ndarray  # (r,) int, of aligned units
    outside: np.ndarray  # (r,) int, of aligned units
    merged: np.ndarray  # (r,) int, of aligned units
    flipped_share: np.ndarray  # (r,) of all (row, unit) pairs
    displacement: np.ndarray  # (r, 5) of |displacement| of aligned units
    slope_change: np.ndarray  # (r, 5) of |slope_change| of aligned units
    alignment: np.ndarray  # (r, 5) of units aligned at the start


def knot_track(
    trace: Mapping[str, Any],
    x: Any,
    home: Any = None,
    *,
    scaler: Any = None,
    min_alignment: float = 0.5,
    output: int = 0,
) -> KnotTrack:
    """Follows the knots of the first hidden layer through the records of a training run.

    Example:
      recorder = training.network_recorder()  # once per epoch
      result = training.train(params, dataset, config, recorder=recorder)
      track = analysis.knot_track(result.trace, dataset.train.x[:2000], scaler=dataset.scaler)
      sfc.plots.knots_over_steps(track, dataset)
      sfc.plots.drift_over_steps(track)
      print(analysis.summarize_track(track).left_axis)  # how many units its quantiles leave out

    Args:
      trace: of `training.network_recorder`, {"step": (r,), "params": tree of (r, ...)}, or of
        `training.first_layer_recorder`, {"step", "kernel": (r, d, h), "bias": (r, h)}, whose
        slopes are nan, as they take the outgoing weights. Of replicas, one: tree.map(a[s, l]).
      x: (n, d), the rows on which activation is counted, in the units the network takes.
      home: (h,) int, the feature of each unit; by default that of its largest weight at the start.
      scaler: a data.Scaler; knots, spreads and slopes are then in raw units, else in those of x.
      min_alignment: |w_v| / |w| from which a unit has a knot worth the name.
      output: the output whose slopes are measured.

    Returns:
      KnotTrack, without records that a stopped run did not reach or that are not finite.

    Raises:
      ValueError: no trace of these recorders, no record in it, or arguments that do not fit it.
    """
    found = recorded_networks(trace)
    options = {"scaler": scaler, "min_alignment": min_alignment, "output": output}
    return track_networks(found.networks, found.step, x, home, **options)


def knot_drift(
    before: Params,
    after: Params,
    x: Any,
    *,
    scaler: Any = None,
    min_alignment: float = 0.5,
    output: int = 0,
) -> KnotTrack:
    """Compares the first hidden layer of a network before and after training, unit by unit.

    Args:
      before: {"Dense_0": {"kernel": (d, h), "bias": (h,)}, ...}.
      after: the same structure; unit i is the same unit.
      x, scaler, min_alignment, output: as in `knot_track`.

    Returns:
      KnotTrack of two records, steps 0 and 1: `drift.knot[0]` before and `drift.knot[1]` after.

    Raises:
      ValueError: the two networks differ in shape, x does not fit them, or no row was given.
    """
    options = {"scaler": scaler, "min_alignment": min_alignment, "output": output}
    return track_networks([before, after], (0, 1), x, **options)


@printed
class Records(NamedTuple):
    """The networks that a run left on its way."""

    step: np.ndarray  # (r,) int
    networks: list[Params]  # r trees; of Dense_0 alone where only the first layer was recorded


def recorded_networks(trace: Mapping[str, Any]) -> Records:
    """Takes the trace of a recorder apart into networks.

    Args:
      trace: as in `knot_track`.

    Returns:
      Records, without those that a stopped run did not reach or that are not finite.

    Raises:
      ValueError: no trace of these recorders, or no record in it.
    """
    check_mapping("trace", trace)
    known = "step" in trace and ("params" in trace or {"kernel", "bias"} <= set(trace))
    check(known, f"trace must hold step and params, or step, kernel and bias; got {sorted(trace)}.")
    steps = np.asarray(trace["step"])
    check(
        steps.ndim == 1,
        f"trace['step'] must have shape (records,), that of one replica; got {steps.shape}.",
    )
    tree = trace["params"] if "params" in trace else {"Dense_0": trace}
    stacks = {
        layer: {name: np.asarray(leaves[name]) for name in ("kernel", "bias")}
        for layer, leaves in tree.items()
    }
    networks = [
        {layer: {k: leaf[i] for k, leaf in leaves.items()} for layer, leaves in stacks.items()}
        for i in range(len(steps))
    ]
    reached = [i for i in np.flatnonzero(steps >= 0) if _is_finite(networks[i])]
    check(len(reached) > 0, "trace must hold at least one finite record; got none.")
    return Records(steps[reached], [networks[i] for i in reached])


def track_networks(
    networks: Sequence[Params],
    steps: Any,
    x: Any,
    home: Any = None,
    *,
    scaler: Any = None,
    min_alignment: float = 0.5,
    output: int = 0,
) -> KnotTrack:
    """Does what `knot_track` does for networks given one by one, e.g. read from files.

    Args:
      networks: r parameter trees of one shape, the start first; a tree of Dense_0 alone has knots
        but no slopes.
      steps: (r,) int, the steps each of them was trained.
      x, home, scaler, min_alignment, output: as in `knot_track`.

    Returns:
      KnotTrack.

    Raises:
      ValueError: the arguments do not fit each other, or no row was given.
    """
    x = checked_rows(x)
    check_number("min_alignment", min_alignment, at_least=0, at_most=1)
    check_integer("output", output, at_least=0)
    check_same_shapes(networks)
    steps, stack = np.asarray(steps), layers_float64(networks[0])
    check(
        steps.shape == (len(networks),),
        f"steps must have shape ({len(networks)},), one per network; got {steps.shape}.",
    )
    outputs = stack[-1][1].size if len(stack) > 1 else output + 1
    check(output < outputs, f"output must be below {outputs}, the number of outputs; got {output}.")
    home = _home(stack[0][0], home)
    with one_thread():
        start = preactivations_float64(networks[0], x)[0] > 0
        states = [_measure(params, x, home, output, start) for params in networks]
    return _track(states, steps, x, home, scaler, min_alignment, output)


def summarize_track(track: KnotTrack) -> TrackSummary:
    """Condenses a track into counts and quantiles per record; off-axis units are counted apart.

    Args:
      track: from `knot_track`; of one feature or of the spline's own units by `select`.

    Returns:
      TrackSummary.
    """
    check_kind("track", track, KnotTrack)
    on_start = np.broadcast_to(track.aligned[0], track.aligned.shape)

    def count(marked: np.ndarray) -> np.ndarray:
        return marked.sum(axis=1)

    return TrackSummary(
        step=track.step,
        units=track.unit.size,
        off_axis_at_start=int((~track.aligned[0]).sum()),
        aligned=count(track.aligned),
        left_axis=count(on_start & ~track.aligned),
        dead=count(track.dead),
        always_on=count(track.always_on),
        sign_flips=count(track.aligned & track.sign_flipped),
        outside=count(track.aligned & track.outside),
        merged=count(track.aligned & track.merged),
        flipped_share=track.flipped.sum(axis=1) / max(track.unit.size, 1),
        displacement=_quantiles(np.abs(track.displacement), track.aligned),
        slope_change=_quantiles(np.abs(track.slope_change), track.aligned),
        alignment=_quantiles(track.alignment, on_start),
    )


def _measure(
    params: Params, x: np.ndarray, home: np.ndarray, output: int, start: np.ndarray
) -> tuple[np.ndarray, ...]:
    """(h,) alignment, knot, direction, slope, and shares of rows that are active and flipped."""
    kernel, bias = layers_float64(params)[0]
    weight = kernel[home, np.arange(home.size)]
    with np.errstate(divide="ignore", invalid="ignore"):
        alignment = np.abs(weight) / np.linalg.norm(kernel, axis=0)
        knot = np.where(weight != 0, -bias / weight, np.nan)
    values = preactivations_float64(params, x)
    active = values[0] > 0
    slope = np.full(home.size, np.nan)
    if len(params) > 1:
        gradient = gradients_at(params, values, output)
        # Over active rows only: with one hidden layer this is w_v * v exactly, on any data.
        slope = weight * (gradient * active).sum(axis=0) / np.maximum(active.sum(axis=0), 1)
    # Shares, not the booleans of every row: records may be many.
    shares = active.mean(axis=0), (active != start).mean(axis=0)
    return alignment, knot, np.sign(weight), slope, *shares


def _track(states, steps, x, home, scaler, min_alignment, output) -> KnotTrack:
    """Stacks the measurements of all records and compares them with the first."""
    alignment, knot, direction, slope, active, flipped = map(np.stack, zip(*states, strict=True))
    on_axis = alignment >= min_alignment
    aligned = on_axis & on_axis[0]
    spread = _spread(x)[home]
    x_scale, x_shift, y_scale = 1.0, 0.0, 1.0
    if scaler is not None:
        check_kind("scaler", scaler, Scaler)
        x_scale, x_shift = np.asarray(scaler.x_scale)[home], np.asarray(scaler.x_shift)[home]
        y_scale = np.asarray(scaler.y_scale)[output]
    return KnotTrack(
        step=steps,
        unit=np.arange(home.size),
        feature=home,
        spread=spread * x_scale,
        aligned=aligned,
        alignment=alignment,
        knot=knot * x_scale + x_shift,
        displacement=(knot - knot[0]) / spread,
        direction=direction,
        sign_flipped=direction * direction[0] < 0,
        slope=slope * y_scale / x_scale,
        slope_change=(slope - slope[0]) * spread * y_scale,
        active=active,
        flipped=flipped,
        dead=active == 0,
        always_on=active == 1,
        outside=(knot < x.min(axis=0)[home]) | (knot > x.max(axis=0)[home]),
        merged=_merged(knot, direction, home, spread, aligned),
    )


def _spread(x: np.ndarray) -> np.ndarray:
    """Inter-quartile range per column; the full range where half the rows share one value."""
    low, high = np.quantile(x, (0.25, 0.75), axis=0)
    spread = np.where(high > low, high - low, np.ptp(x, axis=0))
    return np.where(spread > 0, spread, np.nan)


def _merged(knot, direction, home, spread, aligned) -> np.ndarray:
    """Marks units with a neighbour, of the same feature and direction, that was apart before."""

    def close(knots: np.ndarray) -> np.ndarray:
        return np.abs(knots[:, None] - knots[None, :]) <= MERGE_DISTANCE * spread[:, None]

    same_feature = (home[:, None] == home[None, :]) & ~np.eye(home.size, dtype=bool)
    new_pairs = same_feature & ~close(knot[0])
    merged = []
    for k, d, a in zip(knot, direction, aligned, strict=True):
        alike = (d[:, None] == d[None, :]) & a[:, None] & a[None, :]
        merged.append((new_pairs & alike & close(k)).any(axis=1))
    return np.stack(merged)


def _home(kernel: np.ndarray, home: Any) -> np.ndarray:
    if home is None:
        return np.argmax(np.abs(kernel), axis=0)
    home = np.asarray(home)
    features, units = kernel.shape
    check(
        home.shape == (units,) and np.issubdtype(home.dtype, np.integer),
        f"home must have shape ({units},) and be integer; got {home.dtype} of shape {home.shape}.",
    )
    check(
        bool(((home >= 0) & (home < features)).all()),
        f"home must lie in 0 to {features - 1}; got {home.min()} to {home.max()}.",
    )
    return home


def _is_finite(params: Params) -> bool:
    return all(np.isfinite(leaf).all() for leaves in params.values() for leaf in leaves.values())


def _quantiles(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Quantiles of the finite masked entries of every row: (r, h) to (r, 5)."""
    kept = [row[m & np.isfinite(row)] for row, m in zip(values, mask, strict=True)]
    return np.stack([np.quantile(k, QUANTILES) if k.size else np.full(5, np.nan) for k in kept])
