"""Trains from several starts on several sets, by one protocol, and prints who did better.

python -m experiments.bake_off --config=configs/bake_off.py --output=results/bake_off
python -m experiments.bake_off --output=results/bake_off --table

A cell (set, size, contender) that is in the output with the same settings is not run again, so a
stopped sweep goes on where it was.
"""

import json
import pathlib

import jax
from absl import app, flags
from ml_collections import config_flags

from experiments.benchmarks import machine
from experiments.recipe_study import cells, compare, table

_CONFIG = config_flags.DEFINE_config_file("config", "configs/bake_off.py", "Sets and contenders.")
_OUTPUT = flags.DEFINE_string("output", "results/bake_off", "Folder of JSON files, one per set.")
_CONTENDERS = flags.DEFINE_list(
    "contenders", None, "Run these alone, by their names in the config."
)
_TABLE = flags.DEFINE_bool("table", False, "Print the tables of the output and end.")
_TIMES = flags.DEFINE_bool("times", False, "Only measure seconds, of all cells in the output.")


def main(argv: list[str]) -> None:
    """Runs the cells that are missing; each is on disk before the next begins."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments: {argv[1:]}")
    output, config = pathlib.Path(_OUTPUT.value), _CONFIG.value.to_dict()
    for name in _CONTENDERS.value or ():
        if name not in config["contenders"]:
            raise app.UsageError(
                f"--contenders must be out of {list(config['contenders'])}: {name}"
            )
    if _CONTENDERS.value:
        config["contenders"] = {name: config["contenders"][name] for name in _CONTENDERS.value}
    if not _TABLE.value:
        for width in config["widths"]:
            for name in config["sets"]:
                run_set(output / f"{name}-{width}.json", name, width, config, _TIMES.value)
    print(table.markdown(compare.read(output)))


def run_set(path: pathlib.Path, name: str, width: int, config: dict, times: bool = False) -> None:
    """Runs all contenders on one set at one size, or times them.

    Args:
      path: JSON file to begin or to go on with.
      name: of the data set.
      width: of both hidden layers.
      config: as in configs/bake_off.py.
      times: measure the seconds of the cells that are there, and run no others.
    """
    own = dict(config["sets"][name])
    of_set, sizes = own.pop("splits"), (width, width)
    settings = {**config["training"], **own}
    record = {"set": name, "width": width, "contenders": {}}
    if path.is_file():
        record = json.loads(path.read_text())
    for contender, spec in config["contenders"].items():
        splits = range(min(of_set, spec.get("splits", of_set)))
        wanted = {
            "contender": spec,
            "training": settings,
            "splits": len(splits),
            "learning_rates": list(config["learning_rates"]),
        }
        cell = record["contenders"].get(contender)
        if times:
            if cell is None:
                continue
            cell.update(cells.time_cell(name, sizes, spec, settings))
        elif cell is None or cell["settings"] != json.loads(json.dumps(wanted)):
            cell = cells.run_cell(name, sizes, spec, settings, config["learning_rates"], splits)
            cell["settings"] = wanted
        else:
            continue
        record["contenders"][contender] = cell
        record.update(machine.stamp())
        machine.write(path, record)
        print(f"{name} {width} {contender}: {table.line(cell)}", flush=True)
        jax.clear_caches()  # hundreds of programs of shapes that never come back


if __name__ == "__main__":
    app.run(main)
