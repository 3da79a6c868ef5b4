"""Knots through training: records made by hand, each of which moves one thing."""

import copy

import jax
import numpy as np
import pytest

from spline_fc import training
from spline_fc.analysis import (
    knot_drift,
    knot_track,
    summarize_track,
    track_networks,
)
from spline_fc.analysis.knot_track import MERGE_DISTANCE, QUANTILES
from spline_fc.data import Scaler
from tests.analysis.splines import HOME, KNOTS
from tests.training.problems import make_dataset, make_params

SCALER = Scaler(
    x_shift=np.array([10.0, -3, 0, 1]),
    x_scale=np.array([2.0, 0.5, 40, 1]),
    y_shift=np.array([7.0]),
    y_scale=np.array([3.0]),
)
SIGN = np.array([1.0, -1, 1, 1, -1, 1])
MARKS = ("dead", "always_on", "sign_flipped", "outside", "merged")


def _with_knot(params: dict, unit: int, knot: float) -> dict:
    """The same network with one knot put somewhere, in the network's units."""
    moved = copy.deepcopy(params)
    moved["Dense_0"]["bias"][unit] = -moved["Dense_0"]["kernel"][HOME[unit], unit] * knot
    return moved


def _turned(params: dict, unit: int, weights: list[float], bias: float) -> dict:
    """The same network with other incoming weights of one unit."""
    turned = copy.deepcopy(params)
    turned["Dense_0"]["kernel"][:, unit] = weights
    turned["Dense_0"]["bias"][unit] = bias
    return turned


def _deeper(params: dict) -> dict:
    """Two hidden layers on top of the same first one."""
    rng = np.random.default_rng(7)
    return {
        "Dense_0": params["Dense_0"],
        "Dense_1": {"kernel": rng.normal(size=(6, 5)), "bias": rng.normal(size=5)},
        "Dense_2": {"kernel": rng.normal(size=(5, 2)), "bias": rng.normal(size=2)},
    }


def _trace(networks: list[dict], steps: list[int]) -> dict:
    """What network_recorder leaves."""
    return {"step": np.array(steps), "params": jax.tree.map(lambda *a: np.stack(a), *networks)}


def _quartile_range(column: np.ndarray) -> float:
    low, high = np.quantile(column, (0.25, 0.75))
    return high - low


def _assert_tracks_equal(one, other, **tolerance):
    for name, left, right in zip(one._fields, one, other, strict=True):
        np.testing.assert_allclose(left, right, err_msg=name, **tolerance)


def _noisy(params: dict, records: int) -> list[dict]:
    """A walk of all parameters, as training would make it."""
    rng, walk = np.random.default_rng(11), [params]
    for _ in range(records):
        walk.append(jax.tree.map(lambda a: a + 0.1 * rng.normal(size=a.shape), walk[-1]))
    return walk


def test_a_knot_moved_by_hand_drifts_by_just_that_in_raw_units_and_in_ranges(spline_params, rows):
    moves = np.zeros((4, 6))
    moves[:, 1] = [0, 0.25, -0.4, 0.25]  # a feature of scale 2
    moves[:, 4] = [0, 0, 0.1, -1.5]  # a feature of scale 1/2, the unit looks to the left
    networks = [
        _with_knot(_with_knot(spline_params, 1, KNOTS[1] + a), 4, KNOTS[4] + b)
        for a, b in moves[:, [1, 4]]
    ]
    raw = knot_track(_trace(networks, [0, 10, 20, 30]), rows, scaler=SCALER)
    np.testing.assert_array_equal(raw.feature, HOME)
    np.testing.assert_array_equal(raw.step, [0, 10, 20, 30])
    start = KNOTS * SCALER.x_scale[HOME] + SCALER.x_shift[HOME]
    np.testing.assert_allclose(raw.knot, start + moves * SCALER.x_scale[HOME], atol=1e-12)
    spread = np.array([_quartile_range(rows[:, v]) for v in HOME])
    np.testing.assert_allclose(raw.displacement, moves / spread, atol=1e-12)
    np.testing.assert_allclose(raw.spread, spread * SCALER.x_scale[HOME], rtol=1e-12)
    plain = knot_track(_trace(networks, [0, 10, 20, 30]), rows)
    np.testing.assert_allclose(plain.knot, KNOTS + moves, atol=1e-12)
    np.testing.assert_allclose(plain.displacement, raw.displacement, atol=1e-12)

    def crossed(unit, knot):
        low, high = sorted((KNOTS[unit], knot))
        return np.mean((rows[:, HOME[unit]] > low) & (rows[:, HOME[unit]] <= high))

    wanted = [[crossed(u, KNOTS[u] + m) for u, m in enumerate(record)] for record in moves]
    np.testing.assert_allclose(raw.flipped, wanted, atol=1e-12)
    side = SIGN[1] * (rows[:, [0]] - (KNOTS[1] + moves[:, 1])) > 0
    np.testing.assert_allclose(raw.active[:, 1], side.mean(axis=0), atol=1e-12)


