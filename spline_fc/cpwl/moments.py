"""Inner products of every hinge candidate with a vector, from sums over bins of rows.

A candidate hinge relu(x - t) has its knot t on a bin edge, so its inner product with any vector z
follows from two sums per bin, of z and of z * (x - left edge): nothing is approximated except which
knots are candidates. Origins are local to the bin, and sums are taken in the wide type.
"""

import functools
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from spline_fc.sharding import HERE, ON_CPU, Axes, Sizes, summed

Item = TypeVar("Item")
Result = TypeVar("Result")


class BinSums(NamedTuple):
    """Sums over the rows of each bin, for c vectors z; float64 where enabled."""

    count: jax.Array  # (c, f, K), sum of z
    first: jax.Array  # (c, f, K), sum of z * offset


@functools.cache
def _workers() -> ThreadPoolExecutor:
    """Threads that live on between calls, and with them the memory they work in."""
    affinity = getattr(os, "sched_getaffinity", None)  # what this process may use, where known
    available = len(affinity(0)) if affinity else os.cpu_count() or 1
    return ThreadPoolExecutor(min(8, available), "spline_fc")


if hasattr(os, "register_at_fork"):  # a child process has none of these threads
    os.register_at_fork(after_in_child=_workers.cache_clear)


def in_threads(work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Results of `work` for every item, in order; NumPy lets go of the interpreter meanwhile."""
    return list(_workers().map(work, items))


def aligned(shape: tuple[int, ...], dtype) -> np.ndarray:
    """An empty NumPy array that `jax.device_put` need not copy on CPU."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    store = np.empty(size + 64, np.uint8)
    start = -store.ctypes.data % 64
    return store[start : start + size].view(dtype).reshape(shape)


class Grouping(NamedTuple):
    """Many rows grouped by bin, for each of f columns, every bin padded to whole blocks.

    Where bins have many rows, adding up block by block is twice as fast as row by row; where they
    have few, it is the other way round.
    """

    which: jax.Array  # (f,) int32, columns of the data
    order: jax.Array  # (chunks, blocks, rows) int32, row index; n marks padding
    offset: jax.Array  # (chunks, blocks, rows) float, position minus left edge of its bin
    bin: jax.Array  # (chunks, blocks) int32, set * K + bin that the block belongs to
    used: jax.Array  # (1,) int32, chunks that hold anything; the others are not even initialised
    axes: Axes = HERE  # over which rows are divided, each part grouped by itself; sums are of all


class Placed(NamedTuple):
    """Where rows stand among the knots, on the host."""

    which: np.ndarray  # (f,) int32, columns of the data
    bin: np.ndarray  # (f, n) int, how many knots are at or below the position
    offset: np.ndarray  # (f, n) float, from the left edge of the bin

    def of(self, which: np.ndarray) -> "Placed":
        """Those of some columns, where all had been placed."""
        return Placed(which, self.bin[which], self.offset[which])


def place(features, which, shift, knots) -> Placed:
    """Finds bins and offsets.

    Args:
      features: (d, n) float.
      which: (f,) int32, the columns wanted.
      shift: (n,) or () float, added to all of them.
      knots: (d, K) float, ascending; the last one may be repeated.
    """
    return Placed(which, *jax.device_get(bins_and_offsets(features, which, shift, knots)))


@jax.jit
def bins_and_offsets(features, which, shift, knots) -> tuple[jax.Array, jax.Array]:
    """What `place` finds, of JAX arrays."""
    kind = jnp.int16 if knots.shape[1] < np.iinfo(np.int16).max else jnp.int32

    def one(v):
        position = features[v] + shift
        # Unrolled, the search is a few gathers over all rows at once.
        options = dict(side="right", method="scan_unrolled")
        found = jnp.searchsorted(knots[v], position, **options)
        # The last knot may be repeated to fill its row: what lies behind it is the first one's.
        distinct = 1 + (knots[v] < knots[v, -1]).sum(dtype=found.dtype)
        found = jnp.minimum(found, distinct)
        edge = knots[v].at[jnp.maximum(found - 1, 0)].get()
        return found.astype(kind), position - edge

    return jax.lax.map(one, which)


def block_layout(
    num_sets: int, num_rows: int, num_bins: int, sizes: Sizes = ON_CPU
) -> tuple[int, int, int]:
    """Rows per block, blocks per chunk and chunks that rows in any order fit into."""
    rows = min(sizes.block, 1 << (max(1, num_rows // (4 * num_bins)).bit_length() - 1))
    capacity = num_sets * (-(-num_rows // rows) + num_bins)
    per_chunk = min(max(1, sizes.gathered // rows), capacity)
    return rows, per_chunk, -(-capacity // per_chunk)


def group_rows(placed: Placed, num_bins: int, members: np.ndarray | None = None) -> Grouping:
    """Groups rows by bin, once for every set of positions.

    The order comes from NumPy, whose radix sort XLA has nothing like on CPU.

    Args:
      placed: n rows on f columns.
      num_bins: K.
      members: ascending indices of the rows that are grouped; None for all. The shapes do not
        depend on how many there are.
    """
    which, bins, offsets = placed
    num_sets, num_rows = bins.shape
    if members is not None:
        bins, offsets = bins[:, members], offsets[:, members]
    rows, per_chunk, num_chunks = block_layout(num_sets, num_rows, num_bins)
    per_set = -(-bins.shape[1] // rows) + num_bins
    used = -(-num_sets * per_set // per_chunk)
    order = aligned((num_chunks * per_chunk, rows), np.int32)
    offset = aligned(order.shape, offsets.dtype)
    block_bin = aligned((num_chunks * per_chunk,), np.int32)
    rest = slice(num_sets * per_set, used * per_chunk)
    order[rest], offset[rest], block_bin[rest] = num_rows, 0, 0

    def one(s: int) -> None:
        own = slice(s * per_set, (s + 1) * per_set)
        order[own], offset[own], block_bin[own] = num_rows, 0, 0
        count = np.bincount(bins[s], minlength=num_bins + 1)
        ranked = np.argsort(bins[s], kind="stable")[count[0] :].astype(np.int32)
        count = count[1:]
        blocks = -(-count // rows)
        first = (np.cumsum(blocks) - blocks) * rows
        slot = np.arange(len(ranked)) + np.repeat(first - np.cumsum(count) + count, count)
        order[own].reshape(-1)[slot] = ranked if members is None else members[ranked]
        offset[own].reshape(-1)[slot] = offsets[s][ranked]
        block_bin[own][: blocks.sum()] = np.repeat(s * num_bins + np.arange(num_bins), blocks)

    in_threads(one, range(num_sets))
    shape = (num_chunks, per_chunk, rows)
    arrays = order.reshape(shape), offset.reshape(shape), block_bin.reshape(shape[:2])
    return Grouping(*jax.device_put((which, *arrays, np.array([used], np.int32))))


def _sums(grouping: Grouping, num_bins: int, columns: jax.Array, powers: int, count) -> jax.Array:
    """Sums z * offset**p over the rows of every bin, (powers, c, f, K); the pass over the data.

    A chunk of rows at a time, with all columns in turn.
    """
    wide, shape = jnp.result_type(float), (len(grouping.which), num_bins)
    columns = jnp.concatenate([columns, jnp.zeros_like(columns[:, :1])], axis=1)

    def chunk(i, sums):
        order, offset, bins = (
            array[i] for array in (grouping.order, grouping.offset, grouping.bin)
        )
        offset = offset.astype(columns.dtype)

        def add(column, sums):
            z = columns.at[column, order].get(mode="promise_in_bounds")
            blocks = jnp.stack([(z * offset**p).sum(-1) for p in range(powers)], axis=-1)
            return sums.at[column, bins].add(blocks.astype(wide))

        return jax.lax.fori_loop(0, len(columns) if count is None else count, add, sums)

    nothing = jnp.zeros((len(columns), shape[0] * shape[1], powers), wide)
    sums = summed(jax.lax.fori_loop(0, grouping.used[0], chunk, nothing), grouping.axes)
    return jnp.moveaxis(sums, 2, 0).reshape(powers, len(columns), *shape)


def bin_sums(grouping: Grouping, num_bins: int, columns: jax.Array, count=None) -> BinSums:
    """Sums z and z * offset over the rows of every bin.

    Args:
      grouping: of f columns, from `group_rows`.
      num_bins: K.
      columns: (c, n) float, the vectors z.
      count: () int, how many of them are not zero; all if None.
    """
    return BinSums(*_sums(grouping, num_bins, columns, 2, count))


def bin_sums_and_squares(
    grouping: Grouping, num_bins: int, columns: jax.Array
) -> tuple[BinSums, jax.Array]:
    """Sums z, z * offset and z * offset**2 over the rows of every bin; arguments as of `bin_sums`.

    Returns:
      BinSums, and the sums of squares (c, f, K).
    """
    *sums, squares = _sums(grouping, num_bins, columns, 3, None)
    return BinSums(*sums), squares


_BLOCK = 64  # of bins, in running sums


def running_sums(values: jax.Array) -> jax.Array:
    """Sum over the earlier places of the last axis, exclusive; (..., K).

    Products with a strict triangle, in blocks: XLA's own cumulative sum unrolls into a tree that
    takes long to compile.
    """
    size = values.shape[-1]
    if size <= _BLOCK:
        earlier = jnp.triu(jnp.ones((size, size), values.dtype), 1)
        return jnp.matmul(values, earlier, precision=jax.lax.Precision.HIGHEST)
    padding = [(0, 0)] * (values.ndim - 1) + [(0, -size % _BLOCK)]
    blocks = jnp.pad(values, padding).reshape(*values.shape[:-1], -1, _BLOCK)
    within = running_sums(blocks)
    before = running_sums(blocks.sum(-1))
    return (within + before[..., None]).reshape(*values.shape[:-1], -1)[..., :size]


def _walk(increments: jax.Array) -> jax.Array:
    """Sums (2, ..., K) over the places passed: coming from the right for 0, from the left for 1."""
    turned = jnp.stack([increments[0, ..., ::-1], increments[1]])
    passed = running_sums(turned)
    return jnp.stack([passed[0, ..., ::-1], passed[1]])


def _hinge_increments(right: BinSums, left: BinSums, gap: jax.Array) -> tuple[jax.Array, jax.Array]:
    """What a hinge sum gains in a bin, (2, c, f, K), and the sums of z beyond the bin."""
    beyond = _walk(jnp.stack([right.count, left.count]))
    gained = jnp.stack([
        right.first + gap * beyond[0],
        gap * (beyond[1] + left.count) - left.first,
    ])  # fmt: skip
    return gained, beyond


def hinges(right: BinSums, left: BinSums, gap: jax.Array) -> jax.Array:
    """<relu(position - t_k), z> and <relu(t_k - position), z> for every knot, (c, 2, f, K).

    Walks from the far end, H_k = H_{k+1} + first_k + gap_k * (count beyond) for the right hinges:
    every summand is local to its bin, so a far origin cancels nothing.

    Args:
      right: bin sums of the positions whose right hinges are asked for.
      left: bin sums of those whose left hinges are, often the same.
      gap: (f, K), t_{k+1} - t_k, the last 0.
    """
    gained, _ = _hinge_increments(right, left, gap)
    passed = _walk(gained)
    # A right hinge owns the bin that begins at its knot.
    return jnp.moveaxis(passed.at[0].add(gained[0]), 0, 1)


def squared_hinges(
    right: BinSums, left: BinSums, squares: tuple[jax.Array, jax.Array], gap: jax.Array
) -> jax.Array:
    """<relu(position - t_k)**2, z> and <relu(t_k - position)**2, z>, (c, 2, f, K).

    Args:
      right, left, gap: as of `hinges`.
      squares: sums of squares of both positions, (c, f, K) each.
    """
    gained, beyond = _hinge_increments(right, left, gap)
    passed = _walk(gained)
    within = jnp.stack([
        squares[0], gap**2 * left.count - 2 * gap * left.first + squares[1],
    ])  # fmt: skip
    gained = within + 2 * gap * passed + gap**2 * beyond
    return jnp.moveaxis(_walk(gained).at[0].add(gained[0]), 0, 1)
