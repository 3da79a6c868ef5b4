"""A contender against a reference, from arrays."""

import numpy as np
import pytest
from scipy import stats

from spline_fc.analysis import compare

OURS = np.array([1.0, 1.2, 0.9, 1.1, 1.3])
THEIRS = np.array([1.5, 1.4, 1.4, 1.0, 1.9])


def test_differences_wins_and_the_t_test_are_those_of_the_pairs():
    found = compare(OURS, THEIRS, steps=([0, 10, np.inf, 5, 5], [10, 10, 10, 10, 10]))
    np.testing.assert_allclose(found.difference, OURS - THEIRS)
    assert found.wins == 4 and found.mean.value == pytest.approx((OURS - THEIRS).mean())
    assert found.relative.value == pytest.approx((OURS - THEIRS).mean() / THEIRS.mean())
    assert found.p_value == pytest.approx(stats.ttest_rel(OURS, THEIRS).pvalue)
    assert found.steps.median.value == 0.5 and found.seconds is None


def test_a_verdict_needs_three_pairs_and_a_clear_difference():
    assert compare(OURS, OURS + 1).verdict == "lower"
    assert compare(OURS + 1, OURS).verdict == "higher"
    assert compare(OURS[:2], OURS[:2] + 1).verdict == ""
    assert compare(OURS, OURS[::-1]).verdict == "" and compare(OURS, OURS).p_value == 1.0


def test_pairs_that_are_not_finite_are_left_out_and_lengths_must_agree():
    ours = OURS.copy()
    ours[1] = np.nan
    np.testing.assert_allclose(compare(ours, THEIRS).difference, (OURS - THEIRS)[[0, 2, 3, 4]])
    assert np.isnan(compare([], []).mean.value) and np.isnan(compare([1.0], [2.0]).p_value)
    with pytest.raises(ValueError, match="reference_error must have 5 rows, as error has; got 4"):
        compare(OURS, THEIRS[1:])
