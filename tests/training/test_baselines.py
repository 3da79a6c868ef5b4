"""The mean and a linear model, against what defines them."""

import numpy as np
import pytest

from spline_fc import data, training
from spline_fc.data import Dataset, Part, Weights, identity_scaler


def table(task, y, rng, weights=None):
    """A data set of 60 training rows, the columns of a category with every level among them."""
    level = rng.integers(0, 3, 100)
    x = np.column_stack([rng.normal(size=(100, 2)), np.eye(3)[level]])
    y = y(x, rng)
    parts = [Part(x[s], y[s]) for s in (slice(60), slice(60, 70), slice(70, 100))]
    names = tuple(f"x{j}" for j in range(5)), tuple(f"y{j}" for j in range(y.shape[1]))
    found = Dataset("t", task, *names, *parts, identity_scaler(5, y.shape[1]))
    if weights is not None:
        found = found._replace(weights=Weights(weights[:60], weights[60:70], weights[70:]))
    return data.standardize(found, np.float64)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_linear_truth_is_found_and_the_mean_is_that_of_the_training_rows(weighted):
    rng = np.random.default_rng(0)
    weights = rng.uniform(1, 3, 100) if weighted else None

    def straight(x, rng):
        return 1e4 + x[:, :1] * 50 + x[:, 2:3] * 30

    found = table("regression", straight, rng, weights)
    came = training.baselines(found)
    assert came[training.LINEAR]["rmse"] < 1e-8 and came[training.LINEAR]["r2"] == 1
    y, test_y = (data.unscale_y(found.scaler, part.y) for part in (found.train, found.test))
    mean = np.average(y[:, 0], weights=None if weights is None else weights[:60])
    wanted = np.sqrt(((test_y - mean) ** 2).mean())
    assert came[training.MEAN]["rmse"] == pytest.approx(wanted)


def test_rows_of_weight_0_do_not_count():
    rng = np.random.default_rng(1)
    weights = np.ones(100)
    weights[:20] = 0

    def bent(x, rng):
        y = x[:, :1] * 2 + x[:, 1:2]
        y[:20] += 100 * rng.normal(size=(20, 1))
        return y

    assert (
        training.baselines(table("regression", bent, rng, weights))["linear model"]["rmse"] < 1e-8
    )


@pytest.mark.parametrize("classes", [2, 3])
def test_logistic_regression_is_that_of_scikit_learn(classes):
    linear_model = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(2)

    def labels(x, rng):
        logits = 2 * x @ rng.normal(size=(5, classes)) + rng.gumbel(size=(100, classes))
        one_hot = np.eye(classes)[logits.argmax(axis=1)]
        return one_hot[:, 1:] if classes == 2 else one_hot

    found = table("binary" if classes == 2 else "multiclass", labels, rng)
    (x, y), (test_x, test_y) = found.train, found.test
    label, wanted = (a[:, 0] if classes == 2 else a.argmax(axis=1) for a in (y, test_y))
    other = linear_model.LogisticRegression(tol=1e-8, max_iter=1000).fit(x, label)
    came = training.baselines(found)[training.LINEAR]
    likely = other.predict_proba(test_x)[np.arange(30), wanted.astype(int)]
    assert came["log_loss"] == pytest.approx(-np.log(likely).mean(), rel=1e-4)
    shares = np.bincount(label.astype(int), minlength=classes) / len(label)
    mean = training.baselines(found)[training.MEAN]
    assert mean["log_loss"] == pytest.approx(-np.log(shares[wanted.astype(int)]).mean())
    assert mean["auc"] == 0.5


def test_a_class_without_training_rows_is_thought_unlikely():
    def labels(x, rng):
        one_hot = np.eye(3)[2 * rng.integers(0, 2, len(x))]
        one_hot[70] = [0, 1, 0]  # of the test part
        return one_hot

    found = table("multiclass", labels, np.random.default_rng(3))
    came = training.baselines(found)[training.LINEAR]
    assert 0.2 < came["log_loss"] < 3  # 30 rows, one of which has about exp(-15)
