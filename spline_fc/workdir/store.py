"""What a run writes and reads of its own, file by file; nothing of it is pickled."""

import datetime
import math
import pathlib
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from spline_fc import files
from spline_fc.analysis import KnotTrack
from spline_fc.checks import (
    check,
    check_boolean,
    check_finite,
    check_integer,
    check_known_keys,
    check_mapping,
    check_number,
    check_one_of,
)
from spline_fc.cpwl import FitResult, load_fit, save_fit
from spline_fc.data import Dataset, Encoding, Scaler, as_dataset, encoding_from_json
from spline_fc.data.records import PARTS, TASKS
from spline_fc.model import Model, environment, save_model
from spline_fc.network import DirectionsChoice, Params, layer_sizes
from spline_fc.network.structure import check_network, flatten, unflatten
from spline_fc.protocol import Start
from spline_fc.timing import Seconds
from spline_fc.workdir.damage import RUN_FIELDS, check_arrays, naming, read_record, sound_rows
from spline_fc.workdir.overview import FORMAT, Workdir

FOLDERS = ("data", "fits", "params", "models", "metrics", "knots")
REPORT_ROWS = 2000  # of each part that are kept for the report


class Rows(NamedTuple):
    """Rows of one seed, standardised, with what is needed to name and unscale them."""

    x: np.ndarray  # (n, d) float64, of the training part
    y: np.ndarray  # (n, k) float64
    test_x: np.ndarray  # (t, d) float64, of the test part
    test_y: np.ndarray  # (t, k) float64
    validation_x: np.ndarray  # (v, d) float64, of the validation part; none of weighted rows
    validation_y: np.ndarray  # (v, k) float64
    scaler: Scaler  # of this seed
    feature_names: tuple[str, ...]
    target_names: tuple[str, ...]
    task: str
    name: str  # of the data set
    sizes: tuple[int, ...]  # all rows of the training, validation and test part


def begin(folder: pathlib.Path, config: Mapping[str, Any], knot_every: int) -> int:
    """Makes the folders of a run and says what it is.

    Args:
      folder: exists, or will.
      config: plain, as `pipeline.run` checked it.
      knot_every: epochs from one record of the knots to the next.

    Returns:
      The spacing in force: a run that goes on keeps that with which it began.
    """
    for name in FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    about = {"format": FORMAT, "knot_every": knot_every}
    about |= read_record(folder / "workdir.json", {})
    with naming(folder / "workdir.json"):
        check_integer("knot_every", about["knot_every"], 1)
    files.write_json(folder / "workdir.json", about)
    files.write_json(folder / "config.json", config)
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    made = {"date": now, "command": _command(), **environment()}
    files.write_json(folder / "environment.json", made)
    return about["knot_every"]


def write_status(folder: pathlib.Path, status: str, sentence: str = "") -> None:
    """Writes the one word that says where a run stands, and a sentence if there is more to say."""
    files.write_text(folder / "status", f"{status}\n{sentence}".rstrip() + "\n")


def _command() -> str:
    """The command of this process, as it was typed but for where Python lies."""
    program, *others = sys.orig_argv
    return shlex.join([pathlib.PurePath(program).name, *others])


def write_data(folder: pathlib.Path, seed: int, dataset: Dataset) -> None:
    """Writes what a report needs of the data of one seed; TypeError if they are no Dataset."""
    as_dataset(dataset)
    # Bands count rows alike: of weighted ones none are kept.
    held = REPORT_ROWS if dataset.weights is None else 0
    arrays = {
        "x": np.asarray(dataset.train.x)[:REPORT_ROWS],
        "y": np.asarray(dataset.train.y)[:REPORT_ROWS],
        "test_x": np.asarray(dataset.test.x)[:REPORT_ROWS],
        "test_y": np.asarray(dataset.test.y)[:REPORT_ROWS],
        "validation_x": np.asarray(dataset.validation.x)[:held],
        "validation_y": np.asarray(dataset.validation.y)[:held],
        "sizes": np.array([len(getattr(dataset, part).x) for part in PARTS]),
        "name": np.array(dataset.name),
        "feature_names": np.array(dataset.feature_names, dtype=str),
        "target_names": np.array(dataset.target_names, dtype=str),
        "task": np.array(dataset.task),
        **{name: np.asarray(value) for name, value in dataset.scaler._asdict().items()},
    }
    files.write_npz(folder / "data" / f"seed{seed}.npz", arrays)
    if dataset.encoding is not None:
        encoding = dataset.encoding.to_json()
        files.write_json(folder / "data" / f"encoding-seed{seed}.json", encoding)


