"""One prediction explained in raw units, a number for each column of the file."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from spline_fc.analysis import explain_difference
from spline_fc.checks import check, check_integer
from spline_fc.data import Scaler
from spline_fc.data.tables import Table
from spline_fc.model.columns import Column, word_of
from spline_fc.network import Params
from spline_fc.printing import printed


@printed
class Explanation(NamedTuple):
    """reference_value + contribution.sum(axis=0) = prediction, for every output.

    A contribution is what a column's value moves the output by, against the average training row;
    levels of one column count together. For an additive model it is the difference of the column's
    shape function; see `analysis.explain_difference` for the others.
    """

    columns: tuple[str, ...]  # of the file, c of them
    values: tuple[str, ...]  # that the row has in them
    outputs: tuple[str, ...]  # k targets or classes
    scale: str  # "target units", "logit" or "regression of 0 and 1"
    prediction: np.ndarray  # (k,) float64
    reference_value: np.ndarray  # (k,), the output for the average training row
    contribution: np.ndarray  # (c, k)
    clipped: tuple[str, ...]  # columns of which the row lies beyond the training rows

    def _sentence(self) -> str:
        pairs = zip(self.outputs, self.prediction, self.reference_value, strict=True)
        told = "; ".join(f"{name} {value:.6g}, average row {at:.6g}" for name, value, at in pairs)
        beyond = f"; pulled in to the training rows: {', '.join(self.clipped)}"
        return f"Explanation ({self.scale}): {told}{beyond if self.clipped else ''}"

    def _table(self) -> list[list[str]]:
        rows = [
            [
                self.columns[i],
                self.values[i],
                *(f"{number:+.6g}" for number in self.contribution[i]),
            ]
            for i in self.order()
        ]
        return [["column", "value", *self.outputs], *rows]

    def order(self) -> np.ndarray:
        """Ranks the columns, (c,) int: what moves any output by most of all that moves it first."""
        size = np.abs(self.contribution)
        share = size / np.maximum(size.sum(axis=0), np.finfo(np.float64).tiny)  # outputs have units
        return np.argsort(-share.max(axis=1), kind="stable")


def explain(
    params: Params,
    scaler: Scaler,
    x: np.ndarray,
    clipped: np.ndarray,
    columns: Sequence[Column],
    outputs: Sequence[str],
    scale: str,
) -> Explanation:
    """Explains the output of a network for one row.

    Args:
      params: takes and returns standardised units.
      scaler: of both.
      x: (d,) the row as it came, raw units.
      clipped: (d,) the row that the network is given, raw units.
      columns: of the file.
      outputs: k names.
      scale: what the outputs are, in a word.
    """
    standard = (clipped - scaler.x_shift) / scaler.x_scale
    found = explain_difference(params, standard, scaler=scaler)
    moved = x != clipped
    return Explanation(
        columns=tuple(column.name for column in columns),
        values=tuple(word_of(column, x) for column in columns),
        outputs=tuple(outputs),
        scale=scale,
        prediction=found.prediction,
        reference_value=found.reference_value,
        contribution=np.stack([found.contribution[list(c.places)].sum(axis=0) for c in columns]),
        clipped=tuple(column.name for column in columns if moved[list(column.places)].any()),
    )


def as_rows(rows: Any) -> Any:
    """Takes one row, a mapping of single values, a series or a vector, as rows; others as they are.

    A series of pandas has the names of the columns as its index.
    """
    if isinstance(rows, Table):
        return rows
    if np.ndim(rows) == 1 and hasattr(rows, "to_dict"):
        rows = rows.to_dict()
    if isinstance(rows, Mapping):
        single = all(np.ndim(value) == 0 for value in rows.values())
        return {name: [value] for name, value in rows.items()} if single else rows
    is_vector = isinstance(rows, (np.ndarray, list, tuple)) and np.ndim(rows) == 1
    return np.asarray(rows)[None] if is_vector else rows


def one_row(x: np.ndarray, row: int) -> np.ndarray:
    """Row `row` of x (n, d); ValueError if there is none."""
    check_integer("row", row, 0)
    check(row < len(x), f"row must be one of the {len(x)} there are, from 0; got {row}.")
    return x[row]
