"""Sources of chunks: whatever is wrong with them or their files ends in one sentence."""

import numpy as np
import pandas as pd
import pytest

import spline_fc as sfc
from spline_fc import data

X, Y = np.arange(12.0).reshape(6, 2), np.arange(6.0)
WEIGHTS = np.ones(6)


def source(*chunk):
    return sfc.chunks_of(lambda: [(X, Y), (X, Y)] if not chunk else [chunk])


def one_sentence(error):
    said = str(error.value)
    assert said.endswith(".") and "\n" not in said and len(said) < 300, said
    return said


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        (np.nan, r"weights of chunk 0 must be finite; .* nan at index \(2,\)"),
        (np.inf, r"weights of chunk 0 must be finite; .* inf at index \(2,\)"),
        (-1.0, "weights of chunk 0 must not be negative; the smallest is -1.0"),
        (1e200, r"weights of chunk 0 must be within 1e\+150"),
    ],
)
def test_rows_of_bad_weight_are_told_not_dropped(bad, sentence):
    weights = np.where(Y == 2, bad, 1)
    for call in (
        lambda source: data.fit_chunk_scaler(source),
        lambda source: list(data.scale_chunks(source, data.identity_scaler(2, 1))),
        lambda source: sfc.fit_mars(source, max_terms=3),
    ):
        with pytest.raises(ValueError, match=sentence) as error:
            call(source(X, Y, weights))
        one_sentence(error)


def test_numbers_too_large_for_a_deviation_are_told():
    with pytest.raises(ValueError, match=r"x of chunk 0 must be within 1e\+150"):
        data.fit_chunk_scaler(source(np.where(X == 3, 1e200, X), Y))


@pytest.mark.parametrize("dtype", [np.int32, "i8", bool, complex, "float99", None, "words"])
def test_a_dtype_that_would_cut_numbers_off_is_refused(dtype):
    with pytest.raises(ValueError, match="dtype must be a floating one, as float32; got") as error:
        data.scale_chunks(source(), data.identity_scaler(2, 1), dtype)
    one_sentence(error)
    with pytest.raises(ValueError, match="dtype must be a floating one, as float32; got"):
        data.standardize(sfc.from_arrays(X, Y, keep_twins_together=False), dtype)


@pytest.mark.parametrize("dtype", [np.float32, "float64", np.dtype("f4")])
def test_floating_dtypes_by_any_name(dtype):
    scaled = data.scale_chunks(source(), data.fit_chunk_scaler(source()), dtype)
    chunk = next(iter(scaled))
    assert chunk.x.dtype == chunk.y.dtype == np.dtype(dtype)
    np.testing.assert_allclose(chunk.x.std(0), 1, rtol=1e-6)


@pytest.mark.parametrize("given", [X, (X, Y), [(X, Y)], "rows.npy", None, pd.DataFrame(X)])
def test_what_is_no_source_of_chunks(given):
    for call in (
        data.fit_chunk_scaler,
        lambda given: data.scale_chunks(given, data.identity_scaler(2, 1)),
        lambda given: sfc.train_chunks({}, given, (X, Y)),
    ):
        with pytest.raises(TypeError, match="source must be a source of Chunks; got") as error:
            call(given)
        one_sentence(error)
    with pytest.raises(TypeError, match="scaler must be a Scaler; got"):
        data.scale_chunks(source(), given)


def test_merged_integers_are_told_once_for_a_source(caplog):
    x = np.array([[2**60], [2**60 + 1]])
    table = pd.DataFrame({"a": x[:, 0], "b": x[:, 0]})
    for rows in (x, x.astype(object), table):
        caplog.clear()
        chunks = sfc.chunks_of(lambda rows=rows: [(rows, Y[:2])] * 3)
        with caplog.at_level("WARNING"):
            for _ in range(2):
                list(data.scale_chunks(chunks, data.identity_scaler(len(rows.T), 1)))
        assert caplog.text.count("became equal to others") == 1


# Files.


