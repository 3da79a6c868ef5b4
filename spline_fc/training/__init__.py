"""Training on: losses, optimisers, the compiled loop, checkpoints, metric writers."""

from spline_fc.training.checkpoints import Checkpoints
from spline_fc.training.config import TrainingConfig, as_config
from spline_fc.training.gauss_newton import gauss_newton
from spline_fc.training.groups import GROUPS, Origin, spline_origin
from spline_fc.training.loop import Seconds, TrainResult, train, train_replicas
from spline_fc.training.losses import LOSSES, loss_per_row
from spline_fc.training.metrics import (
    JsonlWriter,
    MetricWriter,
    TensorboardWriter,
    TerminalWriter,
    write_epochs,
    write_history,
)
from spline_fc.training.optimisers import OPTIMISERS, SCHEDULES
from spline_fc.training.output_layer import solve_output
from spline_fc.training.recorders import (
    activation_recorder,
    combine,
    first_layer_recorder,
    network_recorder,
)
from spline_fc.training.steps import Recorder

__all__ = [
    "GROUPS",
    "LOSSES",
    "OPTIMISERS",
    "SCHEDULES",
    "Checkpoints",
    "JsonlWriter",
    "MetricWriter",
    "Origin",
    "Recorder",
    "Seconds",
    "TensorboardWriter",
    "TerminalWriter",
    "TrainResult",
    "TrainingConfig",
    "activation_recorder",
    "as_config",
    "combine",
    "first_layer_recorder",
    "gauss_newton",
    "loss_per_row",
    "network_recorder",
    "solve_output",
    "spline_origin",
    "train",
    "train_replicas",
    "write_epochs",
    "write_history",
]
