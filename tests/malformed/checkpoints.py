"""Checkpoints that were damaged, or are of another run: refused, or gone back to a sound one."""

import functools
import json
import pathlib
import shutil
import tempfile
from typing import Any

import jax
import numpy as np

from spline_fc import training
from spline_fc.training import Checkpoints
from tests.malformed.cases import Case, damage_bytes, damage_json, paths, pick, same
from tests.malformed.trees import small_dataset, sound_params

_CONFIG = {"epochs": 4, "warmup_epochs": 0, "batch_size": 8}


class _Stop(Exception):
    """Ends a run before its time."""


def _train(folder: Any, every: Any = 1, stop: int = 99, **changed: Any) -> Any:
    def stop_at(done: int, _: Any) -> None:
        if done >= stop:
            raise _Stop

    params = jax.tree.map(jax.numpy.asarray, sound_params())
    checkpoints = Checkpoints(folder, every) if every else folder
    config = {**_CONFIG, **changed}
    return training.train(
        params, small_dataset(), config, checkpoints=checkpoints, on_epochs=stop_at
    ).params


@functools.cache
def _stopped() -> tuple[tempfile.TemporaryDirectory, pathlib.Path, Any]:
    """The checkpoints of a run that was stopped, and the parameters it would have reached."""
    owner = tempfile.TemporaryDirectory()
    whole = _train(pathlib.Path(owner.name) / "whole")
    path = pathlib.Path(owner.name) / "stopped"
    try:
        _train(path, stop=3)
    except _Stop:
        return owner, path, whole
    raise AssertionError("the run was to stop")


def make(rng: np.random.Generator, folder: pathlib.Path) -> Case:
    """One file of the folder is gone or damaged, or another run wants to go on with it."""
    _, sound, whole = _stopped()
    path = folder / "checkpoints"
    shutil.copytree(sound, path)
    kind = pick(rng, ["file", "file", "file", "run", "run", "another", "place"])
    if kind == "another":
        field, value = pick(
            rng, [("epochs", 2), ("batch_size", 12), ("optimizer", "sgd"), ("averaging", 0.5)]
        )
        return _case(
            f"{field} is {value}", path, None, lambda: _train(path, **{field: value}), [path]
        )
    if kind == "place":
        place: Any = pick(rng, [path / "run.json", None, 5, "", "text"])
        every = pick(rng, [0, -1, 1.5, True, "1"]) if place == "text" else 1
        use = lambda: _train(path if place == "text" else place, every)  # noqa: E731
        return _case(f"checkpoints in {place!r} every {every!r}", path, None, use, [path])
    if kind == "run":
        file = path / "run.json"
        record = json.loads(file.read_text())
        what, text = damage_json(rng, record, pick(rng, paths(record)))
        file.write_text(text)
        return _case(f"run.json: {what}", path, whole, lambda: _train(path))
    file = pick(rng, sorted(f for f in path.rglob("*") if f.is_file() and f.name != "run.json"))
    if rng.random() < 0.3:
        what = "gone"
        file.unlink()
    else:
        data = file.read_bytes() + b"  "
        what, data = damage_bytes(rng, data, len(data) - 2)
        file.write_bytes(data)
    return _case(f"{file.relative_to(path)}: {what}", path, whole, lambda: _train(path))


def _case(what: str, path: pathlib.Path, whole: Any, use, kept=()) -> Case:
    right = (
        None if whole is None else lambda came: same(jax.device_get(came), jax.device_get(whole))
    )
    return Case(what, use, ["checkpoints", "training.epochs", "path"], right, kept)
