"""What any model must beat: the mean, and a linear model of all columns."""

import warnings

import numpy as np

from spline_fc.data import Dataset, as_dataset
from spline_fc.training.scores import scores

MEAN, LINEAR = "mean", "linear model"
MOST_ITERATIONS = 500  # of logistic regression; many pixels would take thousands, to no better end
SELDOM = 1e-6  # a weight


def baselines(dataset: Dataset) -> dict[str, dict[str, float]]:
    """Scores on the test part what any model must beat: the mean, and a linear model.

    The mean is that of the training rows, of labels the share of each class. The linear model is
    least squares on all columns, for labels scikit-learn's logistic regression by its defaults,
    after 500 iterations at most. Both count rows by their weights.

    Args:
      dataset: standardised.

    Returns:
      {"mean": as `scores`, "linear model": likewise}.

    Raises:
      TypeError: no Dataset.
    """
    (x, y), test_x = as_dataset(dataset).train, np.asarray(dataset.test.x)
    x, y = np.asarray(x), np.asarray(y, np.float64)
    weights = np.ones(len(x)) if dataset.weights is None else dataset.weights.train
    mean = np.tile(np.average(y, axis=0, weights=weights), (len(test_x), 1))
    if dataset.task == "regression":
        loss, linear = "squared_error", _least_squares(x, y, weights, test_x)
    else:
        loss = "sigmoid_cross_entropy" if y.shape[1] == 1 else "softmax_cross_entropy"
        linear = _logistic(x, y, weights, test_x)
    found = {MEAN: ("squared_error", mean), LINEAR: (loss, linear)}
    given = {"scaler": dataset.scaler, "target_names": dataset.target_names}
    return {
        name: scores(dataset.task, loss, outputs, dataset.test.y, **given)
        for name, (loss, outputs) in found.items()
    }


def _with_ones(x: np.ndarray) -> np.ndarray:
    return np.concatenate([x, np.ones((len(x), 1))], axis=1, dtype=np.float64)


def _least_squares(
    x: np.ndarray, y: np.ndarray, weights: np.ndarray, test_x: np.ndarray
) -> np.ndarray:
    """Outputs (m, k) of test rows, by the shortest of equally good coefficients."""
    table = np.sqrt(weights)[:, None] * np.concatenate([_with_ones(x), y], axis=1)
    triangle = np.asarray(np.linalg.qr(table, mode="r"))  # the system that is solved is small
    d = x.shape[1] + 1
    return _with_ones(test_x) @ np.linalg.lstsq(triangle[:, :d], triangle[:, d:])[0]


def _logistic(x: np.ndarray, y: np.ndarray, weights: np.ndarray, test_x: np.ndarray) -> np.ndarray:
    """Logits (m, k) of test rows; a class that no training row has is counted as SELDOM rows."""
    from sklearn.linear_model import LogisticRegression  # takes its time, few programs need it

    classes = np.hstack([1 - y, y]) if y.shape[1] == 1 else y
    absent = np.flatnonzero(weights @ classes == 0)
    x = np.concatenate([x, np.zeros((absent.size, x.shape[1]), x.dtype)])
    label = np.concatenate([classes.argmax(axis=1), absent])
    weights = np.concatenate([weights, np.full(absent.size, SELDOM)])
    model = LogisticRegression(max_iter=MOST_ITERATIONS)
    with warnings.catch_warnings():  # an end after MOST_ITERATIONS is documented
        warnings.simplefilter("ignore")
        model.fit(x, label, sample_weight=weights)
    return model.decision_function(test_x).reshape(len(test_x), -1)
