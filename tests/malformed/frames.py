"""Data frames and series with columns that are no numbers, missing, in another order, renamed."""

import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from spline_fc.cpwl import evaluate
from tests.malformed.arrays import alike, fit, sound_rows
from tests.malformed.cases import Case, pick

_NAMES = ["age", "height", "weight"]


def _frame() -> pd.DataFrame:
    return pd.DataFrame(sound_rows()[0], columns=_NAMES)


def _column(change: Callable[[pd.Series], Any]) -> Callable[[pd.DataFrame], Any]:
    return lambda frame: frame.assign(height=change(frame["height"]))


def _with(value: Any) -> Callable[[pd.DataFrame], Any]:
    """One cell of a column of objects is something else."""

    def change(column: pd.Series) -> pd.Series:
        objects = column.astype(object)
        objects.iloc[5] = value
        return objects

    return _column(change)


_REFUSED: dict[str, Callable[[pd.DataFrame], Any]] = {
    "a column of words": _column(lambda c: c.map(lambda v: f"w{v:.0f}")),
    "a column of numbers as words": _column(lambda c: c.astype(str)),
    "a column of categories": _column(lambda c: c.astype(int).astype(str).astype("category")),
    "a column of dates": _column(lambda c: pd.to_datetime(c, unit="D")),
    "a column of times": _column(lambda c: pd.to_timedelta(c, unit="D")),
    "a column of complex numbers": _column(lambda c: c + 1j),
    "NaN": _column(lambda c: c.where(c > 10)),
    "pd.NA": _column(lambda c: c.astype("Int64").where(c > 10)),
    "infinity": _column(lambda c: c.replace(c.iloc[0], np.inf)),
    "None in a cell": _with(None),
    "a word in a cell": _with("n/a"),
    "a list in a cell": _with([1, 2]),
    "a name twice": lambda f: f.set_axis(["age", "age", "weight"], axis=1),
    "no rows": lambda f: f.iloc[:0],
    "no columns": lambda f: f[[]],
    "a row less": lambda f: f.iloc[1:],
}
_DRESSED: dict[str, Callable[[pd.DataFrame], Any]] = {
    "nullable integers": lambda f: f.astype("Int64"),
    "nullable floats": lambda f: f.astype("Float64"),
    "objects": lambda f: f.astype(object),
    "single precision": lambda f: f.astype(np.float32),
    "mixed kinds": lambda f: f.astype({"age": np.int8, "height": object, "weight": "Float64"}),
    "another index": lambda f: f.set_axis(np.arange(60)[::-1], axis=0),
    "columns by number": lambda f: f.set_axis([0, 1, 2], axis=1),
    "sparse columns": lambda f: f.astype(pd.SparseDtype(float, 0.0)),
    "a fragment of a wider one": lambda f: pd.concat([f, f], axis=1).iloc[:, :3],
}
_NEW_REFUSED: dict[str, Callable[[pd.DataFrame], Any]] = {
    "a column gone": lambda f: f.drop(columns="height"),
    "a column renamed": lambda f: f.rename(columns={"height": "size"}),
    "other names": lambda f: f.set_axis(["a", "b", "c"], axis=1),
    "a name twice": _REFUSED["a name twice"],
    "a column of words": _REFUSED["a column of words"],
    "a column of dates": _REFUSED["a column of dates"],
    "a row as a series": lambda f: f.iloc[0],
    "a matrix of two columns": lambda f: f.to_numpy()[:, :2],
}
_NEW_DRESSED: dict[str, Callable[[pd.DataFrame], Any]] = {
    "columns in another order": lambda f: f[["weight", "age", "height"]],
    "a column too many": lambda f: f.assign(name="x"),
    "both": lambda f: f.assign(name="x")[["weight", "name", "age", "height"]],
    "a matrix": lambda f: f.to_numpy(),
    "lists": lambda f: f.to_numpy().tolist(),
    "nullable integers": _DRESSED["nullable integers"],
}


def make(rng: np.random.Generator, folder: pathlib.Path) -> Case:
    """The frame of a fit, that of new rows, or a series of targets or weights."""
    kind = pick(rng, ["fit", "fit", "fit", "new", "new", "series"])
    if kind == "series":
        return _series(rng)
    x, y, weights = sound_rows()
    catalogue = (_REFUSED, _DRESSED) if kind == "fit" else (_NEW_REFUSED, _NEW_DRESSED)
    dressed = rng.random() < 0.4
    what, change = pick(rng, list(catalogue[dressed].items()))
    given = change(_frame())

    def use() -> Any:
        if kind == "new":
            return evaluate(fit(_frame(), y, weights), given)
        return evaluate(fit(given, y, weights), x)

    return Case(f"{kind}: {what}", use, ["x"], alike if dressed else None)


def _series(rng: np.random.Generator) -> Case:
    """y or weights as a series or a frame of one column."""
    x, y, weights = sound_rows()
    name = pick(rng, ["y", "weights"])
    series = pd.Series(y[:, 0] if name == "y" else weights, name="target")
    refused: dict[str, Any] = {
        "words": series.astype(str),
        "dates": pd.to_datetime(series, unit="D"),
        "categories": series.astype(str).astype("category"),
        "pd.NA": series.astype("Int64").where(series > 1.5 if name == "weights" else series > 30),
        "a row less": series.iloc[1:],
        "complex": series + 1j,
    }
    dressed: dict[str, Any] = {
        "a series": series,
        "nullable": series.astype("Int64"),
        "objects": series.astype(object),
        "another index": series.set_axis(np.arange(60)[::-1]),
        "sparse": series.astype(pd.SparseDtype(float, 0.0)),
    }
    if name == "y":
        dressed["a frame"] = series.to_frame()
    is_dressed = rng.random() < 0.4
    what, given = pick(rng, list((dressed if is_dressed else refused).items()))
    rows = {"x": _frame(), "y": y, "weights": weights} | {name: given}
    right = alike if is_dressed else None
    return Case(f"{name}: {what}", lambda: evaluate(fit(**rows), x), [name], right)
