"""The whole road to a model in one call: standardise, start from a spline, train on, choose."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from spline_fc import protocol, training
from spline_fc.checks import as_options, as_sizes, check_integer
from spline_fc.cpwl import FitResult
from spline_fc.data import Dataset, as_dataset, join_validation
from spline_fc.ensemble import Ensemble, HeldOut, of_ensemble, train_ensemble
from spline_fc.model.make import make_model
from spline_fc.model.record import Model
from spline_fc.printing import printed
from spline_fc.protocol import SPLINE, Contender, Start
from spline_fc.training import LEARNING_RATES, TrainingConfig, TrainResult, as_config


@printed
class Fitted(NamedTuple):
    """A model, and what its making left."""

    model: Model
    start: Start | None  # the network before training, and the fit that it came from
    result: TrainResult | None  # of the learning rate that was chosen
    ensemble: Ensemble | None = None  # of several members, in place of both


class Members(NamedTuple):
    """An ensemble, the rows that it knows, and what its members held out of them."""

    ensemble: Ensemble
    pooled: Dataset  # standardised; the training part and the validation part are both together
    held_out: HeldOut


class Trained(NamedTuple):
    """A start, and the best of the runs that set out from it."""

    start: Start
    fit: FitResult  # of the start
    result: TrainResult  # of the learning rate that was chosen
    learning_rate: float
    loss: str  # that was trained on


def fit_model(
    dataset: Dataset,
    hidden_sizes: int | Sequence[int] = (64, 64),
    *,
    members: int = 1,
    seed: int = 0,
    training_config: TrainingConfig | Mapping[str, Any] | None = None,
    start_options: Mapping[str, Any] | None = None,
    learning_rates: Sequence[float] = LEARNING_RATES,
    extrapolate: str = "clip",
    made: Mapping[str, Any] | None = None,
    on_phase: Callable[[str], None] | None = None,
    on_epochs: Callable[[int, dict[str, np.ndarray]], None] | None = None,
) -> Fitted:
    """Fits a spline and the network that it becomes; all choices are made on validation rows.

    Args:
      dataset: in raw units, from `load` or `from_arrays`; its test rows are scored once, at the
        end.
      hidden_sizes: widths.
      members: of an ensemble that is cross-fitted to training and validation rows together, see
        `train_ensemble`; the model is the mean of its members and bounds what it predicts. 1 is a
        single network, which is chosen on the validation rows.
      seed: of the start and of the order of the rows.
      training_config: a TrainingConfig or any of its fields.
      start_options: of `network.spline_start`.
      learning_rates: of which the one with the best validation loss is kept.
      extrapolate: of `make_model`.
      made: as in `make_model`; seed, options and the scores of `training.baselines` come to it.
      on_phase: told what is being done.
      on_epochs: as in `training.train_replicas`.

    Returns:
      Fitted.

    Raises:
      ValueError: what `standardize`, `spline_start`, `train_replicas` and `train_ensemble` refuse.
      TypeError: no Dataset.
    """
    as_dataset(dataset)
    check_integer("members", members, 1)
    told = on_phase or (lambda phase: None)
    start_options = as_options("start_options", start_options)
    own = {"hidden_sizes": as_sizes("hidden_sizes", hidden_sizes), "start": start_options}
    passed: dict[str, Any] = {
        "seed": seed,
        "training_config": training_config,
        "start_options": start_options,
        "learning_rates": learning_rates,
        "on_phase": told,
        "on_epochs": on_epochs,
    }

    def model_of(standard: Dataset, loss: str, what: dict[str, Any], **parts: Any) -> Model:
        told("scoring")
        kept = {"seed": seed, **own, **what, **(made or {}), "scores": training.baselines(standard)}
        return make_model(standard, loss=loss, extrapolate=extrapolate, made=kept, **parts)

    if members > 1:
        passed["extrapolate"] = extrapolate
        many = train_members(dataset, hidden_sizes, members, **passed)
        parts = {"spline": many.ensemble.fits[0], "held_out": many.held_out}
        model = model_of(many.pooled, many.ensemble.loss, told_of(many), **parts)
        return Fitted(model, None, None, many.ensemble)
    standard = protocol.prepare(dataset, extrapolate)
    found = train_network(standard, hidden_sizes, **passed)
    what = {
        "learning_rate": found.learning_rate,
        "epochs": found.result.history["validation_loss"].size - 1,
        "best_epoch": int(found.result.best_epoch),
        "directions": found.start.directions and found.start.directions.reason,
    }
    parts = {"spline": found.fit, "params": found.result.params}
    return Fitted(model_of(standard, found.loss, what, **parts), found.start, found.result)


def train_members(
    dataset: Dataset,
    hidden_sizes: int | Sequence[int],
    members: int,
    *,
    seed: int = 0,
    extrapolate: str = "clip",
    on_phase: Callable[[str], None] | None = None,
    **options: Any,
) -> Members:
    """Cross-fits an ensemble, and keeps what its members held out.

    Args:
      dataset: in raw units.
      hidden_sizes, members, seed, extrapolate, **options: of `train_ensemble`.
      on_phase: told what is being done.

    Raises:
      ValueError: what `train_ensemble` refuses.
    """
    told = on_phase or (lambda phase: None)
    told("training the networks")
    options |= {"members": members, "extrapolate": extrapolate}
    ensemble = train_ensemble(seed, dataset, hidden_sizes, **options)
    told("fitting the size of residuals")
    pooled = protocol.prepare(join_validation(dataset), extrapolate)
    return Members(ensemble, pooled, of_ensemble(ensemble, pooled))


def told_of(found: Members) -> dict[str, Any]:
    """What is kept of the making of an ensemble, plain JSON."""
    ensemble, pooled = found.ensemble, found.pooled
    return {
        "members": found.held_out.num_members,
        "diverged": ensemble.dropped,
        "learning_rate": float(ensemble.learning_rate),
        "best_epochs": np.asarray(ensemble.best_epochs).tolist(),
        "rows": {"train": len(pooled.train.x), "test": len(pooled.test.x)},
    }


def train_network(
    standard: Dataset,
    hidden_sizes: int | Sequence[int] = (64, 64),
    *,
    seed: int = 0,
    training_config: TrainingConfig | Mapping[str, Any] | None = None,
    start_options: Mapping[str, Any] | None = None,
    learning_rates: Sequence[float] = LEARNING_RATES,
    trained_on: Dataset | None = None,
    on_phase: Callable[[str], None] | None = None,
    on_epochs: Callable[[int, dict[str, np.ndarray]], None] | None = None,
) -> Trained:
    """Starts from a spline, trains on at every learning rate, and keeps the best on validation.

    Args:
      standard: standardised; the other arguments are those of `fit_model`.
      trained_on: in its place for all that follows the start.

    Returns:
      Trained.

    Raises:
      ValueError: what `spline_start` and `train_replicas` refuse.
      TypeError: no Dataset.
    """
    as_dataset(standard, "standard")
    told = on_phase or (lambda phase: None)
    config = as_config(training_config or {})
    contender = Contender(SPLINE, SPLINE, as_options("start_options", start_options), config)
    told("fitting the spline")
    key, sizes = protocol.key_of(seed, contender), as_sizes("hidden_sizes", hidden_sizes)
    start = protocol.make_start(key, contender, standard, sizes)
    if start.fit is None:
        raise ValueError("the start must be a spline; got an initialiser.")
    told("training the network")
    rows = standard if trained_on is None else trained_on
    result = protocol.train(contender, [start], [rows], learning_rates, [seed], on_epochs=on_epochs)
    chosen = int(protocol.best_losses(result)[0].argmin())
    rate = float(learning_rates[chosen])
    loss = config.loss_of(standard.task)
    return Trained(start, start.fit, _replica(result, chosen), rate, loss)


def _replica(result: TrainResult, rate: int) -> TrainResult:
    """The result of one learning rate of the one seed."""
    trees = ("params", "last_params", "history", "best_epoch", "diverged")
    own = {name: training.replica(getattr(result, name), 0, rate) for name in trees}
    return result._replace(**own, stop_reason=result.stop_reason[0, rate])
