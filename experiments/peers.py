"""Ours against its peers on five data sets, each at its defaults on one core, and their table.

    python -m experiments.peers --output=results/peers/cpu.json
    python -m experiments.peers --table=results/peers/cpu.json

The peers are R earth, EBM, APLR, XGBoost, CatBoost, a linear model, a plain MLP and the mean; pip
install 'spline_fc[peers]' brings those of Python, and one that is not there is told so. Rows are
split at random by a seed, identical ones kept together, a fifth for testing; all else is given to
every fit, so whoever needs validation rows takes them from there. Each (set, contender) is run in
a process of its own and kept at once: a stopped run goes on where it was.
"""

import json
import pathlib
import subprocess
import sys
from typing import Any

from absl import flags

from experiments import peers_table, startup
from experiments.benchmarks import machine, tables
from experiments.peers_child import CONTENDERS, missing
from spline_fc import load

SETS = ("uci_concrete", "abalone", "wine_quality_white", "uci_kin8nm", "uci_power")
_SETS = flags.DEFINE_list("sets", list(SETS), "Names that spline_fc.load knows, regressions.")
_CONTENDERS = flags.DEFINE_list("contenders", list(CONTENDERS), "Who takes part.")
_SPLITS = flags.DEFINE_integer("splits", 5, "Random splits of each set.", 1)
_OUTPUT = flags.DEFINE_string("output", "results/peers/cpu.json", "JSON file to write.")
_NOTE = flags.DEFINE_string(
    "note", "", "What is to be known of the machine, e.g. that it is shared."
)
_AGAIN = flags.DEFINE_bool("again", False, "Run anew what the file holds of these contenders.")
_TABLE = flags.DEFINE_string("table", None, "Print the table of this file, and end.")


def main(argv: list[str]) -> None:
    """Runs what is missing, cell by cell, and prints the table."""
    if tables.shown(argv, _TABLE.value, peers_table.table):
        return
    unknown = [name for name in _CONTENDERS.value if name not in CONTENDERS]
    if unknown:
        raise ValueError(f"--contenders must be of {', '.join(CONTENDERS)}; got {unknown[0]!r}.")
    machine.check_output(_OUTPUT.value)
    path = pathlib.Path(_OUTPUT.value)
    record = json.loads(path.read_text()) if path.is_file() else {"sets": {}}
    versions = {**record.get("versions", {}), **_versions()}  # cells of other runs stay
    record = {**record, **machine.stamp(), "versions": versions, "note": _NOTE.value}
    for data in _SETS.value:
        load(data)  # what cannot be read ends the program here
        record["sets"].setdefault(data, {})
    for name in _CONTENDERS.value:
        for data in _SETS.value:
            cells = record["sets"][data]
            there = len(cells.get(name, {}).get("splits", ()))
            if there >= _SPLITS.value and not _AGAIN.value:
                continue
            cells[name] = cell(name, data, _SPLITS.value)
            machine.write(path, record)
            print(f"{data}, {name}: {peers_table.line(CONTENDERS[name], cells[name])}", flush=True)
    print(peers_table.table(record))


def cell(name: str, data: str, splits: int) -> dict[str, Any]:
    """Runs a contender on a set: {"splits": [...]}, or {"reason": why it could not}."""
    reason = missing(CONTENDERS[name])
    if reason:
        return {"reason": reason}
    command = [sys.executable, "-m", "experiments.peers_child", name, data, str(splits)]
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=machine.one_thread())
    if told.returncode:
        return {"reason": f"failed with status {told.returncode}"}
    return {"splits": [json.loads(line) for line in told.stdout.splitlines()]}


def _versions() -> dict[str, str]:
    from importlib import metadata

    found = {}
    for package in ("interpret-core", "aplr", "xgboost", "catboost", "scikit-learn"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    if missing(CONTENDERS["earth"]) is None:
        ask = 'cat(R.version$major, R.version$minor, as.character(packageVersion("earth")))'
        told = subprocess.run(["Rscript", "-e", ask], capture_output=True, text=True, check=True)
        major, minor, earth = told.stdout.split()
        found |= {"R": f"{major}.{minor}", "earth": earth}
    return found


if __name__ == "__main__":
    startup.start(main)
