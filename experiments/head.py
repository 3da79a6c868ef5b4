"""Replaces the heads of image classifiers by splines of their features, and trains them on.

    python -m experiments.head --config=configs/head_fashion.py
    python -m experiments.head --table=results/head/cpu.json

Contenders are a fresh head, the old one continued, and the spline, each with the head alone and
with the whole network trained on. A cell is a model and a seed, and is kept once it is finished: a
stopped run goes on where it was.
"""

import pathlib

import jax
from absl import flags
from ml_collections import config_flags

from experiments import head_cells, head_table, startup
from experiments.benchmarks import machine, tables
from spline_fc import files

_CONFIG = config_flags.DEFINE_config_file(
    "config", "configs/head_fashion.py", "What to run: configs/NAME.py[:mode]."
)
_OUTPUT = flags.DEFINE_string("output", "results/head/cpu.json", "JSON file to write.")
_FIGURE = flags.DEFINE_string("figure", None, "PNG file to draw the curves to.")
_NOTE = flags.DEFINE_string("note", "", "What is to be known of the machine.")
_TABLE = flags.DEFINE_string("table", None, "Print the table of this file, and end.")
_OPEN = ("models", "seeds")  # fields of which a file may come to hold more


def main(argv: list[str]) -> None:
    """Runs what is missing, cell by cell, and prints the table and what it was to show."""
    if tables.shown(argv, _TABLE.value, head_table.table):
        return
    machine.check_output(_OUTPUT.value)
    config, path = _CONFIG.value, pathlib.Path(_OUTPUT.value)
    fields = files.plain(config.to_dict())
    record = files.read_json(path) if path.is_file() else {"config": fields, "cells": []}
    for field, value in fields.items():
        if field not in _OPEN and record["config"].get(field) != value:
            held = record["config"].get(field)
            raise ValueError(f"{path} must hold runs of config.{field}={value}; it holds {held}.")
    record |= {**machine.stamp(), "note": _NOTE.value}
    there = {(cell["model"], cell["seed"]) for cell in record["cells"]}
    for seed in range(config.seeds):
        for model in config.models:
            if (model, seed) in there:
                continue
            cell = {"model": model, "seed": seed, **head_cells.measure(model, seed, config)}
            record["cells"].append(cell)
            machine.write(path, record)
            jax.clear_caches()
            for line in head_table.findings(record | {"cells": [cell]}):
                print(line, flush=True)
    print(head_table.table(record), "", *head_table.findings(record), sep="\n")
    if _FIGURE.value:
        pathlib.Path(_FIGURE.value).parent.mkdir(parents=True, exist_ok=True)
        head_table.figure(record).savefig(_FIGURE.value, dpi=200)


if __name__ == "__main__":
    startup.start(main)
