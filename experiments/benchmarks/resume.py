"""Kills experiments.train with SIGKILL at random moments and compares the end with an unbroken run.

python -m experiments.benchmarks.resume --kills=20 --output=results/training/resume.json

The same command is given again after every kill, until a run has ended; then another one begins.
Moments are random over the whole run and, every second time, after a random file of the results
has been written. Exit code 1 if a single bit differs in parameters, knots, metrics or records.
"""

import json
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from absl import app, flags

from experiments.benchmarks import machine

CONFIG = (
    "--config=configs/friedman1.py",
    "--config.data.num_train=400",
    "--config.data.num_validation=100",
    "--config.data.num_test=100",
    "--config.fit.max_terms=15",
    "--config.network.hidden_sizes=(16, 16)",
    "--config.learning_rates=(0.003, 0.01)",
    "--config.seeds=2",
    "--config.training.batch_size=32",
    "--config.checkpoint_every=5",
)
# What is not compared: state to go on from (its bits are those of the end), pages, seconds, date
# and command.
LEFT_OUT = ("checkpoints", "environment.json", "figures", "report.html", "starts.json")
PARTIAL = ".partial"  # added to the name of the workdir while its run is not finished
_POLL = 0.0005  # seconds
_WRITE = 0.03  # seconds, about what the next file of the results takes

Command = Callable[[pathlib.Path], Sequence[str]]  # workdir -> words of the command line


class Kill(NamedTuple):
    """When a run was killed, and what it left."""

    run: int  # its number; several kills may meet one run
    seconds: float  # from its last start
    while_writing: bool  # the moment was counted from a file of the results, not from the start
    files: int  # of the results, finished ones
    newest: str  # the file that was written last; empty if there was none
    in_place: bool  # the run had ended before, and only its exit was cut off


def train_command(workdir: pathlib.Path, epochs: int) -> list[str]:
    """The command line that is killed: a small run with two starts, seeds and learning rates."""
    words = (*CONFIG, f"--config.training.epochs={epochs}", f"--workdir={workdir}")
    return [sys.executable, "-m", "experiments.train", *words]


def kill_repeatedly(
    command: Command,
    folder: pathlib.Path,
    unbroken: pathlib.Path,
    kills: int,
    seed: int,
    longest: float,
) -> Iterator[Kill]:
    """Starts runs and kills them, each again and again until it has ended.

    Args:
      command: what is run, by workdir; it goes on from what an earlier call left.
      folder: for the workdirs, "0", "1" and so on; all are finished when the last kill is given.
      unbroken: the workdir of a run that was not killed, for the names of its files.
      kills: how many.
      seed: of the random moments.
      longest: seconds after its start in which a run is killed, less where runs end sooner.

    Yields:
      Kill, one after the other.

    Raises:
      RuntimeError: a run ended with an exit code other than 0.
    """
    rng, names = random.Random(seed), files(unbroken)
    given, number = 0, 0
    while given < kills:
        workdir = folder / str(number)
        partial = workdir.with_name(workdir.name + PARTIAL)
        started = time.perf_counter()
        process = subprocess.Popen(command(workdir), stdout=subprocess.DEVNULL)
        there = _count(partial, names)
        while_writing = given % 2 == 1 and there < len(names)
        if while_writing:
            wanted = rng.randint(there + 1, len(names))
            _wait(process, lambda: _count(partial, names) >= wanted)  # noqa: B023
            time.sleep(rng.uniform(0, _WRITE))
        else:
            moment = started + rng.uniform(0, longest)
            _wait(process, lambda: time.perf_counter() >= moment)  # noqa: B023
        process.send_signal(signal.SIGKILL)
        killed, seconds = _killed(process), time.perf_counter() - started
        if not killed:
            longest = min(longest, seconds)  # programs compiled before make later runs shorter
        else:
            given += 1
            left = workdir if workdir.exists() else partial
            yield Kill(
                number,
                seconds,
                while_writing,
                _count(left, names),
                _newest(left),
                workdir.exists(),
            )
        number += workdir.exists()
    if not workdir.exists():
        finish(command, workdir)


def finish(command: Command, workdir: pathlib.Path) -> float:
    """Runs to the end, from wherever the workdir stands; returns the seconds.

    Raises:
      RuntimeError: the exit code is not 0.
    """
    started = time.perf_counter()
    _killed(subprocess.Popen(command(workdir), stdout=subprocess.DEVNULL))
    return time.perf_counter() - started


