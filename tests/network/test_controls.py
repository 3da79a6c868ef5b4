"""Controls: each keeps exactly what it says, and loses the rest."""

import jax
import numpy as np
import pytest

from spline_fc import cpwl, network
from spline_fc.network import controls

KEY = jax.random.key(0)
SIZES = (32, 16)
OPTIONS = {"max_terms": 15, "knots": 16, "directions": ("ols",)}
OF_SPLINE = {**controls.OF_HINGES, **controls.OF_COEFFICIENTS}


def _rows(task):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 4)).astype(np.float32)
    level = np.abs(x[:, 0]) + np.maximum(x[:, 1], x[:, 2]) + 0.3 * rng.normal(size=300)
    y = (level > 1.3) if task == "binary" else np.stack([level, np.sin(2 * x[:, 3])], axis=1)
    return x, y.astype(np.float32)


@pytest.fixture(scope="module", params=["regression", "binary"])
def made(request):
    """Rows, options and the start that is to be controlled."""
    directions = {"directions": ("pairs",)} if request.param == "binary" else {}
    options = {**OPTIONS, **directions, "task": request.param, "max_degree": 2}
    x, y = _rows(request.param)
    return x, y, options, network.spline_start(KEY, x, y, SIZES, **options)


def _made(control, made, **other):
    x, y, options, start = made
    return network.altered_start(KEY, start, x, y, options, control=control, **other)


def _hinges(spline):
    """Columns, signs and knots of every hinge of every live term, and its coefficients."""
    live = cpwl.live_terms(spline)
    return [term.factors for term in live.terms], live.coef


@pytest.mark.parametrize("control", OF_SPLINE)
def test_the_network_equals_its_spline_whose_scores_are_told(made, control):
    x, y, _, start = made
    found = _made(control, made)
    outputs = cpwl.evaluate_float64(found.fit.spline, x)
    np.testing.assert_allclose(network.apply_params(found.params, x), outputs, atol=2e-5)
    jax.tree.map(lambda a, b: np.testing.assert_equal(a.shape, b.shape), found.params, start.params)
    means = outputs if found.fit.link == "identity" else cpwl.probabilities_of(outputs)
    labels = y.reshape(len(y), -1)
    rss = ((labels - means) ** 2).sum()
    total = ((labels - labels.mean(axis=0)) ** 2).sum()
    assert found.fit.rss == pytest.approx(rss, rel=1e-3)
    assert found.fit.r2 == pytest.approx(1 - rss / total, abs=1e-3)
    assert found.fit.gcv / start.fit.gcv == pytest.approx(rss / start.fit.rss, rel=1e-3)
    if found.fit.log_loss is not None:
        likelihood = np.where(labels == 1, means, 1 - means)
        assert found.fit.log_loss == pytest.approx(-np.log(likelihood).mean(), rel=1e-4)


def test_every_control_fits_worse_and_one_whose_coefficients_are_not_fitted_most(made):
    fitted = [_made(control, made).fit.rss for control in controls.OF_HINGES]
    chance = [_made(control, made).fit.rss for control in controls.OF_COEFFICIENTS]
    assert made[3].fit.rss < min(fitted) and max(fitted) < min(chance)


def test_random_knots_keep_columns_signs_and_what_shares_a_knot(made):
    x, _, _, start = made
    spline = start.fit.spline
    found = controls.random_knots(KEY, spline, x)
    (before, coef), (after, same) = _hinges(spline), _hinges(found)
    np.testing.assert_array_equal(coef, same)
    kept = [[(c, slope) for c, slope, _ in factors] for factors in before]
    assert kept == [[(c, slope) for c, slope, _ in factors] for factors in after]
    z, places = cpwl.with_projections(x, np.asarray(spline.projection)), {}
    for factors, moved in zip(before, after, strict=True):
        for (column, _, knot), (_, _, new) in zip(factors, moved, strict=True):
            assert places.setdefault((column, knot), new) == new
            assert np.min(np.abs(np.asarray(z)[:, column] - new)) < 1e-6
            assert np.asarray(z)[:, column].min() < new < np.asarray(z)[:, column].max()
    assert any(len(factors) > 1 for factors in before)
    assert len(set(places.values())) == len(places) and not set(places.values()) & {
        knot for _, knot in places
    }