def test_another_outgoing_weight_changes_the_slope_by_it_and_moves_no_knot(spline_params, rows):
    after = copy.deepcopy(spline_params)
    after["Dense_1"]["kernel"][3, 0] += 0.5
    track = track_networks([spline_params, after], [0, 1], rows, scaler=SCALER)
    slope = SIGN * spline_params["Dense_1"]["kernel"][:, 0] * 3.0 / SCALER.x_scale[HOME]
    np.testing.assert_allclose(track.slope[0], slope, rtol=1e-12)
    change = np.zeros(6)
    change[3] = 0.5 * 3.0 * _quartile_range(rows[:, 1])  # of the output, from quartile to quartile
    np.testing.assert_allclose(track.slope_change[1], change, atol=1e-12)
    assert not track.displacement.any() and not track.flipped.any()


def test_slope_below_more_layers_is_what_the_output_gains_through_the_unit(spline_params, rows):
    params, step = _deeper(spline_params), 1e-7
    track = track_networks([params], [0], rows, output=1)

    def output(raised):
        first = params["Dense_0"]
        hidden = np.maximum(rows @ first["kernel"] + first["bias"], 0)
        hidden = np.maximum(
            (hidden + raised) @ params["Dense_1"]["kernel"] + params["Dense_1"]["bias"], 0
        )
        return (hidden @ params["Dense_2"]["kernel"] + params["Dense_2"]["bias"])[:, 1]

    for unit, (sign, feature) in enumerate(zip(SIGN, HOME, strict=True)):
        gain = (output(step * np.eye(6)[unit]) - output(np.zeros(6))) / step
        active = sign * (rows[:, feature] - KNOTS[unit]) > 0
        assert track.slope[0, unit] == pytest.approx(sign * gain[active].mean(), rel=1e-6)


@pytest.mark.parametrize("depth", [1, 2])
def test_rescaled_units_change_no_figure(spline_params, rows, depth):
    walk = _noisy(spline_params if depth == 1 else _deeper(spline_params), 4)

    def rescaled(params, seed):
        a = np.exp(np.random.default_rng(seed).normal(size=6))
        first = {name: leaf * a for name, leaf in params["Dense_0"].items()}
        second = {**params["Dense_1"], "kernel": params["Dense_1"]["kernel"] / a[:, None]}
        return {**params, "Dense_0": first, "Dense_1": second}

    one = track_networks(walk, range(5), rows, scaler=SCALER)
    other = track_networks(
        [rescaled(p, i) for i, p in enumerate(walk)], range(5), rows, one.feature, scaler=SCALER
    )
    assert np.abs(one.slope_change[4]).min() > 0 and one.aligned.all()
    _assert_tracks_equal(one, other, rtol=1e-9, atol=1e-12)


