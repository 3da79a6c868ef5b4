"""Parameter trees that are no network, at every door that takes one."""

import functools
import pathlib
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from spline_fc import data, network, training
from tests.malformed.cases import Case, pick


@functools.cache
def _rows() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(24, 3)).astype(np.float32)
    return x, np.abs(x[:, :1])


def sound_params() -> dict[str, dict[str, Any]]:
    """A network of 3 inputs, hidden layers of 4 and 3 units, and 1 output, of NumPy arrays."""
    rng, sizes = np.random.default_rng(2), (3, 4, 3, 1)
    return {
        f"Dense_{i}": {
            "kernel": rng.normal(size=shape).astype(np.float32),
            "bias": rng.normal(size=shape[1:]).astype(np.float32),
        }
        for i, shape in enumerate(zip(sizes, sizes[1:], strict=False))
    }


@functools.cache
def small_dataset() -> data.Dataset:
    """Two dozen rows, all of them in every part."""
    part, names = data.Part(*_rows()), (("a", "b", "c"), ("y",))
    scaler = data.identity_scaler(3, 1)
    return data.Dataset("rows", "regression", *names, part, part, part, scaler)


def _train(params: Any) -> Any:
    config = {"epochs": 1, "warmup_epochs": 0, "batch_size": 8}
    return training.train(params, small_dataset(), config).params


DOORS: dict[str, Callable[[Any], Any]] = {
    "apply_params": lambda params: network.apply_params(params, _rows()[0]),
    "train": _train,
    "spline_from_params": lambda params: network.spline_from_params(_shallow(params)),
    "reshape": lambda params: network.reshape(params, (8, 4), jax.random.key(0)),
    "layer_sizes": network.layer_sizes,
    "MLP.from_params": network.MLP.from_params,
    "to_onnx": network.to_onnx,
}


def _shallow(params: Any) -> Any:
    """The first layer alone with an output layer, as far as there are layers."""
    if not isinstance(params, dict) or "Dense_2" not in params:
        return params
    one = sound_params()["Dense_2"]
    kernel = np.concatenate([one["kernel"], one["kernel"][:1]])
    return {"Dense_0": params.get("Dense_0"), "Dense_1": {"kernel": kernel, "bias": one["bias"]}}


def make(rng: np.random.Generator, folder: pathlib.Path) -> Case:
    """One entry of a tree is missing, or is something else."""
    door = pick(rng, list(DOORS))
    params: Any = sound_params()
    layer = "Dense_0" if door == "spline_from_params" else pick(rng, list(params))
    leaf = pick(rng, ["kernel", "bias"])
    if rng.random() < 0.25:
        what = pick(
            rng, ["no layers", "a layer gone", "a list", "a layer of None", "renamed", "text"]
        )
        params = {
            "no layers": {},
            "a layer gone": {k: v for k, v in params.items() if k != "Dense_0"},
            "a list": list(params.values()),
            "a layer of None": params | {"Dense_0": None},
            "renamed": {k.replace("Dense_0", "dense_0"): v for k, v in params.items()},
            "text": "params",
        }[what]
        return Case(f"{door}: {what}", lambda: DOORS[door](params), ["params"])
    leaves = dict(_LEAVES)
    if (layer, leaf) == ("Dense_0", "kernel") and door not in ("apply_params", "train"):
        del leaves["one entry more"], leaves["one entry less"]  # a network of other inputs
    what, other = pick(rng, list(leaves.items()))
    entry = params[layer]
    new = other(entry[leaf])
    if new is None:
        del entry[leaf]
    else:
        entry[leaf] = new
    if what == "a leaf too many":
        entry["scale"] = np.ones(1, np.float32)
    # Shapes, modules and files take weights as they are, and results show what is not finite.
    seen = door in ("apply_params", "layer_sizes", "MLP.from_params", "to_onnx")
    right = None
    if what in ("NaN", "infinity") and seen:
        right = lambda came: door != "apply_params" or _is_network(params, came)  # noqa: E731
    return Case(
        f"{door}: {layer}/{leaf}: {what}", lambda: DOORS[door](params), ["params", "x"], right
    )


def _first(array: np.ndarray, value: float) -> np.ndarray:
    return np.where(np.arange(array.size).reshape(array.shape) == 0, value, array)


_LEAVES: dict[str, Callable[[np.ndarray], Any]] = {
    "gone": lambda a: None,
    "a leaf too many": lambda a: a,
    "NaN": lambda a: _first(a, np.nan).astype(a.dtype),
    "infinity": lambda a: _first(a, np.inf).astype(a.dtype),
    "complex": lambda a: a + 1j,
    "whole numbers": lambda a: a.astype(np.int64),
    "truths": lambda a: a > 0,
    "text": lambda a: a.astype(str),
    "objects": lambda a: a.astype(object),
    "dates": lambda a: np.full(a.shape, "2020-01-01", "datetime64[s]"),
    "a list": lambda a: a.tolist(),
    "a word": lambda a: "kernel",
    "a number": lambda a: 1.0,
    "one axis more": lambda a: a[None],
    "one entry more": lambda a: np.concatenate([a, a[:1]]),
    "one entry less": lambda a: a[:-1],
    "of another dtype": lambda a: a.astype(np.float16),
    "masked": lambda a: np.ma.masked_array(a, a > 0),
}


def _is_network(params: Any, came: Any) -> bool:
    """Whether this is what NumPy makes of the network, NaN and infinity included."""
    stack, values = list(params.values()), _rows()[0]
    with np.errstate(all="ignore"):
        for i, layer in enumerate(stack):
            inputs = np.maximum(values, 0) if i else values
            values = inputs @ layer["kernel"] + layer["bias"]
        return np.allclose(came, values, rtol=1e-4, atol=1e-4, equal_nan=True)
