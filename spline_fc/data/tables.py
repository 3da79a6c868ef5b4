"""Tables of named columns, each either text or read: from CSV through pandas, and from ARFF."""

import collections
import csv
import io
import pathlib
import re
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import numpy as np
from absl import logging

from spline_fc.checks import check, check_boolean, check_integer, check_one_of, shown
from spline_fc.data import dialect
from spline_fc.data.cells import MISSING, Cells, Format, Read
from spline_fc.data.dress import is_number
from spline_fc.data.files import read_text

_GUESSED_ROWS = 1000  # that a guess about the header looks at
_EXCEL = re.compile(r'"?sep=(.)"?\s*')


class Table(NamedTuple):
    """Named columns of equal length."""

    path: str | pathlib.Path  # for errors
    names: tuple[str, ...]
    columns: tuple[Cells | Read, ...]
    num_rows: int
    place: Callable[[int], str]  # "file, line 7" of a row
    has_header: bool = True
    comma_decides: bool = False  # see `cells.interpret`
    unnamed: frozenset[str] = frozenset()  # names that were given here, as the file had none
    repeated: frozenset[str] = frozenset()  # names that stood above several columns


class _Grid(NamedTuple):
    """The cells of a file before its first row is known to be a header or not."""

    first: list[str]
    columns: list[np.ndarray]  # each (n,) object, the first row included
    lines: np.ndarray  # (n,)
    uneven: str  # what is wrong with the first row unless it is a header; "" where nothing is


def read_csv(
    path: pathlib.Path,
    *,
    header: bool | None = None,
    delimiter: str | None = None,
    known: Collection[str] = (),
) -> Table:
    """Reads a delimited text file, plain or compressed, every cell as text.

    Lines at the top that start with "#" are passed over (the last of them is the header if it has
    a name for each column and nothing else is), so are blank lines; a delimiter at the end of each
    line is dropped. A header that is one short leaves the first column without a name.

    Args:
      path: of the file.
      header: whether the first row holds names; None guesses where no known one is in it, see
        `dialect.is_header`.
      delimiter: one of `dialect.DELIMITERS`, " " for white space; None sniffs.
      known: names that tell a header where they appear in it.

    Returns:
      Table of Cells.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: no delimiter fits, no rows, or rows of unequal length, with file and line.
    """
    text, comment, excel = _without_preamble(read_text(path))
    single = delimiter is None or (isinstance(delimiter, str) and len(delimiter) == 1)
    check(single, f"delimiter must be one character; got {shown(delimiter)}.")
    delimiter = delimiter or excel or dialect.sniff_delimiter(text)
    wanted = "divided by ';', ',', '|', tab or white space; no delimiter fits"
    if delimiter is None:
        raise ValueError(f"{path} must be a table {wanted}.")
    grid = _read_grid(path, text, delimiter)
    names = grid.first
    start = _starts_with_header(grid, header, known)
    check(start == 1 or not grid.uneven, grid.uneven)
    if not start and header is None and comment is not None:
        names = dialect.split_line(comment, delimiter)
        width = len(grid.columns)
        words = len(names) == width and not any(map(is_number, names))
        names = names if words else []
    elif not start:
        names = []
    lines = grid.lines[start:]
    check(len(lines) > 0, f"{path} must hold at least one row below its header; got none.")
    place = lambda row: f"{path}, line {lines[row]}"  # noqa: E731
    named, unnamed, repeated = _distinct(path, names, len(grid.columns))
    columns = tuple(
        _cells(name, column[start:], place)
        for name, column in zip(named, grid.columns, strict=True)
    )
    table = Table(path, named, columns, len(lines), place)
    return table._replace(
        has_header=bool(names),
        comma_decides=delimiter == ";",
        unnamed=unnamed,
        repeated=repeated,
    )


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
    except (
        ValueError,
        LookupError,
        StopIteration,
        TypeError,
        AttributeError,
        NotImplementedError,
        arff.ArffError,
    ) as error:
        reason = str(error) or type(error).__name__
        raise ValueError(f"{path} must be a dense ARFF file; got an error: {reason}.") from error
    check(records.size > 0, f"{path} must hold at least one row; got none.")
    columns = []
    for name, kind in zip(meta.names(), meta.types(), strict=True):
        column = records[name]
        if column.dtype.kind == "M":
            gap, seconds = np.isnat(column), column.astype("datetime64[s]").astype(np.float64)
            format = Format("date", unit="seconds", order="ymd")
            columns.append(
                Read(format, np.where(gap, np.nan, seconds), "dates, seconds since 1970")
            )
            continue
        if kind == "numeric":
            columns.append(Read(Format("number"), column.astype(np.float64)))
            continue
        words = np.char.decode(column, "utf-8")
        missing = np.isin(words, list(MISSING))
        columns.append(Read(Format("category"), np.where(missing, "", words).astype(object)))
    place = lambda row: f"{path}, row {row}"  # noqa: E731
    return Table(path, tuple(meta.names()), tuple(columns), records.size, place)


def column_of(table: Table, argument: str, column: str | int) -> str:
    """Returns the name of a column given by name or number.

    Raises:
      ValueError: there is none, or the name stands above several columns.
    """
    if isinstance(column, str):
        check_one_of(argument, column, table.names)
        check(
            column not in table.repeated,
            f"{argument} must name one column, by its number where names repeat; {column!r} names "
            f"several of {table.path}.",
        )
        return column
    check_integer(argument, column, -len(table.names))
    check(
        column < len(table.names),
        f"{argument} must be a column below {len(table.names)}; got {column}.",
    )
    return table.names[column]


