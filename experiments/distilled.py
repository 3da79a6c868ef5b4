"""How much of an ensemble's gain a network of one member's size keeps.

    python -m experiments.distilled --output=results/ensembles/distilled.json
    python -m experiments.distilled --table=results/ensembles/distilled.json

A single network, eight cross-fitted members of its size, and the network that is distilled from
their mean, on the published splits. Test rows are only scored on. A cell is a set and a split, and
is kept once it is finished: a stopped run goes on where it was.
"""

import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from absl import flags

import spline_fc as sfc
from experiments import startup
from experiments.benchmarks import machine, tables
from spline_fc import ensemble, files, network, protocol, training
from spline_fc.data import Dataset, join_validation, standardize
from spline_fc.timing import Stopwatch

SETS = ("uci_yacht", "uci_boston", "uci_energy", "uci_concrete", "uci_wine_red")
SIZES = (64, 64)
TRAINING = training.TrainingConfig(epochs=300, batch_size=32)
KEPT = 0.5  # share of the gain that is to be kept


def main(argv: list[str]) -> None:
    """Measures what is missing, cell by cell, and prints the table."""
    given = flags.FLAGS
    if tables.shown(argv, given.table, table):
        return
    path = pathlib.Path(given.output)
    record = files.read_json(path) if path.is_file() else {"cells": []}
    record |= machine.stamp()
    there = {(cell["set"], cell["split"]) for cell in record["cells"]}
    for name in given.sets:
        for split in range(given.splits):
            if (name, split) not in there:
                cell = {"set": name, "split": split, **measure(sfc.load(name, split=split), split)}
                record["cells"].append(cell)
                machine.write(path, record)
                print(cell, flush=True)
    print(table(record))


def measure(raw: Dataset, seed: int) -> dict[str, Any]:
    """Test errors in the target's unit, and seconds, of one split."""
    alone, single_seconds = _single(seed, standardize(raw))
    options = {"training_config": TRAINING}
    members = ensemble.train_ensemble(seed, raw, SIZES, **options)
    pooled = standardize(join_validation(raw))
    merged = network.merge_params(members.params)
    student = ensemble.distil_network(seed, merged, pooled, SIZES)
    return {
        "single": alone,
        "member": float(np.mean([_error(one, pooled) for one in _each(members.params)])),
        "ensemble": _error(merged, pooled),
        "distilled": _error(student.params, pooled),
        "function_error": float(student.error[0]),
        "seconds": {
            "single": single_seconds,
            "ensemble": sum(members.seconds),
            "distilled": sum(student.seconds),
        },
    }


def _single(seed: int, dataset: Dataset) -> tuple[float, float]:
    """One network by the protocol: its test error, and the seconds of start and training."""
    contender = protocol.Contender("single", protocol.SPLINE, {}, TRAINING)
    with Stopwatch() as clock:
        start = protocol.make_start(protocol.key_of(seed, contender), contender, dataset, SIZES)
        rates = training.LEARNING_RATES
        result = protocol.train(contender, [start], [dataset], rates, [seed])
        best = int(protocol.best_losses(result)[0].argmin())
    return _error(training.replica(result.params, 0, best), dataset), sum(clock.seconds)


def _each(params: network.Params) -> list[network.Params]:
    count = len(params["Dense_0"]["bias"])
    return [jax.tree.map(lambda leaf, k=k: leaf[k], params) for k in range(count)]


def _error(params: network.Params, dataset: Dataset) -> float:
    return protocol.score(params, dataset, "squared_error")["rmse"]


def table(record: Mapping[str, Any]) -> str:
    """The record in markdown: means over splits, and on how many sets enough is kept."""
    names = list(dict.fromkeys(cell["set"] for cell in record["cells"]))
    rows, kept = [], []
    for name in names:
        cells = [cell for cell in record["cells"] if cell["set"] == name]
        mean = {
            field: np.mean([cell[field] for cell in cells])
            for field in ("single", "member", "ensemble", "distilled", "function_error")
        }
        kept.append((mean["single"] - mean["distilled"]) / (mean["single"] - mean["ensemble"]))
        errors = [f"{mean[field]:.4g}" for field in ("single", "ensemble", "distilled")]
        seconds = [
            f"{np.median([cell['seconds'][field] for cell in cells]):.0f}"
            for field in ("single", "ensemble", "distilled")
        ]
        shares = [f"{kept[-1]:.0%}", f"{mean['function_error']:.2%}"]
        rows.append([name, str(len(cells)), *errors, *shares, " / ".join(seconds)])
    head = ["set", "splits", "single", "ensemble", "distilled", "gain kept", "function error"]
    head.append("seconds of the three")
    enough = sum(share >= KEPT for share in kept)
    said = f"At least half of the gain is kept on {enough} of {len(kept)} sets."
    return f"{machine.sentence(record)}\n\n{tables.markdown(head, rows)}\n\n{said}"


if __name__ == "__main__":
    flags.DEFINE_list("sets", list(SETS), "Data sets of published splits.")
    flags.DEFINE_integer("splits", 3, "The first so many splits of each.")
    flags.DEFINE_string("output", "results/ensembles/distilled.json", "File for the record, JSON.")
    flags.DEFINE_string("table", None, "Print the table of this file, and end.")
    startup.start(main)
