"""Inner products of every hinge candidate with a vector, from sums over bins of rows.

A candidate hinge relu(x - t) has its knot t on a bin edge, so its inner product with any vector z
follows from two sums per bin, of z and of z * (x - left edge): nothing is approximated except which
knots are candidates. Origins are local to the bin, which is what keeps float32 safe.
"""

import functools
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

CHUNK_ROWS = 1 << 17  # padded rows that are gathered in one go
Result = TypeVar("Result")


class Grouping(NamedTuple):
    """Rows grouped by bin for each of s sets of positions, every bin padded to whole blocks."""

    order: jax.Array  # (chunks, blocks, rows) int32, row index; n marks padding
    offset: jax.Array  # (chunks, blocks, rows) float, position minus left edge of its bin
    bin: jax.Array  # (chunks, blocks) int32, set * K + bin that the block belongs to
    used: jax.Array  # () int32, chunks that hold anything; the others are not even initialised


class BinSums(NamedTuple):
    """Sums over the rows of each bin, for c vectors z; float64 where enabled."""

    count: jax.Array  # (c, s, K), sum of z
    first: jax.Array  # (c, s, K), sum of z * offset


def block_rows(num_rows: int, num_bins: int) -> int:
    """Rows per block: few enough that padding costs little, many enough that blocks are few."""
    wanted = max(1, num_rows // (4 * num_bins))
    return min(64, 1 << (wanted.bit_length() - 1))


@functools.cache
def _workers() -> ThreadPoolExecutor:
    """Threads that live on between calls, and with them the memory they work in."""
    affinity = getattr(os, "sched_getaffinity", None)  # what this process may use, where known
    available = len(affinity(0)) if affinity else os.cpu_count() or 1
    return ThreadPoolExecutor(min(8, available), "spline_fc")


def in_threads(work: Callable[[int], Result], numbers: Iterable[int]) -> list[Result]:
    """Results of `work` for every number, in order; NumPy lets go of the interpreter meanwhile."""
    return list(_workers().map(work, numbers))


def aligned(shape: tuple[int, ...], dtype) -> np.ndarray:
    """An empty NumPy array that `jax.device_put` need not copy on CPU."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    store = np.empty(size + 64, np.uint8)
    start = -store.ctypes.data % 64
    return store[start : start + size].view(dtype).reshape(shape)


def num_blocks(num_rows: int, rows: int, num_bins: int) -> int:
    """Blocks that a set of positions may need."""
    return -(-num_rows // rows) + num_bins


def group_rows(
    positions: Callable[[int], np.ndarray],
    edges: np.ndarray,
    members: np.ndarray | None,
    num_rows: int,
    rows: int,
    capacity: int,
    first_set: int = 0,
) -> Grouping:
    """Groups rows by the bin that their position falls in; done once, by NumPy on the host.

    NumPy sorts a column about twenty times faster than XLA does on CPU, and lets go of the
    interpreter lock meanwhile.

    Args:
      positions: gives the positions of set s, of the members or of all rows; only a few are held at
        a time. Positions below the first edge are left out: a right hinge is zero there for every
        knot.
      edges: (s, K) float, ascending; bin k is [edges[k], edges[k + 1]), the last one is open.
      members: ascending indices of the rows to group; None for all.
      num_rows: n.
      rows: rows per block.
      capacity: blocks to make room for, at least s * `num_blocks` of the members; it alone decides
        on the shapes.
      first_set: number of the first set in `bin`; earlier ones are empty.
    """
    num_sets, num_bins = edges.shape
    num_members = num_rows if members is None else len(members)
    per_set = num_blocks(num_members, rows, num_bins)
    per_chunk = min(max(1, CHUNK_ROWS // rows), capacity)
    num_chunks = -(-capacity // per_chunk)
    order = aligned((num_chunks * per_chunk, rows), np.int32)
    offset = aligned((num_chunks * per_chunk, rows), edges.dtype)
    block_bin = aligned((num_chunks * per_chunk,), np.int32)
    used = -(-num_sets * per_set // per_chunk)
    rest = slice(num_sets * per_set, used * per_chunk)
    order[rest], offset[rest], block_bin[rest] = num_rows, 0, 0

    def one(s: int) -> None:
        own = slice(s * per_set, (s + 1) * per_set)
        order[own], offset[own], block_bin[own] = num_rows, 0, 0
        own_order, own_offset = order[own].reshape(-1), offset[own].reshape(-1)
        value = positions(s)
        ranked = np.argsort(value).astype(np.int32)  # narrow, because all threads hold one
        value = value[ranked]
        start = np.searchsorted(value, edges[s], side="left")
        count = np.diff(start, append=num_members)
        blocks = -(-count // rows)
        first = (np.cumsum(blocks) - blocks) * rows
        place = np.arange(start[0], num_members, dtype=np.int32)
        place += np.repeat((first - start).astype(np.int32), count)
        ranked = ranked[start[0] :]
        own_order[place] = ranked if members is None else members[ranked]
        own_offset[place] = value[start[0] :] - np.repeat(edges[s], count)
        bins = (first_set + s) * num_bins + np.arange(num_bins)
        block_bin[own][: blocks.sum()] = np.repeat(bins, blocks)

    in_threads(one, range(num_sets))
    shape = (num_chunks, per_chunk, rows)
    arrays = order.reshape(shape), offset.reshape(shape), block_bin.reshape(shape[:2])
    return Grouping(*jax.device_put((*arrays, np.int32(used))))


def pad(z: jax.Array) -> jax.Array:
    """Appends the zero that padded places of a Grouping refer to, on the last axis."""
    return jnp.concatenate([z, jnp.zeros((*z.shape[:-1], 1), z.dtype)], axis=-1)


def _sums(
    grouping: Grouping, columns: jax.Array, count, shape: tuple[int, ...], powers: int
) -> jax.Array:
    """Sums z * offset**p over the rows of every bin, (powers, c, s, K); the pass over the data.

    A chunk at a time, with all columns in turn while its order lies in the cache.
    """
    wide = jnp.result_type(float)

    def chunk(i, sums):
        order, offset, bins = (array[i] for array in grouping[:3])
        offset = offset.astype(columns.dtype)

        def add(column, sums):
            z = columns.at[column, order].get(mode="promise_in_bounds")
            blocks = jnp.stack([(z * offset**p).sum(-1) for p in range(powers)], axis=-1)
            return sums.at[column, bins].add(blocks.astype(wide))

        return jax.lax.fori_loop(0, count, add, sums)

    nothing = jnp.zeros((len(columns), shape[0] * shape[1], powers), wide)
    sums = jax.lax.fori_loop(0, grouping.used, chunk, nothing)
    return jnp.moveaxis(sums, 2, 0).reshape(powers, len(columns), *shape)


def bin_sums(grouping: Grouping, columns: jax.Array, shape: tuple[int, ...], count=None) -> BinSums:
    """Sums z and z * offset over the rows of every bin.

    Args:
      grouping: of s sets of positions.
      columns: (c, n + 1) float, their last place 0 (see `pad`).
      shape: (s, K).
      count: how many of the columns are to be summed, all by default; 0 for the others.
    """
    count = len(columns) if count is None else count
    return BinSums(*_sums(grouping, columns, count, shape, 2))


def bin_sums_and_squares(
    grouping: Grouping, columns: jax.Array, shape: tuple[int, ...]
) -> tuple[BinSums, jax.Array]:
    """Sums z, z * offset and z * offset**2 over the rows of every bin; arguments as of `bin_sums`.

    Returns:
      BinSums, and the sums of squares (c, s, K).
    """
    *sums, squares = _sums(grouping, columns, len(columns), shape, 3)
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
    """What a hinge sum gains in a bin, (2, c, s, K), and the sums of z beyond the bin."""
    beyond = _walk(jnp.stack([right.count, left.count]))
    gained = jnp.stack([
        right.first + gap * beyond[0],
        gap * (beyond[1] + left.count) - left.first,
    ])  # fmt: skip
    return gained, beyond


def hinges(right: BinSums, left: BinSums, gap: jax.Array) -> jax.Array:
    """<relu(position - t_k), z> and <relu(t_k - position), z> for every knot, (c, 2, s, K).

    Walks from the far end, H_k = H_{k+1} + first_k + gap_k * (count beyond) for the right hinges:
    every summand is local to its bin, so a far origin cancels nothing.

    Args:
      right: bin sums of the positions whose right hinges are asked for.
      left: bin sums of those whose left hinges are, often the same.
      gap: (s, K), t_{k+1} - t_k, the last 0.
    """
    gained, _ = _hinge_increments(right, left, gap)
    passed = _walk(gained)
    # A right hinge owns the bin that begins at its knot.
    return jnp.moveaxis(passed.at[0].add(gained[0]), 0, 1)


def squared_hinges(
    right: BinSums, left: BinSums, squares: tuple[jax.Array, jax.Array], gap: jax.Array
) -> jax.Array:
    """<relu(position - t_k)**2, z> and <relu(t_k - position)**2, z>, (c, 2, s, K).

    Args:
      right, left, gap: as of `hinges`.
      squares: sums of squares of both positions, (c, s, K) each.
    """
    gained, beyond = _hinge_increments(right, left, gap)
    passed = _walk(gained)
    within = jnp.stack([
        squares[0], gap**2 * left.count - 2 * gap * left.first + squares[1],
    ])  # fmt: skip
    gained = within + 2 * gap * passed + gap**2 * beyond
    return jnp.moveaxis(_walk(gained).at[0].add(gained[0]), 0, 1)
