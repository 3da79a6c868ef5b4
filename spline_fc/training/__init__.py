"""Training on: losses and scores, optimisers, the compiled loop, checkpoints, metric writers."""

from spline_fc.training.baselines import LINEAR, MEAN, baselines
from spline_fc.training.checkpoints import Checkpoints
from spline_fc.training.config import LEARNING_RATES, PRECISIONS, TrainingConfig, as_config
from spline_fc.training.gauss_newton import gauss_newton
from spline_fc.training.groups import GROUPS, Origin, spline_origin
from spline_fc.training.loop import TrainResult, train, train_replicas
from spline_fc.training.losses import LOSS_OF, LOSS_OF_LINK, LOSSES, fitted_as, loss_per_row
from spline_fc.training.metrics import (
    WRITERS,
    JsonlWriter,
    MetricWriter,
    TensorboardWriter,
    TerminalWriter,
    make_writer,
    write_epochs,
    write_history,
)
from spline_fc.training.optimisers import OPTIMISERS, SCHEDULES
from spline_fc.training.output_layer import solve_output
from spline_fc.training.recorders import (
    first_layer_recorder,
    network_recorder,
)
from spline_fc.training.replicas import own_devices, replica, stack_params
from spline_fc.training.scores import (
    CLASS_SCORES,
    PRIMARY_SCORE,
    REGRESSION_SCORES,
    Calibration,
    calibration,
    joint_error,
    predictions,
    probabilities,
    scores,
)
from spline_fc.training.steps import Recorder
from spline_fc.training.stream import train_chunks

__all__ = [
    "CLASS_SCORES",
    "GROUPS",
    "LINEAR",
    "LEARNING_RATES",
    "LOSSES",
    "LOSS_OF",
    "LOSS_OF_LINK",
    "MEAN",
    "OPTIMISERS",
    "PRECISIONS",
    "PRIMARY_SCORE",
    "REGRESSION_SCORES",
    "SCHEDULES",
    "WRITERS",
    "Calibration",
    "Checkpoints",
    "JsonlWriter",
    "MetricWriter",
    "Origin",
    "Recorder",
    "TensorboardWriter",
    "TerminalWriter",
    "TrainResult",
    "TrainingConfig",
    "as_config",
    "baselines",
    "calibration",
    "first_layer_recorder",
    "gauss_newton",
    "joint_error",
    "fitted_as",
    "loss_per_row",
    "make_writer",
    "network_recorder",
    "own_devices",
    "predictions",
    "probabilities",
    "replica",
    "scores",
    "solve_output",
    "spline_origin",
    "stack_params",
    "train",
    "train_chunks",
    "train_replicas",
    "write_epochs",
    "write_history",
]
