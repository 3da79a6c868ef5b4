"""Knot drift: hand-moved knots, and what must not change it."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest

from spline_fc.analysis import activation_flips, knot_drift, summarize_drift
from spline_fc.analysis.knots import on_axis_at_start, select
from tests.analysis.conftest import HOME, KNOTS

SCALER = SimpleNamespace(
    x_shift=np.array([10.0, -3, 0, 1]), x_scale=np.array([2.0, 0.5, 40, 1]),
    y_shift=np.array([7.0]), y_scale=np.array([3.0]),
)  # fmt: skip


def _moved(params: dict, unit: int, by: float) -> dict:
    """The same network with one knot moved by `by` in the network's units."""
    moved = copy.deepcopy(params)
    weight = moved["Dense_0"]["kernel"][HOME[unit], unit]
    moved["Dense_0"]["bias"][unit] -= weight * by
    return moved


def _deeper(params: dict) -> dict:
    """Two hidden layers on top of the same first one."""
    rng = np.random.default_rng(7)
    return {
        "Dense_0": params["Dense_0"],
        "Dense_1": {"kernel": rng.normal(size=(6, 5)), "bias": rng.normal(size=5)},
        "Dense_2": {"kernel": rng.normal(size=(5, 2)), "bias": rng.normal(size=2)},
    }


def test_a_knot_moved_by_hand_shows_exactly_that_drift_in_raw_units(spline_params, rows):
    drift = knot_drift(spline_params, _moved(spline_params, 1, 0.25), rows, scaler=SCALER)
    raw = KNOTS * SCALER.x_scale[HOME] + SCALER.x_shift[HOME]
    np.testing.assert_allclose(drift.knot_before, raw, atol=1e-12)
    expected = np.zeros(6)
    expected[1] = 0.25 * 2.0  # feature 0 has scale 2
    np.testing.assert_allclose(drift.knot_after - drift.knot_before, expected, atol=1e-12)
    quartiles = np.quantile(rows[:, 0], (0.25, 0.75))
    assert drift.displacement[1] == pytest.approx(0.25 / (quartiles[1] - quartiles[0]))
    crossed = np.mean((rows[:, 0] >= KNOTS[1]) & (rows[:, 0] < KNOTS[1] + 0.25))
    assert drift.flipped[1] == pytest.approx(crossed) and crossed > 0
    np.testing.assert_array_equal(drift.flipped[[0, 2, 3, 4, 5]], 0)
    np.testing.assert_array_equal(drift.feature, HOME)


def test_slopes_of_one_hidden_layer_are_products_of_weights_in_raw_units(spline_params, rows):
    drift = knot_drift(spline_params, spline_params, rows, scaler=SCALER)
    sign = spline_params["Dense_0"]["kernel"][HOME, np.arange(6)]
    wanted = sign * spline_params["Dense_1"]["kernel"][:, 0] * 3.0 / SCALER.x_scale[HOME]
    np.testing.assert_allclose(drift.slope_before, wanted, rtol=1e-12)


@pytest.mark.parametrize("depth", [1, 2])
def test_rescaling_units_changes_no_figure(spline_params, rows, depth):
    params = spline_params if depth == 1 else _deeper(spline_params)
    final = _moved(params, 2, -0.3)
    final["Dense_0"]["kernel"] += 0.2 * np.random.default_rng(3).normal(size=(4, 6))
    scaled = copy.deepcopy(final)
    a = np.array([0.1, 3.0, 2.0, 7.0, 0.5, 1.5])
    scaled["Dense_0"] = {k: v * a for k, v in scaled["Dense_0"].items()}
    scaled["Dense_1"]["kernel"] = scaled["Dense_1"]["kernel"] / a[:, None]
    one, other = (knot_drift(params, p, rows, scaler=SCALER) for p in (final, scaled))
    for name, left, right in zip(one._fields, one, other, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-9, err_msg=name)


def test_permuting_units_permutes_records(spline_params, rows):
    order = np.array([3, 0, 5, 1, 4, 2])

    def permuted(params):
        return {
            "Dense_0": {k: v[..., order] for k, v in params["Dense_0"].items()},
            "Dense_1": {**params["Dense_1"], "kernel": params["Dense_1"]["kernel"][order]},
        }

    final = _moved(spline_params, 4, 0.4)
    one = knot_drift(spline_params, final, rows)
    other = knot_drift(permuted(spline_params), permuted(final), rows)
    for name, left, right in zip(one._fields[1:], one[1:], other[1:], strict=True):
        np.testing.assert_array_equal(left[order], right, err_msg=name)


