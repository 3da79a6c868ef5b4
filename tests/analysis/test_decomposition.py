"""The ANOVA of a spline against its definition, computed by brute force."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings

from spline_fc.analysis.decomposition import (
    component_values,
    decompose,
    main_effect,
    pair_surface,
)
from spline_fc.cpwl import Spline
from spline_fc.data import Scaler
from tests.analysis.splines import plain_output, random_spline, seeds


def _rows(n: int, d: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def _conditional_mean(spline: Spline, x: np.ndarray, known: dict[int, float]) -> np.ndarray:
    """E f given some features, the others drawn from the product of the columns: n^(d-known)."""
    free = [v for v in range(x.shape[1]) if v not in known]
    points = np.empty((len(x) ** len(free), x.shape[1]))
    for column, values in zip(free, np.meshgrid(*x[:, free].T, indexing="ij"), strict=True):
        points[:, column] = values.ravel()
    for column, value in known.items():
        points[:, column] = value
    return plain_output(spline, points).mean(axis=0)


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_components_sum_to_the_prediction_everywhere(seed):
    spline = random_spline(seed)
    found = decompose(spline, _rows(30, 4, seed))
    beyond = 5 * _rows(50, 4, seed + 1)
    total = found.constant + component_values(found, beyond).sum(axis=1)
    np.testing.assert_allclose(total, plain_output(spline, beyond), atol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_components_are_the_conditional_means_of_their_definition(seed):
    spline, x = random_spline(seed), _rows(9, 4, seed)
    found = decompose(spline, x)
    point = _rows(1, 4, 77 + seed)[0]
    wanted = {(): _conditional_mean(spline, x, {})}
    np.testing.assert_allclose(found.constant, wanted[()], atol=1e-12)
    for size in (1, 2):
        for features in itertools.combinations(range(4), size):
            mean = _conditional_mean(spline, x, {v: point[v] for v in features})
            lower = [s for r in range(size) for s in itertools.combinations(features, r)]
            wanted[features] = mean - sum(wanted[s] for s in lower)
    values = dict(zip(found.components, component_values(found, point[None])[0], strict=True))
    assert np.abs(values.pop(())).max() > 0  # what is left, of no use to the definition
    assert len(values) > 5
    for features, value in values.items():
        np.testing.assert_allclose(value, wanted[features], atol=1e-12)
    assert all(np.allclose(wanted[s], 0) for s in wanted if s and s not in values)


def test_every_component_has_mean_zero_along_each_of_its_variables():
    spline, x = random_spline(5, degree=2), _rows(40, 4)
    found = decompose(spline, x)
    for features in found.components:
        if len(features) == 1:
            curve = main_effect(found, features[0])
            values = np.interp(x[:, features[0]], curve.grid, curve.value[:, 0])
            assert abs(values.mean()) < 1e-12
        else:
            grids = [np.sort(x[:, v]) for v in features]
            value = pair_surface(found, features, first=grids[0], second=grids[1]).value
            assert np.abs(value).max() > 0.01
            np.testing.assert_allclose(value.mean(axis=0), 0, atol=1e-12)
            np.testing.assert_allclose(value.mean(axis=1), 0, atol=1e-12)


def test_a_main_effect_is_drawn_with_every_breakpoint():
    spline, x = random_spline(3, m=12), _rows(25, 4)
    found = decompose(spline, x)
    for feature in range(4):
        curve = main_effect(found, feature, low=-4.0, high=4.0)
        points = np.zeros((5001, 4))
        points[:, feature] = np.linspace(-4, 4, 5001)
        where = found.components.index((feature,))
        exact = component_values(found, points)[:, where]
        for j in range(2):
            drawn = np.interp(points[:, feature], curve.grid, curve.value[:, j])
            np.testing.assert_allclose(drawn, exact[:, j], atol=1e-12)


def test_a_tent_on_one_feature_is_a_main_effect_with_three_breakpoints():
    tent = Spline(
        np.zeros(1),
        np.ones((1, 1)),
        np.zeros((1, 2), np.int32),
        np.array([[1.0, -1.0]]),
        np.array([[0.0, 2.0]]),
        np.zeros((1, 0)),
    )
    x = np.linspace(-1, 3, 9)[:, None]
    found = decompose(tent, x)
    assert found.components == ((0,),)
    np.testing.assert_array_equal(main_effect(found, 0).grid, [-1, 0, 1, 2, 3])


def test_shares_sum_to_one_and_an_additive_spline_has_no_pairs():
    x = _rows(200, 4)
    found = decompose(random_spline(8, degree=2), x)
    np.testing.assert_allclose(found.share.sum(axis=0), 1.0)
    additive = decompose(random_spline(8, degree=1), x)
    assert all(len(features) == 1 for features in additive.components)
    np.testing.assert_allclose(additive.share.sum(axis=0), 1.0)
    values = component_values(found, x)
    np.testing.assert_allclose(found.deviation, values.std(axis=0))


def test_raw_units_are_those_of_the_scaler():
    spline, x = random_spline(2, degree=2), _rows(60, 4)
    scaler = Scaler(
        np.array([1.0, 2, 3, 4]),
        np.array([10.0, 1, 0.1, 2]),
        np.array([5.0, -5]),
        np.array([3.0, 0.5]),
    )
    plain, raw = decompose(spline, x), decompose(spline, x, scaler=scaler)
    np.testing.assert_allclose(raw.constant, plain.constant * [3, 0.5] + [5, -5])
    np.testing.assert_allclose(raw.share, plain.share)
    total = raw.constant + component_values(raw, x).sum(axis=1)
    np.testing.assert_allclose(total, plain_output(spline, x) * [3, 0.5] + [5, -5])
    one, other = main_effect(plain, 0), main_effect(raw, 0)
    np.testing.assert_allclose(other.grid, one.grid * 10 + 1)
    np.testing.assert_allclose(other.value, one.value * [3, 0.5])
    pair = next(c for c in plain.components if len(c) == 2)
    one, other = pair_surface(plain, pair), pair_surface(raw, pair)
    np.testing.assert_allclose(
        other.second, one.second * scaler.x_scale[pair[1]] + scaler.x_shift[pair[1]]
    )
    np.testing.assert_allclose(other.value, one.value * [3, 0.5])


def test_features_in_the_other_order_transpose_the_surface():
    found = decompose(random_spline(5, degree=2), _rows(40, 4))
    i, j = next(c for c in found.components if len(c) == 2)
    one, other = pair_surface(found, (i, j)), pair_surface(found, (j, i))
    np.testing.assert_allclose(other.value, one.value.swapaxes(0, 1))


def test_a_spline_without_terms_is_its_intercept():
    empty = Spline(
        np.ones(1),
        np.zeros((2, 1)),
        np.zeros((2, 1), np.int32),
        np.ones((2, 1)),
        np.zeros((2, 1)),
        np.zeros((2, 0)),
    )
    found = decompose(empty, _rows(5, 2))
    assert found.components == () and found.constant == 1.0
    assert np.all(main_effect(found, 1).value == 0)


def test_wrong_arguments_are_named():
    spline, x = random_spline(5, degree=2), _rows(40, 4)
    with pytest.raises(ValueError, match="x must have 4 columns"):
        decompose(spline, x[:, :2])
    with pytest.raises(ValueError, match="x must have at least one row"):
        decompose(spline, x[:0])
    with pytest.raises(ValueError, match="x must be finite"):
        decompose(spline, np.where(x > 2, np.nan, x))
    found = decompose(spline, x)
    with pytest.raises(ValueError, match="feature must be below 4; got 4"):
        main_effect(found, 4)
    with pytest.raises(ValueError, match="features must be two different columns"):
        pair_surface(found, (1, 1))
    with pytest.raises(ValueError, match="low must be below high"):
        main_effect(found, 0, low=1.0, high=0.0)
