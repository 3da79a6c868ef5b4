"""Rows that lie on devices: which, and how computations run where the rows are.

The caller's arrays decide. An array that is divided by rows over the axes of a mesh, or of which a
GPU has many rows, is computed on by programs of one kind: every device works on its own rows, and
what is summed over rows is summed over devices, once. Nothing else is exchanged.
"""

import contextlib
import functools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from spline_fc.arrays import numbers, tell_narrowed
from spline_fc.checks import check, check_kind, check_rank, check_same_length


@jax.tree_util.register_static
class Axes(tuple[str, ...]):
    """Names of mesh axes over which rows are divided; part of a tree's structure, not a leaf."""


HERE = Axes()  # all rows on one device
WIDE_PLATFORMS = ("gpu", "cuda", "rocm")  # whose arithmetic in float64 is worth having


def summed(values: Any, axes: Axes) -> Any:
    """Sums arrays over the devices that share the rows, inside `over_rows`; one all-reduce."""
    return jax.lax.psum(values, tuple(axes)) if axes else values


class Sizes(NamedTuple):
    """How much is worked on at once."""

    block: int  # rows of a bin that are added up together, at most
    gathered: int  # padded rows that are gathered in one go
    chunk: int  # rows of a pass over all columns


ON_CPU = Sizes(block=64, gathered=1 << 17, chunk=1 << 12)  # which fit into its caches
ON_ACCELERATOR = Sizes(block=1 << 10, gathered=1 << 26, chunk=1 << 18)  # which fill it


class Placement(NamedTuple):
    """Where rows lie: divided evenly, in order, over some axes of a mesh."""

    mesh: Mesh
    axes: Axes

    @property
    def num_devices(self) -> int:
        """Into how many parts the rows are divided."""
        return int(np.prod([self.mesh.shape[name] for name in self.axes]))

    @property
    def sizes(self) -> Sizes:
        """How much its devices work on at once."""
        return ON_CPU if self.mesh.devices.flat[0].platform == "cpu" else ON_ACCELERATOR

    @property
    def rows(self) -> PartitionSpec:
        """How an array is divided whose first axis are the rows."""
        return PartitionSpec(tuple(self.axes))

    @property
    def columns(self) -> PartitionSpec:
        """How an array is divided whose second axis are the rows."""
        return PartitionSpec(None, tuple(self.axes))

    def put(self, array: Any) -> jax.Array:
        """An array with its first axis divided as the rows are."""
        return laid_out(array, NamedSharding(self.mesh, self.rows))

    def copy(self, tree: Any) -> Any:
        """A tree of arrays, whole on every device."""
        whole = NamedSharding(self.mesh, PartitionSpec())
        return jax.tree.map(lambda array: laid_out(array, whole), tree)


def laid_out(array: Any, sharding: jax.sharding.Sharding) -> jax.Array:
    """An array with another layout; of several processes each has all of it, NaN included."""
    if sharding.is_fully_addressable or is_divided(array):
        return jax.device_put(array, sharding)
    values = np.asarray(array)
    return jax.make_array_from_callback(values.shape, sharding, lambda index: values[index])


def placement_of(array: Any, axis: int = 0) -> Placement | None:
    """Says over which devices the rows of an array are divided; None if they are not.

    Args:
      array: anything; only arrays of JAX can be divided.
      axis: of the rows; those before it are whole on every device.

    Raises:
      ValueError: another axis than that of the rows is divided, or the mesh is not known.
    """
    if not is_divided(array):
        return None
    sharding = array.sharding
    check(
        isinstance(sharding, NamedSharding),
        f"an array on several devices must have a NamedSharding; got {sharding}.",
    )
    return _by_rows(array, sharding, axis)


def _by_rows(array: jax.Array, sharding: NamedSharding, axis: int = 0) -> Placement:
    spec = (*sharding.spec, *(None,) * (array.ndim - len(sharding.spec)))
    others = [name for place, name in enumerate(spec) if place != axis and name is not None]
    check(
        spec[axis] is not None and not others,
        f"an array on several devices must be divided by its rows alone; got {sharding.spec}.",
    )
    names: Any = spec[axis] if isinstance(spec[axis], tuple) else (spec[axis],)
    mesh: Any = sharding.mesh  # of arrays that are there it is never an abstract one
    return Placement(_automatic(mesh), Axes(names))