def test_permuted_units_permute_records(spline_params, rows):
    order = np.array([3, 0, 5, 1, 4, 2])

    def permuted(params):
        return {
            "Dense_0": {name: leaf[..., order] for name, leaf in params["Dense_0"].items()},
            "Dense_1": {**params["Dense_1"], "kernel": params["Dense_1"]["kernel"][order]},
        }

    walk = _noisy(spline_params, 3)
    one = track_networks(walk, range(4), rows, scaler=SCALER)
    other = track_networks([permuted(p) for p in walk], range(4), rows, scaler=SCALER)
    _assert_tracks_equal(one.select(order)._replace(unit=np.arange(6)), other, rtol=1e-12)
    summaries = summarize_track(one), summarize_track(other)
    for name, left, right in zip(summaries[0]._fields, *summaries, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-12, err_msg=name)


def test_units_off_their_axis_are_counted_and_not_averaged_in(spline_params, rows):
    start = _turned(spline_params, 5, [1.0, 1.0, 1.1, 0.0], 0.1)  # on no axis
    moved = _with_knot(start, 0, KNOTS[0] + 0.1)
    left = _turned(moved, 3, [5.0, 1.0, 5.0, 0.0], 50.0)  # its "knot" lies at -50
    back = _turned(moved, 5, [0.0, 0.0, 1.0, 0.0], 9.0)  # on an axis where it did not begin
    track = track_networks([start, moved, left, back], range(4), rows, min_alignment=0.7)
    assert track.aligned[1].tolist() == [True, True, True, True, True, False]
    assert track.alignment[2, 3] == pytest.approx(1 / np.sqrt(51))
    assert track.feature[5] == 2 and track.alignment[3, 5] == 1
    summary = summarize_track(track)
    assert summary.units == 6 and summary.off_axis_at_start == 1
    np.testing.assert_array_equal(summary.aligned, [5, 5, 4, 5])
    np.testing.assert_array_equal(summary.left_axis, [0, 0, 1, 0])
    assert np.abs(track.displacement[2, 3]) > 30 and np.abs(track.displacement[3, 5]) > 5
    largest = 0.1 / _quartile_range(rows[:, 0])
    for record, others in ((1, [0] * 4), (2, [0] * 3), (3, [0] * 4)):
        wanted = np.quantile([largest, *others], QUANTILES)
        np.testing.assert_allclose(summary.displacement[record], wanted, atol=1e-12)
    lenient = track_networks([start, moved, left, back], range(4), rows, min_alignment=0.1)
    np.testing.assert_array_equal(summarize_track(lenient).aligned, [6, 6, 6, 6])


def _marked(params, after, rows):
    """Names of the units that each mark is on at the second record; none may be at the others."""
    track = track_networks([params, after, params], [0, 1, 2], rows)
    summary, found = summarize_track(track), {}
    for mark in MARKS:
        values = getattr(track, mark)
        assert not values[[0, 2]].any(), mark
        found[mark] = np.flatnonzero(values[1]).tolist()
        counted = getattr(summary, {"sign_flipped": "sign_flips"}.get(mark, mark))
        np.testing.assert_array_equal(counted, [0, len(found[mark]), 0])
    return track, {mark: units for mark, units in found.items() if units}


def test_a_unit_beyond_the_data_is_dead_or_always_on_and_its_knot_outside(spline_params, rows):
    high, low = rows[:, 0].max(), rows[:, 1].max()
    _, found = _marked(spline_params, _with_knot(spline_params, 2, high + 1e-6), rows)
    assert found == {"dead": [2], "outside": [2]}
    _, found = _marked(spline_params, _with_knot(spline_params, 4, low + 1e-6), rows)
    assert found == {"always_on": [4], "outside": [4]}
    second = np.sort(rows[:, 0])[-2]
    _, found = _marked(spline_params, _with_knot(spline_params, 2, second), rows)
    assert found == {}  # one row is left to it


