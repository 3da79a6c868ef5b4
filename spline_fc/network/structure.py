"""What a parameter tree is: plain dicts, one entry per layer, checked before anything reads it."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from spline_fc.checks import check, check_rank

Params = dict[str, dict[str, jax.Array]]


def layer_name(index: int) -> str:
    """The name of layer `index`, 0 being the first hidden one and the last the output layer."""
    return f"Dense_{index}"


def layers(params: Mapping[str, Mapping[str, Any]]) -> list[tuple[Any, Any]]:
    """Lists the layers of a fully connected network in order.

    Args:
      params: {"Dense_0": {"kernel": (d, h0), "bias": (h0,)}, ..., "Dense_L": {...}}.

    Returns:
      [(kernel, bias), ...], the arrays as they stand in the tree.

    Raises:
      ValueError: the names are not Dense_0 to Dense_L, an entry is not one kernel and one bias, or
        neighbouring shapes do not fit.
    """
    check(isinstance(params, Mapping), f"params must be a dict of layers; got {type(params)}.")
    names = [layer_name(i) for i in range(len(params))]
    check(
        bool(names) and set(params) == set(names),
        f"params must have the layers Dense_0, Dense_1, ... without a gap; got {sorted(params)}.",
    )
    stack, rows = [], None
    for name in names:
        entry = params[name]
        check(
            isinstance(entry, Mapping) and set(entry) == {"kernel", "bias"},
            f"params/{name} must hold a kernel and a bias; "
            f"got {sorted(entry) if isinstance(entry, Mapping) else type(entry).__name__}.",
        )
        kernel, bias = entry["kernel"], entry["bias"]
        check_rank(f"params/{name}/kernel", kernel, 2, "(inputs, units)")
        wanted = (np.shape(kernel)[1],)
        check(
            np.shape(bias) == wanted,
            f"params/{name}/bias must have shape {wanted}; got {np.shape(bias)}.",
        )
        check(
            rows in (None, np.shape(kernel)[0]),
            f"params/{name}/kernel must have {rows} rows, one per unit before it; "
            f"got {np.shape(kernel)[0]}.",
        )
        rows = np.shape(kernel)[1]
        stack.append((kernel, bias))
    return stack


def from_layers(stack: Any, dtype: Any = None) -> Params:
    """Builds the parameter tree from [(kernel, bias), ...], optionally cast to one dtype."""
    return {
        layer_name(i): {
            "kernel": jax.numpy.asarray(kernel, dtype),
            "bias": jax.numpy.asarray(bias, dtype),
        }
        for i, (kernel, bias) in enumerate(stack)
    }


def layer_sizes(params: Mapping[str, Mapping[str, Any]]) -> tuple[int, ...]:
    """Inputs, units of every layer, outputs: (d, h_0, ..., k); ValueError as for `layers`."""
    stack = layers(params)
    return (np.shape(stack[0][0])[0], *(np.shape(kernel)[1] for kernel, _ in stack))


def flatten(tree: Any, separator: str = "/") -> dict[str, Any]:
    """Lists the leaves of nested mappings by path, {"Dense_0/kernel": array, ...}."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            inner = flatten(value, separator)
            flat.update({f"{key}{separator}{path}": leaf for path, leaf in inner.items()})
        else:
            flat[str(key)] = value
    return flat


def unflatten(flat: Mapping[str, Any], separator: str = "/") -> dict[str, Any]:
    """The inverse of `flatten`, for keys that are strings."""
    tree: dict[str, Any] = {}
    for path, leaf in flat.items():
        *parents, last = path.split(separator)
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = leaf
    return tree


def check_same_structure(tree: Any, wanted: Any, name: str = "params") -> None:
    """Checks that two parameter trees agree in paths, shapes and dtypes.

    Args:
      tree: nested dicts of arrays.
      wanted: nested dicts of arrays or ShapeDtypeStructs, e.g. from `jax.eval_shape(module.init)`.
      name: what the message calls `tree`.

    Raises:
      ValueError: naming every differing path with both shapes.
    """
    came, expected = flatten(tree), flatten(wanted)
    differing = [
        f"{path} (wanted {_describe(expected, path)}, got {_describe(came, path)})"
        for path in sorted(came.keys() | expected.keys())
        if _describe(expected, path) != _describe(came, path)
    ]
    check(not differing, f"{name} must have the wanted structure; {'; '.join(differing)}.")


def _describe(flat: Mapping[str, Any], path: str) -> str:
    if path not in flat:
        return "nothing"
    leaf = flat[path]
    return f"{tuple(np.shape(leaf))} {getattr(leaf, 'dtype', type(leaf).__name__)}"
