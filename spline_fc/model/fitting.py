"""The whole road to a model in one call: standardise, start from a spline, train on, choose."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from spline_fc import protocol, training
from spline_fc.checks import as_sizes
from spline_fc.data import Dataset, standardize
from spline_fc.model.make import CROSS_ENTROPY, make_model
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
      training_config: a TrainingConfig or any of its fields; its loss is the cross-entropy of the
        task unless it names another.
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
    told = on_phase or (lambda phase: None)
    given = {} if training_config is None else training_config
    if not isinstance(given, TrainingConfig):
        given = {"loss": CROSS_ENTROPY.get(dataset.task, "squared_error"), **given}
    config, sizes = as_config(given), as_sizes("hidden_sizes", hidden_sizes)
    standard = standardize(dataset)
    contender = Contender(SPLINE, SPLINE, dict(start_options or {}), config)
    told("fitting the spline")
    start = protocol.make_start(protocol.key_of(seed, contender), contender, standard, sizes)
    if config.loss.endswith("cross_entropy"):
        weights = None if standard.weights is None else standard.weights.train
        logits = training.to_logits(start.params, *standard.train, config.loss, weights)
        start = start._replace(params=logits)
    told("training the network")
    result = protocol.train(
        contender, [start], [standard], learning_rates, [seed], on_epochs=on_epochs
    )
    told("scoring")
    chosen = int(protocol.judge(contender, [start], [standard], result).chosen[0])
    own = _replica(result, chosen)
    options = {
        "hidden_sizes": sizes,
        "learning_rate": float(learning_rates[chosen]),
        "epochs": config.epochs,
        "best_epoch": int(own.best_epoch),
        "start": dict(start_options or {}),
    }
    model = make_model(
        standard,
        spline=start.fit,
        params=own.params,
        loss=config.loss,
        extrapolate=extrapolate,
        made={"seed": seed, **options, **(made or {}), "scores": training.baselines(standard)},
    )
    return Fitted(model, start, own)


def _replica(result: TrainResult, rate: int) -> TrainResult:
    """The result of one learning rate of the one seed."""
    trees = ("params", "last_params", "history", "best_epoch", "diverged")
    own = {name: training.replica(getattr(result, name), 0, rate) for name in trees}
    return result._replace(**own, stop_reason=result.stop_reason[0, rate])
