"""The fully connected head of a larger Flax model, replaced by a spline of its features."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from flax import nnx
from jax.typing import ArrayLike

from spline_fc.arrays import numbers, numbers_float64
from spline_fc.checks import (
    as_key,
    as_list,
    as_sizes,
    check,
    check_finite,
    check_known_keys,
    check_not_empty,
    check_one_of,
    check_rank,
    check_same_length,
    shown,
)
from spline_fc.cpwl.likelihood import check_labels
from spline_fc.data import Part
from spline_fc.data.records import TASKS, Scaler
from spline_fc.data.scaling import fit_scaler, scale_x, scale_y
from spline_fc.network.convert import fold_scaler, tell_offsets
from spline_fc.network.linear import fit_linear
from spline_fc.network.modules import from_nnx, to_nnx
from spline_fc.network.spline_start import DIRECTIONS_OF, START_OPTIONS, spline_start
from spline_fc.network.structure import (
    Params,
    dtype_of,
    from_layers,
    layer_name,
    layer_sizes,
    layers,
)
from spline_fc.network.wide_head import is_wide, wide_start

Keys = tuple[str | int, ...]
SCALED_ROWS = 256  # at once
TARGETS = {"regression": "(n, k)", "binary": "(n, 1)", "multiclass": "(n, k), one-hot"}


class _Head(NamedTuple):
    """A chain of dense layers, and where it stands in a tree."""

    node: Keys  # what the caller's path leads to
    chain: Keys  # the node that holds the layers, or is the only one
    names: Keys  # of the layers there; none if the node is a layer itself
    is_whole: bool  # nothing else lies below `node`
    params: Params


def replace_head(
    model: Any,
    path: str | Sequence[str | int],
    features: ArrayLike,
    targets: ArrayLike,
    key: jax.Array | int,
    *,
    task: str = "regression",
    hidden_sizes: int | Sequence[int] | None = None,
    names: Sequence[str | int] | None = None,
    weights: Any = None,
    **options: Any,
) -> Any:
    """Fits a spline to the features of a head and writes it into the head's own layers.

    The spline is that of `spline_start`, on standardised features; the scaler is folded into the
    layers, so that the head takes what the model gives it; a warning names a feature so far from
    zero that layers in their dtype cannot. A head keeps its shape, and the model's code stays as it
    is. It must be a chain of dense layers with ReLU between them and none behind the last, which is
    up to the caller. A head of one layer has no room for a hinge: it becomes the best linear one,
    by least squares or by logistic regression.

    64 features or more are told apart by classes linearly for the most part, as a body is trained
    to make them so. The spline of classes then bends along the logits of the linear fit alone: 20
    hinges, or 2 a class, with a small ridge, sought once on 8192 rows that are drawn. Any of these
    options may be given, and with `directions` or others that speak of single features the recipe
    of `spline_start` holds.

    With `hidden_sizes` the head gets other layers, e.g. (128,) makes one of two. What lies at the
    path then becomes the tree of `MLP(hidden_sizes, k)`, which the caller's Linen module must have
    under this name in place of its own layers; an NNX module gets an `NNXMLP` there by itself.

    Args:
      model: a Linen parameter tree (nested dicts, with or without the "params" level) or an NNX
        module.
      path: where the head lies, e.g. "params/head" or ("params", "head"): one dense layer or what
        holds several; "" is the whole tree. For an NNX module the names of attributes, and
        integers for items of a list.
      features: (n, d), what reaches the first layer of the head.
      targets: (n, k), what the head should return: targets of a regression, labels as a Dataset has
        them (0 and 1, or one-hot), or the outputs of the head that is there, to keep its function.
      key: JAX key or integer seed for the units that carry no term.
      task: "regression", "binary" or "multiclass"; the outputs for classes are logits.
      hidden_sizes: widths of the new head's hidden layers; None keeps those that it has.
      names: the head's layers below `path`, in order; by default all entries there that hold a
        matrix "kernel" and a "bias", in natural order (Dense_2 before Dense_10).
      weights: (n,), >= 0, of the rows; those of weight 0 are left out.
      **options: of `spline_start`, by default with the directions of DIRECTIONS_OF; a head of one
        layer takes none.

    Returns:
      A new tree that shares every leaf but the head's with `model`, or a new NNX module.

    Raises:
      ValueError: nothing lies at the path or no head of dense layers does, other layers lie beside
        it where `hidden_sizes` are to replace them, features or targets do not fit it, are not
        finite or no labels, features that are all constant, what `spline_start` refuses.
    """
    is_module = isinstance(model, nnx.Module)
    tree = from_nnx(model) if is_module else model
    is_path = isinstance(path, str)
    keys = tuple(path.split("/") if is_path and path else as_list("path", path or (), "names"))
    head = _find(tree, keys, names)
    sizes = layer_sizes(head.params)[1:-1]
    if hidden_sizes is not None:
        sizes = as_sizes("hidden_sizes", hidden_sizes)
        check(
            head.is_whole,
            "path must lead to nothing but the head where hidden_sizes replace its layers; "
            f"{_said(keys)} holds more than {list(head.names)}.",
        )
    check_one_of("task", task, TASKS)
    part = _checked_rows(features, targets, layer_sizes(head.params), task)
    part, weights = _counted(part, weights)
    _check_values(part, task)
    new = _fit(part, sizes, dtype_of(head.params), as_key(key), task, weights, options)
    if hidden_sizes is None:
        own: dict[Any, Any] = {name: new[layer_name(i)] for i, name in enumerate(head.names)}
        own = own or dict(new["Dense_0"])
        if not is_module:
            return _put(tree, head.chain, {**_walk(tree, head.chain), **own})
        module = nnx.clone(model)
        nnx.update(module, _nest(head.chain, own))
        return module
    return _with_mlp(nnx.clone(model), keys, new) if is_module else _put(tree, keys, new)


def _fit(
    part: Part,
    hidden_sizes: tuple[int, ...],
    dtype: np.dtype,
    key: jax.Array,
    task: str,
    weights: Any,
    options: dict[str, Any],
) -> Params:
    """A network of these widths that takes raw features and returns raw targets or logits."""
    scaler = fit_scaler(part, task)
    # Features that JAX would narrow are narrowed here: a spline has the dtype of its features.
    narrow = np.promote_types(np.float32, jax.dtypes.canonicalize_dtype(dtype))
    x, y = _scaled(scaler, part.x, narrow), scale_y(scaler, part.y).astype(narrow)
    if hidden_sizes:
        new = _bent(x, y, hidden_sizes, key, task, weights, options)
    else:
        for name, value in options.items():
            check(False, f"{name} must be left out for a head of one layer; got {shown(value)}.")
        new = from_layers([fit_linear(x, y, task, weights)], narrow)
    varies, columns = np.ptp(part.x, axis=0) > 0, range(part.x.shape[1])
    called = [f"column {j} of features" for j in columns]
    tell_offsets(scaler, dtype, varies, called, "Subtract the offset in the body.")
    return from_layers(layers(fold_scaler(new, scaler)), dtype)


def _bent(
    x: np.ndarray,
    y: np.ndarray,
    hidden_sizes: tuple[int, ...],
    key: jax.Array,
    task: str,
    weights: Any,
    options: dict[str, Any],
) -> Params:
    """A network that equals a spline of standardised features."""
    check_known_keys("the options of a spline start", options, START_OPTIONS)
    rows: dict[str, Any] = {"task": task, "weights": weights}
    if is_wide(x, task, options):
        found = wide_start(key, x, y, hidden_sizes, **rows, options=options)
        if found is not None:
            return found
    if options.get("directions") is None:  # nobody reads shapes of what a body computes
        options = {**options, "directions": DIRECTIONS_OF[task]}
    return spline_start(key, x, y, hidden_sizes, **rows, **options).params


def _scaled(scaler: Scaler, x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Standardised features, made by so many rows that a cache holds what is between."""
    out = np.empty(x.shape, dtype)
    for first in range(0, len(x), SCALED_ROWS):
        rows = slice(first, first + SCALED_ROWS)
        out[rows] = scale_x(scaler, x[rows])
    return out


