"""Networks that still are splines, read as splines."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spline_fc.cpwl import evaluate
from spline_fc.data import Scaler
from spline_fc.network import apply_params, layer_sizes, reshape, spline_from_params, to_params
from tests.network.splines import FORWARD, random_rows, random_spline

FEATURES = 5


def assert_same_spline_function(spline, params, tolerance):
    for spread in (1.0, 1000.0):
        x = random_rows(0, spread=spread, features=layer_sizes(params)[0]).astype(
            params["Dense_0"]["kernel"].dtype
        )
        expected = np.asarray(FORWARD(params, x))
        gap = np.abs(np.asarray(evaluate(spline, x)) - expected).max()
        assert gap <= tolerance * max(np.abs(expected).max(), 1.0)


@pytest.mark.parametrize("degree", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", range(5))
def test_round_trip_is_exact(seed, degree):
    spline = random_spline(seed, terms=5 + 6 * seed, degree=degree, outputs=2)
    params = to_params(spline, FEATURES)
    again = to_params(spline_from_params(params), FEATURES)
    assert layer_sizes(again) == layer_sizes(params)
    last = f"Dense_{len(params) - 1}"
    for name in params:
        for field in ("kernel", "bias"):
            came, wanted = again[name][field], params[name][field]
            # Weights behind minima are sums of coefficients, each of which was rounded.
            atol = 1e-5 if name == last and degree > 1 else 0
            np.testing.assert_allclose(came, wanted, rtol=0, atol=atol)


@pytest.mark.parametrize("degree", [1, 2, 4])
@pytest.mark.parametrize("extra", [0, 2])
def test_reshaped_networks_are_read_too(degree, extra):
    spline = random_spline(degree, terms=8, degree=degree, outputs=2)
    params = to_params(spline, FEATURES)
    _, *widths, _ = layer_sizes(params)
    sizes = tuple(w + 3 for w in (*widths, *[widths[-1]] * extra))
    wide = reshape(params, sizes, jax.random.key(0))
    read = spline_from_params(wide)
    assert_same_spline_function(read, wide, 2e-6)
    assert layer_sizes(to_params(read, FEATURES)) == layer_sizes(params)


def test_signed_pairs_are_read():
    params = to_params(random_spline(1, terms=12, outputs=2), FEATURES)
    narrow = reshape(params, (16, 4, 4), jax.random.key(0))
    assert_same_spline_function(spline_from_params(narrow), narrow, 2e-6)


def test_one_layer_trained_with_each_hinge_on_its_feature_is_a_spline():
    params = to_params(random_spline(2, terms=10, outputs=2), FEATURES)
    x = random_rows(3)
    mask = params["Dense_0"]["kernel"] != 0
    for _ in range(3):
        step = jax.grad(lambda p: jnp.mean((apply_params(p, x) - 1) ** 2))(params)
        step["Dense_0"]["kernel"] = step["Dense_0"]["kernel"] * mask
        params = jax.tree.map(lambda p, g: p - 0.05 * g, params, step)
    assert_same_spline_function(spline_from_params(params), params, 2e-6)


def test_the_scaler_is_taken_out_again(enable_x64):
    spline = random_spline(4, terms=8, degree=2, outputs=2, dtype=np.float64)
    scaler = Scaler(
        np.arange(5.0), np.arange(1.0, 6.0), np.array([3.0, -1.0]), np.array([0.5, 2.0])
    )
    read = spline_from_params(to_params(spline, FEATURES, scaler), scaler)
    x = random_rows(0, dtype=np.float64)
    np.testing.assert_allclose(evaluate(read, x), evaluate(spline, x), rtol=0, atol=1e-12)


def test_constants_come_back():
    params = to_params(random_spline(terms=0, outputs=3), FEATURES)
    read = spline_from_params(params)
    np.testing.assert_array_equal(read.intercept, params["Dense_1"]["bias"])
    assert read.coef.shape == (0, 3)


def test_what_is_no_spline_is_refused_by_name():
    params = to_params(random_spline(2, terms=6, degree=2), FEATURES)
    oblique = jax.tree.map(lambda a: a, params)
    oblique["Dense_0"]["kernel"] = oblique["Dense_0"]["kernel"].at[:, 1].set(1.0)
    with pytest.raises(ValueError, match="one feature per unit of Dense_0.*unit 1 reads 5"):
        spline_from_params(oblique)
    shifted = jax.tree.map(lambda a: a, params)
    shifted["Dense_1"]["bias"] = shifted["Dense_1"]["bias"] - 0.3
    with pytest.raises(ValueError, match="minima of hinges in its upper layers.*Dense_1"):
        spline_from_params(shifted)
    with pytest.raises(ValueError, match="at least one hidden layer"):
        spline_from_params({"Dense_0": {"kernel": jnp.ones((5, 1)), "bias": jnp.ones(1)}})
    broken = jax.tree.map(lambda a: a, params)
    broken["Dense_1"]["bias"] = broken["Dense_1"]["bias"].at[0].set(jnp.inf)
    with pytest.raises(ValueError, match="params/Dense_1/bias must be finite"):
        spline_from_params(broken)
