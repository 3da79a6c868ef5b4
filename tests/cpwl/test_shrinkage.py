"""Shrinking: the ridge that costs next to nothing, against the textbook formula."""

import types

import jax.numpy as jnp
import numpy as np
import pytest

from spline_fc import cpwl
from tests import oracles


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 3))
    y = np.sin(2 * x[:, 0]) + np.abs(x[:, 1]) + 0.1 * rng.normal(size=400)
    return x, y, cpwl.fit_mars(x, y, max_terms=25, threshold=0, prune="none")


def rss(fit, x, y):
    return float(((y.reshape(len(y), -1) - np.asarray(cpwl.evaluate(fit, x))) ** 2).sum())


def ridge_oracle(spline, x, y, ridge):
    """Coefficients of hinges on standardised features, in the units of the features again."""
    scale = x.std(0)[np.asarray(spline.feature)[:, 0]]
    basis = np.asarray(cpwl.basis(spline, jnp.asarray(x)), np.float64) / scale
    centred, target = basis - basis.mean(0), y - y.mean()
    square = centred.T @ centred / len(y) + ridge * np.eye(basis.shape[1])
    coef = np.linalg.solve(square, centred.T @ target / len(y))
    return coef / scale, y.mean() - basis.mean(0) @ coef


def test_coefficients_shrink_and_the_residual_stays_within_the_tolerance(problem):
    x, y, fit = problem
    least = rss(cpwl.shrink(fit, x, y, most=0), x, y)
    norms = []
    for tolerance in (1e-3, 1e-2, 1e-1):
        small = cpwl.shrink(fit, x, y, tolerance=tolerance, most=10)
        norms.append(float((small.spline.coef**2).sum()))
        assert rss(small, x, y) <= (1 + tolerance) * least * (1 + 1e-5)
    assert norms[0] > norms[1] > norms[2]
    assert norms[0] < float((fit.spline.coef**2).sum())


def test_what_the_fit_says_is_true_of_its_new_spline(problem):
    x, y, fit = problem
    small = cpwl.shrink(fit, x, y, tolerance=0.1, most=10)
    assert small.rss > 1.01 * fit.rss
    assert small.rss == pytest.approx(rss(small, x, y), rel=1e-4)
    assert small.r2 == pytest.approx(1 - small.rss / (len(y) * y.var()), rel=1e-6)
    assert small.gcv == pytest.approx(fit.gcv * small.rss / fit.rss, rel=1e-6)
    assert small.seconds.run > fit.seconds.run and small.terms == fit.terms


