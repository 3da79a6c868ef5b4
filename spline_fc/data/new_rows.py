"""New rows and second files, encoded as the rows of a data set were; and a report by column."""

import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from spline_fc.arrays import columns
from spline_fc.checks import check, check_finite
from spline_fc.data.encoding import FEATURE, TARGET, ColumnReport, Encoding, report
from spline_fc.data.frames import frame_table, is_frame
from spline_fc.data.load import as_encoding, find_path, load, read_table
from spline_fc.data.matrices import encode_like, fill
from spline_fc.data.records import Dataset
from spline_fc.data.tables import Table


def encode(encoding: Encoding | Dataset, source: Any) -> np.ndarray:
    """Encodes new rows as the rows of a data set were; in raw units, for `scale_x` to standardise.

    Columns are found by name and others passed over. A level that the encoding does not have is one
    of its levels if it differs in case, spaces or a final point alone; else all 0/1 columns of its
    feature are 0. Both are counted by a warning. A gap gets the median of the training rows, or the
    level "missing", where the encoding has one (missing="median").

    Args:
      encoding: a data set, or its encoding.
      source: path of a CSV or ARFF file, data frame, mapping of columns, or a Table; or a matrix
        (n, d), by position, if all features are numbers.

    Returns:
      (n, d) float64, in the order of the source.

    Raises:
      ValueError: a column is absent or of another kind, a cell cannot be read, a gap for which the
        encoding has no value.
      FileNotFoundError: there is no such file.
    """
    encoding = as_encoding(encoding)
    table = _table(encoding, source)
    if table is None:
        return _matrix(encoding, source)
    return encode_like(encoding, table).x


def encode_with_targets(encoding: Encoding | Dataset, source: Any) -> tuple[np.ndarray, np.ndarray]:
    """Encodes rows and their targets, which stand in columns of the names they had.

    Args:
      encoding: a data set, or its encoding.
      source: path, data frame or mapping of columns, as `encode` takes it.

    Returns:
      x (n, d), y (n, k), float64, in raw units.

    Raises:
      ValueError: as `encode`; also a label that the encoding does not have.
      FileNotFoundError: there is no such file.
    """
    encoding = as_encoding(encoding)
    table = _table(encoding, source)
    if table is None:
        raise ValueError("source must be a path, a data frame or a mapping; got an array.")
    found = encode_like(encoding, table, roles=(FEATURE, TARGET))
    return found.x, found.y


def describe_columns(source: Any, **options: Any) -> ColumnReport:
    """Says what each column of a table was taken for, its levels, gaps, and what was filled.

    Args:
      source: a data set, an encoding, or whatever `load` takes.
      **options: of `load`.

    Returns:
      ColumnReport, which prints itself as a table.

    Raises:
      ValueError: a data set without columns (images, generated data), and what `load` refuses.
    """
    if not isinstance(source, (Dataset, Encoding)):
        source = load(source, **options)
    return report(as_encoding(source))


def _table(encoding: Encoding, source: Any) -> Table | None:
    """The source as a table, None for an array."""
    if isinstance(source, Table):
        return source
    if isinstance(source, (str, os.PathLike)):
        path = find_path(os.fspath(source), None) or pathlib.Path(source)
        if not path.is_file():
            raise FileNotFoundError(f"data file {path} does not exist, or is a folder.")
        return read_table(path, encoding)
    if is_frame(source) or isinstance(source, Mapping):
        return frame_table("source", source)
    return None


def _matrix(encoding: Encoding, source: Any) -> np.ndarray:
    """New rows (n, d) of numbers, by position."""
    names = encoding.feature_names
    words = [c.name for c in encoding.of_role(FEATURE) if c.levels]
    check(not words, f"source must have names, as {words[:1]} hold words; got an array.")
    values = columns("source", source, names).values.astype(np.float64)
    values = fill(encoding, values)
    check_finite("source", values)
    return values
