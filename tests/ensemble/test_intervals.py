"""Intervals and sets against loops written from the definitions, and the coverage they promise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from spline_fc.ensemble.intervals import (
    cv_plus,
    group_means,
    groups_of,
    jackknife_minmax,
    prediction_sets,
)
from tests import oracles

LEVELS = (0.5, 0.55, 0.8, 0.9)


def folds(rng, rows, members, repeats):
    """Which member held which row out, (repeats * members, rows): as many sets of folds."""
    own = rng.permuted(np.tile(np.arange(rows) % members, (repeats, 1)), axis=1)
    return (own[:, None] == np.arange(members)[:, None]).reshape(-1, rows)


@st.composite
def problems(draw):
    """Targets, predictions of rows held out, folds, and outputs of members at new rows."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows, members = draw(st.integers(9, 40)), draw(st.integers(2, 5))
    held_out = folds(rng, rows, members, draw(st.integers(1, 2)))
    shape = draw(st.integers(1, 5)), draw(st.integers(1, 2))
    y, outputs = rng.normal(size=(rows, shape[1])), rng.normal(size=(len(held_out), *shape))
    if draw(st.booleans()):  # ties, between and within groups
        y, outputs = y.round(), outputs.round()
    return y, np.zeros_like(y), held_out, outputs * draw(st.sampled_from((0.0, 1.0, 1e4)))


@settings(max_examples=60, deadline=None)
@given(problems(), st.sampled_from(LEVELS))
def test_both_are_what_the_definitions_say(problem, level):
    y, out_of_fold, held_out, outputs = problem
    groups = groups_of(held_out)
    given = np.abs(y - out_of_fold), groups.of_row, group_means(groups, outputs), level
    for fast, minmax in ((cv_plus, False), (jackknife_minmax, True)):
        wanted = oracles.jackknife(y, out_of_fold, held_out, outputs, level, minmax)
        np.testing.assert_allclose(fast(*given), wanted, rtol=1e-12, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(problems(), st.sampled_from(LEVELS))
def test_a_weight_of_two_is_two_copies(problem, level):
    y, _, held_out, outputs = problem
    copies = np.arange(len(y)) % 3 + 1
    once, many = groups_of(held_out), groups_of(np.repeat(held_out, copies, axis=1))
    for fast in (cv_plus, jackknife_minmax):
        weighted = fast(np.abs(y), once.of_row, group_means(once, outputs), level, copies)
        sizes = np.repeat(np.abs(y), copies, axis=0)
        repeated = fast(sizes, many.of_row, group_means(many, outputs), level)
        np.testing.assert_allclose(weighted, repeated, rtol=1e-12, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 4), st.sampled_from(LEVELS), st.booleans())
def test_sets_are_what_the_definition_says(seed, classes, level, ties):
    rng = np.random.default_rng(seed)
    scores, groups = rng.uniform(size=20), np.arange(20) % 3
    means = rng.uniform(size=(3, 5, classes))
    if ties:
        scores, means = scores.round(1), means.round(1)
    found = prediction_sets(scores, groups, means, level)
    np.testing.assert_array_equal(found, oracles.prediction_sets(scores, groups, means, level))


def test_targets_in_other_units_have_the_same_intervals_in_these():
    rng = np.random.default_rng(0)
    y, outputs = rng.normal(size=(30, 2)), rng.normal(size=(4, 6, 2))
    groups, scale, shift = groups_of(folds(rng, 30, 4, 1)), np.array([3.0, 1e-3]), 7.0
    for fast in (cv_plus, jackknife_minmax):
        lower, upper = fast(np.abs(y), groups.of_row, outputs)
        given = np.abs(y) * scale, groups.of_row, outputs * scale + shift
        np.testing.assert_allclose(fast(*given), [lower * scale + shift, upper * scale + shift])
        # A target is bounded by its own residuals alone.
        only = fast(np.abs(y[:, :1]), groups.of_row, outputs[..., :1])
        np.testing.assert_array_equal(only, [lower[:, :1], upper[:, :1]])


def test_targets_fall_in_as_often_as_is_promised():
    """Means of folds, of skewed targets: 200 draws of a table and of one new row."""
    level, draws, inside = 0.8, 200, {cv_plus: 0, jackknife_minmax: 0}
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        y, held_out = rng.exponential(size=(41, 1)), folds(rng, 40, 8, 1)
        rows, new = y[:40], y[40]
        outputs = np.array([rows[~own].mean() for own in held_out])[:, None, None]
        groups = groups_of(held_out)
        means = group_means(groups, outputs)
        sizes = np.abs(rows - means[groups.of_row, 0])
        for fast in inside:
            lower, upper = fast(sizes, groups.of_row, means, level)
            inside[fast] += bool(lower[0, 0] <= new[0] <= upper[0, 0])
    low, high = binom.interval(0.999, draws, level)
    assert low <= inside[cv_plus] <= high and inside[jackknife_minmax] >= low
    assert inside[jackknife_minmax] >= inside[cv_plus]


def test_classes_are_held_as_often_as_is_promised():
    """Frequencies of folds as probabilities of three classes, whatever the row."""
    level, draws, inside = 0.8, 400, 0
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        y, groups = rng.choice(3, 41, p=(0.5, 0.3, 0.2)), np.arange(40) % 4
        shares = [np.bincount(y[:40][groups != g], minlength=3) / 30 for g in range(4)]
        scores = 1 - np.array([shares[g][label] for g, label in zip(groups, y[:40], strict=True)])
        found = prediction_sets(scores, groups, 1 - np.array(shares)[:, None], level)
        inside += found[0, y[40]]
    assert inside >= binom.ppf(0.001, draws, level)


def test_what_no_interval_can_be_made_of_is_named():
    of_row, means = np.zeros(9, np.int32), np.zeros((1, 2, 1))
    assert np.isfinite(cv_plus(np.ones((9, 1)), of_row, means, 0.9)).all()  # the ninth of nine
    for fast in (cv_plus, jackknife_minmax):
        with pytest.raises(ValueError, match=r"at most 0.9, .* 9 row\(s\) held out give; got"):
            fast(np.ones((9, 1)), of_row, means, 0.91)
        for level in (0, 1, -0.5, np.nan, "0.9"):
            with pytest.raises(ValueError, match="level must be a finite number > 0 and < 1; got"):
                fast(np.ones((9, 1)), of_row, means, level)
    with pytest.raises(ValueError, match="a member for every row; 1 row"):
        groups_of(np.array([[True, False]]))
    with pytest.raises(ValueError, match="of_row must have 9 rows, as sizes has; got 3"):
        cv_plus(np.ones((9, 1)), of_row[:3], means)


def test_many_rows_need_no_table_of_rows_by_rows():
    rng = np.random.default_rng(1)
    sizes, of_row = rng.exponential(size=(100_000, 1)), rng.integers(0, 8, 100_000)
    means = rng.normal(size=(8, 2_000, 1))
    lower, upper = cv_plus(sizes, of_row, means)
    sums = means[of_row, 17, 0] + sizes[:, 0]
    wanted = np.partition(sums, 90_000)[90_000]  # of 100,001 tenths, the 90,001st
    np.testing.assert_allclose(upper[17, 0], wanted, rtol=1e-12)
    assert (lower < upper).all()
