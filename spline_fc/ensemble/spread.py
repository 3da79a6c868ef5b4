"""How large residuals are, as a function of the features."""

from typing import NamedTuple

import numpy as np

from spline_fc.cpwl import Spline, evaluate_float64, fit_mars
from spline_fc.printing import printed

_LEAST_SIZE = 0.1  # of the mean residual: smaller ones tell nothing of where residuals are large
_MOST_TERMS = 21
_PARTS = 5  # a row's residual has no say in the size that it is divided by


@printed
class Spread(NamedTuple):
    """The size of residuals at x: exp of a spline, within the ends that it has at known rows."""

    spline: Spline  # (d,) to (k,), of the logarithm
    low: np.ndarray  # (k,) float64
    high: np.ndarray
    ratios: np.ndarray  # (n, k) residuals over what a spline of other rows says of their size


def fit_spread(x: np.ndarray, sizes: np.ndarray, weights: np.ndarray | None = None) -> Spread:
    """Fits how large residuals are: additive MARS on the logarithm of max(size, mean / 10).

    Args:
      x: (n, d).
      sizes: (n, k), >= 0.
      weights: (n,) > 0.

    Returns:
      Spread, whose ratios are cross-fitted: row i's is by a spline that knew no row of its part.

    Raises:
      ValueError: what `fit_mars` refuses.
    """
    counts = np.ones(len(x)) if weights is None else weights
    least = np.maximum(_LEAST_SIZE * sizes.mean(axis=0), np.finfo(np.float64).tiny)
    logs, ratios = np.log(np.maximum(sizes, least)), np.empty_like(sizes)
    part = np.arange(len(x)) % _PARTS
    for own in (part == p for p in range(min(_PARTS, len(x)))):
        ratios[own] = sizes[own] / sizes_at(_fitted(x, logs, np.where(own, 0, counts)), x[own])
    return _fitted(x, logs, counts)._replace(ratios=ratios)


def sizes_at(spread: Spread, x: np.ndarray) -> np.ndarray:
    """How large residuals are at x (m, d): (m, k) float64, > 0."""
    return np.exp(np.clip(evaluate_float64(spread.spline, x), spread.low, spread.high))


def _fitted(x: np.ndarray, logs: np.ndarray, counts: np.ndarray) -> Spread:
    most = min(_MOST_TERMS, int((counts > 0).sum()) // 4)
    spline = fit_mars(x, logs, weights=counts, max_terms=max(most, 1)).spline
    found = evaluate_float64(spline, x[counts > 0])
    return Spread(spline, found.min(axis=0), found.max(axis=0), np.zeros((0, logs.shape[1])))
