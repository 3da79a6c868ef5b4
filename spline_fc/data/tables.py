"""Reading tables of named columns: CSV with sniffed delimiter and header, and ARFF."""

import collections
import csv
import io
import pathlib
from typing import NamedTuple

import numpy as np

from spline_fc.checks import check
from spline_fc.data.files import read_text

MISSING = frozenset({"", "?", "NA", "N/A", "NaN", "nan", "null", "NULL"})
_DELIMITERS = (";", "\t", ",")
_SNIFFED_LINES = 50
# A column with this share of numbers is meant to be numeric, and its other cells are mistakes.
_NUMERIC_SHARE = 0.9


class Table(NamedTuple):
    """Named columns of equal length: float64 with NaN for missing, or str with "" for missing."""

    path: pathlib.Path
    names: tuple[str, ...]
    columns: tuple[np.ndarray, ...]  # each (n,)


def read_csv(path: pathlib.Path) -> Table:
    """Reads a delimited text file, plain or gzip.

    The delimiter is whichever of ";", tab, "," or white space divides the first lines most
    consistently. The first line is a header if none of its cells is a number or missing while the
    line after it holds one; otherwise columns are called column_0, column_1 and so on. Missing
    cells are empty, "?", "NA", "N/A", "NaN" or "null".

    Returns:
      Table; a column is numeric when all its cells that are present are numbers.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: no delimiter fits, no rows, rows of unequal length, infinite numbers, or a stray
        word in a numeric column, with file and line.
    """
    text = read_text(path)
    rows, lines = _split_cells(path, text, _sniff_delimiter(path, text))
    header: list[str] = []
    if _is_header(rows):
        header, rows, lines = [c.strip() for c in rows[0]], rows[1:], lines[1:]
    check(len(rows) > 0, f"{path} must hold at least one row below its header; got none.")
    width = len(header) or len(rows[0])
    for row, line in zip(rows, lines, strict=True):
        check(len(row) == width, f"{path}, line {line}: must have {width} cells; got {len(row)}.")
    names = tuple(name or f"column_{j}" for j, name in enumerate(header or [""] * width))
    check(len(set(names)) == width, f"{path} must have distinct column names; got {names}.")
    cells = zip(*rows, strict=True)
    columns = tuple(_column(path, n, c, lines) for n, c in zip(names, cells, strict=True))
    return Table(path, names, columns)


def read_arff(path: pathlib.Path) -> Table:
    """Reads an ARFF file of numeric and nominal attributes, plain or gzip.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: not ARFF, sparse rows or string attributes, or no rows.
    """
    from scipy.io import arff  # with sparse matrices and all, for one kind of file

    try:
        records, meta = arff.loadarff(io.StringIO(read_text(path)))
    except FileNotFoundError:
        raise
    except (ValueError, IndexError, StopIteration, NotImplementedError, arff.ArffError) as error:
        reason = str(error) or type(error).__name__
        raise ValueError(f"{path} must be a dense ARFF file; got an error: {reason}.") from error
    check(records.size > 0, f"{path} must hold at least one row; got none.")
    columns = []
    for name, kind in zip(meta.names(), meta.types(), strict=True):
        column = records[name]
        if kind == "numeric":
            columns.append(column.astype(np.float64))
            continue
        words = np.char.decode(column, "utf-8")
        columns.append(np.where(np.isin(words, list(MISSING)), "", words))
    return Table(path, tuple(meta.names()), tuple(columns))


def select_columns(table: Table, names: tuple[str, ...]) -> list[np.ndarray]:
    """Returns the columns of these names, in this order."""
    return [table.columns[table.names.index(name)] for name in names]


def _sniff_delimiter(path: pathlib.Path, text: str) -> str | None:
    """The delimiter of a text, None for white space."""
    head = [line for line in text.splitlines() if line.strip()][:_SNIFFED_LINES]
    best, most = None, 1
    for delimiter in _DELIMITERS:
        reader = csv.reader(head, delimiter=delimiter, skipinitialspace=True)
        counts = collections.Counter(len(cells) for cells in reader if cells)
        width, lines = counts.most_common(1)[0] if counts else (1, 0)
        if width > most and lines >= 0.8 * counts.total():
            best, most = delimiter, width
    check(
        best is not None or (bool(head) and len(head[0].split()) > 1),
        f"{path} must be a table divided by ';', ',', tab or white space; no delimiter fits.",
    )
    return best


def _split_cells(
    path: pathlib.Path, text: str, delimiter: str | None
) -> tuple[list[list[str]], list[int]]:
    """Cells of every row that is not blank, and the line each row ends on."""
    if delimiter is None:
        numbered = enumerate((line.split() for line in text.splitlines()), start=1)
        kept = [(cells, line) for line, cells in numbered if cells]
        return [cells for cells, _ in kept], [line for _, line in kept]
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True, strict=True)
    rows, lines = [], []
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append(cells)
                lines.append(reader.line_num)
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.line_num}: must be valid CSV ({error}).") from error
    return rows, lines


def _is_header(rows: list[list[str]]) -> bool:
    first = [cell.strip() for cell in rows[0]]
    words = not any(cell in MISSING - {""} or _number(cell) is not None for cell in first)
    return words and (len(rows) == 1 or any(_number(cell) is not None for cell in rows[1]))


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _column(path: pathlib.Path, name: str, cells: tuple[str, ...], lines: list[int]) -> np.ndarray:
    stripped = [cell.strip() for cell in cells]
    words = ["" if cell in MISSING else cell for cell in stripped]
    numbers = [np.nan if word == "" else _number(word) for word in words]
    present = sum(word != "" for word in words)
    stray = next((i for i, number in enumerate(numbers) if number is None), None)
    if stray is not None:
        numeric = sum(number is not None for number in numbers) - (len(words) - present)
        check(
            numeric < _NUMERIC_SHARE * present,
            f"{path}, line {lines[stray]}: column {name!r} must hold numbers, as most of its rows "
            f"do; got {words[stray]!r}.",
        )
        return np.array(words)
    column = np.array(numbers, np.float64)
    if np.isinf(column).any():
        line = lines[int(np.argmax(np.isinf(column)))]
        raise ValueError(f"{path}, line {line}: column {name!r} must be finite; got infinity.")
    return column
