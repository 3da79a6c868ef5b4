"""Splines and networks made by hand, for the tests of what reads them."""

import numpy as np
from hypothesis import strategies as st

from spline_fc.cpwl import Spline


def random_spline(seed: int, *, d: int = 4, m: int = 8, degree: int = 3, k: int = 2) -> Spline:
    """Terms of 1 to `degree` hinges in turn, at times two on one feature; the last is void."""
    rng = np.random.default_rng(seed)
    sign = rng.choice([-1.0, 1.0], size=(m, degree))
    sign[np.arange(degree) > (np.arange(m) % degree)[:, None]] = 0.0
    feature = np.argsort(rng.random((m, d)), axis=1)[:, :degree].astype(np.int32)
    feature[rng.random(m) < 0.15] = rng.integers(0, d)
    coef = rng.normal(size=(m, k))
    coef[-1] = 0.0
    return Spline(rng.normal(size=k), coef, feature, sign, 0.5 * rng.normal(size=(m, degree)))


def random_network(sizes: tuple[int, ...], seed: int) -> dict:
    """A fully connected ReLU network with normal weights and biases."""
    rng = np.random.default_rng(seed)
    return {
        f"Dense_{i}": {"kernel": rng.normal(size=shape), "bias": rng.normal(size=shape[1])}
        for i, shape in enumerate(zip(sizes[:-1], sizes[1:], strict=True))
    }


def plain_output(spline: Spline, x: np.ndarray) -> np.ndarray:
    """The definition of a spline, term by term and hinge by hinge."""
    value = np.tile(spline.intercept, (len(x), 1))
    for coef, *hinges in zip(*spline[1:], strict=True):
        present = [
            np.maximum(s * (x[:, v] - t), 0.0) for v, s, t in zip(*hinges, strict=True) if s != 0
        ]
        if present:
            value += np.min(present, axis=0)[:, None] * coef
    return value


seeds = st.integers(0, 10_000)
