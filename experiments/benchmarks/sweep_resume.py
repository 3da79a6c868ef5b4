"""Kills a sweep with SIGKILL at random moments and compares its end with that of an unbroken one.

python -m experiments.benchmarks.sweep_resume --kills=10 --output=results/sweep/resume.json

Two hundred cells of a second or so, one shape: twenty penalties of the spline times ten averages of
the weights, from the spline and from He's start. The same command is given again after every kill,
every second time when a random cell has just begun. Exit code 1 if the printed table, a line of
sweep.csv, a record or a bit of any cell differs. Takes about twice as long as the sweep itself.
"""

import csv
import json
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from absl import app, flags

from experiments.benchmarks import machine, resume

CONFIG = (
    "--config=configs/friedman1.py",
    "--config.data.num_train=128",
    "--config.data.num_validation=64",
    "--config.data.num_test=64",
    "--config.fit.max_terms=9",
    "--config.fit.max_degree=1",
    "--config.network.hidden_sizes=(8, 8)",
    "--config.learning_rates=(0.01,)",
    "--config.seeds=1",
    "--config.training.epochs=8",
    "--config.training.batch_size=32",
    "--config.checkpoint_every=2",
)
POLL = 0.005  # seconds
PENALTIES, AVERAGES = 20, 10
CELLS = PENALTIES * AVERAGES


def sweep_command(
    workdir: pathlib.Path, penalties: int = PENALTIES, averages: int = AVERAGES
) -> list[str]:
    """The command line that is killed: penalties times averages cells."""
    grids = {
        "fit.penalty": np.linspace(0.5, 6, penalties).round(3).tolist(),
        "training.averaging": np.linspace(0.5, 0.99, averages).round(3).tolist(),
    }
    words = [f"--grid={field}={','.join(map(str, values))}" for field, values in grids.items()]
    program = [sys.executable, "-m", "experiments.sweep"]
    return [*program, *CONFIG, *words, f"--workdir={workdir}"]


def run(command: Sequence[str]) -> str:
    """Runs a sweep to its end; returns what it prints, without the paths.

    Raises:
      RuntimeError: the exit code is not 0.
    """
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"the sweep ended with exit code {done.returncode}: {done.stderr}")
    lines = done.stdout.splitlines()
    return "\n".join(line for line in lines if not line.startswith(("report:", "runs:")))


def kill(command: Sequence[str], reached: Callable[[], bool]) -> bool:
    """Starts a sweep and kills it when something has been reached; False if it ended before."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not reached():
        time.sleep(POLL)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def moments(folder: pathlib.Path, seconds: float, kills: int, seed: int) -> list[Callable]:
    """When to kill: after a random time, or soon after a random cell has begun, by turns.

    Args:
      folder: of the sweep that is killed.
      seconds: that an unbroken one takes.
      kills: how many.
      seed: of the choice.
    """
    rng, found = random.Random(seed), []
    for index in range(kills):
        if index % 2 == 0:
            found.append(_after(rng.uniform(0, 2 * seconds / kills)))
        else:
            more = rng.randint(1, max(1, 2 * CELLS // kills))
            found.append(_in_cell(folder, more, rng.uniform(0, 1)))
    return found


def _after(seconds: float) -> Callable[[], bool]:
    begun: list[float] = []

    def reached() -> bool:
        begun.append(time.perf_counter())
        return begun[-1] - begun[0] >= seconds

    return reached


def _in_cell(folder: pathlib.Path, more: int, pause: float) -> Callable[[], bool]:
    """When so many more cells have begun, and a moment has passed."""
    before: list[int] = []

    def reached() -> bool:
        before.append(cells_begun(folder))
        if before[-1] < before[0] + more:
            return False
        time.sleep(pause)
        return True

    return reached


def cells_begun(folder: pathlib.Path) -> int:
    """Cells of which there is a folder, finished or not."""
    return sum(path.is_dir() and "=" in path.name for path in folder.glob("*"))


def differences(one: pathlib.Path, other: pathlib.Path) -> list[str]:
    """Compares two sweeps: every bit of every cell, every record, every line of the CSV.

    Seconds, dates and where Python lies are left out.

    Returns:
      What differs, as `resume.differences` names it.
    """
    found = [] if _lines(one) == _lines(other) else ["sweep.csv"]
    names = sorted({p.name for f in (one, other) for p in f.iterdir() if "=" in p.name})
    for name in names:
        told = resume.differences(one / name, other / name)
        found += [f"{name}/{difference}" for difference in told]
        if _record(one, name) != _record(other, name):
            found.append(f"records/{name}.json")
    return found


def _lines(folder: pathlib.Path) -> list[dict[str, str]]:
    rows = csv.DictReader((folder / "sweep.csv").read_text(encoding="utf-8").splitlines())
    return [{k: v for k, v in row.items() if "seconds" not in k} for row in rows]


def _record(folder: pathlib.Path, name: str) -> Any:
    record = json.loads((folder / "records" / f"{name}.json").read_text(encoding="utf-8"))
    return resume.without_seconds({k: v for k, v in record.items() if k != "date"})


def main(argv: list[str]) -> None:
    """Prints a line per kill and a verdict, and writes the record."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments: {argv[1:]}")
    wanted = flags.FLAGS
    machine.check_output(wanted.output)
    with tempfile.TemporaryDirectory() as name:
        unbroken, killed = pathlib.Path(name) / "unbroken", pathlib.Path(name) / "killed"
        began = time.perf_counter()
        table = run(sweep_command(unbroken))
        seconds = time.perf_counter() - began
        print(f"unbroken: {CELLS} cells in {seconds:.0f} s", flush=True)
        cells = []
        for reached in moments(killed, seconds, wanted.kills, wanted.seed):
            if kill(sweep_command(killed), reached):
                cells.append(cells_begun(killed))
                print(f"kill {len(cells)}: {cells[-1]} cells had begun", flush=True)
        began = time.perf_counter()
        same_table = run(sweep_command(killed)) == table
        last = time.perf_counter() - began
        found = differences(unbroken, killed)
    record = {
        **machine.stamp(),
        "command": sweep_command(pathlib.Path("WORKDIR"))[1:],
        "cells": CELLS,
        "seconds": seconds,
        "kills": cells,  # cells that had begun at each
        "seconds_of_the_last": last,
        "same_table": same_table,
        "differences": found,
    }
    machine.write(wanted.output, record)
    same = same_table and not found
    print("Every bit is the same." if same else f"table {same_table}, differing: {found[:20]}")
    sys.exit(int(not same))


if __name__ == "__main__":
    flags.DEFINE_integer("kills", 10, "How often the sweep is killed.", 1)
    flags.DEFINE_integer("seed", 0, "Of the random moments.")
    flags.DEFINE_string("output", "results/sweep/resume.json", "JSON file to write.")
    app.run(main)
