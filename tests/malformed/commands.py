"""The program `spline_fc` with damaged files, impossible places and senseless options."""

import contextlib
import functools
import io
import os
import pathlib
import tempfile
from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd

import spline_fc as sfc
from spline_fc.command import main
from tests.malformed import models, tables
from tests.malformed.cases import Case, damage_bytes, pick
from tests.model.houses import table

FORMATS = ("onnx", "json", "safetensors", "python")
# What is typed after the files; {folder} is one, {model} and {rows} are what the program reads.
OPTIONS: dict[str, list[str]] = {
    "predict": ["-o {folder}", "-o nowhere/f", "-o {model}", "-o {rows}", "--row 1", "--proba=no"],
    "explain": ["--row 5", "--row -1", "--row x", f"--row {10**30}", "--rows 1"],
    "show": ["--al1", "extra"],
    "export": [
        *("--format csv", "--format", "", "--format json -o {folder}", "--format json -o {model}"),
        *(f"--format {name} -o nowhere/f" for name in FORMATS),
    ],
    "fit": [
        *("--target cost", "--target", "--ignore price", "--ignore cost", "--task binary"),
        *("--task trinary", "--missing mean", "--weights tree", "--weights price", "--kind tree"),
        *("--kind tree=word", "--kind tree=number", "--kind trees=number", "--delimiter comma"),
        *("--decimal ;", "--hidden 0", "--hidden 8,x", "--hidden=", "--epochs -1", "--epochs 1.5"),
        *("--seed -1", f"--seed {2**32}", "-o {folder}", "-o nowhere/f", "-o {rows}"),
        "--ignore area --ignore tree --ignore lit --ignore sold",
    ],
}
NAMED = [*models.NAMED, "price", "targets", "data", "y", "x", "test_fraction", "command line"]


@functools.cache
def _houses(rows: int) -> bytes:
    frame, y = table(rows, seed=3)
    return frame.assign(price=y).to_csv(index=False).encode()


def run(*words: str) -> str:
    """What the program prints; an error as one, of the kind that its sentence wants to be."""
    out, err = io.StringIO(), io.StringIO()
    off = mock.patch.dict(os.environ, JAX_COMPILATION_CACHE_DIR="off")
    with off, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main(words)
        except SystemExit as ended:
            status = ended.code
    if status == 0:
        return out.getvalue()
    last = err.getvalue().splitlines()[-1]
    if status == 2:
        raise ValueError(f"the command line must make sense; {last}")
    said = [line for line in err.getvalue().splitlines() if line.startswith("error: ")]
    if status != 1 or said != [last] or out.getvalue():
        raise RuntimeError(f"status {status}: {err.getvalue()} {out.getvalue()}")
    of_files = ("does not exist.", "No such file or directory.", "Is a directory.")
    raise (OSError if last.endswith(of_files) else ValueError)(last.removeprefix("error: "))


def make(rng: np.random.Generator, folder: pathlib.Path) -> Case:
    """A command with one thing that is not as it should be."""
    return pick(rng, [_use, _use, _fit])(rng, folder)


def _use(rng: np.random.Generator, folder: pathlib.Path) -> Case:
    """One of the commands that take a model."""
    task = pick(rng, models.TASKS)
    name, *flags = pick(rng, ["predict", "predict --proba", "explain --row 2", "show"]).split()
    if rng.random() < 0.25:
        name, flags = "export", ["--format", pick(rng, FORMATS)]
    if flags == ["--proba"] and task == "regression":
        task = "binary"
    model, rows = _files(folder, task)
    files = [model] if name in ("show", "export") else [model, rows]
    # What a file may lack, such as counts of rows, `show` tells no more.
    untold = name in ("export", "show")
    wanted = None if untold else _printed(name, len(files), tuple(flags), task)
    kind = pick(rng, ["options", "model", *["rows", "rows"] * (len(files) - 1)])
    right: Callable[[str], bool] | None = lambda came: wanted in (None, came)  # noqa: E731
    if kind == "options":
        what = pick(rng, OPTIONS[name])
        flags = what.format(folder=folder, model=model, rows=rows).split()
        right = None
    elif kind == "model":
        what = _damage_model(rng, model)
    else:
        is_sound = rng.random() < 0.35
        what, frame = _other_rows(rng, models.SOUND_ROWS if is_sound else models.REFUSED_ROWS)
        rows.write_text(frame.to_csv(index=False))
        right = right if is_sound else None
    return _case(f"{name} of {task}: {what}", [name, *map(str, files), *flags], right, files)


def _fit(rng: np.random.Generator, folder: pathlib.Path) -> Case:
    """`fit`, on a table of another dress, a broken one, or with an option that does not fit."""
    rows, new = folder / "rows.csv", folder / "new.npz"
    kind = pick(rng, ["options", "options", "broken", "dressed"])
    words = ["fit", str(rows), *"--hidden 4 --epochs 1 -o".split(), str(new)]
    if kind == "options":
        what = pick(rng, OPTIONS["fit"])
        rows.write_bytes(_houses(60))
        words += what.format(folder=folder, rows=rows).split()
    else:
        what, text = pick(
            rng, list((tables.BROKEN if kind == "broken" else tables.DRESSED).items())
        )
        rows.write_bytes(text())

    def predicts(came: str) -> bool:
        return bool(np.isfinite(sfc.load_model(new).predict(rows)).all()) and str(new) in came

    return _case(f"fit: {what}", words, predicts if kind == "dressed" else None, [rows])


def _case(
    what: str, words: list[str], right: Callable[[str], bool] | None, files: list[pathlib.Path]
) -> Case:
    options = [word for word in words if word.startswith("-")]
    named = [*NAMED, *options, *(word.lstrip("-") for word in options), *map(str, files)]
    named += ["nowhere/f", "kinds", str(files[0].parent)]
    return Case(what, lambda: run(*words), named, right, files)


def _files(folder: pathlib.Path, task: str) -> tuple[pathlib.Path, pathlib.Path]:
    """A sound model and five rows for it."""
    model, rows = folder / "model.npz", folder / "rows.csv"
    model.write_bytes(models.sound_file(task))
    rows.write_bytes(_houses(5))
    return model, rows


@functools.cache
def _printed(name: str, files: int, flags: tuple[str, ...], task: str) -> str:
    """What a command prints where nothing is damaged."""
    with tempfile.TemporaryDirectory() as folder:
        return run(name, *map(str, _files(pathlib.Path(folder), task)[:files]), *flags)


def _damage_model(rng: np.random.Generator, model: pathlib.Path) -> str:
    if rng.random() < 0.3:
        what, data = damage_bytes(rng, model.read_bytes(), model.stat().st_size)
        model.write_bytes(data)
        return what
    return pick(rng, [models.damage_arrays, models.damage_about])(rng, model)


def _other_rows(rng: np.random.Generator, catalogue: dict[str, Any]) -> tuple[str, pd.DataFrame]:
    """Rows that a file can hold: of the changes, those that leave a frame."""
    frames = {what: change(table(5, seed=3)[0]) for what, change in catalogue.items()}
    return pick(rng, [(what, f) for what, f in frames.items() if isinstance(f, pd.DataFrame)])
