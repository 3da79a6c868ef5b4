"""The columns of the file behind the columns of x, and their values in words."""

import datetime
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from absl import logging

from spline_fc.data import Encoding
from spline_fc.data.cells import Format
from spline_fc.data.encoding import FEATURE, spell
from spline_fc.printing import printed

_EPOCH = datetime.datetime(1970, 1, 1)
_NUMBER = Format("number")


@printed
class Column(NamedTuple):
    """A column of the file, and the columns of x that it becomes."""

    name: str
    places: tuple[int, ...]  # among the columns of x
    levels: tuple[str, ...]  # of a category, else ()
    format: Format

    @property
    def shown_levels(self) -> tuple[str, ...]:
        """The level of each place: of two levels there is one place, for the second."""
        return self.levels[len(self.levels) - len(self.places) :]


def file_columns(encoding: Encoding | None, feature_names: Sequence[str]) -> tuple[Column, ...]:
    """Lists the columns of the file that are features, in order.

    Args:
      encoding: of the training rows; without one every column of x is one of the file.
      feature_names: of the columns of x.
    """
    if encoding is None:
        named = enumerate(feature_names)
        return tuple(Column(name, (place,), (), _NUMBER) for place, name in named)
    groups = encoding.groups
    return tuple(
        Column(c.name, groups[c.name], tuple(map(spell, c.levels)), c.format)
        for c in encoding.of_role(FEATURE)
    )


def tell_pulled_in(beyond: np.ndarray, columns: Sequence[Column]) -> None:
    """Warns of cells (n, d) of x that lay beyond the training rows, if there are any."""
    rows = int(beyond.any(axis=1).sum())
    if rows:
        counts = [int(beyond[:, list(column.places)].any(axis=1).sum()) for column in columns]
        most = int(np.argmax(counts))
        message = (
            "%d of %d rows lie beyond the range of the training rows, %d of them in %s, and are "
            "pulled in to it, as extrapolate=clip says."
        )
        logging.warning(message, rows, len(beyond), counts[most], columns[most].name)


def word_of(column: Column, x: np.ndarray) -> str:
    """What a row (d,) of x has in a column of the file: a number, a date, or a level."""
    values = x[list(column.places)]
    if not column.levels:
        return number_word(column.format, values[0])
    own = [level for level, value in zip(column.shown_levels, values, strict=True) if value == 1]
    if own or len(column.levels) == 2:
        return own[0] if own else column.levels[0]
    return "(none of its levels)"


def number_word(format: Format, value: float, decimals: int = 6) -> str:
    """A number of a column as people write it: dates and times as such.

    `decimals` are those of a second that are known, at most 6; zeros at their end are not written.
    """
    if format.kind == "number":
        return f"{value:.6g}"
    seconds = round(value * (86400.0 if format.unit == "days" else 1.0), decimals)
    try:
        moment = _EPOCH + datetime.timedelta(seconds=seconds)
    except OverflowError:
        return f"{value:.6g}"
    if format.unit == "days":
        return moment.date().isoformat()
    if format.kind == "time" and not 0 <= seconds < 86400:
        return f"{value:.6g}"
    text = moment.time().isoformat() if format.kind == "time" else moment.isoformat(" ")
    return text.rstrip("0") if moment.microsecond else text
