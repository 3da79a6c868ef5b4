"""Exact partial dependence against brute-force averages."""

import numpy as np
import pytest
from hypothesis import given, settings

from spline_fc.analysis import shapes
from spline_fc.analysis.exact_shapes import (
    dependence_surface,
    exact_dependence,
    shape_functions,
)
from spline_fc.analysis.forward import output
from spline_fc.cpwl import Spline
from spline_fc.data import Scaler
from tests.analysis.splines import plain_output, random_network, random_spline, seeds


@pytest.fixture
def network() -> dict:
    return random_network((3, 5, 2), 4)


def _brute(evaluate, x: np.ndarray, features: tuple, values: np.ndarray) -> np.ndarray:
    """Averages over the rows with the features set to each row of `values`."""
    averages = []
    for value in values:
        moved = x.copy()
        moved[:, features] = value
        averages.append(evaluate(moved).mean(axis=0))
    return np.array(averages)


@pytest.mark.parametrize("feature", [0, 2])
def test_it_equals_the_brute_force_average_on_a_fine_grid(network, feature):
    x = np.random.default_rng(5).normal(size=(40, 3))
    curve = exact_dependence(network, x, feature, low=-4.0, high=4.0)
    grid = np.linspace(-4, 4, 2001)
    brute = _brute(lambda rows: output(network, rows), x, (feature,), grid)
    for j in range(2):
        interpolated = np.interp(grid, curve.grid, curve.value[:, j])
        np.testing.assert_allclose(interpolated, brute[:, j], atol=1e-9)


def test_every_breakpoint_is_found(network):
    x = np.random.default_rng(5).normal(size=(6, 3))
    found = exact_dependence(network, x, 1, low=-3.0, high=3.0).grid[1:-1]
    kernel, bias = network["Dense_0"]["kernel"], network["Dense_0"]["bias"]
    wanted = []
    for row in x:
        for w, b in zip(kernel.T, bias, strict=True):
            wanted.append(-(row @ w + b - row[1] * w[1]) / w[1])
    wanted = np.sort([t for t in wanted if -3 < t < 3])
    assert found.size == wanted.size > 10
    np.testing.assert_allclose(found, wanted, atol=1e-12)


def test_a_feature_no_unit_reads_gives_a_flat_curve(network):
    network["Dense_0"]["kernel"][1] = 0
    curve = exact_dependence(network, np.random.default_rng(5).normal(size=(6, 3)), 1)
    assert curve.grid.size == 2
    np.testing.assert_allclose(curve.value[0], curve.value[1])


def test_deeper_networks_are_refused(network):
    deeper = {**network, "Dense_2": {"kernel": np.ones((2, 1)), "bias": np.zeros(1)}}
    with pytest.raises(ValueError, match="params must have one hidden layer; got 2"):
        exact_dependence(deeper, np.zeros((2, 3)), 0)


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_of_a_spline_it_equals_the_brute_force_average(seed):
    spline = random_spline(seed, m=6)
    x = np.random.default_rng(seed).normal(size=(20, 4)) @ np.tri(4)  # correlated columns
    curve = exact_dependence(spline, x, 1, low=-3.0, high=3.0)
    grid = np.linspace(-3, 3, 801)
    brute = _brute(lambda rows: plain_output(spline, rows), x, (1,), grid)
    for j in range(2):
        drawn = np.interp(grid, curve.grid, curve.value[:, j])
        np.testing.assert_allclose(drawn, brute[:, j], atol=1e-10)


def test_every_breakpoint_of_a_minimum_term_is_found():
    term = Spline(
        np.zeros(1),
        np.ones((1, 1)),
        np.array([[0, 1]], np.int32),
        np.array([[1.0, -1.0]]),
        np.array([[-1.0, 0.5]]),
        np.zeros((2, 0)),
    )
    x = np.random.default_rng(1).normal(size=(15, 2))
    found = exact_dependence(term, x, 0, low=-3.0, high=3.0).grid[1:-1]
    heights = np.maximum(0.5 - x[:, 1], 0)  # min(relu(x0 + 1), height) bends at both of them
    wanted = np.unique(np.concatenate([[-1.0], heights[heights > 0] - 1]))
    np.testing.assert_allclose(found, wanted[wanted < 3], atol=1e-12)
    assert found.size > 5


def test_under_the_axis_mask_the_breakpoints_are_the_knots_to_the_last_bit(spline_params, rows):
    curve = exact_dependence(spline_params, rows, 0, low=-2.0, high=2.0)
    np.testing.assert_array_equal(curve.grid, [-2, -0.8, 0.1, 0.7, 2])
    found = shape_functions(spline_params, rows)
    assert found.exact
    np.testing.assert_allclose(found.non_additive, 0, atol=1e-12)
    total = sum(np.interp(rows[:, c.feature], c.grid, c.value[:, 0]) for c in found.curves)
    target = output(spline_params, rows)[:, 0]
    np.testing.assert_allclose(total, target - target.mean(), atol=1e-12)