def _find(tree: Any, keys: Keys, names: Sequence[str | int] | None) -> _Head:
    """The head at a path; where a node holds nothing but another one, it is that."""
    node, chain = _walk(tree, keys), keys
    if names is None:
        while not _is_dense(node) and not _dense_names(node) and len(_entries(node)) == 1:
            chain = (*chain, *node)
            node = _walk(tree, chain)
        names = _dense_names(node)
    names = tuple(as_list("names", names, "layers"))
    if _is_dense(node) and not names:
        found = [node]
    else:
        is_layer = [_is_dense(_entries(node).get(name)) for name in names]
        strange = [name for name, is_one in zip(names, is_layer, strict=True) if not is_one]
        where = f"names must be dense layers with kernel and bias at {_said(keys)}"
        check(not strange, f"{where}; {(strange or [None])[0]!r} is none.")
        check(
            bool(names), f"path must lead to dense layers with kernel and bias; {_said(keys)} "
            f"has only {sorted(map(str, _entries(node)))}.",
        )  # fmt: skip
        found = [node[name] for name in names]
    is_whole = not names or set(_entries(node)) == set(names)
    params = {layer_name(i): dict(layer) for i, layer in enumerate(found)}
    layers(params)
    return _Head(keys, chain, names, is_whole, params)


