"""Training on: losses, optimisers, the compiled loop, metric writers."""

from spline_fc.training.config import TrainingConfig, as_config
from spline_fc.training.epochs import Recorder
from spline_fc.training.loop import Seconds, TrainResult, train, train_replicas
from spline_fc.training.losses import LOSSES, loss_per_row
from spline_fc.training.metrics import JsonlWriter, MetricWriter, TerminalWriter, write_history

__all__ = [
    "LOSSES",
    "JsonlWriter",
    "MetricWriter",
    "Recorder",
    "Seconds",
    "TerminalWriter",
    "TrainResult",
    "TrainingConfig",
    "as_config",
    "loss_per_row",
    "train",
    "train_replicas",
    "write_history",
]
