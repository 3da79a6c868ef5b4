"""The units in which a fit works: every column of z = [x, x projection] shifted and scaled.

Minima compare hinges of different columns, so the search must not depend on the units of the
features; and a column far from zero keeps its digits only if it is centred before it is narrowed.
Candidates are chosen among the raw values and mapped as the data are: a knot of the result is a
data value in raw units, to the last bit.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from spline_fc.cpwl.inputs import CheckedData, chunks
from spline_fc.cpwl.knots import candidate_knots
from spline_fc.cpwl.moments import aligned, in_threads
from spline_fc.cpwl.terms import Term


class Units(NamedTuple):
    """From scaled columns (z - shift) / scale back to raw ones."""

    scale: np.ndarray  # (D,) float64, weighted standard deviation; 1 for a constant column
    scaled: np.ndarray  # (D, K) candidate knots as the search sees them, ascending
    raw: np.ndarray  # (D, K) float64, the same in the units of z

    def knots(self, column: np.ndarray, scaled: np.ndarray) -> np.ndarray:
        """Raw knots of candidates, from their columns and scaled positions."""
        places = [np.searchsorted(self.scaled[v], t) for v, t in zip(column, scaled, strict=True)]
        return self.raw[column, np.array(places, int)]

    def term(self, term: Term) -> tuple[Term, float]:
        """A term in raw units, and the factor that its coefficient takes on.

        A single hinge keeps slope +1 or -1; in a minimum the scales become slopes.
        """
        columns, signs, knots = zip(*term.factors, strict=True)
        raw = self.knots(np.array(columns, int), np.array(knots))
        single = len(columns) == 1
        slopes = signs if single else np.array(signs) / self.scale[list(columns)]
        factors = zip(columns, map(float, slopes), map(float, raw), strict=True)
        return Term(tuple(factors)), 1 / self.scale[columns[0]] if single else 1.0


class ScaledColumns(NamedTuple):
    """What the search works on."""

    columns: np.ndarray  # (D, n) in the dtype of the computation; rows of weight 0 are harmless
    usable: np.ndarray  # (D, K) bool, False where a row of knots is padding
    units: Units


def scaled_columns(
    data: CheckedData, projection: np.ndarray, choices: Sequence, places: int
) -> ScaledColumns:
    """Chooses candidates on every column of z, then shifts and scales both, column by column.

    Args:
      data: n rows of d features.
      projection: (d, q) float64.
      choices: of `knots.knot_choices`, one per column of z.
      places: columns to make room for; those beyond D = d + q are zero and have no knots.

    Returns:
      ScaledColumns of `places` columns.
    """
    weights = data.weights
    kept = np.flatnonzero(weights > 0)
    left_out = np.flatnonzero(weights == 0) if len(kept) < len(weights) else None
    uneven = None if (weights == weights[0]).all() else weights
    columns = aligned((places, len(data.x)), data.dtype)
    columns[len(choices) :] = 0

    def one(v: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        raw = _raw_column(data.x, projection, v)
        if left_out is not None:
            raw[left_out] = raw[kept[0]]
        knots, usable = candidate_knots(raw, uneven, choices[v])
        # A value in the middle, not the mean: one far outlier would take the others' digits.
        shift = float(np.clip(knots[len(knots) // 2], raw.min(), raw.max()))
        scale = _deviation(raw, uneven, shift)
        for rows in chunks(len(raw)):
            columns[v, rows] = (raw[rows].astype(np.float64, copy=False) - shift) / scale
        scaled = (knots.astype(np.float64, copy=False) - shift) / scale
        return knots, scaled.astype(data.dtype), usable, scale

    found = in_threads(one, range(len(choices)))
    width = max(len(row) for row, *_ in found)
    width += -width % 16  # few sizes, so that compiled code is met again
    raw, scaled, usable = (np.zeros((places, width), kind) for kind in (float, data.dtype, bool))
    for v, (raw_row, scaled_row, usable_row, _) in enumerate(found):
        size = len(raw_row)
        for table, row in ((raw, raw_row), (scaled, scaled_row)):
            table[v, :size], table[v, size:] = row, row[-1]
        usable[v, :size] = usable_row
    units = Units(np.array([scale for *_, scale in found]), scaled, raw)
    return ScaledColumns(columns, usable, units)


def _raw_column(x: np.ndarray, projection: np.ndarray, v: int) -> np.ndarray:
    """A copy of column v of z, (n,); projections in float64."""
    num_rows, num_features = x.shape
    if v < num_features:
        return np.array(x[:, v])
    direction, column = projection[:, v - num_features], np.empty(num_rows)
    for rows in chunks(num_rows):
        column[rows] = x[rows].astype(np.float64, copy=False) @ direction
    return column


def _deviation(column: np.ndarray, weights: np.ndarray | None, shift: float) -> float:
    """Weighted standard deviation of a column of which `shift` is a value; 1 if it is constant."""
    low, high = float(column.min()), float(column.max())
    if low == high:
        return 1.0
    peak = max(high - shift, shift - low)  # squares of the column itself may overflow
    total = first = second = 0.0
    for rows in chunks(len(column)):
        value = (column[rows].astype(np.float64, copy=False) - shift) / peak
        weight = np.ones(len(value)) if weights is None else weights[rows].astype(np.float64)
        weighted = weight * value
        total, first = total + weight.sum(), first + weighted.sum()
        second += weighted @ value
    variance = second / total - (first / total) ** 2
    return float(peak * np.sqrt(variance)) if variance > 0 else peak
