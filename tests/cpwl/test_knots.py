"""Candidate knots: quantiles, ties, weights."""

import numpy as np

from spline_fc.cpwl.knots import candidate_knots


def _knots(column, num_knots, weights=None):
    weights = None if weights is None else np.asarray(weights, float)
    column = np.asarray(column if weights is not None else np.sort(column), float)
    knots, usable = candidate_knots(column, weights, num_knots)
    return knots[usable]


def test_quantiles_of_distinct_values_are_equally_spaced_in_rank():
    np.testing.assert_array_equal(_knots(np.arange(100), 10), np.arange(0, 100, 10))


def test_a_feature_with_few_values_offers_them_all():
    rng = np.random.default_rng(0)
    column = rng.choice([1.0, 3.0, 7.0, 14.0, 28.0, 90.0], 500, p=[0.9, *[0.02] * 5])
    np.testing.assert_array_equal(_knots(column, 8), [1, 3, 7, 14, 28, 90])


def test_a_feature_that_is_mostly_zero_keeps_its_resolution():
    column = np.concatenate([np.zeros(900), np.arange(1, 101)])
    found = _knots(column, 16)
    assert len(found) == 16 and found[0] == 0
    assert set(found) <= set(column)
    assert np.diff(found).max() < 30  # quantiles of the rows alone would offer 0 and 38


def test_a_weight_is_worth_copies_of_its_row_with_ties_too():
    rng = np.random.default_rng(1)
    column, weights = rng.integers(0, 40, 300), rng.integers(0, 4, 300)
    for num_knots in (3, 16, 30, 64):
        copies = _knots(np.repeat(column, weights), num_knots)
        np.testing.assert_array_equal(_knots(column, num_knots, weights), copies)
