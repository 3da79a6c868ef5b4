"""Rows that come in chunks, as often as they are asked for: data larger than memory.

A source is read from its first chunk to its last, pass after pass, and holds nothing between two
chunks. What is wrong with a chunk is told with its number, counted from 0.
"""

import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from spline_fc.arrays import as_names, numbers
from spline_fc.checks import (
    as_list,
    check,
    check_integer,
    check_one_of,
    check_rank,
    check_same_length,
    optional,
    shown,
)
from spline_fc.files import as_path

CHUNK_BYTES = 1 << 25  # of x in a chunk that is read from a file


class Chunk(NamedTuple):
    """Some rows; NumPy, float32 or float64."""

    x: np.ndarray  # (n, d)
    y: np.ndarray  # (n, k)
    weights: np.ndarray | None  # (n,)
    number: int  # in its source, empty ones counted


@dataclasses.dataclass(frozen=True, eq=False)
class Chunks:
    """A source of rows in chunks; iterating it is one pass over all of them.

    Made by `chunks_of`, `chunks_of_npy` or `chunks_of_parquet`.
    """

    label: str  # what it is, for errors and logs
    make: Callable[[], Iterable[Any]]  # begins a pass: chunks (x, y) or (x, y, weights)
    names: tuple[str, ...] | None = None  # of the columns of x
    num_rows: int | None = None  # where it is known without a pass

    def __iter__(self) -> Iterator[Chunk]:
        """Chunks with rows, in order; empty ones are left out, but counted.

        Raises:
          ValueError: a chunk that is no pair or triple of arrays of numbers, or that has other
            columns or dtypes than those before it.
        """
        first: Chunk | None = None
        for number, came in enumerate(_begun(self)):
            chunk = _as_chunk(came, number)
            if first is None:
                first = chunk
            wanted, kind = _kind(first), _kind(chunk)
            check(
                kind == wanted,
                f"chunk {number} must have the columns and dtypes of those before, {wanted}; got "
                f"{kind}.",
            )
            if len(chunk.x):
                yield chunk

    def __repr__(self) -> str:
        rows = "" if self.num_rows is None else f", {self.num_rows} rows"
        return f"Chunks of {self.label}{rows}"


def _begun(source: Chunks) -> Iterator[Any]:
    begun = source.make()
    check(
        isinstance(begun, Iterable),
        f"make must return an iterable of chunks (x, y) or (x, y, weights); got {shown(begun)}.",
    )
    return iter(begun)


def _as_chunk(came: Any, number: int) -> Chunk:
    pair = isinstance(came, (tuple, list)) and len(came) in (2, 3)
    check(pair, f"chunk {number} must be (x, y) or (x, y, weights); got {shown(came)}.")
    x, y = (numbers(f"{name} of chunk {number}", a) for name, a in zip("xy", came, strict=False))
    check_rank(f"x of chunk {number}", x, 2, "(n, d)")
    check(x.shape[1] > 0, f"x of chunk {number} must have at least one column; got none.")
    check(
        y.ndim in (1, 2) and 0 not in y.shape[1:],
        f"y of chunk {number} must have shape (n,) or (n, k); got {y.shape}.",
    )
    check_same_length(f"x of chunk {number}", x, f"y of chunk {number}", y)
    y = y.reshape(len(y), y.shape[1] if y.ndim == 2 else 1)
    if len(came) == 2 or came[2] is None:
        return Chunk(x, y, None, number)
    weights = numbers(f"weights of chunk {number}", came[2])
    check_rank(f"weights of chunk {number}", weights, 1, "(n,)")
    check_same_length(f"weights of chunk {number}", weights, f"x of chunk {number}", x)
    return Chunk(x, y, weights, number)


def _kind(chunk: Chunk) -> str:
    """Columns and dtypes of a chunk, in words."""
    x, y, weights, _ = chunk
    more = "no weights" if weights is None else f"weights of {weights.dtype}"
    return f"x of {x.dtype} with {x.shape[1]}, y of {y.dtype} with {y.shape[1]} and {more}"


def chunks_of(make: Callable[[], Iterable[Any]], *, names: Sequence[str] | None = None) -> Chunks:
    """A source of one's own.

    Args:
      make: called at the beginning of each pass; returns an iterable of chunks (x, y) or
        (x, y, weights) of x (n, d), y (n,) or (n, k) and weights (n,) >= 0, the same at each call.
        The chunks may differ in their rows n.
      names: of the columns of x.

    Raises:
      ValueError: `make` cannot be called, as a generator that can be read once alone.
    """
    check(
        callable(make),
        "make must be a function that begins a new pass at each call, as data are read several "
        f"times; got {shown(make)}.",
    )
    label = f"the source {getattr(make, '__name__', type(make).__name__)}"
    listed = None if names is None else as_list("names", names, "words")
    found = None if listed is None else as_names("names", listed, len(listed))
    return Chunks(label, make, found)


