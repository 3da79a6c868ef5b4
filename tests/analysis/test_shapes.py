"""Shape functions on grids."""

import numpy as np
import pytest

from spline_fc.analysis import forward, shapes
from spline_fc.analysis.forward import output
from spline_fc.analysis.shapes import (
    Curve,
    additive_shares,
    centred,
    feature_grid,
    partial_dependence,
    thin_curve,
)
from tests.analysis.splines import random_network


def test_partial_dependence_is_the_brute_force_average():
    params, x = random_network((3, 5, 4, 2), 1), np.random.default_rng(2).normal(size=(30, 3))
    grid = np.linspace(-2, 2, 9)
    for value, found in zip(grid, partial_dependence(params, x, 1, grid), strict=True):
        moved = x.copy()
        moved[:, 1] = value
        np.testing.assert_allclose(found, output(params, moved).mean(axis=0), atol=1e-12)


def test_rows_are_taken_in_blocks(monkeypatch):
    params, x = random_network((3, 5, 4, 2), 1), np.random.default_rng(2).normal(size=(30, 3))
    whole = output(params, x), partial_dependence(params, x, 1, [0.0, 1.0, 2.0])
    for module in (forward, shapes):
        monkeypatch.setattr(module, "BLOCK", 20)
    pieces = output(params, x), partial_dependence(params, x, 1, [0.0, 1.0, 2.0])
    for one, other in zip(whole, pieces, strict=True):
        np.testing.assert_allclose(other, one, atol=1e-12)


def test_of_a_linear_network_it_is_a_line():
    params, x = random_network((3, 1), 1), np.random.default_rng(2).normal(size=(30, 3))
    found = partial_dependence(params, x, 2, [0.0, 1.0])
    assert found[1, 0] - found[0, 0] == pytest.approx(params["Dense_0"]["kernel"][2, 0])


def test_a_centred_curve_has_mean_zero_under_the_data():
    grid, column = np.linspace(0, 1, 5), np.random.default_rng(0).uniform(size=100)
    curve = centred(Curve(0, grid, np.stack([grid**2, np.exp(grid)], axis=1), True), column)
    for values in curve.value.T:
        assert abs(np.interp(column, grid, values).mean()) < 1e-12


def test_the_additive_share_is_one_for_hinges_on_their_own_features(spline_params, rows):
    curves = []
    for feature in range(3):
        knots = [-0.8, 0.1, 0.7, -0.2, 0.9, -1.1]
        grid = feature_grid(rows, feature, 11, knots)
        value = partial_dependence(spline_params, rows, feature, grid)
        curves.append(Curve(feature, grid, value, exact=True))
    values = output(spline_params, rows)
    assert additive_shares(values, rows, curves) == pytest.approx([1], abs=1e-9)
    assert additive_shares(values, rows, curves[1:]) < 0.9


def test_a_thin_curve_lies_on_the_curve():
    grid = np.sort(np.random.default_rng(0).uniform(size=1000))
    curve = Curve(2, grid, np.stack([grid**2, -grid], axis=1), exact=True)
    thin = thin_curve(curve, 50)
    assert thin.grid.size == 50 and not thin.exact and thin.feature == 2
    np.testing.assert_array_equal(thin.grid[[0, -1]], grid[[0, -1]])
    np.testing.assert_allclose(thin.value[:, 0], np.interp(thin.grid, grid, grid**2))
    assert thin_curve(curve, 1000) is curve


def test_wrong_arguments_are_named():
    params, x = random_network((3, 5, 1), 1), np.ones((4, 3))
    with pytest.raises(ValueError, match="x must have 3 columns"):
        partial_dependence(params, x[:, :2], 0, [0.0])
    with pytest.raises(ValueError, match="feature must be below 3; got 7"):
        partial_dependence(params, x, 7, [0.0])
    with pytest.raises(ValueError, match="x must be finite"):
        partial_dependence(params, x * np.nan, 0, [0.0])
    with pytest.raises(ValueError, match="grid must be finite"):
        partial_dependence(params, x, 0, [np.nan])
    with pytest.raises(ValueError, match="size must be an integer >= 2; got 1"):
        thin_curve(Curve(0, np.zeros(3), np.zeros((3, 1)), True), 1)
