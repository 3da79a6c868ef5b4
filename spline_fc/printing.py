"""Records that print themselves in a few lines, and how numbers and names are written.

A record prints a sentence, and a small table of what it holds. Its arrays are told by dtype and
shape, those of NumPy also by their range; nothing is fetched from a device, and a record that is
traced or half empty prints as well.
"""

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from spline_fc.checks import shown

MOST_ROWS, MOST_COLUMNS = 18, 8  # of a table
MOST_WIDTH = 96  # of a line
NONE = "–"  # a number that there is not
_MOST_RANGED = 10**6  # numbers of an array whose range is looked for
_MOST_LISTED = 6  # numbers of an array that are shown themselves

Rows = Sequence[Sequence[str]]
Record = TypeVar("Record", bound=type)


def printed(record: Record) -> Record:
    """Makes a NamedTuple print itself briefly, as text and as HTML; a class decorator.

    The class may say more than its fields do by the methods `_sentence() -> str`, and
    `_table() -> rows` of cells, the first row being the head.
    """
    kind: Any = record
    kind.__repr__, kind._repr_html_ = _text, _html
    return record


def significant(value: float, digits: int = 3) -> str:
    """Formats a number with so many significant digits, without exponents in the common range."""
    if math.isnan(value):
        return NONE
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if size < -4 or size > 6:
        return f"{value:.{digits - 1}e}".replace("-", "−")
    return f"{value:,.{max(digits - 1 - size, 0)}f}".replace("-", "−")


def one_line(name: str) -> str:
    """A name from a file without line breaks and control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in name).split())


def shortened(name: str, limit: int) -> str:
    """A name in one line, its end cut where it has more characters than the limit."""
    name = one_line(name)
    return name if len(name) <= limit else name[: limit - 1] + "…"


def summary(value: Any) -> str:
    """What stands in one field, in one short line."""
    if hasattr(value, "_fields"):
        scalars = all(isinstance(v, (int, float)) for v in value)
        fields = zip(value._fields, value, strict=True)
        return ", ".join(f"{n} {summary(v)}" for n, v in fields) if scalars else _sentence(value)
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(getattr(value, "shape", None), tuple) and hasattr(value, "dtype"):
        return _array(value)
    if isinstance(value, Mapping):
        return f"{{{_names(map(str, value))}}}"
    if isinstance(value, (list, tuple)) and value:
        if all(isinstance(item, str) for item in value):
            return f"{len(value)}: {_names(value)}" if len(value) > 1 else value[0]
        if any(hasattr(item, "_fields") or hasattr(item, "shape") for item in value):
            return f"{len(value)} of {_kind(value[0])}"
    return value if isinstance(value, str) else shown(value)


def _kind(value: Any) -> str:
    return type(value).__name__


def _array(array: Any) -> str:
    """dtype[shape], and the values or the range of a NumPy array of numbers."""
    told = f"{array.dtype}[{', '.join(map(str, array.shape))}]"
    real = isinstance(array, np.ndarray) and array.dtype.kind in "fiu"
    if not real or not 0 < array.size <= _MOST_RANGED:
        return told
    if array.size <= _MOST_LISTED:
        return f"{told} {', '.join(f'{v:.4g}' for v in array.flat)}"
    finite = array[np.isfinite(array)]
    missing = array.size - finite.size
    range_ = f" {finite.min():.4g} to {finite.max():.4g}" if finite.size else ""
    return told + range_ + (f", {missing} not finite" if missing else "")


def _names(names: Any) -> str:
    names = list(names)
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")


def _sentence(record: Any) -> str:
    own = getattr(record, "_sentence", None)
    return own() if own else _kind(record)


def _table(record: Any) -> list[list[str]]:
    """The cells of a record's table; what is too long or too many is cut."""
    own = getattr(record, "_table", None)
    fields = zip(record._fields, record, strict=True)
    rows = own() if own else [(name, summary(value)) for name, value in fields]
    cells = [[" ".join(cell.split()) for cell in row] for row in rows]
    if len(cells) > MOST_ROWS:
        rest = len(cells) - MOST_ROWS + 1
        cells = [*cells[: MOST_ROWS - 1], [f"... and {rest} more"]]
    return [[_cut(cell) for cell in row[:MOST_COLUMNS]] for row in cells]


def _cut(text: str, width: int = MOST_WIDTH - 16) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."


def _text(record: Any) -> str:
    cells = _table(record)
    columns = max(map(len, cells), default=0)
    widths = [max(len(row[j]) for row in cells if len(row) > j) for j in range(columns)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]
    head = " ".join(_sentence(record).split())
    return "\n".join(
        [_cut(head, 2 * MOST_WIDTH), *(_cut(f"  {line}", MOST_WIDTH) for line in lines)]
    )


def _html(record: Any) -> str:
    rows = ("".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in _table(record))
    table = "".join(f"<tr>{row}</tr>" for row in rows)
    sentence = html.escape(_cut(" ".join(_sentence(record).split()), 2 * MOST_WIDTH))
    return f"<div><p>{sentence}</p><table>{table}</table></div>"
