"""Basis functions: as tuples, as rows of a spline's tables, and as columns of values."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from spline_fc.cpwl.spline import Spline
from spline_fc.printing import printed

Factor = tuple[int, float, float]  # column of z, slope, knot


class Term(NamedTuple):
    """One basis function: the minimum of relu(slope * (z[column] - knot)) over its factors."""

    factors: tuple[Factor, ...]

    @property
    def features(self) -> frozenset[int]:
        """Columns of z that the term reads."""
        return frozenset(column for column, _, _ in self.factors)


@printed
class LiveTerms(NamedTuple):
    """The terms of a spline that contribute."""

    terms: tuple[Term, ...]
    coef: np.ndarray  # (m, k) float64
    row: np.ndarray  # (m,) int, rows of the spline's tables


def hinge_of(factor: Factor) -> Factor:
    """The hinge with slope +1 or -1 that a factor is a multiple of."""
    column, slope, knot = factor
    return column, float(np.sign(slope)), knot


def live_terms(spline: Spline) -> LiveTerms:
    """Lists the terms that contribute: those with a factor and with a coefficient other than 0.

    Args:
      spline: m terms of up to R factors.

    Returns:
      LiveTerms, in order; absent and repeated factors are left out, as min(a, a) = a.
    """
    tables = [np.asarray(a).tolist() for a in (spline.feature, spline.slope, spline.knot)]
    coef = np.asarray(spline.coef, np.float64)
    terms, rows = [], []
    for m, row in enumerate(zip(*tables, strict=True)):
        factors = tuple(dict.fromkeys(f for f in zip(*row, strict=True) if f[1] != 0))
        if factors and coef[m].any():
            terms.append(Term(factors))
            rows.append(m)
    row = np.array(rows, int)
    return LiveTerms(tuple(terms), coef[row], row)


def as_spline(
    terms: Sequence[Term],
    intercept: np.ndarray,
    coef: np.ndarray,
    projection: np.ndarray,
    dtype: Any,
    size: tuple[int, int] | None = None,
) -> Spline:
    """Writes terms into the tables of a spline.

    Args:
      terms: m terms on the columns of z.
      intercept: (k,). coef: (m, k). projection: (d, q).
      dtype: of the spline; the arrays of a float64 one are NumPy's, which JAX need not enable.
      size: (terms, factors) to fill up to with absent ones; just enough if None.
    """
    degree = max((len(term.factors) for term in terms), default=1)
    table = np.zeros((*(size or (len(terms), degree)), 3))
    for m, term in enumerate(terms):
        table[m, : len(term.factors)] = term.factors
    padding = np.zeros((len(table) - len(coef), coef.shape[1]))
    arrays = (
        intercept.astype(dtype),
        np.concatenate([coef, padding]).astype(dtype),
        table[:, :, 0].astype(np.int32),
        table[:, :, 1].astype(dtype),
        table[:, :, 2].astype(dtype),
        projection.astype(dtype),
    )
    made: Any = arrays if np.dtype(dtype) == np.float64 else jax.device_put(arrays)
    return Spline(*made)


def raw_columns(x: np.ndarray, projection: np.ndarray) -> np.ndarray:
    """z = [x, x projection] in float64, (n, d + q)."""
    x, projection = (np.asarray(a, np.float64) for a in (x, projection))
    return np.concatenate([x, x @ projection], axis=1) if projection.shape[1] else x


def term_values(z: np.ndarray, terms: Sequence[Term]) -> np.ndarray:
    """Evaluates terms in NumPy.

    Args:
      z: (n, d + q) float.
      terms: m terms of one factor or more.

    Returns:
      (n, m), in the dtype of z.
    """
    values = np.empty((len(z), len(terms)), z.dtype)
    for m, term in enumerate(terms):
        hinges = [np.maximum(slope * (z[:, v] - knot), 0) for v, slope, knot in term.factors]
        values[:, m] = np.minimum.reduce(hinges)
    return values


def hinge_use(terms: Sequence[Term], linear: frozenset[int]) -> np.ndarray:
    """Which distinct hinges each term is made of, (m, h) bool; a linear term counts two."""
    used = [[hinge_of(factor) for factor in term.factors] for term in terms]
    for hinges in used:
        hinges += [(v, -sign, knot) for v, sign, knot in hinges if v in linear]
    distinct = {hinge: i for i, hinge in enumerate(dict.fromkeys(sum(used, [])))}
    table = np.zeros((len(terms), len(distinct)), bool)
    for m, hinges in enumerate(used):
        table[m, [distinct[hinge] for hinge in hinges]] = True
    return table


def linear_pairs(live: LiveTerms) -> dict[int, int]:
    """Which terms are the two halves of a linear one, c relu(z - t) - c relu(t - z).

    Returns:
      {place of the first half: place of the second}, places among the live terms.
    """
    waiting: dict[Factor, int] = {}
    pairs = {}
    for m, term in enumerate(live.terms):
        if len(term.factors) > 1:
            continue
        ((column, slope, knot),) = term.factors
        first = waiting.get((column, -slope, knot))
        if first is not None and (live.coef[first] == -live.coef[m]).all():
            pairs[first] = m
            del waiting[column, -slope, knot]
        else:
            waiting[column, slope, knot] = m
    return pairs
