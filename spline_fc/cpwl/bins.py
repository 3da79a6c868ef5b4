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
TABLE = 1 << 17  # values of hinges at nodes, up to which a product is quicker than running sums
FINEST = 1e12  # cells per unit, beyond which positions times that might overflow


Item = TypeVar("Item")
Result = TypeVar("Result")


class Grid(NamedTuple):
    """The nodes of f columns, and how many of the knots lie before each of many cells."""

    node: np.ndarray  # (f, N), distinct knots, ascending, then the greatest value again and again
    last: np.ndarray  # (f,), the last knot
    gap: np.ndarray  # (f, N), node[k + 1] - node[k]; the last is 0
    inverse: np.ndarray  # (f, N), 1 / gap, or 0
    edge: np.ndarray  # (f, N), distinct knots, then infinity
    before: np.ndarray  # (f, CELLS) int, places in `edge`: where to begin to look
    scale: np.ndarray  # (f,), cells per unit
    crowded: np.ndarray  # (f,) bool, too many knots in a cell: `before` says nothing
    hinge: np.ndarray | None  # (2, f, N, K), all hinges at all nodes; None if there are many


def make_grid(knots: np.ndarray, highest: np.ndarray) -> Grid:
    """Prepares knots for being looked up.

    Args:
      knots: (f, K), ascending; rows may end in copies of the last one.
      highest: (f,), the greatest values of the columns.
    """
    first, last = knots[:, 0], knots[:, -1]
    copies = np.diff(knots, axis=1, prepend=-np.inf) == 0
    edge = np.concatenate([np.where(copies, np.inf, knots), np.full((len(knots), 1), np.inf)], 1)
    node = np.minimum(edge, np.maximum(last, highest)[:, None])
    gap = np.diff(node, axis=1, append=node[:, -1:])
    inverse = np.divide(1, gap, out=np.zeros_like(gap), where=gap > 0)
    length = node[:, -1] - first
    scale = np.divide(CELLS - 1, length, out=np.zeros(len(knots)), where=length > 0)
    crowded = scale >= FINEST
    scale[crowded] = 0
    rows = np.arange(len(knots))[:, None]
    cells = ((knots - first[:, None]) * scale[:, None]).astype(np.intp) + CELLS * rows
    count = np.bincount(cells[~copies], minlength=CELLS * len(knots)).reshape(-1, CELLS)
    before = count.cumsum(1) - count + edge.shape[1] * rows
    crowded |= count.max(1) >= CROWDED
    hinge = None
    if 2 * node.size * knots.shape[1] <= TABLE:
        distance = node[:, :, None] - node[:, None, :-1]
        hinge = np.maximum([distance, -distance], 0)
    return Grid(node, last, gap, inverse, edge, before, scale, crowded, hinge)


class Places(NamedTuple):
    """Where m positions stand."""

    row: np.ndarray  # (m,) int, ascending
    set: np.ndarray  # (m,) int
    node: np.ndarray  # (m,) int, the node at or below, as of (f, N)
    share: np.ndarray  # (m,), of the next node; the rest is that of this one


def look_up(grid: Grid, joining: np.ndarray, positions: np.ndarray, inside: np.ndarray) -> Places:
    """Places of positions among the nodes of some columns.

    Args:
      grid: of all columns.
      joining: (g,) int, the columns.
      positions: (r, s, g), none below the first node where it is inside.
      inside: (r, s, g) bool, which are wanted.
    """
    at, (_, num_sets, _) = np.flatnonzero(inside), positions.shape
    row = at // (num_sets * len(joining))
    slot = at - row * (num_sets * len(joining))
    cells = ((positions - grid.node[joining, 0]) * grid.scale[joining]).ravel().take(at)
    cells = cells.astype(np.intp)
    cells += np.tile(CELLS * joining, num_sets).take(slot)
    found, position = grid.before.ravel().take(cells), positions.ravel().take(at)
    edge = grid.edge.ravel()
    # Rounding is monotone: knots of earlier cells are below, those of later ones above.
    late = np.flatnonzero(edge.take(found) <= position)
    if grid.crowded[joining].any():
        column = np.tile(joining, num_sets).take(slot)
        late = late[~grid.crowded[column[late]]]
        for v in joining[grid.crowded[joining]]:
            own, first = np.flatnonzero(column == v), v * grid.edge.shape[1]
            found[own] = first + grid.edge[v].searchsorted(position[own], side="right")
    while late.size:
        found[late] += 1
        late = late[edge.take(found[late]) <= position[late]]
    found -= 1
    position -= grid.node.ravel().take(found)
    position *= grid.inverse.ravel().take(found)
    return Places(row, np.repeat(np.arange(num_sets), len(joining)).take(slot), found, position)


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
        """Sums over nodes, (c, s, f, N), of z (n, c) with the roots of weights in it."""
        found = _total(lambda block: block.sums(columns), self.blocks)
        return found.T.reshape(-1, *self.blocks[0].bend.shape)

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


