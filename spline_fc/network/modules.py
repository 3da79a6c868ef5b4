"""The forward pass, three times over: a plain function, a Linen module, an NNX module.

All read the same plain dict. Matrix products ask for the highest precision: by default they are
rounded to fewer digits on TPUs and recent GPUs, and the network would no longer be the spline.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax import nnx

from spline_fc.network import structure

HIGHEST = jax.lax.Precision.HIGHEST


def apply_params(params: Mapping[str, Mapping[str, jax.Array]], x: jax.Array) -> jax.Array:
    """Evaluates a fully connected ReLU network.

    Args:
      params: {"Dense_0": {"kernel": (d, h0), "bias": (h0,)}, ..., "Dense_L": ...}; the last layer
        is linear, all others are followed by ReLU.
      x: (..., d), float.

    Returns:
      (..., k), in the common dtype of x and the parameters.

    Raises:
      ValueError: the tree is not such a network, or x has another number of columns.
    """
    return preactivations(params, x)[-1]


def preactivations(params: Mapping[str, Mapping[str, Any]], x: jax.Array) -> list[jax.Array]:
    """Evaluates every layer before its activation; the last entry is the network's output.

    Args:
      params: as for `apply_params`.
      x: (..., d), float.

    Returns:
      [(..., h0), ..., (..., k)].

    Raises:
      ValueError: as for `apply_params`.
    """
    stack = structure.layers(params)
    x = jnp.asarray(x)
    rows = stack[0][0].shape[0]
    structure.check(
        x.ndim > 0 and x.shape[-1] == rows,
        f"x must have {rows} columns, one per input of the network; got shape {x.shape}.",
    )
    values: list[jax.Array] = []
    for kernel, bias in stack:
        hidden = jax.nn.relu(values[-1]) if values else x
        values.append(jnp.matmul(hidden, kernel, precision=HIGHEST) + bias)
    return values


def _kernel_init(key: jax.Array, shape: tuple[int, int], dtype: Any = jnp.float32) -> jax.Array:
    """He's normal distribution; a kernel without inputs, as a constant spline has, is empty."""
    if 0 in shape:
        return jnp.zeros(shape, dtype)
    return jax.nn.initializers.he_normal()(key, shape, dtype)


class MLP(nn.Module):
    """A fully connected ReLU network with a linear last layer, as a Linen module.

    The layers are named explicitly, Dense_0 being the first: Linen would number them in the order
    of construction. Dense_i has kernel (inputs, units) and bias (units,).
    """

    hidden_sizes: tuple[int, ...]
    num_outputs: int
    param_dtype: Any = jnp.float32

    @classmethod
    def from_params(cls, params: Mapping[str, Mapping[str, Any]]) -> "MLP":
        """Returns the module whose own init has the structure, shapes and dtype of `params`."""
        _, *hidden_sizes, num_outputs = structure.layer_sizes(params)
        return cls(
            tuple(hidden_sizes), num_outputs, jnp.dtype(structure.layers(params)[0][0].dtype)
        )

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps (..., d) to (..., num_outputs)."""
        for i, size in enumerate((*self.hidden_sizes, self.num_outputs)):
            x = nn.Dense(
                size,
                name=structure.layer_name(i),
                param_dtype=self.param_dtype,
                precision=HIGHEST,
                kernel_init=_kernel_init,
            )(x if i == 0 else nn.relu(x))
        return x


class NNXMLP(nnx.Module):
    """The same network as an NNX module: attributes Dense_0, ..., Dense_L are `nnx.Linear`."""

    def __init__(
        self,
        num_features: int,
        hidden_sizes: tuple[int, ...],
        num_outputs: int,
        *,
        param_dtype: Any = jnp.float32,
        rngs: nnx.Rngs,
    ):
        widths = (num_features, *hidden_sizes, num_outputs)
        self.num_layers = len(widths) - 1
        for i in range(self.num_layers):
            layer = nnx.Linear(
                widths[i],
                widths[i + 1],
                param_dtype=param_dtype,
                precision=HIGHEST,
                kernel_init=_kernel_init,
                rngs=rngs,
            )
            setattr(self, structure.layer_name(i), layer)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps (..., d) to (..., num_outputs)."""
        for i in range(self.num_layers):
            x = getattr(self, structure.layer_name(i))(x if i == 0 else nnx.relu(x))
        return x


def to_nnx(params: Mapping[str, Mapping[str, Any]]) -> NNXMLP:
    """Loads a parameter tree into an NNX module.

    Args:
      params: as for `apply_params`.

    Returns:
      An NNXMLP that holds these very parameters; `nnx.update(module, params)` loads others.

    Raises:
      ValueError: the tree is not a fully connected network.
    """
    num_features, *hidden_sizes, num_outputs = structure.layer_sizes(params)
    dtype = structure.layers(params)[0][0].dtype
    module = NNXMLP(
        num_features, tuple(hidden_sizes), num_outputs, param_dtype=dtype, rngs=nnx.Rngs(params=0)
    )
    nnx.update(module, {name: dict(layer) for name, layer in params.items()})
    return module


def from_nnx(module: nnx.Module) -> dict[str, Any]:
    """Reads the parameters of an NNX module as plain nested dicts."""
    return nnx.to_pure_dict(nnx.state(module, nnx.Param))