class _Npy(NamedTuple):
    """What the head of an NPY file says."""

    path: str
    shape: tuple[int, ...]
    dtype: np.dtype

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Some rows. The map lives no longer than this: its pages would count as memory used."""
        return np.array(np.load(self.path, mmap_mode="r")[start:stop])


def _npy(name: str, path: str | os.PathLike) -> _Npy:
    path = str(as_path(path))
    try:
        array = np.load(path, mmap_mode="r")
    except ValueError as error:
        raise ValueError(f"{name} must name an NPY file of numbers; {path} is none.") from error
    check(
        isinstance(array, np.ndarray) and array.ndim > 0 and array.dtype.kind in "biuf",
        f"{name} must name an NPY file of numbers; got {path}.",
    )
    return _Npy(path, array.shape, array.dtype)


def chunks_of_npy(
    x: str | os.PathLike,
    y: str | os.PathLike,
    weights: str | os.PathLike | None = None,
    *,
    rows: int | None = None,
    names: Sequence[str] | None = None,
) -> Chunks:
    """Rows of NPY files, mapped into memory a chunk at a time.

    Args:
      x: file of an array (n, d). y: of (n,) or (n, k). weights: of (n,), >= 0.
      rows: of a chunk; by default so many that x has CHUNK_BYTES.
      names: of the columns of x.

    Raises:
      ValueError: no arrays of numbers, or of unlike lengths.
      OSError: a file that cannot be read.
    """
    given = {"x": x, "y": y} | ({} if weights is None else {"weights": weights})
    files = [_npy(name, path) for name, path in given.items()]
    features = files[0]
    check(len(features.shape) == 2, f"x must have shape (n, d); got {features.shape}.")
    check(0 not in features.shape, f"x must have a row and a column; got {features.shape}.")
    for name, file in zip(given, files, strict=True):
        n, wanted = file.shape[0], features.shape[0]
        check(n == wanted, f"{name} must have {wanted} rows, as x has; got {n}.")
    count, width = features.shape
    if rows is None:
        rows = max(1, CHUNK_BYTES // (width * features.dtype.itemsize))
    check_integer("rows", rows, 1)

    def make() -> Iterator[tuple[np.ndarray, ...]]:
        for start in range(0, count, rows):
            yield tuple(file.rows(start, start + rows) for file in files)

    return Chunks(features.path, make, as_names("names", names, width), count)


def chunks_of_parquet(
    path: str | os.PathLike | Sequence[str | os.PathLike],
    targets: str | Sequence[str],
    *,
    features: Sequence[str] | None = None,
    weights: str | None = None,
    rows: int | None = None,
) -> Chunks:
    """Rows of Parquet files, by row groups; needs the package pyarrow.

    Args:
      path: of a file, or of several with the same columns, one after the other.
      targets: name of the column of y, or names.
      features: names of the columns of x; by default all others, which must be numbers.
      weights: name of the column of weights.
      rows: of a chunk at most; by default so many that x has CHUNK_BYTES.

    Raises:
      ImportError: pyarrow is missing.
      ValueError: a column that is not there, or is no number.
      OSError: a file that cannot be read.
    """
    parquet = optional("pyarrow.parquet", "parquet")
    alone = isinstance(path, (str, os.PathLike))
    paths = [str(as_path(p)) for p in ([path] if alone else as_list("path", path, "paths"))]
    check(len(paths) > 0, "path must name at least one file; got none.")
    wanted = [targets] if isinstance(targets, str) else as_list("targets", targets, "names")
    apart = [*wanted, *([] if weights is None else [weights])]
    known = list(parquet.read_schema(paths[0]).names)
    others = [name for name in known if name not in apart]
    listed = others if features is None else as_list("features", features, "names")
    for name in (*listed, *apart):
        check_one_of("a column of path", name, known)
    check(len(wanted) > 0 and len(listed) > 0, "targets and features must name columns; got none.")
    if rows is None:
        rows = max(1, CHUNK_BYTES // (8 * len(listed)))
    check_integer("rows", rows, 1)

    def taken(batch: Any, columns: Sequence[str]) -> np.ndarray:
        found = [
            numbers(f"column {name!r}", batch.column(name).to_numpy(zero_copy_only=False))
            for name in columns
        ]
        return np.stack(found, axis=1)

    def make() -> Iterator[tuple[np.ndarray, ...]]:
        for one in paths:
            with parquet.ParquetFile(one) as file:
                for batch in file.iter_batches(rows, columns=[*listed, *apart]):
                    x, y = taken(batch, listed), taken(batch, wanted)
                    more = () if weights is None else (taken(batch, [weights])[:, 0],)
                    yield (x, y, *more)

    count = sum(parquet.read_metadata(one).num_rows for one in paths)
    return Chunks(paths[0], make, as_names("features", listed, len(listed)), count)
