"""Runs every cell of a sweep, each in a folder of its own, and sets them side by side.

    python -m experiments.sweep --config=configs/bake_off.py --workdir=runs/bake_off
    python -m experiments.sweep --config=configs/default.py --config.data.name=my.csv \\
        --grid=fit.max_terms=11,21,41 --grid=training.optimizer=adam,sgd --workdir=runs/my
    python -m experiments.sweep --table=results/bake_off

A config carries its cells in `sweep(add)`; --grid makes them of lists of values, for any config.
All are checked before anything runs. The same command goes on where a stopped sweep was; any number
of processes may share a folder, each taking cells that no other is at. --dry_run prints the cells
and how far each is; --only takes some of them, by name or, for job arrays, as share i/n. Several
processes that SLURM or the like started, or --process_id=I --num_processes=N, run a share each.

The page, report.html, and one line per chosen run, sweep.csv, are written at the end, and anew when
the command is given again. Exit status: 0, or 1 if a cell failed or diverged, or 130 after Ctrl-C.
"""

import pathlib
import sys

from absl import flags
from ml_collections import config_flags

from experiments import cluster, config_files, startup, sweep_cells, sweep_run
from experiments.sweep_folder import DIVERGED, FAILED, SweepFolder
from spline_fc import report

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
    cluster.need_none()
    if _TABLE.value:
        print(sweep_run.tables(pathlib.Path(_TABLE.value)))
        return
    if _CONFIG.value is None:
        raise ValueError("--config must name what to run; it is missing.")
    flag = flags.FLAGS["config"]
    path = config_flags.get_config_filename(flag)
    sweep = sweep_cells.expand(path, config_flags.get_override_values(flag), _GRID.value)
    workdir = _WORKDIR.value or f"runs/{pathlib.Path(config_files.split(path)[0]).stem}"
    folder = SweepFolder(workdir, sweep, _RECORDS.value)
    folder.check()
    process = cluster.own()
    chosen = sweep_cells.share(sweep.chosen(_ONLY.value), *process)
    if _DRY_RUN.value:
        print(sweep_run.plan(folder, chosen))
        return
    report.check_packages()
    folder.begin()
    sweep_run.run_cells(folder, chosen, pages=_PAGES.value)
    if folder.is_over() or not (_ONLY.value or process.count > 1):
        print(sweep_run.finish(folder))
    else:
        print("Cells are left, by whose end the page is written.")
    states = {folder.state(cell) for cell in chosen}
    sys.exit(int(bool(states & {FAILED, DIVERGED})))


if __name__ == "__main__":
    startup.start(main)
