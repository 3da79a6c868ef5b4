"""Inner products of every hinge candidate with a vector, from sums over bins of rows.

A candidate hinge relu(x - t) has its knot t on a bin edge, so its inner product with any vector z
follows from two sums per bin, of z and of z * (x - left edge): nothing is approximated except which
knots are candidates. Origins are local to the bin, which is what keeps float32 safe on features
far from zero (design note: plain float32 running sums lose everything at mean 1000).
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class Grouping(NamedTuple):
    """Rows of s positions (features, say) grouped by bin, every bin padded to whole blocks."""

    order: jax.Array  # (s, blocks, rows) int32, row index; n marks padding
    offset: jax.Array  # (s, blocks, rows) float, position minus left edge of its bin; 0 at padding
    bin: jax.Array  # (s, blocks) int32, bin that the block belongs to


class BinSums(NamedTuple):
    """Sums over the rows of each bin, for one vector z; float64 where enabled."""

    count: jax.Array  # (s, K), sum of z
    first: jax.Array  # (s, K), sum of z * offset


def block_rows(num_rows: int, num_bins: int) -> int:
    """Rows per block: few enough that padding costs little, many enough that blocks are few."""
    wanted = max(1, num_rows // (8 * num_bins))
    return min(64, 1 << (wanted.bit_length() - 1))


def group_rows(
    positions: Callable[[int], np.ndarray], edges: np.ndarray, num_rows: int, rows: int
) -> Grouping:
    """Groups rows by the bin that their position falls in; done once, by NumPy on the host.

    NumPy sorts a column about twenty times faster than XLA does on CPU, and lets go of the
    interpreter lock meanwhile.

    Args:
      positions: gives the positions (n,) of feature s; only a few are held at a time. Positions
        below the first edge are left out: a right hinge is zero there for every knot.
      edges: (s, K) float, ascending; bin k is [edges[k], edges[k + 1]), the last one is open.
      num_rows: n.
      rows: rows per block.

    Returns:
      Grouping of ceil(n / rows) + K blocks, as NumPy arrays.
    """
    num_sets, num_bins = edges.shape
    num_blocks = -(-num_rows // rows) + num_bins
    order = np.full((num_sets, num_blocks * rows), num_rows, np.int32)
    offset = np.zeros((num_sets, num_blocks * rows), edges.dtype)
    block_bin = np.zeros((num_sets, num_blocks), np.int32)

    def one(s: int) -> None:
        value = positions(s)
        ranked = np.argsort(value)
        value = value[ranked]
        start = np.searchsorted(value, edges[s], side="left")
        count = np.diff(start, append=num_rows)
        blocks = -(-count // rows)
        first = (np.cumsum(blocks) - blocks) * rows
        place = np.arange(start[0], num_rows) + np.repeat(first - start, count)
        order[s, place] = ranked[start[0] :]
        offset[s, place] = value[start[0] :] - np.repeat(edges[s], count)
        block_bin[s, : blocks.sum()] = np.repeat(np.arange(num_bins), blocks)

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        list(pool.map(one, range(num_sets)))
    shape = (num_sets, num_blocks, rows)
    return Grouping(order.reshape(shape), offset.reshape(shape), block_bin)


def pad(z: jax.Array) -> jax.Array:
    """Appends the zero row that padded places of a Grouping refer to."""
    return jnp.concatenate([z, jnp.zeros((1,), z.dtype)])


def _into_bins(values: jax.Array, block_bin: jax.Array, num_bins: int) -> jax.Array:
    wide = values.astype(jnp.result_type(float))
    return jnp.zeros((num_bins,), wide.dtype).at[block_bin].add(wide)


def bin_sums(grouping: Grouping, z: jax.Array, num_bins: int) -> BinSums:
    """Sums z and z * offset over the rows of every bin: the one pass over the data.

    Args:
      grouping: of s positions.
      z: (n + 1,) float, its last element 0 (see `pad`).
      num_bins: K.
    """

    def one(arrays):
        order, offset, block_bin = arrays
        gathered = z.at[order].get(mode="promise_in_bounds")
        count = _into_bins(gathered.sum(-1), block_bin, num_bins)
        first = _into_bins((gathered * offset).sum(-1), block_bin, num_bins)
        return BinSums(count, first)

    # One position at a time: batched over positions, XLA's CPU code is two to five times slower.
    return jax.lax.map(one, tuple(grouping))


def bin_squares(grouping: Grouping, z: jax.Array, num_bins: int) -> jax.Array:
    """Sums z * offset**2 over the rows of every bin, (s, K)."""

    def one(arrays):
        order, offset, block_bin = arrays
        gathered = z.at[order].get(mode="promise_in_bounds")
        return _into_bins((gathered * offset * offset).sum(-1), block_bin, num_bins)

    return jax.lax.map(one, tuple(grouping))


def _after(values: jax.Array) -> jax.Array:
    """Sum over the later bins, exclusive."""
    return jnp.cumsum(values[:, ::-1], axis=1)[:, ::-1] - values


def _before(values: jax.Array) -> jax.Array:
    """Sum over the earlier bins, exclusive."""
    return jnp.cumsum(values, axis=1) - values


def right_hinges(sums: BinSums, gap: jax.Array) -> jax.Array:
    """<relu(position - t_k), z> for every knot, (s, K); gap (s, K) is t_{k+1} - t_k, the last 0.

    Walks down from the last knot, H_k = H_{k+1} + first_k + gap_k * (count beyond): every summand
    is local to its bin, so a far origin cancels nothing.
    """
    increment = sums.first + gap * _after(sums.count)
    return jnp.cumsum(increment[:, ::-1], axis=1)[:, ::-1]


def left_hinges(sums: BinSums, gap: jax.Array) -> jax.Array:
    """<relu(t_k - position), z> for every knot, (s, K); gap as in `right_hinges`."""
    increment = gap * (_before(sums.count) + sums.count) - sums.first
    return _before(increment)


def right_squares(sums: BinSums, squares: jax.Array, gap: jax.Array) -> jax.Array:
    """<relu(position - t_k)**2, z> for every knot, (s, K)."""
    beyond = _after(sums.first + gap * _after(sums.count))  # right_hinges at the next knot
    increment = squares + 2 * gap * beyond + gap**2 * _after(sums.count)
    return jnp.cumsum(increment[:, ::-1], axis=1)[:, ::-1]


def left_squares(sums: BinSums, squares: jax.Array, gap: jax.Array) -> jax.Array:
    """<relu(t_k - position)**2, z> for every knot, (s, K)."""
    before = _before(sums.count)
    within = gap**2 * sums.count - 2 * gap * sums.first + squares
    increment = within + 2 * gap * left_hinges(sums, gap) + gap**2 * before
    return _before(increment)