@pytest.fixture
def parquet(tmp_path):
    """Writes a table as a Parquet file, and returns its path."""
    pa = pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
    write = pytest.importorskip("pyarrow.parquet").write_table

    def written(name="1.parquet", **columns):
        columns = columns or {"a": Y, "b": Y**2, "y": Y, "w": WEIGHTS}
        write(pa.table(columns), tmp_path / name)
        return tmp_path / name

    return written


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"features": ["a", "y"]}, "targets must name other columns than features; got 'y' in bo"),
        ({"weights": "y"}, "weights must name other columns than targets; got 'y' in both"),
        (
            {"features": ["a", "b"], "weights": "b"},
            "weights must name other columns than features; got 'b' in both",
        ),
        ({"features": ["a", "a"]}, "features must differ from each other; got 'a' twice"),
        ({"targets": ["y", "y"]}, "targets must differ from each other; got 'y' twice"),
        ({"features": []}, "targets and features must name columns; got none"),
        ({"features": ["A"]}, r"a column of \S*1.parquet must be one of 'a', .* got 'A'"),
        ({"targets": "z"}, r"a column of \S*1.parquet must be one of 'a', .* got 'z'"),
        ({"weights": "v"}, r"a column of \S*1.parquet must be one of 'a', .* got 'v'"),
        ({"weights": ["w"]}, r"weights must be the name of a column; got \['w'\]"),
    ],
)
def test_columns_of_parquet_have_one_role_each(parquet, options, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        sfc.chunks_of_parquet(parquet(), **{"targets": "y", **options})
    one_sentence(error)


def test_every_file_must_have_the_columns(parquet):
    later = parquet("2.parquet", a=Y, y=Y)
    with pytest.raises(ValueError, match=r"a column of \S*2.parquet must be .*; got 'b'") as error:
        sfc.chunks_of_parquet([parquet(), later], "y", weights="w")
    one_sentence(error)


def test_columns_of_words_are_told_with_their_file(parquet):
    later = parquet("2.parquet", a=list("uvwxyz"), b=Y, y=Y, w=WEIGHTS)
    chunks = sfc.chunks_of_parquet([parquet(), later], "y")
    with pytest.raises(ValueError, match=r"column 'a' of \S*2.parquet must be .* got .u.") as error:
        list(chunks)
    one_sentence(error)


def test_merged_integers_of_parquet_are_told_once(parquet, caplog):
    path = parquet(a=np.array([2**60 + i for i in range(6)]), y=Y)
    with caplog.at_level("WARNING"):
        chunks = sfc.chunks_of_parquet(path, "y", rows=2)
        assert len(list(chunks)) == len(list(chunks)) == 3
    assert caplog.text.count("became equal to others") == 1


def test_files_that_are_no_parquet(parquet, tmp_path):
    (tmp_path / "text.parquet").write_text("1, 2")
    (tmp_path / "empty.parquet").write_text("")
    for name in ("text.parquet", "empty.parquet"):
        with pytest.raises(ValueError, match=rf"path must name Parquet files; \S*{name} is none"):
            sfc.chunks_of_parquet([parquet(), tmp_path / name], "y")
    with pytest.raises(ValueError, match="path must name at least one file; got none"):
        sfc.chunks_of_parquet([], "y")


def test_files_that_are_not_there(parquet, tmp_path):
    there = parquet()
    np.save(tmp_path / "x.npy", X)
    for given, came in ((tmp_path / "none", "does not exist"), (tmp_path, "is something else")):
        for name, call in {
            "path": lambda path: sfc.chunks_of_parquet([there, path], "y"),
            "y": lambda path: sfc.chunks_of_npy(tmp_path / "x.npy", path),
        }.items():
            with pytest.raises(OSError, match=f"{name} must name a file; .* {came}") as error:
                call(given)
            one_sentence(error)


def test_arrays_where_npy_files_are_wanted(tmp_path):
    np.save(tmp_path / "x.npy", X)
    (tmp_path / "empty.npy").write_text("")
    with pytest.raises(TypeError, match="x must be text or a path; got a ndarray") as error:
        sfc.chunks_of_npy(X, Y)
    one_sentence(error)
    with pytest.raises(ValueError, match="y must name an NPY file of numbers; .*empty.npy is none"):
        sfc.chunks_of_npy(tmp_path / "x.npy", tmp_path / "empty.npy")
    with pytest.raises(ValueError, match="x, y must be files of their own; got one twice"):
        sfc.chunks_of_npy(tmp_path / "x.npy", tmp_path / "x.npy")