def read_data(work: Workdir, seed: int) -> Rows | None:
    """Reads the rows of one seed; None without the file.

    Raises:
      ValueError: the file is damaged; so for all readers below.
    """
    file = work.path / "data" / f"seed{seed}.npz"
    if not file.is_file():
        return None
    parts, texts = ("x", "y", "test_x", "test_y"), ("task", "name", "feature_names", "target_names")
    stored = files.read_npz(file, (*parts, *texts, "sizes", *Scaler._fields))
    with naming(file):
        for name in ("x", "y"):  # of an earlier run there are none
            stored.setdefault(f"validation_{name}", stored[name][:0])
        parts = (*parts, "validation_x", "validation_y")
        d, k = (np.shape(stored[name])[-1:] for name in ("x", "y"))
        n, t, v = (np.shape(stored[name])[:1] for name in ("x", "test_x", "validation_x"))
        shapes = {"x": (*n, *d), "y": (*n, *k), "test_x": (*t, *d), "test_y": (*t, *k)}
        shapes |= {"validation_x": (*v, *d), "validation_y": (*v, *k)}
        shapes |= {"x_shift": d, "x_scale": d, "y_shift": k, "y_scale": k, "feature_names": d}
        shapes |= {"target_names": k, "task": (), "name": (), "sizes": (len(PARTS),)}
        check_arrays(stored, shapes, texts=texts)
        check_one_of("task", str(stored["task"]), TASKS)
        for name in (*parts, *Scaler._fields):
            check_finite(name, stored[name])
        for name in ("x_scale", "y_scale"):
            low = stored[name].min(initial=1)
            check(low > 0, f"{name} must be positive; got {low:g}.")
    return Rows(
        **{name: stored[name].astype(np.float64) for name in parts},
        scaler=Scaler(*(stored[field].astype(np.float64) for field in Scaler._fields)),
        feature_names=tuple(stored["feature_names"].tolist()),
        target_names=tuple(stored["target_names"].tolist()),
        task=str(stored["task"]),
        name=str(stored["name"]),
        sizes=tuple(map(int, stored["sizes"])),
    )


def read_encoding(work: Workdir, seed: int) -> Encoding | None:
    """Reads how the table of one seed was encoded, for `data.encode`; None without the file."""
    file = work.path / "data" / f"encoding-seed{seed}.json"
    if not file.is_file():
        return None
    stored = files.read_json(file)
    with naming(file):
        return encoding_from_json(stored)


def write_start(folder: pathlib.Path, name: str, start: Start) -> None:
    """Writes what a seed of a contender sets out from.

    Args:
      folder: the workdir.
      name: "<start>-seed<s>".
      start: in standardised units; its seconds are written last and say that all of it is there.
    """
    if start.fit is not None:
        save_fit(folder / "fits" / f"{name}.json", start.fit)
    write_params(folder, f"{name}-initial", start.params)
    found, choice = read_record(folder / "starts.json", {}), start.directions
    told = {"seconds": start.seconds, "directions": choice and choice._asdict()}
    files.write_json(folder / "starts.json", {**found, name: told})


def read_start(folder: pathlib.Path, name: str, sizes: Sequence[int]) -> Start | None:
    """Reads a start, every number as it was.

    Args:
      folder: the workdir.
      name: "<start>-seed<s>".
      sizes: inputs, units of every hidden layer, outputs.

    Returns:
      Start; None where it was not written to its end.

    Raises:
      ValueError: a file is damaged, or the network has other sizes.
    """
    clock = folder / "starts.json"
    told = read_record(clock, {}).get(name)
    params = read_params(folder, f"{name}-initial")
    if told is None or params is None:
        return None
    with naming(clock):
        seconds, directions = _told(name, told)
    wanted, came = tuple(sizes), layer_sizes(params)
    weights, file = _params_file(folder, f"{name}-initial"), folder / "fits" / f"{name}.json"
    check(came == wanted, f"{weights} must hold a network of sizes {wanted}; got {came}.")
    fit = load_fit(file) if file.is_file() else None
    return Start(jax.tree.map(jax.numpy.asarray, params), fit, directions, seconds)


