"""Scores against scikit-learn and NumPy."""

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn import metrics

from spline_fc.data import Scaler
from spline_fc.training import (
    CLASS_SCORES,
    PRIMARY_SCORE,
    calibration,
    joint_error,
    probabilities,
    scores,
)

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
    own = {f"{score} {name}" for score in ("rmse", "mae", "r2") for name in "ab"}
    assert set(found) == {"r2"} | own  # and no error of both, whose units differ
    np.testing.assert_allclose([found["rmse a"], found["rmse b"]], each)
    each = metrics.mean_absolute_error(*raw, multioutput="raw_values")
    np.testing.assert_allclose([found["mae a"], found["mae b"]], each)
    each = metrics.r2_score(*raw, multioutput="raw_values")
    np.testing.assert_allclose([found["r2 a"], found["r2 b"]], each)
    np.testing.assert_allclose(found["r2"], each.mean())
    joint = joint_error("regression", "huber", outputs, y)  # where both have one unit
    np.testing.assert_allclose(joint, np.sqrt(metrics.mean_squared_error(y, outputs)))


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
    balanced = metrics.balanced_accuracy_score(label, p > 0.5)
    np.testing.assert_allclose(found["balanced_accuracy"], balanced)
    np.testing.assert_allclose(found["brier"], metrics.brier_score_loss(label, p))
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
    balanced = metrics.balanced_accuracy_score(label, p.argmax(axis=1))
    np.testing.assert_allclose(found["balanced_accuracy"], balanced)
    np.testing.assert_allclose(found["brier"], ((p - np.eye(4)[label]) ** 2).sum(axis=1).mean())
    assert joint_error("multiclass", loss, outputs, np.eye(4)[label]) == found["log_loss"]
    ranked = outputs if loss == "huber" else p
    areas = [metrics.roc_auc_score(label == j, ranked[:, j]) for j in range(4)]
    np.testing.assert_allclose(found["auc"], np.mean(areas))
    np.testing.assert_allclose(found["calibration_error"], _calibration_error(p, label))


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
def test_a_weight_counts_as_so_many_rows(task):
    label, columns = RNG.integers(3, size=60), {"binary": 1}.get(task, 3)
    outputs = np.round(RNG.standard_normal((60, columns)), 1)
    targets = {
        "regression": outputs + RNG.standard_normal((60, 3)) * [1.0, 100.0, 0.1],
        "binary": (label > 0)[:, None] * 1.0,
        "multiclass": np.eye(3)[label],
    }[task]
    loss = {"regression": "huber", "binary": "sigmoid_cross_entropy"}.get(task)
    weights = RNG.integers(4, size=60)
    weighted, repeated = (
        scores(task, loss or "softmax_cross_entropy", *arrays, **given)
        for arrays, given in (
            ((outputs, targets), {"weights": weights / 7}),
            ((np.repeat(outputs, weights, axis=0), np.repeat(targets, weights, axis=0)), {}),
        )
    )
    assert list(weighted) == list(repeated)
    np.testing.assert_allclose(list(weighted.values()), list(repeated.values()), rtol=1e-12)


def test_a_class_whose_rows_weigh_nothing_is_absent():
    outputs, label = RNG.standard_normal((4, 1)), np.array([[0.0], [1], [0], [0]])
    found = scores("binary", "sigmoid_cross_entropy", outputs, label, weights=[1, 0, 1, 1])
    assert np.isnan(found["auc"]) and np.isnan(found["balanced_accuracy"])
    assert np.isfinite(found["log_loss"])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, 1], "weights must have 3 rows, as outputs has; got 2"),
        ([[1], [1], [1]], r"weights must have shape \(n,\)"),
        ([1, -1, 1], "weights must not be negative"),
        ([1, np.nan, 1], "weights must be finite"),
        ([0, 0, 0], "weights must not all be 0"),
    ],
)
def test_bad_weights_are_named(weights, message):
    with pytest.raises(ValueError, match=message):
        scores("regression", "huber", np.ones((3, 1)), np.ones((3, 1)), weights=weights)


def test_rows_are_gathered_by_their_confidence():
    p, label = np.array([0.04, 0.3, 0.31, 0.9, 1.0]), np.array([0, 0, 1, 1, 1])
    found = calibration(p, label)
    np.testing.assert_array_equal(np.flatnonzero(found.rows), [10, 13, 14])
    np.testing.assert_array_equal(found.rows[[10, 13, 14]], [2, 1, 2])
    np.testing.assert_allclose(found.confidence[[10, 13, 14]], [0.695, 0.9, 0.98])
    np.testing.assert_allclose(found.accuracy[[10, 13, 14]], [0.5, 1, 1])
    np.testing.assert_allclose(found.error, (2 * 0.195 + 0.1 + 2 * 0.02) / 5)
    both = calibration(np.stack([1 - p, p], axis=1), np.eye(2)[label])
    np.testing.assert_array_equal(both.rows, found.rows)
    logits, label = RNG.standard_normal((50, 3)), RNG.integers(3, size=50)
    weights = RNG.integers(1, 4, size=50)
    wanted = scores("multiclass", loss := "softmax_cross_entropy", logits, np.eye(3)[label])
    p = probabilities(loss, logits)
    assert calibration(p, np.eye(3)[label]).error == wanted["calibration_error"]
    heavy = calibration(p, np.eye(3)[label], weights=weights)
    again = calibration(np.repeat(p, weights, axis=0), np.eye(3)[np.repeat(label, weights)])
    np.testing.assert_allclose(heavy.rows, again.rows)
    np.testing.assert_allclose(heavy.error, again.error)
    for bad in ([0.2, 1.2], [0.2, np.nan], [], [0.2, 0.3]):
        with pytest.raises(ValueError, match="probability must|observed must be 0 or 1"):
            calibration(bad, np.full(len(bad), 0.5))


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
    assert np.isnan([found["auc"], found["balanced_accuracy"]]).all()
    assert np.isfinite(found["log_loss"])
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
    assert tuple(scores("binary", "huber", y, y)) == CLASS_SCORES


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
