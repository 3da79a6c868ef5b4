"""Splits: exact sizes, whole groups, order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from spline_fc import data
from spline_fc.data.splits import first_rows, split_in_order, split_rows, twin_groups
from tests import oracles


def rows_of(part):
    return {row.tobytes() for row in np.hstack(part)}


def test_twins_are_equal_in_x_and_y():
    x = np.array([[1.0, 0.0], [1.0, -0.0], [1.0, 0.0], [2.0, 0.0]])
    y = np.array([[1.0], [1.0], [2.0], [1.0]])
    np.testing.assert_array_equal(twin_groups(x, y), [0, 0, 1, 2])


CELLS = st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.1, 5e-324, -5e-324, 1e300, 3.0])


@settings(max_examples=100, deadline=None)
@given(
    st.data(),
    st.tuples(st.integers(0, 20), st.integers(0, 3), st.integers(1, 2)),
    st.tuples(st.sampled_from([np.float64, np.int32, np.uint8]), st.booleans()),
)
def test_twins_are_those_that_a_loop_finds(drawn, sizes, kinds):
    """Of any floats, of tables of several kinds whose rows are no whole words, of columns."""
    (rows, *widths), (kind, by_columns) = sizes, kinds
    x, y = (
        drawn.draw(arrays.arrays(np.float64, (rows, width), elements=cells))
        for width, cells in zip(widths, (CELLS, CELLS | st.floats(allow_nan=False)), strict=True)
    )
    x = x if kind == np.float64 else (np.abs(np.nan_to_num(x)) % 7).astype(kind)
    x = np.asfortranarray(x) if by_columns else x
    found = twin_groups(x, y)
    assert found.dtype == np.int64 and found.tolist() == oracles.twin_groups(x, y)


def test_twins_are_found_without_a_loop_over_rows():
    """Rows are bytes in one table; none is taken by itself."""
    taken = []

    class Watched(np.ndarray):
        def __iter__(self):
            taken.append(len(self))
            return super().__iter__()

    x = np.random.default_rng(0).normal(size=(50, 2)).view(Watched)
    np.testing.assert_array_equal(twin_groups(x, np.asarray(x[:, :1])), np.arange(50))
    assert not taken


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=20, max_size=80), st.integers(0, 10**6))
def test_split_is_a_partition_that_keeps_groups_whole(groups, seed):
    groups = np.array(groups + list(range(100, 140)))
    rows = split_rows(groups, test_fraction=0.25, validation_fraction=0.2, seed=seed)
    np.testing.assert_array_equal(np.sort(np.concatenate(rows)), np.arange(len(groups)))
    n, num_test = len(groups), round(0.25 * len(groups))
    assert len(rows.test) == num_test and len(rows.validation) == round(0.2 * (n - num_test))
    sides = [set(groups[r].tolist()) for r in rows]
    assert not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])


def test_seed_decides_the_split():
    groups = np.arange(50)
    one, same, other = (split_rows(groups, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(one.test, same.test)
    assert set(one.test.tolist()) != set(other.test.tolist())
    # Rows come shuffled, so that the first rows of a sorted file are no biased sample.
    assert (np.diff(one.train) < 0).any()


def test_order_is_kept_for_rows_in_time():
    rows = split_in_order(10, test_fraction=0.2, validation_fraction=0.25)
    assert [r.tolist() for r in rows] == [[0, 1, 2, 3, 4, 5], [6, 7], [8, 9]]
    x = np.arange(20.0)[:, None]
    d = data.from_arrays(x, x[:, 0] % 7, shuffle=False)
    assert d.train.x.max() < d.validation.x.min() and d.validation.x.max() < d.test.x.min()
    with pytest.raises(ValueError, match="test_fraction"):
        split_in_order(10, test_fraction=1.5)


def test_duplicated_rows_land_on_one_side():
    rng = np.random.default_rng(0)
    x = np.repeat(rng.normal(size=(60, 2)), 2, axis=0)
    y = x[:, 0] + x[:, 1]
    d = data.from_arrays(x, y)
    assert not rows_of(d.train) & rows_of(d.test)
    assert not rows_of(d.train) & rows_of(d.validation)
    careless = data.from_arrays(x, y, keep_twins_together=False)
    assert rows_of(careless.train) & rows_of(careless.test)


@pytest.mark.parametrize("name", ["wine_quality_red", "wine_quality_white"])
def test_wine_twins_are_not_divided(name, data_dir):
    sizes = set()
    for seed in range(3):
        d = data.load(name, data_dir=data_dir, seed=seed)
        train, validation, test = rows_of(d.train), rows_of(d.validation), rows_of(d.test)
        assert not (train & test or train & validation or validation & test)
        sizes.add((len(d.train.x), len(d.validation.x), len(d.test.x)))
    assert len(sizes) == 1  # so that seeds stack
    careless = data.load(name, data_dir=data_dir, keep_twins_together=False)
    assert rows_of(careless.train) & rows_of(careless.test)


@pytest.mark.parametrize("seed", [0, 1])
def test_fewer_training_rows_leave_the_other_parts_as_they_are(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(300, 2))
    x[:60] = np.repeat(x[:20], 3, axis=0)
    y = x @ np.array([1.0, 2.0])
    every, some, few = (data.from_arrays(x, y, seed=seed, num_train=n) for n in (None, 101, 40))
    for part in (some, few):
        np.testing.assert_array_equal(part.validation.x, every.validation.x)
        np.testing.assert_array_equal(part.test.y, every.test.y)
    assert len(every.train.x) == 192 and len(some.train.x) == 101 and len(few.train.x) == 40
    counts = lambda part: {row: part.count(row) for row in part}  # noqa: E731
    whole = counts([row.tobytes() for row in every.train.x])
    drawn = counts([row.tobytes() for row in some.train.x])
    assert all(whole[row] == count for row, count in drawn.items())  # twins came along or stayed
    assert max(whole.values()) == 3 and len(drawn) < len(whole)
    other = data.from_arrays(x, y, seed=seed, num_train=101)
    np.testing.assert_array_equal(other.train.x, some.train.x)


def test_fewer_training_rows_lie_within_more():
    groups, train = np.arange(60), np.random.default_rng(0).permutation(50) + 5
    np.testing.assert_array_equal(first_rows(groups, train, 10), train[:10])
    np.testing.assert_array_equal(first_rows(groups, train, 50), train)
    pairs = np.array([0, 0, 1, 2, 1, 3])
    np.testing.assert_array_equal(first_rows(pairs, np.array([5, 2, 1, 4, 3]), 4), [5, 2, 1, 4])
    np.testing.assert_array_equal(first_rows(pairs, np.array([5, 2, 1, 4, 3]), 2), [5, 1])
    with pytest.raises(ValueError, match="num_train must be at most 50; got 51"):
        first_rows(groups, train, 51)
    with pytest.raises(ValueError, match="num_train must hold a group of equal rows; got 2"):
        first_rows(groups // 4, np.arange(4, 24), 2)


def test_fewer_training_rows_in_order_are_the_last_ones():
    rows = split_in_order(10, test_fraction=0.2, validation_fraction=0.25, num_train=2)
    assert [r.tolist() for r in rows] == [[4, 5], [6, 7], [8, 9]]
    with pytest.raises(ValueError, match="num_train must be at most 6; got 7"):
        split_in_order(10, test_fraction=0.2, validation_fraction=0.25, num_train=7)


@pytest.mark.parametrize(
    "name, options",
    [
        ("abalone", {}),
        ("uci_yacht", {"split": 3}),
        ("uci_yacht", {}),
        ("diabetes", {}),
        ("adult", {}),
        ("adult", {"missing": "drop"}),
    ],
)
def test_every_source_takes_fewer_training_rows(name, options, data_dir):
    every = data.load(name, data_dir=data_dir, seed=2, **options)
    some = data.load(name, data_dir=data_dir, seed=2, num_train=100, **options)
    assert len(some.train.x) == len(some.train.y) == 100
    np.testing.assert_array_equal(some.validation.x.shape, every.validation.x.shape)
    np.testing.assert_array_equal(some.test.y, every.test.y)
    assert rows_of(some.train) <= rows_of(every.train)
