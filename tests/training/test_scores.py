"""Scores against scikit-learn and NumPy."""

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn import metrics

from spline_fc.data import Scaler
from spline_fc.training import PRIMARY_SCORE, probabilities, scores

RNG = np.random.default_rng(0)
ROWS = 200


def _calibration_error(probability, label):
    """Bin by bin, for probabilities (n, classes)."""
    confidence, correct = probability.max(axis=1), probability.argmax(axis=1) == label
    total = 0.0
    for b in range(15):
        inside = (confidence >= b / 15) & (confidence < (b + 1) / 15 + (b == 14))
        if inside.any():
            total += inside.mean() * abs(correct[inside].mean() - confidence[inside].mean())
    return total


def test_regression_of_targets_of_unlike_scale_in_raw_units():
    scaler = Scaler(np.zeros(2), np.ones(2), np.array([5.0, -300.0]), np.array([0.1, 1000.0]))
    y = RNG.standard_normal((ROWS, 2))
    outputs = y + RNG.standard_normal((ROWS, 2)) * [2.0, 0.01]
    found = scores("regression", "huber", outputs, y, scaler=scaler, target_names=("a", "b"))
    raw = [values * scaler.y_scale + scaler.y_shift for values in (y, outputs)]
    each = metrics.root_mean_squared_error(*raw, multioutput="raw_values")
    assert set(found) == {"rmse", "mae", "r2", "rmse a", "rmse b"}
    np.testing.assert_allclose([found["rmse a"], found["rmse b"]], each)
    np.testing.assert_allclose(found["rmse"], np.sqrt(metrics.mean_squared_error(*raw)))
    np.testing.assert_allclose(found["mae"], metrics.mean_absolute_error(*raw))
    np.testing.assert_allclose(found["r2"], metrics.r2_score(*raw))
    # Not the mean square of both times the mean square of their scales.
    product = np.sqrt(((outputs - y) ** 2).mean() * (scaler.y_scale**2).mean())
    assert product > 50 * found["rmse"]


def test_one_target_has_no_score_by_name():
    y = RNG.standard_normal((ROWS, 1))
    found = scores("regression", "squared_error", y + 0.5, y)
    assert set(found) == {"rmse", "mae", "r2"}
    np.testing.assert_allclose([found["rmse"], found["mae"]], 0.5)


@pytest.mark.parametrize("rounded", [False, True])
@pytest.mark.parametrize("loss", ["sigmoid_cross_entropy", "squared_error"])
def test_binary(loss, rounded):
    label = RNG.integers(2, size=ROWS)
    outputs = 2 * RNG.standard_normal(ROWS) + label
    outputs = np.round(outputs) if rounded else outputs  # with many ties
    found = scores("binary", loss, outputs[:, None], label[:, None])
    p = expit(outputs) if loss != "squared_error" else np.clip(outputs, 1e-6, 1 - 1e-6)
    both = np.stack([1 - p, p], axis=1)
    np.testing.assert_allclose(found["log_loss"], metrics.log_loss(label, both))
    np.testing.assert_allclose(found["accuracy"], metrics.accuracy_score(label, p > 0.5))
    np.testing.assert_allclose(found["auc"], metrics.roc_auc_score(label, outputs))
    np.testing.assert_allclose(found["calibration_error"], _calibration_error(both, label))


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "sigmoid_cross_entropy", "huber"])
def test_several_classes(loss):
    label = RNG.integers(4, size=ROWS)
    outputs = RNG.standard_normal((ROWS, 4)) + np.eye(4)[label]
    found = scores("multiclass", loss, outputs, np.eye(4)[label])
    p = {
        "softmax_cross_entropy": softmax(outputs, axis=1),
        "sigmoid_cross_entropy": expit(outputs),
        "huber": np.clip(outputs, 1e-6, 1 - 1e-6),
    }[loss]
    p /= p.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found["log_loss"], metrics.log_loss(label, p))
    np.testing.assert_allclose(found["accuracy"], (p.argmax(axis=1) == label).mean())
    ranked = outputs if loss == "huber" else p
    areas = [metrics.roc_auc_score(label == j, ranked[:, j]) for j in range(4)]
    np.testing.assert_allclose(found["auc"], np.mean(areas))
    np.testing.assert_allclose(found["calibration_error"], _calibration_error(p, label))


