"""How a text is divided: its delimiter, the width of its rows, and whether it has a header."""

import collections
import csv
import io
from collections.abc import Callable, Sequence

from spline_fc.data.cells import MISSING, NUMERIC_SHARE
from spline_fc.data.dates import match_date
from spline_fc.data.dress import is_number

DELIMITERS = (";", "\t", "|", ",", " ")  # " " is white space of any length
_SNIFFED_LINES = 50


def split_line(line: str, delimiter: str) -> list[str]:
    """The cells of one line, stripped."""
    if delimiter == " ":
        line = " ".join(line.split())
    reader = csv.reader([line], delimiter=delimiter, skipinitialspace=True)
    return [cell.strip() for cell in next(reader, [])]


def sniff_delimiter(text: str) -> str | None:
    """Finds the delimiter of a text, None if there is none.

    Of those that divide four fifths of the first lines into equally many cells, it is the one whose
    cells are numbers, dates or missing most often: "1,5;2,5" is two numbers at the semicolon and
    one at the commas. One that also divides the first line like the others comes before one that
    does not, as the white space in "2024-01-01 00:00 CET". Among equals the order is that of
    DELIMITERS.
    """
    head = [line for line in io.StringIO(text) if line.strip()][:_SNIFFED_LINES]
    best, most = None, (False, -1.0)
    for delimiter in DELIMITERS:
        lines = [" ".join(line.split()) for line in head] if delimiter == " " else head
        try:
            reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
            rows = [cells for cells in reader if cells]
        except csv.Error:
            continue
        widths = collections.Counter(map(len, rows))
        width, count = widths.most_common(1)[0] if widths else (1, 0)
        if width < 2 or count < 0.8 * len(rows):
            continue
        cells = [cell.strip() for row in rows if len(row) == width for cell in row]
        share = sum(map(_is_value, cells)) / (width * len(rows))
        header_fits = abs(len(rows[0]) - width) <= 1
        if (header_fits, share) > most:
            best, most = delimiter, (header_fits, share)
    return best


def row_places(text: str, delimiter: str) -> tuple[list[int], list[int]]:
    """Width and last line of every row that is not blank.

    Raises:
      csv.Error: a quote is not closed, or stands within a cell; `args` are reason and line.
    """
    widths, lines = [], []
    if '"' not in text and delimiter != " ":
        for number, line in enumerate(io.StringIO(text), start=1):
            if line.strip():
                widths.append(line.count(delimiter) + 1)
                lines.append(number)
        return widths, lines
    stream = io.StringIO(text)
    source = (" ".join(line.split()) for line in stream) if delimiter == " " else stream
    reader = csv.reader(source, delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        for cells in reader:
            if any(cells):
                widths.append(len(cells))
                lines.append(reader.line_num)
    except csv.Error as error:
        raise csv.Error(str(error), reader.line_num) from error
    return widths, lines


def is_header(first: Sequence[str], columns: Sequence[Sequence[str]]) -> bool:
    """Guesses whether the first row of a table names its columns.

    A word above numbers or dates speaks for a header, a number above numbers or a word that comes
    again below it against one. The names may be numbers where the cells below are of another kind:
    years above what is no year, 0, 1, 2, ... above fractions. In a table of words alone, a first
    row of which nothing comes again is a header.

    Args:
      first: cells of the first row.
      columns: for each of them the cells below it, stripped; of the first rows, as many as wanted.
    """
    if _numbered(first, columns):
        return True
    kinds = [_kind(below) for below in columns]
    above = [
        (name, kind) for name, kind in zip(first, kinds, strict=True) if kind in ("number", "date")
    ]
    alike = {"number": is_number, "date": lambda name: is_number(name) or match_date(name)}
    if any(alike[kind](name) for name, kind in above):
        return False
    if any(name not in MISSING for name, _ in above):
        return True
    three = zip(first, columns, kinds, strict=True)
    words = [(name, below) for name, below, kind in three if kind == "word"]
    if any(name in below for name, below in words if name not in MISSING):
        return False
    return bool(words) and not any(is_number(name) for name, _ in words)


def _numbered(first: Sequence[str], columns: Sequence[Sequence[str]]) -> bool:
    """Whether the first row counts (years, or from 0 or 1) what the cells below do not."""
    places = [j for j, name in enumerate(first) if name.isdecimal()]
    if len(places) < 2:
        return False
    names = [int(first[j]) for j in places]
    years = 1900 <= names[0] and names[-1] <= 2100 and names == sorted(set(names))
    counted = names == list(range(names[0], names[0] + len(names)))
    counted = counted and (names[0] == 0 or (names[0] == 1 and len(names) > 2))
    if not counted and not years:
        return False
    if not first[0] and names[0] == 0 and columns[0][:1] in (["0"], ("0",)):
        return True  # what pandas writes for a matrix
    others = [j for j, name in enumerate(first) if j not in places]
    if any(is_number(first[j]) and first[j] not in MISSING for j in others):
        return False
    below = [[c for c in columns[j] if c not in MISSING] for j in places]
    if years:
        return all(not _mostly(cells, _is_year) for cells in below)
    return all(_mostly(cells, lambda c: is_number(c) and not c.isdecimal()) for cells in below)


def _is_year(cell: str) -> bool:
    return cell.isdecimal() and 1900 <= int(cell) <= 2100


def _mostly(cells: Sequence[str], good: Callable[[str], bool]) -> bool:
    return sum(map(good, cells)) > len(cells) / 2


def _kind(cells: Sequence[str]) -> str:
    """ "number", "date" or "word"; "none" for a column without any cell."""
    present = [cell for cell in cells if cell not in MISSING]
    if not present:
        return "none"
    numbers, dates = sum(map(is_number, present)), sum(match_date(c) is not None for c in present)
    if max(numbers, dates) < NUMERIC_SHARE * len(present):
        return "word"
    return "number" if numbers >= dates else "date"


def _is_value(cell: str) -> bool:
    return cell in MISSING or is_number(cell, measured=True) or match_date(cell) is not None
