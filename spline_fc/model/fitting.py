"""The whole road to a model in one call: standardise, start from a spline, train on, choose."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from spline_fc import protocol, training
from spline_fc.checks import as_sizes
from spline_fc.cpwl import FitResult
from spline_fc.data import Dataset, standardize
from spline_fc.model.make import make_model
from spline_fc.model.record import Model
from spline_fc.printing import printed
from spline_fc.protocol import SPLINE, Contender, Start
from spline_fc.training import LEARNING_RATES, TrainingConfig, TrainResult, as_config


@printed
class Fitted(NamedTuple):
    """A model, and what its making left."""

    model: Model
    start: Start  # the network before training, and the fit that it came from
    result: TrainResult  # of the learning rate that was chosen


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
    seed: int = 0,
    training_config: TrainingConfig | Mapping[str, Any] | None = None,
    start_options: Mapping[str, Any] | None = None,
    learning_rates: Sequence[float] = LEARNING_RATES,
    extrapolate: str = "linear",
    made: Mapping[str, Any] | None = None,
    on_phase: Callable[[str], None] | None = None,
    on_epochs: Callable[[int, dict[str, np.ndarray]], None] | None = None,
) -> Fitted:
    """Fits a spline and the network that it becomes; all choices are made on validation rows.

    Args:
      dataset: in raw units, from `load` or `from_arrays`; its test rows are scored once, at the
        end.
      hidden_sizes: widths.
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
      ValueError: what `standardize`, `spline_start` and `train_replicas` refuse.
    """
    standard, told = standardize(dataset), on_phase or (lambda phase: None)
    options = dict(start_options or {})
    found = train_network(
        standard,
        hidden_sizes,
        seed=seed,
        training_config=training_config,
        start_options=options,
        learning_rates=learning_rates,
        on_phase=told,
        on_epochs=on_epochs,
    )
    told("scoring")
    options = {
        "hidden_sizes": as_sizes("hidden_sizes", hidden_sizes),
        "learning_rate": found.learning_rate,
        "epochs": found.result.history["validation_loss"].size - 1,
        "best_epoch": int(found.result.best_epoch),
        "start": options,
        "directions": found.start.directions and found.start.directions.reason,
    }
    model = make_model(
        standard,
        spline=found.start.fit,
        params=found.result.params,
        loss=found.loss,
        extrapolate=extrapolate,
        made={"seed": seed, **options, **(made or {}), "scores": training.baselines(standard)},
    )
    return Fitted(model, found.start, found.result)


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
    """
    told = on_phase or (lambda phase: None)
    config = as_config(training_config or {})
    contender = Contender(SPLINE, SPLINE, dict(start_options or {}), config)
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
