"""The forward pass on few rows: NumPy on the host, where a device would wait longer than work.

The basis is a matrix of orthonormal columns, and a parent's tables hold only the pairs of hinges
that it allows. Sums over bins give a column's inner products with all of them; see `bins`.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from spline_fc.cpwl import bins as binning
from spline_fc.cpwl.candidates import Head
from spline_fc.cpwl.knots import SearchSpace, leave_spans
from spline_fc.cpwl.pairs import Pairs, best_head, make_pairs, with_columns
from spline_fc.cpwl.search import Limits, Parent, Search

CANCELLED = 1e-6  # squared share that a projection leaves, below which it is done again


@dataclasses.dataclass(kw_only=True)
class _Parent(Parent):
    """A parent with its tables, which are made when it is looked at first."""

    features: np.ndarray  # (f,) int, that may join it
    column: np.ndarray | None  # (n,) its values; None for the constant
    members: np.ndarray | slice  # (r,) rows where it is not 0
    bins: binning.Bins | None = None  # of x - column, x + column and x; of the constant x alone
    gap: np.ndarray | None = None  # (2, f, K), see `bins.hinges`
    taken: np.ndarray | None = None  # (2, p) int, where `bins.hinges` has the pairs
    pairs: Pairs | None = None


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
        self._append(self.root, 0)

    def look(self, parents: Sequence[_Parent], now: int) -> None:
        """Brings some parents up to date with `now` columns, and their heads."""
        for parent in parents:
            if parent.pairs is None:
                self._begin(parent, now)
            elif parent.columns < now:
                new = slice(parent.columns, now)
                sums = parent.bins.sums(self.basis[parent.members, new])
                entry = _taken(parent, binning.hinges(binning.both_sides(sums), parent.gap))
                parent.pairs = with_columns(parent.pairs, entry, self.effects[new])
            parent.columns = now
            limits = self.limits
            parent.head = best_head(parent.pairs, limits.tolerance, limits.max_terms - now)

    def enter(self, parent: _Parent, rss: float, total: float) -> list[Head]:
        """Adds the terms of a parent's best pair; they are parents too if they may grow."""
        head, first = parent.head, len(self.terms)
        self.add_terms(parent, head)
        distance = self.features[head.feature] - self.position(head)
        distance = -distance if head.flipped else distance
        for number in range(first, len(self.terms)):
            column = np.maximum(distance if number == first else -distance, 0)
            if parent.column is not None:
                column = np.minimum(column, parent.column)
            self._append(self.root * column, 1 + number)
            joining = self.partners(number)
            joining = joining[self.varies[joining]]
            if len(joining):
                self.parents.append(
                    _Parent(
                        term=number, features=joining, column=column, members=column.nonzero()[0]
                    )
                )
        return [head]

    def _append(self, column: np.ndarray, place: int) -> None:
        """Puts into the basis what a column has outside the `place` columns there are."""
        before = self.basis[:, :place]
        for _ in range(2):
            length = column @ column
            column = column - before @ (column @ before)
            if column @ column > CANCELLED * length:
                break
        column = column / np.linalg.norm(column)
        self.basis[:, place], self.effects[place] = column, column @ self.y

    def _begin(self, parent: _Parent, now: int) -> None:
        """Places the rows of a parent, and makes its tables with `now` columns in them."""
        values = []
        if parent.column is not None:
            values = [self.root * parent.column]
        rows, gap = parent.members, self.gap[parent.features]
        parent.bins = binning.make_bins(self._sets(parent), self.root[rows], gap.shape[1])
        parent.gap = np.stack([gap[:, ::-1], gap])
        columns = np.column_stack([self.root, *values, self.y, self.basis[:, :now]])
        sums = parent.bins.sums(columns[rows])
        both = binning.both_sides(sums)
        products, first = binning.hinges(both, parent.gap), 1 + len(values)
        norm = self._norm(parent, sums)
        feature, knot = np.nonzero(self._allowed(parent, sums[0, 0, -1]))
        # Right hinges come in falling order of their knots.
        width = gap.shape[1]
        left = (len(gap) + feature) * width + knot
        parent.taken = np.stack([feature * width + width - 1 - knot, left])
        entry = _taken(parent, products)
        made = make_pairs(
            parent.features[feature], knot, _taken(parent, norm[None])[0], entry[first:-now]
        )
        parent.pairs = with_columns(made, entry[-now:], self.effects[:now])

    def _allowed(self, parent: _Parent, active: np.ndarray) -> np.ndarray:
        """Knots (f, K) that spans and linear columns leave, by active rows in every bin."""
        allowed = leave_spans(active, self.usable[parent.features], self.space.spans)
        linear = np.isin(parent.features, list(self.space.linear))[:, None]
        # Of linear columns the first knot alone: on the data its hinge is the linear term.
        return np.where(linear, np.arange(allowed.shape[1]) == 0, allowed)

    def _norm(self, parent: _Parent, sums: np.ndarray) -> np.ndarray:
        """|min(B, h)|^2 = |h|^2 - |relu(h - B)|^2 - 2 <B, relu(h - B)>, (2, f, K)."""
        squares, gap = parent.bins.squares, parent.gap
        plain = binning.squared_hinges(
            binning.both_sides(sums[0, :, -1:]), binning.both_sides(squares[-1:]), gap
        )
        if parent.column is None:
            return plain
        moved, squares = sums[:, :, :2].copy(), squares[:2].copy()
        moved[..., 0, :, :], squares[0] = moved[..., 0, :, ::-1].copy(), squares[0, :, ::-1].copy()
        beyond = (
            binning.squared_hinges(moved[0], squares, gap) + 2 * binning.hinges(moved[1:2], gap)[0]
        )
        return np.maximum(plain - beyond, 0)

    def _sets(self, parent: _Parent) -> list[binning.Places]:
        """Where the members stand: at x - B, x + B and x; those of the constant at x."""
        features, rows = parent.features[:, None], parent.members
        plain = binning.Places(*(table[parent.features][:, rows] for table in self.places))
        if parent.column is None:
            return [plain]
        x, column = self.features[features, rows], parent.column[rows]
        rulers = [self.rulers[v] for v in parent.features]
        return [*(binning.look_up(rulers, x + shift) for shift in (-column, column)), plain]


def _taken(parent: _Parent, table: np.ndarray) -> np.ndarray:
    """Of the hinges (c, 2, f, K) those of the pairs, (c, 2, p)."""
    return table.reshape(len(table), -1)[:, parent.taken]
