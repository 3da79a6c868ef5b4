"""The network as a Linen and as an NNX module, over the plain dict of `apply_params`."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from flax import nnx

from spline_fc.checks import as_sizes, check_integer
from spline_fc.cpwl.spline import HIGHEST
from spline_fc.network.forward import Precision
from spline_fc.network.structure import Params, dtype_of, layer_name, layer_sizes


def _kernel_init(key: jax.Array, shape: tuple[int, int], dtype: Any = jnp.float32) -> jax.Array:
    """He's normal distribution; a kernel without inputs, as a constant spline has, is empty."""
    if 0 in shape:
        return jnp.zeros(shape, dtype)
    return jax.nn.initializers.he_normal()(key, shape, dtype)


def _dtype(params: Params) -> np.dtype:
    """That of the parameters, as JAX has it: float64 only where that is enabled."""
    return np.dtype(jax.dtypes.canonicalize_dtype(dtype_of(params)))


class MLP(nn.Module):
    """A fully connected ReLU network with a linear last layer, as a Linen module.

    The layers are named explicitly, Dense_0 being the first: Linen would number them in the order
    of construction. Dense_i has kernel (inputs, units) and bias (units,).

    Attributes:
      hidden_sizes: widths of the hidden layers; one integer for one layer, () for none.
      num_outputs: k.
      precision: of the matrix products; the highest, as in `apply_params`, unless told otherwise.
    """

    hidden_sizes: int | Sequence[int]
    num_outputs: int
    param_dtype: Any = jnp.float32
    precision: Precision = HIGHEST

    def __post_init__(self) -> None:
        self.hidden_sizes = as_sizes("hidden_sizes", self.hidden_sizes, at_least=0)
        check_integer("num_outputs", self.num_outputs, 1)
        super().__post_init__()

    @classmethod
    def from_params(cls, params: Params, precision: Precision = HIGHEST) -> "MLP":
        """Returns the module whose own init has the structure, shapes and dtype of `params`."""
        _, *hidden_sizes, num_outputs = layer_sizes(params)
        return cls(tuple(hidden_sizes), num_outputs, _dtype(params), precision)

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps (..., d) to (..., num_outputs)."""
        sizes = as_sizes("hidden_sizes", self.hidden_sizes, at_least=0)
        for i, size in enumerate((*sizes, self.num_outputs)):
            x = nn.Dense(
                size,
                name=layer_name(i),
                param_dtype=self.param_dtype,
                precision=self.precision,
                kernel_init=_kernel_init,
            )(x if i == 0 else nn.relu(x))
        return x


class NNXMLP(nnx.Module):
    """The same network as an NNX module: attributes Dense_0, ..., Dense_L are `nnx.Linear`."""

    def __init__(
        self,
        num_features: int,
        hidden_sizes: int | Sequence[int],
        num_outputs: int,
        *,
        param_dtype: Any = jnp.float32,
        precision: Precision = HIGHEST,
        rngs: nnx.Rngs,
    ) -> None:
        hidden_sizes = as_sizes("hidden_sizes", hidden_sizes, at_least=0)
        widths = (num_features, *hidden_sizes, num_outputs)
        self.num_layers = len(widths) - 1
        for i in range(self.num_layers):
            layer = nnx.Linear(
                widths[i],
                widths[i + 1],
                param_dtype=param_dtype,
                precision=precision,
                kernel_init=_kernel_init,
                rngs=rngs,
            )
            setattr(self, layer_name(i), layer)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps (..., d) to (..., num_outputs)."""
        for i in range(self.num_layers):
            x = getattr(self, layer_name(i))(x if i == 0 else nnx.relu(x))
        return x


def to_nnx(params: Params, precision: Precision = HIGHEST) -> NNXMLP:
    """Loads a parameter tree into an NNX module.

    Args:
      params: as for `apply_params`.
      precision: of the module's matrix products.

    Returns:
      An NNXMLP that holds these very parameters; `nnx.update(module, params)` loads others.

    Raises:
      ValueError: the tree is not a fully connected network.
    """
    num_features, *hidden_sizes, num_outputs = layer_sizes(params)
    module = NNXMLP(
        num_features,
        tuple(hidden_sizes),
        num_outputs,
        param_dtype=_dtype(params),
        precision=precision,
        rngs=nnx.Rngs(params=0),
    )
    nnx.update(module, jax.tree.map(lambda leaf: jnp.asarray(leaf, _dtype(params)), dict(params)))
    return module


def from_nnx(module: nnx.Module) -> dict[str, Any]:
    """Reads the parameters of an NNX module as plain nested dicts."""
    return nnx.to_pure_dict(nnx.state(module, nnx.Param))
