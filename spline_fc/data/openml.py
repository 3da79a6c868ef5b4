"""Fetching from OpenML through scikit-learn, kept in a cache whose checksum is verified."""

import csv
import hashlib
import io
import os
import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from absl import logging

from spline_fc.checks import check
from spline_fc.data.tables import Table, read_csv


class OpenmlSource(NamedTuple):
    """Where a data set lies on OpenML and what it must look like, so that no other is mistaken."""

    data_id: int
    num_rows: int
    num_columns: int  # features, before categories are encoded


def default_cache_dir() -> pathlib.Path:
    """Returns the folder spline_fc below XDG_CACHE_HOME, or below ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "spline_fc"


def load_openml(
    name: str,
    source: OpenmlSource,
    cache_dir: pathlib.Path | None = None,
    fetch: Callable[..., Any] | None = None,
) -> Table:
    """Returns the table of an OpenML data set, from the cache if it was fetched before.

    The first fetch writes `<name>.csv` and its sha256 beside it; later calls compare.

    Args:
      name: of the data set; names the files in the cache.
      source: its OpenML number and expected size.
      cache_dir: None for `default_cache_dir()`.
      fetch: a function with the signature of sklearn.datasets.fetch_openml, which is the default.

    Returns:
      Table, the target in the last column; names and order of the columns are OpenML's.

    Raises:
      FileNotFoundError: not in the cache, and OpenML cannot be reached.
      ValueError: the cached file does not match its checksum, or the size is not the expected one.
    """
    folder = pathlib.Path(cache_dir) if cache_dir is not None else default_cache_dir()
    path = folder / f"{name}.csv"
    record = folder / f"{name}.csv.sha256"
    if path.is_file() and record.is_file():
        wanted, came = record.read_text().strip(), _sha256(path.read_bytes())
        check(
            wanted == came,
            f"cached {path} must have sha256 {wanted}; got {came} (delete it to fetch it again).",
        )
    else:
        content = _fetch(name, source, fetch or _fetch_openml())
        folder.mkdir(parents=True, exist_ok=True)
        _write(path, content)
        _write(record, (_sha256(content) + "\n").encode())
        logging.info("%s: fetched OpenML data set %d into %s.", name, source.data_id, path)
    return read_csv(path)


def _fetch_openml() -> Callable[..., Any]:
    import sklearn.datasets  # takes longer to import than all of this package

    return sklearn.datasets.fetch_openml


def _fetch(name: str, source: OpenmlSource, fetch: Callable[..., Any]) -> bytes:
    try:
        bunch = fetch(data_id=source.data_id, as_frame=False, parser="liac-arff", cache=False)
    except OSError as error:  # urllib's errors, timeouts and refused connections are all OSErrors
        raise FileNotFoundError(
            f"data set {name!r} is neither in data_dir, nor in the folder named by SPLINE_FC_DATA, "
            f"and OpenML data set {source.data_id} could not be fetched ({error})."
        ) from error
    shape, wanted = np.shape(bunch.data), (source.num_rows, source.num_columns)
    check(
        shape == wanted,
        f"OpenML data set {source.data_id} for {name!r} must have shape {wanted}; got {shape}.",
    )
    columns = [
        _words(bunch.data[:, j], (bunch.categories or {}).get(feature))
        for j, feature in enumerate(bunch.feature_names)
    ]
    columns.append(_words(np.ravel(bunch.target), None))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*bunch.feature_names, *bunch.target_names])
    writer.writerows(zip(*columns, strict=True))
    return text.getvalue().encode()


def _words(column: Any, levels: list[str] | None) -> list[str]:
    """Cells as text; nominal features come as numbers of their levels."""
    if levels is None:
        # The target of a classification task is words already; float() keeps numbers exact.
        return [v if isinstance(v, str) else repr(float(v)) for v in column]
    return ["" if np.isnan(v) else levels[int(v)] for v in column.astype(np.float64)]


def _write(path: pathlib.Path, content: bytes) -> None:
    """Writes through a neighbour, so that an interrupted fetch leaves no half file."""
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    partial.write_bytes(content)
    partial.replace(path)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
