"""What makes the members of an ensemble differ, and what that is worth.

    python -m experiments.ensemble_variants --output=results/ensembles/variants.json
    python -m experiments.ensemble_variants --table=results/ensembles/variants.json

Eight members at (64, 64) and one learning rate, on test rows in standardised units: nothing is
chosen here by them. Five small tables, three splits each; minutes on one core.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from absl import flags

import spline_fc as sfc
from experiments import startup
from experiments.benchmarks import machine, tables
from spline_fc.data import Dataset, join_validation, standardize

SETS = ("uci_yacht", "uci_boston", "uci_energy", "uci_concrete", "diabetes")
SPLITS = 3
SIZES = (64, 64)
TRAINING = {"epochs": 300, "batch_size": 32}
RATES = (3e-3,)
KNOTS = {"knots": (16, 32, 64, 128)}
DIRECTIONS = {"directions": ((), ("ols",), ("ols", "sir"), ("ols", "sir", "phd"))}
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
    "share of hinges drawn": {"variety": SHARE},
    "all three drawn": {"variety": KNOTS | DIRECTIONS | SHARE},
    "random directions": {"start_options": RANDOM},
    "sixteen members": {"members": 16},
    "He": {"start": "he_normal"},
}
FIRST = next(iter(VARIANTS))


def main(argv: list[str]) -> None:
    """Measures every variant, writes the record after each table, and prints the means."""
    given = flags.FLAGS
    if tables.shown(argv, given.table, table):
        return
    record: dict[str, Any] = {**machine.stamp(), "sets": {}}
    for name in given.sets:
        found = record["sets"][name] = {variant: [] for variant in VARIANTS}
        for split in range(SPLITS):
            dataset = read(name, split)
            for variant, options in VARIANTS.items():
                found[variant].append(measure(dataset, split, options))
        if given.output:
            machine.write(given.output, record)
        print(tables.markdown(["variant", "members", "correlation", "mean"], lines(found)))
    print(table(record))


def read(name: str, split: int) -> Dataset:
    """A published split, or a random one."""
    return sfc.load(name, split=split) if name.startswith("uci_") else sfc.load(name, seed=split)


def measure(dataset: Dataset, seed: int, options: Mapping[str, Any]) -> dict[str, float]:
    """Trains one ensemble; where the error on its test rows comes from."""
    given = {"training_config": TRAINING, "learning_rates": RATES, **options}
    ensemble = sfc.train_ensemble(seed, dataset, SIZES, **given)
    parts = sfc.error_parts(ensemble, *standardize(join_validation(dataset)).test)
    return {
        "members": float(parts.members.mean()),
        "correlation": parts.correlation,
        "ensemble": parts.ensemble,
        "seconds": sum(ensemble.seconds),
    }


def lines(found: Mapping[str, list[dict[str, float]]]) -> list[list[str]]:
    """The cells of one data set: means over its splits."""
    fields = ("members", "correlation", "ensemble")
    return [
        [variant, *(f"{np.mean([run[field] for run in runs]):.4f}" for field in fields)]
        for variant, runs in found.items()
    ]


def table(record: Mapping[str, Any]) -> str:
    """The record in markdown: errors over those of the first variant, splits alike."""
    names = list(record["sets"])
    rows = []
    for variant in VARIANTS:
        ratios = {
            field: [_ratio(record, name, variant, field) for name in names]
            for field in ("members", "ensemble")
        }
        correlation = np.mean(
            [run["correlation"] for name in names for run in record["sets"][name][variant]]
        )
        mean, each = ratios["ensemble"], [f"{ratio:.3f}" for ratio in ratios["ensemble"]]
        rows.append(
            [
                variant,
                f"{_geometric(ratios['members']):.3f}",
                f"{correlation:.2f}",
                f"{_geometric(mean):.3f}",
                *each,
            ]
        )
    head = ["variant", "members", "correlation", "their mean", *names]
    return f"{machine.sentence(record)}\n\n{tables.markdown(head, rows)}"


def _ratio(record: Mapping[str, Any], name: str, variant: str, field: str) -> float:
    """An error over the error of the first variant's mean: geometric mean over splits."""
    runs, base = record["sets"][name][variant], record["sets"][name][FIRST]
    return _geometric([a[field] / b["ensemble"] for a, b in zip(runs, base, strict=True)])


def _geometric(values: list[float]) -> float:
    return float(np.exp(np.mean(np.log(values))))


if __name__ == "__main__":
    flags.DEFINE_list("sets", list(SETS), "Data sets.")
    flags.DEFINE_string("output", None, "File for the record, JSON; none is written without.")
    flags.DEFINE_string("table", None, "Print the table of this file, and end.")
    startup.start(main)
