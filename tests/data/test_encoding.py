"""New rows and second files become the columns that the first rows became, or one sentence."""

import json
from unittest import mock

import numpy as np
import pandas as pd
import pytest

from spline_fc import data

N = 40
ROW = np.arange(N)
FIRST = {
    "size": [f"{v:.1f}" for v in 0.5 * ROW],
    "colour": [("red", "green", "blue")[i % 3] for i in ROW],
    "door": [("left", "right")[i % 2] for i in ROW],
    "day": [f"{i % 28 + 1:02}/0{i % 2 + 1}/2020" for i in ROW],
    "price": [f'"{1000 + 10 * i:,}"' for i in ROW],
    "label": [("good", "bad")[int(i * 7 % 5 > 2)] for i in ROW],
}
GAPS = {**FIRST, "size": ["NA", *FIRST["size"][1:]], "colour": [*FIRST["colour"][:-1], ""]}


def write(path, columns, sep=","):
    lines = [sep.join(columns), *(sep.join(row) for row in zip(*columns.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def first(tmp_path):
    return data.load(write(tmp_path / "first.csv", GAPS), target="label", missing="median")


NEW = {
    "label": ["bad", "good", "Good."],
    "price": ['"1,500"', "900", "1250.5"],
    "day": ["01/02/2020", "29/02/2020", ""],
    "extra": ["x", "y", "z"],
    "door": ["right", "up", "LEFT"],
    "colour": ["blue", "", "pink"],
    "size": ["1.5", "", "2"],
}


def test_second_file_has_the_columns_of_the_first(first, tmp_path):
    path = write(tmp_path / "second.csv", NEW)
    with mock.patch("absl.logging.warning") as warning:
        x, y = data.encode_with_targets(first, path)
    said = [call.args[0] % call.args[1:] for call in warning.call_args_list]
    assert any("'colour': 1" in s and "'door': 1" in s for s in said)
    assert sum("spelled like a level" in s for s in said) == 2  # LEFT and Good.
    names = ("size", *(f"colour={c}" for c in ("blue", "green", "missing", "red")))
    names += ("door=right", "day", "price")
    assert first.feature_names == names
    size, day = (np.median(first.train.x[:, j]) for j in (0, 6))
    expected = [
        [1.5, 1, 0, 0, 0, 1, 18293, 1500],
        [size, 0, 0, 1, 0, 0, 18321, 900],
        [2, 0, 0, 0, 0, 0, day, 1250.5],
    ]
    np.testing.assert_array_equal(x, expected)
    np.testing.assert_array_equal(y, [[0], [1], [1]])
    np.testing.assert_array_equal(data.encode(first.encoding, path), x)


def test_frame_and_mapping_are_encoded_like_a_file(first, tmp_path):
    rows = {key: [cell.strip('"') for cell in cells] for key, cells in NEW.items()}
    wanted = data.encode(first, write(tmp_path / "second.csv", NEW))
    np.testing.assert_array_equal(data.encode(first, rows), wanted)
    frame = pd.DataFrame(rows)
    frame["size"] = [1.5, np.nan, 2]
    frame["price"] = [1500, 900, 1250.5]
    frame["day"] = pd.to_datetime(["2020-02-01", "2020-02-29", None])
    frame["door"] = pd.Categorical(frame["door"])
    np.testing.assert_array_equal(data.encode(first, frame), wanted)


def test_the_first_file_itself_comes_back(first, tmp_path):
    x, y = data.encode_with_targets(first, tmp_path / "first.csv")
    parts = (first.train, first.validation, first.test)
    together = np.concatenate([np.hstack(part) for part in parts])
    again = np.hstack([x, y])
    np.testing.assert_array_equal(again[np.lexsort(again.T)], together[np.lexsort(together.T)])
    second = data.load(tmp_path / "first.csv", encoding=first)
    np.testing.assert_array_equal(second.train.x, first.train.x)
    assert second.encoding == first.encoding


def without(columns, name):
    return {key: cells for key, cells in columns.items() if key != name}


BAD = {
    "column": (without(NEW, "door"), "second.csv must have the column 'door'; got 'label'"),
    "label": ({**NEW, "label": ["bad", "worse", "good"]}, "must be one of 'bad', 'good'; got 'wor"),
    "number": ({**NEW, "size": ["1", "big", "2"]}, "line 3: column 'size' must hold numbers; got"),
    "unit": (
        {**NEW, "price": ["$1", "$2", "3"]},
        "line 2: column 'price' must hold numbers .*'$1'",
    ),
    "date": ({**NEW, "day": ["2020-13-01"] * 3}, "line 2: column 'day' must hold dates"),
    "gap": ({**NEW, "door": ["left", "", "right"]}, "line 3: column 'door' must have a value"),
    "no target": ({**NEW, "label": ["bad", "", "good"]}, "line 3: column of the target"),
}


@pytest.mark.parametrize("case", BAD)
def test_second_file_is_refused_in_one_sentence(case, first, tmp_path):
    columns, pattern = BAD[case]
    path = write(tmp_path / "second.csv", columns)
    with pytest.raises(ValueError, match=pattern.replace("$", r"\$")) as caught:
        data.encode_with_targets(first, path)
    assert "\n" not in str(caught.value)


def test_a_file_of_other_columns_is_told_by_their_names(first, tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("length,width\n1,2\n3,4\n")
    with pytest.raises(ValueError, match="must have the column '.*'; got 'length', 'width'"):
        data.encode(first, path)


def test_gaps_of_a_second_file_are_dropped_with_a_word_where_none_is_filled(tmp_path):
    first = data.load(write(tmp_path / "first.csv", FIRST))
    path = write(tmp_path / "second.csv", GAPS)
    with pytest.raises(ValueError, match="line 2: column 'size' must have a value, as .* 2 row"):
        data.encode(first, path)
    with mock.patch("absl.logging.warning") as warning:
        second = data.load(path, encoding=first)
    assert warning.call_args.args[2:] == (2, N)
    assert second.feature_names == first.feature_names
    assert sum(len(p.x) for p in (second.train, second.validation, second.test)) == N - 2


def test_what_a_column_was_taken_for_can_be_asked(first):
    with mock.patch("absl.logging.info") as info:
        report = data.describe_columns(first)
    rows = {row["column"]: row for row in report.rows}
    assert rows["size"]["filled"].startswith("1 by the median")
    assert rows["colour"]["filled"] == "1 by the level 'missing'"
    assert (rows["colour"]["levels"], rows["colour"]["missing"]) == (4, 1)
    assert rows["label"]["role"] == "target" and rows["day"]["kind"] == "date"
    assert "day/month/year" in str(report) and not info.called
    with pytest.raises(ValueError, match="encoding must be an Encoding.*got Dataset without"):
        data.describe_columns("friedman1", num_train=20)


def test_filling_is_counted_in_one_line(tmp_path):
    with mock.patch("absl.logging.warning") as warning:
        data.load(write(tmp_path / "first.csv", GAPS), missing="median")
    said = [call.args[0] % call.args[1:] for call in warning.call_args_list]
    assert any("'size' 1, 'colour' 1" in line for line in said)


def test_encoding_brings_its_options(first, tmp_path):
    with pytest.raises(ValueError, match="missing must be left out .* beside an encoding"):
        data.load(tmp_path / "first.csv", encoding=first, missing="drop")
    with pytest.raises(ValueError, match="encoding must have all fields; task"):
        data.encoding_from_json({"columns": [{"name": "a"}]})
    stored = json.loads(json.dumps(first.encoding.to_json()))
    assert data.encoding_from_json(stored) == first.encoding


def test_arrays_of_numbers_are_taken_by_position():
    x = np.random.default_rng(0).normal(size=(N, 2))
    d = data.from_arrays(x, x[:, 0])
    np.testing.assert_array_equal(data.encode(d, x.tolist()), x)
    np.testing.assert_array_equal(data.encode(d, pd.DataFrame(x[:, ::-1], columns=["x1", "x0"])), x)
    with pytest.raises(ValueError, match="source must have 2 columns"):
        data.encode(d, x[:, :1])
    with pytest.raises(ValueError, match="must have names"):
        data.encode(data.from_arrays({"c": ["u", "v"] * 20, "n": ROW}, ROW), x)


def test_a_file_without_header_is_taken_by_position_and_weights_are_not_needed(tmp_path):
    path, second = tmp_path / "first.csv", tmp_path / "second.csv"
    path.write_text("".join(f"{i},{'uvw'[i % 3]},{i % 4 + 1},{i * i}\n" for i in ROW))
    first = data.load(path, weights=2)
    second.write_text("5,w,,25\n7,u,3,49\n")
    x, y = data.encode_with_targets(first, second)
    np.testing.assert_array_equal(x, [[5, 0, 0, 1], [7, 1, 0, 0]])
    np.testing.assert_array_equal(y, [[25], [49]])
    again = data.load(path, encoding=first)
    np.testing.assert_array_equal(again.weights.train, first.weights.train)


def test_named_tables_bring_an_encoding(data_dir):
    first = data.load("abalone", data_dir=data_dir)
    x, y = data.encode_with_targets(first, data_dir / "abalone" / "abalone.data")
    assert x.shape == (4177, 10) and first.feature_names[:2] == ("sex=F", "sex=I")
    assert y.min() == 1


def test_cells_that_may_mean_another_thing_are_refused():
    frame = pd.DataFrame({"rate": ["15 %", "25 %"] * 20, "day": pd.date_range("2020", periods=N)})
    first = data.from_arrays(frame, ROW)
    with pytest.raises(ValueError, match="row 1: column 'rate' must have one unit.*got '0.15'"):
        data.encode(first, {"rate": ["15 %", "0.15"], "day": frame["day"][:2]})
    with pytest.raises(ValueError, match="must hold dates without a zone; got dates with a zone"):
        data.encode(first, {"rate": ["15 %"], "day": frame["day"][:1].dt.tz_localize("Asia/Tokyo")})
