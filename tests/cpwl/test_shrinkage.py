"""Shrinking: the ridge that costs next to nothing, against the textbook formula."""

import jax.numpy as jnp
import numpy as np
import pytest

from spline_fc import cpwl


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 3))
    y = np.sin(2 * x[:, 0]) + np.abs(x[:, 1]) + 0.1 * rng.normal(size=400)
    fit = cpwl.fit_mars(x, y, max_terms=25, threshold=0, prune="none")
    return x, y, fit.spline


def rss(spline, x, y):
    return float(((y.reshape(len(y), -1) - np.asarray(cpwl.evaluate(spline, x))) ** 2).sum())


def ridge_oracle(spline, x, y, ridge):
    basis = np.asarray(cpwl.basis(spline, jnp.asarray(x)), np.float64)
    centred, target = basis - basis.mean(0), y - y.mean()
    square = centred.T @ centred / len(y) + ridge * np.eye(basis.shape[1])
    coef = np.linalg.solve(square, centred.T @ target / len(y))
    return coef, y.mean() - basis.mean(0) @ coef


def test_coefficients_shrink_and_the_residual_stays_within_the_tolerance(problem):
    x, y, spline = problem
    least = rss(cpwl.shrink(spline, x, y, most=0), x, y)
    norms = []
    for tolerance in (1e-3, 1e-2, 1e-1):
        small = cpwl.shrink(spline, x, y, tolerance=tolerance, most=10)
        norms.append(float((small.coef**2).sum()))
        assert rss(small, x, y) <= (1 + tolerance) * least * (1 + 1e-5)
    assert norms[0] > norms[1] > norms[2]
    assert norms[0] < float((spline.coef**2).sum())


def test_most_is_the_ridge_in_mean_squares_of_the_features(problem):
    x, y, spline = problem
    found = cpwl.shrink(spline, x, y, tolerance=1e6, most=1e-3)
    coef, intercept = ridge_oracle(spline, x, y, 1e-3 * np.mean(x.var(axis=0)))
    np.testing.assert_allclose(found.coef[:, 0], coef, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(found.intercept, intercept, rtol=1e-3, atol=1e-4)


def test_no_ridge_is_least_squares(problem):
    x, y, spline = problem
    found = cpwl.shrink(spline, x, y, most=0)
    assert rss(found, x, y) <= rss(spline, x, y) * (1 + 1e-4)


def test_integer_weights_are_repeated_rows(problem):
    x, y, spline = problem
    weights = np.random.default_rng(1).integers(0, 3, size=len(x))
    repeated = cpwl.shrink(spline, np.repeat(x, weights, 0), np.repeat(y, weights))
    weighted = cpwl.shrink(spline, x, y, weights=weights)
    np.testing.assert_allclose(weighted.coef, repeated.coef, rtol=1e-4, atol=1e-5)


def test_units_of_features_and_targets_do_not_matter(problem):
    x, y, spline = problem
    wide = spline._replace(knot=8 * spline.knot)
    found = cpwl.shrink(wide, 8 * x, 2 * y)
    wanted = cpwl.shrink(spline, x, y)
    np.testing.assert_allclose(found.coef, wanted.coef / 4, rtol=1e-3, atol=1e-5)


def test_outputs_share_one_ridge_and_dependent_terms_are_no_obstacle(problem):
    x, y, spline = problem
    twice = spline._replace(
        **{name: jnp.concatenate([getattr(spline, name)] * 2) for name in ("sign", "knot")},
        feature=jnp.concatenate([spline.feature] * 2),
        coef=jnp.tile(spline.coef, (2, 2)),
        intercept=jnp.tile(spline.intercept, 2),
    )
    found = cpwl.shrink(twice, x, np.stack([y, y], axis=1))
    assert np.isfinite(found.coef).all()
    np.testing.assert_allclose(found.coef[:, 0], found.coef[:, 1], rtol=1e-6)
    assert rss(found, x, np.stack([y, y], axis=1)) <= 2 * 1.06 * rss(spline, x, y)


def test_a_constant_and_an_absent_term_survive(problem):
    x, y, spline = problem
    empty = spline._replace(sign=jnp.zeros_like(spline.sign))
    found = cpwl.shrink(empty, x, y)
    np.testing.assert_allclose(cpwl.evaluate(found, x), y.mean(), rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(tolerance=0.0), "tolerance"),
        (dict(most=-1.0), "most"),
        (dict(y=np.zeros((400, 2))), "y must have 1 columns"),
        (dict(x=np.zeros((400, 1))), "x must have at least"),
        (dict(y=np.full(400, np.nan)), "finite"),
    ],
)
def test_bad_input_is_named(problem, change, message):
    x, y, spline = problem
    arguments = {"x": x, "y": y, **change}
    with pytest.raises(ValueError, match=message):
        cpwl.shrink(spline, arguments.pop("x"), arguments.pop("y"), **arguments)
