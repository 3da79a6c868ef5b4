"""Records and tables of the ablations: what of the recipe an error comes from.

    python -m experiments.ablations --runs=runs/noise --output=results/ablations/noise.json
    python -m experiments.ablations --table=results/ablations/noise.json

The first takes what the tables need from the finished runs of a sweep, a folder of runs that are
named by their cells, into one small file.
"""

import pathlib

from absl import flags

from experiments import ablations_records, ablations_table, startup
from experiments.benchmarks import machine
from spline_fc import files

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
    machine.write(_OUTPUT.value, ablations_records.of_sweep(pathlib.Path(_RUNS.value)))


if __name__ == "__main__":
    startup.start(main)
