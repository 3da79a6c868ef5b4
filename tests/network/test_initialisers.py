"""The defining property of every initialisation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor

from spline_fc.cpwl import evaluate
from spline_fc.network import (
    INITIALISERS,
    apply_params,
    ensemble_to_params,
    init_params,
    layer_sizes,
    preactivations,
    spline_start,
)

KEY = jax.random.key(3)
SIZES = (40, 30)


def problem(n=300, d=6, k=1, dtype=np.float32):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, d))
    y = np.abs(x[:, :k]) + x[:, k : 2 * k] + 0.1 * rng.normal(size=(n, k))
    return x.astype(dtype), y.astype(dtype)


def kernels(params):
    return [np.asarray(params[f"Dense_{i}"]["kernel"]) for i in range(len(params))]


@pytest.mark.parametrize("name", INITIALISERS)
def test_shapes_dtype_key_and_liveliness(name):
    x, y = problem(k=2)
    params = init_params(name, KEY, x, y, SIZES)
    assert layer_sizes(params) == (6, *SIZES, 2)
    assert all(leaf.dtype == np.float32 for leaf in jax.tree.leaves(params))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(params))
    again = init_params(name, KEY, x, y, SIZES)
    jax.tree.map(np.testing.assert_array_equal, params, again)
    seeded = init_params(name, 3, x, y, SIZES)  # KEY is that of seed 3
    jax.tree.map(np.testing.assert_array_equal, params, seeded)
    other = init_params(name, 4, x, y, SIZES)
    assert not all(
        np.array_equal(a, b) for a, b in zip(kernels(params), kernels(other), strict=True)
    )


@pytest.mark.parametrize(
    "name, variance",
    [
        ("he_normal", lambda fan_in, fan_out: 2 / fan_in),
        ("glorot_uniform", lambda fan_in, fan_out: 2 / (fan_in + fan_out)),
        ("lecun_normal", lambda fan_in, fan_out: 1 / fan_in),
    ],
)
def test_variance_follows_the_fans(name, variance):
    x, y = problem(d=100)
    for kernel in kernels(init_params(name, KEY, x, y, (300, 200), 50)):
        wanted = variance(*kernel.shape)
        # Five deviations of the estimated variance; its kurtosis is at most the normal one's.
        assert abs(kernel.var() / wanted - 1) < 5 * np.sqrt(2 / kernel.size)
        bound = np.sqrt(3 * wanted) if name == "glorot_uniform" else 2 * np.sqrt(wanted) / 0.8796
        assert 0.95 * bound < np.abs(kernel).max() <= 1.0001 * bound


def test_orthogonal_columns_or_rows():
    x, y = problem(d=20)
    first, second, last = kernels(init_params("orthogonal", KEY, x, y, (12, 30)))
    np.testing.assert_allclose(first.T @ first, 2 * np.eye(12), atol=1e-5)
    np.testing.assert_allclose(second @ second.T, 2 * np.eye(12), atol=1e-5)
    np.testing.assert_allclose(last.T @ last, np.eye(1), atol=1e-5)


def test_lsuv_gives_unit_variance_in_every_layer():
    x, y = problem()
    for values in preactivations(init_params("lsuv", KEY, 7 * x + 1, y, SIZES), 7 * x + 1):
        assert abs(float(jnp.var(values)) - 1) < 1e-4


def test_a_swim_unit_is_0_at_one_row_and_1_at_another(enable_x64):
    x, y = problem(n=40, dtype=np.float64)
    params = init_params("swim", KEY, x, y, SIZES)
    kernel, bias = params["Dense_0"]["kernel"], params["Dense_0"]["bias"]
    z = np.asarray(x @ kernel + bias)
    step = np.asarray(kernel / (kernel**2).sum(axis=0))
    for unit in range(SIZES[0]):
        zeros, ones = np.abs(z[:, unit]) < 1e-9, np.abs(z[:, unit] - 1) < 1e-9
        gaps = x[ones][:, None] - x[zeros][None]
        # The direction is the whole way from one row to the other.
        assert (np.abs(gaps - step[:, unit]).max(axis=-1) < 1e-9).any()


def test_box_units_cut_the_box_and_reach_1_on_it(enable_x64):
    x, y = problem(dtype=np.float64)
    x[:, 2] = 4.0
    params = init_params("box_lsq", KEY, x, y, SIZES)
    for layer, h in (("Dense_0", x), ("Dense_1", jax.nn.relu(preactivations(params, x)[0]))):
        kernel, bias = np.asarray(params[layer]["kernel"]), np.asarray(params[layer]["bias"])
        h = np.asarray(h)
        low, high = h.min(axis=0)[:, None], h.max(axis=0)[:, None]
        largest = np.maximum(kernel * low, kernel * high).sum(axis=0) + bias
        smallest = np.minimum(kernel * low, kernel * high).sum(axis=0) + bias
        np.testing.assert_allclose(largest, 1, atol=1e-9)
        assert (smallest < 0).all()
    assert not np.asarray(params["Dense_0"]["kernel"])[2].any()


@pytest.mark.parametrize("name", ["swim", "box_lsq"])
def test_last_layer_is_the_least_squares_solution(name, enable_x64):
    x, y = problem(k=2, dtype=np.float64)
    params = init_params(name, KEY, x, y, SIZES)
    *_, last, output = preactivations(params, x)
    residual = np.asarray(output) - y
    hidden = np.asarray(jax.nn.relu(last))
    assert np.abs(residual.sum(axis=0)).max() < 1e-6
    assert np.abs(hidden.T @ residual).max() < 1e-6 * np.linalg.norm(hidden, axis=0).max()


@pytest.mark.parametrize("model", ["forest", "boosting"])
def test_an_ensemble_as_a_network_predicts_the_same(model, enable_x64):
    x, y = problem(k=2, dtype=np.float64)
    if model == "forest":
        ensemble = RandomForestRegressor(5, max_depth=3, random_state=0).fit(x, y)
    else:
        ensemble = GradientBoostingRegressor(n_estimators=9, max_depth=2).fit(x, y[:, 0])
    expected = ensemble.predict(x).reshape(len(x), -1)
    came = np.asarray(apply_params(ensemble_to_params(ensemble, x), x))
    assert np.abs(came - expected).max() < 1e-9


def test_stumps_need_one_layer_only(enable_x64):
    x, y = problem(dtype=np.float64)
    ensemble = GradientBoostingRegressor(n_estimators=9, max_depth=1).fit(x, y[:, 0])
    params = ensemble_to_params(ensemble, x, collapse=True)
    assert len(params) == 2
    assert np.abs(np.asarray(apply_params(params, x))[:, 0] - ensemble.predict(x)).max() < 1e-9


@pytest.mark.parametrize("sizes", [(40,), (64, 64), (64, 64, 20)])
def test_tree_starts_are_fits(sizes):
    x, y = problem()
    output = apply_params(init_params("tree", KEY, x, y, sizes), x)
    assert float(jnp.var(output - y)) < 0.6 * y.var()


@pytest.mark.parametrize("sizes", [(40,), (40, 30, 30)])
def test_spline_starts_are_the_spline(sizes):
    x, y = problem(k=2)
    params = init_params("spline", KEY, x, y, sizes)
    expected = evaluate(spline_start(KEY, x, y, sizes).fit, x)
    np.testing.assert_allclose(apply_params(params, x), expected, rtol=0, atol=1e-5)
    assert float(jnp.var(expected - y)) < 0.1 * y.var()


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError) as caught:
        init_params("xavier", KEY, *problem(), SIZES)
    assert all(name in str(caught.value) for name in (*INITIALISERS, "xavier"))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"x": np.zeros(3)}, "x must have shape"),
        ({"x": np.full((300, 6), np.inf)}, "x must be finite"),
        ({"x": [["a"] * 6] * 300}, "x must be an array of numbers"),
        ({"key": -1}, "key must be a JAX key or an integer >= 0 .*got -1"),
        ({"key": True}, "key must be a JAX key .*got True"),
        ({"y": np.zeros((2, 1))}, "y must have"),
        ({"x": np.zeros((0, 6)), "y": np.zeros((0, 1))}, "x must"),
        ({"hidden_sizes": (4, 0)}, r"hidden_sizes\[1\] must be"),
        ({"num_outputs": 3}, "num_outputs must be 1, the columns of y, for 'swim'; got 3"),
    ],
)
def test_bad_input_is_named(change, message):
    x, y = problem()
    arguments = {"key": KEY, "x": x, "y": y, "hidden_sizes": SIZES, **change}
    with pytest.raises(ValueError, match=message):
        init_params("swim", **arguments)


def test_widths_that_hold_no_stump_are_refused():
    with pytest.raises(ValueError, match="hold a stump; got \\(1, 4\\)"):
        init_params("tree", KEY, *problem(), (1, 4))


def test_other_ensembles_are_refused():
    x, y = problem()
    ensemble = GradientBoostingRegressor(loss="huber", n_estimators=2).fit(x, y[:, 0])
    with pytest.raises(ValueError, match="ensemble must be a random forest"):
        ensemble_to_params(ensemble, x)
