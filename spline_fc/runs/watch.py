"""What is seen of a training run while it is under way: progress, seconds, metrics files."""

import pathlib
import sys
import time
from collections.abc import Mapping, Sequence

import numpy as np
from absl import logging

from spline_fc import files, training
from spline_fc.checks import check
from spline_fc.protocol import Contender, Start
from spline_fc.runs.plan import Plan
from spline_fc.runs.progress import Progress


class Watch:
    """The `on_epochs` of one contender: S seeds and L learning rates that train at once.

    The time of training is kept in a file, so that a run that was killed knows what it took before.
    What a replica cost alone is not known: all share the time of their computation evenly.

    Args:
      folder: the workdir that is being written.
      runs: names of the runs, [S][L].
      starts: of every seed.
      contender: who trains.
      plan: of the whole run.
      steps_per_epoch: to count the steps by.
      progress: where to say how far it is.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        runs: Sequence[Sequence[str]],
        starts: Sequence[Start],
        contender: Contender,
        plan: Plan,
        steps_per_epoch: int,
        progress: Progress,
    ) -> None:
        self._clock = folder / "checkpoints" / f"{contender.name}.seconds.json"
        self._ticks = _read_ticks(self._clock)  # [[epochs done, seconds so far], ...]
        self._runs, self._starts, self._contender = runs, starts, contender
        self._plan, self._steps, self._progress = plan, steps_per_epoch, progress
        self._last: tuple[int, float] | None = None
        self._written = 0
        self._writers = {
            name: [
                training.make_writer("jsonl", folder / "metrics" / f"{name}.jsonl"),
                *(_writer(kind, folder, name) for kind in plan.writers),
            ]
            for row in runs
            for name in row
        }

    def __call__(self, done: int, history: Mapping[str, np.ndarray]) -> None:
        """Takes the epochs done and the history of all replicas, (S, L, epochs + 1) per metric."""
        now = time.perf_counter()
        if self._last is None:
            self._begin_phase(done)
        elif done > self._last[0]:
            earlier = [tick for tick in self._ticks if tick[0] <= self._last[0]]
            so_far = earlier[-1][1] if earlier else 0.0
            self._ticks = [*earlier, [done, so_far + now - self._last[1]]]
            self._clock.parent.mkdir(parents=True, exist_ok=True)
            files.write_json(self._clock, self._ticks)
        self._write(done, history)
        epochs = self._contender.training.epochs
        what = f"{self._contender.name}: epoch {done} of {epochs}"
        self._progress.step(self._before + done, what)
        self._last = (done, time.perf_counter())

    def _begin_phase(self, done: int) -> None:
        contenders = self._plan.contenders
        place = contenders.index(self._contender)
        self._before = sum(c.training.epochs for c in contenders[:place])
        total = sum(c.training.epochs for c in contenders)
        self._progress.phase("training", total, self._before + done)

    def seconds_at(self, epoch: float) -> float:
        """Seconds of training of one replica up to an epoch; nan where it was not measured."""
        if not self._ticks:
            return 0.0 if epoch == 0 else float("nan")
        epochs, seconds = np.array([[0, 0.0], *self._ticks]).T
        alike = len(self._runs) * len(self._runs[0])
        return float(np.interp(epoch, epochs, seconds)) / alike

    def close(self) -> None:
        """Closes all files."""
        for writers in self._writers.values():
            for writer in writers:
                writer.close()

    def _write(self, done: int, history: Mapping[str, np.ndarray]) -> None:
        """Writes the epochs that are new; a run that goes on begins with all that were done."""
        for s, row in enumerate(self._runs):
            clock = [self._starts[s].seconds.run + self.seconds_at(e) for e in range(done + 1)]
            for r, name in enumerate(row):
                own = {key: values[s, r] for key, values in history.items()}
                trained = np.isfinite(own["train_loss"]) | np.isfinite(own["validation_loss"])
                own["seconds"] = np.where(trained, clock, np.nan)
                for writer in self._writers[name]:
                    training.write_history(writer, own, self._steps, first=self._written)
        self._written = done + 1


def _read_ticks(file: pathlib.Path) -> list[list[float]]:
    if not file.is_file():
        return []  # a run that begins, or was killed before its first piece
    try:
        ticks = files.read_json(file)
        epochs, seconds = np.array(ticks, np.float64).reshape(-1, 2).T
        rises = np.diff(epochs, prepend=0).min(initial=1) > 0
        rises = rises and np.diff(seconds, prepend=0).min(initial=0) >= 0
        check(bool(rises), "its times must rise")
        return ticks
    except (ValueError, TypeError) as error:
        logging.warning("%s is damaged (%s): the seconds before are not counted.", file, error)
        return []


def _writer(kind: str, folder: pathlib.Path, run: str) -> training.MetricWriter:
    if kind == "stdout":  # where all runs print
        return training.TerminalWriter(sys.stdout, run)
    return training.make_writer(kind, folder / kind / run)
