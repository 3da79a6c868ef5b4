"""How good a model is, by task and in raw units, whatever the loss it was trained on."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import log_expit, log_softmax, logsumexp

from spline_fc.arrays import numbers_float64
from spline_fc.checks import check, check_one_of, check_rank
from spline_fc.data import Scaler, unscale_y
from spline_fc.data.records import TASKS
from spline_fc.training.losses import LOSSES

PRIMARY_SCORE = {"regression": "rmse", "binary": "log_loss", "multiclass": "log_loss"}
_BINS = 15  # of the confidence
_LEAST = 1e-6  # probability, where an output is no logit and may be anything


def scores(
    task: str,
    loss: str,
    outputs: Any,
    targets: Any,
    *,
    scaler: Scaler | None = None,
    target_names: Sequence[str] = (),
) -> dict[str, float]:
    """Scores the outputs of a model on one part of a data set.

    Regression, with errors e (n, k) in raw units:
      rmse: sqrt(mean_j mean_i e_ij^2), and "rmse <name>" per target where there are several.
      mae: mean_ij |e_ij|.
      r2: mean_j (1 - sum_i e_ij^2 / sum_i (y_ij - mean_j)^2); NaN if a target is constant here.

    Classification, with a probability p per class:
      log_loss: - mean_i log p_i(true class), from logits without forming p.
      accuracy: share of rows whose most probable class is the true one; the first of equal ones.
      auc: area under the ROC curve, equal scores counted half; the mean of one-vs-rest areas for
        several classes. NaN if a class has no row here.
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

    Returns:
      Name of the score -> value; all NaN without rows or if an output is not finite.

    Raises:
      ValueError: unknown task or loss, shapes that do not agree, labels that are no labels.
    """
    check_one_of("task", task, TASKS)
    check_one_of("loss", loss, LOSSES)
    outputs, targets = numbers_float64("outputs", outputs), numbers_float64("targets", targets)
    check_rank("outputs", outputs, 2, "(n, k)")
    check(
        outputs.shape == targets.shape,
        f"targets must have shape {outputs.shape}, as outputs have; got {targets.shape}.",
    )
    if task == "regression":
        names = tuple(target_names) or tuple(f"y{j}" for j in range(outputs.shape[1]))
        check(
            len(names) == outputs.shape[1],
            f"target_names must have {outputs.shape[1]} names, one per target; got {names}.",
        )
        return _regression(_predictions(loss, outputs), targets, scaler, names)
    return _classification(task, loss, outputs, targets)


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


def _predictions(loss: str, outputs: np.ndarray) -> np.ndarray:
    """What the outputs say of targets that are numbers."""
    if loss == "sigmoid_cross_entropy":
        return np.exp(log_expit(outputs))
    return np.exp(log_softmax(outputs, axis=1)) if loss == "softmax_cross_entropy" else outputs


def _regression(
    predictions: np.ndarray, targets: np.ndarray, scaler: Scaler | None, names: tuple[str, ...]
) -> dict[str, float]:
    several = [f"rmse {name}" for name in names] if len(names) > 1 else []
    if not predictions.size or not np.isfinite(predictions).all():
        return dict.fromkeys(["rmse", "mae", "r2", *several], np.nan)
    if scaler is not None:
        predictions, targets = unscale_y(scaler, predictions), unscale_y(scaler, targets)
    # In units near 1, so that no square is too large or too small; a power of 2 rounds nothing.
    largest = max(np.abs(predictions).max(), np.abs(targets).max())
    unit = 2.0 ** (int(np.frexp(largest)[1]) - 1)
    predictions, targets = predictions / unit, targets / unit
    errors = predictions - targets
    square = np.square(errors).mean(axis=0)
    variance, constant = targets.var(axis=0), (np.ptp(targets, axis=0) == 0).any()
    r2 = np.nan if constant else 1 - np.mean(square / variance)
    own = np.sqrt(square)[: len(several)] * unit
    found = [np.sqrt(square.mean()) * unit, np.abs(errors).mean() * unit, r2, *own]
    return dict(zip(["rmse", "mae", "r2", *several], map(float, found), strict=True))


def _classification(
    task: str, loss: str, outputs: np.ndarray, targets: np.ndarray
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
    whole = np.concatenate([1 - targets, targets], axis=1) if is_binary else targets
    check(
        bool(np.isin(whole, (0, 1)).all() and (whole.sum(axis=1) == 1).all()),
        "targets must be 0 or 1 for 'binary' and one-hot for 'multiclass'.",
    )
    if not outputs.size or not np.isfinite(outputs).all():
        return dict.fromkeys(["log_loss", "accuracy", "auc", "calibration_error"], np.nan)
    log_probability = _log_probabilities(loss, outputs)
    label, rows = whole.argmax(axis=1), np.arange(len(whole))
    chosen = log_probability.argmax(axis=1)
    are_logits = loss.endswith("cross_entropy")
    ranked = log_probability if are_logits and not is_binary else outputs
    areas = [_auc(ranked[:, j], targets[:, j] == 1) for j in range(columns)]
    confidence = np.exp(log_probability[rows, chosen])
    return {
        "log_loss": float(-log_probability[rows, label].mean()),
        "accuracy": float((chosen == label).mean()),
        "auc": float(np.mean(areas)),
        "calibration_error": _calibration_error(confidence, chosen == label),
    }


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
    found = np.concatenate([1 - found, found], axis=1) if found.shape[1] == 1 else found
    return np.log(found / found.sum(axis=1, keepdims=True))


def _auc(score: np.ndarray, positive: np.ndarray) -> float:
    """Share of pairs of a positive and a negative row that are in order (Mann-Whitney)."""
    above, below = int(positive.sum()), int((~positive).sum())
    if not above or not below:
        return np.nan
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    rank = np.cumsum(count) - (count - 1) / 2  # from 1, the mean one of equal scores
    return float((rank[place][positive].sum() - above * (above + 1) / 2) / (above * below))


def _calibration_error(confidence: np.ndarray, correct: np.ndarray) -> float:
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    gaps = np.bincount(bins, correct - confidence, minlength=_BINS)
    return float(np.abs(gaps).sum() / len(correct))
