"""Workdirs in which one file was damaged: it is named, and what else is there is read as it was."""

import functools
import json
import pathlib
import shutil
import tempfile
from typing import Any

import numpy as np

from spline_fc import data, files, workdir
from spline_fc.analysis import KnotTrack
from spline_fc.cpwl import save_fit
from tests.malformed.cases import Case, damage_bytes, damage_json, paths, pick, same
from tests.malformed.fits import sound_fit
from tests.report.conftest import make_workdir

_TABLES = ("runs.json", "fits.json", "baselines.json")
_ARRAYS = ("data/seed0.npz", "params/spline-seed0-best.npz", "knots/spline-seed0.npz")
_METRICS, _ENCODING = "metrics/spline-seed0-lr0.01.jsonl", "data/encoding-seed0.json"
_FILES = (*_TABLES, *_ARRAYS, _METRICS, _ENCODING, "fits/spline-seed0.json")
_BYTES = (*_FILES, "workdir.json", "config.json", "environment.json")


@functools.cache
def _sound() -> tuple[tempfile.TemporaryDirectory, pathlib.Path]:
    """A workdir that is kept as long as the process, with everything that a run may leave."""
    owner = tempfile.TemporaryDirectory()
    path = make_workdir(pathlib.Path(owner.name) / "run")
    _write_encoding(path)
    save_fit(path / "fits" / "spline-seed0.json", sound_fit())
    records, units = 3, 6
    table = np.zeros((records, units))
    track = KnotTrack(*(table,) * len(KnotTrack._fields))._replace(
        step=np.arange(records), unit=np.arange(units), feature=np.zeros(units, int)
    )
    workdir.write_knots(path, "spline-seed0", track._replace(spread=np.ones(units)), {})
    return owner, path