def _told(name: str, told: Any) -> tuple[Seconds, DirectionsChoice | None]:
    """What starts.json says of a start, checked."""
    check_mapping(name, told)
    seconds, choice = told.get("seconds"), told.get("directions")
    pair = isinstance(seconds, list) and len(seconds) == 2
    check(pair, f"{name} must have a pair of seconds; got {seconds!r}.")
    for number in seconds:
        check_number(name, number, at_least=0)
    if choice is None:
        return Seconds(*seconds), None
    where = f"directions of {name}"
    check_mapping(where, choice)
    check_known_keys(where, choice, DirectionsChoice._fields)
    taken, reason = choice.get("taken"), choice.get("reason")
    check_boolean(where, taken)
    check(isinstance(reason, str), f"{where} must have a reason; got {reason!r}.")
    errors = [choice.get(error) for error in ("error_with", "error_without")]
    for error in errors:
        check_number(where, error or 0, at_least=0)
    error_with, error_without = (math.nan if error is None else error for error in errors)
    return Seconds(*seconds), DirectionsChoice(taken, error_with, error_without, reason)


def finished_rows(folder: pathlib.Path, init: str, epochs: int) -> list[dict[str, Any]]:
    """Reads the rows of runs.json of a start that was trained for so many epochs; else none."""
    file = folder / "runs.json"
    damage: list[str] = []
    rows = sound_rows(file, read_record(file, []), RUN_FIELDS, damage)
    check(not damage, "".join(damage[:1]))
    rows = [row for row in rows if row["init"] == init]
    return rows if all(row.get("epochs") == epochs for row in rows) else []


def read_fit(work: Workdir, init: str, seed: int) -> FitResult | None:
    """Reads the whole fit of one seed, in standardised units; None without the file."""
    file = work.path / "fits" / f"{init}-seed{seed}.json"
    return load_fit(file) if file.is_file() else None


def write_params(folder: pathlib.Path, name: str, params: Params) -> None:
    """Writes one parameter tree to params/NAME.npz."""
    arrays = {path: np.asarray(leaf) for path, leaf in flatten(params).items()}
    files.write_npz(_params_file(folder, name), arrays)


def read_params(folder: pathlib.Path, name: str) -> Params | None:
    """Reads one parameter tree of NumPy arrays; None without the file."""
    file = _params_file(folder, name)
    if not file.is_file():
        return None
    stored = files.read_npz(file)
    with naming(file):
        params = unflatten(stored)
        check_network(params)
    return params


def write_chosen(folder: pathlib.Path, stem: str, model: Model) -> None:
    """Writes the run that was chosen for a seed: its network, and the model that it is part of.

    Args:
      folder: the workdir.
      stem: "<start>-seed<s>"; `load_model` reads models/STEM.npz.
      model: with a network.
    """
    if model.params is not None:
        write_params(folder, f"{stem}-best", model.params)
    save_model(model, folder / "models" / f"{stem}.npz")


def _params_file(folder: pathlib.Path, name: str) -> pathlib.Path:
    return folder / "params" / f"{name}.npz"


def write_knots(
    folder: pathlib.Path, name: str, track: KnotTrack, flips: Mapping[str, np.ndarray]
) -> None:
    """Writes the way of the knots of one run to knots/NAME.npz, small.

    Args:
      folder: the workdir.
      name: "<start>-seed<s>".
      track: in raw units.
      flips: (records, units) per hidden layer, shares of rows whose activation flipped.
    """
    arrays = {**track._asdict(), **{f"flips/{layer}": share for layer, share in flips.items()}}
    with np.errstate(over="ignore"):  # knots of a run that diverged
        small = {k: a.astype(np.float32) if a.dtype == np.float64 else a for k, a in arrays.items()}
    files.write_npz(folder / "knots" / f"{name}.npz", small, compressed=True)


def read_knots(work: Workdir, init: str, seed: int) -> tuple[KnotTrack, dict[str, Any]] | None:
    """Reads the way of the knots of one chosen run, and its activation flips.

    Returns:
      KnotTrack in raw units and {"Dense_0": (r, h0), ...} shares of rows; None without the file.
    """
    file = work.path / "knots" / f"{init}-seed{seed}.npz"
    if not file.is_file():
        return None
    stored = files.read_npz(file, KnotTrack._fields)
    with naming(file):
        r, h = np.shape(stored["step"])[:1], np.shape(stored["unit"])[:1]
        shapes = {field: (*r, *h) for field in KnotTrack._fields}
        shapes |= {"step": r, "unit": h, "feature": h, "spread": h}
        shapes |= {key: (*r, *a.shape[1:2]) for key, a in stored.items() if key not in shapes}
        check_arrays(stored, shapes)
    wide = {key: a.astype(np.float64) if a.dtype == np.float32 else a for key, a in stored.items()}
    flips = {key.removeprefix("flips/"): a for key, a in wide.items() if key.startswith("flips/")}
    return KnotTrack(*(wide[field] for field in KnotTrack._fields)), flips
