"""Model files that were damaged, and models that are asked of rows that are not like theirs."""

import functools
import json
import pathlib
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

import spline_fc as sfc
from spline_fc import files
from tests.malformed.cases import Case, damage_bytes, damage_json, paths, pick, same
from tests.model.houses import fitted, table

TASKS = ("regression", "binary", "multiclass")


@functools.cache
def sound_file(task: str) -> bytes:
    """The file of a model of houses."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "sound.npz"
        fitted(task)[0].save(path)
        return path.read_bytes()


def _content(model: sfc.Model) -> list[Any]:
    """What a user gets of a model; the words must come, whatever stands in them."""
    frame, _ = table(5, seed=3)
    assert model.summary() and str(model)
    return [model.outputs(frame), model.predict(frame), model.explain(frame).contribution]


@functools.cache
def _sound_content(task: str) -> list[Any]:
    return _content(fitted(task)[0])


def make(rng: np.random.Generator, folder: pathlib.Path) -> Case:
    """A file with other bytes, other arrays or another JSON text."""
    file, task = folder / "model.npz", pick(rng, TASKS)
    file.write_bytes(sound_file(task))
    kind = pick(rng, ["bytes", "arrays", "arrays", "arrays", "about", "about", "place"])
    if kind == "place":
        return _no_model(rng, folder)
    if kind == "bytes":
        what, data = damage_bytes(rng, file.read_bytes(), file.stat().st_size)
        file.write_bytes(data)
    else:
        what = (damage_arrays if kind == "arrays" else damage_about)(rng, file)
    return Case(
        f"{task}, {what}",
        lambda: _content(sfc.load_model(file)),
        [str(file)],
        lambda came: same(came, _sound_content(task)),
        [file],
    )


def _no_model(rng: np.random.Generator, folder: pathlib.Path) -> Case:
    """A place where there is none."""
    places: dict[str, Any] = {
        "a folder": folder,
        "no file": folder / "none.npz",
        "None": None,
        "a number": 3,
        "no name": "",
        "a null character": "model\0",
    }
    what = pick(rng, list(places))
    return Case(what, lambda: sfc.load_model(places[what]), ["path", str(folder)])


def damage_about(rng: np.random.Generator, file: pathlib.Path) -> str:
    """Another JSON text: another format, or a value of another kind."""
    arrays = files.read_npz(file)
    about = json.loads(arrays["about"].tobytes())
    if rng.random() < 0.15:
        what = pick(rng, ["spline_fc.model/3", "spline_fc.model/", "spline_fc.workdir/1", "x"])
        text = json.dumps({**about, "format": what})
    else:
        told = [path for path in paths(about) if path[-1] not in ("missing", "num_rows", "note")]
        what, text = damage_json(rng, about, pick(rng, told), bounded=False)
    files.write_npz(file, {**arrays, "about": np.frombuffer(text.encode(), np.uint8)})
    return what


def damage_arrays(rng: np.random.Generator, file: pathlib.Path) -> str:
    """One array is not there, or is another."""
    arrays = files.read_npz(file)
    name = pick(rng, [name for name in arrays if name != "about"])
    array = arrays.pop(name)
    others: dict[str, Any] = {
        "complex": array + 1j,
        "dates": np.full(array.shape, "2020-01-01", "datetime64[s]"),
        "objects": array.astype(object),
        "text": array.astype(str),
        "booleans": array.astype(bool),
        "half precision": array.astype(np.float16),
        "one axis more": array[None],
        "one row more": np.concatenate([array, array[:1]]),
        "no axes": np.float64(1),
        "records": np.zeros(array.shape, [("a", float)]),
    }
    if name != "importance":  # which may be of no columns
        others["no rows"] = array[:0]
    if array.size:
        others |= {"NaN": array.astype(float) * np.nan, "-inf": array.astype(float) - np.inf}
    if name.endswith("_scale"):
        others |= {"0": array * 0, "-1": -array}
    if name == "spline/feature":
        others |= {"negative": array - 3, "far": array + 99, "fractions": array + 0.5}
    if name == "low":
        others["beyond high"] = array + 1e9
    what = pick(rng, ["gone", "of another name", *others])
    if what != "gone":
        arrays |= {f"{name}s": array} if what == "of another name" else {name: others[what]}
    np.savez(file, allow_pickle=True, **arrays)
    return f"{name}: {what}"


# ------------------------------------------------------------------ rows


def _with(column: str, value: Any) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """One cell is something else."""

    def change(frame: pd.DataFrame) -> pd.DataFrame:
        cells = frame[column].astype(object)
        cells.iloc[2] = value
        return frame.assign(**{column: cells})

    return change


SOUND_ROWS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "columns in another order": lambda f: f[["sold", "lit", "tree", "area"]],
    "a column too many": lambda f: f.assign(note="x"),
    "a mapping of lists": lambda f: f.to_dict("list"),
    "a mapping of arrays": lambda f: {name: f[name].to_numpy() for name in f},
    "a mapping of series": lambda f: {name: f[name] for name in f},
    "another index": lambda f: f.set_axis(list("edcba"), axis=0),
    "objects": lambda f: f.astype(object),
    "categories": lambda f: f.astype({"tree": "category", "lit": "category"}),
    "strings": lambda f: f.astype({"tree": "string", "area": "Float64"}),
    "dates as words": lambda f: f.assign(sold=f["sold"].dt.strftime("%Y-%m-%d")),
    "dates of days": lambda f: f.assign(sold=[day.date() for day in f["sold"]]),
    "numbers as words": lambda f: f.assign(area=[repr(float(v)) for v in f["area"]]),
    "levels in capitals": lambda f: f.assign(tree=f["tree"].str.upper()),
}
REFUSED_ROWS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "a column gone": lambda f: f.drop(columns="area"),
    "a column renamed": lambda f: f.rename(columns={"area": "size"}),
    "columns by number": lambda f: f.set_axis([0, 1, 2, 3], axis=1),
    "a name twice": lambda f: f.set_axis(["area", "tree", "lit", "tree"], axis=1),
    "a gap": _with("area", None),
    "NaN": _with("area", float("nan")),
    "pd.NA": _with("area", pd.NA),
    "a gap in a category": _with("tree", None),
    "a date that is none": _with("sold", pd.NaT),
    "infinity": _with("area", float("inf")),
    "a word among numbers": _with("area", "big"),
    "a complex number": _with("area", 1 + 2j),
    "a list in a cell": _with("area", [1.0]),
    "10**400": _with("area", 10**400),
    "a word among dates": _with("sold", "seven"),
    "words for numbers": lambda f: f.assign(area="big"),
    "numbers for dates": lambda f: f.assign(sold=1.5),
    "dates for numbers": lambda f: f.assign(area=f["sold"]),
    "no rows": lambda f: f.iloc[:0],
    "no columns": lambda f: f[[]],
    "nothing": lambda f: None,
    "a number": lambda f: 5.0,
    "an empty mapping": lambda f: {},
    "an empty list": lambda f: [],
    "lists of unlike length": lambda f: {**f.to_dict("list"), "area": [1.0]},
    "a matrix": lambda f: f.to_numpy(),
    "lists": lambda f: f.to_numpy().tolist(),
    "a set": lambda f: {"area", "tree"},
    "a file that is not there": lambda f: "rows-of-nobody.csv",
    "a list of words": list,
}
NAMED = ["source", "rows", "row", "area", "tree", "lit", "sold", "rows-of-nobody.csv"]


def make_rows(rng: np.random.Generator, folder: pathlib.Path) -> Case:
    """Rows for a model, at one of its doors."""
    task = pick(rng, TASKS)
    model, frame = fitted(task)[0], table(5, seed=3)[0]
    doors: dict[str, Callable[[Any], Any]] = {
        "outputs": model.outputs,
        "predict": model.predict,
        "explain": lambda rows: model.explain(rows, row=2).contribution,
    }
    if task != "regression":
        doors["predict_proba"] = model.predict_proba
    door, ask = pick(rng, list(doors.items()))
    is_sound = rng.random() < 0.35
    what, change = pick(rng, list((SOUND_ROWS if is_sound else REFUSED_ROWS).items()))
    given, wanted = change(frame), ask(frame)
    right = (lambda came: same(came, wanted)) if is_sound else None
    return Case(f"{door} of {task}: {what}", lambda: ask(given), NAMED, right)
