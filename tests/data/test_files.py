"""Files: sniffing, categories, missing values, NPZ, ARFF, idx, and every kind of damage."""

import gzip
import struct
from unittest import mock

import numpy as np
import pytest

from spline_fc import data
from spline_fc.data.tables import read_arff, read_csv

ROWS = [[0.5 * i, i % 7, (3 * i) % 11] for i in range(40)]


def write_table(path, delimiter=",", header=True, rows=ROWS):
    lines = [delimiter.join(["a", "b", "y"])] if header else []
    lines += [delimiter.join(str(c) for c in row) for row in rows]
    text = "\n".join(lines) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def all_rows(d):
    joined = np.concatenate([np.hstack(p) for p in (d.train, d.validation, d.test)])
    return joined[np.lexsort(joined.T[::-1])]


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", " ", "   ", ", "])
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_csv_delimiter_and_header_are_sniffed(tmp_path, delimiter, header, suffix):
    path = write_table(tmp_path / f"t{suffix}", delimiter, header)
    d = data.load(path)
    np.testing.assert_array_equal(all_rows(d), np.array(ROWS))
    names = ("a", "b") if header else ("column_0", "column_1")
    assert (d.name, d.task, d.feature_names) == ("t", "regression", names)


def test_csv_quotes_blank_lines_and_byte_order_mark(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b'\xef\xbb\xbf"a, b";"y"\r\n\r\n1;2\r\n3;4\r\n')
    table = read_csv(path)
    assert table.names == ("a, b", "y")
    assert [column.words for column in table.columns] == [["1", "3"], ["2", "4"]]
    assert table.columns[0].place(1).endswith("t.csv, line 4")


