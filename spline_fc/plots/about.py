"""What the axes of a picture are called and measured in."""

from typing import Any, NamedTuple

import numpy as np

from spline_fc.analysis.models import names_of
from spline_fc.analysis.shapes import raw_input
from spline_fc.checks import check, check_kind
from spline_fc.data import Dataset, Encoding, Scaler, scale_x
from spline_fc.data.cells import Format
from spline_fc.data.encoding import TARGET
from spline_fc.model import Model
from spline_fc.model.columns import Column, file_columns
from spline_fc.model.rows import read_rows
from spline_fc.printing import printed

MOST_ROWS = 500  # that a model is averaged over for a picture


@printed
class About(NamedTuple):
    """The columns of x and y: their names, their raw units, and rows that show where data lie."""

    feature_names: tuple[str, ...] = ()  # d names; x0, x1, ... without
    target_names: tuple[str, ...] = ()  # k names; y0, y1, ... without
    scaler: Scaler | None = None  # to raw units; None if x is in them
    encoding: Encoding | None = None  # tells which columns of x are levels of one category
    x: np.ndarray | None = None  # (n, d), in the units a model takes
    task: str = "regression"  # of data.TASKS
    logits: bool = True  # what models return of classes; else they are regressions of 0 and 1

    @property
    def is_logit(self) -> bool:
        """Whether what models return is a logit."""
        return self.task != "regression" and self.logits

    def feature(self, index: int) -> str:
        """The name of a column of x."""
        return _name("feature_names", self.feature_names, index, "x")

    def target(self, index: int) -> str:
        """The name of a column of y, with its unit where that is known."""
        name = _name("target_names", self.target_names, index, "y")
        own = self.encoding.of_role(TARGET) if self.encoding is not None else ()
        return next((with_unit(name, c.format) for c in own if c.name == name), name)

    def only(self, index: int) -> "About":
        """The same of one column of y alone."""
        self.target(index)
        return self._replace(target_names=self.target_names[index : index + 1])

    def output(self, index: int) -> str:
        """What a model returns for a target: of a class its logit."""
        return f"logit of {self.target(index)}" if self.is_logit else self.target(index)

    def raw(self, feature: int) -> np.ndarray | None:
        """(n,) raw values of a column of x, if there are rows."""
        if self.x is None:
            return None
        return raw_input(np.asarray(self.x, np.float64)[:, feature], self.scaler, feature)

    def columns(self) -> dict[int, Column]:
        """The column of the file that each column of x belongs to, levels of a category to one."""
        found = file_columns(self.encoding, self.feature_names)
        return {place: column for column in found for place in column.places}

    def column(self, index: int) -> Column:
        """The column of the file that a column of x belongs to."""
        alone = Column(self.feature(index), (index,), (), Format("number"))
        return self.columns().get(index, alone)

    def axis(self, index: int) -> str:
        """The name of a column of x, with its unit where that is known."""
        column = self.column(index)
        return self.feature(index) if column.levels else with_unit(column.name, column.format)

    def rows(self) -> np.ndarray:
        """Rows to average a model over, evenly chosen; raises ValueError where there are none."""
        check(self.x is not None, "about must hold rows, to average a model over; got none.")
        x = np.asarray(self.x, np.float64)
        return x[:: -(-len(x) // MOST_ROWS)]


AboutLike = Dataset | Model | About | None


def about(source: Dataset | Model, rows: Any = None) -> About:
    """Gathers what pictures say of columns.

    Args:
      source: a data set, whose training rows are taken, or a model.
      rows: raw rows as `Model.predict` takes them, for a model, which has none of its own.

    Returns:
      About.

    Raises:
      TypeError: neither Dataset nor Model.
      ValueError: rows that the model cannot read.
    """
    if isinstance(source, Model):
        x = None if rows is None else read_rows(source.encoding, source.feature_names, rows)
        x = None if x is None else scale_x(source.scaler, x)
        logits = source.output_scale() == "logit"
    else:
        check_kind("source", source, Dataset, "a Model or a")
        x, logits = np.asarray(source.train.x), True
    names = source.feature_names, source.target_names
    return About(*names, source.scaler, source.encoding, x, source.task, logits)


def known(given: AboutLike, model: Any = None) -> About:
    """What was given as About; without it the names that a fit remembers.

    A fit knows whether it gives logits of classes, which else is taken for granted.

    Raises:
      TypeError: it is something else.
    """
    if given is None:
        return About(names_of(model) or ())
    if isinstance(given, (Dataset, Model)):
        found, link = about(given), getattr(getattr(model, "fit", model), "link", "")
        return found._replace(logits=False) if link == "identity" else found
    check_kind("about", given, About, "a Dataset, a Model or an")
    return given


def with_unit(name: str, format: Format) -> str:
    """A name with the unit of its numbers; dates show theirs by themselves."""
    return f"{name}, {format.unit}" if format.unit and format.kind == "number" else name


def _name(field: str, names: tuple[str, ...], index: int, letter: str) -> str:
    if not names:
        return f"{letter}{index}"
    check(index < len(names), f"about.{field} must name column {index}; got {len(names)} names.")
    return names[index]
