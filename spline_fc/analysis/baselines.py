"""What a model must be better than: the mean of the targets, and a linear model."""

import warnings

import numpy as np

from spline_fc.data import Dataset
from spline_fc.threads import one_thread
from spline_fc.training import scores

MEAN, LINEAR = "mean", "linear model"
_STEPS = 200  # of a logistic regression, at most


@one_thread()
def baselines(dataset: Dataset) -> dict[str, dict[str, float]]:
    """Scores the simplest predictions on the test part, fitted on the training part.

    "mean" predicts the mean of the targets, of labels their shares. "linear model" is least squares
    on all features; for labels scikit-learn's logistic regression at its defaults.

    Args:
      dataset: standardised; its weights count in training.

    Returns:
      {"mean": scores, "linear model": scores}, as `training.scores` has them, in raw units.
    """
    x, y = (np.asarray(array, np.float64) for array in dataset.train)
    test_x, test_y = (np.asarray(array, np.float64) for array in dataset.test)
    weights = np.ones(len(x)) if dataset.weights is None else dataset.weights.train
    linear = _least_squares if dataset.task == "regression" else _logistic
    found = {
        MEAN: np.tile(weights @ y / weights.sum(), (len(test_y), 1)),
        LINEAR: linear(x, y, weights, test_x),
    }
    return {name: _scores(dataset, outputs, test_y) for name, outputs in found.items()}


def _scores(dataset: Dataset, outputs: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    names = dataset.target_names
    task, scaler = dataset.task, dataset.scaler
    return scores(task, "squared_error", outputs, targets, scaler=scaler, target_names=names)


def _least_squares(
    x: np.ndarray, y: np.ndarray, weights: np.ndarray, test_x: np.ndarray
) -> np.ndarray:
    """Predictions (n, k) of a linear model."""
    from sklearn.linear_model import LinearRegression  # slow to import

    return LinearRegression().fit(x, y, sample_weight=weights).predict(test_x)


def _logistic(x: np.ndarray, y: np.ndarray, weights: np.ndarray, test_x: np.ndarray) -> np.ndarray:
    """Probabilities (n, k) of a logistic regression; of two classes that of the second."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    is_binary = y.shape[1] == 1
    label = y[:, 0] if is_binary else y.argmax(axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # near enough for a baseline
        fitted = LogisticRegression(max_iter=_STEPS).fit(x, label, sample_weight=weights)
    known = fitted.predict_proba(test_x)
    if is_binary:
        return known[:, 1:]
    found = np.zeros((len(test_x), y.shape[1]))  # a class may have no training row
    found[:, fitted.classes_.astype(int)] = known
    return found
