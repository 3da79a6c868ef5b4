"""The shape of parameter trees, and where two of them differ."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from spline_fc.checks import check


def layer_sizes(params: Mapping[str, Any]) -> tuple[int, ...]:
    """Inputs, units of every layer, outputs: (d, h_1, ..., h_L, k).

    Raises:
      ValueError: the tree is no chain of layers Dense_0, Dense_1, ... with kernel and bias.
    """
    check(len(params) > 0, "params must have at least one layer; got an empty tree.")
    sizes = []
    for i in range(len(params)):
        layer = params.get(f"Dense_{i}")
        check(
            layer is not None and set(layer) == {"kernel", "bias"},
            f"params must be layers Dense_0 to Dense_{len(params) - 1} of kernel and bias; "
            f"got {sorted(params)}.",
        )
        kernel, bias = np.shape(layer["kernel"]), np.shape(layer["bias"])
        check(
            len(kernel) == 2 and bias == kernel[1:] and (not sizes or kernel[0] == sizes[-1]),
            f"params['Dense_{i}'] must map {sizes[-1] if sizes else 'the inputs'} to its bias; "
            f"got kernel {kernel} and bias {bias}.",
        )
        sizes += [*kernel] if not sizes else [kernel[1]]
    return tuple(int(size) for size in sizes)


def check_same_structure(params: Any, wanted: Any) -> None:
    """Raises ValueError that names every path at which two trees differ, with both shapes."""
    got, want = (
        {jax.tree_util.keystr(path, simple=True, separator="/"): leaf
         for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}
        for tree in (params, wanted)
    )  # fmt: skip

    def text(leaves, path):
        return f"{np.shape(leaves[path])} {leaves[path].dtype}" if path in leaves else "nothing"

    paths = [*got, *(path for path in want if path not in got)]
    wrong = [path for path in paths if text(got, path) != text(want, path)]
    listed = "; ".join(f"{p}: wanted {text(want, p)}, got {text(got, p)}" for p in wrong)
    check(not wrong, f"params must have the structure asked for; they differ at {listed}.")
