"""Smaller coefficients for nearly the same fit.

Hinges on one feature are strongly correlated, and least squares gives neighbours large coefficients
of opposite sign that cancel. The function is the best there is; as weights of a network they make
it nervous: a small step in one of them moves the output far. A ridge takes them back, and where it
costs next to nothing in the residuals there is no reason to keep them.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from spline_fc import checks
from spline_fc.cpwl import pruning
from spline_fc.cpwl.fit import FitResult
from spline_fc.cpwl.inputs import CheckedData, checked_data
from spline_fc.cpwl.spline import Spline, num_features
from spline_fc.cpwl.terms import LiveTerms, as_spline, linear_pairs, live_terms, term_values
from spline_fc.threads import one_thread
from spline_fc.timing import Stopwatch

CHUNK_ROWS = 32768
LEAST_RIDGE = 1e-9  # where the search for the largest ridge begins
STEPS_PER_DECADE = 6


@one_thread()
def shrink(
    fit: FitResult,
    x: Any,
    y: Any,
    *,
    weights: Any = None,
    tolerance: float = 0.05,
    most: float = 1e-3,
) -> FitResult:
    """Refits the coefficients of a fit with the largest ridge that costs next to nothing.

    The terms stay. Minimised is the mean squared residual plus ridge times the sum of the squared
    coefficients, the intercept left out, of hinges on columns scaled to unit deviation: the units
    of the features do not matter. The two halves of a linear term stay one.

    Args:
      fit: its spline has m terms on d features and k outputs.
      x: (n, d), finite; what was fitted on. y: (n,) or (n, k), finite.
      weights: (n,), >= 0.
      tolerance: the residual sum of squares may grow by this share over that of least squares.
      most: the largest ridge.

    Returns:
      FitResult with new coefficients; rss, gcv, r2 and num_rows are those of the new spline on the
      given rows, and its seconds are added. Trace and pruning path are those of the search.

    Raises:
      ValueError: data that `fit_mars` would refuse, another number of features or outputs, a
        tolerance that is not positive or a negative `most`.

    Reference:
      Hoerl and Kennard (1970), Ridge regression, Technometrics 12.
    """
    checks.check_number("tolerance", tolerance, above=0)
    checks.check_number("most", most, at_least=0)
    with Stopwatch() as clock:
        data = checked_data(x, y, weights).widened()
        _check_fits(fit.spline, data)
        columns = _columns(fit.spline, data)
        moments = _moments(columns, data)
        coef = _largest(moments, columns.coef, tolerance, most)
        intercept = moments.mean_y - moments.means @ coef
        rss = _rss(columns, coef, intercept, data)
        spline = _with_coefficients(fit.spline, columns, coef, intercept)
    total, num_rows = float(moments.total) * moments.weight, moments.weight
    num_terms = 1 + int(fit.pruning.kept[fit.pruning.chosen].sum())
    return fit._replace(
        spline=spline,
        rss=rss,
        gcv=float(pruning.gcv_score(rss, num_terms, num_rows, fit.penalty)),
        r2=1 - rss / total if total > 0 else 0.0,
        num_rows=num_rows,
        seconds=fit.seconds + clock.seconds,
    )


class _Columns(NamedTuple):
    """The regressors: live terms, the halves of linear ones joined, on scaled columns."""

    live: LiveTerms
    first: np.ndarray  # (p,) int, live term of every regressor
    second: dict[int, int]  # live term that is subtracted from another
    size: np.ndarray  # (p,), the regressor is the term over its size
    coef: np.ndarray  # (p, k), of the regressors as the spline has them
    values: Callable[[slice], np.ndarray]  # of the regressors in some rows, (rows, p)


class _Moments(NamedTuple):
    """Weighted means of products of centred columns."""

    gram: np.ndarray  # (p, p)
    target: np.ndarray  # (p, k)
    means: np.ndarray  # (p,), of the regressors
    mean_y: np.ndarray  # (k,)
    total: float  # variance of the targets, over all outputs
    weight: float  # sum of the weights


def _check_fits(spline: Spline, data: CheckedData) -> None:
    outputs, wanted = spline.coef.shape[1], num_features(spline)
    checks.check(
        data.y.shape[1] == outputs,
        f"y must have {outputs} columns, as the spline has outputs; got {data.y.shape[1]}.",
    )
    checks.check(
        data.x.shape[1] == wanted,
        f"x must have {wanted} columns, as the spline has features; got {data.x.shape[1]}.",
    )


def _chunks(data: CheckedData) -> Iterator[slice]:
    return (slice(i, i + CHUNK_ROWS) for i in range(0, len(data.x), CHUNK_ROWS))


def _columns(spline: Spline, data: CheckedData) -> _Columns:
    live = live_terms(spline)
    second = linear_pairs(live)
    halves = set(second.values())
    first = np.array([m for m in range(len(live.terms)) if m not in halves], int)
    projection = np.asarray(spline.projection, np.float64)
    share = data.weights / data.weights.sum()

    def z(rows: slice) -> np.ndarray:
        return np.concatenate([data.x[rows], data.x[rows] @ projection], axis=1)

    mean = sum(share[rows] @ z(rows) for rows in _chunks(data))
    spread = np.sqrt(sum(share[rows] @ (z(rows) - mean) ** 2 for rows in _chunks(data)))
    spread = np.where(spread > 0, spread, 1.0)
    size = np.array([_size(live.terms[m].factors, spread) for m in first])

    def values(rows: slice) -> np.ndarray:
        found = term_values(z(rows), live.terms)
        for one, other in second.items():
            found[:, one] -= found[:, other]
        return found[:, first] / size

    return _Columns(live, first, second, size, live.coef[first] * size[:, None], values)


def _size(factors, spread: np.ndarray) -> float:
    """Geometric mean of |slope| times the deviation of the column: 1 for a minimum of fit_mars."""
    return float(np.exp(np.mean([np.log(abs(slope) * spread[v]) for v, slope, _ in factors])))


def _moments(columns: _Columns, data: CheckedData) -> _Moments:
    weight = float(data.weights.sum())
    share = data.weights / weight
    mean_y = share @ data.y
    p, k = columns.coef.shape
    means = sum((share[rows] @ columns.values(rows) for rows in _chunks(data)), np.zeros(p))
    gram, target = np.zeros((p, p)), np.zeros((p, k))
    for rows in _chunks(data):
        centred = columns.values(rows) - means
        weighted = share[rows, None] * centred
        gram, target = gram + weighted.T @ centred, target + weighted.T @ (data.y[rows] - mean_y)
    total = float((share @ (data.y - mean_y) ** 2).sum())
    return _Moments(gram, target, means, mean_y, total, weight)


def _largest(moments: _Moments, present: np.ndarray, tolerance: float, most: float) -> np.ndarray:
    """Coefficients (p, k) at the largest ridge of a grid that the tolerance allows."""
    gram, target, total = moments.gram, moments.target, moments.total

    def rss(coef: np.ndarray) -> float:
        return max(total + float((coef * (gram @ coef - 2 * target)).sum()), 0.0)

    root, _ = pruning.inverse_root(gram)
    # Those of the fit are kept where they are better: its last step looked at the rows again.
    coef = min(root @ (root.T @ target), present, key=rss)
    bound = (1 + tolerance) * rss(coef)
    values, axes = np.linalg.eigh(gram)
    along = axes.T @ target
    decades = np.log10(most / LEAST_RIDGE) if most > 0 else -1.0
    for ridge in LEAST_RIDGE * 10 ** np.arange(0, decades + 1e-9, 1 / STEPS_PER_DECADE):
        wider = axes @ (along / (np.maximum(values, 0) + ridge)[:, None])
        if rss(wider) > bound:
            break
        coef = wider
    return coef


def _rss(columns: _Columns, coef, intercept, data: CheckedData) -> float:
    """Weighted residual sum of squares, from the rows themselves."""
    residuals = ((r, data.y[r] - intercept - columns.values(r) @ coef) for r in _chunks(data))
    return float(sum((data.weights[rows] @ residual**2).sum() for rows, residual in residuals))


def _with_coefficients(spline: Spline, columns: _Columns, coef, intercept) -> Spline:
    """The live terms with coefficients (p, k) of the regressors."""
    values = np.zeros_like(columns.live.coef)
    values[columns.first] = coef / columns.size[:, None]
    for one, other in columns.second.items():
        values[other] = -values[one]
    projection = np.asarray(spline.projection)
    return as_spline(columns.live.terms, intercept, values, projection, spline.coef.dtype)
