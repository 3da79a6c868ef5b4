"""Writes the tables of README and guides anew from the records of results/.

    python -m experiments.tables

A table stands between two comments, `<!-- NAME -->` and `<!-- end NAME -->`; what is between them
is nobody's to edit. A record that is not there leaves its table as it is.
"""

import json
import pathlib
import re
from collections.abc import Callable
from typing import NamedTuple

from experiments import (
    ablations_table,
    anchors_table,
    bake_off_table,
    claims,
    claims_against,
    claims_index,
    classes_table,
    ensemble_variants,
    equivalence,
    estimators,
    growth_table,
    head_table,
    intervals,
    outliers,
    peers_table,
    reproduce_table,
    startup,
)
from experiments.benchmarks import accelerator, chunks, classes, fit, machine, wide

ROOT = pathlib.Path(__file__).parents[1]
ABLATIONS = (
    "controls",
    "initialisation",
    "noise",
    "terms",
    "degree",
    "knots",
    "pruning",
    "row_share",
    "widening",
    "widening_others",
    "balance",
    "mask",
    "steps",
    "optimiser",
    "rate",
    "batch",
    "shape",
    "rows",
)


class Table(NamedTuple):
    """Where a table stands, and what it is made of."""

    page: str
    name: str  # in the comments
    record: str  # a file or a folder
    make: Callable[[pathlib.Path], str]


def _of_file(table: Callable[[dict], str]) -> Callable[[pathlib.Path], str]:
    return lambda path: table(json.loads(path.read_text(encoding="utf-8")))


def _bake_off(folder: pathlib.Path) -> str:
    return bake_off_table.markdown(bake_off_table.read(folder))


def _classes(folder: pathlib.Path) -> str:
    return classes_table.markdown(bake_off_table.read(folder))


def _anchors(folder: pathlib.Path) -> str:
    return anchors_table.markdown(anchors_table.read(folder))


def _growth(folder: pathlib.Path) -> str:
    return growth_table.markdown(growth_table.read(folder))


def _reproduction(make: Callable[[list[dict]], str]) -> Callable[[pathlib.Path], str]:
    return lambda folder: make(reproduce_table.read(folder))


def _candidates(folder: pathlib.Path) -> str:
    records = bake_off_table.read(folder)
    newest = max(records, key=lambda record: record["date"])
    return f"{machine.sentence(newest)}\n\n{bake_off_table.overall(records)}"


TABLES = (
    Table("README.md", "peers", "results/peers/cpu.json", _of_file(peers_table.table)),
    Table(
        "docs/estimators.md",
        "raw tables",
        "results/estimators/cpu.json",
        _of_file(estimators.table),
    ),
    Table("docs/recipe.md", "bake-off", "results/bake_off", _bake_off),
    Table("docs/recipe.md", "candidates", "results/candidates", _candidates),
    Table(
        "docs/ensembles.md",
        "variants",
        "results/ensembles/variants.json",
        _of_file(ensemble_variants.table),
    ),
    Table(
        "docs/ensembles.md",
        "drawn",
        "results/ensembles/drawn.json",
        _of_file(ensemble_variants.table),
    ),
    Table(
        "docs/ensembles.md",
        "intervals",
        "results/ensembles/intervals.json",
        _of_file(intervals.table),
    ),
    Table("docs/heads.md", "heads", "results/head/cpu.json", _of_file(head_table.table)),
    Table("docs/classes.md", "classes", "results/classes", _classes),
    Table("docs/classes.md", "alone", "results/fit/classes.json", _of_file(classes.table)),
    Table("docs/ensembles.md", "anchors", "results/anchors", _anchors),
    Table("docs/ensembles.md", "sixteen", "results/anchors_sixteen", _anchors),
    Table("docs/fit.md", "generated data", "results/fit/cpu.json", _of_file(fit.table)),
    Table("docs/fit.md", "real tables", "results/fit/real.json", _of_file(fit.table)),
    *(
        Table(
            "docs/scale.md", name, f"results/accelerator/{file}.json", _of_file(accelerator.table)
        )
        for name, file in (("one GPU", "nvidia_h200"), ("one CPU", "cpu"))
    ),
    Table("docs/fit.md", "wide data", "results/fit/wide.json", _of_file(wide.table)),
    Table(
        "docs/larger_than_memory.md", "chunks", "results/chunks/cpu.json", _of_file(chunks.table)
    ),
    Table("docs/growth.md", "growth", "results/growth", _growth),
    Table(
        "docs/growth.md",
        "outliers",
        "results/growth/outliers.json",
        _of_file(outliers.table),
    ),
    *(
        Table("docs/reproduction.md", name, "results/reproduce", _reproduction(make))
        for name, make in reproduce_table.TABLES.items()
    ),
    Table("results/README.md", "claims", "results", claims.table),
    Table("results/README.md", "against", "results", claims_against.table),
    Table(
        "results/README.md",
        "equivalence",
        "results/equivalence/cpu.json",
        _of_file(equivalence.table),
    ),
    Table("results/README.md", "index", "results", claims_index.table),
    *(
        Table(
            "docs/ablations.md",
            name,
            f"results/ablations/{name}.json",
            _of_file(ablations_table.table),
        )
        for name in ABLATIONS
    ),
)


def rebuilt(page: str, text: str) -> str:
    """Puts the tables of a page into its text, as the records have them.

    Raises:
      ValueError: a table has no place on the page, or two.
    """
    for table in TABLES:
        record = ROOT / table.record
        if table.page != page or not record.exists():
            continue
        begin, end = f"<!-- {table.name} -->\n", f"<!-- end {table.name} -->"
        if (text.count(begin), text.count(end)) != (1, 1):
            raise ValueError(f"{page} must have one place for the table {table.name!r}.")
        new = f"{begin}{table.make(record)}\n{end}"
        text = re.sub(f"{begin}.*{end}", lambda found, new=new: new, text, flags=re.DOTALL)
    return text


def main(argv: list[str]) -> None:
    """Rebuilds every page, and says which ones have changed."""
    startup.no_arguments(argv)
    for page in sorted({table.page for table in TABLES}):
        path = ROOT / page
        before = path.read_text(encoding="utf-8")
        after = rebuilt(page, before)
        path.write_text(after, encoding="utf-8")
        print(f"{page}: {'unchanged' if before == after else 'changed'}")


if __name__ == "__main__":
    startup.start(main)
