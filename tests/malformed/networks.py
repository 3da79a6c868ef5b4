"""Files of networks, written to where they cannot be and read after they were damaged."""

import functools
import io
import json
import pathlib
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

from spline_fc import network
from tests.malformed.cases import Case, damage_bytes, pick, same
from tests.malformed.trees import sound_params

_FORMATS = {
    "npz": (network.save_npz, network.load_npz),
    "safetensors": (network.save_safetensors, network.load_safetensors),
}


@functools.cache
def _flat() -> dict[str, np.ndarray]:
    params = sound_params()
    return {
        f"{a}/{b}": np.asarray(leaf) for a, entry in params.items() for b, leaf in entry.items()
    }


def make(rng: np.random.Generator, folder: pathlib.Path) -> Case:
    """A file that holds something else, or a place where no file can be."""
    return pick(rng, [_damaged, _damaged, _other_arrays, _other_arrays, _bad_place])(rng, folder)


def _damaged(rng: np.random.Generator, folder: pathlib.Path) -> Case:
    kind = pick(rng, list(_FORMATS))
    save, load = _FORMATS[kind]
    file = folder / f"network.{kind}"
    save(file, sound_params())
    data = file.read_bytes()
    # A checksum guards all of an NPZ file; of safetensors it is the header that can be told.
    header = 8 + int.from_bytes(data[:8], "little")
    what, data = damage_bytes(rng, data, len(data) if kind == "npz" else header)
    file.write_bytes(data)
    return _loading(f"{kind}, {what}", load, file)


def _other_arrays(rng: np.random.Generator, folder: pathlib.Path) -> Case:
    name = pick(rng, list(_flat()))
    array = _flat()[name]
    nan = np.where(np.arange(array.size).reshape(array.shape) == 0, np.nan, array)
    others: dict[str, Callable[[], Any]] = {
        "pickled": lambda: array.astype(object),
        "complex": lambda: array + 1j,
        "dates": lambda: np.full(array.shape, "2020-01-01", "datetime64[s]"),
        "whole numbers": lambda: array.astype(np.int32),
        "truths": lambda: array > 0,
        "text": lambda: array.astype(str),
        "records": lambda: np.zeros(array.shape, [("a", np.float32)]),
        "NaN": lambda: nan,
        "infinity": lambda: np.where(np.isnan(nan), np.inf, array),
        "float64 among float32": lambda: array.astype(np.float64),
        "one axis more": lambda: array[None],
        "one entry more": lambda: np.concatenate([array, array[:1]]),
        "no axes": lambda: array.ravel()[0],
        "no entries": lambda: array[:0],
    }
    if name == "Dense_0/kernel":
        del others["one entry more"]  # a network of another input
    what = pick(rng, ["gone", "renamed", "below", "a key too many", "huge", *others])
    arrays = dict(_flat())
    if what in others:
        arrays[name] = np.asarray(others[what]())
    elif what == "a key too many":
        arrays["Dense_7/kernel"] = array
    elif what != "huge":
        del arrays[name]
        arrays |= {"renamed": {f"{name}s": array}, "below": {f"{name}/more": array}}.get(what, {})
    file = folder / "network.npz"
    file.write_bytes(_announcing(array) if what == "huge" else _npz(arrays))
    return _loading(f"{name}: {what}", network.load_npz, file)


def _npz(arrays: dict[str, np.ndarray]) -> bytes:
    file = io.BytesIO()
    np.savez(file, allow_pickle=True, **arrays)
    return file.getvalue()


def _announcing(array: np.ndarray) -> bytes:
    """An archive of one array whose header announces far more than there is."""
    member, file = io.BytesIO(), io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": (10**9, 10**6)}
    np.lib.format.write_array_header_1_0(member, header)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("Dense_0/kernel.npy", member.getvalue() + array.tobytes())
    return file.getvalue()


def _loading(what: str, load: Callable, file: pathlib.Path) -> Case:
    whole = sound_params()
    return Case(what, lambda: load(file), [str(file)], lambda came: same(came, whole), [file])


def _bad_place(rng: np.random.Generator, folder: pathlib.Path) -> Case:
    """Nothing can be written there, or nothing sound is to be written over what is there."""
    (folder / "there").mkdir()
    file = folder / "earlier.npz"
    network.save_npz(file, sound_params())
    places: dict[str, Any] = {
        "no folder": folder / "missing" / "network.npz",
        "a folder": folder / "there",
        "below a file": file / "network.npz",
        "no name": "",
        "a number": 7,
        "nothing": None,
        "a null character": str(folder / "a\0b"),
        "too long a name": folder / ("n" * 300),
        "a network that is none": file,
        "weights that are not finite": file,
    }
    what = pick(rng, list(places))
    params: Any = json.loads("{}") if what.endswith("none") else sound_params()
    if what.endswith("finite"):
        params["Dense_0"]["kernel"] = params["Dense_0"]["kernel"] * np.inf
    write = pick(rng, [network.save_npz, network.save_safetensors, network.save_onnx])
    named = ["path", "params", str(places[what])]
    return Case(
        f"{write.__name__} to {what}", lambda: write(places[what], params), named, None, [folder]
    )
