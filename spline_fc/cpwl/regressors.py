"""The terms of a spline as regressors of one size, for fits of its coefficients alone."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from spline_fc import checks
from spline_fc.cpwl.inputs import CheckedData, chunks
from spline_fc.cpwl.spline import Spline, num_features
from spline_fc.cpwl.terms import Factor, LiveTerms, as_spline, linear_pairs, live_terms, term_values


class Regressors(NamedTuple):
    """p regressors: live terms, the halves of linear ones joined, on columns of unit deviation."""

    live: LiveTerms
    first: np.ndarray  # (p,) int, live term of every regressor
    second: dict[int, int]  # live term that is subtracted from another
    size: np.ndarray  # (p,), the regressor is the term over its size
    coef: np.ndarray  # (p, k), of the regressors as the spline has them
    values: Callable[[slice], np.ndarray]  # of the regressors in some rows, (rows, p) float64


def check_fits(spline: Spline, data: CheckedData) -> None:
    """Raises ValueError unless the data have the columns that the spline was fitted to."""
    outputs, wanted = spline.coef.shape[1], num_features(spline)
    checks.check(
        data.y.shape[1] == outputs,
        f"y must have {outputs} columns, as the spline has outputs; got {data.y.shape[1]}.",
    )
    checks.check(
        data.x.shape[1] == wanted,
        f"x must have {wanted} columns, as the spline has features; got {data.x.shape[1]}.",
    )


def regressors(spline: Spline, data: CheckedData) -> Regressors:
    """Makes the regressors of a spline on some rows.

    A ridge on their coefficients does not depend on the units of the features.

    Args:
      spline: m terms on d features. data: n rows in float64, whose columns are measured.
    """
    live = live_terms(spline)
    second = linear_pairs(live)
    halves = set(second.values())
    first = np.array([m for m in range(len(live.terms)) if m not in halves], int)
    projection = np.asarray(spline.projection, np.float64)
    share = data.weights / data.weights.sum()

    def z(rows: slice) -> np.ndarray:
        return np.concatenate([data.x[rows], data.x[rows] @ projection], axis=1)

    mean = sum(share[rows] @ z(rows) for rows in chunks(len(data.x)))
    spread = np.sqrt(sum(share[rows] @ (z(rows) - mean) ** 2 for rows in chunks(len(data.x))))
    spread = np.where(spread > 0, spread, 1.0)
    size = np.array([_size(live.terms[m].factors, spread) for m in first])

    def values(rows: slice) -> np.ndarray:
        found = term_values(z(rows), live.terms)
        for one, other in second.items():
            found[:, one] -= found[:, other]
        return found[:, first] / size

    return Regressors(live, first, second, size, live.coef[first] * size[:, None], values)


def with_coefficients(
    spline: Spline, basis: Regressors, coef: np.ndarray, intercept: np.ndarray
) -> Spline:
    """The live terms with coefficients (p, k) of the regressors, in the dtype of the spline."""
    values = np.zeros((len(basis.live.terms), coef.shape[1]))
    values[basis.first] = coef / basis.size[:, None]
    for one, other in basis.second.items():
        values[other] = -values[one]
    projection = np.asarray(spline.projection)
    return as_spline(basis.live.terms, intercept, values, projection, spline.coef.dtype)


def _size(factors: tuple[Factor, ...], spread: np.ndarray) -> float:
    """Geometric mean of |slope| times the deviation of the column: 1 for a minimum of fit_mars."""
    return float(np.exp(np.mean([np.log(abs(slope) * spread[v]) for v, slope, _ in factors])))
