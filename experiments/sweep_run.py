"""What the program of sweeps does: runs cells, sets them side by side, says what is to be run."""

import pathlib
from collections.abc import Sequence

import jax

from experiments import bake_off_table, classes_table, sweep_cells, sweep_records
from experiments.sweep_cells import Cell
from experiments.sweep_folder import ENDED, FAILED, SweepFolder
from experiments.sweep_progress import SweepProgress
from spline_fc import pipeline, report
from spline_fc.report.formats import count
from spline_fc.report.tables import Table


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
        record = sweep_records.of_run(workdir)
        folder.record(cell, record)
    except Exception as error:  # noqa: BLE001 - whatever it is, the next cell may do well
        return f"failed: {folder.note_failure(cell, error)}"
    return f"{folder.state(cell)}, {sweep_records.said(record)}"


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


def plan(folder: SweepFolder, chosen: Sequence[Cell]) -> str:
    """Some cells as they will be run: in what each differs, how many runs, how far it is."""
    short = sweep_cells.short_names([field for cell in chosen for field in cell.fields])
    body = []
    for cell in chosen:
        fields = ", ".join(f"{short[field]}={value}" for field, value in cell.fields.items())
        body.append([cell.name, fields, str(cell.runs), folder.state(cell)])
    runs = sum(cell.runs for cell in chosen)
    said = f"{count(len(chosen), 'cell')} of {len(folder.sweep.cells)}, {count(runs, 'run')}."
    table = Table(["cell", "differs in", "runs", "state"], body, ["", said], words=2)
    return report.set_text(table)


def tables(folder: pathlib.Path) -> str:
    """The tables of a folder of records, which are all of regressions or all of classes."""
    records = bake_off_table.read(folder)
    cells = [cell for record in records for cell in record["contenders"].values()]
    scores = {bake_off_table.score_of(cell) for cell in cells}
    if any(f"test_{score}" not in cell["pairs"][0] for cell in cells for score in scores):
        wanted = "records must all be of classes, or all of regressions of one target"
        raise ValueError(f"{wanted}; {folder} holds others.")
    return (classes_table if scores == {"log_loss"} else bake_off_table).markdown(records)