def test_a_mirrored_unit_keeps_its_knot_and_flips_on_every_row(spline_params, rows):
    weights = -spline_params["Dense_0"]["kernel"][:, 4]
    after = _turned(spline_params, 4, weights, -spline_params["Dense_0"]["bias"][4])
    track, found = _marked(spline_params, after, rows)
    assert found == {"sign_flipped": [4]}
    np.testing.assert_array_equal(track.direction[:, 4], [-1, 1, -1])
    assert track.displacement[1, 4] == 0 and track.flipped[1, 4] == 1


def test_a_merged_pair_stands_close_looks_one_way_and_stood_apart(spline_params, rows):
    reach = MERGE_DISTANCE * _quartile_range(rows[:, 0])
    for distance, wanted in ((0.9, {"merged": [0, 2]}), (-0.9, {"merged": [0, 2]}), (1.1, {})):
        after = _with_knot(spline_params, 2, KNOTS[0] + distance * reach)
        assert _marked(spline_params, after, rows)[1] == wanted
    other_way = _with_knot(spline_params, 1, KNOTS[0])
    assert _marked(spline_params, other_way, rows)[1] == {}
    other_feature = _with_knot(spline_params, 5, KNOTS[3])
    assert _marked(spline_params, other_feature, rows)[1] == {}
    doubles = _with_knot(spline_params, 2, KNOTS[0])
    both_moved = _with_knot(_with_knot(doubles, 0, 0.3), 2, 0.3)
    assert _marked(doubles, both_moved, rows)[1] == {}


def test_a_stopped_run_has_the_records_it_reached(spline_params, rows):
    walk = _noisy(spline_params, 4)
    whole = track_networks(walk[:3], [0, 5, 10], rows)
    trace = _trace(walk, [0, 5, 10, -1, -1])
    for leaf in jax.tree.leaves(trace["params"]):
        leaf[3:] = np.nan
    _assert_tracks_equal(whole, knot_track(trace, rows))
    repeated = _trace([*walk[:3], walk[2], walk[2]], [0, 5, 10, 10, 10])
    track = knot_track(repeated, rows)
    for name in whole._fields:
        if np.ndim(getattr(whole, name)) == 2:  # what stands still changes no figure
            np.testing.assert_array_equal(getattr(track, name)[2:], getattr(track, name)[[2] * 3])
    diverged = _trace(walk[:3], [0, 5, 10])
    diverged["params"]["Dense_1"]["bias"][1] = np.inf
    np.testing.assert_array_equal(knot_track(diverged, rows).step, [0, 10])


def test_the_first_layer_alone_tells_all_but_slopes(spline_params, rows):
    trace = _trace(_noisy(spline_params, 2), [0, 5, 10])
    whole = knot_track(trace, rows, scaler=SCALER)
    first = knot_track({"step": trace["step"], **trace["params"]["Dense_0"]}, rows, scaler=SCALER)
    assert np.isnan(first.slope).all() and np.isnan(summarize_track(first).slope_change).all()
    unknown = {"slope": whole.slope, "slope_change": whole.slope_change}
    _assert_tracks_equal(whole, first._replace(**unknown))


def test_a_trained_run_ends_where_its_last_network_stands():
    params, dataset = make_params(), make_dataset()
    config = {"epochs": 9, "batch_size": 25, "learning_rate": 0.3, "patience": 1, "averaging": 0.0}
    result = training.train(params, dataset, config, recorder=training.network_recorder())
    x = dataset.train.x
    track = knot_track(result.trace, x)
    assert "No better validation loss" in result.stop_reason
    trained = np.isfinite(result.history["train_loss"]).sum()
    assert 1 < trained < 10
    np.testing.assert_array_equal(track.step, 4 * np.arange(trained))
    drift = knot_drift(params, result.last_params, x)
    np.testing.assert_array_equal(track.knot[-1], drift.knot[1])
    np.testing.assert_array_equal(track.flipped[-1], drift.flipped[1])
    assert drift.flipped.max() > 0


