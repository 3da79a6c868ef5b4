"""The terms of a spline as regressors of one size, for fits of its coefficients alone."""

from typing import NamedTuple

import jax
import numpy as np

from spline_fc import checks
from spline_fc.cpwl.spline import Spline, num_features
from spline_fc.cpwl.terms import (
    Factor,
    LiveTerms,
    as_spline,
    linear_pairs,
    live_terms,
    raw_columns,
    term_values,
)


class Regressors(NamedTuple):
    """p regressors: live terms, the halves of linear ones joined, on columns of unit deviation."""

    live: LiveTerms
    first: np.ndarray  # (p,) int, live term of every regressor
    second: dict[int, int]  # live term that is subtracted from another
    size: np.ndarray  # (p,), the regressor is the term over its size
    coef: np.ndarray  # (p, k), of the regressors as the spline has them
    projection: np.ndarray  # (d, q) float64, of the spline

    def values(self, x: np.ndarray) -> np.ndarray:
        """Values (rows, p) of the regressors in some rows of x, float64."""
        found = term_values(raw_columns(x, self.projection), self.live.terms)
        for one, other in self.second.items():
            found[:, one] -= found[:, other]
        return found[:, self.first] / self.size


def check_fits(spline: Spline, x: np.ndarray | jax.Array, y: np.ndarray | jax.Array) -> None:
    """Raises ValueError unless the data have the columns that the spline was fitted to."""
    outputs, wanted = spline.coef.shape[1], num_features(spline)
    checks.check(
        y.shape[1] == outputs,
        f"y must have {outputs} columns, as the spline has outputs; got {y.shape[1]}.",
    )
    checks.check(
        x.shape[1] == wanted,
        f"x must have {wanted} columns, as the spline has features; got {x.shape[1]}.",
    )


def regressors_of(spline: Spline, spread: np.ndarray) -> Regressors:
    """The regressors of a spline whose columns z have the standard deviations `spread` (d + q,).

    A ridge on their coefficients does not depend on the units of the features.
    """
    live = live_terms(spline)
    second = linear_pairs(live)
    halves = set(second.values())
    first = np.array([m for m in range(len(live.terms)) if m not in halves], int)
    spread = np.where(spread > 0, spread, 1.0)
    size = np.array([_size(live.terms[m].factors, spread) for m in first])
    projection = np.asarray(spline.projection, np.float64)
    return Regressors(live, first, second, size, live.coef[first] * size[:, None], projection)


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