def _entries(node: Any) -> Mapping[str | int, Any]:
    return node if isinstance(node, Mapping) else {}


def _said(keys: Keys) -> str:
    return "/".join(map(str, keys)) or "the tree"


def _walk(tree: Any, keys: Keys) -> Any:
    for depth, key in enumerate(keys):
        found = isinstance(key, (str, int)) and key in _entries(tree)
        known = sorted(map(str, tree)) if isinstance(tree, Mapping) else "a leaf"
        check(
            found,
            f"path must lead through the tree; {_said(keys[:depth])} has no {key!r}, only {known}.",
        )
        tree = tree[key]
    return tree


def _is_dense(entry: Any) -> bool:
    return (
        isinstance(entry, Mapping)
        and {"kernel", "bias"} <= entry.keys()
        and np.ndim(entry["kernel"]) == 2
    )


def _dense_names(subtree: Any) -> Keys:
    """Entries that are dense layers, numbers in their names compared as numbers."""
    names = [name for name, entry in _entries(subtree).items() if _is_dense(entry)]
    return tuple(sorted(names, key=_natural))


def _natural(name: str | int) -> list[tuple[bool, int, str]]:
    parts = re.split(r"(\d+)", str(name))
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]


def _checked_rows(features: ArrayLike, targets: ArrayLike, sizes: Sequence[int], task: str) -> Part:
    """The rows of a head of these sizes, in float64 but for features that are float32."""
    features, targets = numbers("features", features), numbers_float64("targets", targets)
    features = features if features.dtype == np.float32 else features.astype(float, copy=False)
    shapes = {
        "features": (features, sizes[0], "(n, d)"),
        "targets": (targets, sizes[-1], TARGETS[task]),
    }
    for name, (array, wanted, shape) in shapes.items():
        check_rank(name, array, 2, shape)
        check_not_empty(name, array)
        came = np.shape(array)[1]
        check(came == wanted, f"{name} must have {wanted} columns, as the head has; got {came}.")
    check_same_length("targets", targets, "features", features)
    return Part(features, targets)


def _counted(part: Part, weights: Any) -> tuple[Part, np.ndarray | None]:
    """The rows of weights other than 0: the rest has no say in units or in which rows are drawn."""
    if weights is None:
        return part, None
    weights = numbers("weights", weights)
    check_rank("weights", weights, 1, "(n,)")
    check_same_length("weights", weights, "features", part.x)
    check(bool(weights.any()), "weights must not all be zero; got only zeros.")
    kept = weights != 0
    return (part, weights) if kept.all() else (Part(part.x[kept], part.y[kept]), weights[kept])


def _check_values(part: Part, task: str) -> None:
    """Raises ValueError for NaN, targets that are no labels, and features that are all constant."""
    check_finite("features", part.x)
    check_finite("targets", part.y)
    if task != "regression":
        check_labels(part.y, "targets")
    n, d = part.x.shape
    varies = bool(np.ptp(part.x, axis=0).any())
    check(varies, f"features must vary; all {d} columns are constant on {n} rows.")


def _put(tree: Any, keys: Keys, node: Any) -> Any:
    """The tree with another node at `keys`; all else is shared."""
    return {**tree, keys[0]: _put(tree[keys[0]], keys[1:], node)} if keys else node


def _nest(keys: Keys, entries: Mapping[Any, Any]) -> Any:
    for key in reversed(keys):
        entries = {key: entries}
    return entries


def _with_mlp(module: Any, keys: Keys, params: Params) -> Any:
    """The module with an NNXMLP at `keys`, changed in place; or that alone for no keys."""
    new = to_nnx(params)
    if not keys:
        return new
    *parents, last = keys
    parent = module
    for key in parents:
        parent = parent[key] if isinstance(key, int) else getattr(parent, key)
    if isinstance(last, int):
        parent[last] = new
    else:
        setattr(parent, last, new)
    return module
