"""How good a model is, by task and in raw units, whatever the loss it was trained on."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import log_expit, log_softmax, logsumexp

from spline_fc.arrays import numbers_float64
from spline_fc.checks import check, check_finite, check_one_of, check_rank, check_same_length
from spline_fc.data import Scaler, unscale_y
from spline_fc.data.records import TASKS
from spline_fc.printing import printed
from spline_fc.training.losses import LOSSES

PRIMARY_SCORE = {"regression": "rmse", "binary": "log_loss", "multiclass": "log_loss"}
REGRESSION_SCORES = ("rmse", "mae", "r2")
CLASS_SCORES = (
    "log_loss",
    "accuracy",
    "balanced_accuracy",
    "auc",
    "brier",
    "calibration_error",
)
BINS = 15  # of the confidence
_LEAST = 1e-6  # probability, where an output is no logit and may be anything


@printed
class Calibration(NamedTuple):
    """Rows gathered by their confidence, the probability of the class that is most probable."""

    rows: np.ndarray  # (b,) the weight of the rows in each bin, their number without weights
    confidence: np.ndarray  # (b,) its mean there, NaN without rows
    accuracy: np.ndarray  # (b,) share of the rows whose class is that one, NaN without rows
    error: float  # sum_b rows_b / rows |accuracy_b - confidence_b|, expected calibration error


def scores(
    task: str,
    loss: str,
    outputs: Any,
    targets: Any,
    *,
    scaler: Scaler | None = None,
    target_names: Sequence[str] = (),
    weights: Any = None,
) -> dict[str, float]:
    """Scores the outputs of a model on one part of a data set.

    Regression, with errors e (n,) of a target in raw units; means over rows count their weights:
      rmse: sqrt(mean_i e_i^2).
      mae: mean_i |e_i|.
      r2: 1 - sum_i e_i^2 / sum_i (y_i - mean y)^2; NaN if the target is constant here.
      Of several targets each has its own, "rmse <name>" and so on, as no number may mix their
      units; "r2" is then the mean of theirs.

    Classification, with a probability p per class:
      log_loss: - mean_i log p_i(true class), from logits without forming p.
      accuracy: share of rows whose most probable class is the true one; the first of equal ones.
      balanced_accuracy: mean over classes of that share among the rows of the class. NaN if a class
        has no row here.
      auc: area under the ROC curve, equal scores counted half; the mean of one-vs-rest areas for
        several classes. NaN if a class has no row here.
      brier: mean_i (p_i - y_i)^2 of the second of two classes; of several classes
        mean_i sum_c (p_ic - y_ic)^2, which for two would be twice as much.
      calibration_error: sum_b n_b / n |accuracy_b - confidence_b| over 15 equal bins of the
        probability of the most probable class.

    Args:
      task: "regression", "binary" or "multiclass".
      loss: that the model was trained on; a name in `LOSSES`. Under a cross-entropy outputs are
        logits; under another loss they are regressions of 0 and 1, which the AUC takes as they are
        and everything else clipped to [1e-6, 1 - 1e-6] and divided by their sum.
      outputs: (n, k), as the model gives them; k is 1 for "binary".
      targets: (n, k), as they were trained on: standardised, 0 and 1, or one-hot.
      scaler: of the targets, for regression; None if they are in raw units.
      target_names: k names, for regression; y0, y1, ... if there are none.
      weights: (n,) of the rows, not negative; a row of weight 3 counts as three such rows.

    Returns:
      Name of the score -> value; all NaN without rows or if an output is not finite.

    Raises:
      ValueError: unknown task or loss, shapes that do not agree, labels that are no labels, weights
        that are negative, not finite or all 0.
    """
    check_one_of("task", task, TASKS)
    check_one_of("loss", loss, LOSSES)
    outputs, targets = numbers_float64("outputs", outputs), numbers_float64("targets", targets)
    check_rank("outputs", outputs, 2, "(n, k)")
    check(
        outputs.shape == targets.shape,
        f"targets must have shape {outputs.shape}, as outputs have; got {targets.shape}.",
    )
    if weights is not None:
        weights = _checked_weights(weights, outputs)
        outputs, targets, weights = (a[weights > 0] for a in (outputs, targets, weights))
    if task == "regression":
        names = tuple(target_names) or tuple(f"y{j}" for j in range(outputs.shape[1]))
        check(
            len(names) == outputs.shape[1],
            f"target_names must have {outputs.shape[1]} names, one per target; got {names}.",
        )
        return _regression(predictions(loss, outputs), targets, scaler, names, weights)
    return _classification(task, loss, outputs, targets, weights)


def joint_error(task: str, loss: str, outputs: Any, targets: Any) -> float:
    """Says in one number that grows with the error how far outputs are from targets.

    The log loss of a classification; of a regression sqrt(mean_ij e_ij^2) over rows and targets, in
    the units given: of several targets it makes sense where these are standardised.

    Args:
      task, loss, outputs, targets: as for `scores`.

    Raises:
      ValueError: as for `scores`.
    """
    found = scores(task, loss, outputs, targets)
    if task != "regression":
        return found["log_loss"]
    own = [value for name, value in found.items() if name.split(" ")[0] == "rmse"]
    return float(np.sqrt(np.mean(np.square(own))))


def calibration(probability: Any, observed: Any, *, weights: Any = None) -> Calibration:
    """Gathers rows by confidence in 15 equal bins, as a reliability diagram shows them.

    Args:
      probability: (n,) or (n, 1) of the second of two classes, or (n, c) of every class.
      observed: alike, 0 and 1.
      weights: as for `scores`.

    Returns:
      Calibration.

    Raises:
      ValueError: shapes that differ, no row, probabilities outside of [0, 1], labels that are no
        labels, weights as for `scores`.
    """
    given = numbers_float64("probability", probability)
    came = numbers_float64("observed", observed)
    check(
        given.shape == came.shape, f"probability must have shape {came.shape}; got {given.shape}."
    )
    given, came = (a[:, None] if a.ndim == 1 else a for a in (given, came))
    check_rank("probability", given, 2, "(n,) or (n, c)")
    check(len(given) > 0, "probability must have at least one row; got none.")
    check_finite("probability", given)
    inside = bool((given >= 0).all() and (given <= 1).all())
    check(inside, f"probability must lie in [0, 1]; got {given.min():g} to {given.max():g}.")
    given, came = (_of_both(a) for a in (given, came))
    _check_labels(came, "observed")
    if weights is not None:
        weights = _checked_weights(weights, given)
    correct = given.argmax(axis=1) == came.argmax(axis=1)
    return _calibration(given.max(axis=1), correct, weights)


def probabilities(loss: str, outputs: Any) -> np.ndarray:
    """Reads the outputs of a classifier as a probability per class.

    Args:
      loss: that the model was trained on, as in `scores`.
      outputs: (n, k), as the model gives them; k is 1 for two classes.

    Returns:
      (n, c) float64, rows that sum to 1; c is 2 for one column, else k.

    Raises:
      ValueError: unknown loss, or outputs that are no matrix.
    """
    check_one_of("loss", loss, LOSSES)
    outputs = numbers_float64("outputs", outputs)
    check_rank("outputs", outputs, 2, "(n, k)")
    return np.exp(_log_probabilities(loss, outputs))


def predictions(loss: str, outputs: np.ndarray) -> np.ndarray:
    """Reads outputs (n, k) as what they say of targets: probabilities if they are logits.

    Args:
      loss: that the model was trained on, as in `scores`.
      outputs: (n, k) float64; one column of logits gives the probability of the second class.
    """
    if loss == "sigmoid_cross_entropy":
        return np.exp(log_expit(outputs))
    return np.exp(log_softmax(outputs, axis=1)) if loss == "softmax_cross_entropy" else outputs


def _checked_weights(weights: Any, outputs: np.ndarray) -> np.ndarray:
    """(n,) weights of the rows; raises ValueError for what are none."""
    found = numbers_float64("weights", weights)
    check_rank("weights", found, 1, "(n,)")
    check_same_length("weights", found, "outputs", outputs)
    check_finite("weights", found)
    check(bool((found >= 0).all()), "weights must not be negative; got others.")
    check(not found.size or bool(found.any()), "weights must not all be 0; got no other.")
    return found


def _regression(
    predictions: np.ndarray,
    targets: np.ndarray,
    scaler: Scaler | None,
    names: tuple[str, ...],
    weights: np.ndarray | None,
) -> dict[str, float]:
    several = len(names) > 1
    if scaler is not None:
        predictions, targets = unscale_y(scaler, predictions), unscale_y(scaler, targets)
    if not predictions.size or not np.isfinite(predictions).all():
        found = np.full((len(REGRESSION_SCORES), len(names)), np.nan)
    else:
        found = _by_target(predictions, targets, weights)
    if not several:
        return dict(zip(REGRESSION_SCORES, found[:, 0].tolist(), strict=True))
    own = {
        f"{score} {name}": float(value)
        for score, values in zip(REGRESSION_SCORES, found, strict=True)
        for name, value in zip(names, values, strict=True)
    }
    return {"r2": float(found[-1].mean()), **own}


def _by_target(
    predictions: np.ndarray, targets: np.ndarray, weights: np.ndarray | None
) -> np.ndarray:
    """(3, k), the scores of each target by itself."""
    # In units near 1, so that no square is too large or too small; a power of 2 rounds nothing.
    largest = np.maximum(np.abs(predictions).max(axis=0), np.abs(targets).max(axis=0))
    unit = 2.0 ** (np.frexp(largest)[1] - 1)
    predictions, targets = predictions / unit, targets / unit
    square, size, mean = (
        np.average(values, axis=0, weights=weights)
        for values in (np.square(predictions - targets), np.abs(predictions - targets), targets)
    )
    variance = np.average(np.square(targets - mean), axis=0, weights=weights)
    variance[np.ptp(targets, axis=0) == 0] = np.nan
    return np.stack([np.sqrt(square) * unit, size * unit, 1 - square / variance])


def _classification(
    task: str, loss: str, outputs: np.ndarray, targets: np.ndarray, weights: np.ndarray | None
) -> dict[str, float]:
    columns, is_binary = outputs.shape[1], task == "binary"
    check(
        (columns == 1) == is_binary,
        f"outputs must have one column for 'binary' and several for 'multiclass'; got {columns} "
        f"for {task!r}.",
    )
    check(
        not is_binary or loss != "softmax_cross_entropy",
        f"loss must not be {loss!r} for 'binary', which has one column.",
    )
    whole = _of_both(targets)
    _check_labels(whole, "targets")
    if not outputs.size or not np.isfinite(outputs).all():
        return dict.fromkeys(CLASS_SCORES, np.nan)
    log_probability = _log_probabilities(loss, outputs)
    label, rows = whole.argmax(axis=1), np.arange(len(whole))
    chosen = log_probability.argmax(axis=1)
    right = chosen == label
    are_logits = loss.endswith("cross_entropy")
    ranked = log_probability if are_logits and not is_binary else outputs
    areas = [_auc(ranked[:, j], targets[:, j] == 1, weights) for j in range(columns)]
    distance = np.square(np.exp(log_probability) - whole).sum(axis=1) / (2 if is_binary else 1)
    sizes, hits = (
        np.bincount(label, values, whole.shape[1])
        for values in (weights, right if weights is None else right * weights)
    )
    shares = np.divide(hits, sizes, out=np.full(sizes.shape, np.nan), where=sizes > 0)
    found = (
        np.average(-log_probability[rows, label], weights=weights),
        np.average(right, weights=weights),
        np.mean(shares),
        np.mean(areas),
        np.average(distance, weights=weights),
        _calibration(np.exp(log_probability[rows, chosen]), right, weights).error,
    )
    return dict(zip(CLASS_SCORES, map(float, found), strict=True))


def _of_both(columns: np.ndarray) -> np.ndarray:
    """(n, c): of one column, which is that of the second of two classes, both."""
    return np.concatenate([1 - columns, columns], axis=1) if columns.shape[1] == 1 else columns


def _check_labels(whole: np.ndarray, name: str) -> None:
    check(
        bool(np.isin(whole, (0, 1)).all() and (whole.sum(axis=1) == 1).all()),
        f"{name} must be 0 or 1 for 'binary' and one-hot for 'multiclass'.",
    )


def _log_probabilities(loss: str, outputs: np.ndarray) -> np.ndarray:
    """(n, classes); two classes for one column."""
    if loss == "softmax_cross_entropy":
        return log_softmax(outputs, axis=1)
    if loss == "sigmoid_cross_entropy":
        if outputs.shape[1] == 1:
            return np.concatenate([log_expit(-outputs), log_expit(outputs)], axis=1)
        found = log_expit(outputs)
        return found - logsumexp(found, axis=1, keepdims=True)
    found = np.clip(outputs, _LEAST, 1 - _LEAST)
    found = _of_both(found)
    return np.log(found / found.sum(axis=1, keepdims=True))


def _auc(score: np.ndarray, positive: np.ndarray, weights: np.ndarray | None) -> float:
    """Share of pairs of a positive and a negative row that are in order (Mann-Whitney)."""
    weights = np.ones(len(score)) if weights is None else weights
    _, place = np.unique(score, return_inverse=True)
    above, below = (np.bincount(place, weights * of) for of in (positive, ~positive))
    pairs = above.sum() * below.sum()
    return float(above @ (np.cumsum(below) - below / 2) / pairs) if pairs > 0 else np.nan


def _calibration(
    confidence: np.ndarray, correct: np.ndarray, weights: np.ndarray | None
) -> Calibration:
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    weights = np.ones(len(confidence)) if weights is None else weights
    rows, sure, right = (
        np.bincount(place, weights * values, BINS) for values in (1.0, confidence, correct)
    )
    error = float(np.abs(right - sure).sum() / rows.sum())
    sure, right = (
        np.divide(total, rows, out=np.full(BINS, np.nan), where=rows > 0) for total in (sure, right)
    )
    return Calibration(rows, sure, right, error)
