"""Records and tables of the ablations: what of the recipe an error comes from.

    python -m experiments.ablations --runs=runs/noise --output=results/ablations/noise.json
    python -m experiments.ablations --table=results/ablations/noise.json

The first takes what the tables need from the finished runs of a sweep, a folder of runs that are
named by their cells, into one small file.
"""

import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from absl import flags

from experiments import ablations_table, startup
from experiments.ablations_table import HE
from experiments.benchmarks import machine
from spline_fc import files, workdir
from spline_fc.training import PRIMARY_SCORE
from spline_fc.workdir import Workdir

_RUNS = flags.DEFINE_string("runs", None, "Folder of the finished runs of one ablation.")
_OUTPUT = flags.DEFINE_string("output", None, "The record, a JSON file.")
_TABLE = flags.DEFINE_string("table", None, "Print the table of this record, and end.")


def main(argv: list[str]) -> None:
    """Writes a record, or prints the table of one."""
    startup.no_arguments(argv)
    if _TABLE.value:
        print(ablations_table.table(files.read_json(pathlib.Path(_TABLE.value))))
        return
    if not (_RUNS.value and _OUTPUT.value):
        raise ValueError("--runs and --output must be given together, or --table.")
    machine.write(_OUTPUT.value, of_sweep(pathlib.Path(_RUNS.value)))


def of_sweep(folder: pathlib.Path) -> dict[str, Any]:
    """Makes the record of a sweep.

    Args:
      folder: of finished runs, named as the ablation; the name of each run is SET or SET-LABEL,
        with what distinguishes the runs of one set.

    Returns:
      {"cells": [{"set", "label", "score", "contenders": {name: seed by seed "test" and "start"
      scores, "terms", "rate", "epoch" of the best validation loss and "reached", the epoch at
      which it was as low as He's best}}]} with a stamp.

    Raises:
      ValueError: no finished run.
    """
    runs = [workdir.read_workdir(path.parent) for path in sorted(folder.glob("*/workdir.json"))]
    cells = [_cell(run) for run in runs if run.status in ("done", "diverged")]
    if not cells:
        raise ValueError(f"--runs must name a folder of finished runs; {folder} holds none.")
    config = f"--config=configs/ablation_{folder.name}.py --workdir=runs/{folder.name}"
    command = f"python -m experiments.sweep {config}"
    return {**machine.stamp(), "command": command, "cells": cells}


def _cell(work: Workdir) -> dict[str, Any]:
    """What is kept of one run."""
    name, _, label = work.path.name.partition("-")
    score = next(s for s in PRIMARY_SCORE.values() if f"test_{s}" in work.runs[0])
    he = {run["seed"]: run["best_validation_loss"] for run in work.chosen(HE)}
    return {
        "set": name,
        "label": label,
        "score": score,
        "contenders": {init: _contender(work, init, score, he) for init in work.inits},
    }


def _contender(
    work: Workdir, init: str, score: str, he: Mapping[int, float]
) -> dict[str, list[Any]]:
    """One start, seed by seed; None where there is no such number."""
    chosen = work.chosen(init)
    terms = {fit["seed"]: fit["terms"] for fit in work.fits if fit["init"] == init}
    found: dict[str, list[Any]] = {
        "test": [_short(run[f"test_{score}"]) for run in chosen],
        "start": [_short(run[f"start_{score}"]) for run in chosen],
        "terms": [terms.get(run["seed"]) for run in chosen],
        "rate": [run["learning_rate"] for run in chosen],
        "epoch": [run["best_epoch"] for run in chosen],
    }
    if he:
        curves = [work.histories[run["run"]].validation_loss for run in chosen]
        targets = [he[run["seed"]] for run in chosen]
        found["reached"] = [_reached(c, t) for c, t in zip(curves, targets, strict=True)]
    return found


def _reached(curve: np.ndarray, target: float) -> int | None:
    """The first epoch with a loss at or below the target."""
    there = np.flatnonzero(np.asarray(curve) <= target)
    return int(there[0]) if there.size else None


def _short(value: float | None) -> float | None:
    """Five digits; None for what is not finite."""
    return float(f"{value:.5g}") if value is not None and np.isfinite(value) else None


if __name__ == "__main__":
    startup.start(main)
