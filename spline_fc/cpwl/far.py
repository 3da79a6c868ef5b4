"""The last least squares where values lie far that the search saw nearer."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from absl import logging

from spline_fc.cpwl.rows import Basis
from spline_fc.cpwl.scaling import Level, Units
from spline_fc.cpwl.sharded.inputs import AnyData
from spline_fc.cpwl.sharded.rows import rows_of
from spline_fc.cpwl.targets import Targets
from spline_fc.cpwl.terms import Term, hinge_use

MOST_DIGITS = 40  # of coefficients that are to cancel, so that sums of many are exact in float64
LOST = 0.01  # deviations of a column to which its far values may be rounded
TOLD_FROM = 1e-5  # deviations: rounding by less costs no digits that a fit could miss


class Solution(NamedTuple):
    """Terms in raw units with their coefficients."""

    terms: list[Term]
    coef: np.ndarray  # (1 + m, k) float64, intercept first, of targets in their unit
    rss: float  # of the coefficients as the spline will hold them, in that unit


def room_beside_far(
    max_hinges: int | None, terms: Sequence[Term], is_far: np.ndarray
) -> int | None:
    """What of a cap on hinges is left if every far side that the terms read gets two of its own.

    Args:
      max_hinges: the cap, or None.
      terms: of the forward pass. Columns that they do not read, such as hundreds of dark pixels of
        which a few are lit, reserve nothing.
      is_far: (D, 2) bool, as of `Units.far`, of the columns of the terms.

    Returns:
      At least half of the cap.
    """
    if max_hinges is None:
        return None
    read = sorted(set().union(*(term.features for term in terms)))
    return max(max_hinges - 2 * int(is_far[read].sum()), max_hinges // 2)


def with_far_values(
    terms: Sequence[Term], data: AnyData, projection: np.ndarray, units: Units,
    linear: frozenset[int], targets: Targets, wanted: float, max_hinges: int | None,
) -> Solution:  # fmt: skip
    """The terms in raw units where values are far that the search saw nearer.

    If their coefficients as stored cannot leave the RSS `wanted`, or values are farther than the
    digits of float32 reach, in which networks compute, they get hinges for the far values, should
    the cap on hinges leave room for them. Where far values lie on both sides, slopes that are to
    cancel are rounded to multiples of one number, so that they do.

    Args:
      terms: m terms in raw units. linear: columns that do not bend.
      projection: (d, q) float64.
      wanted: RSS that the search promised, of targets in their unit.
      max_hinges: the cap, or None.
    """
    rows, dtype = rows_of(data), data.x.dtype
    projection = projection.astype(dtype).astype(np.float64)

    def solved(terms: Sequence[Term], levels: Sequence[Level] = ()) -> Solution:
        terms = [_stored(term, dtype) for term in terms]
        every = np.eye(len(terms))
        basis = Basis(terms, linear, projection, every)
        coef = rows.least_squares(basis._replace(join=_join(every, levels)), targets.centred)
        if levels:
            coef = _levelled(coef, _join(every, levels), levels, dtype)
        stored = targets.as_stored(coef, dtype)
        return Solution(terms, coef, rows.rss_of(basis, stored, targets.centred))

    tails = units.with_tails(terms, linear)
    levelled = units.levelled(tails, linear)
    best = solved([units.from_the_middle(term, linear) for term in terms])
    # Slopes that cancel in float64 may leave anything in float32, in which networks compute.
    lost = _distance(terms, units).max() * np.finfo(np.float32).eps > LOST
    for more, levels in [(tails, []), levelled][: 2 if levelled[1] else 1]:
        room = max_hinges is None or hinge_use(more, linear).shape[1] <= max_hinges
        if room and (lost or best.rss > wanted):
            best = min(best, solved(more, levels), key=lambda solution: solution.rss)
    return best


def tell_lost(
    solution: Solution, wanted: float, units: Units, names: Sequence[str], mean: np.ndarray,
    dtype: np.dtype,
) -> None:  # fmt: skip
    """A word where coefficients as stored leave more of the RSS than was `wanted`, and why.

    Args:
      names: (D,) of the columns of z. mean: (k,) of the targets.
    """
    if solution.rss <= wanted:
        return
    distance = _distance(solution.terms, units)
    column, side = divmod(int(distance.argmax()), 2)
    if 0 < distance[column, side] * np.finfo(dtype).eps <= TOLD_FROM:
        return  # the cap on hinges was in the way, not digits
    if distance[column, side] > 0:
        why = "column %r has values as far as %.3g, beside which its others lose digits in %s"
        first = (names[column], units.extremes[column, side])
    else:
        why = "coefficients of y, which lies about %.3g, lose digits in %s, the dtype of x"
        first = (mean[np.abs(mean).argmax()],)
    logging.warning(
        why + ": the RSS is %.3g times that of the search.",
        *first, np.dtype(dtype).name, solution.rss / wanted,
    )  # fmt: skip


def _distance(terms: Sequence[Term], units: Units) -> np.ndarray:
    """How far the far values of columns that terms read lie, in deviations of the rest, (D, 2)."""
    read = np.isin(np.arange(len(units.scale)), sorted(set().union(*(t.features for t in terms))))
    distance = np.abs(units.extremes - units.middle[:, None]) / units.scale[:, None]
    return distance * (units.far & read[:, None])


def _stored(term: Term, dtype: np.dtype) -> Term:
    """A term as the tables of a spline hold it."""
    number = np.dtype(dtype).type
    return Term(tuple((v, float(number(s)), float(number(t))) for v, s, t in term.factors))


def _join(every: np.ndarray, levels: Sequence[Level]) -> np.ndarray:
    """(m, p): what the terms are joined to, those that begin levels being taken from others."""
    every = every.copy()
    for level in levels:
        every[level.last, level.others] = -1
    return np.delete(every, [level.last for level in levels], axis=1)


def _levelled(
    coef: np.ndarray, join: np.ndarray, levels: Sequence[Level], dtype: np.dtype
) -> np.ndarray:
    """Coefficients (1 + m, k) of all terms, those of a level multiples of one power of 2."""
    coef = np.concatenate([coef[:1], join @ coef[1:]])
    digits = min(np.finfo(dtype).nmant, MOST_DIGITS)
    for last, others in levels:
        own = coef[1:][others]
        largest = np.maximum(np.abs(own).max(0), np.abs(own.sum(0)))
        step = 2.0 ** (np.ceil(np.log2(np.where(largest > 0, largest, 1.0))) - digits)
        own = np.round(own / step) * step
        coef[1:][others], coef[1 + last] = own, -own.sum(0)
    return coef
