"""Cost as the data grow: seconds of starts and steps, beside the steps that a sweep has counted.

    python -m experiments.sweep --config=configs/growth.py --records=results/growth/cells
    python -m experiments.growth --output=results/growth/seconds.json
    python -m experiments.growth --table=results/growth

Each cell of configs/growth.py is timed in a process of its own, on one thread: the spline and He in
turn, cold and then warm; further contenders in another process. What is in the file is not timed
again.
"""

import json
import pathlib
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from absl import flags

from experiments import growth_table, startup, sweep_cells
from experiments.benchmarks import machine
from experiments.growth_child import CONFIG
from experiments.growth_table import REFERENCE
from spline_fc.protocol import SPLINE


def main(argv: list[str]) -> None:
    """Times the cells that are missing; the file is written after each."""
    startup.no_arguments(argv)
    given = flags.FLAGS
    if given.table:
        print(growth_table.markdown(growth_table.read(pathlib.Path(given.table))))
        return
    machine.check_output(given.output)
    path = pathlib.Path(given.output)
    record = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"cells": {}}
    for name, cell in sweep_cells.expand(CONFIG).cells.items():
        if name not in record["cells"]:
            names = [contender.name for contender in cell.plan.contenders]
            cells = {**record["cells"], name: timed(name, names, given.rounds)}
            record = {**machine.stamp(), "cells": cells}
            machine.write(path, record)
            print(f"{name}: load average {cells[name][-1]['load_average']:.1f}", flush=True)


def timed(cell: str, names: Sequence[str], rounds: int) -> list[dict[str, Any]]:
    """Times a cell: what each child tells."""
    groups = [[SPLINE, REFERENCE], *([name] for name in names if name not in (SPLINE, REFERENCE))]
    return [_child(cell, rounds, group) for group in groups]


def _child(cell: str, rounds: int, names: Sequence[str]) -> dict[str, Any]:
    command = [sys.executable, "-m", "experiments.growth_child", cell, str(rounds), *names]
    told = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, env=machine.one_thread()
    )
    return json.loads(told.stdout)


if __name__ == "__main__":
    flags.DEFINE_string("output", "results/growth/seconds.json", "File to write.")
    flags.DEFINE_integer("rounds", 3, "Warm starts and trainings of each contender.", 1)
    flags.DEFINE_string("table", None, "Print the tables of this folder, and end.")
    startup.start(main)