def fitted_on(array: Any, most_on_host: int) -> Placement | None:
    """Says on which devices a fit of these rows computes; None for the host's own way.

    These are the devices over which rows are divided, the single one of a mesh on which
    `shard_rows` has put them, and a GPU where they lie on one or where JAX computes on one by
    default, unless they are few. What an accelerator without float64 of its own (TPU) holds is
    fitted on the host.

    Args:
      array: (n, ...) anything.
      most_on_host: rows up to which the host is quicker than a single GPU.
    """
    if is_divided(array):
        return placement_of(array)
    if isinstance(array, jax.Array):
        if isinstance(array, jax.core.Tracer):
            return None
        sharding = array.sharding
        if isinstance(sharding, NamedSharding) and any(sharding.spec):
            return _by_rows(array, sharding)
        (device, *_) = sorted(array.devices(), key=lambda device: device.id)
    else:
        device = jax.local_devices()[0]
    if device.platform not in WIDE_PLATFORMS or np.ndim(array) == 0 or len(array) <= most_on_host:
        return None
    return Placement(Mesh(np.array([device]), ("rows",)), Axes(("rows",)))


def computed_at(place: Placement | None) -> contextlib.AbstractContextManager:
    """Without a place, what has none of its own is computed by the CPU, where JAX has one."""
    if place is not None or jax.default_backend() == "cpu":
        return contextlib.nullcontext()
    try:
        return jax.default_device(jax.local_devices(backend="cpu")[0])
    except RuntimeError:  # the user has left JAX no CPU
        return contextlib.nullcontext()


def is_divided(array: Any) -> bool:
    """Whether parts of an array lie on different devices, whatever its axes."""
    known = isinstance(array, jax.Array) and not isinstance(array, jax.core.Tracer)
    return known and array.sharding.num_devices > 1 and not array.sharding.is_fully_replicated


def _automatic(mesh: Mesh) -> Mesh:
    """The mesh with axes of type Auto; sorting and searching refuse arrays of Explicit ones."""
    kinds = (AxisType.Auto,) * len(mesh.axis_names)
    return Mesh(mesh.devices, mesh.axis_names, axis_types=kinds)


def shard_rows(
    mesh: Mesh, *arrays: Any, weights: Any = None, axes: Sequence[str] | None = None
) -> tuple[jax.Array, ...]:
    """Divides arrays by rows over the devices of a mesh; what is missing is padded.

    Args:
      mesh: of devices, of this process or of several; then every process gives all rows.
      *arrays: (n, ...) numbers each, such as x and y. A warning tells of float64 whose values JAX
        cannot tell apart, as it takes them in float32 unless jax_enable_x64 is set.
      weights: (n,), >= 0; None for ones.
      axes: of the mesh over which rows are divided; all of them by default.

    Returns:
      The arrays and the weights, of ceil(n / devices) * devices rows; those that were added repeat
      the last one and have weight 0, so that no fit sees them.

    Raises:
      ValueError: no arrays, arrays of unlike lengths or no numbers, an axis that the mesh has not.
    """
    names = _axes(mesh, axes)
    given, counted = _rows(arrays, weights)
    place = Placement(_automatic(mesh), names)
    more = -len(counted) % place.num_devices
    return tuple(place.put(array) for array in _padded(given, counted, more))


