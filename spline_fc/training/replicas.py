"""Trees of many networks: stacked for `train_replicas`, and one picked out of its results."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spline_fc.checks import as_list, check, check_integer
from spline_fc.network import Params
from spline_fc.network.structure import check_same_structure


def stack_params(trees: Sequence[Params]) -> Params:
    """Stacks the networks of S seeds, as `train_replicas` takes them.

    Args:
      trees: parameter trees of one structure.

    Returns:
      A tree like each of them, leaves with the leading axis S.

    Raises:
      ValueError: no tree, or trees of different layers, shapes or dtypes.
    """
    trees = as_list("params", trees, "networks")
    check(len(trees) > 0, "params must be at least one network; got none.")
    for index, tree in enumerate(trees):
        check_same_structure(tree, trees[0], f"params[{index}]")
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def replica(tree: Any, s: int, l: int) -> Any:  # noqa: E741
    """Picks the replica of seed s and learning rate l.

    Args:
      tree: leaves (S, L, ...), e.g. `params`, `history` or `trace` of a TrainResult.
      s: index of the seed.
      l: index of the learning rate.

    Returns:
      The same tree with leaves (...).

    Raises:
      ValueError: there is no such replica (JAX itself would take the last one instead).
    """
    check_integer("s", s, 0)
    check_integer("l", l, 0)
    for leaf in jax.tree.leaves(tree):
        shape = np.shape(leaf)
        inside = len(shape) >= 2 and s < shape[0] and l < shape[1]
        check(inside, f"tree must have leaves of shape (> {s}, > {l}, ...); got {shape}.")
    return jax.tree.map(lambda leaf: leaf[s, l], tree)