def test_most_is_the_ridge_of_hinges_on_standardised_features(problem):
    x, y, fit = problem
    found = cpwl.shrink(fit, x, y, tolerance=1e6, most=1e-3).spline
    coef, intercept = ridge_oracle(fit.spline, x, y, 1e-3)
    np.testing.assert_allclose(found.coef[:, 0], coef, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(found.intercept, intercept, rtol=1e-3, atol=1e-4)


def test_no_ridge_is_least_squares(problem):
    x, y, fit = problem
    found = cpwl.shrink(fit, x, y, most=0)
    assert rss(found, x, y) <= rss(fit, x, y) * (1 + 1e-4)


def test_integer_weights_are_repeated_rows(problem):
    x, y, fit = problem
    weights = np.random.default_rng(1).integers(0, 3, size=len(x))
    repeated = cpwl.shrink(fit, np.repeat(x, weights, 0), np.repeat(y, weights))
    weighted = cpwl.shrink(fit, x, y, weights=weights)
    np.testing.assert_allclose(weighted.spline.coef, repeated.spline.coef, rtol=1e-4, atol=1e-5)
    assert weighted.gcv == pytest.approx(repeated.gcv, rel=1e-9)


@pytest.mark.parametrize("max_degree", [1, 2])
def test_units_of_features_and_targets_do_not_matter(problem, max_degree):
    x, y, _ = problem
    scale, shift = np.array([1e3, 1.0, 1e-3]), np.array([1e3, -2.0, 0.0])
    options = dict(max_terms=9, max_degree=max_degree, knots=16, directions=("ols",))
    one = cpwl.shrink(cpwl.fit_mars(x, y, **options), x, y)
    moved = x * scale + shift
    other = cpwl.shrink(cpwl.fit_mars(moved, 2 * y, **options), moved, 2 * y)
    np.testing.assert_allclose(
        2 * np.asarray(cpwl.evaluate(one, x)), cpwl.evaluate(other, moved), atol=2e-3 * y.std()
    )


def test_squares_of_tiny_targets_do_not_underflow(problem):
    x, y, _ = problem
    x, y = x.astype(np.float64), y.astype(np.float64)
    options = dict(max_terms=9, knots=16)
    one = cpwl.fit_mars(x, y, **options)
    tiny = 2.0**-700  # of which the square is 0
    other = cpwl.fit_mars(x, tiny * y, **options)
    assert other.r2 == one.r2 > 0.5
    for fit, small in ((one, other), (cpwl.shrink(one, x, y), cpwl.shrink(other, x, tiny * y))):
        assert small.r2 == fit.r2
        np.testing.assert_array_equal(small.spline.coef, tiny * fit.spline.coef)
        np.testing.assert_array_equal(small.spline.intercept, tiny * fit.spline.intercept)


@pytest.mark.parametrize("scale", [1e-42, 1e-200, 1e100])
def test_targets_that_coefficients_of_float32_cannot_hold_are_refused(problem, scale):
    x, y, _ = problem
    with pytest.raises(ValueError, match="y must vary by 1.2e-38 to 8.5e.37 for x of float32"):
        cpwl.fit_mars(x.astype(np.float32), y.astype(np.float64) * scale, max_terms=9, knots=16)


@pytest.mark.parametrize("kind", ["unlike scales", "heavy tail", "one far below", "float32"])
def test_the_tolerance_holds_on_columns_of_all_kinds(kind):
    """Against least squares on the same hinges, and on the residuals of what is returned."""
    rng = np.random.default_rng(1)
    x = rng.uniform(size=(2000, 2)) * [1, 1e4]
    if kind == "heavy tail":
        x[:, 0] = rng.pareto(0.5, 2000)
        x = (x - x.mean(0)) / x.std(0)
    middle, width = np.median(x[:, 0]), np.subtract(*np.quantile(x[:, 0], [0.75, 0.25]))
    place = (x[:, 0] - middle) / width
    y = np.sin(3 * place) * (np.abs(place) < 3) + 0.05 * rng.normal(size=2000)
    if kind == "one far below":
        x[0, 0] = -1e8
    x = x.astype(np.float32 if kind == "float32" else np.float64)
    fit = cpwl.fit_mars(x, y, max_terms=21, knots=64)
    live = cpwl.live_terms(fit.spline).terms
    columns = [oracles.term_column(x.astype(float), term.factors) for term in live]
    least = min(oracles.least_squares(columns, y[:, None])[1], rss(fit, x, y))
    for tolerance in (0.01, 0.2):
        small = cpwl.shrink(fit, x, y, tolerance=tolerance, most=10)
        assert rss(small, x, y) <= (1 + tolerance) * least * (1 + 1e-6)
        assert small.rss == pytest.approx(rss(small, x, y), rel=1e-5)
    # Where no ridge keeps the promise, least squares is solved again: the same but for rounding.
    norms = [float((np.asarray(f.spline.coef, float) ** 2).sum()) for f in (small, fit)]
    assert norms[0] <= norms[1] * (1 + 1e-9)


def test_a_spline_comes_back_as_a_spline(problem):
    x, y, fit = problem
    found = cpwl.shrink(fit.spline, x, y, tolerance=0.1)
    assert isinstance(found, cpwl.Spline)
    held = types.SimpleNamespace(fit=fit)
    for other in (cpwl.shrink(fit, x, y, tolerance=0.1), cpwl.shrink(held, x, y, tolerance=0.1)):
        np.testing.assert_array_equal(found.coef, other.spline.coef)


def test_linear_features_stay_linear(problem):
    x, y, _ = problem
    fit = cpwl.shrink(cpwl.fit_mars(x, y + x[:, 2], max_terms=9, linear=[2]), x, y + x[:, 2])
    far = np.zeros((3, 3), np.float32)
    far[:, 2] = [-100, 0, 100]
    low, middle, high = np.asarray(cpwl.evaluate(fit, far))[:, 0]
    assert high - middle == pytest.approx(middle - low, rel=1e-4) and high - middle > 50


def test_outputs_share_one_ridge_and_dependent_terms_are_no_obstacle(problem):
    x, y, fit = problem
    spline = fit.spline
    rows = {name: jnp.concatenate([getattr(spline, name)] * 2) for name in ("slope", "knot")}
    twice = spline._replace(
        **rows,
        feature=jnp.concatenate([spline.feature] * 2),
        coef=jnp.tile(spline.coef, (2, 2)),
        intercept=jnp.tile(spline.intercept, 2),
    )
    both = np.stack([y, y], axis=1)
    found = cpwl.shrink(fit._replace(spline=twice), x, both)
    assert np.isfinite(found.spline.coef).all()
    np.testing.assert_allclose(found.spline.coef[:, 0], found.spline.coef[:, 1], rtol=1e-6)
    assert rss(found, x, both) <= 2 * 1.06 * rss(fit, x, y)


def test_a_constant_and_an_absent_term_survive(problem):
    x, y, fit = problem
    empty = fit._replace(spline=fit.spline._replace(slope=jnp.zeros_like(fit.spline.slope)))
    found = cpwl.shrink(empty, x, y)
    np.testing.assert_allclose(cpwl.evaluate(found, x), y.mean(), rtol=1e-5)
    assert found.r2 == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(tolerance=0.0), "tolerance"),
        (dict(most=-1.0), "most"),
        (dict(y=np.zeros((400, 2))), "y must have 1 columns"),
        (dict(x=np.zeros((400, 1))), "x must have 3 columns"),
        (dict(y=np.full(400, np.nan)), "finite"),
    ],
)
def test_bad_input_is_named(problem, change, message):
    x, y, fit = problem
    arguments = {"x": x, "y": y, **change}
    with pytest.raises(ValueError, match=message):
        cpwl.shrink(fit, arguments.pop("x"), arguments.pop("y"), **arguments)
