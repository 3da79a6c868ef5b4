"""The forward pass of a fully connected ReLU network, in JAX and in float64 NumPy.

Matrix products ask for the highest precision unless told otherwise: by default they are rounded to
fewer digits on TPUs and recent GPUs, and the network would no longer be the spline.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from spline_fc.checks import check, check_rank
from spline_fc.cpwl.spline import HIGHEST
from spline_fc.network.structure import Params, layers, layers_float64

Precision = str | jax.lax.Precision | None  # as in `jax.numpy.matmul`


def apply_params(params: Params, x: jax.Array, precision: Precision = HIGHEST) -> jax.Array:
    """Evaluates a network: f(x) = W_L relu(... relu(W_0 x + b_0) ...) + b_L.

    Args:
      params: {"Dense_0": {"kernel": (d, h0), "bias": (h0,)}, ..., "Dense_L": ...}; the last layer
        is linear, all others are followed by ReLU.
      x: (..., d), float.
      precision: of the matrix products, "default", "high" or "highest".

    Returns:
      (..., k), in the wider dtype of x and the parameters.

    Raises:
      ValueError: the tree is not such a network, or x has another number of columns.
    """
    return preactivations(params, x, precision)[-1]


def preactivations(params: Params, x: jax.Array, precision: Precision = HIGHEST) -> list[jax.Array]:
    """Evaluates every layer before its activation; the last entry is the network's output.

    Returns:
      [(..., h0), ..., (..., k)]; arguments and errors as for `apply_params`.
    """
    stack = layers(params)
    return _walk(stack, _checked_input(stack, x), precision)


def last_hidden(params: Params, x: jax.Array, precision: Precision = HIGHEST) -> jax.Array:
    """Evaluates what the output layer takes in.

    Returns:
      (..., h), the activations of the last hidden layer; x itself if there is none. Arguments and
      errors as for `apply_params`.
    """
    stack = layers(params)
    x = _checked_input(stack, x)
    values = _walk(stack[:-1], x, precision)
    return jax.nn.relu(values[-1]) if values else x


def preactivations_float64(params: Params, x: np.ndarray) -> list[np.ndarray]:
    """Does what `preactivations` does in float64 NumPy, whatever the dtype of the parameters.

    Reading a network after the fact takes a handful of passes over a few thousand rows; this needs
    no compilation and has no rounding of the training dtype.

    Args:
      params: as for `apply_params`.
      x: (n, d), float.

    Returns:
      [(n, h0), ..., (n, k)], float64.

    Raises:
      ValueError: as for `apply_params`, or x is no matrix.
    """
    stack, x = layers_float64(params), np.asarray(x, np.float64)
    check_rank("x", x, 2, "(n, d)")
    wanted = len(stack[0][0])
    check(x.shape[1] == wanted, f"x must have {wanted} columns; got {x.shape[1]}.")
    values: list[np.ndarray] = []
    for kernel, bias in stack:
        values.append((np.maximum(values[-1], 0.0) if values else x) @ kernel + bias)
    return values


def _checked_input(stack: Sequence[tuple[jax.Array, jax.Array]], x: jax.Array) -> jax.Array:
    x = jnp.asarray(x)
    rows = stack[0][0].shape[0]
    check(
        x.ndim > 0 and x.shape[-1] == rows,
        f"x must have {rows} columns, one per input of the network; got shape {x.shape}.",
    )
    dtype = np.dtype(stack[0][0].dtype)
    is_float = jnp.issubdtype(x.dtype, jnp.floating)
    return x.astype(np.promote_types(dtype, x.dtype) if is_float else dtype)


def _walk(
    stack: Sequence[tuple[jax.Array, jax.Array]], x: jax.Array, precision: Precision
) -> list[jax.Array]:
    values: list[jax.Array] = []
    for kernel, bias in stack:
        hidden = jax.nn.relu(values[-1]) if values else x
        kernel, bias = jnp.asarray(kernel, x.dtype), jnp.asarray(bias, x.dtype)
        values.append(jnp.matmul(hidden, kernel, precision=precision) + bias)
    return values
