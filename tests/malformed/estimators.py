"""Rows, targets and options that no estimator can fit, and rows for one that was fitted."""

import functools
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

import spline_fc as sfc
from tests.estimators.rows import houses
from tests.malformed.arrays import DRESSED, REFUSED, sound_rows
from tests.malformed.cases import Case, pick

_SMALL = {"hidden_sizes": (4,), "max_terms": 5, "directions": (), "epochs": 1}
ESTIMATORS: dict[str, Callable[..., Any]] = {
    "MARSRegressor": lambda **options: sfc.MARSRegressor(**{"max_terms": 5, **options}),
    "MARSTransformer": lambda **options: sfc.MARSTransformer(**{"max_terms": 5, **options}),
    "SplineFCRegressor": lambda **options: sfc.SplineFCRegressor(**{**_SMALL, **options}),
    "SplineFCClassifier": lambda **options: sfc.SplineFCClassifier(**{**_SMALL, **options}),
}
OPTIONS: dict[str, list[Any]] = {
    "max_terms": [0, -3, 2.5, None, "many", True, [5]],
    "max_degree": [0, 1.5, None, "two"],
    "penalty": [-2, "high", float("nan"), [3]],
    "directions": ["best", 5, np.ones((7, 2)), [["ols"]]],
    "candidate_knots": ["some", 0, 2.5, None, [[0.5]]],
    "threshold": [-1, 1.0, "low", None, float("nan")],
    "extrapolate": ["flat", None, 1, ["clip"]],
    "random_state": ["seed", -1, 1.5, [0], np.ones((2, 2))],
}
OPTIONS_OF_MARS: dict[str, list[Any]] = {
    "min_span": [0, 1.5, "short"],
    "end_span": [-1, 1000, "short"],
    "allowed": [3, [0, 1], [["x9"]], [[0, 99]]],
    "linear": [5, ["x9"], [True], [99]],
    "prune": ["bic", None, 1],
}
OPTIONS_OF_NETWORKS: dict[str, list[Any]] = {
    "hidden_sizes": [(), (0,), (4, -1), 2.5, "wide", None, [[4]]],
    "share": [-0.5, 1.5, "half", None, float("nan")],
    "epochs": [-1, 2.5, None, "long"],
    "learning_rate": [0, -1, "fast", float("inf"), [0.1]],
    "batch_size": [0, 2.5, None, "all"],
    "early_stopping": ["yes", None, 1],
    "validation_fraction": [0, 1, "fifth", None, float("nan")],
    "patience": [-1, 1.5, None],
    "refit": ["yes", None, 0],
}

# Of the arrays that a fit refuses these are taken: gaps are filled, objects become numbers as
# scikit-learn has it, and one number weighs all rows.
_TAKEN: dict[str, tuple[str, ...]] = {
    "X": (
        "NaN",
        "None among objects",
        "a word among objects",
        "a date among objects",
        "words",
        "bytes",
    ),
    "y": ("words", "bytes", "a word among objects"),  # of MARSTransformer, of which they are labels
    "sample_weight": ("no axes",),
}
_WEIGHTS: dict[str, Callable[[np.ndarray], Any]] = {
    "negative": lambda w: -w,
    "all zero": lambda w: w * 0,
    "huge": lambda w: w * 1e300,
}


def _put(column: str, value: Any) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """One cell of a frame is something else."""

    def change(frame: pd.DataFrame) -> pd.DataFrame:
        cells = frame[column].astype(object)
        cells.iloc[2] = value
        return frame.assign(**{column: cells})

    return change


REFUSED_FRAMES: dict[str, Callable[[pd.DataFrame], Any]] = {
    "a name twice": lambda f: f.set_axis([*f.columns[:-1], "area"], axis=1),
    "no rows": lambda f: f.iloc[:0],
    "no columns": lambda f: f[[]],
    "infinity": _put("area", float("inf")),
    "complex numbers": lambda f: f.assign(area=f["area"] + 1j),
    "a list in a cell": _put("tree", ["oak"]),
    "a set in a cell": _put("area", {1.0}),
    "10**400": _put("area", 10**400),
    "1e300": _put("floor", 1e300),
    "periods": lambda f: f.assign(sold=f["sold"].dt.to_period("M")),
}
FITTED_REFUSE: dict[str, Callable[[pd.DataFrame], Any]] = {
    **{what: REFUSED_FRAMES[what] for what in ("a name twice", "no rows", "infinity", "10**400")},
    **{what: REFUSED_FRAMES[what] for what in ("complex numbers", "a list in a cell", "periods")},
    "a column gone": lambda f: f.drop(columns="area"),
    "a column renamed": lambda f: f.rename(columns={"area": "size"}),
    "columns in another order": lambda f: f[f.columns[::-1]],
    "a column too many": lambda f: f.assign(more=1.0),
    "words for numbers": lambda f: f.assign(area="big"),
    "a word among numbers": _put("area", "big"),
    "dates for numbers": lambda f: f.assign(area=f["sold"]),
    "numbers for dates": lambda f: f.assign(sold=1.5),
    "a word among dates": _put("sold", "seven"),
    "nothing": lambda f: None,
    "a number": lambda f: 5.0,
    "a word": lambda f: "rows.csv",
    "a mapping": lambda f: f.to_dict("list"),
}
DRESSED_FRAMES: dict[str, Callable[[pd.DataFrame], Any]] = {
    "another index": lambda f: f.set_axis(np.arange(len(f))[::-1], axis=0),
    "objects": lambda f: f.astype(object),
    "nullable numbers": lambda f: f.astype({"area": "Float64", "floor": "Int64"}),
    "categories": lambda f: f.astype({"tree": "category"}),
    "strings": lambda f: f.astype({"tree": "string"}),
    "dates of days": lambda f: f.assign(sold=[day.date() for day in f["sold"]]),
    "a fragment": lambda f: pd.concat([f, f], axis=1).iloc[:, : f.shape[1]],
}
NAMED = ["X", "y", "x", "sample_weight", "area", "floor", "tree", "sold", "source", "labels"]


