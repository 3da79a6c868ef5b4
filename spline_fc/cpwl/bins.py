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
PIECE = 1 << 14  # positions that are looked up together, such that they stay in the cache
CELLS = 4096  # of equal length, into which a column is divided to look up knots
CROWDED = 8  # knots in one cell from which a binary search is quicker
TABLE = 1 << 17  # values of hinges at nodes, up to which a product is quicker than running sums
FINEST = 1e12  # cells per unit, beyond which positions times that might overflow


Item = TypeVar("Item")
Result = TypeVar("Result")


class Grid(NamedTuple):
    """The nodes of f columns, and how many of the knots lie before each of many cells."""

    node: np.ndarray  # (f, N), knots, ascending, then the greatest value again and again
    last: np.ndarray  # (f,), the last knot
    gap: np.ndarray  # (f, N), node[k + 1] - node[k]; the last is 0
    inverse: np.ndarray  # (f, N), 1 / gap, or 0
    edge: np.ndarray  # (f, N), knots, then infinity
    before: np.ndarray  # (f, CELLS) int, places in `edge`: where to begin to look
    scale: np.ndarray  # (f,), cells per unit
    crowded: np.ndarray  # (f,) bool, too many knots in a cell: `before` says nothing
    hinge: np.ndarray | None  # (2, f, N, K), all hinges at all nodes; None if there are many


def make_grid(knots: np.ndarray, highest: np.ndarray) -> Grid:
    """Prepares knots for being looked up.

    Args:
      knots: (f, K), ascending; rows may end in copies of the last one, and begin with some of the
        first, where far values have been pulled in.
      highest: (f,), the greatest values of the columns.
    """
    first, last = knots[:, 0], knots[:, -1]
    copies = (np.diff(knots, axis=1, prepend=-np.inf) == 0) & (knots == last[:, None])
    edge = np.concatenate([np.where(copies, np.inf, knots), np.full((len(knots), 1), np.inf)], 1)
    node = np.minimum(edge, np.maximum(last, highest)[:, None])
    gap = np.diff(node, axis=1, append=node[:, -1:])
    inverse = np.divide(1, gap, out=np.zeros_like(gap), where=gap > 0)
    length = node[:, -1] - first
    scale = np.divide(CELLS - 1, length, out=np.zeros(len(knots)), where=length > 0)
    crowded = scale >= FINEST
    scale[crowded] = 0
    rows = np.arange(len(knots))[:, None]
    # As in `cells_of`, rounding included.
    cells = ((knots - first[:, None]) * scale[:, None] + CELLS * rows).astype(np.intp)
    count = np.bincount(cells[~copies], minlength=CELLS * len(knots)).reshape(-1, CELLS)
    before = count.cumsum(1) - count + edge.shape[1] * rows
    crowded |= count.max(1) >= CROWDED
    hinge = None
    if 2 * node.size * knots.shape[1] <= TABLE:
        distance = node[:, :, None] - node[:, None, :-1]
        hinge = np.maximum([distance, -distance], 0)
    return Grid(node, last, gap, inverse, edge, before, scale, crowded, hinge)


class Entries(NamedTuple):
    """The part of a matrix of sums that some rows make, row after row: nothing is sorted."""

    node: np.ndarray  # (m,) int, of m positions the node at or below, as of (f, N)
    index: np.ndarray  # (m, 2) int32, this one and the next, as of (s, f, N)
    values: np.ndarray  # (m, 2), shares of both, times the root of the weight
    counts: np.ndarray  # (r,) int, positions in each row
    bend: np.ndarray  # (s f N,), sums of weight * (x - node) * (next node - x)


