"""Arrays that are no real matrix, and sound ones in an unusual dress, at the doors of a fit."""

import decimal
import fractions
import functools
import pathlib
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import scipy.sparse

from spline_fc import data, network
from spline_fc.cpwl import FitResult, evaluate, fit_mars, shrink
from tests.malformed.cases import Case, pick


@functools.cache
def sound_rows() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x (60, 3), y (60, 1) and weights (60,) of small whole numbers, which every dtype holds."""
    rng = np.random.default_rng(3)
    x = rng.integers(0, 50, (60, 3)).astype(np.float64)
    y = np.abs(x[:, :1] - 20) + 2 * x[:, 1:2]
    return x, y, rng.integers(1, 4, 60).astype(np.float64)


def fit(x: Any, y: Any, weights: Any) -> FitResult:
    """The fit of all cases; its shapes are compiled once."""
    return fit_mars(x, y, weights=weights, max_terms=5, knots=8)


@functools.cache
def sound_values(weighted: bool = True) -> np.ndarray:
    """What the fit of the sound rows gives on them."""
    x, y, weights = sound_rows()
    return np.asarray(evaluate(fit(x, y, weights if weighted else None), x))


def alike(came: Any, weighted: bool = True) -> bool:
    """Whether these are the values of the fit of the sound rows, to the rounding of float32."""
    values = np.asarray(came, np.float64)
    return bool(np.allclose(values, sound_values(weighted), rtol=1e-3, atol=1e-2))


def _put(value: Any) -> Callable[[np.ndarray], Any]:
    """One entry is something else, among objects where the array cannot hold it."""

    def other(array: np.ndarray) -> Any:
        changed = array.astype(np.result_type(array, type(value)) if _is_real(value) else object)
        changed.flat[7] = value
        return changed

    return other


def _is_real(value: Any) -> bool:
    return isinstance(value, (float, complex))


def _ragged(array: np.ndarray) -> Any:
    rows = array.tolist()
    rows[3] = [rows[3], 1.0] if array.ndim == 1 else rows[3][:-1]
    return rows


REFUSED: dict[str, Callable[[np.ndarray], Any]] = {
    "NaN": _put(float("nan")),
    "infinity": _put(float("inf")),
    "-infinity": _put(float("-inf")),
    "a complex entry": _put(1 + 2j),
    "complex": lambda a: a.astype(complex),
    "None among objects": _put(None),
    "a word among objects": _put("7"),
    "a date among objects": _put(np.datetime64("2020-01-01")),
    "10**400 among objects": _put(10**400),
    "a list among objects": _put([1]),
    "words": lambda a: a.astype(str),
    "bytes": lambda a: a.astype("S8"),
    "dates": lambda a: a.astype("datetime64[D]"),
    "times": lambda a: a.astype("timedelta64[s]"),
    "records": lambda a: np.zeros(len(a), [("a", float), ("b", float)]),
    "ragged": _ragged,
    "masked": lambda a: np.ma.masked_array(a, a > a.min()),
    "one axis more": lambda a: a[None],
    "one row less": lambda a: a[:-1],
    "no rows": lambda a: a[:0],
    "no axes": lambda a: a.ravel()[0],
    "a mapping": lambda a: {"a": a},
    "a set": lambda a: set(a.ravel().tolist()),
    "a generator": lambda a: (row for row in a),
    "a function": lambda a: np.sum,
    "a word": lambda a: "rows.csv",
}
DRESSED: dict[str, Callable[[np.ndarray], Any]] = {
    "lists": lambda a: a.tolist(),
    "a list of arrays": list,
    "foreign byte order": lambda a: a.astype(">f8"),
    "column order": np.asfortranarray,
    "negative strides": lambda a: np.ascontiguousarray(a[::-1])[::-1],
    "read-only": lambda a: np.frombuffer(a.tobytes()).reshape(a.shape),
    "long doubles": lambda a: a.astype(np.longdouble),
    "half precision": lambda a: a.astype(np.float16),
    "single precision": lambda a: a.astype(np.float32),
    "int16": lambda a: a.astype(np.int16),
    "uint64": lambda a: a.astype(np.uint64),
    "objects": lambda a: a.astype(object),
    "whole numbers as objects": lambda a: a.astype(int).astype(object),
    "decimals": lambda a: np.vectorize(decimal.Decimal, otypes=[object])(a),
    "fractions": lambda a: np.vectorize(fractions.Fraction, otypes=[object])(a),
    "a mask of nothing": lambda a: np.ma.masked_array(a, np.zeros(a.shape, bool)),
    "a JAX array": lambda a: jnp.asarray(a, jnp.float32),
    "sparse": lambda a: scipy.sparse.csr_array(a) if a.ndim == 2 else a,
    "a view of a wider one": lambda a: np.repeat(a, 2, axis=0)[::2],
}
_OF_WEIGHTS: dict[str, Callable[[np.ndarray], Any]] = {
    "negative": lambda w: -w,
    "all zero": lambda w: w * 0,
    "of two columns": lambda w: np.stack([w, w], axis=1),
}


@functools.cache
def _doors() -> dict[str, tuple[Callable[[Any], Any], Any]]:
    """What else takes rows x: a function of them, and what it gives of the sound ones."""
    x, y, _ = sound_rows()
    fitted = fit(x, y, None)
    params = network.to_params(fitted)
    doors: dict[str, Callable[[Any], Any]] = {
        "evaluate": lambda rows: evaluate(fitted, rows),
        "apply_params": lambda rows: network.apply_params(params, rows),
        "from_arrays": lambda rows: data.from_arrays(rows, y).train.x,
        "standardize": lambda rows: data.standardize(data.from_arrays(rows, y)).train.x,
        "shrink": lambda rows: evaluate(shrink(fitted, rows, y), x),
    }
    return {name: (door, np.asarray(door(x), np.float64)) for name, door in doors.items()}


# Fewer rows are sound there, and results show what is not finite.
_SOUND_ELSEWHERE = ("one row less", "no rows", "one axis more")
_SHOWN = ("NaN", "infinity", "-infinity", "None among objects")


def make(rng: np.random.Generator, folder: pathlib.Path) -> Case:
    """One of the arrays of a fit, or the rows that another door takes."""
    rows = dict(zip(("x", "y", "weights"), sound_rows(), strict=True))
    name = pick(rng, ["x", "y", "weights", *_doors()])
    dressed = rng.random() < 0.35
    refused = dict(REFUSED)
    if name == "weights":
        refused |= _OF_WEIGHTS
    elif name in ("evaluate", "apply_params"):
        for what in _SOUND_ELSEWHERE + _SHOWN:
            del refused[what]
    what, change = pick(rng, list((DRESSED if dressed else refused).items()))
    given = change(rows.get(name, rows["x"]))
    if name in rows:
        use = lambda: evaluate(fit(**(rows | {name: given})), rows["x"])  # noqa: E731
        return Case(f"{name}: {what}", use, [name], alike if dressed else None)
    door, wanted = _doors()[name]

    def right(came: Any) -> bool:
        return bool(np.allclose(np.asarray(came, np.float64), wanted, rtol=1e-3, atol=1e-2))

    return Case(f"{name}: {what}", lambda: door(given), ["x"], right if dressed else None)