def _without_preamble(text: str) -> tuple[str, str | None, str | None]:
    """Blanks comments and a "sep=;" at the top; returns the last comment and the delimiter too."""
    text = text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
    comment, delimiter = None, None
    kept, position = 0, 0
    while position < len(text):
        end = text.find("\n", position) + 1 or len(text)
        line = text[position:end].strip()
        match = _EXCEL.fullmatch(line)
        if match:
            delimiter = match[1]
        elif line.startswith("#") and "".join(line.split("#")):
            comment = line.lstrip("# ")
        elif line:
            break
        kept, position = kept + text.count("\n", position, end), end
    if comment is None and delimiter is None:
        return text, None, None
    return "\n" * kept + text[position:], comment, delimiter


def _read_grid(path: pathlib.Path, text: str, delimiter: str) -> _Grid:
    """All cells, rows of equal width, without rows and a last column that hold nothing."""
    import pandas as pd  # takes longer to import than all of this package

    try:
        widths, lines = dialect.row_places(text, delimiter)
    except csv.Error as error:
        reason, line = error.args
        raise ValueError(f"{path}, line {line}: must be valid CSV ({reason}).") from error
    check(len(widths) > 0, f"{path} must hold at least one row; got none.")
    _check_widths(path, widths, lines)
    try:
        frame = pd.read_csv(
            io.StringIO(text),
            sep=r"\s+" if delimiter == " " else delimiter,
            header=None,
            names=range(max(widths)),
            index_col=False,
            dtype=object,
            na_filter=False,
            skipinitialspace=True,
        )
    except (pd.errors.ParserError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path} must be valid CSV; got an error ({reason}).") from error
    check(len(frame) == len(lines), f"{path} must be valid CSV; got quotes that do not match.")
    columns = [frame[j].to_numpy(object) for j in frame.columns]
    blank = np.logical_and.reduce([column == "" for column in columns])
    if blank.any():
        columns = [column[~blank] for column in columns]
    first = [str(column[0]).strip() if len(column) else "" for column in columns]
    numbered = np.array(lines)[~blank]
    grid = _trimmed(_Grid(first, columns, numbered, ""), widths)
    if widths[0] == max(widths[1:], default=widths[0]):
        return grid
    uneven = f"{path}, line {lines[0]}: must have {max(widths[1:])} cells; got {widths[0]}."
    check(widths[0] < max(widths) or first[-1] == "", uneven)
    return grid._replace(uneven=uneven)


def _check_widths(path: pathlib.Path, widths: list[int], lines: list[int]) -> None:
    """Refuses ragged rows; the first may be one shorter or longer than the others."""
    body = widths[1:] or widths
    wanted = collections.Counter(body).most_common(1)[0][0]
    if abs(widths[0] - wanted) > 1:
        wanted = widths[0]
    for width, line in zip(body, lines[1:] or lines, strict=True):
        check(width == wanted, f"{path}, line {line}: must have {wanted} cells; got {width}.")


def _trimmed(grid: _Grid, widths: list[int]) -> _Grid:
    """Without the empty last column that a delimiter at the end of lines makes."""
    if len(grid.columns) > 2 and bool((grid.columns[-1] == "").all()):
        return grid._replace(first=grid.first[:-1], columns=grid.columns[:-1])
    if len(widths) > 1 and widths[0] < widths[1]:  # as R writes names of rows
        return grid._replace(first=["", *grid.first[:-1]])
    return grid


def _starts_with_header(grid: _Grid, header: bool | None, known: Collection[str]) -> int:
    """1 where the first row is a header, else 0."""
    if header is not None:
        check_boolean("header", header)
        return int(header)
    if not set(known).isdisjoint(grid.first):
        return 1
    below = [[str(c).strip() for c in column[1 : _GUESSED_ROWS + 1]] for column in grid.columns]
    if len(grid.lines) == 1:
        return int(not any(map(is_number, grid.first)))
    return int(dialect.is_header(grid.first, below))


def _distinct(
    path: pathlib.Path, names: Sequence[str], width: int
) -> tuple[tuple[str, ...], frozenset[str], frozenset[str]]:
    """Names for all columns, each once; those that were made up, those that stood there twice."""
    given = list(names) or [""] * width
    counts = collections.Counter(n for n in given if n)
    repeated = frozenset(n for n, count in counts.items() if count > 1)
    taken, unnamed, found = set(given), set(), []
    for j, name in enumerate(given):
        fresh, number = name or f"column_{j}", 1
        while fresh in found or (fresh != name and fresh in taken):
            fresh, number = f"{name or f'column_{j}'}.{number}", number + 1
        if not name:
            unnamed.add(fresh)
        found.append(fresh)
    if repeated:
        logging.warning("%s: names that repeat are numbered: %s.", path, ", ".join(found))
    return tuple(found), frozenset(unnamed), repeated


def _cells(name: str, column: np.ndarray, place: Callable[[int], str]) -> Cells:
    import pandas as pd

    codes, words = pd.factorize(column)
    return Cells(name, [word.strip() for word in words.tolist()], codes, place)
