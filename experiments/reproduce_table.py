"""The records of `experiments.reproduce` as markdown tables and as a figure."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.benchmarks import machine, tables
from spline_fc import files
from spline_fc.report.formats import display_name, mean_error


def read(folder: pathlib.Path) -> list[dict[str, Any]]:
    """Reads the records of a folder, the set with the fewest rows first.

    Raises:
      ValueError: there is none.
    """
    records = [files.read_json(path) for path in sorted(folder.glob("*.json"))]
    if not records:
        raise ValueError(f"--table must name a folder of records; {folder} holds none.")
    return sorted(records, key=lambda record: sum(record["sizes"]))


def markdown(records: Sequence[Mapping[str, Any]]) -> str:
    """All tables."""
    return "\n\n".join([machine.sentence(records[0]), errors(records)])


def errors(records: Sequence[Mapping[str, Any]]) -> str:
    """Test RMSE of every contender."""
    names = list(records[0]["contenders"])
    body = [
        [
            f"{record['set']}, {sum(record['sizes'])}",
            *(
                mean_error([pair["test_rmse"] for pair in record["contenders"][name]["pairs"]])
                for name in names
            ),
        ]
        for record in records
    ]
    return tables.markdown(["set, rows", *map(display_name, names)], body)