def test_random_hinges_keep_how_many_and_what_shares_a_knot(made):
    x, _, _, start = made
    spline, columns, flips = start.fit.spline, set(), set()
    before, _ = _hinges(spline)
    draws = [_hinges(controls.random_hinges(key, spline, x))[0] for key in range(8)]
    for after in draws:
        places = {}
        for factors, moved in zip(before, after, strict=True):
            for (column, slope, knot), (other, new_slope, new) in zip(factors, moved, strict=True):
                flip = new_slope / slope
                assert flip in (-1, 1)
                assert places.setdefault((column, knot), (other, flip, new)) == (other, flip, new)
        columns |= {column for column, _, _ in places.values()}
        flips |= {flip for _, flip, _ in places.values()}
    assert flips == {-1, 1}
    assert columns == set(range(sum(spline.projection.shape)))


def test_hinges_that_are_drawn_bend_inwards():
    x = np.array([[0.0, 3.0, 1.0], [1.0, 3.0, 2.0], [1.0, 3.0, 4.0]])
    terms = {"feature": [[2], [2]], "slope": [[1.0], [-1.0]], "knot": [[2.0], [4.0]]}
    spline = cpwl.Spline(
        np.zeros(1), np.ones((2, 1)), *map(np.array, terms.values()), np.zeros((3, 0))
    )
    for key in range(20):
        for ((column, slope, knot),) in _hinges(controls.random_hinges(key, spline, x))[0]:
            assert column != 1  # of one value
            assert column == 2 or (slope, knot) in ((1, 0), (-1, 1))
            assert column == 0 or knot == 2


def test_shuffled_coefficients_are_the_same_ones_elsewhere(made):
    spline = made[3].fit.spline
    found = controls.shuffled_coefficients(KEY, spline)
    (terms, before), (same, after) = _hinges(spline), _hinges(found)
    assert terms == same and not np.array_equal(before, after)
    np.testing.assert_array_equal(spline.intercept, found.intercept)
    order = [sorted(map(tuple, coef)) for coef in (before, after)]
    np.testing.assert_array_equal(*order)


def test_random_coefficients_have_the_norm_of_every_output(made):
    spline = made[3].fit.spline
    found = controls.random_coefficients(KEY, spline)
    (terms, before), (same, after) = _hinges(spline), _hinges(found)
    assert terms == same
    np.testing.assert_array_equal(spline.intercept, found.intercept)
    np.testing.assert_allclose(*(np.linalg.norm(c, axis=0) for c in (before, after)), rtol=1e-5)
    assert np.abs(before - after).max() > 0.1 * np.abs(before).max()


def test_scale_only_keeps_the_norms_of_the_layers(made):
    start, found = made[3], _made("scale_only", made)
    assert found.fit is start.fit
    for layer, drawn in zip(start.params.values(), found.params.values(), strict=True):
        for leaf in ("kernel", "bias"):
            before, after = np.asarray(layer[leaf]), np.asarray(drawn[leaf])
            np.testing.assert_allclose(np.linalg.norm(before), np.linalg.norm(after), rtol=1e-5)
            if before.size > 9 and before.any():
                assert abs(np.corrcoef(before.ravel(), after.ravel())[0, 1]) < 0.5


def test_units_without_a_hinge_are_those_of_the_start(made):
    start, found = made[3], _made("shuffled_coefficients", made)
    used = network.hinges(start.fit).knot.size
    for leaf in ("kernel", "bias"):
        before, after = (np.asarray(s.params["Dense_0"][leaf])[..., used:] for s in (start, found))
        np.testing.assert_array_equal(before, after)


def test_noise_is_relative_to_every_leaf_and_two_sizes_differ_by_a_factor():
    params = network.init_params("he_normal", 0, *_rows("regression"), (200, 100))
    params = jax.tree.map(lambda leaf: leaf + 5.0, params)
    small, large = (network.add_noise(KEY, params, size) for size in (0.1, 0.2))
    for name, layer in params.items():
        for leaf, before in layer.items():
            noise = np.asarray(small[name][leaf]) - before
            twice = np.asarray(large[name][leaf]) - before
            np.testing.assert_allclose(twice, 2 * noise, atol=1e-5)
            if noise.size > 100:
                scale = np.sqrt(np.mean(np.square(before)))
                assert noise.std() / scale == pytest.approx(0.1, rel=0.2)


def test_a_start_without_control_and_noise_is_left_as_it_is(made):
    x, y, options, start = made
    assert network.altered_start(KEY, start, x, y, options) is start
    noisy = _made(None, made, noise=0.1)
    assert noisy.fit is start.fit
    for wrong, sentence in (({"control": "random_knot"}, "control"), ({"noise": -1.0}, "noise")):
        with pytest.raises(ValueError, match=sentence):
            network.altered_start(KEY, start, x, y, options, **wrong)
