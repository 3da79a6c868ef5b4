"""A small regression problem and a small network, shared by the tests of this room."""

import jax
import numpy as np

from spline_fc.data import Dataset, Part, identity_scaler
from spline_fc.training import TrainingConfig

CONFIG = TrainingConfig(
    epochs=4, batch_size=16, warmup_epochs=1, learning_rate=3e-3, schedule="cosine", averaging=0.99
)


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


def without(part_name, rows=0):
    """The data set with no more than some rows in one part."""
    dataset = make_dataset()
    part = getattr(dataset, part_name)
    return dataset._replace(**{part_name: part._replace(x=part.x[:rows], y=part.y[:rows])})
