"""Columns that are left out of the search."""

import numpy as np
import pytest

from spline_fc.cpwl import evaluate, fit_mars
from spline_fc.cpwl.forward import forward

RNG = np.random.default_rng(7)
X = RNG.normal(size=(500, 40))
USED = (3, 17, 30)
Y = np.stack([np.abs(X[:, 3]) + X[:, 17], np.maximum(X[:, 30], 0)], 1)
Y = Y + 0.1 * RNG.normal(size=Y.shape)
OPTIONS = dict(max_terms=9, knots=16)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_screen_keeps_what_matters_and_the_fit_is_that_of_these_columns(
    enable_x64, monkeypatch, compiled
):
    monkeypatch.setattr("spline_fc.cpwl.inputs.is_small", lambda *_: not compiled)
    fit = fit_mars(X, Y, screen=3, min_span=5, end_span=5, **OPTIONS)
    assert {v for term in fit.terms for v, _, _ in term.factors} == set(USED)
    alone = fit_mars(X[:, USED], Y, min_span=5, end_span=5, **OPTIONS)
    assert fit.rss == pytest.approx(alone.rss, rel=1e-9)
    assert [USED[v] for v in alone.forward.feature] == fit.forward.feature.tolist()
    np.testing.assert_allclose(fit.forward.knot, alone.forward.knot, rtol=1e-12)
    np.testing.assert_allclose(evaluate(fit, X), evaluate(alone, X[:, USED]), rtol=1e-7, atol=1e-9)


def test_even_functions_pass_a_screen():
    y = np.abs(X[:, 3]) - np.abs(X[:, 3]).mean()
    fit = fit_mars(X, y, screen=1, **OPTIONS)
    assert set(fit.forward.feature) == {3} and fit.r2 > 0.99


def test_a_wide_screen_changes_nothing(enable_x64):
    every = fit_mars(X, Y, max_degree=2, **OPTIONS)
    assert fit_mars(X, Y, max_degree=2, screen=40, **OPTIONS).terms == every.terms


def test_constant_columns_are_not_searched(enable_x64, monkeypatch):
    seen = []

    def watched(columns, *rest):
        seen.append(len(columns))
        return forward(columns, *rest)

    monkeypatch.setattr("spline_fc.cpwl.fit.forward", watched)
    options = dict(max_degree=2, allowed=[[23, 50], [23, 37]], linear=[57], **OPTIONS)
    plain = fit_mars(np.concatenate([np.zeros((500, 20)), X], 1), Y, **options)
    monkeypatch.setattr("spline_fc.cpwl.screening.TOGETHER", 8)
    fewer = fit_mars(np.concatenate([np.zeros((500, 20)), X], 1), Y, **options)
    assert seen == [60, 44] and fewer.terms == plain.terms
    assert fewer.rss == pytest.approx(plain.rss, rel=1e-12)


def test_constraints_hold_on_screened_columns(enable_x64):
    y = np.minimum(np.maximum(X[:, 3], 0), np.maximum(X[:, 17], 0)) + X[:, 30] / 4
    constraints = dict(max_degree=2, allowed=[[3, 17]], linear=[30])
    fit = fit_mars(X, y, screen=4, max_terms=15, knots=16, **constraints)
    pairs = {term.features for term in fit.terms if len(term.factors) == 2}
    assert pairs == {frozenset({3, 17})} and fit.r2 > 0.95
    assert sum(term.features == {30} for term in fit.terms) == 1


def test_directions_pass_every_screen():
    fit = fit_mars(X, Y, screen=0, directions=("ols", "pca"), **OPTIONS)
    assert fit.terms and all(v >= 40 for v in fit.forward.feature)


def test_what_is_no_screen_is_named():
    with pytest.raises(ValueError, match="screen must be an integer >= 0; got -1"):
        fit_mars(X, Y, screen=-1)
    with pytest.raises(ValueError, match="screen must leave columns to search; got 0 and no dir"):
        fit_mars(X, Y, screen=0)