@pytest.mark.parametrize("sizes", [(3, 5, 2), (3, 6, 5, 2), (3, 2)])
def test_the_surface_of_a_network_is_the_brute_force_average(sizes, monkeypatch):
    params, x = random_network(sizes, 6), np.random.default_rng(7).normal(size=(30, 3))
    first, second = np.linspace(-2, 2, 7), np.linspace(-1, 3, 5)
    pairs = np.stack(np.meshgrid(first, second, indexing="ij"), -1).reshape(-1, 2)
    brute = _brute(lambda rows: output(params, rows), x, (2, 0), pairs).reshape(7, 5, 2)
    for block in (1 << 20, 100):  # in one piece, and in blocks of rows and values
        monkeypatch.setattr(shapes, "BLOCK", block)
        surface = dependence_surface(params, x, (2, 0), first=first, second=second)
        np.testing.assert_allclose(surface.value, brute, atol=1e-12)
    assert surface.features == (2, 0)


def test_the_surface_of_a_spline_is_the_brute_force_average():
    spline, x = random_spline(4), np.random.default_rng(7).normal(size=(30, 4)) @ np.tri(4)
    surface = dependence_surface(spline, x, (3, 1))
    pairs = np.stack(np.meshgrid(surface.first, surface.second, indexing="ij"), -1)
    brute = _brute(lambda rows: plain_output(spline, rows), x, (3, 1), pairs.reshape(-1, 2))
    np.testing.assert_allclose(surface.value, brute.reshape(surface.value.shape), atol=1e-12)


def test_what_is_not_additive_is_stated():
    x = np.random.default_rng(3).normal(size=(400, 4))
    additive = shape_functions(random_spline(1, degree=1), x)
    np.testing.assert_allclose(additive.non_additive, 0, atol=1e-12)
    pairs = shape_functions(random_spline(1, degree=2), x)
    assert (pairs.non_additive > 0.01).all() and pairs.exact
    deep = shape_functions(random_network((4, 8, 8, 1), 2), x, features=[0, 1], size=31)
    assert not deep.exact and [c.feature for c in deep.curves] == [0, 1]
    assert 0.01 < deep.non_additive[0] < 1


def test_raw_units_are_those_of_the_scaler(network):
    x = np.random.default_rng(5).normal(size=(20, 3))
    scaler = Scaler(
        np.array([1.0, 2, 3]), np.array([10.0, 1, 0.1]), np.array([5.0, -5]), np.array([3.0, 0.5])
    )
    plain, raw = exact_dependence(network, x, 0), exact_dependence(network, x, 0, scaler=scaler)
    np.testing.assert_allclose(raw.grid, 10 * plain.grid + 1)
    np.testing.assert_allclose(raw.value, plain.value * [3, 0.5] + [5, -5])
    plain, raw = (dependence_surface(network, x, (0, 2), scaler=s) for s in (None, scaler))
    np.testing.assert_allclose(raw.second, 0.1 * plain.second + 3)
    np.testing.assert_allclose(raw.value, plain.value * [3, 0.5] + [5, -5])
    plain, raw = (shape_functions(network, x, scaler=s) for s in (None, scaler))
    np.testing.assert_allclose(raw.curves[1].value, plain.curves[1].value * [3, 0.5])
    np.testing.assert_allclose(raw.non_additive, plain.non_additive)


def test_wrong_arguments_are_named(network):
    x = np.zeros((5, 3)) + np.arange(5)[:, None]
    with pytest.raises(ValueError, match="params must have one hidden layer; got 2"):
        exact_dependence(random_network((3, 4, 4, 1), 0), x, 0)
    with pytest.raises(ValueError, match="feature must be below 3; got 3"):
        exact_dependence(network, x, 3)
    with pytest.raises(ValueError, match="low must be below high"):
        exact_dependence(network, x, 0, low=2.0, high=1.0)
    with pytest.raises(ValueError, match="high must be a finite number; got inf"):
        exact_dependence(network, x, 0, high=np.inf)
    with pytest.raises(ValueError, match="x must have 3 columns"):
        exact_dependence(network, x[:, :2], 0)
    with pytest.raises(ValueError, match="x must have at least one row"):
        shape_functions(network, x[:0])
    with pytest.raises(ValueError, match="x must be finite; got 1"):
        dependence_surface(network, np.where(np.eye(5, 3) * [1, 0, 0], np.nan, x), (0, 1))
    with pytest.raises(ValueError, match="features must be two different columns"):
        dependence_surface(network, x, (0, 0))
    with pytest.raises(ValueError, match="first must be finite"):
        dependence_surface(network, x, (0, 1), first=[0.0, np.inf])