def _write_encoding(path: pathlib.Path) -> None:
    """A table of numbers, a category with a gap, dates and a target, as its encoding has it."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "table.csv"
        rows = [f"{i},{'ab'[i % 2]},{2000 + i}-01-01,{i % 5}.5" for i in range(30)]
        file.write_text("\n".join(["size,kind,day,price", *rows]))
        workdir.write_data(path, 1, data.load(file))
    (path / "data" / "encoding-seed1.json").rename(path / _ENCODING)


def make(rng: np.random.Generator, folder: pathlib.Path) -> Case:
    """One file of the folder is gone, is not as it was written, or tells something else."""
    path = folder / "run"
    shutil.copytree(_sound()[1], path)
    kind = pick(
        rng, ["bytes", "table", "table", "arrays", "arrays", "metrics", "encoding", "folder"]
    )
    if kind == "folder":
        return _no_workdir(rng, path)
    name = {
        "bytes": pick(rng, _BYTES),
        "table": pick(rng, _TABLES),
        "arrays": pick(rng, _ARRAYS),
        "metrics": _METRICS,
        "encoding": _ENCODING,
    }[kind]
    file = path / name
    if kind == "bytes":
        flips = file.stat().st_size if file.suffix == ".npz" else None
        what, data = damage_bytes(rng, file.read_bytes(), flips)
        file.write_bytes(data)
    elif kind == "table":
        rows = json.loads(file.read_text())
        what, text = damage_json(
            rng, rows, pick(rng, list(filter(_tells, paths(rows)))), bounded=False
        )
        file.write_text(text)
    elif kind == "encoding":
        record = json.loads(file.read_text())
        # A list of columns or levels may be of any length.
        fields = [p for p in paths(record) if isinstance(p[-1], str)]
        scalars = [p for p in fields if not isinstance(_at(record, p), list)]
        what, text = damage_json(rng, record, pick(rng, scalars), bounded=False)
        file.write_text(text)
    elif kind == "metrics":
        what = _damage_metrics(rng, file)
    else:
        what = _damage_arrays(rng, file)

    def use() -> Any:
        work = workdir.read_workdir(path)
        return work.damage, _content(work)

    return Case(f"{name}: {what}", use, [name], lambda came: _is_told(came, name), [path])


def _tells(path: tuple) -> bool:
    """Scores may be missing from a row, and null."""
    return len(path) > 1 and not (
        path[-1].startswith(("test_r", "test_m")) or "seconds" in path[-1]
    )


def _at(record: Any, path: tuple) -> Any:
    for key in path:
        record = record[key]
    return record


def _content(work: workdir.Workdir) -> Any:
    """All that a report reads."""
    found = [
        workdir.read_data(work, 0),
        workdir.read_encoding(work, 0),
        workdir.read_fit(work, "spline", 0),
        workdir.read_knots(work, "spline", 0),
        workdir.read_params(work.path, "spline-seed0-best"),
    ]
    return [
        work.runs,
        work.fits,
        work.baselines,
        work.histories,
        work.config,
        work.environment,
        *found,
    ]


@functools.cache
def _sound_content() -> Any:
    return _content(workdir.read_workdir(_sound()[1]))


def _is_told(came: Any, name: str) -> bool:
    """Whether one sentence names the file, or all is as it was."""
    damage, content = came
    told = [sentence for sentence in damage if name in sentence]
    if any("\n" in sentence for sentence in damage):
        return False
    return bool(told) or (not damage and same(content, _sound_content()))


def _damage_metrics(rng: np.random.Generator, file: pathlib.Path) -> str:
    lines = file.read_text().splitlines(keepends=True)
    line = int(rng.integers(len(lines)))
    record = json.loads(lines[line])
    what = pick(rng, ["half a last line", "text", "a key", "twice", "no step", "nothing"])
    if what == "half a last line":
        lines[-1] = lines[-1][: int(rng.integers(1, len(lines[-1]) - 2))]
    elif what == "twice":
        lines.insert(line, lines[line])
    elif what == "nothing":
        lines = []
    elif what == "no step":
        lines[line] = json.dumps({k: v for k, v in record.items() if k != "step"}) + "\n"
    elif what == "text":
        lines[line] = "epoch 3\n"
    else:
        key = pick(rng, list(record))
        value = pick(rng, ["0.5", True, [1.0], {}, -0.5 if key in ("epoch", "step") else "x"])
        lines[line] = json.dumps({**record, key: value}) + "\n"
        what = f"{key} is {value!r}"
    file.write_text("".join(lines))
    return f"line {line}: {what}"


def _damage_arrays(rng: np.random.Generator, file: pathlib.Path) -> str:
    arrays = files.read_npz(file)
    name = pick(rng, list(arrays))
    array = arrays[name]
    numbers = array.dtype.kind != "U"
    others = {
        "gone": None,
        "complex": array + 1j if numbers else None,
        "dates": np.full(array.shape, "2020-01-01", "datetime64[s]"),
        "objects": array.astype(object),
        "text" if numbers else "numbers": array.astype(str) if numbers else np.zeros(array.shape),
        "one axis more": array[None],
        "one unit more": np.concatenate([array, array[:1]]) if array.ndim else array[None],
    }
    if array.dtype.kind == "f" and not file.parent.name == "knots":
        others["NaN"] = array * np.nan
    if name.endswith("scale"):
        others |= {"0": array * 0, "-1": -array}
    if name == "Dense_0/kernel":
        del others["one unit more"]  # a network of another input
    what, other = pick(rng, list(others.items()))
    if other is None:
        del arrays[name]
    else:
        arrays[name] = other
    np.savez(file, allow_pickle=True, **arrays)
    return f"{name}: {what}"


def _no_workdir(rng: np.random.Generator, path: pathlib.Path) -> Case:
    """A place that is none, or of another version."""
    places: dict[str, Any] = {
        "no folder": path / "missing",
        "a file": path / "runs.json",
        "an empty folder": path / "params" / "empty",
        "None": None,
        "a number": 3,
        "no name": "",
        "of another version": path,
    }
    (path / "params" / "empty").mkdir()
    what = pick(rng, list(places))
    if what == "of another version":
        (path / "workdir.json").write_text('{"format": "spline_fc.workdir/1"}')
    return Case(what, lambda: workdir.read_workdir(places[what]), ["workdir", "path"], None, [path])
