"""One dense layer fitted to rows: least squares, logistic or softmax regression with a ridge.

`cpwl.fit_logits` does the same for the terms of a spline by Newton's method. Its system of one
block per output is out of reach for features by the hundred, whose quasi-Newton steps on
uncorrelated columns take a fifth of a second, in float32 and not to the last digit: the rows tell
coefficients far less well than that.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import solve
from scipy.optimize import minimize
from scipy.special import expit

from spline_fc.cpwl.inputs import CheckedData, checked_data
from spline_fc.data.splits import twin_groups
from spline_fc.network.structure import Layer
from spline_fc.threads import one_thread

RIDGES = tuple(10.0**-power for power in range(2, 13))  # tried until one is no better
FOLDS = 5  # one of them is held out to choose the ridge by
CHOOSING_ROWS = 8192  # at most, that have a say in that, and in what is uncorrelated
FLOOR = 3e-2  # of the mean variance, added to those of the axes that columns are divided by
MOST_STEPS, MEMORY = 500, 20  # of the minimiser
FEW_NUMBERS = 1 << 17  # in x, up to which nothing is gained by less precision
# Share of the loss that a step must bring, and where only a ridge is chosen; few numbers and many.
GAINS = {np.float64: (1e-12, 1e-8), np.float32: (3e-4, 2e-3)}


class _Rows(NamedTuple):
    """What a layer is fitted to; a row of the layer's outputs per output, which are few."""

    x: np.ndarray  # (n, d), centred
    y: np.ndarray  # (k, n)
    share: np.ndarray  # (n,), weights that sum to 1


class _Axes(NamedTuple):
    """Coefficients (1 + d, k) of ones and of columns x `onto`, nearly uncorrelated, of variance 1.

    The columns themselves are never made, which for many features would take as long as the fit.
    """

    onto: np.ndarray  # (d, d) float64
    charge: np.ndarray  # (1 + d, 1), what a ridge of 1 on the kernel is on the coefficients


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
    share = (data.weights / data.weights.sum(dtype=float)).astype(dtype)
    centre = (share @ data.x).astype(dtype)
    x = data.x.astype(dtype, copy=False) - centre
    rows = _Rows(x, np.ascontiguousarray(data.y.T.astype(dtype, copy=False)), share)
    asked, is_out = _asked(data)
    some = _part(rows, asked) if len(asked) < len(x) else rows
    axes = _axes(some)
    rest, out = _part(some, ~is_out), _part(some, is_out)
    begin, best, chosen = np.zeros((1 + x.shape[1], len(rows.y))), np.inf, RIDGES[0]
    coef = begin
    for ridge in RIDGES if rest.share.size and out.share.size else ():
        coef = _solved(rest, axes, coef, ridge, task, choosing_gain)
        loss = _loss(out, axes, coef, task)[0]
        if loss >= best:
            break
        begin, best, chosen = coef, loss, ridge
    # What the ridge guards against is a share of 1 / n.
    chosen *= len(asked) / len(x)
    coef = _solved(rows, axes, begin, chosen, task, least_gain)
    kernel = axes.onto @ coef[1:]
    return kernel, coef[0] - centre @ kernel


def _asked(data: CheckedData) -> tuple[np.ndarray, np.ndarray]:
    """The rows that choose, and which of these are held out."""
    rng, count = np.random.default_rng(0), len(data.x)
    asked = np.arange(count)
    if count > CHOOSING_ROWS:
        asked = np.sort(rng.choice(count, CHOOSING_ROWS, replace=False))
    groups = twin_groups(data.x[asked], data.y[asked])
    return asked, rng.permutation(groups.max() + 1)[groups] % FOLDS == 0


def _part(rows: _Rows, chosen: np.ndarray) -> _Rows:
    share = rows.share[chosen]
    total = max(share.sum(), np.finfo(float).tiny)
    return _Rows(rows.x[chosen], np.ascontiguousarray(rows.y[:, chosen]), share / total)


def _axes(rows: _Rows) -> _Axes:
    """Axes along which these rows, or as many as they are, have uncorrelated values."""
    gram = rows.x.T @ (rows.share[:, None] * rows.x)
    values, axes = np.linalg.eigh(gram.astype(np.float64))
    onto = axes / np.sqrt(np.maximum(values, 0) + FLOOR * max(values.mean(), np.finfo(float).tiny))
    # The axes are orthonormal, so a ridge on the kernel is one on every coefficient by itself.
    return _Axes(onto, np.concatenate([[0.0], (onto**2).sum(axis=0)])[:, None])


def _loss(rows: _Rows, axes: _Axes, coef: np.ndarray, task: str) -> tuple[float, np.ndarray]:
    """The mean loss and its derivatives in the outputs (k, n)."""
    kernel = (axes.onto @ coef[1:]).astype(rows.x.dtype)
    outputs = (rows.x @ kernel + coef[0].astype(rows.x.dtype)).T.copy()
    if task == "regression":
        error = outputs - rows.y
        return float((rows.share * error**2).sum()) / 2, rows.share * error
    if task == "binary":
        losses, mean = np.logaddexp(0, outputs) - rows.y * outputs, expit(outputs)
    else:
        outputs -= outputs.max(axis=0)
        losses = -(rows.y * outputs).sum(axis=0)
        mean = np.exp(outputs, out=outputs)
        total = mean.sum(axis=0)
        losses += np.log(total)
        mean /= total
    return float((rows.share * losses).sum(dtype=float)), rows.share * (mean - rows.y)


def _solved(
    rows: _Rows, axes: _Axes, begin: np.ndarray, ridge: float, task: str, least_gain: float
) -> np.ndarray:
    """The coefficients (1 + d, k) of least loss and charge."""
    charge = ridge * axes.charge
    if task == "regression":
        z = np.hstack([np.ones((len(rows.x), 1)), rows.x @ axes.onto])
        weighted = rows.share[:, None] * z
        return solve(z.T @ weighted + np.diag(charge[:, 0]), (rows.y @ weighted).T, assume_a="pos")

    def objective(point: np.ndarray) -> tuple[float, np.ndarray]:
        coef = point.reshape(begin.shape)
        loss, slope = _loss(rows, axes, coef, task)
        along = axes.onto.T @ (slope @ rows.x).T
        gradient = np.concatenate([slope.sum(axis=1)[None], along]) + charge * coef
        return loss + float((charge * coef**2).sum()) / 2, gradient.ravel()

    limits = {"maxiter": MOST_STEPS, "maxcor": MEMORY, "ftol": least_gain}
    found = minimize(objective, begin.ravel(), jac=True, method="L-BFGS-B", options=limits)
    return found.x.reshape(begin.shape)
