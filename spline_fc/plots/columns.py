"""What the axes of a picture are called and measured in."""

from typing import Any, NamedTuple

import numpy as np

from spline_fc.analysis.models import names_of
from spline_fc.analysis.shapes import raw_input
from spline_fc.checks import check, check_kind
from spline_fc.data import Dataset, Encoding, Scaler
from spline_fc.data.encoding import FEATURE, TARGET, encoded_names, spell
from spline_fc.printing import printed

MOST_ROWS = 500  # that a model is averaged over for a picture
_OUTPUTS = {"binary": "log-odds of ", "multiclass": "score of "}


class Feature(NamedTuple):
    """A column of the table, as one panel shows it: a number, a date, or levels of a category."""

    name: str
    columns: tuple[int, ...]  # of x
    levels: tuple[str, ...] = ()  # of a category; two levels share one column
    unit: str = ""  # "days" or "seconds" are since 1970, and a date


@printed
class Columns(NamedTuple):
    """The columns of x and y: their names, their raw units, and rows that show where data lie."""

    feature_names: tuple[str, ...] = ()  # d names; x0, x1, ... without
    target_names: tuple[str, ...] = ()  # k names; y0, y1, ... without
    scaler: Scaler | None = None  # to raw units; None if x is in them
    encoding: Encoding | None = None  # tells which columns of x are levels of one category
    x: np.ndarray | None = None  # (n, d), in the units a model takes
    task: str = "regression"  # of data.TASKS

    def feature(self, index: int) -> str:
        """The name of a column of x."""
        return _name("feature_names", self.feature_names, index, "x")

    def target(self, index: int) -> str:
        """The name of a column of y, with its unit where that is known."""
        name = _name("target_names", self.target_names, index, "y")
        own = self.encoding.of_role(TARGET) if self.encoding is not None else ()
        return next((_with_unit(name, c.format.unit) for c in own if c.name == name), name)

    def output(self, index: int) -> str:
        """What a model returns for a target: of classes log-odds or a score."""
        return _OUTPUTS.get(self.task, "") + self.target(index)

    def raw(self, feature: int) -> np.ndarray | None:
        """(n,) raw values of a column of x, if there are rows."""
        if self.x is None:
            return None
        return raw_input(np.asarray(self.x, np.float64)[:, feature], self.scaler, feature)

    def features(self) -> dict[int, Feature]:
        """The column of the table that each column of x belongs to; those of one share theirs."""
        if self.encoding is None:
            return {}
        found, first = {}, 0
        for column in self.encoding.of_role(FEATURE):
            own = tuple(range(first, first + len(encoded_names(column))))
            first += len(own)
            levels = tuple(spell(level) for level in column.levels)
            name = _with_unit(column.name, column.format.unit)
            feature = Feature(name, own, levels, column.format.unit)
            found |= dict.fromkeys(own, feature)
        return found

    def feature_of(self, index: int) -> Feature:
        """The column of the table that a column of x belongs to."""
        return self.features().get(index) or Feature(self.feature(index), (index,))


About = Dataset | Columns | None


def columns_of(about: About, model: Any = None) -> Columns:
    """What is known of the columns: as given, else the names that a fit remembers.

    Raises:
      TypeError: `about` is neither Dataset nor Columns.
    """
    if about is None:
        return Columns(names_of(model) or ())
    if isinstance(about, Dataset):
        x = np.asarray(about.train.x)
        names = about.feature_names, about.target_names
        return Columns(*names, about.scaler, about.encoding, x, about.task)
    check_kind("about", about, Columns, "a Dataset or")
    return about


def some_rows(columns: Columns) -> np.ndarray:
    """Rows to average a model over, evenly chosen; raises ValueError where there are none."""
    check(columns.x is not None, "about must hold rows, over which a model is averaged; got none.")
    x = np.asarray(columns.x, np.float64)
    return x[:: -(-len(x) // MOST_ROWS)]


def _name(field: str, names: tuple[str, ...], index: int, letter: str) -> str:
    if not names:
        return f"{letter}{index}"
    check(index < len(names), f"about.{field} must name column {index}; got {len(names)} names.")
    return names[index]


def _with_unit(name: str, unit: str) -> str:
    return f"{name}, {unit}" if unit and unit not in ("days", "seconds") else name
