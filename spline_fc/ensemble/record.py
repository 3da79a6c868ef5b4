"""The record of an ensemble, its outputs, and where its error comes from."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from spline_fc.arrays import columns, numbers_float64
from spline_fc.checks import check, check_finite
from spline_fc.cpwl import FitResult
from spline_fc.data import Scaler
from spline_fc.network import Params, apply_params
from spline_fc.printing import printed
from spline_fc.timing import Seconds
from spline_fc.training import predictions


@printed
class Ensemble(NamedTuple):
    """K networks of one shape, those that did not diverge; n pooled rows, k outputs.

    The pooled rows are those of the training part, then those of the validation part.
    """

    params: Params  # leaves (K, ...), on standardised rows
    scaler: Scaler  # one for all members, of the pooled rows
    task: str  # of the data
    feature_names: tuple[str, ...]
    target_names: tuple[str, ...]
    loss: str  # that was trained on: under a cross-entropy outputs are logits
    held_out: np.ndarray  # (K, n) bool: rows that neither spline nor training of a member has seen
    out_of_fold: np.ndarray  # (n, k) mean over the members that held the row out; NaN where none
    targets: np.ndarray  # (n, k), standardised as the outputs are
    fits: tuple[FitResult | None, ...]  # (K,) the splines that members began as
    learning_rate: float  # one for all
    best_epochs: np.ndarray  # (K,) int
    validation_loss: np.ndarray  # (K,) at the best epochs, each on its own held-out rows
    history: dict[str, np.ndarray]  # (K, epochs + 1) as in TrainResult
    steps_per_epoch: int
    dropped: int  # how many members diverged and are left out
    seconds: Seconds  # of all that it took

    def _sentence(self) -> str:
        members, rows = self.held_out.shape
        return (
            f"Ensemble of {members} networks, {self.task}, {rows} rows; validation loss of the "
            f"members {self.validation_loss.mean():.5g}; {self.dropped} diverged"
        )


@printed
class ErrorParts(NamedTuple):
    """What members and their mean lack; root mean squares over rows and outputs."""

    members: np.ndarray  # (K,) error of each
    correlation: float  # mean over pairs of members of the correlation of their errors
    ensemble: float  # error of the mean of members


def member_outputs(ensemble: Ensemble, x: Any) -> jax.Array:
    """Evaluates every member.

    Args:
      ensemble: K members.
      x: (n, d), standardised; the columns of a data frame are found by name.

    Returns:
      (K, n, k), standardised, or logits; in the dtype of the parameters.

    Raises:
      ValueError: rows that are not finite, or have other columns than the members.
    """
    x = columns("x", x, ensemble.feature_names).values
    check_finite("x", x)
    return outputs_of(ensemble.params, x)


def ensemble_outputs(ensemble: Ensemble, x: Any) -> jax.Array:
    """Evaluates the mean of the members; of classes it is the mean of their logits.

    Args:
      ensemble, x: as for `member_outputs`, and so are the errors.

    Returns:
      (n, k), standardised, or logits; in the dtype of the parameters.
    """
    return member_outputs(ensemble, x).mean(axis=0)


def outputs_of(params: Params, x: np.ndarray) -> jax.Array:
    """The outputs (K, n, k) of stacked networks, leaves (K, ...), on rows x (n, d)."""
    return _outputs(params, jnp.asarray(x, params["Dense_0"]["kernel"].dtype))


@jax.jit
def _outputs(params: Params, x: jax.Array) -> jax.Array:
    # One member after the other: the activations of all at once may be many times the rows.
    return jax.lax.map(lambda member: apply_params(member, x), params)


def error_parts(ensemble: Ensemble, x: Any, y: Any) -> ErrorParts:
    """Tells the errors of members, how alike they are, and the error of their mean.

    With errors e_k = f_k(x) - y of the members and m rows times outputs:

      members_k = sqrt(mean e_k^2), ensemble = sqrt(mean (mean_k e_k)^2),
      correlation = mean over k < l of corr(e_k, e_l).

    Of classes, predictions are probabilities: each member's, and those of the mean of logits.

    Args:
      ensemble, x: as for `member_outputs`.
      y: (n, k), standardised targets, or labels of 0 and 1.

    Returns:
      ErrorParts, in standardised units.

    Raises:
      ValueError: what `member_outputs` refuses, or targets of another shape.
    """
    outputs = np.asarray(member_outputs(ensemble, x), np.float64)
    y = numbers_float64("y", y)
    wanted = outputs.shape[1:]
    check(y.shape == wanted, f"y must have shape {wanted}, as the outputs have; got {y.shape}.")
    check_finite("y", y)
    errors = np.stack([(predictions(ensemble.loss, f) - y).ravel() for f in outputs])
    mean = predictions(ensemble.loss, outputs.mean(axis=0)) - y
    pairs = np.corrcoef(errors)[np.triu_indices(len(errors), 1)] if len(errors) > 1 else np.ones(1)
    return ErrorParts(
        np.sqrt(np.square(errors).mean(axis=1)),
        float(pairs.mean()),
        float(np.sqrt(np.square(mean).mean())),
    )
