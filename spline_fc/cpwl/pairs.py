"""Tables over the pairs of hinges that parents allow, in NumPy, and the best pair of each.

What `candidates` is for compiled code. The basis Q is explicit here: a column enters by its inner
products with the candidates alone. Several parents are worked on at once, as calls of NumPy cost
more than what they do. Axis names: b parents, two signs, p pairs, k outputs, c columns.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from spline_fc.cpwl.candidates import TIE


class Pairs(NamedTuple):
    """What is known of p reflected pairs of candidates c_0, c_1, of b parents; float64."""

    table: np.ndarray  # (b, 5 + 2 k, p), all that follows

    @property
    def share(self) -> np.ndarray:
        """(b, 2, p), 1 / |c|^2; 0 of a candidate that is zero or not allowed."""
        return self.table[:, :2]

    @property
    def remainder(self) -> np.ndarray:
        """(b, 2, p), |c - QQ'c|^2."""
        return self.table[:, 2:4]

    @property
    def cross(self) -> np.ndarray:
        """(b, p), <c_0, (I - QQ') c_1>."""
        return self.table[:, 4]

    @property
    def residual(self) -> np.ndarray:
        """(b, k, 2, p), <c, y - QQ'y>."""
        parents, rows, pairs = self.table.shape
        return self.table[:, 5:].reshape(parents, (rows - 5) // 2, 2, pairs)


class Best(NamedTuple):
    """The best pair of each of b parents, as of `candidates.Head`."""

    gain: np.ndarray  # (b,)
    pair: np.ndarray  # (b,) int
    flipped: np.ndarray  # (b,) bool
    paired: np.ndarray  # (b,) bool


def start(norm: np.ndarray, allowed: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The table (5 + 2 k, p) of one parent before any column has entered.

    Args:
      norm: (2, p), |c|^2. allowed: (p,) bool.
      target: (k, 2, p), <c, y>.
    """
    share = np.divide(1, norm, out=np.zeros_like(norm), where=allowed & (norm > 0))
    # The supports of a pair are disjoint.
    cross = np.zeros_like(norm[:1])
    return np.concatenate([share, norm, cross, target.reshape(-1, norm.shape[1])])


def enter(pairs: Pairs, counts: Sequence[int], entry: np.ndarray, effects: np.ndarray) -> None:
    """Lets orthonormal columns enter, of every parent those that it has not seen.

    Args:
      pairs: of b parents; their tables are changed.
      counts: how many of the c columns are for each of them, in order.
      entry: (c, 2, p), products of candidates and columns.
      effects: (c, k), <y, q>.
    """
    columns, _, size = entry.shape
    own = np.zeros((len(counts), columns))
    first = 0
    for i, count in enumerate(counts):
        own[i, first : first + count] = 1
        first += count
    products = np.empty((columns, 3, size))
    np.multiply(entry, entry, out=products[:, :2])
    np.multiply(entry[:, 0], entry[:, 1], out=products[:, 2])
    taken, told = pairs.table[:, 2:5], pairs.table[:, 5:]
    taken -= (own @ products.reshape(columns, -1)).reshape(taken.shape)
    weighted = (own[:, None] * effects.T).reshape(-1, columns)
    told -= (weighted @ entry.reshape(columns, -1)).reshape(told.shape)


def best_pairs(pairs: Pairs, tolerance: float, places: int) -> Best:
    """Of each parent the pair that lowers the residual sum of squares most; there must be one.

    A pair is worth r' G^-1 r, with r = <c, y - QQ'y> and G the products of what Q leaves of its
    hinges; or, if the second depends on the first, what that is worth alone. See
    `candidates.best_pair`.
    """
    share, remainder, cross, residual = pairs.share, pairs.remainder, pairs.cross, pairs.residual
    relative = remainder * share
    flipped, most = relative[:, 1] > relative[:, 0], np.maximum(relative[:, 0], relative[:, 1])
    square = _over_outputs(residual * residual)
    both = _over_outputs(residual[:, :, 0] * residual[:, :, 1])
    determinant = remainder[:, 0] * remainder[:, 1] - cross * cross
    paired = determinant * (share[:, 0] * share[:, 1]) > tolerance * most
    if places < 2:
        paired[:] = False
        worth = np.divide(square, remainder, out=np.zeros_like(square), where=relative > tolerance)
        better = np.abs(worth[:, 1] - worth[:, 0]) > 1e-6 * np.maximum(worth[:, 0], worth[:, 1])
        flipped = np.where(better, worth[:, 1] > worth[:, 0], flipped)
    crossed = remainder[:, 1] * square[:, 0] + remainder[:, 0] * square[:, 1] - 2 * cross * both
    over = np.where(paired, crossed, np.where(flipped, square[:, 1], square[:, 0]))
    under = np.where(paired, determinant, np.where(flipped, remainder[:, 1], remainder[:, 0]))
    gain = np.divide(over, under, out=np.zeros(over.shape), where=most > tolerance)
    # Of gains that agree to rounding the first is taken, on every processor.
    at = (gain >= (1 - TIE) * gain.max(1)[:, None]).argmax(1)
    rows = np.arange(len(at))
    return Best(gain[rows, at], at, flipped[rows, at], paired[rows, at])


def _over_outputs(table: np.ndarray) -> np.ndarray:
    """Sums over the second axis, which mostly has one entry."""
    return table[:, 0] if table.shape[1] == 1 else table.sum(1)
