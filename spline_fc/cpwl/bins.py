"""Sums over bins in NumPy: where rows stand among knots, and what hinges make of the sums.

This is what `moments` is for compiled code; here the sums are products with a sparse matrix that is
made once for every parent, in one pass for all columns. Everything is float64.

Axis names below: two signs (0 is relu(x - t), 1 is relu(t - x)), f columns of x, K knots, r rows,
c vectors, s sets of positions.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from scipy import sparse

from spline_fc.cpwl.moments import in_threads

BLOCK_ROWS = 1 << 13  # from which another thread pays
CELLS = 4096  # of equal length, into which a column is divided to look up knots
CROWDED = 3  # knots in one cell from which a binary search is quicker
FINEST = 1e12  # cells per unit, beyond which positions times that might overflow


Item = TypeVar("Item")
Result = TypeVar("Result")


class Ruler(NamedTuple):
    """The knots of a column, and how many lie before each of many cells."""

    edge: np.ndarray  # (m + 1,), the distinct knots, ascending, and infinity
    before: np.ndarray | None  # (CELLS,) int; None if knots are crowded
    most: int  # knots in one cell
    scale: float  # cells per unit

    def bins(self, positions: np.ndarray) -> np.ndarray:
        """How many knots are at or below each position, int."""
        if self.before is None:
            return self.edge[:-1].searchsorted(positions, side="right")
        # Rounding is monotone: knots of earlier cells are below, those of later ones above.
        found = self.before[_cells(positions, self.edge[0], self.scale)]
        for _ in range(self.most):
            found += self.edge[found] <= positions
        return found


def ruler(knots: np.ndarray) -> Ruler:
    """Prepares the distinct, ascending knots (m,) of a column for being looked up."""
    edge, length = np.append(knots, np.inf), knots[-1] - knots[0]
    scale = CELLS / length if length > 0 else 0.0
    if not 0 < scale < FINEST:
        return Ruler(edge, None, 0, 0.0)
    count = np.bincount(_cells(knots, knots[0], scale), minlength=CELLS)
    most = int(count.max())
    return Ruler(edge, count.cumsum() - count if most < CROWDED else None, most, scale)


def _cells(positions: np.ndarray, first: float, scale: float) -> np.ndarray:
    return np.clip((positions - first) * scale, 0, CELLS - 1).astype(np.intp)


class Places(NamedTuple):
    """Where r rows stand among the knots of f columns."""

    bin: np.ndarray  # (f, r) int, how many knots are at or below
    offset: np.ndarray  # (f, r), from the left edge of the bin


def look_up(rulers: Sequence[Ruler], positions: np.ndarray) -> Places:
    """Places of positions (f, r) among the knots of f rulers."""
    bins, edges = np.empty(positions.shape, np.int32), np.empty(positions.shape)
    for f, one in enumerate(rulers):
        bins[f] = one.bins(positions[f])
        edges[f] = one.edge[np.maximum(bins[f] - 1, 0)]
    return Places(bins, positions - edges)


class Block(NamedTuple):
    """Some rows of the data, for sums over the bins of s sets of places."""

    rows: np.ndarray | slice  # (r,) which
    matrix: sparse.csc_array  # (2 s f (K + 1), r), with the roots of the weights in it
    squares: np.ndarray  # (s, f, K), sums of weight * offset**2
    shape: tuple[int, int, int, int]  # 2, s, f, K + 1

    def sums(self, columns: np.ndarray) -> np.ndarray:
        """Sums of z and z * offset, (2 s f (K + 1), c), of z (n, c)."""
        return self.matrix @ columns[self.rows]


class Bins(NamedTuple):
    """All rows that count, in blocks that threads share."""

    blocks: Sequence[Block]

    def sums(self, columns: np.ndarray) -> np.ndarray:
        """Sums of z and z * offset, (c, 2, s, f, K), of z (n, c) with roots of weights in them."""
        found = np.ascontiguousarray(_total(lambda block: block.sums(columns), self.blocks).T)
        # Rows below all knots are left out.
        return found.reshape(-1, *self.blocks[0].shape)[..., 1:]

    @property
    def squares(self) -> np.ndarray:
        """Sums of weight * offset**2, (s, f, K)."""
        return _total(lambda block: block.squares, self.blocks)


def _total(part: Callable[[Block], np.ndarray], blocks: Sequence[Block]) -> np.ndarray:
    first, *others = over(part, blocks)
    return sum(others, start=first)


def over(work: Callable[[Item], Result], blocks: Sequence[Item]) -> list[Result]:
    """Results of `work` for every block, in threads if there are several."""
    return in_threads(work, blocks) if len(blocks) > 1 else [work(block) for block in blocks]


def split(rows: np.ndarray | slice, num_rows: int) -> list[np.ndarray | slice]:
    """Rows in blocks; a slice means all of them."""
    count = num_rows if isinstance(rows, slice) else len(rows)
    size = -(-count // max(1, -(-count // BLOCK_ROWS)))
    parts = [slice(i, min(i + size, count)) for i in range(0, max(count, 1), max(size, 1))]
    return [part if isinstance(rows, slice) else rows[part] for part in parts]


def make_block(
    rows: np.ndarray | slice, sets: Sequence[Places], root: np.ndarray, num_knots: int
) -> Block:
    """The matrix of bin sums in CSC form, row after row of the data: nothing is sorted.

    Args:
      rows: (r,) which they are.
      sets: s sets of their places, on the same columns.
      root: (r,), square roots of the weights.
      num_knots: K.
    """
    num_features, num_rows = sets[0].bin.shape
    shape = (2, len(sets), num_features, num_knots + 1)
    half = shape[1] * shape[2] * shape[3]
    index = np.empty((num_rows, *shape[:3]), np.int32)
    values = np.empty(index.shape)
    values[:, 0] = root[:, None, None]
    first = np.arange(num_features)[:, None] * shape[3]
    for s, places in enumerate(sets):
        index[:, 0, s] = (places.bin + (first + s * num_features * shape[3])).T
        values[:, 1, s] = (places.offset * root).T
    index[:, 1] = index[:, 0] + half
    squares = np.bincount(index[:, 0].ravel(), (values[:, 1] ** 2).ravel(), minlength=half)
    pointer = np.arange(num_rows + 1, dtype=np.int32) * index[0].size
    matrix = sparse.csc_array((values.ravel(), index.ravel(), pointer), shape=(2 * half, num_rows))
    return Block(rows, matrix, squares.reshape(shape[1:])[..., 1:], shape)


def both_sides(sums: np.ndarray) -> np.ndarray:
    """Sums (..., 3, f, K) at x - B, x + B and x as those of right and left minima, (..., 2, f, K).

    min(B, relu(x - t)) = relu(x - t) - relu(x - B - t), and the mirrored hinge likewise. With the
    sums at x alone B is infinite. Right hinges get falling knots: both sides are then running sums
    from the far end.
    """
    both = np.empty((*sums.shape[:-3], 2, *sums.shape[-2:]))
    right, left, plain = both[..., 0, :, ::-1], both[..., 1, :, :], sums[..., -1, :, :]
    if sums.shape[-3] == 1:
        right[:] = left[:] = plain
    else:
        np.subtract(plain, sums[..., 0, :, :], out=right)
        np.subtract(plain, sums[..., 1, :, :], out=left)
    return both


def hinges(both: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """<relu(p - t_k), z> and <relu(t_k - p), z>, (c, 2, f, K); see `moments.hinges`.

    Args:
      both: (c, 2, 2, f, K), sums of z and z * offset, for right hinges (falling knots) and left.
      gap: (2, f, K), t_{k+1} - t_k, the last 0, in the same order.
    """
    return _summed(_beyond(both[:, 0]) * gap + _signed(both[:, 1]))


def squared_hinges(both: np.ndarray, squares: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """<relu(p - t_k)^2, w> and <relu(t_k - p)^2, w>, (2, f, K); see `moments.squared_hinges`.

    Args:
      both: (2, 2, f, K), sums of w and w * offset, as of `hinges`. gap: as there.
      squares: (2, f, K), sums of w * offset**2.
    """
    count, first = both
    hinge = hinges(both[None], gap)[0]
    hinge[0, :, 1:], hinge[0, :, 0] = hinge[0, :, :-1].copy(), 0  # at the edge farther out
    gained = squares + 2 * gap * hinge + gap**2 * _beyond(count)
    gained[1] -= 2 * gap[1] * first[1]
    return _summed(gained)


def _signed(first: np.ndarray) -> np.ndarray:
    """Offsets grow towards right hinges, and away from left ones."""
    return first * np.array([1.0, -1.0])[:, None, None]


def _beyond(count: np.ndarray) -> np.ndarray:
    """Sums over the bins beyond each one, for left hinges with the bin itself, (..., 2, f, K)."""
    found = np.zeros(count.shape)
    np.cumsum(count[..., 0, :, :-1], -1, out=found[..., 0, :, 1:])
    np.cumsum(count[..., 1, :, :], -1, out=found[..., 1, :, :])
    return found


def _summed(gained: np.ndarray) -> np.ndarray:
    """Sums of what is gained in bins; a right hinge owns the bin that begins at its knot."""
    found = np.zeros(gained.shape)
    np.cumsum(gained[..., 0, :, :], -1, out=found[..., 0, :, :])
    np.cumsum(gained[..., 1, :, :-1], -1, out=found[..., 1, :, 1:])
    return found
