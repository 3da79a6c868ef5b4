"""Folds: whole groups, classes dealt evenly, parts of one size, everything held out by somebody."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spline_fc.data.folds import cross_fit, cut_folds
from spline_fc.data.splits import twin_groups


def rows(groups):
    """x and y with one distinct row per group."""
    groups = np.asarray(groups, float)
    return groups[:, None], np.sin(groups)[:, None]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=20, max_size=80), st.integers(0, 10**6))
def test_folds_keep_groups_whole_and_are_no_larger_than_need_be(groups, seed):
    groups = np.array(groups + list(range(100, 140)))
    numbers = cut_folds(groups, np.zeros(len(groups), int), 5, seed)
    for group in np.unique(groups):
        assert len(set(numbers[groups == group])) == 1
    most = max(-(-len(groups) // 5), np.bincount(groups).max())
    assert np.bincount(numbers).max() <= most


def test_classes_are_dealt_evenly_and_so_are_all_rows():
    classes = np.repeat([0, 1, 2], [41, 13, 7])
    numbers = cut_folds(np.arange(61), classes, 4, 0)
    for wanted in range(3):
        assert np.ptp(np.bincount(numbers[classes == wanted], minlength=4)) <= 1
    assert np.ptp(np.bincount(numbers)) <= 1
    assert (numbers != cut_folds(np.arange(61), classes, 4, 1)).any()


@pytest.mark.parametrize("n", [40, 41, 43, 47])
def test_every_row_is_held_out_and_all_others_are_trained_on(n):
    x, y = rows(np.r_[np.arange(n - 3), 0, 0, 1])
    found = cross_fit(x, y, "regression", members=8, folds=8, seed=0)
    size = -(-n // 8)
    assert np.all([fold.held_out for fold in found], axis=0).sum() == 0
    assert np.any([fold.held_out for fold in found], axis=0).all()
    groups = twin_groups(x, y)
    for fold in found:
        assert len(fold.validation) == size and len(fold.train) == n - size
        np.testing.assert_array_equal(np.flatnonzero(fold.held_out), fold.validation)
        np.testing.assert_array_equal(np.flatnonzero(~fold.held_out), fold.train)
        assert not set(groups[fold.train]) & set(groups[fold.validation])


def test_groups_that_do_not_fill_a_gap_leave_rows_in_no_part():
    x, y = rows(np.repeat(np.arange(9), [9, 3, 3, 3, 3, 3, 3, 3, 7]))
    found = cross_fit(x, y, "regression", members=4, folds=4, seed=0)
    groups = twin_groups(x, y)
    assert np.any([fold.held_out for fold in found], axis=0).all()
    assert len({(fold.train.size, fold.validation.size) for fold in found}) == 1
    assert found[0].train.size + found[0].validation.size < len(x)
    for fold in found:
        assert not set(groups[fold.train]) & set(groups[fold.held_out])
        assert fold.held_out[fold.validation].all() and not fold.held_out[fold.train].any()


def test_more_members_cut_the_rows_anew():
    x, y = rows(np.arange(40))
    found = cross_fit(x, y, "regression", members=6, folds=4, seed=3)
    held = np.array([fold.held_out for fold in found])
    np.testing.assert_array_equal(held[:4].sum(axis=0), 1)
    assert not any((held[k] == held[:4]).all(axis=1).any() for k in (4, 5))
    again = cross_fit(x, y, "regression", members=6, folds=4, seed=3)
    np.testing.assert_array_equal(held, [fold.held_out for fold in again])


def test_a_class_of_two_rows_is_never_held_out_as_a_whole():
    y = np.eye(3)[np.repeat([0, 1, 2], [20, 19, 2])]
    x = np.arange(41.0)[:, None]
    for seed in range(20):
        for fold in cross_fit(x, y, "multiclass", members=4, folds=4, seed=seed):
            assert (y[fold.train].sum(axis=0) > 0).all()


@pytest.mark.parametrize(
    ("sentence", "changed"),
    [
        ("folds must be at most the 8 pooled rows; got 9", {"folds": 9}),
        ("folds must be at most the 7 distinct pooled rows; got 8", {"folds": 8}),
        ("members must be an integer >= 2; got 1", {"members": 1}),
        ("folds must be an integer >= 2; got 2.0", {"folds": 2.0}),
    ],
)
def test_what_cannot_be_cut_is_named(sentence, changed):
    x, y = rows([0, 0, 1, 2, 3, 4, 5, 6])
    given = {"members": 4, "folds": 4, "seed": 0, **changed}
    with pytest.raises(ValueError, match=sentence):
        cross_fit(x, y, "regression", **given)


def test_a_class_of_one_row_is_named():
    y = (np.arange(20) == 7).astype(float)[:, None]
    with pytest.raises(ValueError, match="every class must have .*class 1 missing from .*member"):
        cross_fit(np.arange(20.0)[:, None], y, "binary", members=4, folds=4, seed=0)