def test_home_features_can_be_given(spline_params, rows):
    start = _turned(spline_params, 0, [0.6, 0.8, 0.0, 0.0], -0.3)
    home = np.array([0, *HOME[1:]])
    track = track_networks([start], [0], rows, home)
    assert track.knot[0, 0] == pytest.approx(0.5) and track.alignment[0, 0] == pytest.approx(0.6)
    assert track_networks([start], [0], rows).feature[0] == 1


def test_no_spread_and_no_weights_give_nan_and_no_warning(spline_params, rows):
    rows[:, 1] = 3.0
    rows[: len(rows) * 4 // 5, 2] = 0.0  # its quartiles are equal
    after = _turned(spline_params, 0, [0.0] * 4, 1.0)
    with np.errstate(all="raise"):
        track = track_networks([spline_params, after], [0, 1], rows)
        summary = summarize_track(track)
    assert np.isnan(track.knot[1, 0]) and not track.aligned[1, 0] and track.always_on[1, 0]
    assert np.isnan(track.displacement[:, [3, 4]]).all()
    assert track.spread[5] == np.ptp(rows[:, 2])
    assert np.isfinite(summary.displacement).all()


@pytest.mark.parametrize(
    "change, message",
    [
        ({"trace": {"step": np.zeros(1)}}, "trace must hold step and params, or step, kernel"),
        ({"step": np.zeros((2, 2), int)}, r"trace\['step'\] must have shape \(records,\)"),
        ({"step": np.array([-1, -1])}, "trace must hold at least one finite record; got none"),
        ({"x": np.zeros((0, 4))}, "x must"),
        ({"x": np.zeros((5, 3))}, "x must have 4 columns; got 3"),
        ({"output": 1}, "output must be below 1"),
        ({"min_alignment": 1.5}, "min_alignment must"),
        ({"home": np.zeros(5, int)}, r"home must have shape \(6,\) and be integer"),
        ({"home": np.zeros(6)}, "home must have shape .* got float64"),
        ({"home": np.full(6, 4)}, "home must lie in 0 to 3; got 4 to 4"),
    ],
)
def test_wrong_arguments_are_named(spline_params, rows, change, message):
    trace = _trace([spline_params] * 2, [0, 1])
    trace = change.pop("trace", {**trace, "step": change.pop("step", trace["step"])})
    with pytest.raises(ValueError, match=message):
        knot_track(trace, change.pop("x", rows), **change)


def test_two_networks_make_a_track_of_two_records(spline_params, rows):
    after = _turned(_with_knot(spline_params, 1, KNOTS[1] + 0.25), 3, [5.0, 1.0, 5.0, 0.0], 50.0)
    drift = knot_drift(spline_params, after, rows, scaler=SCALER, min_alignment=0.7)
    _assert_tracks_equal(
        drift,
        track_networks([spline_params, after], [0, 1], rows, scaler=SCALER, min_alignment=0.7),
    )
    assert drift.step.tolist() == [0, 1]
    assert drift.aligned.tolist() == [[True] * 6, [True] * 3 + [False] + [True] * 2]
    assert drift.knot[1, 1] - drift.knot[0, 1] == pytest.approx(0.25 * 2.0)
    wider = {**spline_params, "Dense_0": {"kernel": np.zeros((4, 7)), "bias": np.zeros(7)}}
    wider["Dense_1"] = {**spline_params["Dense_1"], "kernel": np.zeros((7, 1))}
    with pytest.raises(ValueError, match=r"layer sizes \(4, 6, 1\) of the first; got \(4, 7, 1\)"):
        knot_drift(spline_params, wider, rows)


def test_units_of_the_spline_are_told_from_added_ones(spline_params, rows):
    params = _turned(spline_params, 5, [0.9, 0.1, 0.1, 0.1], 1.1)
    drift = knot_drift(params, params, rows)
    assert drift.aligned.all()  # by the threshold alone the random unit would pass
    chosen = drift.select(drift.began_on_axis)
    np.testing.assert_array_equal(chosen.unit, [0, 1, 2, 3, 4])
    np.testing.assert_array_equal(chosen.knot, drift.knot[:, :5])
