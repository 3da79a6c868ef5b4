"""Smaller coefficients for nearly the same fit.

Hinges on one feature are strongly correlated, and least squares gives neighbours large coefficients
of opposite sign that cancel. The function is the best there is; as weights of a network they make
it nervous: a small step in one of them moves the output far. A ridge takes them back, and where it
costs next to nothing in the residuals there is no reason to keep them.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np

from spline_fc import checks
from spline_fc.cpwl.inputs import checked_data
from spline_fc.cpwl.spline import Spline
from spline_fc.threads import one_thread

CHUNK_ROWS = 32768
LEAST_RIDGE = 1e-9  # keeps the normal equations of dependent terms solvable in float64
STEPS_PER_DECADE = 6


@one_thread()
def shrink(
    spline: Spline,
    x: Any,
    y: Any,
    *,
    weights: Any = None,
    tolerance: float = 0.05,
    most: float = 1e-3,
) -> Spline:
    """Refits the coefficients of a spline with the largest ridge that costs next to nothing.

    The terms stay. Minimised is the mean squared residual plus ridge times the sum of the squared
    coefficients, the intercept left out; the ridge is counted in mean squares of the features, so
    features should vary alike (see `data.standardize`).

    Args:
      spline: of m terms on d features and k outputs.
      x: (n, d), finite; what the spline was fitted on. y: (n,) or (n, k), finite.
      weights: (n,), >= 0.
      tolerance: the residual sum of squares may grow by this share over that of least squares.
      most: the largest ridge, as a multiple of the mean variance of the features.

    Returns:
      Spline with new coefficients and intercept, in the dtype of the given one.

    Raises:
      ValueError: data that `fit_mars` would refuse, another number of outputs, a spline that asks
        for a column that x does not have, a tolerance that is not positive or a negative `most`.

    Reference:
      Hoerl and Kennard (1970), Ridge regression, Technometrics 12.
    """
    checks.check_number("tolerance", tolerance, above=0)
    checks.check_number("most", most, at_least=0)
    x, y, weights, _ = checked_data(x, y, weights)
    _check_fits(spline, x, y)
    weights = weights / weights.sum()
    unit = float(np.mean(weights @ (x - weights @ x) ** 2))
    gram, target, means, total = _moments(spline, x, y, weights)
    if not len(gram) or unit == 0:
        return spline
    coef = _largest(gram, target, total, tolerance, unit, most)
    intercept = weights @ y - means @ coef
    return spline._replace(
        coef=jnp.asarray(coef, spline.coef.dtype),
        intercept=jnp.asarray(intercept, spline.intercept.dtype),
    )


def _check_fits(spline: Spline, x: np.ndarray, y: np.ndarray) -> None:
    outputs = spline.coef.shape[1]
    checks.check(
        y.shape[1] == outputs,
        f"y must have {outputs} columns, as the spline has outputs; got {y.shape[1]}.",
    )
    needed = int(np.max(np.asarray(spline.feature), initial=-1)) + 1
    checks.check(
        x.shape[1] >= needed,
        f"x must have at least {needed} columns, as the spline reads column {needed - 1}; "
        f"got {x.shape[1]}.",
    )


def _moments(spline: Spline, x: np.ndarray, y: np.ndarray, weights: np.ndarray):
    """B'WB (m, m) and B'WY (m, k) of centred columns, the means of B, and the total (k,) of Y."""
    sign, knot = np.asarray(spline.sign, np.float64), np.asarray(spline.knot, np.float64)
    feature = np.asarray(spline.feature)

    def columns(rows: slice) -> np.ndarray:
        hinge = np.maximum(sign * (x[rows][:, feature] - knot), 0)
        value = np.where(sign != 0, hinge, np.inf).min(axis=-1, initial=np.inf)
        return np.where(np.isfinite(value), value, 0.0)

    chunks = [slice(i, i + CHUNK_ROWS) for i in range(0, len(x), CHUNK_ROWS)]
    means = sum(weights[rows] @ columns(rows) for rows in chunks)
    centred_y = y - weights @ y
    gram, target = 0.0, 0.0
    for rows in chunks:
        centred = columns(rows) - means
        weighted = weights[rows, None] * centred
        gram, target = gram + weighted.T @ centred, target + weighted.T @ centred_y[rows]
    return gram, target, means, weights @ centred_y**2


def _largest(gram, target, total, tolerance: float, unit: float, most: float) -> np.ndarray:
    """Coefficients (m, k) at the largest ridge of a grid that the tolerance allows."""
    values, axes = np.linalg.eigh(gram)
    along = axes.T @ target

    def solve(ridge: float) -> tuple[np.ndarray, float]:
        inner = along / (np.maximum(values, 0) + ridge)[:, None]
        rss = total.sum() - 2 * (inner * along).sum() + (values[:, None] * inner**2).sum()
        return axes @ inner, max(rss, 0.0)

    least = LEAST_RIDGE * unit
    coef, best = solve(least)
    decades = max(np.log10(most / LEAST_RIDGE), 0.0) if most else 0.0
    for ridge in least * 10 ** np.arange(0, decades + 1e-9, 1 / STEPS_PER_DECADE)[1:]:
        wider, rss = solve(ridge)
        if rss > (1 + tolerance) * best:
            break
        coef = wider
    return coef
