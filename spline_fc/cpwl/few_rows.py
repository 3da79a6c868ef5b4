"""The forward pass on few rows: NumPy on the host, so that nothing has to be compiled.

The basis is a matrix of orthonormal columns, and a parent's tables hold only the pairs of hinges
that it allows. Sums over bins give a column's inner products with all of them; see `bins`.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from spline_fc.cpwl import bins as binning
from spline_fc.cpwl.candidates import Head
from spline_fc.cpwl.knots import SearchSpace, leave_spans
from spline_fc.cpwl.pairs import Pairs, best_head, make_pairs, with_columns
from spline_fc.cpwl.search import Limits, Parent, Search

CANCELLED = 1e-6  # squared share that a projection leaves, below which it is done again


class _Seen(NamedTuple):
    """What is known of a parent once it has been looked at."""

    bins: binning.Bins  # of x - column, x + column and x; of the constant x alone
    gap: np.ndarray  # (2, f, K), see `bins.hinges`
    taken: np.ndarray  # (2, p) int, where `bins.hinges` has the pairs
    pairs: Pairs


@dataclasses.dataclass(kw_only=True)
class _Parent(Parent):
    """A parent with its tables, which are made when it is looked at first."""

    features: np.ndarray  # (f,) int, that may join it
    column: np.ndarray | None  # (n,) its values; None for the constant
    members: np.ndarray | slice  # (r,) rows where it is not 0
    seen: _Seen | None = None


class FewRows(Search[_Parent]):
    """The forward pass under way."""

    def __init__(
        self, features: np.ndarray, y: np.ndarray, weights: np.ndarray, space: SearchSpace,
        limits: Limits,
    ) -> None:  # fmt: skip
        self.varies = space.knots[:, 0] < space.knots[:, -1]
        # Where no column varies, one stands for all: nothing can come of it.
        joining = np.flatnonzero(self.varies) if self.varies.any() else np.zeros(1, int)
        super().__init__(
            space, limits, _Parent(term=-1, features=joining, column=None, members=slice(None))
        )
        # Rows of knots end in copies of the last one.
        distinct = 1 + (space.knots < space.knots[:, -1:]).sum(1)
        width = distinct.max()
        self.knots, self.usable = space.knots[:, :width], space.usable[:, :width]
        self.rulers = [binning.ruler(row[:m]) for row, m in zip(self.knots, distinct, strict=True)]
        self.gap = np.diff(self.knots, axis=1, append=self.knots[:, -1:])
        self.features, self.root = features, np.sqrt(weights)
        self.places = binning.look_up(self.rulers, features)
        self.y = y * self.root[:, None]
        self.basis = np.zeros((len(y), limits.max_terms))
        self.effects = np.zeros((limits.max_terms, y.shape[1]))
        self._append(self.root[:, None], 0)

    def look(self, parents: Sequence[_Parent], now: int) -> None:
        """Brings some parents up to date with `now` columns, and their heads."""
        for parent in parents:
            seen = parent.seen
            if seen is None:
                seen = self._begin(parent, now)
            elif parent.columns < now:
                new = slice(parent.columns, now)
                entry = _entry(seen.bins.sums(self.basis[:, new]), seen.gap, seen.taken)
                seen = seen._replace(pairs=with_columns(seen.pairs, entry, self.effects[new]))
            places = self.limits.max_terms - now
            parent.seen, parent.columns = seen, now
            parent.head = best_head(seen.pairs, self.limits.tolerance, places)

    def enter(self, parent: _Parent, rss: float, total: float) -> list[Head]:
        """Adds the terms of a parent's best pair; they are parents too if they may grow."""
        head, first = parent.head, len(self.terms)
        self.add_terms(parent, head)
        distance = self.features[head.feature] - self.position(head)
        distance = -distance if head.flipped else distance
        signs = (1, -1)[: len(self.terms) - first]
        columns = np.maximum(np.multiply.outer(signs, distance), 0)
        if parent.column is not None:
            columns = np.minimum(columns, parent.column)
        self._append((self.root * columns).T, 1 + first)
        for number, column in enumerate(columns, start=first):
            joining = self.partners(number)
            joining = joining[self.varies[joining]]
            if len(joining):
                new = _Parent(
                    term=number, features=joining, column=column, members=column.nonzero()[0]
                )
                self.parents.append(new)
        return [head]

    def _append(self, columns: np.ndarray, place: int) -> None:
        """Puts into the basis what columns (n, c) have outside the `place` columns there are."""
        before, blocks = self.basis[:, :place], binning.split(slice(None), len(columns))
        inner = sum(binning.over(lambda rows: before[rows].T @ columns[rows], blocks))
        rest = np.concatenate(
            binning.over(lambda rows: columns[rows] - before[rows] @ inner, blocks)
        )
        for i in range(place, place + columns.shape[1]):
            column, length = rest[:, i - place], columns[:, i - place] @ columns[:, i - place]
            column = column - self.basis[:, place:i] @ (column @ self.basis[:, place:i])
            if column @ column < CANCELLED * length:
                column = column - self.basis[:, :i] @ (column @ self.basis[:, :i])
            column = column / np.linalg.norm(column)
            self.basis[:, i], self.effects[i] = column, column @ self.y

    def _begin(self, parent: _Parent, now: int) -> _Seen:
        """Places the rows of a parent, and makes its tables with `now` columns in them."""
        gap = self.gap[parent.features]
        values = [] if parent.column is None else [self.root * parent.column]
        parts = binning.split(parent.members, len(self.y))
        bins = binning.Bins(binning.over(lambda rows: self._block(parent, rows), parts))
        sums = bins.sums(np.column_stack([self.root, *values, self.y, self.basis[:, :now]]))
        feature, knot = np.nonzero(self._allowed(parent, sums[0, 0, -1]))
        # Right hinges come in falling order of their knots, before the left ones.
        count, last = gap.size, gap.shape[1] - 1
        place = feature * (last + 1)
        taken = np.stack([place + last - knot, count + place + knot])
        gap = np.stack([gap[:, ::-1], gap])
        entry = _entry(sums, gap, taken)
        norm = _taken(_norm(bins, sums, gap)[None], taken)[0]
        target = entry[1 + len(values) : -now]
        pairs = make_pairs(parent.features[feature], knot, norm, target)
        return _Seen(bins, gap, taken, with_columns(pairs, entry[-now:], self.effects[:now]))

    def _allowed(self, parent: _Parent, active: np.ndarray) -> np.ndarray:
        """Knots (f, K) that spans and linear columns leave, by active rows in every bin."""
        allowed = leave_spans(active, self.usable[parent.features], self.space.spans)
        linear = np.isin(parent.features, list(self.space.linear))[:, None]
        # Of linear columns the first knot alone: on the data its hinge is the linear term.
        return np.where(linear, np.arange(allowed.shape[1]) == 0, allowed)

    def _block(self, parent: _Parent, rows: np.ndarray | slice) -> binning.Block:
        """Some members at x - B, x + B and x; of the constant at x."""
        features = parent.features
        sets = [binning.Places(*(table[features][:, rows] for table in self.places))]
        if parent.column is not None:
            x, column = self.features[features][:, rows], parent.column[rows]
            rulers = [self.rulers[v] for v in features]
            moved = [binning.look_up(rulers, x + shift) for shift in (-column, column)]
            sets = [*moved, *sets]
        return binning.make_block(rows, sets, self.root[rows], self.knots.shape[1])


def _norm(bins: binning.Bins, sums: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """|min(B, h)|^2 = |h|^2 - |relu(h - B)|^2 - 2 <B, relu(h - B)>, (2, f, K).

    The first of the columns that were summed is the constant; of a term, the second is B.
    """
    both, squares = binning.both_sides, bins.squares
    plain = binning.squared_hinges(both(sums[0, :, -1:]), both(squares[-1:]), gap)
    if len(squares) == 1:
        return plain
    # At x - B for right hinges, which take their knots falling, and at x + B for left ones.
    moved = np.stack([sums[:2, :, 0, :, ::-1], sums[:2, :, 1]], axis=2)
    squares = np.stack([squares[0, :, ::-1], squares[1]])
    beyond = binning.squared_hinges(moved[0], squares, gap)
    return np.maximum(plain - beyond - 2 * binning.hinges(moved[1:], gap)[0], 0)


def _entry(sums: np.ndarray, gap: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """Inner products (c, 2, p) of the pairs with c columns, from bin sums of these."""
    return _taken(binning.hinges(binning.both_sides(sums), gap), taken)


def _taken(table: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """Of hinges (c, 2, f, K) those that are taken, (c, 2, p)."""
    return table.reshape(len(table), -1)[:, taken]
