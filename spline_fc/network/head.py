"""The fully connected head of a larger Flax model, replaced by a spline of its features."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.typing import ArrayLike

from spline_fc.arrays import numbers_float64
from spline_fc.checks import (
    as_key,
    as_list,
    check,
    check_finite,
    check_integer,
    check_not_empty,
    check_rank,
    check_same_length,
)
from spline_fc.cpwl import fit_mars
from spline_fc.data import Part
from spline_fc.data.scaling import fit_scaler, scale_x, scale_y
from spline_fc.network.convert import to_params
from spline_fc.network.modules import from_nnx
from spline_fc.network.reshape import max_terms_for, reshape
from spline_fc.network.structure import (
    Params,
    check_same_structure,
    dtype_of,
    from_layers,
    layer_name,
    layer_sizes,
    layers,
)


def replace_head(
    model: Any,
    path: str | Sequence[str | int],
    features: ArrayLike,
    targets: ArrayLike,
    key: jax.Array | int,
    *,
    names: Sequence[str | int] | None = None,
    max_terms: int = 41,
    max_degree: int = 1,
    incoming: str = "he_normal",
) -> Any:
    """Fits a spline to the features of a head and writes it into the head's own layers.

    The head keeps its shape, so the model's code stays as it is. It must be a chain of dense layers
    with ReLU between them and none behind the last, which is up to the caller.

    Args:
      model: a Linen parameter tree (nested dicts, with or without the "params" level) or an NNX
        module.
      path: where the head lies, e.g. "params/head" or ("params", "head"); "" is the whole tree. For
        an NNX module the names of attributes, and integers for items of a list.
      features: (n, d), what reaches the first layer of the head.
      targets: (n, k), what the head should return: targets of a regression, one-hot labels, or the
        outputs of the head that is there, to keep its function.
      key: JAX key or integer seed for the units that carry no term.
      names: the head's layers below `path`, in order; by default all entries there that hold a
        matrix "kernel" and a "bias", in natural order (Dense_2 before Dense_10).
      max_terms: no more terms than this, even where the layers would hold more.
      max_degree: highest degree of minimum terms tried; the lowest GCV decides.
      incoming: distribution of the incoming weights of units that carry no term.

    Returns:
      A new tree that shares every leaf but the head's with `model`, or a new NNX module.

    Raises:
      ValueError: nothing lies at the path, no head of two layers or more does, the features or
        targets do not fit it, or they are not finite.
    """
    is_module = isinstance(model, nnx.Module)
    tree = from_nnx(model) if is_module else model
    is_path = isinstance(path, str)
    keys = tuple(path.split("/") if is_path and path else as_list("path", path or (), "names"))
    subtree = _walk(tree, keys)
    names = _dense_names(subtree) if names is None else tuple(as_list("names", names, "layers"))
    head = _as_params(subtree, names, "/".join(map(str, keys)) or "the tree")
    check_integer("max_degree", max_degree, 1)
    check_integer("max_terms", max_terms, 1)
    rows = _checked_rows(features, targets, head)
    new = _fit_head(*rows, head, as_key(key), max_terms, max_degree, incoming)
    replaced = {name: new[layer_name(i)] for i, name in enumerate(names)}
    if not is_module:
        return _replace(tree, keys, replaced)
    module = nnx.clone(model)
    nnx.update(module, _nest(keys, replaced))
    return module


def _fit_head(
    features: np.ndarray,
    targets: np.ndarray,
    head: Params,
    key: jax.Array,
    max_terms: int,
    max_degree: int,
    incoming: str,
) -> Params:
    """A network of the head's shape that equals the spline of lowest GCV among all degrees."""
    hidden_sizes = layer_sizes(head)[1:-1]
    # On one scale all targets count alike; the network takes and returns raw ones.
    scaler = fit_scaler(Part(features, targets))
    x, y = scale_x(scaler, features), scale_y(scaler, targets)
    dtype, fits = np.dtype(jax.dtypes.canonicalize_dtype(dtype_of(head))), []
    x, y = jnp.asarray(x, dtype), jnp.asarray(y, dtype)
    for degree in range(1, max_degree + 1):
        terms = max_terms_for(hidden_sizes, max_degree=degree, num_outputs=y.shape[1])
        terms = min(terms, max_terms, len(x))
        if degree == 1 or terms > 1:
            fits.append(fit_mars(x, y, max_terms=terms, max_degree=degree))
    exact = to_params(min(fits, key=lambda fit: fit.gcv), scaler)
    new = reshape(exact, hidden_sizes, key, incoming=incoming, x=features, y=targets)
    new = from_layers(layers(new), dtype_of(head))
    check_same_structure(new, head, "the new head")
    return new


def _walk(tree: Any, keys: tuple[str | int, ...]) -> Any:
    for depth, key in enumerate(keys):
        found = isinstance(tree, Mapping) and isinstance(key, (str, int)) and key in tree
        where = "/".join(map(str, keys[:depth])) or "the tree"
        known = sorted(map(str, tree)) if isinstance(tree, Mapping) else "a leaf"
        check(found, f"path must lead through the tree; {where} has no {key!r}, only {known}.")
        tree = tree[key]
    return tree


def _is_dense(entry: Any) -> bool:
    return (
        isinstance(entry, Mapping)
        and {"kernel", "bias"} <= entry.keys()
        and np.ndim(entry["kernel"]) == 2
    )


def _dense_names(subtree: Any) -> tuple[str | int, ...]:
    """Entries that are dense layers, numbers in their names compared as numbers."""
    entries = subtree if isinstance(subtree, Mapping) else {}
    names = [name for name, entry in entries.items() if _is_dense(entry)]
    return tuple(sorted(names, key=_natural))


def _natural(name: str | int) -> list[tuple[bool, int, str]]:
    parts = re.split(r"(\d+)", str(name))
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]


def _as_params(subtree: Any, names: Sequence[str | int], where: str) -> Params:
    for name in names:
        check(
            isinstance(subtree, Mapping) and name in subtree and _is_dense(subtree[name]),
            f"names must be dense layers with kernel and bias at {where}; {name!r} is none.",
        )
    check(
        len(names) >= 2,
        f"path must lead to a head of at least two dense layers; {where} has {list(names)}.",
    )
    head = {layer_name(i): dict(subtree[name]) for i, name in enumerate(names)}
    layers(head)
    return head


def _checked_rows(
    features: ArrayLike, targets: ArrayLike, head: Params
) -> tuple[np.ndarray, np.ndarray]:
    sizes = layer_sizes(head)
    features, targets = numbers_float64("features", features), numbers_float64("targets", targets)
    for name, array, wanted in (("features", features, sizes[0]), ("targets", targets, sizes[-1])):
        check_rank(name, array, 2, "(n, d)" if name == "features" else "(n, k)")
        check_not_empty(name, array)
        check_finite(name, array)
        came = np.shape(array)[1]
        check(came == wanted, f"{name} must have {wanted} columns, as the head has; got {came}.")
    check_same_length("targets", targets, "features", features)
    return features, targets


def _replace(tree: Any, keys: tuple[str | int, ...], entries: Mapping[Any, Any]) -> dict[Any, Any]:
    """The tree with some entries of the node at `keys` replaced; all else is shared."""
    if not keys:
        return {**tree, **entries}
    return {**tree, keys[0]: _replace(tree[keys[0]], keys[1:], entries)}


def _nest(keys: tuple[str | int, ...], entries: Mapping[Any, Any]) -> Any:
    for key in reversed(keys):
        entries = {key: entries}
    return entries
