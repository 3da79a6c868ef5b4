"""Losses: one value per row from predictions and targets of equal shape (n, k)."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from spline_fc.checks import check, check_one_of

Loss = Callable[[jax.Array, jax.Array], jax.Array]


def _squared_error(prediction: jax.Array, target: jax.Array) -> jax.Array:
    return jnp.square(prediction - target).mean(axis=-1)


def _huber(prediction: jax.Array, target: jax.Array) -> jax.Array:
    return optax.huber_loss(prediction, target, delta=1.0).mean(axis=-1)


def _sigmoid_cross_entropy(prediction: jax.Array, target: jax.Array) -> jax.Array:
    return optax.sigmoid_binary_cross_entropy(prediction, target).mean(axis=-1)


LOSSES: dict[str, Loss] = {
    "squared_error": _squared_error,
    "huber": _huber,
    "sigmoid_cross_entropy": _sigmoid_cross_entropy,
    "softmax_cross_entropy": optax.softmax_cross_entropy,
}

LOSS_OF = {
    "regression": "squared_error",
    "binary": "sigmoid_cross_entropy",
    "multiclass": "softmax_cross_entropy",
}  # by task, unless another is asked for
LOSS_OF_LINK = {
    "identity": "squared_error",
    "logit": "sigmoid_cross_entropy",
    "softmax": "softmax_cross_entropy",
}  # by the link of a FitResult: what its outputs are


def fitted_as(loss: str | None, task: str) -> str:
    """Says as what task a spline is fitted whose network a loss trains on.

    Args:
      loss: a name in LOSSES, or None for that of the task. task: of the data.

    Returns:
      The task, or "regression" of 0 and 1 where the loss of classes is one of numbers.

    Raises:
      ValueError: the loss is a cross-entropy, and not that of the task.
    """
    if loss is None or loss == LOSS_OF[task]:
        return task
    check(
        not loss.endswith("cross_entropy"),
        f"training.loss must be {LOSS_OF[task]!r} or a loss of numbers for a spline start of task "
        f"{task!r}; got {loss!r}.",
    )
    return "regression"


def loss_per_row(name: str, prediction: jax.Array, target: jax.Array) -> jax.Array:
    """Evaluates a loss row by row.

    Args:
      name: "squared_error" and "huber" (threshold 1) are means over the outputs;
        "sigmoid_cross_entropy" takes logits and targets in [0, 1], a mean over the outputs;
        "softmax_cross_entropy" takes logits and one-hot (or distribution) targets.
      prediction: (n, k), float.
      target: (n, k), same dtype.

    Returns:
      (n,), same dtype.

    Raises:
      ValueError: unknown name, or shapes that are not one and the same (n, k).
    """
    check_one_of("loss", name, LOSSES)
    same = prediction.ndim == 2 and prediction.shape == target.shape
    check(same, f"target must have shape (n, k) = {prediction.shape}; got {target.shape}.")
    return LOSSES[name](prediction, target)
