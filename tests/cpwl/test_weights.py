"""Weights count rows, alike in every part of the road; what weighs nothing is not there."""

import jax
import numpy as np
import pytest

from spline_fc.cpwl import derive_directions, evaluate, fit_mars, live_terms, shrink
from spline_fc.network import spline_start
from tests.oracles import term_column

RNG = np.random.default_rng(0)
X = RNG.uniform(size=(150, 3))
Y = np.sin(6 * X[:, 0]) + np.abs(X[:, 1] - 0.5) + 0.05 * RNG.normal(size=150)
OPTIONS = dict(max_terms=9, knots=16, directions=("ols", "sir", "phd"))


def with_fill(fill):
    """The data with rows of weight 0 among them, in which other things stand."""
    places = [0, 0, 40, 150]
    x, y = (np.insert(a, places, fill, axis=0) for a in (X, Y))
    return x, y, np.insert(np.ones(150), places, 0)


def same(one, other):
    jax.tree.map(np.testing.assert_array_equal, one, other)


@pytest.mark.parametrize("fill", [np.nan, -np.inf, 9.96921e36, 1e300, -999])
def test_a_row_of_weight_zero_has_no_influence(fill):
    x, y, weights = with_fill(fill)
    for options in (OPTIONS, {**OPTIONS, "max_degree": 2, "prune": "cv"}):
        plain, padded = fit_mars(X, Y, **options), fit_mars(x, y, weights=weights, **options)
        same(padded._replace(seconds=None), plain._replace(seconds=None))
    small = shrink(padded, x, y, weights=weights)
    same(small._replace(seconds=None), shrink(plain, X, Y)._replace(seconds=None))
    sir = [derive_directions("sir", *data) for data in ((X, Y, 2), (x[weights > 0], Y, 2))]
    same(derive_directions("sir", x, y, 2, weights=weights), sir[0])
    options = dict(max_terms=9, knots=16)
    padded = spline_start(0, x, y, (16,), weights=weights, **options)
    same(padded.params, spline_start(0, X, Y, (16,), **options).params)


def test_what_stands_in_a_row_that_counts_is_named_by_its_own_number():
    x, y, weights = with_fill(np.nan)
    x[60, 1] = np.nan
    with pytest.raises(ValueError, match=r"x must be finite; got 1 .* at index \(60, 1\)"):
        fit_mars(x, y, weights=weights)


def test_rows_without_weight_do_not_count_as_rows():
    weights = np.r_[np.ones(5), np.zeros(145)]
    with pytest.raises(ValueError, match=r"max_terms must not exceed .* \(5 rows\); got 9"):
        fit_mars(X, Y, weights=weights, **OPTIONS)


@pytest.mark.parametrize("heavy", [1e9, 1e15])
def test_a_row_that_outweighs_all_others_leaves_them_least_squares(heavy, caplog):
    """On the terms that were chosen, through that row; when few digits were left, it is told."""
    weights = np.r_[heavy, np.ones(149)]
    fit = fit_mars(X, Y, weights=weights, max_terms=9, knots=16)
    terms = [term_column(X, term.factors) for term in live_terms(fit.spline).terms]
    from_heavy = np.column_stack([term - term[0] for term in terms])[1:]
    away = (Y - Y[0])[1:]
    coef = np.linalg.lstsq(from_heavy, away, rcond=None)[0]
    least = ((away - from_heavy @ coef) ** 2).sum()
    residuals = Y - np.asarray(evaluate(fit, X))[:, 0]
    assert (residuals[1:] ** 2).sum() == pytest.approx(least, rel=1e-4)
    assert abs(residuals[0]) < 1e-6 and fit.rss == pytest.approx(least, rel=1e-4)
    assert fit.r2 == pytest.approx(1 - least / ((Y - Y[0]) ** 2).sum(), abs=1e-6)
    told = "weights of at most 9 rows are all but 1e-13 of the sum" in caplog.text
    assert told == (heavy > 1e12) == bool(caplog.records)


def test_normalised_weights_become_counts_with_a_word(caplog):
    share = RNG.uniform(0.5, 1.5, size=150)
    counts = fit_mars(X, Y, weights=share / share.mean(), **OPTIONS)
    assert not caplog.records
    shares = fit_mars(X, Y, weights=share / share.sum(), **OPTIONS)
    assert "weights sum to 1, too little to charge any term for" in caplog.text
    assert shares.num_rows == pytest.approx(150) and counts.r2 > 0.9
    assert shares.gcv == pytest.approx(counts.gcv, rel=1e-4)


def test_weights_too_small_for_a_knot_are_the_reason_that_is_given():
    few = fit_mars(X, Y, weights=np.full(150, 0.11), **OPTIONS)  # count as 16.5 rows
    assert not few.terms
    assert "no knot among rows that count as 16.5" in few.stop_reason
    dear = {**OPTIONS, "penalty": 100, "end_span": 2}
    costly = fit_mars(X, Y, weights=np.full(150, 0.12), **dear)
    assert costly.terms and not len(costly.spline.coef)
    assert "GCV charges more for a single one than rows that count as 18" in costly.stop_reason


def test_a_weight_of_two_is_a_row_twice_for_a_start_and_for_shrinking():
    weights = RNG.integers(0, 4, size=150)
    rows = np.repeat(np.arange(150), weights)
    for make in (
        lambda *data, **given: spline_start(0, *data, (16,), max_terms=9, knots=16, **given).fit,
        lambda *data, **given: shrink(FIT, *data, tolerance=0.3, **given),
    ):
        weighted, repeated = make(X, Y, weights=weights), make(X[rows], Y[rows])
        assert weighted.num_rows == repeated.num_rows == weights.sum()
        assert weighted.rss == pytest.approx(repeated.rss, rel=1e-3)
        assert weighted.gcv == pytest.approx(repeated.gcv, rel=1e-3)
        np.testing.assert_allclose(evaluate(weighted, X), evaluate(repeated, X), atol=1e-2)


FIT = fit_mars(X, Y, **OPTIONS)
