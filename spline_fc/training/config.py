"""TrainingConfig: everything that decides a training run, in one hashable record."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

from spline_fc.checks import (
    check,
    check_boolean,
    check_integer,
    check_known_keys,
    check_number,
    check_one_of,
    shown,
)
from spline_fc.training.groups import GROUPS
from spline_fc.training.losses import LOSS_OF, LOSSES
from spline_fc.training.optimisers import OPTIMISERS, SCHEDULES

LEARNING_RATES = (1e-3, 3e-3, 1e-2)  # a grid of which each start gets its own best
PRECISIONS = ("default", "high", "highest")
_LINE_SEARCHED = ("lbfgs", "gauss_newton")  # they judge the very step that is to be taken


class Structure(NamedTuple):
    """What of a config is compiled in; all of its numbers are traced, other ones compile nothing.

    A bool tells that the number of this name is above 0, and that there is something to compile.
    """

    loss: str
    optimizer: str
    schedule: str
    precision: str
    batch_size: int
    averaging: bool
    guard: bool
    patience: bool
    initial_decay: bool
    output_ridge: bool


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """How a network is trained on; immutable and hashable.

    Attributes:
      loss: a name in `losses.LOSSES`; None for that of the task, the squared error of a regression
        and the cross-entropy of classes.
      optimizer: a name in `optimisers.OPTIMISERS`.
      learning_rate: peak of the schedule; `train_replicas` takes a grid of its own instead.
      batch_size: rows per step, cut to the training part where that is smaller; the rows left
        over at the end of an epoch are dropped, other ones in every epoch.
      epochs: passes over the training part.
      warmup_epochs: epochs over which the learning rate rises linearly to its peak.
      schedule: what follows the warm-up, a name in `optimisers.SCHEDULES`.
      averaging: decay per step of the exponential average of the weights, which starts at the
        initial parameters and is the network that is evaluated and returned; 0 turns it off.
      guard: an epoch that leaves the validation loss above this multiple of its value before
        training is undone: the run goes back to its best iterate and on at half the learning
        rate; at least 1, and 0 turns it off.
      patience: epochs without a better validation loss after which a run stops; 0 turns it off.
      momentum: of the optimizer "sgd".
      weight_decay: of the optimizer "adamw", decoupled.
      initial_decay: decoupled decay towards the initial parameters; 0 turns it off.
      output_ridge: re-solve the output layer by least squares after every epoch, with this ridge
        towards its current weights (relative to the mean square of its inputs); 0 turns it off.
      group_rates: factors on the learning rate per group of `groups.GROUPS`, 0 freezes; a mapping
        or pairs. It and keep_axes need to be told the `origin` of the units.
      keep_axes: each hinge stays on its own feature, so that the first layer keeps its knots.
      precision: of the matrix products of a step, forward and backward, a name in `PRECISIONS`
        as in jax.numpy.matmul; losses that are reported, Gauss-Newton's system and the re-solved
        output layer always have the highest.

    Raises:
      ValueError: a field is out of range, names something unknown, or contradicts another.
    """

    loss: str | None = None
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    batch_size: int = 64
    epochs: int = 100
    warmup_epochs: int = 5
    schedule: str = "constant"
    averaging: float = 0.99
    guard: float = 1.02
    patience: int = 0
    momentum: float = 0.9
    weight_decay: float = 1e-4
    initial_decay: float = 0.0
    output_ridge: float = 0.0
    group_rates: tuple[tuple[str, float], ...] = ()
    keep_axes: bool = False
    precision: str = "default"

    def __post_init__(self) -> None:
        if self.loss is not None:
            check_one_of("training.loss", self.loss, LOSSES)
        check_one_of("training.optimizer", self.optimizer, OPTIMISERS)
        check_one_of("training.schedule", self.schedule, SCHEDULES)
        check_one_of("training.precision", self.precision, PRECISIONS)
        check_number("training.learning_rate", self.learning_rate, above=0)
        counts = {"batch_size": 1, "epochs": 0, "warmup_epochs": 0, "patience": 0}
        for field, least in counts.items():
            count = getattr(self, field)
            check_integer(f"training.{field}", count, least)
            check(count < 2**31, f"training.{field} must be < 2**31; got {shown(count)}.")
        check_number("training.averaging", self.averaging, at_least=0, below=1)
        check_number("training.guard", self.guard, at_least=0)
        check(
            self.guard == 0 or self.guard >= 1,
            f"training.guard must be 0 or at least 1; got {self.guard!r}.",
        )
        check_number("training.momentum", self.momentum, at_least=0, below=1)
        for field in ("weight_decay", "initial_decay", "output_ridge"):
            check_number(f"training.{field}", getattr(self, field), at_least=0)
        self._check_groups()
        self._check_squared_error()
        for field in dataclasses.fields(self):  # NumPy's numbers are no JSON
            if type(field.default) in (int, float, bool):
                plain = type(field.default)(getattr(self, field.name))
                object.__setattr__(self, field.name, plain)

    def for_task(self, task: str) -> "TrainingConfig":
        """Returns this config with the loss of a task where none was named.

        Raises:
          ValueError: the optimizer or output_ridge needs the squared error.
        """
        return dataclasses.replace(self, loss=self.loss_of(task))

    def loss_of(self, task: str) -> str:
        """Returns the name of the loss on data of a task."""
        return self.loss or LOSS_OF[task]

    def steps_per_epoch(self, rows: int) -> int:
        """Steps that an epoch of so many training rows takes."""
        return max(1, rows // self.batch_size)

    def _check_groups(self) -> None:
        try:
            rates = dict(self.group_rates)
        except (TypeError, ValueError) as error:
            raise ValueError(
                "training.group_rates must be a mapping of groups to rates; got "
                f"{shown(self.group_rates)}."
            ) from error
        check_known_keys("training.group_rates", rates, GROUPS)
        for group, rate in rates.items():
            check_number(f"training.group_rates[{group!r}]", rate, at_least=0)
        # A frozen dataclass is set this way; pairs, unlike a dict, can be hashed.
        object.__setattr__(self, "group_rates", tuple(sorted(rates.items())))
        check_boolean("training.keep_axes", self.keep_axes)
        check(
            not self.output_ridge or rates.get("output") != 0,
            "training.output_ridge must be 0 when group_rates freezes the output layer; "
            f"got {self.output_ridge!r}.",
        )
        scaled = {group: rate for group, rate in rates.items() if rate not in (0, 1)}
        check(
            self.optimizer not in _LINE_SEARCHED or not scaled,
            f"training.group_rates must be 0 or 1 with the optimizer {self.optimizer!r}, which "
            f"judges a step as a whole; got {scaled}.",
        )

    def _check_squared_error(self) -> None:
        used = {
            "optimizer 'gauss_newton'": self.optimizer == "gauss_newton",
            "output_ridge": self.output_ridge > 0,
        }
        needs = " and ".join(name for name, is_used in used.items() if is_used)
        check(
            not needs or self.loss in (None, "squared_error"),
            f"training.loss must be 'squared_error' with {needs}; got {self.loss!r}.",
        )

    def structure(self) -> Structure:
        """Returns what of this config is compiled in."""
        values = {name: getattr(self, name) for name in Structure._fields}
        numbers = ("averaging", "guard", "patience", "initial_decay", "output_ridge")
        return Structure(**{**values, **{name: values[name] > 0 for name in numbers}})


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
    check(is_mapping, f"training must be a TrainingConfig or a mapping; got {shown(config)}.")
    fields = dict(config.items())
    check_known_keys("training", fields, [f.name for f in dataclasses.fields(TrainingConfig)])
    return TrainingConfig(**fields)
