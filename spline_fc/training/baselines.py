"""What any model must beat: the mean, and a linear model of all columns."""

import numpy as np
from scipy.special import logsumexp, softmax

from spline_fc.data import Dataset
from spline_fc.training.scores import scores

MEAN, LINEAR = "mean", "linear model"
MOST_ITERATIONS = 500  # of logistic regression; many pixels would take thousands, to no better end


def baselines(dataset: Dataset) -> dict[str, dict[str, float]]:
    """Scores on the test part what any model must beat: the mean, and a linear model.

    The mean is that of the training rows, of labels the share of each class. The linear model is
    least squares on all columns, for labels logistic regression with the penalty |w|^2 / 2 on the
    sum of the losses, as scikit-learn has it by default, after 500 iterations at most. Both count
    rows by their weights.

    Args:
      dataset: standardised.

    Returns:
      {"mean": as `scores`, "linear model": likewise}.
    """
    (x, y), test_x = dataset.train, dataset.test.x
    x, y, test_x = (np.asarray(a, np.float64) for a in (x, y, test_x))
    weights = np.ones(len(x)) if dataset.weights is None else dataset.weights.train
    mean = np.tile(np.average(y, axis=0, weights=weights), (len(test_x), 1))
    if dataset.task == "regression":
        loss, fit = "squared_error", _least_squares
    else:
        loss = "sigmoid_cross_entropy" if y.shape[1] == 1 else "softmax_cross_entropy"
        fit = _logistic
    linear = _with_ones(test_x) @ fit(_with_ones(x), y, weights)
    found = {MEAN: ("squared_error", mean), LINEAR: (loss, linear)}
    given = {"scaler": dataset.scaler, "target_names": dataset.target_names}
    return {
        name: scores(dataset.task, loss, outputs, dataset.test.y, **given)
        for name, (loss, outputs) in found.items()
    }


def _with_ones(x: np.ndarray) -> np.ndarray:
    return np.concatenate([x, np.ones((len(x), 1))], axis=1)


def _least_squares(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Coefficients (d, k), the shortest of equally good ones; a small triangle is solved for."""
    table = np.sqrt(weights)[:, None] * np.concatenate([x, y], axis=1)
    triangle = np.asarray(np.linalg.qr(table, mode="r"))
    d = x.shape[1]
    return np.linalg.lstsq(triangle[:, :d], triangle[:, d:])[0]


def _logistic(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Coefficients (d, k) of logistic regression; the last row, the intercept, goes free."""
    from scipy.optimize import minimize  # takes its time, and most programs need it not

    shape = d, k = x.shape[1], y.shape[1]
    charged = np.arange(d)[:, None] < d - 1
    reference = np.zeros((len(x), int(k == 1)))  # of two classes the first has logit 0

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        coef = flat.reshape(shape)
        outputs, small = x @ coef, coef * charged
        logits = np.concatenate([reference, outputs], axis=1)
        losses = logsumexp(logits, axis=1) - (y * outputs).sum(axis=1)
        slopes = weights[:, None] * (softmax(logits, axis=1)[:, -k:] - y)
        return weights @ losses + (small**2).sum() / 2, (x.T @ slopes + small).ravel()

    most = {"maxiter": MOST_ITERATIONS}
    found = minimize(objective, np.zeros(d * k), jac=True, method="L-BFGS-B", options=most)
    return found.x.reshape(shape)
