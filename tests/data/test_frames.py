"""Data frames at from_arrays: every dtype becomes the right number, or one sentence."""

import datetime
import decimal
from unittest import mock

import numpy as np
import pandas as pd
import pytest

from spline_fc import data

N = 30
ROW = np.arange(N)
Y = ROW % 7 + 0.5 * ROW
DAY = pd.date_range("2020-01-01", periods=N)
HOUR = pd.date_range("2020-01-01", periods=N, freq="h", tz="Europe/Berlin")


def column(values, **options):
    """What one column becomes: names, and a matrix in the order of the rows."""
    frame = pd.DataFrame({"row": ROW * 1.0, "c": values})
    d = data.from_arrays(frame, Y, **options)
    x = np.concatenate([part.x for part in (d.train, d.validation, d.test)])
    return d.feature_names[1:], x[x[:, 0].argsort(), 1:]


WORDS = ["u", "v", "w"] * 10
NUMBERS = {
    "integers": (ROW, ROW),
    "booleans": (ROW % 2 == 0, ROW % 2 == 0),
    "nullable": (pd.array(ROW, dtype="Int64"), ROW),
    "objects": (pd.Series([decimal.Decimal(int(i)) for i in ROW], dtype=object), ROW),
    "text": ([f"{i / 4}" for i in ROW], ROW / 4),
    "text in a dress": ([f"${i:,}.5" for i in 900 * ROW], 900 * ROW + 0.5),
    "days": (DAY, 18262 + ROW),
    "dates": (pd.Series([stamp.date() for stamp in DAY], dtype=object), 18262 + ROW),
    "hours with a zone": (HOUR, 1577833200 + 3600 * ROW),
    "durations": (pd.to_timedelta(ROW, unit="h"), 3600 * ROW),
}


@pytest.mark.parametrize("case", NUMBERS)
def test_column_becomes_a_number(case):
    values, wanted = NUMBERS[case]
    names, x = column(values)
    assert names == ("c",)
    np.testing.assert_array_equal(x[:, 0], wanted)


@pytest.mark.parametrize(
    "values", [WORDS, pd.Categorical(WORDS), pd.array(WORDS, dtype="string"), np.array(WORDS)]
)
def test_column_of_words_becomes_levels(values):
    names, x = column(values)
    assert names == ("c=u", "c=v", "c=w")
    np.testing.assert_array_equal(x, np.eye(3)[ROW % 3])


def test_gaps_are_dropped_or_filled():
    values = pd.array([None, *ROW[1:]], dtype="Int64")
    assert len(column(values)[1]) == N - 1
    filled = column(values, missing="median")[1]
    assert len(filled) == N and 1 <= filled[0, 0] < N
    days = pd.Series([pd.NaT, *DAY[1:]])
    np.testing.assert_array_equal(column(days)[1][:, 0], 18263 + np.arange(N - 1))


@pytest.mark.parametrize("gap", [None, np.nan, pd.NA, pd.NaT])
def test_a_gap_among_words_is_a_level_whatever_stands_for_it(gap):
    words = pd.Series([gap, *WORDS[1:]], dtype=object)
    assert column(words, missing="median")[0] == ("c=missing", "c=u", "c=v", "c=w")


def test_kinds_and_ids():
    assert column(ROW % 3, kinds={"c": "category"})[0] == ("c=0", "c=1", "c=2")
    d = data.from_arrays(pd.DataFrame({"customer_id": ROW, "a": ROW * 1.0}), Y)
    assert d.feature_names == ("a",) and d.encoding.columns[0].role == "left out"


BAD_COLUMNS = {
    "complex": (ROW + 1j, "column 'c' must hold numbers, dates or words; got complex"),
    "periods": (pd.period_range("2020-01", periods=N, freq="M"), "got period"),
    "lists": (pd.Series([[1]] * N, dtype=object), "got list"),
    "infinity": (np.where(ROW == 3, np.inf, ROW), "row 3: column 'c' must be finite"),
    "a word": (pd.Series([*range(N - 1), "ten"], dtype=object), "row 29: .*numbers.*got 'ten'"),
    "unlike zones": (
        pd.Series([datetime.datetime(2020, 1, 1)] + [HOUR[1]] * (N - 1), dtype=object),
        "got dates that disagree",
    ),
}


@pytest.mark.parametrize("case", BAD_COLUMNS)
def test_column_is_refused(case):
    values, pattern = BAD_COLUMNS[case]
    with pytest.raises(ValueError, match=pattern) as caught:
        column(values)
    assert "\n" not in str(caught.value)


def test_names_of_frames_and_series_are_kept():
    frame = pd.DataFrame({"a": ROW, "b": ROW**2})
    d = data.from_arrays(frame, pd.Series(Y, name="price"))
    assert (d.feature_names, d.target_names) == (("a", "b"), ("price",))
    d = data.from_arrays(frame, pd.Series(Y), feature_names=pd.Index(["p", "q"]))
    assert (d.feature_names, d.target_names) == (("p", "q"), ("y",))
    d = data.from_arrays(pd.DataFrame(frame.to_numpy()), pd.DataFrame({"u": Y, "v": -Y}))
    assert (d.feature_names, d.target_names) == (("x0", "x1"), ("u", "v"))
    labels = pd.Series(pd.Categorical(["up", "down"] * 15), name="way")
    assert data.from_arrays(frame, labels, task="binary").target_names == ("way=up",)
    d = data.from_arrays({"a": ROW, "c": WORDS}, Y, target_names=np.array(["z"]))
    assert (d.feature_names[1], d.target_names) == ("c=u", ("z",))


