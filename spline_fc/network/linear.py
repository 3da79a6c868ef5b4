"""One dense layer fitted to rows: least squares, logistic or softmax regression with a ridge.

`cpwl.fit_logits` does the same for the terms of a spline by Newton's method. Its system of one
block per output is out of reach for features by the hundred, whose quasi-Newton steps on
uncorrelated columns take a second, in float32 and not to the last digit: the rows tell coefficients
far less well than that.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import solve
from scipy.optimize import minimize
from scipy.special import expit

from spline_fc.cpwl.inputs import checked_data
from spline_fc.data.splits import twin_groups
from spline_fc.network.structure import Layer
from spline_fc.threads import one_thread

RIDGES = tuple(10.0**-power for power in range(2, 13))  # tried until one is no better
FOLDS = 5  # one of them is held out to choose the ridge by
CHOOSING_ROWS = 8192  # about as many, at most, have a say in that
FLOOR = 3e-2  # of the mean variance, added to those of the axes that columns are divided by
MOST_STEPS, MEMORY = 500, 20  # of the minimiser
FEW_NUMBERS = 1 << 17  # in x, up to which nothing is gained by less precision
# Nats per row that a step must bring, and where only a ridge is chosen; for few numbers and many.
GAINS = {np.float64: (1e-12, 1e-8), np.float32: (1e-4, 5e-4)}


class _Rows(NamedTuple):
    """What a layer is fitted to."""

    z: np.ndarray  # (n, 1 + d), ones and nearly uncorrelated columns of nearly unit variance
    y: np.ndarray  # (n, k)
    share: np.ndarray  # (n, 1), weights that sum to 1


@one_thread()
def fit_linear(x: np.ndarray, y: np.ndarray, task: str, weights: np.ndarray | None = None) -> Layer:
    """Fits kernel and bias of x kernel + bias, the outputs for classes being logits.

    Minimised is half the mean squared error, or the mean log loss of sigmoid or softmax, plus
    ridge / 2 times the squared kernel. The ridge is the best of RIDGES on a fifth of the rows, or
    of CHOOSING_ROWS that are drawn; equal rows are held out together.

    Args:
      x: (n, d), standardised. y: (n, k); 0 and 1 of k = 1 for "binary", one-hot for "multiclass".
      task: "regression", "binary" or "multiclass".
      weights: (n,), >= 0; a weight of 2 is worth two copies of the row.

    Returns:
      Kernel (d, k) and bias (k,), float64.

    Raises:
      ValueError: what `checked_data` refuses.
    """
    data = checked_data(x, y, weights)
    few = task == "regression" or data.x.size <= FEW_NUMBERS
    dtype = np.float64 if few else np.float32
    least_gain, choosing_gain = GAINS[dtype]
    share = (data.weights[:, None] / data.weights.sum(dtype=float)).astype(dtype)
    centre = (share.T @ data.x)[0].astype(dtype)
    x, y = data.x.astype(dtype, copy=False) - centre, data.y.astype(dtype, copy=False)
    values, axes = np.linalg.eigh((x.T @ (share * x)).astype(np.float64))
    onto = axes / np.sqrt(np.maximum(values, 0) + FLOOR * max(values.mean(), np.finfo(float).tiny))
    rows = _Rows(np.hstack([np.ones((len(x), 1), dtype), x @ onto.astype(dtype)]), y, share)
    # A ridge on the kernel, told of the coefficients of the columns; the axes are orthonormal.
    charge = np.concatenate([[0.0], (onto**2).sum(axis=0)])[:, None]
    groups = twin_groups(data.x, data.y)
    place = np.random.default_rng(0).permutation(groups.max() + 1)[groups]
    is_asked, is_out = place * len(place) < CHOOSING_ROWS * (groups.max() + 1), place % FOLDS == 0
    rest, out = _part(rows, is_asked & ~is_out), _part(rows, is_asked & is_out)
    begin, best, chosen = np.zeros((rows.z.shape[1], y.shape[1])), np.inf, RIDGES[0]
    coef = begin
    for ridge in RIDGES if len(rest.y) and len(out.y) else ():
        coef = _solved(rest, coef, ridge * charge, task, choosing_gain)
        loss = _loss(out, coef, task)[0]
        if loss >= best:
            break
        begin, best, chosen = coef, loss, ridge
    # What the ridge guards against is a share of 1 / n.
    chosen *= float(is_asked.mean())
    coef = _solved(rows, begin, chosen * charge, task, least_gain)
    kernel = onto @ coef[1:]
    return kernel, coef[0] - centre @ kernel


def _part(rows: _Rows, chosen: np.ndarray) -> _Rows:
    z, y, share = (array[chosen] for array in rows)
    return _Rows(z, y, share / max(share.sum(), np.finfo(float).tiny))


def _loss(rows: _Rows, coef: np.ndarray, task: str) -> tuple[float, np.ndarray]:
    """The mean loss and its derivatives in the outputs (n, k)."""
    outputs = rows.z @ coef.astype(rows.z.dtype)
    if task == "regression":
        error = outputs - rows.y
        return float((rows.share * error**2).sum()) / 2, rows.share * error
    if task == "binary":
        losses, mean = np.logaddexp(0, outputs) - rows.y * outputs, expit(outputs)
    else:
        outputs -= outputs.max(axis=1, keepdims=True)
        mean = np.exp(outputs)
        total = mean.sum(axis=1, keepdims=True)
        losses = np.log(total) - (rows.y * outputs).sum(axis=1, keepdims=True)
        mean /= total
    return float((rows.share * losses).sum(dtype=float)), rows.share * (mean - rows.y)


def _solved(
    rows: _Rows, begin: np.ndarray, charge: np.ndarray, task: str, least_gain: float
) -> np.ndarray:
    """The coefficients (1 + d, k) of least loss and charge."""
    if task == "regression":
        system = rows.z.T @ (rows.share * rows.z) + np.diag(charge[:, 0])
        return solve(system, rows.z.T @ (rows.share * rows.y), assume_a="pos")

    def objective(point: np.ndarray) -> tuple[float, np.ndarray]:
        coef = point.reshape(begin.shape)
        loss, slope = _loss(rows, coef, task)
        gradient = rows.z.T @ slope + charge * coef
        return loss + float((charge * coef**2).sum()) / 2, gradient.ravel()

    limits = {"maxiter": MOST_STEPS, "maxcor": MEMORY, "ftol": least_gain}
    found = minimize(objective, begin.ravel(), jac=True, method="L-BFGS-B", options=limits)
    return found.x.reshape(begin.shape)
