"""The untrained network is the spline: everywhere, whatever the spline is made of."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spline_fc.cpwl import Spline, evaluate, fit_mars
from spline_fc.data import scale_x, unscale_y
from spline_fc.network import (
    MLP,
    apply_params,
    check_same_structure,
    clip_inputs,
    fold_scaler,
    hinges,
    layer_sizes,
    preactivations_float64,
    reshape,
    spline_from_params,
    to_params,
    unfold_scaler,
)
from tests.network.sameness import FORWARD, assert_equal, error
from tests.splines import plain_output, random_rows, random_scaler, random_spline, shapes


@given(shapes())
@settings(max_examples=25, deadline=None)
def test_the_network_is_the_spline_and_is_read_back_in_float32(shape):
    check_both_ways(random_spline(**shape))


@given(shapes())
@settings(max_examples=25, deadline=None)
def test_the_network_is_the_spline_and_is_read_back_in_float64(shape):
    with jax.enable_x64(True):
        check_both_ways(random_spline(**shape, dtype=np.float64))


def check_both_ways(spline):
    params = to_params(spline)
    assert_equal(spline, params)
    assert all(leaf.dtype == spline.coef.dtype for leaf in jax.tree.leaves(params))
    read = spline_from_params(params)
    again = to_params(read)
    assert layer_sizes(again) == layer_sizes(params)
    assert_equal(spline, again)
    if len(params) == 2:
        jax.tree.map(np.testing.assert_array_equal, again, params)


@given(shapes(), st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_the_scaler_folds_in_and_out(shape, seed):
    with jax.enable_x64(True):
        spline = random_spline(**shape, dtype=np.float64)
        scaler = random_scaler(seed, shape["features"], shape["outputs"])
        raw = to_params(spline, scaler)
        x = random_rows(seed, features=shape["features"], dtype=np.float64)
        standard = plain_output(spline, x)
        came = FORWARD(raw, scaler.x_shift + scaler.x_scale * x)
        np.testing.assert_allclose(
            (came - scaler.y_shift) / scaler.y_scale, standard, rtol=1e-9, atol=1e-9
        )
        assert error(spline, unfold_scaler(raw, scaler)) < 1e-10
        read = spline_from_params(raw, scaler)
        np.testing.assert_allclose(evaluate(read, x), standard, rtol=1e-9, atol=1e-9)
        assert layer_sizes(to_params(read)) == layer_sizes(raw)


def test_a_shifted_bias_is_noticed():
    spline = random_spline(3, terms=8, degree=2, directions=1)
    params = to_params(spline)
    assert_equal(spline, params)
    params["Dense_0"]["bias"] = params["Dense_0"]["bias"] + 0.01
    with pytest.raises(AssertionError):
        assert_equal(spline, params)


def test_one_fold_is_as_good_as_two():
    spline, scaler = random_spline(5, terms=8, degree=2, directions=1), random_scaler(1)
    raw = random_rows(2)
    expected = unscale_y(scaler, plain_output(spline, scale_x(scaler, raw)))
    for params in (to_params(spline, scaler), fold_scaler(to_params(spline), scaler)):
        np.testing.assert_allclose(apply_params(params, raw), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("unit", [1e-40, 1e40])
def test_units_that_float32_does_not_hold_are_folded_in_float64(unit):
    spline, scaler = random_spline(5, terms=8, degree=2, directions=1), random_scaler(1)
    scaler = scaler._replace(x_scale=scaler.x_scale * unit, x_shift=scaler.x_shift * unit)
    raw = random_rows(2, dtype=np.float64) * unit
    expected = plain_output(spline, scale_x(scaler, raw)) * scaler.y_scale + scaler.y_shift
    for params in (to_params(spline, scaler), fold_scaler(to_params(spline), scaler)):
        assert params["Dense_0"]["kernel"].dtype == np.float64
        np.testing.assert_allclose(apply_params(params, raw), expected, rtol=1e-4, atol=1e-4)


def test_a_fit_is_its_spline():
    x = random_rows(0, 200)
    fit = fit_mars(x, np.abs(x[:, :1]) + np.minimum(x[:, 1:2], x[:, 2:3]), max_terms=9)
    jax.tree.map(np.testing.assert_array_equal, to_params(fit), to_params(fit.spline))
    np.testing.assert_array_equal(hinges(fit).knot, hinges(fit.spline).knot)


def test_hinges_that_differ_by_a_positive_factor_share_a_unit():
    spline = Spline(
        intercept=jnp.zeros(1),
        coef=jnp.ones((4, 1)),
        feature=jnp.array([[0, 0], [0, 1], [0, 1], [1, 0]]),
        slope=jnp.array([[1.0, 0.0], [3.0, -2.0], [0.5, -4.0], [-8.0, 1.0]]),
        knot=jnp.array([[0.5, 0.0], [0.5, 1.0], [0.5, 1.0], [1.0, 0.5]]),
        projection=jnp.zeros((2, 0)),
    )
    table = hinges(spline)
    np.testing.assert_array_equal(table.feature, [0, 1])
    np.testing.assert_array_equal(table.sign, [1, -1])
    np.testing.assert_array_equal(table.knot, [0.5, 1])
    # The last two minima are multiples of each other: one unit passes hinge 0, two take minima.
    assert layer_sizes(to_params(spline)) == (2, 2, 3, 1)
    assert_equal(spline, to_params(spline))


@pytest.mark.parametrize("slopes", [(3.0, 2.0, 5.0), (2.0, 3.0, 5.0)])
def test_of_a_hinge_that_a_term_repeats_the_smallest_slope_counts(slopes):
    spline = random_spline(0, terms=2, degree=3)._replace(
        feature=np.array([[0, 0, 0], [0, 0, 1]], np.int32),
        slope=np.array([slopes, slopes], np.float32),
        knot=np.zeros((2, 3), np.float32),
        coef=np.ones((2, 1), np.float32),
    )
    assert layer_sizes(to_params(spline)) == (5, 2, 2, 1)
    assert_equal(spline, to_params(spline))


def test_units_are_the_hinges_with_their_directions():
    spline = random_spline(0, terms=9, degree=2, directions=2)
    table = hinges(spline)
    columns = np.concatenate([np.eye(5), spline.projection], axis=1)
    first = to_params(spline)["Dense_0"]
    np.testing.assert_array_equal(
        first["kernel"], (columns[:, table.feature] * table.sign).astype(np.float32)
    )
    np.testing.assert_array_equal(first["bias"], -table.sign * table.knot)
    # Every live factor is one of the units.
    live = (spline.slope != 0) & (spline.coef != 0).any(axis=1)[:, None]
    wanted = zip(spline.feature[live], np.sign(spline.slope[live]), spline.knot[live], strict=True)
    assert set(wanted) == set(zip(*table, strict=True))
    assert len(set(zip(*table, strict=True))) == len(table.knot)


def test_evaluate_is_the_definition():
    for spread in (1.0, 1000.0):
        spline = random_spline(3, terms=12, degree=3, outputs=2, directions=2)
        x = random_rows(0, spread=spread)
        np.testing.assert_allclose(
            evaluate(spline, x), plain_output(spline, x), rtol=1e-5, atol=1e-5 * spread
        )


def test_tree_has_the_structure_of_the_modules_own_init():
    params = to_params(random_spline(0, degree=3, outputs=2, directions=1))
    for tree in (params, reshape(params, (64, 64, 64, 64), jax.random.key(1))):
        model = MLP.from_params(tree)
        own = model.init(jax.random.key(0), random_rows(0))["params"]
        check_same_structure(tree, own)
        x = random_rows(0)
        np.testing.assert_array_equal(model.apply({"params": tree}, x), apply_params(tree, x))


def test_different_structure_names_every_path():
    params = to_params(random_spline(0, outputs=2))
    other = reshape(params, (64,), jax.random.key(0))
    with pytest.raises(ValueError, match=r"Dense_0/bias.*Dense_0/kernel.*Dense_1/kernel"):
        check_same_structure(params, other)


@pytest.mark.parametrize("field", ["intercept", "coef", "slope", "knot", "projection"])
def test_non_finite_spline_is_refused(field):
    spline = random_spline(0, terms=3, directions=1)
    broken = getattr(spline, field).copy()
    broken[0] = np.nan
    with pytest.raises(ValueError, match=f"spline.{field} must be finite"):
        to_params(spline._replace(**{field: broken}))


@pytest.mark.parametrize("bad", [-1, 6])
def test_feature_out_of_range_is_refused(bad):
    spline = random_spline(0, terms=8, directions=1)
    broken = np.where(spline.slope != 0, bad, 0)
    with pytest.raises(ValueError, match="spline.feature must be a column of z, 0 to 5; got"):
        to_params(spline._replace(feature=broken))


def test_shapes_that_do_not_fit_are_refused():
    spline = random_spline(0, terms=8, outputs=2)
    with pytest.raises(ValueError, match=r"spline.knot must have shape \(8, 1\); got \(3, 1\)"):
        to_params(spline._replace(knot=spline.knot[:3]))
    with pytest.raises(ValueError, match=r"scaler.x_shift must have shape \(5,\); got \(4,\)"):
        to_params(spline, random_scaler(0, 4, 2))


def test_a_clipped_network_is_the_network_of_clipped_rows():
    params = reshape(to_params(random_spline(1, degree=2, outputs=2)), (32, 32), 0)
    x = random_rows(0, spread=3.0)
    low, high = np.quantile(x, [0.3, 0.6], axis=0)
    low[0] = high[0]  # a constant column
    clipped = clip_inputs(params, low, high)
    wanted = preactivations_float64(params, np.clip(x, low, high))[-1]
    np.testing.assert_allclose(preactivations_float64(clipped, x)[-1], wanted, atol=1e-5)
    assert layer_sizes(clipped) == (5, 5, *layer_sizes(params))
    far = np.sign(x) * np.float32(1e30)  # float32 adds nothing to that
    ends = apply_params(params, np.clip(far, low, high).astype(np.float32))
    np.testing.assert_allclose(apply_params(clipped, far), ends, rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match="low must be <= high"):
        clip_inputs(params, high, low)
    with pytest.raises(ValueError, match=r"low must have shape \(5,\); got \(2,\)"):
        clip_inputs(params, low[:2], high)