def sound(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """X, y and sample_weight; of a classifier y are words."""
    x, y, weights = sound_rows()
    y = y[:, 0]
    return x, np.where(y > np.median(y), "dear", "cheap") if _is_classifier(name) else y, weights


def _is_classifier(name: str) -> bool:
    return name == "SplineFCClassifier"


def told(estimator: Any, rows: Any) -> np.ndarray:
    """What a fitted one makes of rows, as numbers."""
    if hasattr(estimator, "predict_proba"):
        return estimator.predict_proba(rows)
    if hasattr(estimator, "transform"):
        return estimator.transform(rows)
    return np.asarray(estimator.predict(rows)).reshape(len(rows), -1)


@functools.cache
def _told_of_arrays(name: str, weighted: bool) -> np.ndarray:
    x, y, weights = sound(name)
    return told(ESTIMATORS[name]().fit(x, y, weights if weighted else None), x)


@functools.cache
def _fitted_to_a_frame(name: str) -> tuple[Any, pd.DataFrame, np.ndarray]:
    """One that was fitted, the frame and what it makes of that."""
    frame, price = houses(60)
    y = np.where(price > price.median(), "dear", "cheap") if _is_classifier(name) else price
    fitted = ESTIMATORS[name]().fit(frame, y)
    return fitted, frame, told(fitted, frame)


def make(rng: np.random.Generator, folder: pathlib.Path) -> Case:
    """An array or a frame of a fit, an option, or the rows of one that was fitted."""
    name = pick(rng, list(ESTIMATORS))
    kinds = [_arrays, _arrays, _frames, _rows, _rows, _options]
    return pick(rng, kinds)(rng, name)


def _arrays(rng: np.random.Generator, name: str) -> Case:
    given = dict(zip(("X", "y", "sample_weight"), sound(name), strict=True))
    argument = pick(rng, list(given))
    labels = argument == "y" and _is_classifier(name)
    taken = () if argument == "y" and name != "MARSTransformer" else _TAKEN[argument]
    refused = {what: change for what, change in REFUSED.items() if what not in taken}
    refused |= _WEIGHTS if argument == "sample_weight" else {}
    dressed = dict(DRESSED)
    if labels:
        refused = {what: refused[what] for what in ("one row less", "no rows", "no axes", "a set")}
        dressed = {"lists": list, "objects": lambda y: y.astype(object)}
        refused |= {"one class": lambda y: np.full(len(y), "dear")}
    is_dressed = rng.random() < 0.35
    what, change = pick(rng, list((dressed if is_dressed else refused).items()))
    sound_x = given["X"]
    given[argument] = change(given[argument])

    def use() -> np.ndarray:
        return told(ESTIMATORS[name]().fit(**given), sound_x)

    right = (lambda came: alike(came, _told_of_arrays(name, True))) if is_dressed else None
    return Case(f"{name}, {argument}: {what}", use, NAMED, right)


def alike(came: np.ndarray, wanted: np.ndarray) -> bool:
    """Whether these are the same values, to the rounding of half precision."""
    return came.shape == wanted.shape and bool(np.allclose(came, wanted, rtol=1e-3, atol=1e-2))


def _frames(rng: np.random.Generator, name: str) -> Case:
    fitted, frame, wanted = _fitted_to_a_frame(name)
    price = houses(60)[1]
    y = np.where(price > price.median(), "dear", "cheap") if _is_classifier(name) else price
    is_dressed = rng.random() < 0.35
    what, change = pick(rng, list((DRESSED_FRAMES if is_dressed else REFUSED_FRAMES).items()))
    given = change(frame)

    def use() -> np.ndarray:
        return told(ESTIMATORS[name]().fit(given, y), given)

    right = (lambda came: alike(came, wanted)) if is_dressed else None
    return Case(f"{name}, a frame: {what}", use, NAMED, right)


def _rows(rng: np.random.Generator, name: str) -> Case:
    fitted, frame, wanted = _fitted_to_a_frame(name)
    is_dressed = rng.random() < 0.35
    what, change = pick(rng, list((DRESSED_FRAMES if is_dressed else FITTED_REFUSE).items()))
    given = change(frame)

    def use() -> np.ndarray:
        try:
            return told(fitted, given)
        except ValueError as error:
            if not str(error).startswith("The feature names should match"):
                raise
            # scikit-learn wants its own words to the letter, on several lines.
            raise ValueError(f"X must have the columns of the fit, {list(given)}.") from error

    right = (lambda came: alike(came, wanted)) if is_dressed else None
    return Case(f"{name}, new rows: {what}", use, NAMED, right)


def _options(rng: np.random.Generator, name: str) -> Case:
    own = OPTIONS_OF_MARS if name.startswith("MARS") else OPTIONS_OF_NETWORKS
    option, values = pick(rng, list((OPTIONS | own).items()))
    value = pick(rng, values)
    x, y, _ = sound(name)

    def use() -> Any:
        return ESTIMATORS[name](**{option: value}).fit(x, y)

    return Case(f"{name}, {option}={value!r:.40}", use, [option, f"{option}s", "knots"])
