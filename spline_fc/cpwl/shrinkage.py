"""Smaller coefficients for nearly the same fit.

Hinges on one feature are strongly correlated, and least squares gives neighbours large coefficients
of opposite sign that cancel. The function is the best there is; as weights of a network they make
it nervous: a small step in one of them moves the output far. A ridge takes them back, and where it
costs next to nothing in the residuals there is no reason to keep them.
"""

from typing import Any

import numpy as np

from spline_fc import checks
from spline_fc.cpwl import pruning
from spline_fc.cpwl.refit import solve_triangle
from spline_fc.cpwl.regressors import check_fits, with_coefficients
from spline_fc.cpwl.rows import Rows
from spline_fc.cpwl.sharded.inputs import checked_rows
from spline_fc.cpwl.sharded.rows import rows_of
from spline_fc.cpwl.spline import Spline, num_features, spline_of
from spline_fc.cpwl.targets import in_unit
from spline_fc.threads import one_thread
from spline_fc.timing import Stopwatch

LEAST_RIDGE = 1e-9  # where the search for the largest ridge begins
STEPS_PER_DECADE = 6


@one_thread()
def shrink(
    fitted: Any,
    x: Any,
    y: Any = None,
    *,
    weights: Any = None,
    tolerance: float = 0.05,
    most: float = 1e-3,
) -> Any:
    """Refits the coefficients of a fit with the largest ridge that costs next to nothing.

    The terms stay. Minimised is the mean squared residual plus ridge times the sum of the squared
    coefficients, the intercept left out, of hinges on columns scaled to unit deviation: the units
    of the features do not matter. The two halves of a linear term stay one.

    Args:
      fitted: a FitResult or a Spline, of m terms on d features and k outputs, or a record that
        holds one as its `fit`, as a SplineStart.
      x: (n, d), finite; what was fitted on. Or a source of rows in chunks.
      y: (n,) or (n, k), finite; None beside a source of chunks.
      weights: (n,), >= 0.
      tolerance: the residual sum of squares may grow by this share over that of least squares.
      most: the largest ridge.

    Returns:
      What was given (of a record that holds a fit, the fit), with new coefficients, never more than
      the tolerance worse than least squares as evaluated in float64. Of a FitResult, rss, gcv, r2
      and num_rows are those of the new spline on the given rows, and its seconds are added; trace
      and pruning path are those of the search.

    Raises:
      ValueError: data that `fit_mars` would refuse, another number of features or outputs, a
        tolerance that is not positive or a negative `most`.

    Reference:
      Hoerl and Kennard (1970), Ridge regression, Technometrics 12.
    """
    checks.check_number("tolerance", tolerance, above=0)
    checks.check_number("most", most, at_least=0)
    fit = getattr(fitted, "fit", fitted)
    old = spline_of(fit)
    expected = None if old is fit else fit.names[: num_features(old)]
    with Stopwatch() as clock:
        data, unit = in_unit(checked_rows(x, y, weights, expected))
        rows = rows_of(data)
        check_fits(old, data.x, data.y)
        spline, rss = _largest(rows, _times(old, 1 / unit), tolerance, most)
        r2, rss = 1 - rss / rows.square if rows.square > 0 else 0.0, rss * unit**2
        spline = _times(spline, unit)
    if fit is old:
        return spline
    return fit._replace(
        spline=spline,
        rss=rss,
        gcv=float(pruning.gcv_score(rss, fit.num_terms, rows.weight, fit.penalty)),
        r2=r2,
        num_rows=rows.weight,
        seconds=fit.seconds + clock.seconds,
    )


def _times(spline: Spline, factor: float) -> Spline:
    """The spline times a power of 2."""
    if factor == 1:
        return spline
    return spline._replace(intercept=spline.intercept * factor, coef=spline.coef * factor)


def _largest(rows: Rows, old: Spline, tolerance: float, most: float) -> tuple[Spline, float]:
    """The spline at the largest ridge of a grid that the tolerance allows, and its RSS.

    The path comes from an orthogonal decomposition of the rows, as products of heavy-tailed columns
    have lost their digits; what decides is the RSS of each spline as it is returned.
    """
    columns, shift = rows.regressors(old), rows.mean
    p = len(columns.first)
    # The first row of R belongs to the intercept, which is not shrunk: the others are centred.
    top, *found = rows.triangle(columns)
    found = np.array(found)[:, 1:]
    left, values, axes = np.linalg.svd(found[:, :p], full_matrices=False)
    along = left.T @ found[:, p:]
    decades = np.log10(most / LEAST_RIDGE) if most > 0 else -1.0
    grid = LEAST_RIDGE * 10 ** np.arange(0, decades + 1e-9, 1 / STEPS_PER_DECADE)

    def coef_at(ridge: float) -> np.ndarray:
        return axes.T @ (along * (values / (values**2 + ridge))[:, None])

    # Nearly always what R says of the residuals is so, and one look at the rows confirms it.
    least = float((found[p:, p:] ** 2).sum())
    held = grid[:, None] / (values**2 + grid[:, None])
    grown = (held**2 @ along**2).sum(1)
    within = np.flatnonzero(grown <= tolerance * least)
    if len(within):
        coef = coef_at(grid[within[-1]])
        intercept = shift + (top[p + 1 :] - top[1 : p + 1] @ coef) / top[0]
        spline = with_coefficients(old, columns, coef, intercept)
        rss = rows.rss(spline)
        if rss <= (1 + tolerance) * least * rows.weight:
            return spline, rss

    def with_rss(coef: np.ndarray) -> tuple[Spline, float]:
        spline = with_coefficients(old, columns, coef, rows.mean_residual(columns, coef))
        return spline, rows.rss(spline)

    # Those of the fit are kept where they are better.
    best = min(
        with_rss(solve_triangle(found, p)), with_rss(columns.coef), (old, rows.rss(old)),
        key=lambda pair: pair[1],
    )  # fmt: skip
    bound = (1 + tolerance) * best[1]
    low, high = -1, len(grid)  # the residual grows with the ridge
    while high - low > 1:
        middle = (low + high) // 2
        shrunk = with_rss(coef_at(grid[middle]))
        if shrunk[1] <= bound:
            low, best = middle, shrunk
        else:
            high = middle
    return best