def test_csv_quoted_delimiter_after_a_space(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("".join(f'{i}, "east, {i % 2}", {i * i}\n' for i in range(30)))
    assert data.load(path).feature_names == ("column_0", "column_1=east, 1")


def test_target_and_ignored_columns_by_name_and_number(tmp_path):
    path = write_table(tmp_path / "t.csv")
    by_name = data.load(path, target="a", ignore=("y",))
    by_number = data.load(path, target=0, ignore=(-1,))
    assert by_name.feature_names == by_number.feature_names == ("b",)
    np.testing.assert_array_equal(by_name.train.y, by_number.train.y)
    two = data.load(path, target=("y", "a"))
    assert two.target_names == ("y", "a") and two.train.y.shape[1] == 2


def write_categories(path):
    levels = ["red", "green", "blue"]
    lines = [f"{i},{levels[i % 3]},{'yes' if i % 2 else 'no'},{i * i}" for i in range(30)]
    lines[4] = "?,red,no,16"
    lines[5] = "5,NA,yes,25"
    lines[6] = "6,red,no,"
    path.write_text("x,colour,flag,y\n" + "\n".join(lines) + "\n")
    return path


def test_categories_are_encoded_and_missing_rows_dropped_with_a_warning(tmp_path):
    with mock.patch("absl.logging.warning") as warning:
        d = data.load(write_categories(tmp_path / "c.csv"))
    assert warning.call_args.args[2:] == (3, 30)
    assert d.feature_names == ("x", "colour=blue", "colour=green", "colour=red", "flag=yes")
    rows = all_rows(d)
    assert len(rows) == 27 and not {4, 5, 6} & set(rows[:, 0].tolist())
    np.testing.assert_array_equal(rows[:, 1:4].sum(axis=1), 1)
    np.testing.assert_array_equal(rows[:, 2], rows[:, 0] % 3 == 1)
    np.testing.assert_array_equal(rows[:, 4], rows[:, 0] % 2)


def test_missing_features_can_take_the_training_median(tmp_path):
    with mock.patch("absl.logging.warning") as warning:
        d = data.load(write_categories(tmp_path / "c.csv"), missing="median")
    assert "colour=missing" in d.feature_names
    said = [call.args[0] for call in warning.call_args_list]
    assert any(text.endswith("rows without a target.") for text in said)
    assert sum(len(p.x) for p in (d.train, d.validation, d.test)) == 29  # no target, no row
    holder = next(p for p in (d.train, d.validation, d.test) if 16 in p.y)
    known = d.train.x[d.train.y[:, 0] != 16, 0]
    assert holder.x[holder.y[:, 0] == 16, 0] == np.median(known)


def test_labels_from_files(tmp_path):
    path = write_categories(tmp_path / "c.csv")
    binary = data.load(path, target="flag")
    assert (binary.task, binary.target_names) == ("binary", ("flag=yes",))
    many = data.load(path, target="colour")
    assert (many.task, len(many.target_names)) == ("multiclass", 3)
    numbers = data.load(write_table(tmp_path / "t.csv"), target="b", task="multiclass")
    assert numbers.target_names[:2] == ("b=0", "b=1")


def csv_case(content):
    return lambda p: p.write_bytes(content if isinstance(content, bytes) else content.encode())


NUMBERS = "\n".join(f"{i},{i * i % 13}" for i in range(30))
BAD_CSV = {
    "ragged": ("a,b\n1,2\n3,4,5\n" + NUMBERS, {}, "line 3: must have 2 cells; got 3"),
    "stray word": ("a,b\n" + NUMBERS + "\nten,3\n", {}, "line 32: column 'a' .*got 'ten'"),
    "infinity": ("a,b\n" + NUMBERS + "\ninf,3\n", {}, "line 32: column 'a' must be finite"),
    "open quote": ("a,b\n" + NUMBERS + '\n"3,4\n' + NUMBERS, {}, "must be valid CSV"),
    "header only": ("a,b\n", {}, "must hold at least one row below its header"),
    "one column": ("a\n1\n2\n", {}, "no delimiter fits"),
    "same names": ("a,a\n" + NUMBERS, {"target": "a"}, "target must name one column.*'a' names"),
    "empty": ("", {}, "got an empty file"),
    "binary": (b"\x00\xff\xfe\x01", {}, "must be UTF-8 text"),
    "bytes": (b"a,b\n\x01\xff,1\n", {}, "must be UTF-8 text; got invalid"),
    "all missing": ("a,b\n1,?\n2,?\n3,?\n", {}, "must have a row without missing values"),
    "target name": (
        "a,b\n" + NUMBERS,
        {"target": "bb"},
        "target must be one of 'a', 'b'.*mean 'b'",
    ),
    "target number": ("a,b\n" + NUMBERS, {"target": 2}, "target must be a column below 2; got 2"),
    "ignore": ("a,b\n" + NUMBERS, {"ignore": ["c"]}, "ignore must be one of"),
    "no features": ("a,b\n" + NUMBERS, {"ignore": ["a"]}, "at least one feature column"),
    "constant y": ("a,b\n" + "\n".join(f"{i},3" for i in range(30)), {}, "y must vary"),
    "constant x": ("a,b\n" + "\n".join(f"3,{i}" for i in range(30)), {}, "x must vary"),
    "too many levels": (
        "a,b\n" + "\n".join(f"w{i // 2},{i}" for i in range(400)),
        {},
        "feature 'a' must have at most 100 levels",
    ),
    "words for regression": (
        "a,b\n" + "\n".join(f"{i},w{i % 2}" for i in range(30)),
        {"task": "regression"},
        "must hold numbers for regression",
    ),
    "policy": ("a,b\n" + NUMBERS, {"missing": "mean"}, "missing must be one of 'drop', 'median'"),
    "no option": (
        "a,b\n" + NUMBERS,
        {"num_test": 5},
        "num_test must be left out for .*table file",
    ),
    "too many training rows": (
        "a,b\n" + NUMBERS,
        {"num_train": 500},
        "num_train must be at most [0-9]+; got 500",
    ),
}


@pytest.mark.parametrize("case", BAD_CSV)
def test_bad_csv_gives_one_sentence_with_the_place(case, tmp_path):
    content, options, pattern = BAD_CSV[case]
    path = tmp_path / "bad.csv"
    csv_case(content)(path)
    with pytest.raises(ValueError, match=pattern) as caught:
        data.load(path, **options)
    assert "\n" not in str(caught.value)


def test_damaged_gzip(tmp_path):
    path = write_table(tmp_path / "t.csv.gz")
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(ValueError, match="t.csv.gz must be a whole gzip file"):
        data.load(path)


def test_gzip_is_found_and_absence_is_said(tmp_path):
    write_table(tmp_path / "t.csv.gz")
    assert data.load(tmp_path / "t.csv").name == "t"
    assert data.load("t.csv", data_dir=tmp_path).name == "t"
    with pytest.raises(FileNotFoundError, match="data file nowhere/t.csv does not exist"):
        data.load("nowhere/t.csv")
    with pytest.raises(FileNotFoundError, match="data_dir must name a folder"):
        data.load("t.csv", data_dir=tmp_path / "absent")


def test_npz(tmp_path):
    x, y = np.random.default_rng(0).normal(size=(30, 2)), np.arange(30) % 2
    np.savez(tmp_path / "a.npz", x=x, y=y)
    assert data.load(tmp_path / "a.npz").train.x.shape[1] == 2
    assert data.load(tmp_path / "a.npz", task="binary").task == "binary"
    np.savez(tmp_path / "b.npz", x=x)
    np.savez(tmp_path / "c.npz", x=x, y=np.array([{}] * 30, object), allow_pickle=True)
    np.savez(tmp_path / "f.npz", x=np.where(x > 1, np.nan, x), y=x[:, 0])
    (tmp_path / "d.npz").write_bytes(b"not a zip file at all")
    (tmp_path / "e.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:200])
    for name, pattern in {
        "b": "must hold x, y; y missing",
        "c": "must be an NPZ file; y must hold real numbers; got object",
        "d": "must be an NPZ file",
        "e": "must be an NPZ file",
        "f": "x must be finite",
    }.items():
        with pytest.raises(ValueError, match=pattern):
            data.load(tmp_path / f"{name}.npz")


def test_arff(tmp_path):
    path = tmp_path / "a.arff"
    head = "@relation r\n@attribute x numeric\n@attribute c {u,v,w}\n@attribute y numeric\n@data\n"
    body = "\n".join(f"{i},{'uvw'[i % 3]},{i * i}" for i in range(30))
    path.write_text(head + body + "\n?,u,3\n4,?,5\n")
    table = read_arff(path)
    x, c, _ = (column.values for column in table.columns)
    assert np.isnan(x[30]) and c[31] == ""
    d = data.load(path)
    assert d.feature_names == ("x", "c=u", "c=v", "c=w") and len(all_rows(d)) == 30
    for content, pattern in (
        (head, "at least one row"),
        ("@relation r\n@attribute x string\n@data\nq\n", "dense ARFF"),
        (head + "1,z,3\n", "dense ARFF"),
        ("not arff at all", "at least one row|dense ARFF"),
    ):
        path.write_text(content)
        with pytest.raises(ValueError, match=pattern):
            data.load(path)


def idx_bytes(array):
    return struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_images(folder, compress):
    rng = np.random.default_rng(0)
    for part, n in (("train", 50), ("t10k", 20)):
        images = rng.integers(0, 256, (n, 3, 2), np.uint8)
        images[0] = 255
        labels = (np.arange(n) % 10).astype(np.uint8)
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            raw = idx_bytes(array)
            name = f"{part}-{kind}-ubyte" + (".gz" if compress else "")
            (folder / name).write_bytes(gzip.compress(raw) if compress else raw)


@pytest.mark.parametrize("compress", [True, False])
def test_idx_images(tmp_path, compress):
    write_images(tmp_path, compress)
    d = data.load(tmp_path, validation_fraction=0.1)
    assert [len(p.x) for p in (d.train, d.validation, d.test)] == [45, 5, 20]
    assert d.train.y.shape == (45, 10) and d.feature_names[3] == "pixel_1_1"
    assert d.test.x[0].tolist() == [1.0] * 6 and d.test.y[0].argmax() == 0  # in the given order
    assert 0 <= d.train.x.min() < 0.1


def test_damaged_idx_images(tmp_path):
    write_images(tmp_path, False)
    labels = tmp_path / "t10k-labels-idx1-ubyte"
    whole = labels.read_bytes()
    for content, pattern in (
        (whole[:-1], "must hold 20 bytes"),
        (b"\x00\x00\x0d\x01" + whole[4:], "must be an idx file of bytes with 1 axes"),
        (idx_bytes(np.zeros(19, np.uint8)), "must have 20 labels; got 19"),
    ):
        labels.write_bytes(content)
        with pytest.raises(ValueError, match=pattern):
            data.load(tmp_path)
    labels.unlink()
    with pytest.raises(FileNotFoundError, match="must hold t10k-labels-idx1-ubyte"):
        data.load(tmp_path)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_wide_text_with_a_mark(encoding, tmp_path):
    path = tmp_path / "wide.csv"
    path.write_bytes(("größe,y\n" + "".join(f"{i},{i * i}\n" for i in range(20))).encode(encoding))
    assert data.load(path).feature_names == ("größe",)
