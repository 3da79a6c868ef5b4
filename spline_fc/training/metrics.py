"""Metric writers: one line per epoch, to a file or to the terminal."""

import json
import math
import os
import sys
from collections.abc import Callable, Mapping
from typing import Protocol, TextIO

import numpy as np

from spline_fc.checks import check_one_of, optional


class MetricWriter(Protocol):
    """Takes the metrics of one epoch."""

    def write(self, epoch: int, step: int, metrics: Mapping[str, float]) -> None:
        """Records one epoch."""

    def close(self) -> None:
        """Ends the record."""


class JsonlWriter:
    """One JSON object per line: {"epoch": 0, "step": 0, "train_loss": 1.2, ...}.

    Values that are not finite are written as null. The file starts afresh.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self._file: TextIO = open(path, "w", encoding="utf-8")

    def write(self, epoch: int, step: int, metrics: Mapping[str, float]) -> None:
        """Appends one line and flushes it."""
        values = {k: float(v) if math.isfinite(v) else None for k, v in metrics.items()}
        self._file.write(json.dumps({"epoch": epoch, "step": step, **values}) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


class TerminalWriter:
    """One line per epoch for people; the stream is handed in, e.g. sys.stderr.

    Args:
      stream: where to print.
      run: begins every line, where several runs share a stream.
    """

    def __init__(self, stream: TextIO, run: str = "") -> None:
        self._stream, self._begin = stream, f"{run}  " if run else ""

    def write(self, epoch: int, step: int, metrics: Mapping[str, float]) -> None:
        """Prints epoch, step and metrics with five digits."""
        values = "  ".join(f"{name} {float(value):.5g}" for name, value in metrics.items())
        print(f"{self._begin}epoch {epoch}  step {step}  {values}", file=self._stream, flush=True)

    def close(self) -> None:
        """Leaves the stream open; it belongs to the caller."""


class TensorboardWriter:
    """Scalars for TensorBoard, by step, through tensorboardX (the extra "tensorboard").

    Raises:
      ImportError: tensorboardX is not installed.
    """

    def __init__(self, folder: str | os.PathLike) -> None:
        tensorboard = optional("tensorboardX", "tensorboard")
        self._writer = tensorboard.SummaryWriter(os.fspath(folder))

    def write(self, epoch: int, step: int, metrics: Mapping[str, float]) -> None:
        """Adds one scalar per metric."""
        del epoch
        for name, value in metrics.items():
            self._writer.add_scalar(name, float(value), step)

    def close(self) -> None:
        """Flushes and closes the event file."""
        self._writer.close()


WRITERS = ("jsonl", "stdout", "tensorboard")


def make_writer(name: str, target: str | os.PathLike | TextIO | None = None) -> MetricWriter:
    """Makes the writer that a config names.

    Args:
      name: a name in `WRITERS`.
      target: the file of "jsonl", the folder of "tensorboard", or the stream of "stdout", which is
        sys.stdout unless one is given.

    Returns:
      A MetricWriter; whoever asked for it closes it.

    Raises:
      ValueError: unknown name, or a target that does not fit.
      ImportError: "tensorboard" without tensorboardX.
    """
    check_one_of("writer", name, WRITERS)
    is_path = isinstance(target, (str, os.PathLike))
    if name == "stdout" and not is_path:
        return TerminalWriter(sys.stdout if target is None else target)
    if name != "stdout" and is_path:
        return JsonlWriter(target) if name == "jsonl" else TensorboardWriter(target)
    wanted = "stream" if name == "stdout" else "path"
    raise ValueError(f"target must be a {wanted} for the writer {name!r}; got {target!r}.")


def write_history(
    writer: MetricWriter, history: Mapping[str, np.ndarray], steps_per_epoch: int, first: int = 0
) -> None:
    """Writes a history, one epoch after the other, up to the last epoch that was trained.

    Args:
      writer: a MetricWriter; it stays open.
      history: (epochs + 1,) per metric, of one run; epochs not trained are NaN in every metric.
      steps_per_epoch: to count the steps.
      first: the first epoch to write.
    """
    columns = {name: np.asarray(values) for name, values in history.items()}
    trained = ~np.all([np.isnan(values) for values in columns.values()], axis=0)
    trained[0] = True
    for epoch in np.flatnonzero(trained):
        if epoch >= first:
            metrics = {name: values[epoch] for name, values in columns.items()}
            writer.write(int(epoch), int(epoch) * steps_per_epoch, metrics)


def write_epochs(
    writer: MetricWriter, steps_per_epoch: int
) -> Callable[[int, Mapping[str, np.ndarray]], None]:
    """Makes an `on_epochs` callback that writes every epoch of a run once, as it comes.

    A resumed run reports all earlier epochs first: with a writer that starts afresh (JsonlWriter
    does) the record has neither gaps nor duplicates, however the run before it ended.

    Args:
      writer: a MetricWriter; it stays open.
      steps_per_epoch: training rows // batch_size.
    """
    written = 0

    def on_epochs(epoch: int, history: Mapping[str, np.ndarray]) -> None:
        nonlocal written
        write_history(writer, history, steps_per_epoch, first=written)
        written = epoch + 1

    return on_epochs
