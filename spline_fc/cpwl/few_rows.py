"""The forward pass on few rows: NumPy on the host, where a device would wait longer than work.

The basis is a matrix of orthonormal columns, so a column enters the tables of a parent by its inner
products with the candidates alone. Those come from sums over bins, as elsewhere; here the sums are
products with a sparse matrix that is made once for every parent, in one pass for all columns.

Axis names below: two signs (0 is relu(x - t), 1 is relu(t - x)), f features that may join the
parent, K knots, k outputs, c columns. All arrays are float64.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse

from spline_fc.cpwl.candidates import TIE, Head
from spline_fc.cpwl.knots import SearchSpace, leave_spans
from spline_fc.cpwl.search import UNSEEN, Limits, Parent, Search

CANCELLED = 1e-6  # squared share that a projection leaves, below which it is done again
CELLS = 4096  # of equal length, into which a column is divided to look up knots
CROWDED = 3  # knots in one cell from which a binary search is quicker


class _Places(NamedTuple):
    """Where r rows stand among the knots of f columns: features first."""

    bin: np.ndarray  # (f, r) int, how many knots are at or below
    offset: np.ndarray  # (f, r), from the left edge of the bin

    def of(self, features: np.ndarray, rows: np.ndarray) -> "_Places":
        """Those of some columns and rows."""
        inside = np.ix_(features, rows)
        return _Places(self.bin[inside], self.offset[inside])


class _Ruler(NamedTuple):
    """The knots of a column, and how many lie in the cells before each one."""

    knots: np.ndarray  # (m,), distinct, ascending
    edge: np.ndarray  # (m + 1,), the knots and infinity
    before: np.ndarray | None  # (CELLS,) int, None if they are crowded
    most: int  # knots in one cell
    scale: float  # cells per unit

    def bins(self, positions: np.ndarray) -> np.ndarray:
        """How many knots are at or below each position, int."""
        if self.before is None:
            return self.knots.searchsorted(positions, side="right")
        # Rounding is monotone: knots in an earlier cell are below, in a later one they are above.
        found = self.before[_cell(positions, self.knots[0], self.scale)]
        for _ in range(self.most):
            found += self.edge[found] <= positions
        return found


def _cell(positions: np.ndarray, first: float, scale: float) -> np.ndarray:
    return np.clip((positions - first) * scale, 0, CELLS - 1).astype(np.intp)


def _ruler(knots: np.ndarray) -> _Ruler:
    edge = np.append(knots, np.inf)
    length = knots[-1] - knots[0]
    scale = CELLS / length if length > 0 else 0.0
    if not 0 < scale < np.inf:
        return _Ruler(knots, edge, None, 0, 0.0)
    count = np.bincount(_cell(knots, knots[0], scale), minlength=CELLS)
    before = count.cumsum() - count
    most = int(count.max())
    return _Ruler(knots, edge, before if most < CROWDED else None, most, scale)


class _Bins(NamedTuple):
    """Sums over the bins of s sets of places: of a vector, and of the vector times the offset."""

    matrix: sparse.csc_array  # (2 s f (K + 1), r), with the root of the weights in it
    squares: np.ndarray  # (s, f, K), sums of weight * offset**2
    shape: tuple[int, int, int, int]  # 2, s, f, K + 1

    def sums(self, columns: np.ndarray) -> np.ndarray:
        """Sums (c, 2, s, f, K) of columns (r, c) that have the root of the weights in them."""
        found = np.ascontiguousarray((self.matrix @ columns).T)
        return found.reshape(-1, *self.shape)[..., 1:]


class _Tables(NamedTuple):
    """Everything known of the candidates c of one parent, with Q the orthonormal basis so far."""

    norm: np.ndarray  # (2, f, K), |c|^2
    share: np.ndarray  # (2, f, K), 1 / |c|^2, or 0
    remainder: np.ndarray  # (2, f, K), |c - QQ'c|^2
    cross: np.ndarray  # (f, K), <c_0, (I - QQ') c_1> of a reflected pair
    residual: np.ndarray  # (k, 2, f, K), <c, y - QQ'y>
    allowed: np.ndarray  # (f, K) bool, knots that spans and constraints leave


@dataclasses.dataclass(kw_only=True)
class _Parent(Parent):
    """A parent with its tables, which are made when it is looked at first."""

    features: np.ndarray  # (f,) int, that may join it
    column: np.ndarray | None  # (n,) its values; None for the constant
    members: np.ndarray | None = None  # (r,) rows where it is not 0; None for all
    bins: _Bins | None = None  # of x - column, x + column and x; of the constant x alone
    tables: _Tables | None = None


class FewRows(Search[_Parent]):
    """The forward pass under way."""

    def __init__(
        self, features: np.ndarray, y: np.ndarray, weights: np.ndarray, space: SearchSpace,
        limits: Limits,
    ) -> None:  # fmt: skip
        self.varies = space.knots[:, 0] < space.knots[:, -1]
        # Where no column varies, one stands for all: nothing can come of it.
        joining = np.flatnonzero(self.varies) if self.varies.any() else np.zeros(1, int)
        super().__init__(space, limits, _Parent(term=-1, features=joining, column=None))
        # Rows of knots end in copies of the last one.
        distinct = 1 + (space.knots < space.knots[:, -1:]).sum(1)
        width = distinct.max()
        self.knots, self.usable = space.knots[:, :width], space.usable[:, :width]
        self.rulers = [_ruler(row[:m]) for row, m in zip(self.knots, distinct, strict=True)]
        self.gap = np.diff(self.knots, axis=1, append=self.knots[:, -1:])
        self.features, self.root = features, np.sqrt(weights)
        self.places = self._look_up(np.arange(len(features)), features)
        self.y = y * self.root[:, None]
        self.basis = np.zeros((len(y), limits.max_terms))
        self.effects = np.zeros((limits.max_terms, y.shape[1]))
        self._append(self.root, 0)

    def look(self, parents: Sequence[_Parent], now: int) -> None:
        """Brings some parents up to date with `now` columns, and their heads."""
        for parent in parents:
            if parent.tables is None:
                self._begin(parent, now)
            elif parent.columns < now:
                entry = self._products(parent, self.basis[:, parent.columns : now])
                effects = self.effects[parent.columns : now]
                parent.tables = _with_columns(parent.tables, entry, effects)
            parent.columns = now
            places = self.limits.max_terms - now
            parent.head = best_head(parent.tables, parent.features, self.limits.tolerance, places)

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
                self.parents.append(_Parent(term=number, features=joining, column=column))
        self.parents[0].head = UNSEEN  # it is looked at in every step
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
        column, rows = parent.column, slice(None)
        if column is not None:
            parent.members = rows = np.flatnonzero(column > 0)
        sets = self._sets(parent)
        parent.bins = _bins(sets, self.root[rows], self.knots.shape[1])
        values = [] if column is None else [self.root * column]
        columns = np.column_stack([self.root, *values, self.y, self.basis[:, :now]])
        sums, gap = parent.bins.sums(columns[rows]), self.gap[parent.features]
        products = _minima(sums, gap)
        norm = self._norm(parent, sums)
        allowed = leave_spans(sums[0, 0, -1], self.usable[parent.features], self.space.spans)
        linear = np.isin(parent.features, list(self.space.linear))[:, None]
        # Of linear columns the first knot alone: on the data its hinge is the linear term.
        allowed = np.where(linear, np.arange(gap.shape[1]) == 0, allowed)
        share = np.divide(1, norm, out=np.zeros_like(norm), where=norm > 0)
        target = products[1 + len(values) : -now]
        made = _Tables(norm, share, norm, np.zeros(norm.shape[1:]), target, allowed)
        parent.tables = _with_columns(made, products[-now:], self.effects[:now])

    def _norm(self, parent: _Parent, sums: np.ndarray) -> np.ndarray:
        """|min(B, h)|^2 = |h|^2 - |relu(h - B)|^2 - 2 <B, relu(h - B)>, (2, f, K)."""
        gap, squares = self.gap[parent.features], parent.bins.squares
        plain = _squared_hinges(sums[0, :, [-1, -1]], squares[[-1, -1]], gap)
        if parent.column is None:
            return plain
        taken = _squared_hinges(np.moveaxis(sums[0, :, :2], 1, 0), squares[:2], gap)
        twice = 2 * _hinges(sums[1:2, 0, :2], sums[1:2, 1, :2], gap)[0]
        return np.maximum(plain - taken - twice, 0)

    def _sets(self, parent: _Parent) -> list[_Places]:
        """Where the members stand: at x - B, x + B and x; those of the constant at x."""
        if parent.members is None:
            return [self.places.of(parent.features, np.arange(len(self.y)))]
        rows = parent.members
        x, column = self.features[np.ix_(parent.features, rows)], parent.column[rows]
        moved = [self._look_up(parent.features, x + shift) for shift in (-column, column)]
        return [*moved, self.places.of(parent.features, rows)]

    def _look_up(self, which: np.ndarray, positions: np.ndarray) -> _Places:
        """Places of (f, r) positions among the knots of the columns `which`."""
        bins, edges = np.empty(positions.shape, np.int32), np.empty(positions.shape)
        for f, v in enumerate(which):
            bins[f] = self.rulers[v].bins(positions[f])
            edges[f] = self.rulers[v].knots[np.maximum(bins[f] - 1, 0)]
        return _Places(bins, positions - edges)

    def _products(self, parent: _Parent, columns: np.ndarray) -> np.ndarray:
        """Inner products of the candidates of a parent with columns (n, c), (c, 2, f, K)."""
        rows = slice(None) if parent.members is None else parent.members
        return _minima(parent.bins.sums(columns[rows]), self.gap[parent.features])


def _bins(sets: list[_Places], root: np.ndarray, num_knots: int) -> _Bins:
    """The matrix of bin sums, row after row of the data in CSC form: nothing is sorted."""
    num_features, num_rows = sets[0].bin.shape
    shape = (2, len(sets), num_features, num_knots + 1)
    index = np.empty((num_rows, *shape[:3]), np.int32)
    values = np.empty(index.shape)
    values[:, 0] = root[:, None, None]
    first = np.arange(num_features)[:, None] * shape[3]
    for s, places in enumerate(sets):
        index[:, 0, s] = (places.bin + (first + s * num_features * shape[3])).T
        values[:, 1, s] = (places.offset * root).T
    half = shape[1] * shape[2] * shape[3]
    index[:, 1] = index[:, 0] + half
    squares = np.bincount(index[:, 0].ravel(), (values[:, 1] ** 2).ravel(), minlength=half)
    pointer = np.arange(num_rows + 1, dtype=np.int32) * index[0].size
    matrix = sparse.csc_array((values.ravel(), index.ravel(), pointer), shape=(2 * half, num_rows))
    return _Bins(matrix, squares.reshape(shape[1:])[..., 1:], shape)


def _minima(sums: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """<min(B, hinge), z> for both signs, (c, 2, f, K), from sums at x - B, x + B and x.

    min(B, relu(x - t)) = relu(x - t) - relu(x - B - t), and the mirrored hinge likewise.
    """
    plain = sums[:, :, -1:]
    both = plain - sums[:, :, :-1] if sums.shape[2] > 1 else np.repeat(plain, 2, axis=2)
    return _hinges(both[:, 0], both[:, 1], gap)


def _hinges(count: np.ndarray, first: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """<relu(p - t_k), z> and <relu(t_k - p), z> for every knot, (c, 2, f, K); see `moments.hinges`.

    Args:
      count, first: (c, 2, f, K), bin sums of z and z * offset, where right and left hinges stand.
      gap: (f, K), t_{k+1} - t_k, the last 0.
    """
    found = np.zeros(count.shape)
    gained = _beyond(count)
    gained *= gap
    gained[:, 0] += first[:, 0]
    gained[:, 1] -= first[:, 1]
    np.cumsum(gained[:, 0, :, ::-1], -1, out=found[:, 0, :, ::-1])
    np.cumsum(gained[:, 1, :, :-1], -1, out=found[:, 1, :, 1:])
    return found


def _beyond(count: np.ndarray) -> np.ndarray:
    """Sums over the bins right of each one, and over those up to each one, (..., 2, f, K)."""
    passed = np.zeros(count.shape)
    np.cumsum(count[..., 0, :, :0:-1], -1, out=passed[..., 0, :, -2::-1])
    np.cumsum(count[..., 1, :, :], -1, out=passed[..., 1, :, :])
    return passed


def _squared_hinges(sums: np.ndarray, squares: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """<relu(p - t_k)^2, w> and <relu(t_k - p)^2, w>, (2, f, K); see `moments.squared_hinges`.

    Args:
      sums: (2, 2, f, K), for right and left hinges the bin sums of w and w * offset.
      squares: (2, f, K), those of w * offset**2.
    """
    count, first = sums[:, 0], sums[:, 1]
    hinges = _hinges(count[None], first[None], gap)[0]
    beyond = _beyond(count)
    right = squares[0] + 2 * gap * np.roll(hinges[0], -1, -1) + gap**2 * beyond[0]
    # In the bin of its own a left hinge is gap - offset, plus what it was at the left edge.
    left = gap**2 * (beyond[1]) - 2 * gap * first[1] + squares[1] + 2 * gap * hinges[1]
    found = np.zeros((2, *gap.shape))
    found[0, :, ::-1] = right[:, ::-1].cumsum(-1)
    found[1, :, 1:] = left[:, :-1].cumsum(-1)
    return found


def _with_columns(known: _Tables, entry: np.ndarray, effects: np.ndarray) -> _Tables:
    """Lets c orthonormal columns enter: their products (c, 2, f, K) and effects (c, k)."""
    flat = entry.reshape(len(entry), -1)
    squares = np.einsum("cp,cp->p", flat, flat).reshape(known.norm.shape)
    return known._replace(
        remainder=known.remainder - squares,
        cross=known.cross - np.einsum("cfk,cfk->fk", entry[:, 0], entry[:, 1]),
        residual=known.residual - (effects.T @ flat).reshape(known.residual.shape),
    )


def best_head(known: _Tables, features: np.ndarray, tolerance: float, places: int) -> Head:
    """The pair that lowers the residual sum of squares most; see `candidates.best_pair`."""
    remainder, residual, cross = known.remainder, known.residual, known.cross
    relative = remainder * known.share
    independent = relative > tolerance
    flipped = relative[1] > relative[0]
    if places < 2:
        alone = (residual**2).sum(0) / np.where(independent, remainder, np.inf)
        better = np.abs(alone[1] - alone[0]) > 1e-6 * np.maximum(alone[0], alone[1])
        flipped = np.where(better, alone[1] > alone[0], flipped)
    usable = known.allowed & np.where(flipped, independent[1], independent[0])
    first = np.where(flipped, remainder[1], remainder[0])
    first = np.where(usable, first, 1.0)
    r_first = np.where(flipped, residual[:, 1], residual[:, 0])
    gain = (r_first * r_first).sum(0) / first
    slope = cross / first
    second = np.where(flipped, remainder[0], remainder[1]) - slope * cross
    paired = usable & (second > tolerance * np.where(flipped, known.norm[0], known.norm[1]))
    if places > 1:
        r_second = np.where(flipped, residual[:, 0], residual[:, 1]) - slope * r_first
        gain += np.where(paired, (r_second * r_second).sum(0), 0) / np.where(paired, second, 1.0)
    gain = np.where(usable, gain, 0.0).ravel()
    place = int((gain >= (1 - TIE) * gain.max(initial=0.0)).argmax())
    feature, knot = divmod(place, cross.shape[1])
    pair = bool(flipped[feature, knot]), bool(paired[feature, knot] and places > 1)
    return Head(float(gain[place]), int(features[feature]), knot, *pair)