def test_load_points_frames_to_from_arrays():
    with pytest.raises(ValueError, match="got a frame, which from_arrays takes"):
        data.load(pd.DataFrame({"a": ROW}))


BAD_CALLS = {
    "target inside": (
        (pd.DataFrame({"a": ROW, "price": Y}), pd.Series(Y, name="price")),
        {},
        "x must not hold the target; got 'price'",
    ),
    "names twice": ((pd.DataFrame([[1, 2]] * N, columns=["a", "a"]), Y), {}, "must have distinct"),
    "rows": ((pd.DataFrame({"a": ROW[1:]}), Y), {}, "y must have 29 rows, as x has; got 30"),
    "lengths": (({"a": ROW, "b": ROW[1:]}, Y), {}, "columns of one length; got a: 30, b: 29"),
    "feature names": ((np.ones((N, 2)), Y), {"feature_names": ["a", "a"]}, "must differ"),
    "a gap in labels": ((ROW[:, None], ["a", None] * 15), {"task": "binary"}, "labels.*got None"),
    "mixed labels": ((ROW[:, None], ["a", 3] * 15), {"task": "binary"}, "got 3 beside 'a'"),
    "dates as labels": ((ROW[:, None], DAY), {"task": "multiclass"}, "labels, all words or all"),
    "huge labels": ((ROW[:, None], [2**60, 2**60 + 1] * 15), {"task": "binary"}, "differ as float"),
    "words": ((ROW[:, None], pd.Series(WORDS)), {}, "y must be an array of numbers"),
    "missing": ((np.full((N, 1), np.nan), Y), {}, "x must be finite"),
}


@pytest.mark.parametrize("case", BAD_CALLS)
def test_from_arrays_refuses(case):
    arrays, options, pattern = BAD_CALLS[case]
    with pytest.raises(ValueError, match=pattern) as caught:
        data.from_arrays(*arrays, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("gap", [None, np.nan, pd.NA])
@pytest.mark.parametrize("dtype", [object, "string"])
def test_gaps_among_words(gap, dtype):
    words = pd.Series(["oak", "elm", gap, "oak", "elm"] * 4, dtype=dtype)
    frame = pd.DataFrame({"tree": words, "size": np.arange(20.0)})
    dataset = data.from_arrays(frame, np.arange(20.0), missing="median")
    assert dataset.feature_names == ("tree=elm", "tree=missing", "tree=oak", "size")


@pytest.mark.parametrize("scale", [1, 1.0, 0.1, -1.0])
def test_levels_that_are_numbers_are_found_again_however_they_come(scale):
    levels = (ROW % 3) * scale
    d = data.from_arrays(pd.DataFrame({"c": pd.Categorical(levels)}), Y, shuffle=False)
    for new in (levels, levels.tolist(), pd.Categorical(levels), [str(v) for v in levels + 0.0]):
        found = data.encode(d, pd.DataFrame({"c": new}))
        np.testing.assert_array_equal(found.sum(axis=1), 1)
        np.testing.assert_array_equal(found[: len(d.train.x)], d.train.x)


def test_whole_numbers_that_become_equal_are_told():
    far = pd.array(2**60 + ROW, dtype="Int64")
    with mock.patch("absl.logging.warning") as warning:
        column(far)
    assert "became equal" in warning.call_args.args[0] and warning.call_args.args[2] == N - 1


def test_rows_are_paired_by_position_and_another_order_is_told():
    frame = pd.DataFrame({"a": ROW})
    with mock.patch("absl.logging.warning") as warning:
        data.from_arrays(frame, pd.Series(Y))
        data.from_arrays(frame, pd.Series(Y, index=ROW + 100))
        warning.assert_not_called()
        d = data.from_arrays(frame, pd.Series(Y, index=ROW[::-1]), shuffle=False)
    assert "same index in another order" in warning.call_args.args[0]
    np.testing.assert_array_equal(d.train.y[:, 0], Y[: len(d.train.y)])
    x = {"a": pd.Series(ROW), "b": pd.Series(ROW, index=ROW[::-1])}
    x = data.from_arrays(x, Y, shuffle=False).train.x
    np.testing.assert_array_equal(x[:, 0], x[:, 1])


def test_one_hot_labels_may_be_booleans():
    hot = pd.get_dummies(pd.Series(WORDS))
    d = data.from_arrays(ROW[:, None], hot, task="multiclass", shuffle=False)
    assert d.target_names == ("u", "v", "w")
    np.testing.assert_array_equal(d.train.y, np.eye(3)[ROW % 3][: len(d.train.y)])
