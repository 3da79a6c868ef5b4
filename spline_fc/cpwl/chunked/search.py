"""The forward pass of an additive fit on rows in chunks.

Columns are looked at when a hinge of theirs is chosen, a few of the most promising ones in one
pass: a fit takes fewer passes than it bends along columns, and keeps nothing for a row.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from spline_fc.cpwl import bins as binning
from spline_fc.cpwl import candidates as tables
from spline_fc.cpwl.chunked import tables as joint
from spline_fc.cpwl.chunked.scaling import Block, ScaledChunks
from spline_fc.cpwl.forward import ForwardTrace, grow
from spline_fc.cpwl.knots import SearchSpace, Spans
from spline_fc.cpwl.search import Limits, Parent, Search
from spline_fc.cpwl.stopping import Stop
from spline_fc.cpwl.terms import Term

TOGETHER = 4  # columns that are looked at in one pass, at most
PROMISING = 0.1  # share of the best gain from which a column is looked at with the best one
HELD_BYTES = 1 << 28  # of tables that are kept; those used longest ago make room, one always stays


class ChunkedSearch(Search[Parent]):
    """The forward pass under way; made and used where x64 is enabled.

    Attributes:
      total: weighted sum of squares of the targets.
    """

    def __init__(self, columns: ScaledChunks, space: SearchSpace, limits: Limits) -> None:
        super().__init__(space, limits, Parent(term=-1, columns=1))
        self.grid = binning.make_grid(space.knots, space.knots[:, -1])
        self.columns, self.knots = columns, jnp.asarray(space.knots, float)
        self.kind = np.uint8 if space.knots.shape[1] <= 256 else np.int32
        self.known: dict[int, jax.Array] = {}  # by column, the last one used at the end
        self.total, sums, totals = self._sums()
        linear = np.isin(np.arange(len(columns)), list(space.linear))
        given = joint.Start(self.knots, space.usable, linear, Spans(*map(np.float64, space.spans)))
        self.candidates, self.choice = joint.start(
            sums, totals, given, limits.tolerance, max_terms=limits.max_terms
        )

    def look(self, parents: Sequence[Parent], now: int) -> None:
        """Brings the head of the constant, whose tables are always up to date."""
        (constant,) = parents
        (constant.head,) = tables.read_heads([self.choice.head])
        constant.columns = now

    def enter(self, parent: Parent, rss: float, total: float) -> list[tables.Head]:
        """Adds the terms of the best pair."""
        head, first, limits = parent.head, 1 + len(self.terms), self.limits
        self.add_terms(parent, head)
        if 1 + len(self.terms) < limits.max_terms:  # else nobody looks at the tables again
            self.candidates, self.choice = joint.advance(
                self.candidates, self.choice, self._joint(head.feature), self.knots, first,
                limits.tolerance, max_terms=limits.max_terms,
            )  # fmt: skip
        return [head]

    def _sums(self) -> tuple[float, jax.Array, np.ndarray]:
        """Of a pass: the total, sums over the bins of each column, and of all rows."""
        outputs = len(self.columns.data.mean)
        sums = jnp.zeros((*self.knots.shape, 2 * (1 + outputs) + 1))
        total, totals = 0.0, np.zeros(1 + outputs)
        for squares, rows, placed in self.columns.blocks(self._placed):
            sums, total, totals = joint.add_single(sums, placed), total + squares, totals + rows
        return total, sums, totals

    def _placed(self, block: Block) -> tuple[float, np.ndarray, joint.Placed]:
        """Sum of squares, sums and places of the rows of a block, filled up with weight 0."""
        more = self.columns.block_rows - len(block.y)
        columns = np.stack([block.weights, *(block.weights * block.y.T)])
        squares = float(block.weights @ (block.y**2).sum(1))
        placed = joint.Placed(*self._looked_up(block.columns), columns)
        if more:  # the last block
            placed = joint.Placed(*(np.pad(part, ((0, 0), (0, more))) for part in placed))
        return squares, columns.sum(1), placed

    def _looked_up(self, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Bins of positions (D, n), and offsets from their left edges."""
        grid, node = self.grid, self.grid.node.ravel()
        bins, offsets = np.empty(columns.shape, self.kind), np.empty(columns.shape)
        for v, positions in enumerate(columns):
            positions = np.maximum(positions, grid.node[v, 0])
            cells = binning.cells_of(grid, np.array(v), np.minimum(positions, grid.last[v]))
            found, _ = binning.look_up(grid, cells, positions)
            bins[v] = found - v * grid.node.shape[1]
            np.subtract(positions, node.take(found), out=offsets[v])
        return bins, offsets

    def _joint(self, feature: int) -> jax.Array:
        """Sums over joint bins with a column, by a pass if they are not there."""
        if feature not in self.known:
            self._look_at(feature)
        self.known[feature] = found = self.known.pop(feature)
        return found

    def _look_at(self, feature: int) -> None:
        """One pass over the data for a column and a few others that promise nearly as much."""
        shape = (len(self.columns), *(self.knots.shape[1],) * 2, joint.KINDS)
        held = max(1, HELD_BYTES // (8 * int(np.prod(shape))))
        gain = np.array(joint.promises(self.candidates, self.limits.tolerance), float)
        gain[list(self.known)] = 0  # these are there
        gain[feature] = np.inf
        first, *others = np.argsort(-gain, kind="stable")[: min(TOGETHER, held)]
        least = PROMISING * max(self.parents[0].head.gain, 0)
        which = [int(v) for v in (first, *(v for v in others if gain[v] > least))]
        for old in list(self.known)[: max(0, len(self.known) + len(which) - held)]:
            del self.known[old]
        for v in which:
            self.known[v] = jnp.zeros(shape)
        for _, _, placed in self.columns.blocks(self._placed):
            placed = jax.device_put(placed)
            for v in which:
                self.known[v] = joint.add_joint(self.known[v], placed, v)


def forward_in_chunks(
    columns: ScaledChunks, space: SearchSpace, limits: Limits,
    on_step: Callable[[int, float], None] | None,
) -> tuple[list[Term], ForwardTrace, Stop]:  # fmt: skip
    """Does what `forward.forward` does."""
    with jax.enable_x64(True):
        search = ChunkedSearch(columns, space, limits)
        return grow(lambda: search, search.total, limits, on_step)
