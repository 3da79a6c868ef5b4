"""fit_classes: labels in, a continuous piecewise-linear spline of logits out."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spline_fc.arrays import columns
from spline_fc.checks import check_integer
from spline_fc.cpwl.evaluation import evaluate, evaluate_float64
from spline_fc.cpwl.fit import fit_mars
from spline_fc.cpwl.inputs import CheckedData, checked_data
from spline_fc.cpwl.likelihood import check_labels, check_ridge, probabilities_of, refit_logits
from spline_fc.cpwl.result import FitResult
from spline_fc.cpwl.sharded.inputs import AnyData, ShardedData, checked_rows
from spline_fc.sharding import is_divided
from spline_fc.threads import one_thread
from spline_fc.timing import Stopwatch

LEAST_CURVATURE = 0.02  # a row's, so that no working response is far from all others


@one_thread()
def fit_classes(
    x: Any,
    y: Any,
    *,
    weights: Any = None,
    passes: int = 1,
    ridge: float | None = None,
    **options: Any,
) -> FitResult:
    """Fits a continuous piecewise-linear spline whose outputs are logits of classes.

    The terms are searched by `fit_mars` on the labels, and their coefficients refitted by
    `fit_logits`. Each further pass searches on the working response of Newton's method at the fit
    so far,

      f + (y - p) / v with weight v = sum_j p_j (1 - p_j) of each row,

    which sees where the log loss still bends; it keeps the directions of the first. The pass is
    returned of which the least log loss is expected on new rows, see `refit_logits`.

    Rows on several devices are searched where they are. Coefficients, losses and rss are those of
    at most 65536 of them, evenly spread.

    Args:
      x: (n, d) numbers, finite; a data frame's columns give the names.
      y: (n,) or (n, 1) of 0 and 1, or (n, k) one-hot.
      weights: (n,), >= 0; a weight of 2 is worth two copies of the row.
      passes: searches on a working response after the first search.
      ridge: of `fit_logits`.
      **options: of `fit_mars`.

    Returns:
      FitResult of the link "logit" or "softmax"; trace and pruning path are those of the
        search that it comes from, in units of what was searched on.

    Raises:
      ValueError: what `fit_mars` and `fit_logits` refuse.

    Reference:
      Hastie, Tibshirani, Friedman (2009), The Elements of Statistical Learning, 4.4.1 and 9.1.2.
    """
    check_integer("passes", passes, 0)
    check_ridge(ridge)
    with Stopwatch() as clock:
        divided = is_divided(x)
        x, names = (x, None) if divided else columns("x", x)
        data = (checked_rows if divided else checked_data)(x, y, weights)
        _check_labels(data)
        options = {"names": names, **options}
        fit = fit_mars(data.x, data.y, weights=data.weights, **options)
        wide = data.sample().widened()  # all rows, unless they are on several devices
        best, least = refit_logits(fit, wide, ridge, is_compared=passes > 0)
        if fit.spline.projection.shape[1]:
            options |= {"directions": np.asarray(fit.spline.projection)}
        for _ in range(passes):
            response, counts = _working_response(best, data)
            found = fit_mars(data.x, response, weights=counts, **options)
            found, expected = refit_logits(found._replace(names=fit.names), wide, ridge)
            if expected < least:
                best, least = found, expected
    return best._replace(seconds=clock.seconds)


def _check_labels(data: AnyData) -> None:
    """`check_labels` of all rows, wherever they are."""
    if isinstance(data, CheckedData):
        check_labels(data.y)
        return
    *seen, others = (np.asarray(found) for found in _kinds_of_labels(data.y, data.weights))
    kinds = np.array([[0.0], [1.0]]) if len(seen[0]) == 1 else np.eye(len(seen[0]))
    kinds = kinds[np.concatenate([seen[0], seen[1]]) if len(seen[0]) == 1 else seen[1]]
    check_labels(np.concatenate([kinds, np.full((int(others), kinds.shape[1]), 2.0)]))


@jax.jit
def _kinds_of_labels(y: jax.Array, weights: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Whether columns have zeros, and ones, (k,) each; whether a row that counts is no label."""
    counts = weights > 0
    is_one = (y == 1) & counts[:, None]
    fine = ((y == 0) | (y == 1)).all(axis=1) & ((y.shape[1] == 1) | (y.sum(axis=1) == 1))
    return ((y == 0) & counts[:, None]).any(axis=0), is_one.any(axis=0), (counts & ~fine).any()


def _working_response(fit: FitResult, data: AnyData) -> tuple[Any, Any]:
    """Targets (n, k) of the next search, and its weights (n,), which sum to the same."""
    if isinstance(data, ShardedData):
        return _shared_response(evaluate(fit, data.x), data.y, data.weights)
    logits = evaluate_float64(fit.spline, data.x)
    mean = probabilities_of(logits)
    curvature = np.maximum((mean * (1 - mean)).sum(axis=1), LEAST_CURVATURE)
    weights = data.weights.astype(np.float64) * curvature
    response = logits + (data.y - mean) / curvature[:, None]
    return response, weights * (data.weights.sum(dtype=float) / weights.sum())


@jax.jit
def _shared_response(
    logits: jax.Array, y: jax.Array, weights: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The same of rows on several devices, in the dtype of the rows."""
    k = logits.shape[1]
    mean = jax.nn.sigmoid(logits) if k == 1 else jax.nn.softmax(logits, axis=1)
    curvature = jnp.maximum((mean * (1 - mean)).sum(axis=1), LEAST_CURVATURE)
    response = logits + (y - mean) / curvature[:, None]
    return response, weights * curvature * (weights.sum() / (weights * curvature).sum())
