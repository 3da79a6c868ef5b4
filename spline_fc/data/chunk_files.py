"""Rows of NPY and Parquet files in chunks; what is wrong with a file is told with its name."""

import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from spline_fc.arrays import as_names, numbers
from spline_fc.checks import as_list, check, check_integer, check_one_of, optional, shown
from spline_fc.data.chunks import Chunks
from spline_fc.files import as_path

CHUNK_BYTES = 1 << 25  # of x in a chunk that is read from a file


def _there(name: str, path: str | os.PathLike) -> str:
    """The path of a file that exists."""
    path = as_path(path, name)
    if not path.is_file():
        came = "is something else" if path.exists() else "does not exist"
        raise FileNotFoundError(f"{name} must name a file; {path} {came}.")
    return str(path)


class _Npy(NamedTuple):
    """What the head of an NPY file says."""

    path: str
    shape: tuple[int, ...]
    dtype: np.dtype

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Some rows. The map lives no longer than this: its pages would count as memory used."""
        return np.array(np.load(self.path, mmap_mode="r")[start:stop])


def _npy(name: str, path: str | os.PathLike) -> _Npy:
    path = _there(name, path)
    try:
        array = np.load(path, mmap_mode="r")
    except (ValueError, EOFError) as error:
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
      ValueError: no arrays of numbers, or of unlike lengths, or one file for two of them.
      OSError: a file that cannot be read.
    """
    given = {"x": x, "y": y} | ({} if weights is None else {"weights": weights})
    files = [_npy(name, path) for name, path in given.items()]
    kept = {os.path.realpath(file.path) for file in files}
    check(len(kept) == len(files), f"{', '.join(given)} must be files of their own; got one twice.")
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


class _Roles(NamedTuple):
    """What the columns of Parquet files are for."""

    features: tuple[str, ...]
    targets: tuple[str, ...]
    weights: tuple[str, ...]  # one or none

    def all(self) -> list[str]:
        """The names of all."""
        return [*self.features, *self.targets, *self.weights]


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
      ValueError: a file that is no Parquet, a column that is not there, stands twice in a file, or
        is asked for in two roles; when it is read, one that is no number.
      OSError: a file that cannot be read.
    """
    parquet = optional("pyarrow.parquet", "parquet")
    alone = isinstance(path, (str, os.PathLike))
    paths = [_there("path", p) for p in ([path] if alone else as_list("path", path, "paths"))]
    check(len(paths) > 0, "path must name at least one file; got none.")
    known = {one: _columns_of(parquet, one) for one in paths}
    roles = _roles(known[paths[0]], targets, features, weights)
    for one, names in known.items():
        for name in roles.all():
            check_one_of(f"a column of {one}", name, names)
            check(names.count(name) == 1, f"{one} must have one column {name!r}; got several.")
    if rows is None:
        rows = max(1, CHUNK_BYTES // (8 * len(roles.features)))
    check_integer("rows", rows, 1)
    told: list[str] = []

    def taken(one: str, batch: Any, columns: Sequence[str]) -> np.ndarray:
        found = [
            numbers(
                f"column {name!r} of {one}",
                batch.column(name).to_numpy(zero_copy_only=False),
                told,
            )
            for name in columns
        ]
        return np.stack(found, axis=1)

    def make() -> Iterator[tuple[np.ndarray, ...]]:
        for one in paths:
            with parquet.ParquetFile(one) as file:
                for batch in file.iter_batches(rows, columns=roles.all()):
                    x, y = taken(one, batch, roles.features), taken(one, batch, roles.targets)
                    more = (taken(one, batch, roles.weights)[:, 0],) if roles.weights else ()
                    yield (x, y, *more)

    count = sum(parquet.read_metadata(one).num_rows for one in paths)
    return Chunks(paths[0], make, roles.features, count)


def _columns_of(parquet: Any, path: str) -> list[str]:
    try:
        return list(parquet.read_schema(path).names)
    except ValueError as error:  # pyarrow's ArrowInvalid is one
        raise ValueError(f"path must name Parquet files; {path} is none.") from error


def _roles(
    known: Sequence[str],
    targets: str | Sequence[str],
    features: Sequence[str] | None,
    weights: str | None,
) -> _Roles:
    """Takes the names of columns; ValueError where one stands in two roles, or twice in one."""
    if isinstance(targets, str):
        targets = [targets]
    wanted = as_list("targets", targets, "names")
    check(
        weights is None or isinstance(weights, str),
        f"weights must be the name of a column; got {shown(weights)}.",
    )
    apart = [*wanted, *([] if weights is None else [weights])]
    others = [name for name in known if name not in apart]
    listed = others if features is None else as_list("features", features, "names")
    check(len(wanted) > 0 and len(listed) > 0, "targets and features must name columns; got none.")
    seen: dict[str, str] = {}
    roles = {"features": listed, "targets": wanted, "weights": apart[len(wanted) :]}
    for role, names in roles.items():
        for name in as_names(role, names, len(names)) or ():
            check(
                name not in seen,
                f"{role} must name other columns than {seen.get(name)}; got {name!r} in both.",
            )
            seen[name] = role
    return _Roles(*(tuple(map(str, names)) for names in roles.values()))