def test_log_loss_of_huge_logits_is_stable():
    outputs, targets = np.array([[1e4], [-1e4]]), np.array([[0.0], [0.0]])
    found = scores("binary", "sigmoid_cross_entropy", outputs, targets)
    assert found["log_loss"] == 5000
    pair = scores(
        "multiclass", "softmax_cross_entropy", np.array([[1e4, 0], [0, 1e4]]), np.eye(2)[[1, 1]]
    )
    assert pair["log_loss"] == 5000


def test_what_is_not_defined_is_not_a_number():
    ones = np.ones((5, 1))
    found = scores("binary", "sigmoid_cross_entropy", np.arange(5.0)[:, None], ones)
    assert np.isnan(found["auc"]) and np.isfinite(found["log_loss"])
    labels = np.eye(3)[[0, 1, 0, 1, 1]]
    found = scores("multiclass", "softmax_cross_entropy", RNG.standard_normal((5, 3)), labels)
    assert np.isnan(found["auc"]) and found["accuracy"] <= 1
    assert np.isnan(scores("regression", "huber", 2 * ones, ones)["r2"])
    for values in (scores("regression", "huber", ones[:0], ones[:0]),
                   scores("binary", "huber", ones[:0], ones[:0]),
                   scores("binary", "huber", np.nan * ones, ones)):  # fmt: skip
        assert all(np.isnan(value) for value in values.values())


def test_the_primary_score_is_one_of_the_scores():
    y, classes = np.array([[0.0], [1.0]]), np.eye(3)
    assert PRIMARY_SCORE["regression"] in scores("regression", "huber", y, y)
    assert PRIMARY_SCORE["binary"] in scores("binary", "huber", y, y)
    assert PRIMARY_SCORE["multiclass"] in scores("multiclass", "huber", classes, classes)


@pytest.mark.parametrize(
    ("task", "loss", "outputs", "targets", "message"),
    [
        ("ranking", "huber", np.ones((2, 1)), np.ones((2, 1)), "task must be one of"),
        ("binary", "hinge", np.ones((2, 1)), np.ones((2, 1)), "loss must be one of"),
        ("binary", "huber", np.ones((2, 1)), np.ones((2, 2)), r"targets must have shape \(2, 1\)"),
        ("binary", "huber", np.ones(2), np.ones(2), r"outputs must have shape \(n, k\)"),
        ("binary", "huber", np.ones((2, 2)), np.ones((2, 2)), "one column for 'binary'"),
        ("multiclass", "huber", np.ones((2, 1)), np.ones((2, 1)), "several for 'multiclass'"),
        ("binary", "softmax_cross_entropy", np.ones((2, 1)), np.ones((2, 1)), "loss must not be"),
        ("binary", "huber", np.ones((2, 1)), np.full((2, 1), 0.5), "targets must be 0 or 1"),
    ],
)
def test_bad_arguments_are_named(task, loss, outputs, targets, message):
    with pytest.raises(ValueError, match=message):
        scores(task, loss, outputs, targets)


def test_names_of_targets_are_counted():
    with pytest.raises(ValueError, match="target_names must have 2 names"):
        scores("regression", "huber", np.ones((3, 2)), np.ones((3, 2)), target_names=("a",))


def test_probabilities_are_read_by_the_loss():
    outputs = np.array([[-1.0], [0.3], [2.0]])
    logits = probabilities("sigmoid_cross_entropy", outputs)
    np.testing.assert_allclose(logits[:, 1], 1 / (1 + np.exp(-outputs[:, 0])))
    np.testing.assert_allclose(probabilities("huber", outputs)[:, 1], [0, 0.3, 1], atol=1e-5)
    for loss in ("softmax_cross_entropy", "squared_error", "sigmoid_cross_entropy"):
        found = probabilities(loss, np.array([[0.2, 0.5, 0.4], [3.0, -2.0, 0.0]]))
        np.testing.assert_allclose(found.sum(axis=1), 1)
        assert found.argmax(axis=1).tolist() == [1, 0]
    with pytest.raises(ValueError, match=r"outputs must have shape \(n, k\)"):
        probabilities("huber", [0.1])


@pytest.mark.parametrize("unit", [2.0**-1000, 2.0**1000])
def test_units_of_any_size_change_no_digit(unit):
    targets, outputs = np.array([[1.0], [2], [4]]), np.array([[1.5], [2], [3]])
    plain = scores("regression", "squared_error", outputs, targets)
    found = scores("regression", "squared_error", outputs * unit, targets * unit)
    assert found["r2"] == plain["r2"]
    assert (found["rmse"], found["mae"]) == (plain["rmse"] * unit, plain["mae"] * unit)
