"""How far the network of a spline is from the spline, in standard deviations of the target.

    python -m experiments.equivalence --output=results/equivalence/cpu.json
    python -m experiments.equivalence --table=results/equivalence/cpu.json

The start that everything else sets out from: fitted, shrunk, converted, balanced and reshaped, in
float32. Both are compared on all rows with the spline in float64. About a minute.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
from absl import flags

import spline_fc as sfc
from configs import bake_off
from experiments import startup
from experiments.benchmarks import machine, tables
from spline_fc.cpwl import evaluate_float64

SETS = tuple(bake_off.SETS)  # the twelve tables
SHAPES = ((64, 64), (256, 128, 64))
SPLITS = 3


def main(argv: list[str]) -> None:
    """Measures set after set, writes the record and prints the table."""
    given = flags.FLAGS
    if tables.shown(argv, given.table, table):
        return
    machine.check_output(given.output)
    found = {name: [measure(name, split) for split in range(SPLITS)] for name in given.sets}
    record = {**machine.stamp(), "shapes": SHAPES, "sets": found}
    if given.output:
        machine.write(given.output, record)
    print(table(record))


def measure(name: str, seed: int) -> dict[str, Any]:
    """One random split of a set: rows, and of every shape terms and largest deviations."""
    dataset = sfc.standardize(sfc.load(name, seed=seed))
    x, y = dataset.train
    rows = np.concatenate([x, dataset.validation.x, dataset.test.x])
    found = []
    for shape in SHAPES:
        start = sfc.spline_start(seed, x, y, shape)
        exact = evaluate_float64(start.fit.spline, rows)
        network = sfc.apply_params(start.params, jnp.asarray(rows))
        spline = sfc.evaluate(start.fit.spline, jnp.asarray(rows))
        deviations = [float(np.abs(np.asarray(a) - exact).max()) for a in (network, spline)]
        found.append(
            {"terms": start.fit.num_terms, "network": deviations[0], "spline": deviations[1]}
        )
    return {"rows": len(rows), "shapes": found}


def worst(record: dict[str, Any]) -> float:
    """The largest deviation of any network from its spline."""
    cells = [
        cell for splits in record["sets"].values() for split in splits for cell in split["shapes"]
    ]
    return max(cell["network"] for cell in cells)


def table(record: dict[str, Any]) -> str:
    """The record in markdown: the largest deviations over splits."""
    shapes = [" x ".join(map(str, shape)) for shape in record["shapes"]]
    body = []
    for name, splits in record["sets"].items():
        row = [name, str(splits[0]["rows"])]
        for place in range(len(shapes)):
            cells = [split["shapes"][place] for split in splits]
            for what in ("network", "spline"):
                row.append(f"{max(cell[what] for cell in cells):.1e}")
        body.append(row)
    head = ["set", "rows", *(f"{who}, {s}" for s in shapes for who in ("network", "spline itself"))]
    return tables.markdown(
        head,
        body,
        "Largest deviation from the spline in float64, over all rows of three random splits, in "
        "standard deviations of the target: of the network in float32, and of the spline itself "
        f"in float32. {machine.sentence(record)}",
    )


if __name__ == "__main__":
    flags.DEFINE_list("sets", list(SETS), "Names that spline_fc.load knows, regressions.")
    flags.DEFINE_string("output", None, "JSON file to write.")
    flags.DEFINE_string("table", None, "Print the table of this JSON file, and end.")
    startup.start(main)
