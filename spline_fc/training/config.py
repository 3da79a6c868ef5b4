"""TrainingConfig: everything that decides a training run, in one hashable record."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from spline_fc.checks import check, check_integer, check_known_keys, check_number, check_one_of
from spline_fc.training.losses import LOSSES
from spline_fc.training.optimisers import OPTIMISERS, SCHEDULES


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """How a network is trained on; hashable, so that it can be a static argument of jit.

    Attributes:
      loss: a name in `losses.LOSSES`.
      optimizer: a name in `optimisers.OPTIMISERS`.
      learning_rate: peak of the schedule; `train_replicas` takes a grid of its own instead.
      batch_size: rows per step; the rows left over at the end of an epoch are dropped, other
        ones in every epoch.
      epochs: passes over the training part.
      warmup_epochs: epochs over which the learning rate rises linearly to its peak.
      schedule: what follows the warm-up, a name in `optimisers.SCHEDULES`.
      averaging: decay per step of the exponential average of the weights, which starts at the
        initial parameters and is the network that is evaluated and returned; 0 turns it off.
      patience: epochs without a better validation loss after which a run stops; 0 turns it off.

    Raises:
      ValueError: a field is out of range or names something unknown.
    """

    loss: str = "squared_error"
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    batch_size: int = 64
    epochs: int = 100
    warmup_epochs: int = 5
    schedule: str = "cosine"
    averaging: float = 0.99
    patience: int = 0

    def __post_init__(self) -> None:
        check_one_of("training.loss", self.loss, LOSSES)
        check_one_of("training.optimizer", self.optimizer, OPTIMISERS)
        check_one_of("training.schedule", self.schedule, SCHEDULES)
        check_number("training.learning_rate", self.learning_rate, above=0)
        check_integer("training.batch_size", self.batch_size, 1)
        check_integer("training.epochs", self.epochs, 0)
        check_integer("training.warmup_epochs", self.warmup_epochs, 0)
        check_number("training.averaging", self.averaging, at_least=0, below=1)
        check_integer("training.patience", self.patience, 0)


def as_config(config: Any) -> TrainingConfig:
    """Makes a TrainingConfig of any mapping that names a subset of its fields.

    Args:
      config: a TrainingConfig (returned as it is), a mapping, or an ml_collections ConfigDict.

    Returns:
      TrainingConfig, with defaults for the fields that are not named.

    Raises:
      ValueError: an unknown field (the closest known one is suggested) or a bad value.
    """
    if isinstance(config, TrainingConfig):
        return config
    is_mapping = isinstance(config, Mapping) or hasattr(config, "items")  # ConfigDict is no Mapping
    check(
        is_mapping, f"training must be a TrainingConfig or a mapping; got {type(config).__name__}."
    )
    fields = dict(config.items())
    check_known_keys("training", fields, [f.name for f in dataclasses.fields(TrainingConfig)])
    return TrainingConfig(**fields)
