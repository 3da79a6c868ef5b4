"""The untrained network is the spline: everywhere, in every architecture."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spline_fc.cpwl import Spline, evaluate
from spline_fc.data import Scaler, scale_x, unscale_y
from spline_fc.network import (
    MLP,
    apply_params,
    check_same_structure,
    hinges,
    reshape,
    to_params,
)
from tests import oracles

NUM_FEATURES = 5


def random_spline(seed, num_terms, degree, num_outputs, dtype) -> Spline:
    """Random terms on a few knots, so that hinges are shared and repeated; some factors absent."""
    rng = np.random.default_rng(seed)
    shape = (num_terms, degree)
    sign = rng.choice([-1.0, 1.0], shape)
    sign[rng.random(shape) < 0.2] = 0
    return Spline(
        jnp.asarray(rng.normal(size=num_outputs), dtype),
        jnp.asarray(rng.normal(size=(num_terms, num_outputs)), dtype),
        jnp.asarray(rng.integers(0, NUM_FEATURES, shape), jnp.int32),
        jnp.asarray(sign, dtype),
        jnp.asarray(np.round(rng.normal(size=shape), 1), dtype),
    )


def rows(seed, dtype, spread=1.0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=(50, NUM_FEATURES)) * spread, dtype)


def assert_same_function(spline, params, dtype):
    tolerance = 1e-6 if dtype == np.float32 else 1e-12
    for spread in (1.0, 1000.0):
        x = rows(1, dtype, spread)
        expected, got = np.asarray(evaluate(spline, x)), np.asarray(apply_params(params, x))
        # The size of what is added up, not of the sum: terms may cancel.
        scale = np.abs(spline.coef).sum() * float(jnp.abs(x).max()) + 1
        np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance * scale)


splines = st.tuples(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 4), st.integers(1, 5))
depths = st.integers(0, 3)


@given(splines, depths)
@settings(max_examples=15, deadline=None)
def test_network_equals_the_spline_in_float32(shape, extra):
    _check(shape, extra, np.float32)


@given(splines, depths)
@settings(max_examples=15, deadline=None)
def test_network_equals_the_spline_in_float64(shape, extra):
    with jax.enable_x64(True):
        _check(shape, extra, np.float64)


def _check(shape, extra, dtype):
    spline = random_spline(*shape, dtype)
    params = to_params(spline, NUM_FEATURES)
    assert_same_function(spline, params, dtype)
    width = max(layer["kernel"].shape[1] for layer in params.values()) + 7
    hidden_sizes = (width,) * (len(params) - 1 + extra)
    wide = reshape(params, hidden_sizes, jax.random.key(0))
    assert_same_function(spline, wide, dtype)
    assert all(leaf.dtype == dtype for leaf in jax.tree.leaves(wide))


def test_evaluate_agrees_with_the_row_by_row_oracle():
    spline = random_spline(3, 12, 3, 2, np.float32)
    x = rows(0, np.float32)
    terms, coef = [], [np.asarray(spline.intercept)]
    for m in range(12):
        factors = [
            (int(spline.feature[m, r]), float(spline.sign[m, r]), float(spline.knot[m, r]))
            for r in range(3)
            if float(spline.sign[m, r]) != 0
        ]
        if factors:
            terms.append(factors)
            coef.append(np.asarray(spline.coef[m]))
    expected = oracles.evaluate_terms(np.asarray(x), terms, np.array(coef))
    np.testing.assert_allclose(evaluate(spline, x), expected, rtol=1e-5, atol=1e-5)


def test_tree_has_the_structure_of_the_modules_own_init():
    params = to_params(random_spline(0, 10, 3, 2, np.float32), NUM_FEATURES)
    for tree in (params, reshape(params, (64, 64, 64, 64), jax.random.key(1))):
        model = MLP.from_params(tree)
        own = model.init(jax.random.key(0), rows(0, np.float32))["params"]
        check_same_structure(tree, own)
        x = rows(0, np.float32)
        np.testing.assert_array_equal(model.apply({"params": tree}, x), apply_params(tree, x))


def test_different_structure_names_every_path():
    params = to_params(random_spline(0, 10, 1, 2, np.float32), NUM_FEATURES)
    other = reshape(params, (64,), jax.random.key(0))
    with pytest.raises(ValueError, match=r"Dense_0/bias.*Dense_0/kernel.*Dense_1/kernel"):
        check_same_structure(params, other)


def test_folded_scaler_maps_raw_to_raw():
    spline = random_spline(5, 8, 2, 1, np.float32)
    scaler = Scaler(np.arange(5.0), np.arange(1.0, 6.0), np.array([3.0]), np.array([0.5]))
    raw = rows(2, np.float32)
    expected = unscale_y(scaler, evaluate(spline, scale_x(scaler, raw)))
    got = apply_params(to_params(spline, NUM_FEATURES, scaler), raw)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


def test_unit_index_is_identity_through_reshape():
    spline = random_spline(7, 10, 2, 1, np.float32)
    units = hinges(spline)
    first = reshape(to_params(spline, NUM_FEATURES), (64, 64), jax.random.key(0))["Dense_0"]
    count = len(units.feature)
    home = first["kernel"][units.feature, np.arange(count)]
    np.testing.assert_array_equal(np.sign(home), units.sign)
    np.testing.assert_allclose(-first["bias"][:count] / home, units.knot, atol=1e-6)


def test_new_units_become_trainable_within_two_steps():
    spline = random_spline(9, 6, 1, 1, np.float32)
    exact = to_params(spline, NUM_FEATURES)
    params = reshape(exact, (32, 32), jax.random.key(0))
    x = rows(4, np.float32)
    y = jnp.sin(x[:, :1])

    def loss(tree):
        return jnp.mean((apply_params(tree, x) - y) ** 2)

    for _ in range(2):
        gradient = jax.grad(loss)(params)
        params = jax.tree.map(lambda p, g: p - 1e-2 * g, params, gradient)
    gradient = jax.grad(loss)(params)
    for below, above in (("Dense_0", "Dense_1"), ("Dense_1", "Dense_2")):
        moving = (gradient[below]["kernel"] != 0).any(0) | (gradient[above]["kernel"] != 0).any(1)
        active = (apply_activations(params, x, below) > 0).any(0)
        assert np.asarray(moving)[np.asarray(active)].all()


def apply_activations(params, x, name):
    """Activations of one hidden layer."""
    for i in range(int(name[-1]) + 1):
        layer = params[f"Dense_{i}"]
        x = jax.nn.relu(x @ layer["kernel"] + layer["bias"])
    return x


def test_too_narrow_says_what_is_needed():
    params = to_params(random_spline(0, 30, 1, 1, np.float32), NUM_FEATURES)
    width = params["Dense_0"]["kernel"].shape[1]
    with pytest.raises(ValueError, match=rf"\({width}, 2\).*max_hinges=4 "):
        reshape(params, (4, 4), jax.random.key(0))


@pytest.mark.parametrize("field", ["intercept", "coef", "knot"])
def test_non_finite_spline_is_refused(field):
    spline = random_spline(0, 3, 1, 1, np.float32)
    broken = spline._replace(**{field: getattr(spline, field).at[0].set(jnp.nan)})
    with pytest.raises(ValueError, match=f"spline.{field} must be finite"):
        to_params(broken, NUM_FEATURES)


def test_feature_out_of_range_is_refused():
    spline = random_spline(0, 8, 1, 1, np.float32)
    with pytest.raises(ValueError, match="spline.feature must be a column of x, 0 to 1; got"):
        to_params(spline, 2)
