"""The fully connected ReLU network: a Linen module, and the same pass as a plain function."""

from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from spline_fc.network.structure import layer_sizes

Params = dict[str, dict[str, jax.Array]]
PRECISION = jax.lax.Precision.HIGHEST  # GPU and TPU would round a matrix product otherwise


class MLP(nn.Module):
    """Dense layers named Dense_0, Dense_1, ..., all with ReLU but the last, which is linear.

    Attributes:
      hidden_sizes: units per hidden layer.
      num_outputs: units of the last layer.
    """

    hidden_sizes: Sequence[int]
    num_outputs: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps x (n, d) to (n, num_outputs)."""
        sizes = (*self.hidden_sizes, self.num_outputs)
        for i, size in enumerate(sizes):
            x = nn.Dense(size, name=f"Dense_{i}", precision=PRECISION)(x)
            x = x if i == len(sizes) - 1 else jax.nn.relu(x)
        return x

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> "MLP":
        """The module whose own init has the very structure of `params`.

        Raises:
          ValueError: `params` is no chain of layers Dense_0, Dense_1, ...
        """
        _, *hidden_sizes, num_outputs = layer_sizes(params)
        return cls(tuple(hidden_sizes), num_outputs)


def apply_params(params: Mapping[str, Any], x: jax.Array) -> jax.Array:
    """The forward pass of `MLP` as a plain function of a parameter tree, x (n, d) to (n, k)."""
    last = len(params) - 1
    for i in range(last + 1):
        layer = params[f"Dense_{i}"]
        x = jnp.matmul(x, layer["kernel"], precision=PRECISION) + layer["bias"]
        x = x if i == last else jax.nn.relu(x)
    return x
