"""Trains from several starts on several sets, by one protocol, and prints who did better.

    python -m experiments.bake_off --config=configs/bake_off.py --workdir=runs/bake_off
    python -m experiments.bake_off --table=results/bake_off

Every cell of the sweep is a run of the pipeline in a folder of its own below --workdir: what is
finished is not run again, and a stopped sweep goes on where it was. What the tables need of a run
is kept in one small JSON file per set and size in --output; --table prints the tables of such a
folder and runs nothing.
"""

import pathlib

import jax
from absl import flags

from experiments import bake_off_records, bake_off_table, classes_table, startup, sweeps
from spline_fc import files, pipeline, runs

_CONFIG = flags.DEFINE_string("config", "configs/bake_off.py", "A config with a sweep[:mode].")
_WORKDIR = flags.DEFINE_string("workdir", "runs/bake_off", "Folder of the runs.")
_OUTPUT = flags.DEFINE_string("output", None, "Folder of the records; 'records' in --workdir.")
_ONLY = flags.DEFINE_list("only", [], "Run these cells alone, by their names in the sweep.")
_TABLE = flags.DEFINE_string("table", None, "Print the tables of this folder of records, and end.")


def main(argv: list[str]) -> None:
    """Runs the cells that are missing; each is on disk before the next begins."""
    startup.no_arguments(argv)
    if _TABLE.value:
        print(_tables(pathlib.Path(_TABLE.value)))
        return
    cells = sweeps.expand(_CONFIG.value)
    unknown = [name for name in _ONLY.value if name not in cells]
    if unknown:
        raise ValueError(f"--only must name cells out of {', '.join(cells)}; got {unknown[0]!r}.")
    workdir = pathlib.Path(_WORKDIR.value)
    output = pathlib.Path(_OUTPUT.value) if _OUTPUT.value else workdir / "records"
    output.mkdir(parents=True, exist_ok=True)
    for name in _ONLY.value or cells:
        pipeline.run(cells[name], workdir / name, progress=runs.to_terminal())
        record = bake_off_records.of_run(workdir / name)
        path = output / f"{pathlib.Path(record['set']).stem}-{record['width']}.json"
        files.write_json(path, bake_off_records.joined(path, record))
        for contender, cell in record["contenders"].items():
            print(f"{name}, {contender}: {bake_off_table.line(cell)}", flush=True)
        jax.clear_caches()  # hundreds of programs of shapes that never come back
    print(_tables(output))


def _tables(folder: pathlib.Path) -> str:
    """The tables of a folder of records, which are all of regressions or all of classes."""
    records = bake_off_table.read(folder)
    scores = {bake_off_table.score_of(c) for r in records for c in r["contenders"].values()}
    if len(scores) > 1:
        raise ValueError(f"records must be of regressions or of classes; {folder} has both.")
    return (classes_table if scores == {"log_loss"} else bake_off_table).markdown(records)


if __name__ == "__main__":
    startup.start(main)