def split(rows: np.ndarray | slice, num_rows: int) -> list[np.ndarray | slice]:
    """Rows in blocks; a slice means all of them."""
    count = num_rows if isinstance(rows, slice) else len(rows)
    size = -(-count // max(1, -(-count // BLOCK_ROWS)))
    parts = [slice(i, min(i + size, count)) for i in range(0, max(count, 1), max(size, 1))]
    return [part if isinstance(rows, slice) else rows[part] for part in parts]


def make_block(
    grid: Grid, rows: np.ndarray | slice, places: Places, signs: Sequence[int], root: np.ndarray
) -> Block:
    """The matrix of sums in CSC form, row after row of the data: nothing is sorted.

    Args:
      grid: of all f columns.
      rows: (r,) which they are.
      places: of their positions.
      signs: of the s sets of positions.
      root: (r,), square roots of the weights.
    """
    table, half = grid.node.size, len(places.row)
    index, values = np.empty((half, 2), np.int32), np.empty((half, 2))
    begin = places.node + (table * np.arange(len(signs))).take(places.set)
    index[:, 0] = begin
    np.add(index[:, 0], 1, out=index[:, 1])
    size = root.take(places.row)
    bent = size * size * (1 - places.share) * places.share
    bent *= (grid.gap**2).ravel().take(places.node)
    if min(signs) < 0:
        sign = np.array(signs, float).take(places.set)
        size *= sign
        bent *= sign
    np.multiply(size, places.share, out=values[:, 1])
    np.subtract(size, values[:, 1], out=values[:, 0])
    bend = np.bincount(begin, bent, minlength=len(signs) * table)
    pointer = np.zeros(len(root) + 1, np.int32)
    np.cumsum(2 * np.bincount(places.row, minlength=len(root)), out=pointer[1:])
    entries = (values.ravel(), index.ravel(), pointer)
    matrix = sparse.csc_array(entries, shape=(len(signs) * table, len(root)))
    return Block(rows, matrix, bend.reshape(len(signs), *grid.node.shape))


def both_sides(sums: np.ndarray, whole: np.ndarray | None = None) -> np.ndarray:
    """Sums (..., 3, f, N) at x, x - B and x + B as those of right and left minima, (..., 2, f, N).

    min(B, relu(x - t)) = relu(x - t) - relu(x - B - t), and the mirrored hinge likewise.

    Args:
      sums: at x of the parent's rows; or less those of all other rows, if there is a `whole`.
      whole: (..., f, N), at x of all rows.
    """
    plain = sums[..., 0, :, :] if whole is None else sums[..., 0, :, :] + whole
    return plain[..., None, :, :] - sums[..., 1:, :, :]


def hinges(both: np.ndarray, grid: Grid) -> np.ndarray:
    """<relu(p - t), z> and <relu(t - p), z> with t at every knot, (c, 2, f, K).

    Args:
      both: (c, 2, f, N), sums over nodes, for right hinges and left.
      grid: of the f columns.
    """
    found = np.empty((*both.shape[:-1], both.shape[-1] - 1))
    if grid.hinge is not None:
        signs_first = (1, 2, 0, 3)
        np.matmul(both.transpose(signs_first), grid.hinge, out=found.transpose(signs_first))
        return found
    # From the far end: sums beyond a node times the way to the next one add up.
    gap, right, left = grid.gap[:, :-1], both[:, 0, :, :0:-1], both[:, 1, :, :-2]
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
    plain, moved = hinges(np.stack([both, both * far]), grid)
    below = bend.cumsum(-1)
    right, left = below[0, :, -1:] - below[0] + bend[0], below[1] - bend[1]
    return far[..., :-1] * plain - moved - np.stack([right, left])[..., :-1]
