"""What makes the members of an ensemble differ, and what that is worth.

    python -m experiments.ensemble_variants --output=results/ensembles/variants.json
    python -m experiments.ensemble_variants --others --output=results/ensembles/drawn.json
    python -m experiments.ensemble_variants --table=results/ensembles/variants.json

Eight members at (64, 64) and one learning rate; errors are those of test rows. Four small tables,
three published splits each, took 41 minutes of a busy machine. With --others nine tables that are
none of the published ones, three seeds each, which say what a draw is worth there.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from absl import flags

import spline_fc as sfc
from experiments import startup
from experiments.benchmarks import machine, tables
from spline_fc import protocol
from spline_fc.data import Dataset, join_validation
from spline_fc.ensemble import VARIETY

SETS = ("uci_yacht", "uci_boston", "uci_energy", "uci_concrete")
SPLITS = 3
SIZES = (64, 64)
TRAINING = {"epochs": 300, "batch_size": 32}
MANY_ROWS = 1000  # from here on half as many epochs, of batches twice as large
MANY_TRAINING = {"epochs": 150, "batch_size": 64}
RATES = (3e-3,)
KNOTS, DIRECTIONS = ({name: VARIETY[name]} for name in ("knots", "directions"))
SHARE = {"share": (0.25, 0.5, 0.75)}
RANDOM = {"directions": ("ols", "sir", "phd", "random")}
VARIANTS: dict[str, dict[str, Any]] = {
    "cross-fitted": {},
    "one validation part": {"holdout": "one"},
    "one spline for all": {"spline": "shared"},
    "one part and one spline": {"holdout": "one", "spline": "shared"},
    "bootstrap rows": {"spline": "bootstrap"},
    "knots drawn": {"variety": KNOTS},
    "directions drawn": {"variety": DIRECTIONS},
    "knots and directions drawn": {"variety": VARIETY},
    "share of hinges drawn": {"variety": SHARE},
    "all three drawn": {"variety": KNOTS | DIRECTIONS | SHARE},
    "random directions": {"start_options": RANDOM},
    "sixteen members": {"members": 16},
    "He": {"start": "he_normal"},
}
FIRST = next(iter(VARIANTS))
DRAWN = (FIRST, "knots drawn", "directions drawn", "knots and directions drawn")
SMALL = {"num_train": 500, "num_validation": 100, "num_test": 1000}
DRAWS = {"num_train": 1500, "validation_fraction": 0.05}
DONGSI = "beijing_air_quality/PRSA_Data_Dongsi_20130301-20170228.csv.gz"
BEIJING = {"target": "PM2.5", "ignore": ("No", "PM10", "station"), "missing": "drop"}
OTHERS: dict[str, dict[str, Any]] = {
    "friedman1": SMALL,
    "friedman2": SMALL,
    "friedman3": SMALL,
    "abalone": {},
    "wine_quality_white": {},
    "diabetes": {},
    "california_housing": DRAWS,
    "diamonds/diamonds.csv.gz": {**DRAWS, "target": "price"},
    DONGSI: {**DRAWS, **BEIJING},
}


def main(argv: list[str]) -> None:
    """Measures every variant, writes the record after each data set, and prints the table."""
    given = flags.FLAGS
    if tables.shown(argv, given.table, table):
        return
    machine.check_output(given.output)
    record: dict[str, Any] = {**machine.stamp(), "sets": {}}
    variants = DRAWN if given.others else tuple(VARIANTS)
    for name in OTHERS if given.others else given.sets:
        found = {variant: [] for variant in variants}
        for split in range(SPLITS):
            dataset = rows_of(name, split)
            for variant in variants:
                found[variant].append(measure(dataset, split, VARIANTS[variant]))
        record["sets"][name] = found
        if given.output:
            machine.write(given.output, record)
        print(f"{name} done", flush=True)
    print(table(record))


def rows_of(name: str, split: int) -> Dataset:
    """A published split, or another set drawn by this seed."""
    if name in OTHERS:
        return sfc.load(name, seed=split, **OTHERS[name])
    return sfc.load(name, split=split)


def measure(dataset: Dataset, seed: int, options: Mapping[str, Any]) -> dict[str, float]:
    """Trains one ensemble; where the error on its test rows comes from."""
    training = TRAINING if len(dataset.train.x) < MANY_ROWS else MANY_TRAINING
    given = {"training_config": training, "learning_rates": RATES, **options}
    ensemble = sfc.train_ensemble(seed, dataset, SIZES, **given)
    parts = sfc.error_parts(ensemble, *protocol.prepare(join_validation(dataset)).test)
    return {
        "members": float(parts.members.mean()),
        "correlation": parts.correlation,
        "ensemble": parts.ensemble,
        "seconds": sum(ensemble.seconds),
    }


def table(record: Mapping[str, Any]) -> str:
    """The record in markdown."""
    names = [name.split("/")[0] for name in record["sets"]]  # of a file its folder
    head = ["variant", "members", "correlation", "their mean", *names]
    return f"{machine.sentence(record)}\n\n{tables.markdown(head, rows(record))}"


def rows(record: Mapping[str, Any]) -> list[list[str]]:
    """The cells: errors over those of the first variant, geometric means over splits and sets."""
    names, found = list(record["sets"]), []
    for variant in record["sets"][names[0]]:
        members, means = (
            [_ratio(record["sets"][name], variant, field) for name in names]
            for field in ("members", "ensemble")
        )
        runs = [run for name in names for run in record["sets"][name][variant]]
        correlation = np.mean([run["correlation"] for run in runs])
        ratios = [_geometric(members), _geometric(means), *means]
        cells = [f"{ratio:.3f}" for ratio in ratios]
        found.append([variant, cells[0], f"{correlation:.2f}", *cells[1:]])
    return found


def _ratio(found: Mapping[str, list[dict[str, float]]], variant: str, field: str) -> float:
    """An error over the error of the first variant's mean: geometric mean over splits."""
    pairs = zip(found[variant], found[FIRST], strict=True)
    return _geometric([run[field] / base["ensemble"] for run, base in pairs])


def _geometric(values: list[float]) -> float:
    return float(np.exp(np.mean(np.log(values))))


if __name__ == "__main__":
    flags.DEFINE_list("sets", list(SETS), "Data sets.")
    flags.DEFINE_bool("others", False, "The tables that are none of the published ones.")
    flags.DEFINE_string("output", None, "File for the record, JSON; none is written without.")
    flags.DEFINE_string("table", None, "Print the table of this file, and end.")
    startup.start(main)
