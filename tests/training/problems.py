"""A small regression problem and a small network, shared by the tests of this room."""

import jax
import numpy as np

from spline_fc.data import Dataset, Part, identity_scaler


def make_params(sizes=(3, 8, 8, 1), seed=0, dtype=np.float32):
    """A network with random weights, moved to the device as they are: nothing is compiled."""
    rng = np.random.default_rng(seed)
    return {
        f"Dense_{i}": {
            "kernel": jax.device_put((rng.standard_normal((a, b)) * np.sqrt(2 / a)).astype(dtype)),
            "bias": jax.device_put((0.1 * rng.standard_normal(b)).astype(dtype)),
        }
        for i, (a, b) in enumerate(zip(sizes[:-1], sizes[1:], strict=True))
    }


def make_dataset(sizes=(100, 40, 30), seed=0, dtype=np.float32):
    rng = np.random.default_rng(seed)

    def part(n):
        x = rng.standard_normal((n, 3))
        y = np.maximum(x[:, :1], 0) - np.maximum(x[:, 1:2] - 0.5, 0)
        return Part(x.astype(dtype), (y + 0.1 * rng.standard_normal((n, 1))).astype(dtype))

    names = ("a", "b", "c")
    parts = [part(n) for n in sizes]
    return Dataset("toy", "regression", names, ("y",), *parts, identity_scaler(3, 1))


def assert_trees_equal(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)
