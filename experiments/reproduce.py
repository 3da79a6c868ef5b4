"""Reproduces the method's own experiments: what the start costs, gains and lets one read.

    python -m experiments.reproduce --workdir=runs/reproduce --output=results/reproduce
    python -m experiments.reproduce --table=results/reproduce

Every set of configs/reproduce.py is a run of the pipeline in a folder of its own below --workdir,
measured when it is done: seconds cold and warm, and what can be read off the networks. A stopped
program goes on where it was. Each set leaves a small record in --output, from which
`experiments.tables` and `experiments.pictures` make what README and docs/reproduction.md show.
"""

import pathlib
from typing import Any

from absl import flags

from experiments import (
    reproduce_cost,
    reproduce_readout,
    reproduce_table,
    startup,
    sweep_cells,
    sweep_records,
)
from experiments.benchmarks import machine
from experiments.sweep_cells import Cell
from experiments.sweep_progress import SweepProgress
from spline_fc import files, pipeline, workdir
from spline_fc.protocol import SPLINE


def main(argv: list[str]) -> None:
    """Runs and measures the sets that are missing, and prints the tables of all records."""
    startup.no_arguments(argv)
    given = flags.FLAGS
    if given.table:
        print(reproduce_table.markdown(reproduce_table.read(pathlib.Path(given.table))))
        return
    cells = sweep_cells.expand(given.config).chosen(given.only)
    folder, output = pathlib.Path(given.workdir), pathlib.Path(given.output)
    progress = SweepProgress(cells)
    for place, cell in enumerate(cells):
        progress.turn_to(place)
        record = record_of(folder, cell, progress)
        machine.write(output / f"{cell.name}.json", reproduce_cost.told(record))
        progress.tell(sweep_records.said(record))
    print(reproduce_table.markdown(reproduce_table.read(output)))


def record_of(folder: pathlib.Path, cell: Cell, progress: SweepProgress) -> dict[str, Any]:
    """Runs a set and measures what came of it; what was measured before is read.

    Args:
      folder: of all runs; the record is kept in its folder records.
      cell: a set.
      progress: where to say how far it is.

    Returns:
      That of `sweep_records.of_run` with "sizes" (rows of the three parts), "costs" (of
      `reproduce_cost.costs`), "readout" (of `reproduce_readout.of_run`) and "config".
    """
    run, kept = folder / cell.name, folder / "records" / f"{cell.name}.json"
    pipeline.run(cell.config, run, page=False, progress=progress)
    config = files.plain(cell.plan.config)
    if kept.is_file():
        record = files.read_json(kept)
        if record["config"] == config:
            return record
    work = workdir.read_workdir(run)
    progress.phase("timing starts and steps")
    costs = reproduce_cost.costs(config, [SPLINE, work.reference])
    progress.phase("reading the networks", cell.plan.seeds)
    readout = reproduce_readout.of_run(work, progress.step)
    record = {
        "command": "python -m experiments.reproduce",
        **sweep_records.of_run(run),
        "sizes": workdir.read_data(work, 0).sizes,
        "costs": costs,
        "readout": readout,
        "config": config,
    }
    machine.write(kept, record)
    return files.read_json(kept)


if __name__ == "__main__":
    flags.DEFINE_string("config", "configs/reproduce.py", "Config file[:smoke] with its sets.")
    flags.DEFINE_string("workdir", "runs/reproduce", "Folder of the runs.")
    flags.DEFINE_string("output", "results/reproduce", "Folder of the records.")
    flags.DEFINE_list("only", [], "Run these sets alone, by name, or share i/n of them.")
    flags.DEFINE_string("table", None, "Print the tables of this folder of records, and end.")
    startup.start(main)
