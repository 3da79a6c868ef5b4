"""SIGKILL at random moments, and the comparison of what two runs left."""

import pathlib
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

_TEMPORARY = "tmp"  # in the name of a checkpoint that is being written
_POLL = 0.0005  # seconds
_WRITE = 0.03  # seconds, a little less than orbax takes for a small checkpoint


class Kill(NamedTuple):
    """What a killed run left."""

    checkpoint: int  # the last epoch that was saved whole, 0 if none was
    epochs_written: int  # lines of the metrics file; the first is epoch 0
    during_write: bool  # a half-written checkpoint was left behind


def kill_repeatedly(
    folder: pathlib.Path, epochs: int, every: int, kills: int, seed: int
) -> Iterator[Kill]:
    """Starts a run and kills it, again and again, each time further on.

    The moments are random; every second one is at a random time after a checkpoint began to be
    written, as the blind ones seldom meet that.

    Args:
      folder: of the run; made here.
      epochs: of the run, well above kills * every.
      every: epochs from one checkpoint to the next.
      kills: how often it is killed.
      seed: of the random moments.

    Yields:
      Kill, one after the other.

    Raises:
      RuntimeError: a run ended before it could be killed.
    """
    rng = random.Random(seed)
    folder.mkdir(parents=True)
    for index, target in enumerate(sorted(rng.sample(range(epochs - 3 * every), kills))):
        target = max(target, _newest(folder) + every)
        process = start(folder, epochs, every)
        _wait(process, lambda target=target: _newest(folder) >= target)
        if index % 2:
            _wait(process, lambda: _being_written(folder))
        time.sleep(rng.uniform(0, _WRITE if index % 2 else 3 * _WRITE))
        process.send_signal(signal.SIGKILL)
        if process.wait() != -signal.SIGKILL:
            raise RuntimeError(f"the run ended before kill {index + 1}; give it more epochs.")
        yield Kill(_newest(folder), _lines(folder / "metrics.jsonl"), _being_written(folder))


def start(folder: pathlib.Path, epochs: int, every: int) -> subprocess.Popen:
    """Starts the run in a process of its own."""
    program = "experiments.resume_check.program"
    return subprocess.Popen([sys.executable, "-m", program, str(folder), str(epochs), str(every)])


def finish(folder: pathlib.Path, epochs: int, every: int) -> None:
    """Runs to the end, from wherever the folder stands; RuntimeError if that fails."""
    code = start(folder, epochs, every).wait()
    if code:
        raise RuntimeError(f"the run in {folder} ended with exit code {code}.")


def differences(one: pathlib.Path, other: pathlib.Path) -> dict[str, list[str]]:
    """Compares two runs bit by bit.

    Args:
      one: folder of a run.
      other: folder of another one.

    Returns:
      Names of what differs in "result" (parameters, recorder's trace, history), "state" (the last
      checkpoint: parameters, optimiser, averages, counters) and "metrics" (lines of the file).
    """
    lines = [(folder / "metrics.jsonl").read_bytes().split(b"\n") for folder in (one, other)]
    metrics = [f"line {i + 1}" for i, pair in enumerate(zip(*lines, strict=False))
               if pair[0] != pair[1]]  # fmt: skip
    if len(lines[0]) != len(lines[1]):
        metrics.append(f"{len(lines[0]) - 1} and {len(lines[1]) - 1} lines")
    return {
        "result": _unequal(_result(one), _result(other)),
        "state": _unequal(last_state(one), last_state(other)),
        "metrics": metrics,
    }


def last_state(folder: pathlib.Path) -> dict[str, np.ndarray]:
    """Reads the newest checkpoint of a run, leaf by leaf, as orbax finds it."""
    import orbax.checkpoint

    with orbax.checkpoint.CheckpointManager(
        (folder / "checkpoints" / "epochs").absolute()
    ) as store:
        saved = store.restore(store.latest_step(), args=orbax.checkpoint.args.StandardRestore())
    return {"digest": np.asarray(saved["digest"]), **saved["leaves"]}


def _result(folder: pathlib.Path) -> dict[str, np.ndarray]:
    with np.load(folder / "result.npz") as arrays:
        return dict(arrays)


def _unequal(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> list[str]:
    names = sorted(set(one) | set(other))
    return [name for name in names if name not in one or name not in other
            or _bits(one[name]) != _bits(other[name])]  # fmt: skip


def _bits(array: np.ndarray) -> tuple:
    array = np.asarray(array)
    return array.shape, array.dtype, array.tobytes()


def _wait(process: subprocess.Popen, reached) -> None:
    while process.poll() is None and not reached():
        time.sleep(_POLL)


def _names(folder: pathlib.Path) -> list[str]:
    epochs = folder / "checkpoints" / "epochs"
    return [path.name for path in epochs.iterdir()] if epochs.is_dir() else []


def _newest(folder: pathlib.Path) -> int:
    return max((int(name) for name in _names(folder) if name.isdigit()), default=0)


def _being_written(folder: pathlib.Path) -> bool:
    return any(_TEMPORARY in name for name in _names(folder))


def _lines(path: pathlib.Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0
