"""Measures single networks, ensembles and distillates on the published splits of the UCI sets.

    python -m experiments.anchors --config=configs/anchors.py --workdir=runs/anchors
    python -m experiments.anchors --table=results/anchors

One file per set and width, written after every split: a stopped run goes on where it was.
"""

import json
import pathlib
import time

from absl import flags

from experiments import anchors_cells, anchors_table, config_files, startup
from experiments.benchmarks import machine
from spline_fc import data

_CONFIG = flags.DEFINE_string("config", "configs/anchors.py", "Config file[:mode].")
_WORKDIR = flags.DEFINE_string("workdir", "runs/anchors", "Folder that keeps the ensembles.")
_OUTPUT = flags.DEFINE_string("output", None, "Folder of the records; that of --workdir.")
_ONLY = flags.DEFINE_list("only", [], "Run these sets alone.")
_SPLITS = flags.DEFINE_integer("splits", None, "So many splits of each set at most.", lower_bound=1)
_TABLE = flags.DEFINE_string("table", None, "Print the tables of this folder of records, and end.")


def main(argv: list[str]) -> None:
    """Runs the splits that are missing."""
    startup.no_arguments(argv)
    folder = pathlib.Path(_TABLE.value or _OUTPUT.value or _WORKDIR.value)
    if not _TABLE.value:
        config = config_files.read(_CONFIG.value)
        unknown = [name for name in _ONLY.value if name not in config.sets]
        if unknown:
            known = ", ".join(config.sets)
            raise ValueError(f"--only must name sets out of {known}; got {unknown[0]!r}.")
        for name in _ONLY.value or config.sets:
            _run_set(name, config, folder)
    print(anchors_table.markdown(anchors_table.read(folder)))


def _run_set(name: str, config: object, folder: pathlib.Path) -> None:
    """All splits of one set; what its file holds already is not run again."""
    path = folder / f"{name}-{'x'.join(map(str, config.hidden_sizes))}.json"
    settings = json.loads(json.dumps(anchors_cells.settings(config, name)))
    record = {"set": name, "settings": settings, "splits": []}
    if path.is_file():
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["settings"] != settings:
            raise ValueError(f"{path} must hold the same settings; it is of another config.")
    count = config.sets[name].splits
    count = count if _SPLITS.value is None else min(count, _SPLITS.value)
    kept = pathlib.Path(_WORKDIR.value) / "ensembles"
    rows = {row["split"]: row for row in record["splits"]}
    for split in range(count):
        began = time.perf_counter()
        raw, earlier = data.load(name, split=split), rows.get(split, {})
        rows[split] = anchors_cells.measure(raw, config, split, kept, earlier)
        if rows[split] == earlier:
            continue
        record["splits"] = [rows[key] for key in sorted(rows)]
        machine.write(path, {**record, **machine.stamp()})
        line = anchors_table.line(rows[split])
        took = time.perf_counter() - began
        print(f"{name}, split {split + 1} of {count}, {took:.0f} s: {line}", flush=True)


if __name__ == "__main__":
    startup.start(main)
