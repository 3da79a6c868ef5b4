"""Splines and networks made by hand, for the tests of what reads them."""

import numpy as np
from hypothesis import strategies as st

from spline_fc.cpwl import Spline

KNOTS = np.array([-0.8, 0.1, 0.7, -0.2, 0.9, -1.1])
HOME = np.array([0, 0, 0, 1, 1, 2])
SIGN = np.array([1.0, -1.0, 1.0, 1.0, -1.0, 1.0])


def random_spline(
    seed: int, *, d: int = 4, m: int = 8, degree: int = 3, k: int = 2, q: int = 0
) -> Spline:
    """Terms of 1 to `degree` hinges in turn, at times two on one column; the last is void."""
    rng = np.random.default_rng(seed)
    slope = rng.choice([-1.0, 1.0], size=(m, degree))
    factors = 1 + np.arange(m) % degree
    slope *= np.where(factors[:, None] > 1, np.exp(0.5 * rng.normal(size=(m, degree))), 1.0)
    slope[np.arange(degree) >= factors[:, None]] = 0.0
    feature = np.argsort(rng.random((m, d + q)), axis=1)[:, :degree].astype(np.int32)
    feature[rng.random(m) < 0.15] = rng.integers(0, d + q)
    coef = rng.normal(size=(m, k))
    coef[-1] = 0.0
    knot = 0.5 * rng.normal(size=(m, degree))
    return Spline(rng.normal(size=k), coef, feature, slope, knot, rng.normal(size=(d, q)))


def random_network(sizes: tuple[int, ...], seed: int) -> dict:
    """A fully connected ReLU network with normal weights and biases."""
    rng = np.random.default_rng(seed)
    return {
        f"Dense_{i}": {"kernel": rng.normal(size=shape), "bias": rng.normal(size=shape[1])}
        for i, shape in enumerate(zip(sizes[:-1], sizes[1:], strict=True))
    }


def hinge_network() -> dict:
    """Six axis-aligned hinges on three of four features, one output."""
    kernel = np.zeros((4, 6))
    kernel[HOME, np.arange(6)] = SIGN
    readout = np.array([[1.0], [0.5], [-2], [0.7], [1.5], [0.2]])
    return {
        "Dense_0": {"kernel": kernel, "bias": -SIGN * KNOTS},
        "Dense_1": {"kernel": readout, "bias": np.array([0.3])},
    }


def normal_rows() -> np.ndarray:
    """(300, 4) standardised rows."""
    return np.random.default_rng(0).normal(size=(300, 4))


def plain_output(spline: Spline, x: np.ndarray) -> np.ndarray:
    """The definition of a spline, term by term and hinge by hinge."""
    value, z = np.tile(spline.intercept, (len(x), 1)), np.hstack([x, x @ spline.projection])
    for coef, *hinges in zip(*spline[1:5], strict=True):
        present = [
            np.maximum(s * (z[:, v] - t), 0.0) for v, s, t in zip(*hinges, strict=True) if s != 0
        ]
        if present:
            value += np.min(present, axis=0)[:, None] * coef
    return value


seeds = st.integers(0, 10_000)
