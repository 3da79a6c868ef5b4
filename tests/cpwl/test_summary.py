"""Importance against a hand computation, and what the printed summary says."""

import types

import numpy as np
import pytest

from spline_fc.cpwl import (
    FitResult,
    ForwardTrace,
    PruningPath,
    Spline,
    Term,
    fit_mars,
    importance,
    summarize,
)
from spline_fc.timing import Seconds


def small_fit(gcv=(1.0, 2.0, 10.0, 26.0), chosen=0):
    """Three terms: x0; x2; the minimum of x0 and x1. They leave in the order third, x0, x2."""
    terms = (
        Term(((0, 1.0, 0.5),)),
        Term(((2, -1.0, -0.25),)),
        Term(((0, 1.0, 0.5), (1, -0.25, 2.0))),
    )
    kept = np.array([[1, 1, 1], [1, 1, 0], [0, 1, 0], [0, 0, 0]], bool)
    path = PruningPath(kept, np.array([10.0, 14.0, 50.0, 150.0]), np.array(gcv), None, chosen)
    spline = Spline(
        np.array([3.0]),
        np.array([[1.5], [-2.0], [0.125]]),
        np.array([[0, 0], [2, 0], [0, 1]]),
        np.array([[1.0, 0.0], [-1.0, 0.0], [1.0, -0.25]]),
        np.array([[0.5, 0.0], [-0.25, 0.0], [0.5, 2.0]]),
        np.ones((3, 1)),
    )
    names = ("x0", "x1", "x2", "ols 1")
    trace = ForwardTrace(np.zeros(1), np.ones(1, int), *(np.zeros(0),) * 3)
    seconds = Seconds(2.0, 0.5)
    return FitResult(
        spline, names, 10.0, gcv[chosen], 0.9, terms, trace, path, 40.0, 3.0, seconds, "Enough."
    )


def test_importance_by_hand():
    # Subsets {x0, x1, x2}, {x0, x2}, {x2} gain 4, 36, 100 in RSS and 1, 8, 16 in GCV.
    found = importance(small_fit())
    np.testing.assert_array_equal(found.nsubsets, [2, 1, 3, 0])
    np.testing.assert_allclose(found.rss, 100 * np.sqrt(np.array([40, 4, 140, 0]) / 140))
    np.testing.assert_allclose(found.gcv, 100 * np.sqrt(np.array([9, 1, 25, 0]) / 25))
    np.testing.assert_array_equal(found.order(), [2, 0, 1])


def test_importance_starts_at_the_chosen_subset():
    found = importance(small_fit(chosen=1))
    np.testing.assert_array_equal(found.nsubsets, [1, 0, 2, 0])
    np.testing.assert_allclose(found.rss, 100 * np.sqrt(np.array([36, 0, 136, 0]) / 136))


def test_a_term_that_worsens_gcv_counts_against_its_features():
    found = importance(small_fit(gcv=(5.0, 1.0, 2.0, 18.0)))
    # Gains -4, 1, 16: x1 is read by the first subset alone.
    np.testing.assert_allclose(found.gcv, 100 * np.array([-(3**0.5), -2, 13**0.5, 0]) / 13**0.5)


def test_infinite_gcv_gains_nothing():
    found = importance(small_fit(gcv=(np.inf, np.inf, 2.0, 18.0)))
    np.testing.assert_allclose(found.gcv, [0, 0, 100, 0])


def test_a_fit_without_terms_has_no_importance():
    fit = fit_mars(np.ones((5, 2), np.float32), np.ones(5, np.float32), max_terms=3)
    found = importance(fit)
    assert found.order().size == 0
    np.testing.assert_array_equal(found.gcv, [0, 0])
    assert "no feature matters" in summarize(fit)


def test_importance_finds_the_features_that_matter():
    rng = np.random.default_rng(0)
    x = rng.random((300, 6)).astype(np.float32)
    y = np.stack([8 * np.abs(x[:, 4] - 0.5), 3 * x[:, 1]], axis=1)
    y += 0.1 * rng.normal(size=y.shape).astype(np.float32)
    fit = fit_mars(x, y, max_terms=9, weights=rng.random(300))
    found = importance(fit)
    assert list(found.order()[:2]) == [4, 1]
    for score in (found.gcv, found.rss):
        assert score[4] == pytest.approx(100)
        assert (score[[0, 2, 3, 5]] < 20).all()


def test_summary_says_what_was_found():
    text = summarize(small_fit(), ["age", "mass", "dose"])
    lines = text.splitlines()
    assert lines[1].split() == ["(Intercept)", "3"]
    assert lines[2].split() == ["h(age-0.5)", "1.5"]
    assert lines[3].split() == ["h(-0.25-dose)", "-2"]
    assert lines[4].split() == ["min(h(age-0.5),", "h(0.25*(2-mass)))", "0.125"]
    assert "Selected 4 of 4 terms, and 3 of 3 features and 1 directions" in text
    assert "Terms at each degree of interaction: 1 2 1" in text
    assert "Importance (gcv): dose (100), age (60), mass (20)" in text
    assert "Forward pass: Enough." in text
    assert f"GRSq {1 - 1 / 26:.4f}   R2 0.9000" in text


def test_summary_shows_one_column_per_output_and_linear_terms_whole():
    rng = np.random.default_rng(0)
    x = rng.random((100, 2)).astype(np.float32)
    y = np.stack([2 * x[:, 0], np.abs(x[:, 1] - 0.5)], axis=1)
    fit = fit_mars(x, y, max_terms=4, linear=(0,))
    lines = summarize(fit).splitlines()
    assert lines[0].split() == ["output", "0", "output", "1"]
    low = f"{x[:, 0].min():.6g}"
    assert sum(line.startswith(f"(x0-{low})") for line in lines) == 1
    assert not any(f"h(x0-{low})" in line or f"h({low}-x0)" in line for line in lines)


def test_a_direction_appears_by_its_name():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    y = np.abs(x @ [1.0, -1.0, 0.5])
    options = dict(max_terms=5, knots=16)
    fit = fit_mars(x, y, directions=("phd",), num_directions=1, names=["a", "b", "c"], **options)
    assert fit.names == ("a", "b", "c", "phd 1")
    assert importance(fit).order()[0] == 3
    text = summarize(fit)
    assert "phd 1" in text.splitlines()[2] and "Importance (gcv): phd 1 (100)" in text
    assert "of 3 features and 1 directions" in text


def test_summary_wants_a_name_for_every_feature():
    with pytest.raises(ValueError, match="feature_names must be 3, one for each column; got 2"):
        summarize(small_fit(), ["a", "b"])


def test_a_start_and_a_spline_are_taken_too():
    fit = small_fit()
    held = types.SimpleNamespace(fit=fit)
    assert summarize(held) == summarize(fit)
    np.testing.assert_array_equal(importance(held).gcv, importance(fit).gcv)
    assert summarize(fit).startswith(summarize(fit.spline, ["x0", "x1", "x2"]))
    bare = importance(fit.spline)
    np.testing.assert_array_equal(bare.nsubsets, [1, 1, 1, 0])
    assert np.isnan(bare.gcv).all() and set(bare.order()) == {0, 1, 2}
    for takes in (summarize, importance):
        with pytest.raises(TypeError, match="spline must be a Spline or a FitResult.*got int"):
            takes(3)