def cells_of(grid: Grid, joining: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Where positions (..., g) of some columns stand in `Grid.before`; whole parts are places."""
    return (positions - grid.node[joining, 0]) * grid.scale[joining] + CELLS * joining


def look_up(grid: Grid, cells: np.ndarray, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nodes (m,) at or below m positions of some columns, and the shares of the next ones.

    Args:
      grid: of all columns.
      cells: (m,), of `cells_of`.
      positions: (m,), none below the first node.
    """
    cells, edge = cells.astype(np.intp), grid.edge.ravel()
    found = grid.before.ravel().take(cells)
    # Rounding is monotone: knots of earlier cells are below, those of later ones above.
    late = np.flatnonzero(edge.take(found) <= positions)
    if late.size and grid.crowded.any():
        column = cells // CELLS
        crowded = grid.crowded.take(column)
        late = late[~crowded[late]]
        for v in np.unique(column[crowded]):
            own, first = np.flatnonzero(column == v), v * grid.edge.shape[1]
            found[own] = first + grid.edge[v].searchsorted(positions[own], side="right")
    while late.size:
        found[late] += 1
        late = late[edge.take(found[late]) <= positions[late]]
    found -= 1
    share = positions - grid.node.ravel().take(found)
    share *= grid.inverse.ravel().take(found)
    return found, share


def make_entries(
    grid: Grid, joining: np.ndarray, positions: np.ndarray, inside: np.ndarray | None,
    root: np.ndarray | float,
) -> Entries:  # fmt: skip
    """Looks up positions and writes down what they add to the sums.

    Args:
      grid: of all f columns.
      joining: (g,) int, some of the columns.
      positions: (r, s, g); what lies below the first node is taken to be there.
      inside: (r, s, g) bool, which are wanted; None for all.
      root: (r,), square roots of the weights, or that of all.
    """
    num_rows, num_sets, columns = positions.shape
    positions = np.maximum(positions, grid.node[joining, 0])
    cells, width = cells_of(grid, joining, positions).ravel(), num_sets * columns
    positions, at, counts = positions.ravel(), None, np.full(num_rows, width)
    if inside is not None:
        at, counts = np.flatnonzero(inside), np.count_nonzero(inside.reshape(-1, width), axis=1)
        positions, cells = positions.take(at), cells.take(at)
    node, share = look_up(grid, cells, positions)
    begin = node
    if at is not None:
        begin = node + grid.node.size * (at // columns % num_sets)
    index, values = np.empty((len(node), 2), np.int32), np.empty((len(node), 2))
    index[:, 0] = begin
    np.add(begin, 1, out=index[:, 1], casting="same_kind")
    size = root if np.ndim(root) == 0 else np.repeat(root, counts)
    share *= size
    np.subtract(size, share, out=values[:, 0])
    values[:, 1] = share
    share *= values[:, 0]
    share *= (grid.gap**2).ravel().take(node)
    bend = np.bincount(begin, share, minlength=num_sets * grid.node.size)
    return Entries(node, index, values, counts, bend)


class Block(NamedTuple):
    """Some rows of the data, for sums over the nodes of s sets of positions."""

    rows: np.ndarray | slice  # (r,) which
    matrix: sparse.csc_array  # (s f N, r), with the roots of the weights in it
    bend: np.ndarray  # (s, f, N), sums of weight * (x - node) * (next node - x)

    def sums(self, columns: np.ndarray) -> np.ndarray:
        """Sums over nodes, (s f N, c), of z (n, c)."""
        return self.matrix @ columns[self.rows]


class Bins(NamedTuple):
    """All rows that count, in blocks that threads share."""

    blocks: Sequence[Block]

    def sums(self, columns: np.ndarray) -> np.ndarray:
        """Sums over nodes, (s, f, N, c), of z (n, c) with the roots of weights in it."""
        found = _total(lambda block: block.sums(columns), self.blocks)
        return found.reshape(*self.blocks[0].bend.shape, -1)

    @property
    def bend(self) -> np.ndarray:
        """Sums of weight * (x - node) * (next node - x), (s, f, N)."""
        return _total(lambda block: block.bend, self.blocks)


def _total(part: Callable[[Block], np.ndarray], blocks: Sequence[Block]) -> np.ndarray:
    first, *others = over(part, blocks)
    return sum(others, start=first)


def over(work: Callable[[Item], Result], blocks: Sequence[Item]) -> list[Result]:
    """Results of `work` for every block, in threads if there are several."""
    return in_threads(work, blocks) if len(blocks) > 1 else [work(block) for block in blocks]


def split(rows: np.ndarray | slice, most: int | None = None) -> list[np.ndarray | slice]:
    """Rows (or a slice of rows) in parts of about one size, at most `most`, else BLOCK_ROWS."""
    is_slice = isinstance(rows, slice)
    first, count = (rows.start, rows.stop - rows.start) if is_slice else (0, len(rows))
    size = -(-count // max(1, -(-count // (most or BLOCK_ROWS))))
    ends = [(i, min(i + size, count)) for i in range(0, max(count, 1), max(size, 1))]
    return [slice(first + i, first + j) if is_slice else rows[i:j] for i, j in ends]


def make_block(rows: np.ndarray | slice, shape: Sequence[int], parts: Sequence[Entries]) -> Block:
    """The matrix of sums in CSC form.

    Args:
      rows: (r,) which they are.
      shape: s, f, N.
      parts: what they add, row after row.
    """
    size = int(np.prod(shape))
    counts = np.concatenate([part.counts for part in parts])
    pointer = np.zeros(len(counts) + 1, np.int32)
    np.cumsum(2 * counts, out=pointer[1:])
    values, index = (
        np.concatenate([getattr(part, name).ravel() for part in parts])
        for name in ("values", "index")
    )
    matrix = sparse.csc_array((values, index, pointer), shape=(size, len(counts)))
    bend = np.sum([part.bend for part in parts], axis=0)
    return Block(rows, matrix, bend.reshape(shape))


def both_sides(sums: np.ndarray, whole: np.ndarray | None = None) -> np.ndarray:
    """Sums (3, f, N, ...) at x, x - B and x + B as those of right and left minima, (2, f, N, ...).

    min(B, relu(x - t)) = relu(x - t) - relu(x - B - t), and the mirrored hinge likewise.

    Args:
      sums: the first at x of the parent's rows; or of all others, if there is a `whole`.
      whole: (f, N, ...), at x of all rows.
    """
    plain = sums[0] if whole is None else whole - sums[0]
    return plain - sums[1:]


def hinges(both: np.ndarray, grid: Grid) -> np.ndarray:
    """<relu(p - t), z> and <relu(t - p), z> with t at every knot, (c, 2, f, K).

    Args:
      both: (2, f, N, c), sums over nodes, for right hinges and left.
      grid: of the f columns.
    """
    columns_first = both.transpose(3, 0, 1, 2)
    found = np.empty((*columns_first.shape[:-1], both.shape[2] - 1))
    if grid.hinge is not None:
        np.matmul(both.swapaxes(2, 3), grid.hinge, out=found.transpose(1, 2, 0, 3))
        return found
    # From the far end: sums beyond a node times the way to the next one add up.
    right, left = columns_first[:, 0, :, :0:-1], columns_first[:, 1, :, :-2]
    gap = grid.gap[:, :-1]
    (right.cumsum(-1) * gap[:, ::-1]).cumsum(-1, out=found[:, 0, :, ::-1])
    found[:, 1, :, 0] = 0
    (left.cumsum(-1) * gap[:, :-1]).cumsum(-1, out=found[:, 1, :, 1:])
    return found


def squared_hinges(both: np.ndarray, bend: np.ndarray, grid: Grid) -> np.ndarray:
    """<relu(p - t)^2, w> and <relu(t - p)^2, w> with t at every knot, (2, f, K).

    With d the way from the far end, relu(p - t)^2 is relu(p - t) (d(t) - d(p)) at nodes; between
    them it lies below the straight line by (p - node) (next node - p).

    Args:
      both: (2, f, N), sums of w over nodes. grid: as of `hinges`.
      bend: (2, f, N), sums of w times that.
    """
    far = np.stack([grid.node[:, -1:] - grid.node, grid.node - grid.node[:, :1]])
    plain, moved = hinges(np.stack([both, both * far], axis=-1), grid)
    below = bend.cumsum(-1)
    right, left = below[0, :, -1:] - below[0] + bend[0], below[1] - bend[1]
    return far[..., :-1] * plain - moved - np.stack([right, left])[..., :-1]
