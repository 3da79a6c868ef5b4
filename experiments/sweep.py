"""Runs every cell of a sweep, each in a folder of its own, and sets them side by side.

    python -m experiments.sweep --config=configs/bake_off.py --workdir=runs/bake_off
    python -m experiments.sweep --config=configs/default.py --config.data.name=my.csv \\
        --grid=fit.max_terms=11,21,41 --grid=training.optimizer=adam,sgd --workdir=runs/my
    python -m experiments.sweep --table=results/bake_off

A config carries its cells in `sweep(add)`; --grid makes them of lists of values, for any config.
All are checked before anything runs. The same command goes on where a stopped sweep was; any number
of processes may share a folder, each taking cells that no other is at. --dry_run prints the cells
and how far each is; --only takes some of them, by name or, for job arrays, as share i/n.

The page, report.html, and one line per chosen run, sweep.csv, are written at the end, and anew when
the command is given again. Exit status: 0, or 1 if a cell failed or diverged, or 130 after Ctrl-C.
"""

import pathlib
import sys
from collections.abc import Sequence

import jax
from absl import flags
from ml_collections import config_flags

from experiments import (
    bake_off_records,
    bake_off_table,
    classes_table,
    config_files,
    startup,
    sweep_cells,
)
from experiments.sweep_cells import Cell, Sweep
from experiments.sweep_folder import DIVERGED, ENDED, FAILED, SweepFolder
from experiments.sweep_progress import SweepProgress
from spline_fc import pipeline, report
from spline_fc.report.formats import count
from spline_fc.report.tables import Table

_CONFIG = config_flags.DEFINE_config_file("config", None, "What to run: configs/NAME.py[:mode].")
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the sweep; runs/NAME of the config.")
_GRID = flags.DEFINE_multi_string("grid", [], "FIELD=VALUE,VALUE,...: cells, all combinations.")
_ONLY = flags.DEFINE_list("only", [], "Run these cells alone, by name, or share i/n of them.")
_DRY_RUN = flags.DEFINE_bool("dry_run", False, "Print the cells and how far each is, and end.")
_PAGES = flags.DEFINE_bool("pages", False, "Write the page of every cell too, some seconds each.")
_RECORDS = flags.DEFINE_string("records", None, "Folder of small records; 'records' in --workdir.")
_TABLE = flags.DEFINE_string("table", None, "Print the tables of this folder of records, and end.")


def main(argv: list[str]) -> None:
    """Runs the cells that are missing; each is on disk before the next begins."""
    startup.no_arguments(argv)
    if _TABLE.value:
        print(_tables(pathlib.Path(_TABLE.value)))
        return
    if _CONFIG.value is None:
        raise ValueError("--config must name what to run; it is missing.")
    flag = flags.FLAGS["config"]
    path = config_flags.get_config_filename(flag)
    sweep = sweep_cells.expand(path, config_flags.get_override_values(flag), _GRID.value)
    workdir = _WORKDIR.value or f"runs/{pathlib.Path(config_files.split(path)[0]).stem}"
    folder = SweepFolder(workdir, sweep, _RECORDS.value)
    folder.check()
    chosen = sweep.chosen(_ONLY.value)
    if _DRY_RUN.value:
        print(plan(sweep, folder, chosen))
        return
    report.check_packages()
    folder.begin()
    run_cells(folder, chosen, pages=_PAGES.value)
    if folder.is_over() or not _ONLY.value:
        print(finish(folder))
    states = {folder.state(cell) for cell in chosen}
    sys.exit(int(bool(states & {FAILED, DIVERGED})))


def run_cells(folder: SweepFolder, cells: Sequence[Cell], *, pages: bool = False) -> None:
    """Runs what is not finished of some cells, but for those that another process is at.

    Args:
      folder: of the sweep, begun.
      cells: in the order in which they are run; those of one shape should follow each other.
      pages: whether every cell gets a page of its own.
    """
    progress, shape = SweepProgress(cells), None
    for place, cell in enumerate(cells):
        progress.turn_to(place)
        with folder.lend(cell) as is_ours:
            if not is_ours or folder.is_recorded(cell):
                continue
            if shape not in (None, cell.shape):
                jax.clear_caches()  # hundreds of programs of shapes that never come back
            shape = cell.shape
            progress.tell(_run_cell(folder, cell, progress, pages))


def _run_cell(folder: SweepFolder, cell: Cell, progress: SweepProgress, pages: bool) -> str:
    """Runs one cell; a failure is noted and does not stop the others. Says what came of it."""
    workdir = folder.path / cell.name
    try:
        pipeline.run(cell.config, workdir, page=pages, progress=progress)
        record = bake_off_records.of_run(workdir)
        folder.record(cell, record)
    except Exception as error:  # noqa: BLE001 - whatever it is, the next cell may do well
        return f"failed: {folder.note_failure(cell, error)}"
    return f"{folder.state(cell)}, {bake_off_records.said(record)}"


def finish(folder: SweepFolder) -> str:
    """Writes page and CSV of what there is, and returns the table for the terminal."""
    states = folder.states()
    ended = {name: folder.path / name for name, state in states.items() if state in ENDED}
    failures = [
        report.Failure(cell.name, cell.plan.config, folder.reason(cell))
        for cell in folder.sweep.cells.values()
        if states[cell.name] == FAILED
    ]
    left = len(states) - len(ended) - len(failures)
    said = [f"Of {count(len(states), 'cell')}, {left} left."] if left else []
    if ended or failures:
        study = report.read_sweep(ended, failures)
        page = report.write_sweep(study, folder.path)
        table = report.set_text(report.sweep_table(study))
        said = [table, *said, f"report: {page}", f"runs: {page.with_name('sweep.csv')}"]
    return "\n".join(said)


def plan(sweep: Sweep, folder: SweepFolder, chosen: Sequence[Cell]) -> str:
    """The cells as they will be run: in what each differs, how many runs, how far it is."""
    short = sweep_cells.short_names([field for cell in chosen for field in cell.fields])
    body = []
    for cell in chosen:
        fields = ", ".join(f"{short[field]}={value}" for field, value in cell.fields.items())
        body.append([cell.name, fields, str(cell.runs), folder.state(cell)])
    runs = sum(cell.runs for cell in chosen)
    said = f"{count(len(chosen), 'cell')} of {len(sweep.cells)}, {count(runs, 'run')}."
    table = Table(["cell", "differs in", "runs", "state"], body, ["", said], words=2)
    return report.set_text(table)


def _tables(folder: pathlib.Path) -> str:
    """The tables of a folder of records, which are all of regressions or all of classes."""
    records = bake_off_table.read(folder)
    scores = {bake_off_table.score_of(c) for r in records for c in r["contenders"].values()}
    if len(scores) > 1:
        raise ValueError(f"records must be of regressions or of classes; {folder} has both.")
    return (classes_table if scores == {"log_loss"} else bake_off_table).markdown(records)


if __name__ == "__main__":
    startup.start(main)
