"""What a parameter tree is: plain dicts, one entry per layer, checked before anything reads it."""

from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spline_fc.arrays import numbers_float64
from spline_fc.checks import check, check_finite, check_rank, shown

Params = dict[str, dict[str, jax.Array]]
Layer = tuple[np.ndarray, np.ndarray]  # kernel (inputs, units) and bias (units,), float64


def layer_name(index: int) -> str:
    """The name of layer `index`, 0 being the first hidden one and the last the output layer."""
    return f"Dense_{index}"


def layers(params: Params, lead: int = 0) -> list[tuple[jax.Array, jax.Array]]:
    """Lists the layers of a fully connected network in order.

    Args:
      params: {"Dense_0": {"kernel": (d, h0), "bias": (h0,)}, ..., "Dense_L": {...}}.
      lead: axes that every leaf has before these, e.g. 1 for the stacked networks of many seeds.

    Returns:
      [(kernel, bias), ...], the arrays as they stand in the tree.

    Raises:
      ValueError: the names are not Dense_0 to Dense_L, an entry is not one kernel and one bias, a
        leaf is no array of floats, neighbouring shapes do not fit, or the leading axes or dtypes of
        two leaves differ.
    """
    got = type(params).__name__
    check(isinstance(params, Mapping), f"params must be a dict of layers; got {got}.")
    names = [layer_name(i) for i in range(len(params))]
    came = sorted(map(str, params))
    check(
        bool(names) and set(params) == set(names),
        f"params must have the layers Dense_0, Dense_1, ... without a gap; got {came}.",
    )
    stack: list[tuple[jax.Array, jax.Array]] = []
    rows, axes, dtype = None, None, None
    for name in names:
        entry = params[name]
        check(
            isinstance(entry, Mapping) and set(entry) == {"kernel", "bias"},
            f"params/{name} must hold a kernel and a bias; "
            f"got {list(entry) if isinstance(entry, Mapping) else type(entry).__name__}.",
        )
        kernel, bias = entry["kernel"], entry["bias"]
        for leaf, array in entry.items():
            dtype = _check_floats(f"params/{name}/{leaf}", array, dtype)
        shape = np.shape(kernel)
        wanted = f"({'..., ' * bool(lead)}inputs, units)"
        check_rank(f"params/{name}/kernel", kernel, 2 + lead, wanted)
        check(
            rows is not None or shape[-2] > 0, f"params/{name}/kernel must have inputs; got none."
        )
        axes = shape[:lead] if axes is None else axes
        check(
            shape[:lead] == axes,
            f"params/{name}/kernel must have the leading axes {axes}; got shape {shape}.",
        )
        check(
            np.shape(bias) == (*axes, shape[-1]),
            f"params/{name}/bias must have shape {(*axes, shape[-1])}; got {np.shape(bias)}.",
        )
        check(
            rows in (None, shape[-2]),
            f"params/{name}/kernel must have {rows} rows, one per unit before it; got {shape[-2]}.",
        )
        rows = shape[-1]
        stack.append((kernel, bias))
    return stack


def _check_floats(name: str, leaf: Any, wanted: np.dtype | None) -> np.dtype:
    """Raises ValueError unless a leaf is an array of floats, of the dtype wanted; returns that."""
    came: Any = getattr(leaf, "dtype", None)
    is_array = isinstance(leaf, (np.ndarray, jax.Array, jax.ShapeDtypeStruct))
    is_float = is_array and jnp.issubdtype(came, jnp.floating)
    got = came if is_array else shown(leaf)
    check(
        is_float and (wanted is None or wanted == came),  # dtype("float64") == None
        f"{name} must be an array of one floating dtype with all others; got {got}.",
    )
    check(not np.ma.is_masked(leaf), f"{name} must have no masked values; got some.")
    return np.dtype(came)


def layers_float64(params: Params, lead: int = 0) -> list[Layer]:
    """Lists the layers as `layers` does, as float64 NumPy arrays."""
    stack = []
    for i, (kernel, bias) in enumerate(layers(params, lead)):
        where = f"params/{layer_name(i)}"
        pair = numbers_float64(f"{where}/kernel", kernel), numbers_float64(f"{where}/bias", bias)
        stack.append(pair)
    return stack


def finite_layers(params: Params) -> list[Layer]:
    """Lists the layers as `layers_float64` does; ValueError also where a weight is not finite."""
    stack = layers_float64(params)
    for i, (kernel, bias) in enumerate(stack):
        check_finite(f"params/{layer_name(i)}/kernel", kernel)
        check_finite(f"params/{layer_name(i)}/bias", bias)
    return stack


def check_network(params: Params) -> None:
    """Checks a parameter tree as files hold it.

    Args:
      params: a fully connected network; its leaves may have leading axes, as those of replicas.

    Raises:
      ValueError: what `layers` refuses, or a weight that is not finite.
    """
    first = params.get("Dense_0") if isinstance(params, Mapping) else None
    kernel = first.get("kernel") if isinstance(first, Mapping) else None
    layers(params, max(0, len(getattr(kernel, "shape", ())) - 2))
    for path, leaf in flatten(params).items():
        check_finite(f"params/{path}", leaf)


def from_layers(stack: Iterable[tuple[Any, Any]], dtype: Any = None) -> Params:
    """Builds the parameter tree from [(kernel, bias), ...], optionally cast to one dtype.

    The leaves of a float64 tree are NumPy's, which JAX need not have enabled.
    """

    def leaf(array: Any) -> Any:
        return (np if isinstance(array, np.ndarray) else jnp).asarray(array, dtype)

    tree = {
        layer_name(i): {"kernel": leaf(kernel), "bias": leaf(bias)}
        for i, (kernel, bias) in enumerate(stack)
    }
    if dtype is not None and np.dtype(dtype) == np.float64:
        return jax.tree.map(np.asarray, tree)
    return jax.device_put(tree)  # together: one by one they take longer than all the rest


def layer_sizes(params: Params, lead: int = 0) -> tuple[int, ...]:
    """Inputs, units of every layer, outputs: (d, h_0, ..., k); arguments as for `layers`."""
    stack = layers(params, lead)
    return (np.shape(stack[0][0])[-2], *(np.shape(kernel)[-1] for kernel, _ in stack))


def dtype_of(params: Params, lead: int = 0) -> np.dtype:
    """The dtype of the first kernel, which that of all leaves is in every tree made here."""
    return np.dtype(layers(params, lead)[0][0].dtype)


def flatten(tree: Any) -> dict[str, Any]:
    """Lists the leaves of nested dicts by path, {"Dense_0/kernel": array, ...}."""
    leaves = jax.tree.leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}


def unflatten(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `flatten`, for keys that are strings."""
    tree: dict[str, Any] = {}
    for path, leaf in flat.items():
        *parents, last = path.split("/")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
            check(
                isinstance(node, dict), f"{path} must not lie below another leaf; {parent} is one."
            )
        check(last not in node, f"{path} must be one leaf; got another below it.")
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
