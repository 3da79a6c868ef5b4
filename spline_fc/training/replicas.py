"""Trees of many networks: stacked for `train_replicas`, divided over devices, picked out again."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from spline_fc.checks import as_list, check, check_integer, check_kind
from spline_fc.network import Params
from spline_fc.network.structure import check_same_structure
from spline_fc.sharding import laid_out

_SEEDS, _RATES = "seeds", "rates"  # axes of a mesh
SPECS = {
    "both": PartitionSpec(_SEEDS, _RATES),
    "seeds": PartitionSpec(_SEEDS),
    "rates": PartitionSpec(_RATES),
    None: PartitionSpec(),
}  # by leading axes: (S, L), (S), (L), none of them


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


class Grid(NamedTuple):
    """S seeds and L learning rates over the devices of a mesh, each of which has as many of them.

    What is missing is padded with copies of the last seed and the last rate, of which nobody is
    told.
    """

    mesh: Mesh  # of the axes "seeds" and "rates"
    seeds: int  # S
    rates: int  # L

    def divide(self, tree: Any, axes: str | None) -> Any:
        """Lays a tree out on the devices; all of it is there in every process.

        Args:
          tree: of arrays with the leading axes that are named.
          axes: one of SPECS.
        """
        names = SPECS[axes]
        counts = {_SEEDS: self.seeds, _RATES: self.rates}
        padding = [(0, -counts[name] % self.mesh.shape[name]) for name in names]

        def lay(leaf: Any) -> jax.Array:
            if any(more for _, more in padding):
                rest = [(0, 0)] * (np.ndim(leaf) - len(padding))
                leaf = (jnp if isinstance(leaf, jax.Array) else np).pad(
                    leaf, [*padding, *rest], mode="edge"
                )
            return laid_out(leaf, NamedSharding(self.mesh, names))

        return jax.tree.map(lay, tree)

    def whole(self, tree: Any) -> Any:
        """A tree of leaves (S, L, ...) that are divided, on the first device of every process."""
        return jax.tree.map(lambda leaf: leaf.addressable_data(0), _gather(self)(tree))


@functools.cache
def _gather(grid: Grid) -> Callable:
    """Compiles what copies a tree to every device, without the padding."""

    def gather(tree: Any) -> Any:
        return jax.tree.map(lambda leaf: leaf[: grid.seeds, : grid.rates], tree)

    return jax.jit(gather, out_shardings=NamedSharding(grid.mesh, PartitionSpec()))


def own_devices() -> Mesh | None:
    """The devices of this process, or None if there is one."""
    devices = jax.local_devices()
    return Mesh(np.array(devices), ("devices",)) if len(devices) > 1 else None


def make_grid(mesh: Mesh, seeds: int, rates: int) -> Grid:
    """Divides S seeds and L rates over the devices of a mesh so that each trains as few as can be.

    Raises:
      TypeError: no mesh.
    """
    check_kind("mesh", mesh, Mesh)
    shape = grid_shape(mesh.devices.size, seeds, rates)
    kinds = (AxisType.Auto, AxisType.Auto)
    return Grid(Mesh(mesh.devices.reshape(shape), (_SEEDS, _RATES), axis_types=kinds), seeds, rates)


def grid_shape(devices: int, seeds: int, rates: int) -> tuple[int, int]:
    """Into how many parts S seeds and L rates are cut, so that the largest part is the smallest."""
    shapes = [(own, devices // own) for own in range(devices, 0, -1) if devices % own == 0]
    # Of equal ones the first, with most devices for seeds: these bring data of their own.
    return min(shapes, key=lambda shape: -(-seeds // shape[0]) * -(-rates // shape[1]))


def on_grid(function: Callable, mesh: Mesh | None, axes: Sequence[str | None]) -> Callable:
    """A function of replicas that every device runs with its own, without a word to the others.

    Args:
      function: its results have the leading axes (S, L).
      mesh: of a Grid, or None for the function as it is.
      axes: one of SPECS per argument.
    """
    if mesh is None:
        return function
    inputs = tuple(SPECS[name] for name in axes)
    return jax.shard_map(
        function, mesh=mesh, in_specs=inputs, out_specs=SPECS["both"], check_vma=False
    )
