"""One place that checks a finished data set, and from_arrays that leads to it."""

import numpy as np
import pytest

from spline_fc import data


def good(n=40, d=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=n)


def dataset():
    return data.from_arrays(*good())


def part(**fields):
    return dataset().train._replace(**fields)


X, Y = good()
BAD_DATASETS = {
    "task": ({"task": "regresion"}, "task must be one of .*did you mean 'regression'"),
    "rank": ({"train": part(x=np.zeros(4))}, r"train x must have shape \(n, d\); got \(4,\)"),
    "flat y": ({"test": part(y=np.zeros(4))}, r"test y must have shape \(n, k\); got \(4,\)"),
    "length": ({"train": part(y=np.zeros((3, 1)))}, "train y must have 26 rows.*got 3"),
    "no rows": (
        {"validation": data.Part(np.zeros((0, 3)), np.zeros((0, 1)))},
        "validation x must have at least one row",
    ),
    "columns": (
        {"test": data.Part(np.zeros((4, 2)), np.zeros((4, 1)))},
        "test x must have 3 columns, one per name; got 2",
    ),
    "integers": ({"train": part(x=np.ones((26, 3), int))}, "train x must hold floats; got int64"),
    "nan": ({"test": part(x=np.full((26, 3), np.nan))}, "test x must be finite; got 78"),
    "inf": ({"test": part(y=np.full((26, 1), np.inf))}, "test y must be finite; got 26"),
    "beyond": ({"test": part(y=np.full((26, 1), -1e200))}, r"test y must be within 1e.150; got -1"),
    "constant x": ({"train": part(x=np.ones((26, 3)))}, "x must vary in at least one feature"),
    "constant y": ({"train": part(y=np.full((26, 1), 2.5))}, "y must vary .*constant 2.5 in 'y'"),
    "binary": ({"task": "binary"}, "train y must hold 0 and 1 only for task 'binary'"),
    "one-hot": ({"task": "multiclass"}, "train y must hold one-hot rows"),
    "scaler shape": (
        {"scaler": data.identity_scaler(2, 1)},
        r"scaler.x_shift must have shape \(3,\); got \(2,\)",
    ),
    "scaler sign": (
        {"scaler": data.identity_scaler(3, 1)._replace(y_scale=np.zeros(1))},
        "scaler.y_scale must be positive; got 0",
    ),
}


@pytest.mark.parametrize("case", BAD_DATASETS)
def test_check_dataset_refuses(case):
    fields, pattern = BAD_DATASETS[case]
    with pytest.raises(ValueError, match=pattern) as caught:
        data.check_dataset(dataset()._replace(**fields))
    assert "\n" not in str(caught.value)


def test_check_dataset_returns_what_it_got():
    original = dataset()
    assert data.check_dataset(original) is original


ONE_CLASS = np.tile([0.0, 1.0], (40, 1))
BAD_ARRAYS = {
    "rank of x": ((X[0], Y), {}, r"x must have shape \(n, d\); got \(3,\)"),
    "rank of y": ((X, Y[:, None, None]), {}, r"y must have shape \(n,\) or \(n, k\)"),
    "length": ((X, Y[:-1]), {}, "y must have 40 rows, as x has; got 39"),
    "no rows": ((X[:0], Y[:0]), {}, "x must have at least one row"),
    "one row": ((X[:1], Y[:1]), {}, "test_fraction must leave at least one row"),
    "words": ((X.astype(str), Y), {}, "x must be an array of numbers; got words"),
    "words in y": ((X, Y.astype(str)), {}, "y must be an array of numbers; got words"),
    "nan in x": ((np.where(X > 1, np.nan, X), Y), {}, "x must be finite"),
    "inf in y": ((X, np.full(40, np.inf)), {}, "y must be finite"),
    "constant y": ((X, np.ones(40)), {}, "y must vary"),
    "constant x": ((np.ones((40, 3)), Y), {}, "x must vary in at least one feature"),
    "one class": ((X, ONE_CLASS), {"task": "multiclass"}, "y must vary"),
    "three labels": ((X, np.arange(40) % 3), {"task": "binary"}, "y must have 2 levels .*got 3"),
    "nan label": ((X, np.full(40, np.nan)), {"task": "binary"}, "y must be finite"),
    "task": ((X, Y), {"task": "ranking"}, "task must be one of"),
    "fraction 0": ((X, Y), {"test_fraction": 0.0}, "test_fraction must be .*> 0 and < 1; got 0"),
    "fraction 1": ((X, Y), {"validation_fraction": 1.0}, "validation_fraction must be .*got 1"),
    "fraction too small": ((X, Y), {"test_fraction": 0.001}, "test_fraction must leave at least"),
    "all twins": ((np.ones((40, 3)), np.ones(40)), {}, "test_fraction must .*1 group"),
    "seed": ((X, Y), {"seed": 1.5}, "seed must be an integer"),
    "names": ((X, Y), {"feature_names": ["a"]}, "feature_names must be 3.*got 1"),
}


@pytest.mark.parametrize("case", BAD_ARRAYS)
def test_from_arrays_refuses(case):
    arrays, options, pattern = BAD_ARRAYS[case]
    with pytest.raises(ValueError, match=pattern) as caught:
        data.from_arrays(*arrays, **options)
    assert "\n" not in str(caught.value)


def test_from_arrays_partitions_the_rows():
    x, y = good(n=100)
    d = data.from_arrays(x, y, test_fraction=0.3, validation_fraction=0.1, seed=3)
    assert [len(p.x) for p in (d.train, d.validation, d.test)] == [63, 7, 30]
    together = np.concatenate([np.hstack(p) for p in (d.train, d.validation, d.test)])
    whole = np.column_stack([x, y])
    np.testing.assert_array_equal(together[together[:, 0].argsort()], whole[x[:, 0].argsort()])
    assert d.feature_names == ("x0", "x1", "x2") and d.target_names == ("y",)


def test_from_arrays_takes_several_targets_and_labels():
    x, _ = good()
    several = data.from_arrays(x, x[:, :2] ** 2)
    assert several.train.y.shape[1] == 2 and several.target_names == ("y0", "y1")
    words = data.from_arrays(x, np.where(x[:, 0] > 0, "up", "down"), task="binary")
    assert words.target_names == ("y=up",)
    np.testing.assert_array_equal(words.train.y[:, 0], words.train.x[:, 0] > 0)
    labels = (np.arange(40) % 4) * 10
    many = data.from_arrays(x, labels, task="multiclass")
    assert many.target_names == ("y=0", "y=10", "y=20", "y=30")
    hot = data.from_arrays(x, np.eye(4)[np.arange(40) % 4], task="multiclass")
    np.testing.assert_array_equal(hot.train.y, many.train.y)


def test_stack_joins_seeds_of_equal_shape():
    x, y = good()
    several = [data.standardize(data.from_arrays(x, y, seed=s)) for s in range(3)]
    stacked = data.stack(several)
    assert stacked.train.x.shape == (3, 26, 3) and stacked.scaler.y_scale.shape == (3, 1)
    np.testing.assert_array_equal(stacked.test.y[1], several[1].test.y)
    with pytest.raises(ValueError, match=r"datasets\[1\].train.x must have shape"):
        data.stack([several[0], data.from_arrays(x[:-5], y[:-5])])
    with pytest.raises(ValueError, match=r"datasets\[1\].feature_names"):
        data.stack([several[0], data.from_arrays(x, y, feature_names=list("abc"))])
    with pytest.raises(ValueError, match="at least one data set"):
        data.stack([])
