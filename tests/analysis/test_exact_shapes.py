"""Exact partial dependence against brute-force averages."""

import numpy as np
import pytest

from spline_fc.analysis.exact_shapes import exact_dependence
from spline_fc.analysis.forward import output


@pytest.fixture
def network() -> dict:
    rng = np.random.default_rng(4)
    return {
        "Dense_0": {"kernel": rng.normal(size=(3, 5)), "bias": rng.normal(size=5)},
        "Dense_1": {"kernel": rng.normal(size=(5, 2)), "bias": rng.normal(size=2)},
    }


@pytest.mark.parametrize("feature", [0, 2])
def test_it_equals_the_brute_force_average_on_a_fine_grid(network, feature):
    x = np.random.default_rng(5).normal(size=(40, 3))
    curve = exact_dependence(network, x, feature, low=-4.0, high=4.0)
    grid = np.linspace(-4, 4, 2001)
    brute = []
    for value in grid:
        moved = x.copy()
        moved[:, feature] = value
        brute.append(output(network, moved).mean(axis=0))
    for j in range(2):
        interpolated = np.interp(grid, curve.grid, curve.value[:, j])
        np.testing.assert_allclose(interpolated, np.array(brute)[:, j], atol=1e-9)


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
