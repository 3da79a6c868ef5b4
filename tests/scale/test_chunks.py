"""Rows in chunks: the fit is that in memory, and what is wrong with a source is told by name."""

import dataclasses

import jax
import numpy as np
import pytest

import spline_fc as sfc
from spline_fc.cpwl.chunked import inputs, memory, scaling, search
from spline_fc.cpwl.chunked.scaling import in_blocks
from spline_fc.threads import ahead

ROWS, COLUMNS = 9000, 5  # more than a search without a compiler takes
ALONG = np.linspace([1.0], [-1.0], COLUMNS)
OPTIONS = {"max_terms": 13, "knots": 16}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Several blocks from a few thousand rows."""
    monkeypatch.setattr(scaling, "BLOCK_ROWS", 1024)


def rows(count=ROWS, outputs=2):
    """Float64 rows with a constant column, one of few values and one with a far value."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(count, COLUMNS))
    x[:, 2], x[:, 3] = 2.0, rng.integers(0, 4, count)
    x[7, 4] = 1e4
    y = np.stack([np.abs(x[:, 0]) + np.maximum(x[:, 1], 0), np.sin(3 * x[:, 1]) - x[:, 3]], axis=1)
    y = 1e3 + y[:, :outputs] + 0.1 * rng.normal(size=(count, outputs))
    return x, y, rng.integers(0, 3, count).astype(float)


def in_chunks(*arrays, cuts=(1, 1, 130, 4000, 8999)):
    """A source of unequal chunks, one of them empty and one of a single row."""
    return sfc.chunks_of(lambda: zip(*(np.split(a, cuts) for a in arrays), strict=True))


def assert_same(found, expected):
    """Fits agree to 1e-9: their search, their choice and their spline."""
    assert found.terms == expected.terms and found.names == expected.names
    assert found.stop_reason == expected.stop_reason and found.num_rows == expected.num_rows
    np.testing.assert_allclose(found.forward.rss, expected.forward.rss, rtol=1e-9)
    np.testing.assert_allclose(found.pruning.rss, expected.pruning.rss, rtol=1e-9)
    np.testing.assert_array_equal(found.pruning.kept, expected.pruning.kept)
    if expected.pruning.cv_rss is not None:
        np.testing.assert_allclose(found.pruning.cv_rss, expected.pruning.cv_rss, rtol=1e-9)
    for field in ("rss", "gcv", "r2"):
        np.testing.assert_allclose(getattr(found, field), getattr(expected, field), rtol=1e-9)
    for name, table in found.spline._asdict().items():
        wanted = getattr(expected.spline, name)
        np.testing.assert_allclose(
            table, wanted, rtol=1e-9, atol=1e-9 * np.abs(wanted).max(initial=0)
        )


def test_uneven_chunks_of_two_outputs_with_weights():
    x, y, weights = rows()
    with jax.enable_x64(True):
        expected = sfc.fit_mars(x, y, weights=weights, **OPTIONS)
        found = sfc.fit_mars(in_chunks(x, y, weights), **OPTIONS)
    assert len(found.terms) == 12
    assert_same(found, expected)


def test_the_rest_of_the_options_and_few_rows():
    x, y, _ = rows(3000, 1)
    options = {"directions": ALONG, "prune": "cv", "linear": [0], "max_hinges": 8, "penalty": 2.5}
    steps = [[], []]
    expected = sfc.fit_mars(x, y, **options, **OPTIONS, on_step=lambda *s: steps[0].append(s))
    source = in_chunks(x, y, cuts=(1234,))
    found = sfc.fit_mars(source, **options, **OPTIONS, on_step=lambda *s: steps[1].append(s))
    assert_same(found, expected)
    np.testing.assert_allclose(*steps, rtol=1e-9)


def test_tables_that_had_to_make_room_are_made_again(monkeypatch):
    x, y, _ = rows()
    expected = sfc.fit_mars(in_chunks(x, y), **OPTIONS)
    looks = []
    monkeypatch.setattr(search, "HELD_BYTES", 1)
    look_at = search.ChunkedSearch._look_at
    monkeypatch.setattr(
        search.ChunkedSearch, "_look_at", lambda s, v: (looks.append(v), look_at(s, v))
    )
    assert_same(sfc.fit_mars(in_chunks(x, y), **OPTIONS), expected)
    assert len(looks) > len(set(looks)) > 1


