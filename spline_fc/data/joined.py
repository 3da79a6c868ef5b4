"""Named tables that are several others, one below the other, with a column that tells which."""

import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from spline_fc.checks import check
from spline_fc.data.cells import Cells
from spline_fc.data.named import read_named, table_dataset
from spline_fc.data.records import Dataset
from spline_fc.data.tables import Table


class JoinedSource(NamedTuple):
    """A named data set made of others."""

    parts: dict[str, str]  # name in `named.TABLES` -> what the column says of its rows
    column: str  # that tells the parts apart; it stands before the target


JOINED = {
    "wine_quality": JoinedSource(
        {"wine_quality_red": "red", "wine_quality_white": "white"}, column="colour"
    )
}


def load_joined(
    name: str,
    folders: list[pathlib.Path],
    cache_dir: pathlib.Path | None,
    seed: int,
    **options: Any,
) -> Dataset:
    """Loads one of JOINED; arguments, errors and result as those of `named.load_table`."""
    source = JOINED[name]
    tables = [read_named(part, folders, cache_dir) for part in source.parts]
    joined = _below(tables, list(source.parts.values()), source.column)
    return table_dataset(name, joined, seed, split=options)


def _below(tables: Sequence[Table], labels: Sequence[str], column: str) -> Table:
    """Tables of the same columns as one, with a column of labels before their last."""
    first, *others = tables
    for table in others:
        wanted, came = ", ".join(first.names), ", ".join(table.names)
        check(came == wanted, f"{table.path} must have the columns {wanted}; got {came}.")
    counts = [table.num_rows for table in tables]
    ends = np.cumsum(counts)

    def place(row: int) -> str:
        part = int(np.searchsorted(ends, row, side="right"))
        return tables[part].place(row - int(ends[part]) + counts[part])

    told = Cells(column, list(labels), np.repeat(np.arange(len(tables)), counts), place)
    columns = [_stacked([t.columns[j] for t in tables], place) for j in range(len(first.names))]
    return first._replace(
        names=(*first.names[:-1], column, first.names[-1]),
        columns=(*columns[:-1], told, columns[-1]),
        num_rows=int(ends[-1]),
        place=place,
    )


def _stacked(parts: Sequence[Any], place: Any) -> Cells:
    """Columns of text as one, each distinct cell once."""
    index: dict[str, int] = {}
    codes = []
    for cells in parts:
        own = np.array([index.setdefault(word, len(index)) for word in cells.words], int)
        codes.append(own[cells.codes])
    return Cells(parts[0].name, list(index), np.concatenate(codes), place)
