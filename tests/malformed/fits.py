"""Saved splines and fits whose JSON was damaged."""

import functools
import json
import pathlib

import numpy as np

from spline_fc.cpwl import fit_mars, fit_to_dict, load_fit, load_spline
from spline_fc.cpwl.io import spline_to_dict
from tests.malformed.cases import Case, damage_bytes, damage_json, paths, pick, same


@functools.cache
def sound_fit():
    """One additive fit; of its float32 numbers none is one of float16."""
    rng = np.random.default_rng(0)
    x = rng.random((60, 3)).astype(np.float32)
    y = np.abs(x[:, 0] - 0.4) + x[:, 1] + 0.1 * rng.normal(size=60).astype(np.float32)
    return fit_mars(x, y, max_terms=5)


@functools.cache
def _record(kind: str) -> str:
    whole = fit_to_dict(sound_fit()) if kind == "fit" else spline_to_dict(sound_fit().spline)
    return json.dumps(whole)


def _tells(record: dict, path: tuple) -> bool:
    """Whether any change of the value there can be told: a list of factors may be longer."""
    return not (path[0] == "terms" and len(path) == 2)


def make(rng: np.random.Generator, folder: pathlib.Path) -> Case:
    """A file with a value of another kind, without one, or of other bytes."""
    kind = pick(rng, ["fit", "fit", "spline"])
    file, text = folder / "saved.json", _record(kind)
    if rng.random() < 0.15:
        what, data = damage_bytes(rng, text.encode())
        file.write_bytes(data)
    else:
        record = json.loads(text)
        what, text = damage_json(
            rng, record, pick(rng, [p for p in paths(record) if _tells(record, p)])
        )
        file.write_text(text)
    load, whole = (load_fit, sound_fit()) if kind == "fit" else (load_spline, sound_fit().spline)
    return Case(
        f"a {kind}, {what}", lambda: load(file), [str(file)], lambda came: same(came, whole), [file]
    )