def test_units_off_their_axis_are_counted_and_left_out_of_distributions(spline_params, rows):
    final = _moved(spline_params, 0, 0.1)
    final["Dense_0"]["kernel"][:, 3] = [5.0, 1.0, 5.0, 0.0]
    final["Dense_0"]["bias"][3] = 50.0
    drift = knot_drift(spline_params, final, rows)
    summary = summarize_drift(drift)
    assert not drift.aligned[3] and drift.feature[3] == 1
    assert (summary.units, summary.aligned, summary.left_axis) == (6, 5, 1)
    assert summary.always_on == 1
    assert summary.displacement_quantiles[-1] == pytest.approx(abs(drift.displacement[0]))


def test_dead_outside_flipped_and_merged_units_are_told(spline_params, rows):
    final = _moved(spline_params, 2, 100.0)  # +1 hinge beyond all data: dead and outside
    final["Dense_0"]["kernel"][1, 4] *= -1  # direction of unit 4 turned
    final["Dense_0"]["bias"][4] *= -1
    final["Dense_0"]["kernel"][0, 1] = 1.0  # unit 1 becomes unit 0's double
    final["Dense_0"]["bias"][1] = final["Dense_0"]["bias"][0] + 1e-4
    drift = knot_drift(spline_params, final, rows)
    np.testing.assert_array_equal(drift.outside, [0, 0, 1, 0, 0, 0])
    np.testing.assert_array_equal(drift.merged, [1, 1, 0, 0, 0, 0])
    summary = summarize_drift(drift)
    assert (summary.dead, summary.outside, summary.merged, summary.sign_flips) == (1, 1, 2, 2)


def test_activation_flips_cover_deeper_layers(spline_params, rows):
    before = _deeper(spline_params)
    after = copy.deepcopy(before)
    after["Dense_1"]["kernel"][:, 2] *= -1
    after["Dense_1"]["bias"][2] *= -1
    flips = activation_flips(before, after, rows)
    assert list(flips) == ["Dense_0", "Dense_1"]
    np.testing.assert_array_equal(flips["Dense_0"], 0)
    np.testing.assert_allclose(flips["Dense_1"], [0, 0, 1, 0, 0])


def test_units_of_the_spline_are_told_from_added_ones(spline_params, rows):
    params = copy.deepcopy(spline_params)
    params["Dense_0"]["kernel"][:, 5] = [0.9, 0.1, 0.1, 0.1]
    drift = knot_drift(params, params, rows)
    hinges = on_axis_at_start(drift)
    assert drift.aligned.all()  # by the threshold alone the random unit would pass
    np.testing.assert_array_equal(select(drift, hinges).unit, [0, 1, 2, 3, 4])


def test_a_constant_feature_and_a_unit_without_weights_give_nan_not_an_error(spline_params, rows):
    final = copy.deepcopy(spline_params)
    final["Dense_0"]["kernel"][:, 0] = 0
    constant = rows.copy()
    constant[:, 1] = 3.0
    drift = knot_drift(spline_params, final, constant)
    assert np.isnan(drift.knot_after[0]) and not drift.aligned[0]
    assert np.isnan(drift.displacement[3])
    assert drift.active_after.shape == (6,)


def test_wrong_arguments_are_named(spline_params, rows):
    wider = copy.deepcopy(spline_params)
    wider["Dense_0"] = {"kernel": np.zeros((4, 7)), "bias": np.zeros(7)}
    wider["Dense_1"]["kernel"] = np.zeros((7, 1))
    with pytest.raises(ValueError, match="final_params must have kernels of shapes"):
        knot_drift(spline_params, wider, rows)
    with pytest.raises(ValueError, match="x must have 4 columns; got 3"):
        knot_drift(spline_params, spline_params, rows[:, :3])
    with pytest.raises(ValueError, match="at least one row"):
        knot_drift(spline_params, spline_params, rows[:0])
    with pytest.raises(ValueError, match="min_alignment"):
        knot_drift(spline_params, spline_params, rows, min_alignment=2)
    with pytest.raises(ValueError, match="output must be below 1"):
        knot_drift(spline_params, spline_params, rows, output=1)