def test_coefficients_are_shrunk_and_a_network_starts_in_chunks():
    x, y, weights = (a.astype(np.float32) for a in rows(3000, 1))
    x[:, 4], y = np.minimum(x[:, 4], 3), y - 1e3
    source = in_chunks(x, y, weights, cuts=(1234,))
    options = {"directions": ALONG, "tolerance": 0.05, **OPTIONS}
    found = sfc.spline_start(0, source, None, (16,), **options)
    expected = sfc.spline_start(0, x, y, (16,), weights=weights, **options)
    np.testing.assert_allclose(found.fit.rss, expected.fit.rss, rtol=1e-6)
    np.testing.assert_allclose(found.fit.r2, expected.fit.r2, rtol=1e-6)
    for one, other in zip(*map(jax.tree.leaves, (found.params, expected.params)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)
    plain = sfc.fit_mars(source, directions=ALONG, **OPTIONS)
    again = sfc.shrink(plain, source, tolerance=0.05)
    assert plain.rss < again.rss <= 1.05 * plain.rss
    with pytest.raises(ValueError, match='task must be "regression" for rows in chunks; got'):
        sfc.spline_start(0, source, None, (16,), task="binary")


def test_a_sample_gives_the_knots_of_more_rows(monkeypatch):
    x, y, weights = rows(3000, 1)
    monkeypatch.setattr(inputs, "SAMPLE_ROWS", 500)
    options = {**OPTIONS, "directions": ALONG}
    found = sfc.fit_mars(in_chunks(x, y, weights, cuts=(1234,)), **options)
    expected = sfc.fit_mars(x, y, weights=weights, **options)
    assert abs(found.r2 - expected.r2) < 0.01 and found.r2 > 0.9
    residual = y - sfc.evaluate(found, x)
    np.testing.assert_allclose(found.rss, weights @ (residual**2).sum(1), rtol=1e-9)
    np.testing.assert_allclose(found.forward.rss[-1], found.pruning.rss[0], rtol=1e-9)
    # However the rows are cut, the sample is the same.
    assert sfc.fit_mars(in_chunks(x, y, weights, cuts=(99,)), **options).terms == found.terms


def test_ends_of_columns_are_those_of_all_rows(monkeypatch):
    x, y, _ = rows(3000, 1)
    z = np.concatenate([x, x @ ALONG], axis=1)
    monkeypatch.setattr(inputs, "SAMPLE_ROWS", 50)
    drawn = inputs.checked_chunks(in_chunks(x, y, cuts=(1234,)))
    assert len(drawn.x) == 50 and drawn.x[:, 4].max() < 1e4
    found = scaling.scaled_columns(drawn, ALONG, [16] * 6, 5, frozenset())
    np.testing.assert_allclose(found.units.raw[:, 0], z.min(0), rtol=1e-12)
    assert found.units.far[4].tolist() == [False, True]  # the one far value is in no sample
    columns = np.concatenate([block.columns for block in found.columns._blocks()], axis=1)
    np.testing.assert_allclose(columns.min(1), found.units.scaled[:, 0], rtol=1e-9)


def test_wide_data_have_a_smaller_sample():
    sizes = [inputs.sample_rows(columns) for columns in (1, 256, 512, 10**6)]
    assert sizes == [65536, 65536, 32768, 8192]


def test_files_give_the_fit_of_their_arrays(tmp_path):
    x, y, weights = (a.astype(np.float32) for a in rows(3000))
    x[:, 4] = np.minimum(x[:, 4], 9)
    paths = [tmp_path / f"{name}.npy" for name in ("x", "y", "weights")]
    for path, array in zip(paths, (x, y, weights), strict=True):
        np.save(path, array)
    source = sfc.chunks_of_npy(*paths, rows=900, names=list("abcde"))
    assert source.num_rows == 3000 and "3000 rows" in repr(source)
    assert [len(chunk.x) for chunk in source] == [900, 900, 900, 300]
    found = sfc.fit_mars(source, **OPTIONS)
    expected = sfc.fit_mars(x, y, weights=weights, **OPTIONS)
    assert found.names == tuple("abcde") and found.spline.coef.dtype == np.float32
    assert found.terms == expected.terms
    np.testing.assert_allclose(found.rss, expected.rss, rtol=1e-6)
    np.testing.assert_allclose(found.spline.coef, expected.spline.coef, rtol=1e-4)


def test_row_groups_of_parquet_files(tmp_path):
    pa = pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
    parquet = pytest.importorskip("pyarrow.parquet")
    x, y, weights = rows()
    columns = dict(zip("abcde", x.T, strict=True)) | {"u": y[:, 0], "v": y[:, 1], "w": weights}
    paths = [tmp_path / "1.parquet", tmp_path / "2.parquet"]
    for path, part in zip(paths, (slice(None, 5000), slice(5000, None)), strict=True):
        table = pa.table({name: column[part] for name, column in columns.items()})
        parquet.write_table(table, path, row_group_size=999)
    source = sfc.chunks_of_parquet(paths, ["u", "v"], weights="w")
    assert source.names == tuple("abcde") and source.num_rows == ROWS
    assert_same(
        sfc.fit_mars(source, **OPTIONS)._replace(names=()),
        sfc.fit_mars(in_chunks(x, y, weights), **OPTIONS)._replace(names=()),
    )
    with pytest.raises(ValueError, match=r"a column of \S+1.parquet must be one of .*'x'"):
        sfc.chunks_of_parquet(paths, "x")


def test_memory_is_told_before_the_work_and_refused_if_it_is_not_there(monkeypatch, caplog):
    x, y, _ = rows(100, 1)
    begun = []
    source = sfc.chunks_of(lambda: begun.append(1) or [(x, y)])
    monkeypatch.setattr(memory, "free_bytes", lambda: 10**6)
    with pytest.raises(ValueError, match=r"memory must hold \d+ MiB for a fit .* 1 MiB are free"):
        sfc.fit_mars(source)
    assert len(begun) == 1  # for the first chunk
    monkeypatch.setattr(memory, "free_bytes", lambda: None)
    with caplog.at_level("INFO", "absl"):
        memory.check_call(source, 13, 1, None, (), 2, 16)
    assert "of its rows takes at most" in caplog.text
    assert memory.free_bytes() is None and memory.in_words(3 << 30) == "3.00 GiB"


def test_memory_of_few_rows_is_no_warning(monkeypatch, caplog):
    """What the compiler takes is there for every fit; what rows take is as much as they are."""
    monkeypatch.setattr(memory, "free_bytes", lambda: None)
    x, y, _ = rows(120, 1)
    x = np.tile(x, 4)
    source = dataclasses.replace(sfc.chunks_of(lambda: [(x, y)]), num_rows=120)
    known = memory.tell_memory(source, *source, x.shape[1], 1024, 1001)
    assert not caplog.records
    many = dataclasses.replace(source, num_rows=10**6)
    assert memory.tell_memory(many, *source, x.shape[1], 1024, 1001) > 2 * known
    assert "of its 1000000 rows takes at most" in caplog.text


X, Y = np.arange(12.0).reshape(6, 2), np.arange(6.0)
NAN, HUGE = (np.where(X == 7, bad, X) for bad in (np.nan, 1e200))
BAD = {
    "nan": ([(X, Y), (X[:0], Y[:0]), (NAN, Y)], r"x of chunk 2 must be finite; .* index \(3, 1\)"),
    "huge": ([(X, Y), (HUGE, Y)], r"x of chunk 1 must be within 1e\+150; .* index \(3, 1\)"),
    "y": ([(X, np.where(Y == 2, np.inf, Y))], r"y of chunk 0 must be finite; .* index \(2, 0\)"),
    "columns": ([(X, Y), (X[:, :1], Y)], "chunk 1 must have the columns and dtypes of those befo"),
    "dtypes": ([(X, Y), (X.astype("f4"), Y)], "chunk 1 must have .* got x of float32 with 2"),
    "weights": ([(X, Y), (X, Y, Y)], "chunk 1 must have .* and no weights; got .* weights of flo"),
    "lengths": ([(X, Y[1:])], "x of chunk 0 must have 5 rows, as y of chunk 0 has; got 6"),
    "words": ([(X.astype(str), Y)], "x of chunk 0 must be an array of numbers; got words"),
    "no pair": ([X], r"chunk 0 must be \(x, y\) or \(x, y, weights\); got"),
    "negative": ([(X, Y, Y - 1)], "weights of chunk 0 must not be negative; the smallest is -1"),
    "no weight": ([(X, Y, 0 * Y)], "weights must not all be zero"),
    "nothing": ([], "must have rows; got none"),
    "empty": ([(X[:0], Y[:0])], "must have rows; got none"),
    "no list": (3, "make must return an iterable of chunks"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_with_a_chunk_is_told(name):
    chunks, sentence = BAD[name]
    with pytest.raises(ValueError, match=sentence):
        sfc.fit_mars(sfc.chunks_of(lambda: chunks), max_terms=3)


def test_a_source_that_changes_is_told():
    passes = []

    def source(change):
        passes.clear()

        def make():
            passes.append(1)
            chunks = [(X, Y), (X, Y)]
            return chunks if len(passes) < 3 else change(chunks)

        return sfc.chunks_of(make)

    for change, sentence in {
        lambda c: [
            c[0],
            (X[1:], Y[1:]),
        ]: "the same at every pass; chunk 1 had 6 rows, and now has 5",
        lambda c: [c[0], (X, Y + 1)]: "chunk 1 had 6 rows, and now has 6 with other values",
        lambda c: [*c, c[0]]: "chunk 2 had 0 rows, and now has 6",
        lambda c: iter(c[:0]): "ended after 0 of 2 chunks, as that of a generator does",
    }.items():
        with pytest.raises(ValueError, match=sentence):
            sfc.fit_mars(source(change), max_terms=3)


def test_calls_that_chunks_cannot_have():
    source = sfc.chunks_of(lambda: [(X, Y)])
    for options, sentence in (
        ({"max_degree": 2}, "max_degree must be 1 for a source of chunks; got 2"),
        ({"knots": "all"}, "knots must be a number or positions for a source of chunks; got 'all'"),
        ({"screen": 1}, "screen must be None for a source of chunks; got 1"),
        ({"y": Y}, "y must be None beside a source of chunks"),
        ({"weights": Y}, "weights must be None beside a source of chunks"),
    ):
        with pytest.raises(ValueError, match=sentence):
            sfc.fit_mars(source, max_terms=3, **options)
    with pytest.raises(ValueError, match="make must be a function that begins a new pass"):
        sfc.chunks_of(chunk for chunk in [(X, Y)])
    with pytest.raises(ValueError, match="y must be an array of numbers; got None"):
        sfc.fit_mars(X)


def test_files_that_are_none(tmp_path):
    paths = {name: tmp_path / f"{name}.npy" for name in ("x", "y", "words")}
    for name, array in (("x", X), ("y", Y[1:]), ("words", X.astype(str))):
        np.save(paths[name], array)
    (tmp_path / "text.npy").write_text("1, 2")
    with pytest.raises(ValueError, match="y must have 6 rows, as x has; got 5"):
        sfc.chunks_of_npy(paths["x"], paths["y"])
    for other in (paths["words"], tmp_path / "text.npy"):
        with pytest.raises(ValueError, match="x must name an NPY file of numbers"):
            sfc.chunks_of_npy(other, paths["y"])
    with pytest.raises(FileNotFoundError):
        sfc.chunks_of_npy(tmp_path / "none.npy", paths["y"])


def test_work_ahead_keeps_order_and_hands_on_errors():
    assert list(ahead(range(5))) == list(range(5))
    seen = []

    def broken():
        yield 1
        seen.append("ahead")
        raise OSError("torn")

    with pytest.raises(OSError, match="torn"):
        list(ahead(broken()))
    first = next(ahead(iter(range(10**9))))  # the rest is left
    assert first == 0 and seen == ["ahead"]


def test_blocks_are_whole_but_for_the_last():
    x = np.arange(20.0)[:, None]
    cut = [inputs.Rows(*(p[a:b] for p in (x, x, x[:, 0]))) for a, b in ((0, 1), (1, 18), (18, 20))]
    found = list(in_blocks(iter(cut), 6))
    assert [len(block.x) for block in found] == [6, 6, 6, 2]
    np.testing.assert_array_equal(np.concatenate([block.y for block in found]), x)