def shard_process_rows(
    mesh: Mesh, *arrays: Any, weights: Any = None, axes: Sequence[str] | None = None
) -> tuple[jax.Array, ...]:
    """Arrays divided by rows of which every process has its own; nothing is exchanged but counts.

    Args:
      mesh: of the devices of all processes, after `jax.distributed.initialize`.
      *arrays: (n, ...) numbers each, rows of this process; n may differ between processes.
      weights: (n,), >= 0; None for ones. All processes give them, or none.
      axes: of the mesh over which rows are divided; all of them by default.

    Returns:
      The arrays and the weights of all processes, padded with weight 0 to the longest of them.

    Raises:
      ValueError: as `shard_rows`, and where processes have unlike columns or dtypes.
    """
    names = _axes(mesh, axes)
    given, counted = _rows(arrays, weights)

    kinds = [(a.ndim, a.dtype.itemsize, *a.shape[1:]) for a in (*given, counted)]
    told = np.array([len(given[0]), *(number for kind in kinds for number in kind)])
    sizes = np.asarray(multihost_utils.process_allgather(np.array([told.size]))).reshape(-1)
    every = multihost_utils.process_allgather(np.resize(told, sizes.max())).reshape(len(sizes), -1)
    alike = (sizes == sizes[0]).all() and (every[:, 1:] == every[0, 1:]).all()
    check(
        bool(alike),
        "arrays must have the same columns and dtypes in every process; here they are "
        f"{[(str(a.dtype), a.shape[1:]) for a in given]}, and others elsewhere.",
    )
    place = Placement(_automatic(mesh), names)
    parts = place.num_devices // len(sizes)
    more = -(-int(every[:, 0].max()) // parts) * parts - len(given[0])
    sharding = NamedSharding(place.mesh, place.rows)
    padded = _padded(given, counted, more)
    return tuple(jax.make_array_from_process_local_data(sharding, a) for a in padded)


def _axes(mesh: Mesh, axes: Sequence[str] | None) -> Axes:
    check_kind("mesh", mesh, Mesh)
    names = Axes(mesh.axis_names if axes is None else axes)
    check(
        len(names) > 0 and set(names) <= set(mesh.axis_names),
        f"axes must be among those of the mesh, {mesh.axis_names}; got {tuple(names)}.",
    )
    return names


def _rows(arrays: Sequence[Any], weights: Any) -> tuple[list[np.ndarray], np.ndarray]:
    """Arrays of one length, and their weights (n,)."""
    check(len(arrays) > 0, "arrays must hold at least one array; got none.")
    given = [numbers(f"arrays[{i}]", array) for i, array in enumerate(arrays)]
    for i, array in enumerate(given):
        check(array.ndim > 0, f"arrays[{i}] must have rows; got a number.")
        check_same_length(f"arrays[{i}]", array, "arrays[0]", given[0])
        if array.ndim == 2:
            tell_narrowed(f"arrays[{i}]", array, jax.dtypes.canonicalize_dtype(array.dtype))
    count = len(given[0])
    check(count > 0, "arrays must have at least one row; got none.")
    counted = np.ones(count, np.float32) if weights is None else numbers("weights", weights)
    check_rank("weights", counted, 1, "(n,)")
    check_same_length("weights", counted, "arrays[0]", given[0])
    return given, counted


def _padded(given: Sequence[np.ndarray], counted: np.ndarray, more: int) -> list[np.ndarray]:
    """The arrays with their last row so many times more, and weights with as many zeros."""
    padded = [np.concatenate([a, np.repeat(a[-1:], more, 0)]) if more else a for a in given]
    return [*padded, np.concatenate([counted, np.zeros(more, counted.dtype)])]


@functools.cache
def over_rows(
    function: Callable, place: Placement, inputs: Any, outputs: Any, donate: tuple[int, ...] = ()
) -> Callable:
    """Compiles a function so that it runs on every device with the rows that are there.

    Args:
      function: of positional arrays; keywords are compile-time constants. At the top of a module,
        so that its program is compiled once.
      place: of the rows.
      inputs: a PartitionSpec, or a tuple of such and trees of them, one per argument.
      outputs: the same of the results; what is whole must be the same on every device, see
        `summed`.
      donate: arguments whose memory may be used.
    """

    def run(constants, *arguments):
        inner = partial(function, **dict(constants))
        mapped = jax.shard_map(
            inner, mesh=place.mesh, in_specs=inputs, out_specs=outputs, check_vma=False
        )
        return mapped(*arguments)

    run.__name__ = function.__name__.lstrip("_")
    donated = tuple(1 + number for number in donate)
    compiled = jax.jit(run, static_argnums=0, donate_argnums=donated)
    return lambda *arguments, **constants: compiled(tuple(constants.items()), *arguments)


def sample_rows(place: Placement, step: int, *arrays: jax.Array) -> list[np.ndarray]:
    """Rows 0, step, 2 step, ... of arrays that lie on several devices, on the host.

    Only these rows are exchanged.
    """
    run = over_rows(_taken, place, place.rows, PartitionSpec())
    *found, inside = run(*arrays, step=step, axes=place.axes)
    inside = np.asarray(inside)
    return [np.asarray(array)[inside] for array in found]


def _taken(*parts: jax.Array, step: int, axes: Axes) -> list[jax.Array]:
    rows = len(parts[0])
    before = jax.lax.axis_index(tuple(axes)) * rows
    chosen = -before % step + jnp.arange(-(-rows // step)) * step
    taken = [part[jnp.minimum(chosen, rows - 1)] for part in parts]
    return [jax.lax.all_gather(a, tuple(axes), tiled=True) for a in (*taken, chosen < rows)]
