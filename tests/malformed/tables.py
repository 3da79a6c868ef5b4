"""Table files in the dress of other programs, which are read alike, and broken ones."""

import functools
import gzip
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

from spline_fc import data
from tests.malformed.cases import Case, pick

_HEADER = ["age", "size", "kind", "price"]


@functools.cache
def _cells() -> list[list[str]]:
    """Forty rows: a whole number, one of two decimals, a word of three, and the target."""
    rng = np.random.default_rng(4)
    rows = []
    for _ in range(40):
        age, size, kind = rng.integers(18, 90), rng.integers(1000, 9000) / 4, rng.integers(3)
        price = 1000 + 10 * age + size + 50 * kind
        rows.append([str(age), f"{size:.2f}", ("red", "green", "blue")[kind], f"{price:.2f}"])
    return rows


def _text(
    rows: list[list[str]] | None = None,
    header: list[str] | None = None,
    by: str = ",",
    end: str = "\n",
    tail: str = "",
) -> str:
    lines = [header or _HEADER, *(rows or _cells())]
    return "".join(by.join(cells) + tail + end for cells in lines)


def _each(change: Callable[[str], str], *columns: int) -> list[list[str]]:
    """The rows with the cells of some columns changed."""
    return [[change(c) if j in columns else c for j, c in enumerate(row)] for row in _cells()]


def _one(place: int, column: int, cell: str) -> list[list[str]]:
    rows = [list(row) for row in _cells()]
    rows[place][column] = cell
    return rows


def _comma(cell: str) -> str:
    return cell.replace(".", ",")


def _thousands(cell: str) -> str:
    return f"{float(cell):,.2f}"


# Each gives the bytes of a file that must be read as the plain one is.
DRESSED: dict[str, Callable[[], bytes]] = {
    "semicolons": lambda: _text(by=";").encode(),
    "tabs": lambda: _text(by="\t").encode(),
    "bars": lambda: _text(by="|").encode(),
    "decimal commas": lambda: _text(_each(_comma, 1, 3), by=";").encode(),
    "thousands separators": lambda: _text(_each(_thousands, 1, 3), by=";").encode(),
    "a currency sign": lambda: _text(_each(lambda c: f"${c}", 3)).encode(),
    "quotes": lambda: _text(_each(lambda c: f'"{c}"', 0, 1, 2, 3)).encode(),
    "spaces around cells": lambda: _text(_each(lambda c: f" {c} ", 0, 1, 2, 3)).encode(),
    "lines of Windows": lambda: _text(end="\r\n").encode(),
    "a mark at the beginning": lambda: _text().encode("utf-8-sig"),
    "UTF-16": lambda: _text().encode("utf-16"),
    "gzip": lambda: gzip.compress(_text().encode()),
    "a delimiter at the end": lambda: _text(tail=",").encode(),
    "empty lines": lambda: _text(end="\n\n").encode(),
    "no end of the last line": lambda: _text().rstrip("\n").encode(),
    "an index": lambda: _text(
        [[str(i), *row] for i, row in enumerate(_cells())], ["", *_HEADER]
    ).encode(),
}
BROKEN: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "a header alone": lambda: (",".join(_HEADER) + "\n").encode(),
    "one row": lambda: _text(_cells()[:1]).encode(),
    "a row too short": lambda: _text([*_cells()[:20], ["1", "2"], *_cells()[20:]]).encode(),
    "a row too long": lambda: _text([*_cells()[:20], ["1"] * 9, *_cells()[20:]]).encode(),
    "a quote that never ends": lambda: _text(_one(7, 2, '"red')).encode(),
    "null characters": lambda: _text(_one(7, 2, "r\0d")).encode(),
    "bytes of no text": lambda: bytes(range(256)) * 8,
    "half a gzip file": lambda: gzip.compress(_text().encode())[:-40],
    "a picture": lambda: b"\x89PNG\r\n\x1a\n" + bytes(range(200)),
    "a page": lambda: b"<!DOCTYPE html><html><body>404</body></html>\n" * 3,
    "a constant target": lambda: _text(_each(lambda _: "5", 3)).encode(),
    "an infinite target": lambda: _text(_one(7, 3, "inf")).encode(),
    "an infinite feature": lambda: _text(_one(7, 1, "-inf")).encode(),
    "one column": lambda: b"price\n" + b"".join(b"%d\n" % i for i in range(40)),
}
_OPTIONS: dict[str, dict[str, Any]] = {
    "a target that is not there": {"target": "prise"},
    "a target of no column": {"target": 9},
    "a target of None": {"target": [None]},
    "every column ignored": {"ignore": ["age", "size", "kind"]},
    "no such column ignored": {"ignore": "agee"},
    "no such task": {"task": "regresion"},
    "a task that does not fit": {"task": "binary"},
    "no such way with gaps": {"missing": "mean"},
    "words as weights": {"weights": "kind"},
    "a share above 1": {"test_fraction": 1.5},
    "a share of NaN": {"test_fraction": float("nan")},
    "a share of True": {"validation_fraction": True},
    "a negative seed": {"seed": -1},
    "a fractional seed": {"seed": 0.5},
    "a delimiter of words": {"delimiter": "comma"},
    "no such option": {"sead": 1},
    "an option of others": {"num_test": 10},
    "more training rows than there are": {"num_train": 10**6},
    "no training row": {"num_train": 0},
}


def make(rng: np.random.Generator, folder: pathlib.Path) -> Case:
    """A file of the same table in another dress, a broken one, or an option that does not fit."""
    kind = pick(rng, ["dressed", "broken", "broken", "options", "place"])
    file = folder / "table.csv"
    if kind == "place":
        places: dict[str, Any] = {
            "no file": file,
            "an empty folder": folder,
            "a name nobody knows": "friedmann1",
            "a number": 5,
            "None": None,
            "no name": "",
        }
        what = pick(rng, list(places))
        named = ["data", "source", "folder", str(folder)]
        return Case(what, lambda: data.load(places[what]), named)
    catalogue = {"dressed": DRESSED, "broken": BROKEN, "options": _OPTIONS}[kind]
    what = pick(rng, list(catalogue))
    if kind == "options":
        file.write_bytes(_text().encode())
        given = _OPTIONS[what]
        named = [*given, "data config", "targets", "y", str(file)]
        return Case(what, lambda: data.load({"name": str(file)} | given), named, None, [file])
    file.write_bytes(catalogue[what]())
    right = _is_the_table if kind == "dressed" else None
    return Case(
        what, lambda: data.load(file), [str(file), "x", "y", "test_fraction"], right, [file]
    )


def _is_the_table(dataset: data.Dataset) -> bool:
    """Whether columns, levels and numbers are those of the cells."""
    names = dataset.feature_names
    if names[:2] != ("age", "size") or len(names) not in (4, 5):
        return False
    parts = [dataset.train, dataset.validation, dataset.test]
    x = np.concatenate([np.column_stack([part.x[:, :2], part.y]) for part in parts])
    wanted = np.array([[row[0], row[1], row[3]] for row in _cells()], float)
    return np.allclose(np.sort(x, axis=0), np.sort(wanted, axis=0))
