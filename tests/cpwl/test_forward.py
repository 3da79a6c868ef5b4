"""The forward pass against brute force: the same RSS at every step."""

import jax
import numpy as np
import pytest

from spline_fc.cpwl import fit_mars
from tests import oracles


def _plain(rng, n=40, d=3):
    return rng.normal(size=(n, d))


def _ties(rng, n=40, d=3):
    return np.round(rng.normal(size=(n, d)), 1)


def _duplicates(rng, n=40, d=3):
    return np.repeat(rng.normal(size=(n // 2, d)), 2, axis=0)


def _constant_column(rng, n=40, d=3):
    x = rng.normal(size=(n, d))
    x[:, 1] = 0.998
    return x


def _binary_column(rng, n=40, d=3):
    x = rng.normal(size=(n, d))
    x[:, 2] = rng.integers(0, 2, n)
    return x


CASES = [_plain, _ties, _duplicates, _constant_column, _binary_column]


def _target(rng, x, k=1):
    signal = np.abs(x[:, 0]) + np.minimum(np.maximum(x[:, 1], 0), np.maximum(x[:, 2], 0))
    return signal[:, None] * np.arange(1, k + 1) + 0.3 * rng.normal(size=(len(x), k))


@pytest.mark.parametrize("make_x", CASES)
@pytest.mark.parametrize("max_degree", [1, 2, 3])
def test_rss_of_every_step_is_the_brute_force_optimum(enable_x64, make_x, max_degree):
    rng = np.random.default_rng(max_degree)
    x = make_x(rng) * [1.0, 100.0, 0.01]
    y = _target(rng, x / [1.0, 100.0, 0.01])
    options = dict(max_terms=9, max_degree=max_degree, min_span=2, end_span=3)
    fit = fit_mars(x, y, **options, threshold=0, knots="all", prune="none", fast_k=None)
    expected, _ = oracles.forward_rss(oracles.standardised(x), y, **options)
    np.testing.assert_allclose(fit.forward.rss, expected, rtol=1e-9, atol=1e-12 * expected[0])


@pytest.mark.parametrize("max_degree", [1, 2])
def test_so_it_is_where_there_are_many_rows(enable_x64, many_rows, max_degree):
    test_rss_of_every_step_is_the_brute_force_optimum(None, _ties, max_degree)


@pytest.mark.parametrize("make_x", [_plain, _ties, _binary_column])
def test_both_ways_to_search_take_the_same_path(enable_x64, monkeypatch, make_x):
    rng = np.random.default_rng(3)
    x = make_x(rng)
    y, weights = _target(rng, x, k=2), rng.uniform(0.5, 1.5, len(x))
    options = dict(max_terms=9, max_degree=2, min_span=2, end_span=3, threshold=0, knots="all")
    options |= dict(weights=weights, prune="cv", num_folds=3)
    on_host = fit_mars(x, y, **options)
    monkeypatch.setattr("spline_fc.cpwl.bins.BLOCK_ROWS", 7)
    in_blocks = fit_mars(x, y, **options)
    monkeypatch.setattr("spline_fc.cpwl.inputs.is_small", lambda *_: False)
    compiled = fit_mars(x, y, **options)
    assert compiled.terms == on_host.terms == in_blocks.terms
    np.testing.assert_allclose(in_blocks.forward.rss, on_host.forward.rss, rtol=1e-9)
    np.testing.assert_allclose(compiled.forward.rss, on_host.forward.rss, rtol=1e-9)
    np.testing.assert_allclose(compiled.pruning.cv_rss, on_host.pruning.cv_rss, rtol=1e-9)
    np.testing.assert_allclose(compiled.spline.coef, on_host.spline.coef, rtol=1e-7)


@pytest.mark.parametrize("fast_k", [1, 2])
def test_fewer_parents_looked_at_leave_an_exact_trace(enable_x64, fast_k):
    rng = np.random.default_rng(2)
    x = _plain(rng, n=300, d=5)
    y = _target(rng, x)
    options = dict(max_terms=25, max_degree=2, threshold=0.01, prune="none")
    every = fit_mars(x, y, **options, fast_k=None)
    fewer = fit_mars(x, y, **options, fast_k=fast_k)
    assert len(fewer.forward.rss) > 2 and fewer.forward.rss[1] == pytest.approx(
        every.forward.rss[1]
    )
    columns = [oracles.term_column(x, term.factors) for term in fewer.terms]
    assert fewer.forward.rss[-1] == pytest.approx(oracles.least_squares(columns, y)[1], rel=1e-9)
    assert "less than threshold" in fewer.stop_reason


def test_gains_are_summed_over_outputs(enable_x64):
    rng = np.random.default_rng(5)
    x = _plain(rng)
    y = _target(rng, x, k=3)
    fit = fit_mars(x, y, max_terms=9, min_span=1, end_span=2, threshold=0, prune="none")
    expected, _ = oracles.forward_rss(x, y, max_terms=9, max_degree=1, end_span=2)
    np.testing.assert_allclose(fit.forward.rss, expected, rtol=1e-9)


@pytest.mark.parametrize("max_degree", [1, 2])
def test_tracked_rss_is_that_of_a_fresh_least_squares(enable_x64, max_degree):
    rng = np.random.default_rng(6)
    x = _plain(rng, n=300, d=5)
    y = _target(rng, x)
    fit = fit_mars(x, y, max_terms=25, max_degree=max_degree, threshold=0, prune="none")
    columns = [oracles.term_column(x, term.factors) for term in fit.terms]
    _, rss = oracles.least_squares(columns, y)
    assert fit.forward.rss[-1] == pytest.approx(rss, rel=1e-9)
    assert fit.rss == pytest.approx(rss, rel=1e-9)


def test_quantile_knots_and_all_points_agree_on_the_same_candidates(enable_x64):
    """Sixteen bins of 25 rows against 400 bins of one row, all but 16 ruled out by the spans."""
    rng = np.random.default_rng(7)
    x = _plain(rng, n=400, d=3)
    y = _target(rng, x)
    options = dict(max_terms=15, end_span=0, threshold=0)
    few = fit_mars(x, y, knots=16, min_span=1, **options)
    # Of all rows those number 0, 25, 50, ... are just the knots of 16 quantiles.
    every = fit_mars(x, y, knots="all", min_span=25, **options)
    assert len(few.forward.knot) > 5
    np.testing.assert_allclose(few.forward.rss, every.forward.rss, rtol=1e-9)
    np.testing.assert_array_equal(few.forward.knot, every.forward.knot)


def test_float32_finds_the_knots_of_float64():
    rng = np.random.default_rng(8)
    x = _plain(rng, n=1000, d=4).astype(np.float32)
    y = _target(rng, x).astype(np.float32)
    single = fit_mars(x, y, max_terms=15, threshold=0)
    with jax.enable_x64(True):
        double = fit_mars(x.astype(np.float64), y.astype(np.float64), max_terms=15, threshold=0)
    np.testing.assert_allclose(single.forward.rss, double.forward.rss, rtol=1e-5)
    np.testing.assert_array_equal(single.forward.feature, double.forward.feature)
