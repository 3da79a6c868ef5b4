"""Networks that still are splines, read as splines."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spline_fc.cpwl import evaluate
from spline_fc.network import apply_params, layer_sizes, reshape, spline_from_params, to_params
from tests.network.sameness import FORWARD
from tests.splines import random_rows, random_spline


def assert_read(params, tolerance=2e-6):
    """The spline that is read is the network's function; returns it."""
    spline = spline_from_params(params)
    for spread in (1.0, 1000.0):
        x = random_rows(0, spread=spread, features=layer_sizes(params)[0]).astype(
            params["Dense_0"]["kernel"].dtype
        )
        expected = np.asarray(FORWARD(params, x))
        gap = np.abs(np.asarray(evaluate(spline, x)) - expected).max()
        assert gap <= tolerance * max(np.abs(expected).max(), 1.0)
    return spline


@pytest.mark.parametrize("degree", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", range(5))
def test_round_trip_is_exact(seed, degree):
    spline = random_spline(seed, terms=5 + 6 * seed, degree=degree, outputs=2, directions=2)
    params = to_params(spline)
    again = to_params(spline_from_params(params))
    assert layer_sizes(again) == layer_sizes(params)
    for i, name in enumerate(params):
        # Weights behind minima are sums of coefficients or ratios of gains, each of them rounded.
        last, upper = i == len(params) - 1, i > 0
        rtol, atol = (3e-7 if upper and degree == 4 else 0), (1e-5 if last and degree > 1 else 0)
        for field in ("kernel", "bias"):
            np.testing.assert_allclose(again[name][field], params[name][field], rtol, atol)


@pytest.mark.parametrize("balance", ["powers_of_two", "any", "none"])
@pytest.mark.parametrize("degree", [1, 2, 4])
@pytest.mark.parametrize("extra", [0, 2])
def test_reshaped_networks_are_read_too(degree, extra, balance):
    spline = random_spline(degree, terms=8, degree=degree, outputs=2, directions=1)
    params = to_params(spline)
    _, *widths, _ = layer_sizes(params)
    sizes = tuple(w + 3 for w in (*widths, *[widths[-1]] * extra))
    wide = reshape(params, sizes, jax.random.key(0), balance=balance)
    assert layer_sizes(to_params(assert_read(wide, 5e-6))) == layer_sizes(params)


@pytest.mark.parametrize("balance", ["powers_of_two", "any"])
def test_signed_pairs_are_read(balance):
    params = to_params(random_spline(1, terms=12, outputs=2))
    narrow = reshape(params, (16, 4, 4), jax.random.key(0), balance=balance)
    assert spline_from_params(narrow).feature.shape[1] == 1
    assert_read(narrow)


def test_a_difference_of_two_hinges_is_a_minimum_whatever_their_weights():
    params = to_params(random_spline(0, terms=6, degree=2, slopes=False))
    kernel = params["Dense_1"]["kernel"]
    params["Dense_1"]["kernel"] = kernel * jnp.linspace(0.5, 2, len(kernel))[:, None]
    assert_read(params)


def test_parallel_columns_share_a_direction():
    direction = np.array([1.0, -2.0, 0.5])
    kernel = np.stack([direction, -direction, 3 * direction, [0, 1.0, 0]], axis=1)
    params = {
        "Dense_0": {"kernel": jnp.asarray(kernel), "bias": jnp.array([0.0, 1.0, 6.0, 2.0])},
        "Dense_1": {"kernel": jnp.array([[1.0], [2.0], [4.0], [8.0]]), "bias": jnp.zeros(1)},
    }
    spline = assert_read(params)
    # The largest entry of a direction is positive.
    np.testing.assert_array_equal(spline.projection[:, 0], -direction)
    assert spline.projection.shape == (3, 1)
    np.testing.assert_array_equal(spline.feature[:, 0], [3, 3, 3, 1])
    np.testing.assert_array_equal(spline.slope[:, 0], [-1, 1, -1, 1])
    np.testing.assert_array_equal(spline.knot[:, 0], [0, -1, 2, -2])
    np.testing.assert_array_equal(spline.coef[:, 0], [1, 2, 12, 8])


@pytest.mark.parametrize("keep_axes", [True, False])
def test_one_layer_is_a_spline_however_it_was_trained(keep_axes):
    params = to_params(random_spline(2, outputs=2))
    x = random_rows(3)
    mask = (params["Dense_0"]["kernel"] != 0) | (not keep_axes)
    for _ in range(3):
        step = jax.grad(lambda p: jnp.mean((apply_params(p, x) - 1) ** 2))(params)
        step["Dense_0"]["kernel"] = jnp.where(mask, step["Dense_0"]["kernel"], 0)
        params = jax.tree.map(lambda p, g: p - 0.05 * g, params, step)
    spline = assert_read(params)
    directions = spline.projection.shape[1]
    assert directions == 0 if keep_axes else directions > 2, directions


def test_constants_come_back():
    params = to_params(random_spline(terms=0, outputs=3))
    read = spline_from_params(params)
    np.testing.assert_array_equal(read.intercept, params["Dense_1"]["bias"])
    assert read.coef.shape == (0, 3)
    assert read.projection.shape == (5, 0)


def test_what_is_no_spline_is_refused_by_name():
    params = to_params(random_spline(2, terms=6, degree=2))
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
