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
from experiments.sweep_folder import DIVERGED, DONE, FAILED, RUNNING, SweepFolder
from experiments.sweep_progress import SweepProgress
from spline_fc import files, pipeline, report
from spline_fc.report.formats import count
from spline_fc.report.tables import Table, set_text

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
    folder = SweepFolder(pathlib.Path(workdir), sweep)
    folder.check()
    chosen = sweep.chosen(_ONLY.value)
    if _DRY_RUN.value:
        print(_plan(sweep, folder, chosen))
        return
    report.check_packages()
    folder.begin()
    _run(folder, chosen)
    sys.exit(_finish(sweep, folder, chosen))


def _run(folder: SweepFolder, chosen: Sequence[Cell]) -> None:
    """Runs what is not finished, but for the cells that another process is at."""
    progress, shape = SweepProgress(chosen), None
    for place, cell in enumerate(chosen):
        progress.turn_to(place)
        with folder.lend(cell) as ours:
            recorded = _record_of(folder, cell).is_file()
            if not ours or (recorded and folder.state(cell) in (DONE, DIVERGED)):
                continue
            if shape not in (None, cell.shape):
                jax.clear_caches()  # hundreds of programs of shapes that never come back
            shape = cell.shape
            progress.tell(_run_cell(folder, cell, progress))


def _run_cell(folder: SweepFolder, cell: Cell, progress: SweepProgress) -> str:
    """Runs one cell; a failure is noted and does not stop the others."""
    try:
        workdir = folder.path / cell.name
        pipeline.run(cell.config, workdir, page=_PAGES.value, progress=progress)
        record = bake_off_records.of_run(workdir)
        path = _record_of(folder, cell)
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_json(path, record)
    except Exception as error:  # noqa: BLE001 - whatever it is, the next cell may do well
        return f"failed: {folder.note_failure(cell, error)}"
    folder.forget_failure(cell)
    return f"{folder.state(cell)}, {bake_off_records.said(record)}"


def _record_of(folder: SweepFolder, cell: Cell) -> pathlib.Path:
    records = pathlib.Path(_RECORDS.value) if _RECORDS.value else folder.path / "records"
    return records / f"{cell.name}.json"


def _finish(sweep: Sweep, folder: SweepFolder, chosen: Sequence[Cell]) -> int:
    """Writes page and table when no cell of the sweep is left to be run; the exit status."""
    states = {cell.name: folder.state(cell) for cell in sweep.cells.values()}
    ended = [name for name, state in states.items() if state in (DONE, DIVERGED)]
    failed = {c.name: folder.reason(c) for c in sweep.cells.values() if states[c.name] == FAILED}
    others = [name for name, state in states.items() if state == RUNNING]
    left = len(states) - len(ended) - len(failed) - len(others)
    if others:
        print(f"{count(len(others), 'cell')} are with other processes.", file=sys.stderr)
    if (left or others) and _ONLY.value:
        print(f"{len(ended)} of {count(len(states), 'cell')} are done; the page comes last.")
    elif ended:
        workdirs = [folder.path / name for name in ended]
        page = report.write_sweep(workdirs, folder.path)
        print(f"report: {page}")
    for name, reason in failed.items():
        print(f"{name} failed: {reason}", file=sys.stderr)
    own = [states[cell.name] for cell in chosen]
    return int(FAILED in own or DIVERGED in own)


def _plan(sweep: Sweep, folder: SweepFolder, chosen: Sequence[Cell]) -> str:
    """The cells as they will be run: in what each differs, how many runs, how far it is."""
    short = sweep_cells.short_names([field for cell in chosen for field in cell.fields])
    body = []
    for cell in chosen:
        fields = ", ".join(f"{short[field]}={value}" for field, value in cell.fields.items())
        body.append([cell.name, fields, str(cell.runs), folder.state(cell)])
    runs = sum(cell.runs for cell in chosen)
    said = f"{count(len(chosen), 'cell')} of {len(sweep.cells)}, {count(runs, 'run')}."
    return set_text(Table(["cell", "differs in", "runs", "state"], body, ["", said], words=2))


def _tables(folder: pathlib.Path) -> str:
    """The tables of a folder of records, which are all of regressions or all of classes."""
    records = bake_off_table.read(folder)
    scores = {bake_off_table.score_of(c) for r in records for c in r["contenders"].values()}
    if len(scores) > 1:
        raise ValueError(f"records must be of regressions or of classes; {folder} has both.")
    return (classes_table if scores == {"log_loss"} else bake_off_table).markdown(records)


if __name__ == "__main__":
    startup.start(main)
