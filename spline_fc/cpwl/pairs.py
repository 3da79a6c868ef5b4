"""Tables over the pairs of hinges that one parent allows, in NumPy, and the best of them.

What `candidates` is for compiled code. The basis Q is explicit here: a column enters by its inner
products with the candidates alone. Axis names: two signs, p pairs, k outputs, c columns.
"""

from typing import NamedTuple

import numpy as np

from spline_fc.cpwl.candidates import TIE, Head


class Pairs(NamedTuple):
    """Everything known of p reflected pairs of candidates c_0, c_1; float64."""

    feature: np.ndarray  # (p,) int, columns of x
    knot: np.ndarray  # (p,) int, indices of knots
    norm: np.ndarray  # (2, p), |c|^2
    share: np.ndarray  # (2, p), 1 / |c|^2, or 0
    remainder: np.ndarray  # (2, p), |c - QQ'c|^2
    cross: np.ndarray  # (p,), <c_0, (I - QQ') c_1>
    residual: np.ndarray  # (k, 2, p), <c, y - QQ'y>


def make_pairs(
    feature: np.ndarray, knot: np.ndarray, norm: np.ndarray, target: np.ndarray
) -> Pairs:
    """The tables before any column has entered; target (k, 2, p), <c, y>; others as of Pairs."""
    share = np.divide(1, norm, out=np.zeros_like(norm), where=norm > 0)
    # The supports of a pair are disjoint.
    return Pairs(feature, knot, norm, share, norm, np.zeros(len(knot)), target)


def with_columns(pairs: Pairs, entry: np.ndarray, effects: np.ndarray) -> Pairs:
    """Lets c orthonormal columns enter: their products (c, 2, p) and effects (c, k), <y, q>."""
    flat = entry.reshape(len(entry), -1)
    return pairs._replace(
        remainder=pairs.remainder - np.einsum("csp,csp->sp", entry, entry),
        cross=pairs.cross - np.einsum("cp,cp->p", entry[:, 0], entry[:, 1]),
        residual=pairs.residual - (effects.T @ flat).reshape(pairs.residual.shape),
    )


def best_head(pairs: Pairs, tolerance: float, places: int) -> Head:
    """The pair that lowers the residual sum of squares most; see `candidates.best_pair`."""
    remainder, residual, cross = pairs.remainder, pairs.residual, pairs.cross
    if not len(cross):
        return Head(0.0, 0, 0, False, False)
    relative = remainder * pairs.share
    independent = relative > tolerance
    flipped = relative[1] > relative[0]
    if places < 2:
        alone = (residual**2).sum(0) / np.where(independent, remainder, np.inf)
        better = np.abs(alone[1] - alone[0]) > 1e-6 * np.maximum(alone[0], alone[1])
        flipped = np.where(better, alone[1] > alone[0], flipped)
    usable = np.where(flipped, independent[1], independent[0])
    first = np.where(usable, np.where(flipped, remainder[1], remainder[0]), 1.0)
    r_first = np.where(flipped, residual[:, 1], residual[:, 0])
    gain = (r_first * r_first).sum(0) / first
    slope = cross / first
    second = np.where(flipped, remainder[0], remainder[1]) - slope * cross
    paired = usable & (second > tolerance * np.where(flipped, pairs.norm[0], pairs.norm[1]))
    paired &= places > 1
    r_second = np.where(flipped, residual[:, 0], residual[:, 1]) - slope * r_first
    gain += np.where(paired, (r_second * r_second).sum(0), 0.0) / np.where(paired, second, 1.0)
    gain = np.where(usable, gain, 0.0)
    # Of gains that agree to rounding the first is taken, on every processor.
    at = int((gain >= (1 - TIE) * gain.max()).argmax())
    kind = bool(flipped[at]), bool(paired[at])
    return Head(float(gain[at]), int(pairs.feature[at]), int(pairs.knot[at]), *kind)
