"""Sums over nodes in NumPy: where rows stand between knots, and what hinges make of the sums.

A hinge that bends at nodes alone is linear between them: at a position it is what it is at the two
nodes around it, in shares. So the inner products of all hinges with a column follow from its sums
over nodes, which are products with a sparse matrix of two numbers for each position. The matrix is
made once for every parent, in one pass for all columns. Everything is float64.

Axis names below: two signs (0 is relu(x - t), 1 is relu(t - x)), f columns of x, K knots and
N = K + 1 nodes, r rows, c vectors, s sets of positions. `moments` does the like for compiled code.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from scipy import sparse

from spline_fc.cpwl.moments import in_threads

BLOCK_ROWS = 1 << 13  # from which another thread pays
CELLS = 4096  # of equal length, into which a column is divided to look up knots
CROWDED = 8  # knots in one cell from which a binary search is quicker
FINEST = 1e12  # cells per unit, beyond which positions times that might overflow


Item = TypeVar("Item")
Result = TypeVar("Result")


class Grid(NamedTuple):
    """The nodes of f columns, and how many of the knots lie before each of many cells."""

    node: np.ndarray  # (f, N), distinct knots, ascending, then the greatest value again and again
    last: np.ndarray  # (f,), the last knot
    gap: np.ndarray  # (f, K), node[k + 1] - node[k]
    edge: np.ndarray  # (f, N), distinct knots, then infinity
    before: np.ndarray  # (f, CELLS) int, rows of `edge` counted in: where to begin to look
    scale: np.ndarray  # (f,), cells per unit
    crowded: np.ndarray  # (f,) bool, too many knots in a cell: `before` says nothing


def make_grid(knots: np.ndarray, highest: np.ndarray) -> Grid:
    """Prepares knots for being looked up.

    Args:
      knots: (f, K), ascending; rows may end in copies of the last one.
      highest: (f,), the greatest values of the columns.
    """
    last = knots[:, -1:]
    copies = np.zeros(knots.shape, bool)
    copies[:, 1:] = knots[:, 1:] == knots[:, :-1]
    node = np.concatenate([knots, last], axis=1)
    node[:, :-1][copies] = node[:, -1] = np.inf
    edge, top = node, np.maximum(last[:, 0], highest)
    node = np.minimum(edge, top[:, None])
    length = top - knots[:, 0]
    scale = np.divide(CELLS - 1, length, out=np.zeros(len(knots)), where=length > 0)
    crowded = scale >= FINEST
    scale[crowded] = 0
    rows = np.arange(len(knots))[:, None]
    cells = ((knots - knots[:, :1]) * scale[:, None]).astype(np.intp) + CELLS * rows
    count = np.bincount(cells[~copies], minlength=CELLS * len(knots)).reshape(-1, CELLS)
    before = count.cumsum(1) - count + edge.shape[1] * rows
    crowded |= count.max(1) >= CROWDED
    return Grid(node, last[:, 0], np.diff(node), edge, before, scale, crowded)


class Places(NamedTuple):
    """Where some positions stand."""

    at: np.ndarray  # (m,) int, which of (r, s, f) they are, ascending
    node: np.ndarray  # (m,) int, the node at or below, as of (f, N)
    share: np.ndarray  # (m,), of the next node; the rest is that of this one


def look_up(grid: Grid, joining: np.ndarray, positions: np.ndarray, inside: np.ndarray) -> Places:
    """Places of positions among the nodes of some columns.

    Args:
      grid: of all columns.
      joining: (f,) int, the columns.
      positions: (r, s, f), none below the first node where it is inside.
      inside: (r, s, f) bool, which are wanted.
    """
    at, width = np.flatnonzero(inside), grid.edge.shape[1]
    cells = ((positions - grid.node[joining, 0]) * grid.scale[joining]).ravel().take(at)
    column = joining.take(at % len(joining))
    found = grid.before.ravel().take(cells.astype(np.intp) + CELLS * column)
    position, edge = positions.ravel().take(at), grid.edge.ravel()
    # Rounding is monotone: knots of earlier cells are below, those of later ones above.
    late = np.flatnonzero(edge.take(found) <= position)
    if grid.crowded[joining].any():
        late = late[~grid.crowded[column[late]]]
        for v in joining[grid.crowded[joining]]:
            own = np.flatnonzero(column == v)
            found[own] = v * width + grid.edge[v].searchsorted(position[own], side="right")
    while late.size:
        found[late] += 1
        late = late[edge.take(found[late]) <= position[late]]
    node = found - 1
    inverse = np.zeros_like(grid.node)
    np.divide(1, grid.gap, out=inverse[:, :-1], where=grid.gap > 0)
    share = (position - grid.node.ravel().take(node)) * inverse.ravel().take(node)
    return Places(at, node, share)


class Block(NamedTuple):
    """Some rows of the data, for sums over the nodes of s sets of positions."""

    rows: np.ndarray | slice  # (r,) which
    matrix: sparse.csc_array  # (s f N, r), with the roots of the weights in it
    bend: np.ndarray  # (s, f, K), sums of weight * (x - node) * (next node - x)

    def sums(self, columns: np.ndarray) -> np.ndarray:
        """Sums over nodes, (s f N, c), of z (n, c)."""
        return self.matrix @ columns[self.rows]


class Bins(NamedTuple):
    """All rows that count, in blocks that threads share."""

    blocks: Sequence[Block]

    def sums(self, columns: np.ndarray) -> np.ndarray:
        """Sums over nodes, (c, s, f, N), of z (n, c) with the roots of weights in it."""
        found = _total(lambda block: block.sums(columns), self.blocks)
        sets, features, knots = self.blocks[0].bend.shape
        return found.T.reshape(-1, sets, features, knots + 1)

    @property
    def bend(self) -> np.ndarray:
        """Sums of weight * (x - node) * (next node - x), (s, f, K)."""
        return _total(lambda block: block.bend, self.blocks)


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
    grid: Grid, rows: np.ndarray | slice, shape: tuple[int, int, int], places: Places,
    root: np.ndarray,
) -> Block:  # fmt: skip
    """The matrix of sums in CSC form, row after row of the data: nothing is sorted.

    Args:
      grid: of all f columns.
      rows: (r,) which they are.
      shape: (r, s, g), that of the positions, of g of the columns.
      places: theirs.
      root: (r,), square roots of the weights.
    """
    num_rows, num_sets, joining = shape
    table = grid.node.size
    row = places.at // (num_sets * joining)
    index = np.empty((len(row), 2), np.int32)
    np.add(places.node, places.at // joining % num_sets * table, out=index[:, 0], casting="unsafe")
    np.add(index[:, 0], 1, out=index[:, 1])
    values = np.empty(index.shape)
    roots, share = root.take(row), places.share
    np.multiply(roots, share, out=values[:, 1])
    np.subtract(roots, values[:, 1], out=values[:, 0])
    gap = np.zeros_like(grid.node)
    gap[:, :-1] = grid.gap
    bent = values[:, 0] * values[:, 1] * (gap * gap).ravel().take(places.node)
    bend = np.bincount(index[:, 0], bent, minlength=num_sets * table)
    bend = bend.reshape(num_sets, *grid.node.shape)[..., :-1]
    pointer = np.zeros(num_rows + 1, np.int32)
    np.cumsum(2 * np.bincount(row, minlength=num_rows), out=pointer[1:])
    entries = (values.ravel(), index.ravel(), pointer)
    return Block(rows, sparse.csc_array(entries, shape=(num_sets * table, num_rows)), bend)


def both_sides(sums: np.ndarray) -> np.ndarray:
    """Sums (..., 3, f, N) at x, x - B and x + B as those of right and left minima, (..., 2, f, N).

    min(B, relu(x - t)) = relu(x - t) - relu(x - B - t), and the mirrored hinge likewise. With the
    sums at x alone B is infinite. Right hinges get falling nodes: both sides are then running sums
    from the far end.
    """
    both = np.empty((*sums.shape[:-3], 2, *sums.shape[-2:]))
    right, left, plain = both[..., 0, :, ::-1], both[..., 1, :, :], sums[..., 0, :, :]
    if sums.shape[-3] == 1:
        right[:] = left[:] = plain
    else:
        np.subtract(plain, sums[..., 1, :, :], out=right)
        np.subtract(plain, sums[..., 2, :, :], out=left)
    return both


def hinges(both: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """<relu(p - t), z> and <relu(t - p), z> with t at every node, (..., 2, f, N).

    Args:
      both: (..., 2, f, N), sums over nodes, for right hinges (falling nodes) and left.
      gap: (2, f, K), distances of neighbours in the same order.
    """
    return _running(both.cumsum(-1)[..., :-1] * gap)


def squared_hinges(both: np.ndarray, bend: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """<relu(p - t)^2, w> and <relu(t - p)^2, w>, (2, f, N).

    Between nodes a square lies below the straight line by (p - node) (next node - p).

    Args:
      both: (2, f, N), sums of w over nodes. gap: as of `hinges`.
      bend: (2, f, K), sums of w times that, in the same order.
    """
    farther = hinges(both, gap)[..., :-1]
    return _running(gap * (2 * farther + gap * both.cumsum(-1)[..., :-1]) - bend)


def _running(gained: np.ndarray) -> np.ndarray:
    """Running sums of what is gained from node to node, (..., N); nothing at the first."""
    found = np.empty((*gained.shape[:-1], gained.shape[-1] + 1))
    found[..., 0] = 0
    gained.cumsum(-1, out=found[..., 1:])
    return found
