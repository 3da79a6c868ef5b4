"""The forward pass of a fully connected ReLU network, in JAX and in float64 NumPy.

Matrix products ask for the highest precision unless told otherwise: by default they are rounded to
fewer digits on TPUs and recent GPUs, and the network would no longer be the spline.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spline_fc.arrays import numbers
from spline_fc.checks import check, check_rank
from spline_fc.cpwl.spline import HIGHEST
from spline_fc.network.structure import Params, layers, layers_float64

Precision = str | jax.lax.Precision | None  # as in `jax.numpy.matmul`


def apply_params(params: Params, x: Any, precision: Precision = HIGHEST) -> jax.Array:
    """Evaluates a network: f(x) = W_L relu(... relu(W_0 x + b_0) ...) + b_L.

    Of JAX arrays, and under jit, grad and vmap, this is a JAX function. Where x is anything else
    (NumPy, lists, integers of any size) and x or the parameters are float64, it is computed in
    float64 NumPy, whether JAX has it enabled or not, and comes as a NumPy array.

    Args:
      params: {"Dense_0": {"kernel": (d, h0), "bias": (h0,)}, ..., "Dense_L": ...}; the last layer
        is linear, all others are followed by ReLU.
      x: (..., d) numbers.
      precision: of the matrix products, "default", "high" or "highest".

    Returns:
      (..., k), in the wider dtype of x and the parameters; integers count as float64.

    Raises:
      ValueError: the tree is not such a network, or x has another number of columns.
    """
    return preactivations(params, x, precision)[-1]


def preactivations(params: Params, x: Any, precision: Precision = HIGHEST) -> list[jax.Array]:
    """Evaluates every layer before its activation; the last entry is the network's output.

    Returns:
      [(..., h0), ..., (..., k)]; arguments and errors as for `apply_params`.
    """
    stack = layers(params)
    x = _checked_input(stack, x)
    return _walk(stack, x, precision)


def last_hidden(params: Params, x: Any, precision: Precision = HIGHEST) -> jax.Array:
    """Evaluates what the output layer takes in.

    Returns:
      (..., h), the activations of the last hidden layer; x itself if there is none. Arguments and
      errors as for `apply_params`.
    """
    stack = layers(params)
    x = _checked_input(stack, x)
    values = _walk(stack[:-1], x, precision)
    return _relu(values[-1]) if values else x


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


def _checked_input(stack: Sequence[tuple[Any, Any]], x: Any) -> Any:
    """x in the dtype of the computation: NumPy if that is float64 and all is given as values."""
    concrete = not isinstance(x, jax.Array)
    x = numbers("x", x) if concrete else x
    rows = stack[0][0].shape[0]
    check(
        x.ndim > 0 and x.shape[-1] == rows,
        f"x must have {rows} columns, one per input of the network; got shape {x.shape}.",
    )
    dtype = np.dtype(stack[0][0].dtype)
    if jnp.issubdtype(x.dtype, jnp.floating):
        dtype = np.promote_types(dtype, x.dtype)
    traced = any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(list(stack)))
    if concrete and not traced and dtype == np.float64:
        return x.astype(dtype, copy=False)
    return jnp.asarray(x).astype(jax.dtypes.canonicalize_dtype(dtype))


def _relu(x: Any) -> Any:
    return np.maximum(x, 0.0) if isinstance(x, np.ndarray) else jax.nn.relu(x)


def _walk(stack: Sequence[tuple[Any, Any]], x: Any, precision: Precision) -> list[Any]:
    plain = isinstance(x, np.ndarray)
    values: list[Any] = []
    for kernel, bias in stack:
        hidden = _relu(values[-1]) if values else x
        if plain:
            values.append(hidden @ np.asarray(kernel, x.dtype) + np.asarray(bias, x.dtype))
        else:
            kernel, bias = jnp.asarray(kernel, x.dtype), jnp.asarray(bias, x.dtype)
            values.append(jnp.matmul(hidden, kernel, precision=precision) + bias)
    return values