def differences(one: pathlib.Path, other: pathlib.Path) -> list[str]:
    """Compares two workdirs bit by bit: arrays, lines of metrics, records, all other files.

    Left out are LEFT_OUT and what is called seconds in a record.

    Args:
      one: workdir of a run.
      other: workdir of another one.

    Returns:
      What differs: "params/he_normal-seed0-best.npz: Dense_0/kernel", "metrics/a.jsonl: line 3",
      or the name of a file that differs as a whole or is in one of them only.
    """
    found = []
    ours, theirs = files(one), files(other)
    for name in sorted(ours | theirs):
        if name not in ours or name not in theirs:
            found.append(name)
            continue
        left, right = _parts(one / name), _parts(other / name)
        unequal = [part for part in left.keys() | right.keys() if left.get(part) != right.get(part)]
        found += sorted(f"{name}: {part}" if part else name for part in unequal)
    return found


def files(folder: pathlib.Path) -> set[str]:
    """Names of all files of a workdir that are compared, relative to it."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path.as_posix() for path in found if path.parts[0] not in LEFT_OUT}


def _parts(path: pathlib.Path) -> dict[str, Any]:
    """What is compared of a file, by name; a file of no known kind is one part without a name."""
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            return {name: _bits(array) for name, array in arrays.items()}
    if path.suffix == ".jsonl":
        lines = enumerate(path.read_text().splitlines(), start=1)
        return {f"line {number}": _record(line) for number, line in lines}
    return {"": _record(path.read_text()) if path.suffix == ".json" else path.read_bytes()}


def _bits(array: np.ndarray) -> tuple:
    return array.shape, array.dtype, array.tobytes()


def _record(text: str) -> str:
    """JSON as text again, NaN equal to itself, without the seconds."""
    return json.dumps(without_seconds(json.loads(text)), sort_keys=True)


def without_seconds(value: Any) -> Any:
    """A JSON value without the fields that a clock decided."""
    if isinstance(value, dict):
        return {k: without_seconds(v) for k, v in value.items() if "seconds" not in k}
    return [without_seconds(v) for v in value] if isinstance(value, list) else value


def _killed(process: subprocess.Popen) -> bool:
    """Waits for the end; False if the run came to it by itself."""
    code = process.wait()
    if code not in (0, -signal.SIGKILL):
        raise RuntimeError(f"a run ended with exit code {code}: {' '.join(process.args)}")
    return code != 0


def _wait(process: subprocess.Popen, reached: Callable[[], bool]) -> None:
    while process.poll() is None and not reached():
        time.sleep(_POLL)


def _count(folder: pathlib.Path, names: set[str]) -> int:
    return sum((folder / name).is_file() for name in names)


def _newest(folder: pathlib.Path) -> str:
    found = [path for path in folder.rglob("*") if path.is_file()]
    if not found:
        return ""
    return max(found, key=lambda path: path.stat().st_mtime_ns).relative_to(folder).as_posix()


def main(argv: list[str]) -> None:
    """Prints a line per kill and a verdict."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments: {argv[1:]}")
    wanted = flags.FLAGS
    machine.check_output(wanted.output)
    given: list[Kill] = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        unbroken = folder / "unbroken"

        def command(workdir: pathlib.Path) -> list[str]:
            return train_command(workdir, wanted.epochs)

        seconds = finish(command, unbroken)
        print(f"unbroken: {seconds:.1f} s", flush=True)
        for kill in kill_repeatedly(command, folder, unbroken, wanted.kills, wanted.seed, seconds):
            given.append(kill)
            print(f"kill {len(given)}: {kill._asdict()}", flush=True)
        runs = range(given[-1].run + 1)
        found = {str(run): differences(unbroken, folder / str(run)) for run in runs}
        compared = sorted(files(unbroken))
    record = {
        **machine.stamp(),
        "command": train_command(pathlib.Path("WORKDIR"), wanted.epochs)[1:],
        "seconds": seconds,
        "kills": [kill._asdict() for kill in given],
        "runs": len(found),
        "compared": compared,
        "differences": found,
        "same_bits": not any(found.values()),
    }
    machine.write(wanted.output, record)
    for run, names in found.items():
        print(f"run {run}: {', '.join(names) if names else 'every bit is the same'}.")
    sys.exit(int(not record["same_bits"]))


if __name__ == "__main__":
    flags.DEFINE_integer("kills", 20, "How often a run is killed.", 1)
    flags.DEFINE_integer("epochs", 200, "Epochs of a run.", 1)
    flags.DEFINE_integer("seed", 0, "Of the random moments.")
    flags.DEFINE_string("output", "results/training/resume.json", "JSON file to write.")
    app.run(main)
