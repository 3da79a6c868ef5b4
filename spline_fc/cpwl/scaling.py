"""The units in which a fit works: every column of z = [x, x projection] shifted and scaled.

Minima compare hinges of different columns, so the search must not depend on the units of the
features; and a column far from zero keeps its digits only if it is centred before it is narrowed.
Candidates are chosen among the raw values and mapped as the data are: a knot of the result is a
data value in raw units, to the last bit.

A few values far beyond all knots would decide on the whole column: every inner product with it is
theirs alone, and a hinge that is not zero there can explain nothing else. The search sees them
pulled in to a few spans from the others; the last least squares has them where they are, and may
give them a hinge of their own.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from spline_fc.cpwl.inputs import CheckedData, chunks
from spline_fc.cpwl.knots import candidate_knots
from spline_fc.cpwl.moments import aligned, in_threads
from spline_fc.cpwl.terms import Term

FAR = 3.0  # spans of the column beyond its knots at which values are pulled in
NARROW = float(1 << 26)  # smallest normal numbers, than which no span is narrower
CLOSEST = 1 / 1024  # of the narrowest span, knots that are closer are one
LONGEST = 300.0  # a column's range over the interquartile range of its knots, for float32
ALIKE = 1e-4  # share of a column's variance outside the span of the others, for float32
SAMPLE_ROWS = 4096  # that are looked at for this
DEPENDENT = 1e-11  # share below which a column is dependent for good
ONE_THREAD = 1 << 17  # numbers in the columns up to which one thread is quicker


class Level(NamedTuple):
    """Hinges on one side of a column whose slopes sum to 0 from some place on."""

    last: int  # the term that begins there
    others: list[int]


class Units(NamedTuple):
    """From scaled columns (z - shift) / scale back to raw ones."""

    scale: np.ndarray  # (D,) float64, weighted standard deviation; 1 for a constant column
    middle: np.ndarray  # (D,) float64, the shift, a value amid the column
    ends: np.ndarray  # (D, 2) float64, values beyond which no knot may lie
    reach: np.ndarray  # (D, 2) float64, to which values beyond were pulled in
    extremes: np.ndarray  # (D, 2) float64, the least and the largest value
    scaled: np.ndarray  # (D, K) candidate knots as the search sees them, ascending
    raw: np.ndarray  # (D, K) float64, the same in the units of z

    @property
    def far(self) -> np.ndarray:
        """Whether values below, or above, were pulled in, (D, 2) bool."""
        return (self.extremes - self.reach) * (-1, 1) > 0

    def knots(self, column: np.ndarray, scaled: np.ndarray) -> np.ndarray:
        """Raw knots of candidates, from their columns and scaled positions."""
        places = [np.searchsorted(self.scaled[v], t) for v, t in zip(column, scaled, strict=True)]
        return self.raw[column, np.array(places, int)]

    def term(self, term: Term) -> tuple[Term, float]:
        """A term in raw units, and the factor that its coefficient takes on.

        A single hinge keeps slope +1 or -1; in a minimum the scales become slopes.
        """
        single, found = len(term.factors) == 1, []
        for v, sign, knot in term.factors:
            raw = self.raw[v, self.scaled[v].searchsorted(knot)]
            found.append((v, float(sign if single else sign / self.scale[v]), float(raw)))
        return Term(tuple(found)), 1 / self.scale[found[0][0]] if single else 1.0

    def farther(self, column: int) -> float:
        """The side on which a column has its farthest values, -1 or 1; 0 if none are far."""
        is_far = self.far[column]
        distance = np.abs(self.extremes[column] - self.middle[column]) * is_far
        return (-1.0, 1.0)[int(distance.argmax())] if is_far.any() else 0.0

    def with_tails(self, terms: Sequence[Term], linear: frozenset[int]) -> list[Term]:
        """Raw terms for columns with far values: a superset of their span that keeps its digits.

        Far values have a hinge of their own, from the outermost place of a knot outwards. Single
        hinges turn their slopes away from the farther side, as r(x - t) is
        r(t - x) + r(x - e) - r(e - x) up to constants; on all columns but linear ones.
        """
        found: list[Term] = []
        for term in terms:
            (column, sign, knot), *others = term.factors
            if others or column in linear or sign != self.farther(column):
                found.append(term)
                continue
            end = float(self.ends[column, int(sign > 0)])
            found += [Term(((column, -sign, t),)) for t in (knot, end)]
        for v in sorted(set().union(*(term.features for term in terms)) - linear):
            for s in np.flatnonzero(self.far[v]):
                found.append(Term(((v, (-1.0, 1.0)[s], float(self.ends[v, s])),)))
        return list(dict.fromkeys(found))

    def levelled(
        self, terms: Sequence[Term], linear: frozenset[int]
    ) -> tuple[list[Term], list[Level]]:
        """Terms of `with_tails` and, for columns with far values on both sides, where they level.

        Slopes that are turned away from the farther side all go on towards the other one, where
        they have to cancel. One more hinge there, from where values were pulled in, is to take back
        what the others rise by.
        """
        found, levels = list(terms), []
        for v in sorted(set().union(*(term.features for term in terms)) - linear):
            if not self.far[v].all():
                continue
            sign = -self.farther(v)
            facing = [m for m, t in enumerate(terms) if [f[:2] for f in t.factors] == [(v, sign)]]
            levels.append(Level(len(found), facing))
            found.append(Term(((v, sign, float(self.reach[v, int(sign > 0)])),)))
        return found, levels

    def any_far(self, terms: Sequence[Term]) -> bool:
        """Whether a column that the terms read has far values."""
        return any(self.far[v].any() for term in terms for v in term.features)

    def from_the_middle(self, term: Term, linear: frozenset[int]) -> Term:
        """A raw term; a linear one has its knot amid the others, not at the far end."""
        if not term.features & linear:
            return term
        ((column, slope, _),) = term.factors
        return Term(((column, slope, float(self.middle[column])),))


class ScaledColumns(NamedTuple):
    """What the search works on."""

    columns: np.ndarray  # (D, n) in the dtype of the computation
    usable: np.ndarray  # (D, K) bool, False where a row of knots is padding
    units: Units
    delicate: bool  # float32 would lose digits that matter


class Extent(NamedTuple):
    """Where the values of a column lie."""

    low: float  # before it lie `end_span` rows
    high: float  # behind it lie as many
    least: float
    most: float
    bends: bool  # False for a linear column, which is taken as it is

    def reach(self, spans: float) -> tuple[float, float]:
        """Ends so many spans beyond low and high; everything for a linear column that varies."""
        more = spans * (self.high - self.low)
        within = self.bends or not more > 0
        return (self.low - more, self.high + more) if within else (-np.inf, np.inf)

    def settled(self, dtype: np.dtype) -> "Extent":
        """The extent without spans that are too narrow; a column without a wider one is constant.

        Args:
          dtype: in which slopes will be stored.
        """
        narrow = narrowest(dtype)
        if self.high - self.low >= narrow:
            return self
        if self.most - self.least >= narrow:
            return self._replace(low=self.least, high=self.most)
        return self._replace(low=self.least, high=self.least, most=self.least)


class Column(NamedTuple):
    """One column, looked at."""

    knots: np.ndarray  # (K,), raw
    usable: np.ndarray  # (K,) bool
    scaled: np.ndarray  # (K,)
    shift: float
    scale: float
    ends: tuple[float, float]
    reach: tuple[float, float]
    extremes: tuple[float, float]
    delicate: bool


def narrowest(dtype: np.dtype) -> float:
    """The length below which a span counts for nothing, as slopes along it would overflow.

    Subnormal numbers, which devices take for 0, make no longer one.

    Args:
      dtype: in which slopes will be stored.
    """
    return NARROW * float(np.finfo(dtype).tiny)


def middle(knots: np.ndarray, extent: Extent) -> float:
    """The shift: a value amid the column, as one far outlier would take the digits of a mean."""
    return float(np.clip(knots[len(knots) // 2], extent.least, extent.most))


def per_unit(scale: float | np.ndarray) -> np.ndarray:
    """By what columns are multiplied to be in units of a scale.

    Compiled code turns divisions by a number into products with its inverse: a row that NumPy sees
    at its first knot would come to lie before it, and be lost.
    """
    return 1 / np.maximum(np.asarray(scale), np.finfo(np.float64).tiny)


def looked_at(
    knots: np.ndarray, usable: np.ndarray, extent: Extent, shift: float, scale: float, dtype,
    stored,
) -> Column:  # fmt: skip
    """A column's candidates in its units, and whether float32 would lose digits that matter.

    Args:
      dtype: in which the search computes. stored: in which slopes will be stored.
    """
    gaps = np.diff(knots.astype(float, copy=False))
    apart = np.append(True, gaps >= CLOSEST * narrowest(stored))
    knots, usable = knots[apart], usable[apart]
    reach, extremes = extent.reach(FAR), (extent.least, extent.most)
    scaled, ends = (
        (np.clip(values.astype(np.float64, copy=False), *reach) - shift) * per_unit(scale)
        for values in (knots, np.array(extremes))
    )
    low, high = ends.astype(dtype).astype(float)
    given = (shift, scale, (extent.low, extent.high), reach, extremes)
    return Column(knots, usable, scaled.astype(dtype), *given, _delicate(scaled, high - low))


def units_of(found: Sequence[Column], places: int, dtype) -> tuple[Units, np.ndarray]:
    """Units of columns, with room for some more, and which of their candidates are usable."""
    width = max(len(column.knots) for column in found)
    width += -width % 16  # few sizes, so that compiled code is met again
    raw, scaled, usable = (np.zeros((places, width), kind) for kind in (float, dtype, bool))
    for v, column in enumerate(found):
        size = len(column.knots)
        for table, row in ((raw, column.knots), (scaled, column.scaled)):
            table[v, :size], table[v, size:] = row, row[-1]
        usable[v, :size] = column.usable
    _, _, _, *fields, _ = zip(*found, strict=True)
    shift, scale, ends, reach, extremes = map(np.array, fields)
    return Units(scale, shift, ends, reach, extremes, scaled, raw), usable


def scaled_columns(
    data: CheckedData,
    projection: np.ndarray,
    choices: Sequence,
    end_span: int,
    linear: frozenset[int],
    places: int,
    stored: np.dtype | None = None,
) -> ScaledColumns:
    """Chooses candidates on every column of z, then shifts and scales both, column by column.

    Args:
      data: n rows of d features.
      projection: (d, q) float64.
      choices: of `knots.knot_choices`, one per column of z.
      end_span: rows at either end that no knot splits off; only such values are ever pulled in.
      linear: columns that no hinge bends, which are taken as they are.
      places: columns to make room for; those beyond D = d + q are zero and have no knots.
      stored: dtype in which slopes will be stored; None for that of x.

    Returns:
      ScaledColumns of `places` columns.
    """
    weights = data.weights
    uneven = None if (weights == weights[0]).all() else weights
    columns = aligned((places, len(data.x)), data.dtype)
    columns[len(choices) :] = 0
    stored = data.x.dtype if stored is None else stored
    num_features, projected = data.x.shape[1], _projections(data.x, projection)

    def one(v: int) -> Column:
        raw = np.array(data.x[:, v]) if v < num_features else projected[v - num_features]
        ranked = np.sort(raw) if uneven is None else raw  # faster than partitions at many places
        ends = _span(ranked, uneven, max(end_span, 1))
        extent = Extent(*ends, float(raw.min()), float(raw.max()), v not in linear)
        extent = extent.settled(stored)
        knots, usable = candidate_knots(ranked, uneven, choices[v])
        shift = middle(knots, extent)
        scale = _deviation(raw, uneven, shift, extent.reach(1.0))
        far = extent.reach(FAR)
        for rows in chunks(len(raw)):
            wide = np.clip(raw[rows].astype(np.float64, copy=False), *far)
            columns[v, rows] = (wide - shift) * per_unit(scale)
        return looked_at(knots, usable, extent, shift, scale, data.dtype, stored)

    # Threads cost small columns more than they save.
    many = in_threads if columns.size > ONE_THREAD else map
    found = list(many(one, range(len(choices))))
    units, usable = units_of(found, places, data.dtype)
    narrow = data.dtype != np.float64
    lost = narrow and (any(column.delicate for column in found) or nearly_alike(columns))
    return ScaledColumns(columns, usable, units, lost)


def _span(column: np.ndarray, weights: np.ndarray | None, end: int) -> tuple[float, float]:
    """The value before which, and that behind which, lie `end` rows; ascending without weights.

    Where these are one, as of a column that is mostly zero, the second and the last but one of the
    distinct values; the whole range where there are no four.
    """
    last = len(column) - 1
    if weights is not None:
        order = np.argsort(column)
        share = np.cumsum(weights[order], dtype=np.float64)
        places = np.searchsorted(share, [end, share[-1] - end], side="right")
        low, high = column[order[np.clip(places, 0, last)]]
    else:
        first = min(end, last // 2)
        low, high = column[[first, last - first]]
    if low >= high:
        distinct = np.unique(column)
        inner = 1 if len(distinct) > 3 else 0
        low, high = distinct[inner], distinct[-1 - inner]
    return float(low), float(high)


def _delicate(knots: np.ndarray, length: float) -> bool:
    """Whether a column is so long-tailed, or its knots so close, that float32 would lose them."""
    places = len(knots) - 1
    body = knots[places - places // 4] - knots[places // 4]
    gaps = np.diff(knots)
    lost = np.abs(np.diff(knots.astype(np.float32).astype(np.float64)) - gaps) > 0.1 * gaps
    return bool(length > LONGEST * body > 0 or lost.sum() > 0.01 * len(knots))


def nearly_alike(columns: np.ndarray) -> bool:
    """Whether a column is nearly, but not wholly, a linear combination of others."""
    step = -(-columns.shape[1] // SAMPLE_ROWS)
    some = columns[:, ::step].astype(np.float64)
    some -= some.mean(1, keepdims=True)
    length = np.sqrt((some**2).sum(1, keepdims=True))
    some = some[length[:, 0] > 0] / length[length > 0][:, None]
    left = np.diag(np.asarray(np.linalg.qr(some.T, mode="r"))) ** 2
    return bool(((left > DEPENDENT) & (left < ALIKE)).any())


def _projections(x: np.ndarray, projection: np.ndarray) -> np.ndarray:
    """x projection in float64, by columns: (q, n)."""
    found = np.empty((projection.shape[1], len(x)))
    for rows in chunks(len(x)):
        found[:, rows] = projection.T @ x[rows].astype(np.float64, copy=False).T
    return found


def _deviation(
    column: np.ndarray, weights: np.ndarray | None, shift: float, near: tuple[float, float]
) -> float:
    """Weighted standard deviation of a column, what is not near pulled in; 1 if it is constant."""
    low, high = (float(np.clip(end, *near)) for end in (column.min(), column.max()))
    if low == high:
        return 1.0
    peak = max(high - shift, shift - low)  # squares of the column itself may overflow
    total = first = second = 0.0
    for rows in chunks(len(column)):
        value = (np.clip(column[rows].astype(np.float64, copy=False), *near) - shift) / peak
        weight = np.ones(len(value)) if weights is None else weights[rows].astype(np.float64)
        weighted = weight * value
        total, first = total + weight.sum(), first + weighted.sum()
        second += weighted @ value
    variance = second / total - (first / total) ** 2
    return float(peak * np.sqrt(variance)) if variance > 0 else peak
