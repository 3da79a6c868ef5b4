"""The forward pass on few rows: NumPy on the host, so that nothing has to be compiled.

The basis is a matrix of orthonormal columns. Sums over nodes give a column's inner products with
all pairs of hinges; see `bins`. Parents that are looked at together share their calls of NumPy.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from spline_fc.cpwl import bins as binning
from spline_fc.cpwl import pairs as tables
from spline_fc.cpwl.candidates import Head
from spline_fc.cpwl.knots import SearchSpace, leave_spans
from spline_fc.cpwl.search import Limits, Parent, Search

CANCELLED = 1e-6  # squared share that a projection leaves, below which it is done again
MOSTLY = 0.7  # share of candidates from which the others are no work worth saving
TOGETHER = 1 << 16  # numbers in the tables of parents that are looked at together


@dataclasses.dataclass(kw_only=True)
class _Parent(Parent):
    """A parent with its sums, which are prepared when it is looked at first."""

    place: int  # of its tables
    features: np.ndarray  # (f,) int, that may join it
    column: np.ndarray | None  # (n,) its values; None for the constant
    members: np.ndarray | slice  # (r,) rows where it is not 0
    bins: binning.Bins | None = None  # of x, x - column and x + column
    most: bool = False  # the rows where it is 0 are less work than those where it is not


class FewRows(Search[_Parent]):
    """The forward pass under way."""

    def __init__(
        self, features: np.ndarray, y: np.ndarray, weights: np.ndarray, space: SearchSpace,
        limits: Limits,
    ) -> None:  # fmt: skip
        self.varies = space.knots[:, 0] < space.knots[:, -1]
        # Where no column varies, one stands for all: nothing can come of it.
        joining = np.flatnonzero(self.varies) if self.varies.any() else np.zeros(1, int)
        self.everywhere = slice(0, len(y))
        made = dict(features=joining, column=None, members=self.everywhere)
        super().__init__(space, limits, _Parent(term=-1, place=0, **made))
        # Rows of knots end in copies of the last one.
        width = 1 + (space.knots < space.knots[:, -1:]).sum(1).max()
        knots, self.usable = space.knots[:, :width], space.usable[:, :width]
        self.grid = binning.make_grid(knots, features.max(1))
        self._list_pairs()
        self.features, self.rows = features, np.ascontiguousarray(features.T)
        self.root, self.bin = np.sqrt(weights), np.empty(self.rows.shape, np.int32)
        self.even = bool((weights == weights[0]).all())
        self.bins = self._bins_of_constant()
        num_outputs = y.shape[1]
        self.columns = np.zeros((len(y), num_outputs + limits.max_terms))
        self.columns[:, :num_outputs] = self.y = y * self.root[:, None]
        self.basis = self.columns[:, num_outputs:]
        # Memory that is not written to is not taken.
        self.whole, self.known = np.empty((*self.grid.node.shape, self.columns.shape[1])), 0
        self.effects = np.zeros((limits.max_terms, y.shape[1]))
        self.tables = np.empty((limits.max_terms, 5 + 2 * y.shape[1], len(self.knot)))
        self._append(self.root[:, None], 0)

    def _list_pairs(self) -> None:
        """All pairs that any parent may allow, (p,), or simply all if these are not many more."""
        linear = np.isin(np.arange(len(self.varies)), list(self.space.linear))
        # Of linear columns the first knot alone: on the data its hinge is the linear term.
        first = np.arange(self.usable.shape[1]) == 0
        self.usable = np.where(linear[:, None], first, self.usable) & self.varies[:, None]
        self.linear = linear[:, None] & self.usable
        listed = self.usable | (self.usable.mean() > MOSTLY)
        self.feature, self.knot = np.nonzero(listed)
        self.taken = slice(None) if listed.all() else np.flatnonzero(listed)

    def look(self, parents: Sequence[_Parent], now: int) -> None:
        """Brings some parents up to date with `now` columns, and their heads."""
        size = max(1, TOGETHER // max(1, len(self.knot)))
        for i in range(0, len(parents), size):
            self._look_together(parents[i : i + size], now)

    def _look_together(self, parents: Sequence[_Parent], now: int) -> None:
        if not len(self.knot):
            for parent in parents:
                parent.columns, parent.head = now, Head(0.0, 0, 0, False, False)
            return
        last = self.y.shape[1] + now
        both = [
            self._sums(p, last - now + p.columns, last) if p.columns else self._begin(p, now)
            for p in parents
        ]
        counts, places = [part.shape[-1] for part in both], [p.place for p in parents]
        effects = np.concatenate([self.effects[now - count : now] for count in counts])
        entry = self._of_pairs(np.concatenate(both, axis=-1) if len(both) > 1 else both[0])
        alone = slice(places[0], places[0] + 1) if len(places) == 1 else None
        pairs = tables.Pairs(self.tables[places if alone is None else alone])
        tables.enter(pairs, counts, entry, effects)
        if alone is None:  # these were copies
            self.tables[places] = pairs.table
        best = tables.best_pairs(pairs, self.limits.tolerance, self.limits.max_terms - now)
        pair = best.pair
        found = (best.gain, self.feature[pair], self.knot[pair], best.flipped, best.paired)
        for parent, *head in zip(parents, *(field.tolist() for field in found), strict=True):
            parent.columns, parent.head = now, Head(*head)

    def enter(self, parent: _Parent, rss: float, total: float) -> list[Head]:
        """Adds the terms of a parent's best pair; they are parents too if they may grow."""
        head, first = parent.head, len(self.terms)
        self.add_terms(parent, head)
        distance = self.features[head.feature] - self.position(head)
        distance = -distance if head.flipped else distance
        columns = np.stack([distance, -distance][: len(self.terms) - first])
        np.maximum(columns, 0, out=columns)
        if parent.column is not None:
            columns = np.minimum(columns, parent.column)
        self._append((self.root * columns).T, 1 + first)
        for number, column in enumerate(columns, start=first):
            joining = self.partners(number)
            joining = joining[self.varies[joining]]
            if len(joining):
                members = column.nonzero()[0]
                most = 2 * len(members) > len(column)
                made = dict(features=joining, column=column, members=members, most=most)
                self.parents.append(_Parent(term=number, place=1 + number, **made))
        return [head]

    def _append(self, columns: np.ndarray, place: int) -> None:
        """Puts into the basis what columns (n, c) have outside the `place` columns there are."""
        before, blocks = self.basis[:, :place], binning.split(self.everywhere)
        inner = sum(binning.over(lambda rows: before[rows].T @ columns[rows], blocks))
        rest = np.concatenate(
            binning.over(lambda rows: columns[rows] - before[rows] @ inner, blocks)
        )
        for i, (column, raw) in enumerate(zip(rest.T, columns.T, strict=True), start=place):
            if i > place:
                column = column - self.basis[:, place:i] @ (column @ self.basis[:, place:i])
            square = column @ column
            if square < CANCELLED * (raw @ raw):
                column = column - self.basis[:, :i] @ (column @ self.basis[:, :i])
                square = column @ column
            self.basis[:, i] = column / np.sqrt(square)
            self.effects[i] = self.basis[:, i] @ self.y

    def _whole(self, first: int, last: int) -> np.ndarray:
        """Sums over nodes (f, N, c) of some columns (targets, then the basis) on all rows."""
        if self.known < last:
            new = slice(self.known, last)
            self.whole[..., new], self.known = self.bins.sums(self.columns[:, new])[0], last
        return self.whole[..., first:last]

    def _sums(self, parent: _Parent, first: int, last: int) -> np.ndarray:
        """Sums over nodes (2, f, N, c) of some columns on the rows of a parent."""
        if parent.column is None:
            whole = self._whole(first, last)
            return np.broadcast_to(whole, (2, *whole.shape))
        sums = self._bins(parent, parent.column).sums(self.columns[:, first:last])
        return binning.both_sides(sums, self._whole(first, last) if parent.most else None)

    def _of_pairs(self, both: np.ndarray) -> np.ndarray:
        """Inner products (c, 2, p) of the pairs with c columns, from sums (2, f, N, c) of these."""
        return self._taken(binning.hinges(both, self.grid))

    def _taken(self, table: np.ndarray) -> np.ndarray:
        """Of hinges (..., 2, f, K) those of the pairs, (..., 2, p)."""
        return table.reshape(*table.shape[:-2], -1)[..., self.taken]

    def _begin(self, parent: _Parent, now: int) -> np.ndarray:
        """Prepares a parent's sums and tables; sums over nodes (2, f, N, now) of all columns."""
        num_outputs = self.y.shape[1]
        both = self._sums(parent, 0, num_outputs + now)
        # The first column of the basis is the constant, but for its length.
        constant = both[..., num_outputs] * np.linalg.norm(self.root)
        if parent.column is None:
            bend = np.repeat(self.bins.bend, 2, axis=0)
            norm = binning.squared_hinges(constant, bend, self.grid)
        else:
            bins = self._bins(parent, parent.column)
            bend = binning.both_sides(bins.bend, self.bins.bend[0] if parent.most else None)
            # min(B, h)^2 = h^2 - relu(h - B)^2 - 2 B relu(h - B)
            column = (self.root * parent.column)[:, None]
            moved = binning.hinges(bins.sums(column)[1:], self.grid)[0]
            norm = binning.squared_hinges(constant, bend, self.grid) - 2 * moved
        norm = np.maximum(norm, 0)
        allowed = self._allowed(parent)[self.feature, self.knot]
        target = self._of_pairs(both[..., :num_outputs])
        self.tables[parent.place] = tables.start(self._taken(norm), allowed, target)
        return both[..., num_outputs:]

    def _allowed(self, parent: _Parent) -> np.ndarray:
        """Candidates (f, K) that spans leave to a parent, by its rows in every bin."""
        allowed, features = np.zeros(self.usable.shape, bool), parent.features
        bins, weights = self.bin[parent.members].ravel(), None
        if not self.even:
            weights = np.repeat(self.root[parent.members] ** 2, len(self.varies))
        count = np.bincount(bins, weights, minlength=self.grid.node.size)
        if self.even:
            count = count * self.root[0] ** 2
        active = count.reshape(self.grid.node.shape)[features, :-1]
        left = leave_spans(active, self.usable[features], self.space.spans)
        allowed[features] = left | self.linear[features]
        return allowed

    def _bins_of_constant(self) -> binning.Bins:
        """Sums at x of all rows; the bins of these are kept."""
        every = np.arange(len(self.varies))

        def entries(rows: slice) -> binning.Entries:
            x = self.rows[rows, None]
            found = binning.make_entries(self.grid, every, x, None, self._roots(rows))
            self.bin[rows] = found.node.reshape(len(x), -1)
            return found

        return self._make_bins(self.everywhere, 1, len(every), entries)

    def _bins(self, parent: _Parent, column: np.ndarray) -> binning.Bins:
        """Sums of a parent's rows at x, x - B and x + B, made when they are needed first.

        Where these are most rows, at x those of all others: less work as sums of all are known.
        """
        if parent.bins is not None:
            return parent.bins
        features, grid = parent.features, self.grid

        def entries(rows: np.ndarray | slice) -> binning.Entries:
            x, values = self.rows[rows][:, features], column[rows][:, None]
            positions = np.stack([x, x - values, x + values], axis=1)
            inside = np.ones(positions.shape, bool)
            # Below the first node no right hinge is left, beyond the last knot no left one.
            np.greater(positions[:, 1], grid.node[features, 0], out=inside[:, 1])
            np.less(positions[:, 2], grid.last[features], out=inside[:, 2])
            if parent.most:
                inside[:, 0] = values == 0
                inside[:, 1:] &= values[:, None] > 0
            return binning.make_entries(grid, features, positions, inside, self._roots(rows))

        rows = self.everywhere if parent.most else parent.members
        parent.bins = self._make_bins(rows, 3, 3 * len(features), entries)
        return parent.bins

    def _roots(self, rows: np.ndarray | slice) -> np.ndarray | float:
        """Square roots of the weights of some rows, or that of all."""
        return float(self.root[0]) if self.even else self.root[rows]

    def _make_bins(
        self, rows: np.ndarray | slice, num_sets: int, width: int, entries: Callable
    ) -> binning.Bins:
        """Sums of rows that have `width` positions each, from what makes the entries of some."""
        shape = (num_sets, *self.grid.node.shape)

        def block(part: np.ndarray | slice) -> binning.Block:
            pieces = binning.split(part, max(1, binning.PIECE // width))
            return binning.make_block(part, shape, [entries(piece) for piece in pieces])

        return binning.Bins(binning.over(block, binning.split(rows)))
