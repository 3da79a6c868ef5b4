"""Explanations of one prediction."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings

from spline_fc.analysis.forward import output
from spline_fc.analysis.local import explain_network, explain_spline
from spline_fc.data import Scaler
from spline_fc.network import apply_params
from spline_fc.network import preactivations_float64 as preactivations
from tests.analysis.splines import plain_output, random_network, random_spline, seeds

SCALER = Scaler(
    np.array([1.0, 2, 3]), np.array([10.0, 1, 0.1]), np.array([5.0, -5]), np.array([3.0, 0.5])
)


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_the_terms_of_a_spline_sum_to_its_prediction(seed):
    spline, row = random_spline(seed), np.random.default_rng(seed).normal(size=4)
    found = explain_spline(spline, row)
    wanted = plain_output(spline, row[None])[0]
    np.testing.assert_allclose(found.prediction, wanted, atol=1e-12)
    for value in (found.value, found.group_value):
        np.testing.assert_allclose(found.intercept + value.sum(axis=0), wanted, atol=1e-12)
    assert set(found.group) == set(found.features)


def test_every_term_is_named_with_its_variables_and_its_value():
    spline, row = random_spline(3), np.random.default_rng(3).normal(size=4)
    found = explain_spline(spline, row)
    live = np.flatnonzero((spline.slope != 0).any(axis=1) & spline.coef.any(axis=1))
    np.testing.assert_array_equal(found.term, live)
    for m, features, value in zip(found.term, found.features, found.value, strict=True):
        assert features == tuple(sorted(set(spline.feature[m][spline.slope[m] != 0].tolist())))
        alone = spline._replace(coef=np.where(np.arange(8)[:, None] == m, spline.coef, 0))
        np.testing.assert_allclose(value, plain_output(alone, row[None])[0] - spline.intercept)
    for group, total in zip(found.group, found.group_value, strict=True):
        own = [v for f, v in zip(found.features, found.value, strict=True) if f == group]
        np.testing.assert_allclose(total, np.sum(own, axis=0))


@pytest.mark.parametrize("sizes", [(3, 6, 2), (3, 7, 5, 2), (3, 2)])
def test_the_affine_map_is_that_of_the_cell(sizes):
    params, row = random_network(sizes, 3), np.array([0.3, -0.2, 0.5])
    found = explain_network(params, row, reference=[1.0, 0, -1])
    with jax.enable_x64(True):
        gradient = np.asarray(jax.jacobian(lambda r: apply_params(params, r[None])[0])(row))
    np.testing.assert_allclose(found.gradient, gradient.T, atol=1e-12)
    np.testing.assert_allclose(found.prediction, output(params, row[None])[0], atol=1e-12)
    np.testing.assert_allclose(row @ found.gradient + found.intercept, found.prediction)
    np.testing.assert_allclose(found.contribution, found.gradient * [[-0.7], [-0.2], [1.5]])
    total = found.reference_value + found.contribution.sum(axis=0)
    np.testing.assert_allclose(total, found.prediction)
    at_reference = np.array([1.0, 0, -1]) @ found.gradient + found.intercept
    np.testing.assert_allclose(found.reference_value, at_reference)


def _pattern(params: dict, x: np.ndarray) -> np.ndarray:
    return np.hstack(preactivations(params, x)[:-1]) > 0


@pytest.mark.parametrize("seed", range(4))
def test_the_cell_ends_at_the_distance_given_and_not_before(seed):
    params, rng = random_network((3, 7, 5, 1), seed), np.random.default_rng(seed)
    row = rng.normal(size=3)
    found = explain_network(params, row)
    own = _pattern(params, row[None])
    away = rng.normal(size=(20_000, 3))
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    assert (_pattern(params, row + 0.999999 * found.distance * away) == own).all()
    # Just beyond, in the direction of the boundary, the unit named has switched and no other.
    place = found.unit + 7 * found.layer
    height = [z[0] for z in preactivations(params, row[None])]
    ends = []
    for sign in (1, -1):
        normal = _normal(params, row, found.layer, found.unit)
        step = sign * (1 + 1e-6) * found.distance * normal / np.linalg.norm(normal)
        ends.append(np.flatnonzero(_pattern(params, (row + step)[None])[0] != own[0]).tolist())
    assert [place] in ends and height[found.layer][found.unit] != 0


def _normal(params: dict, row: np.ndarray, layer: int, unit: int) -> np.ndarray:
    steps = 1e-6 * np.eye(3)
    values = preactivations(params, np.concatenate([row + steps, row - steps]))[layer][:, unit]
    return (values[:3] - values[3:]) / 2e-6


@pytest.mark.parametrize("seed", range(4))
def test_each_feature_alone_has_the_room_given(seed):
    params = random_network((3, 7, 5, 1), seed)
    row = np.random.default_rng(seed).normal(size=3)
    found = explain_network(params, row)
    own = _pattern(params, row[None])
    for feature in range(3):
        for sign, room in ((-1, found.room_below[feature]), (1, found.room_above[feature])):
            step = sign * min(room, 1e3) * np.eye(3)[feature]
            assert (_pattern(params, (row + 0.99999 * step)[None]) == own).all()
            if np.isfinite(room):
                assert (_pattern(params, (row + 1.00001 * step)[None]) != own).any()
    assert min(found.room_below.min(), found.room_above.min()) >= found.distance


def test_a_network_without_hinges_is_one_cell():
    found = explain_network(random_network((3, 2), 0), np.ones(3))
    assert found.distance == np.inf and found.unit == found.layer == -1
    assert np.isinf(found.room_above).all() and np.isinf(found.room_below).all()


def test_a_knot_under_the_row_leaves_no_room():
    params = {
        "Dense_0": {"kernel": np.array([[1.0], [0.0]]), "bias": np.array([-0.5])},
        "Dense_1": {"kernel": np.ones((1, 1)), "bias": np.zeros(1)},
    }
    found = explain_network(params, [0.5, 3.0])
    assert found.distance == 0 and (found.layer, found.unit) == (0, 0)
    np.testing.assert_array_equal(found.room_above, [0, np.inf])
    np.testing.assert_array_equal(found.gradient, np.zeros((2, 1)))


def test_raw_units_are_those_of_the_scaler():
    params, row = random_network((3, 6, 2), 1), np.array([0.3, -0.2, 0.5])
    plain, raw = explain_network(params, row), explain_network(params, row, scaler=SCALER)
    np.testing.assert_allclose(raw.prediction, plain.prediction * [3, 0.5] + [5, -5])
    raw_row = row * SCALER.x_scale + SCALER.x_shift
    np.testing.assert_allclose(raw_row @ raw.gradient + raw.intercept, raw.prediction)
    np.testing.assert_allclose(raw.contribution, plain.contribution * [3, 0.5])
    np.testing.assert_allclose(raw.room_above, plain.room_above * SCALER.x_scale)
    np.testing.assert_allclose(raw.reference, SCALER.x_shift)
    assert raw.distance == plain.distance
    on_device = explain_network(params, row, scaler=jax.tree.map(jax.numpy.asarray, SCALER))
    assert on_device.gradient.dtype == np.float64  # a scaler in float32 does not take digits away
    np.testing.assert_allclose(on_device.gradient, raw.gradient, rtol=1e-6)
    spline = random_spline(1, d=3)
    plain, raw = explain_spline(spline, row), explain_spline(spline, row, scaler=SCALER)
    np.testing.assert_allclose(raw.prediction, plain.prediction * [3, 0.5] + [5, -5])
    np.testing.assert_allclose(raw.group_value, plain.group_value * [3, 0.5])


def test_wrong_arguments_are_named():
    params, spline = random_network((3, 6, 1), 1), random_spline(1)
    with pytest.raises(ValueError, match=r"row must have shape \(3,\); got \(2,\)"):
        explain_network(params, [0.0, 1.0])
    with pytest.raises(ValueError, match="reference must be finite"):
        explain_network(params, np.zeros(3), reference=[0.0, np.nan, 0.0])
    with pytest.raises(ValueError, match=r"row must have shape \(d,\)"):
        explain_spline(spline, np.zeros((2, 4)))
    with pytest.raises(ValueError, match="row must have 4 columns"):
        explain_spline(spline, np.zeros(2))
    with pytest.raises(ValueError, match="row must be finite"):
        explain_spline(spline, [0.0, np.nan, 0.0, 0.0])
    with pytest.raises(ValueError, match="spline.coef must be finite"):
        explain_spline(spline._replace(coef=np.full((8, 2), np.inf)), np.zeros(4))
    params["Dense_1"]["bias"][0] = np.nan
    with pytest.raises(ValueError, match="params/Dense_1/bias must be finite"):
        explain_network(params, np.zeros(3))
