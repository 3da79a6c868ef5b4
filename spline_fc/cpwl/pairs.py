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

    share: np.ndarray  # (b, 2, p), 1 / |c|^2; 0 of a candidate that is zero or not allowed
    remainder: np.ndarray  # (b, 2, p), |c - QQ'c|^2
    cross: np.ndarray  # (b, p), <c_0, (I - QQ') c_1>
    residual: np.ndarray  # (b, k, 2, p), <c, y - QQ'y>

    def of(self, parents: Sequence[int]) -> "Pairs":
        """A copy of the tables of some parents."""
        return Pairs(*(table[parents] for table in self))

    def put(self, parents: Sequence[int], pairs: "Pairs") -> None:
        """Writes the tables of some parents."""
        for table, part in zip(self, pairs, strict=True):
            table[parents] = part


class Best(NamedTuple):
    """The best pair of each of b parents, as of `candidates.Head`."""

    gain: np.ndarray  # (b,)
    pair: np.ndarray  # (b,) int
    flipped: np.ndarray  # (b,) bool
    paired: np.ndarray  # (b,) bool


def room_for(parents: int, pairs: int, outputs: int) -> Pairs:
    """Tables of so many parents; memory that is not written to is not taken."""
    shapes = ((2,), (2,), (), (outputs, 2))
    return Pairs(*(np.empty((parents, *shape, pairs)) for shape in shapes))


def start(norm: np.ndarray, allowed: np.ndarray, target: np.ndarray) -> Pairs:
    """The tables of one parent before any column has entered.

    Args:
      norm: (2, p), |c|^2. allowed: (p,) bool.
      target: (k, 2, p), <c, y>.
    """
    share = np.divide(1, norm, out=np.zeros_like(norm), where=allowed & (norm > 0))
    # The supports of a pair are disjoint.
    return Pairs(share[None], norm[None], np.zeros((1, norm.shape[1])), target[None])


def enter(pairs: Pairs, counts: Sequence[int], entry: np.ndarray, effects: np.ndarray) -> Pairs:
    """Lets orthonormal columns enter, of every parent those that it has not seen.

    Args:
      pairs: tables of b parents.
      counts: how many of the c columns are for each of them, in order.
      entry: (c, 2, p), products of candidates and columns.
      effects: (c, k), <y, q>.
    """
    own = np.repeat(np.eye(len(counts)), counts, axis=1)  # (b, c)
    weighted = own[:, None] * effects.T
    flat = entry.reshape(len(entry), -1)
    taken = (own @ (flat * flat)).reshape(pairs.remainder.shape)
    told = weighted.reshape(-1, len(entry)) @ flat
    return Pairs(
        pairs.share,
        pairs.remainder - taken,
        pairs.cross - own @ (entry[:, 0] * entry[:, 1]),
        pairs.residual - told.reshape(pairs.residual.shape),
    )


def best_pairs(pairs: Pairs, tolerance: float, places: int) -> Best:
    """Of each parent the pair that lowers the residual sum of squares most.

    See `candidates.best_pair`; there must be a pair.
    """
    share, remainder, cross, residual = pairs
    relative = remainder * share
    independent = relative > tolerance
    flipped = relative[:, 1] > relative[:, 0]
    if places < 2:
        alone = (residual**2).sum(1) / np.where(independent, remainder, np.inf)
        better = np.abs(alone[:, 1] - alone[:, 0]) > 1e-6 * np.maximum(alone[:, 0], alone[:, 1])
        flipped = np.where(better, alone[:, 1] > alone[:, 0], flipped)
    usable = np.where(flipped, independent[:, 1], independent[:, 0])
    remainder = np.where(flipped[:, None], remainder[:, ::-1], remainder)
    residual = np.where(flipped[:, None, None], residual[:, :, ::-1], residual)
    first, second = np.where(usable, remainder[:, 0], 1.0), remainder[:, 1]
    slope = cross / first
    second -= slope * cross
    paired = second * np.where(flipped, share[:, 0], share[:, 1]) > tolerance
    paired &= usable if places > 1 else False
    residual[:, :, 1] -= slope[:, None] * residual[:, :, 0]
    square = np.einsum("bksp,bksp->bsp", residual, residual)
    gain = np.where(usable, square[:, 0] / first, 0.0)
    gain += np.where(paired, square[:, 1], 0.0) / np.where(paired, second, 1.0)
    # Of gains that agree to rounding the first is taken, on every processor.
    at = (gain >= (1 - TIE) * gain.max(1)[:, None]).argmax(1)
    rows = np.arange(len(at))
    return Best(gain[rows, at], at, flipped[rows, at], paired[rows, at])
