"""Least squares for the output layer, alternating with gradient steps (LSGD)."""

from typing import Any

import jax
import jax.numpy as jnp

from spline_fc.network import apply_params

_BLOCK = 1024  # rows at once
_HIGHEST = jax.lax.Precision.HIGHEST


def last_hidden(params: Any, x: jax.Array) -> jax.Array:
    """What the output layer takes in, (n, d) to (n, h)."""
    last = len(params) - 1
    width = params[f"Dense_{last}"]["kernel"].shape[0]
    identity = {"kernel": jnp.eye(width, dtype=x.dtype), "bias": jnp.zeros(width, x.dtype)}
    # Everything below the output layer, with an identity in its place; the values are not
    # negative, so a network of one layer more would pass them through as well.
    return apply_params({**params, f"Dense_{last}": identity}, x)


def solve_output(params: Any, part: tuple[jax.Array, ...], ridge: float) -> Any:
    """Re-solves the output layer by least squares, with a ridge towards its current weights.

    Minimises mean_i w_i |y_i - f(x_i)|^2 + ridge * s * |change|^2 over the output layer, where s
    is the mean square of its inputs. Solving for the change keeps the rounding of the normal
    equations small against the residual, and the ridge bounds their condition number.

    Args:
      params: {"Dense_0": ...}.
      part: (x, y) or (x, y, weights) of the training part.
      ridge: above 0; small values overfit small sets.

    Returns:
      Parameters with another output layer, or the same ones where the result is not finite.

    Reference:
      Cyr, Gulian, Patel, Perego, Trask (2020), Robust training and initialization of deep neural
      networks: an adaptive basis viewpoint, MSML (LSGD).
    """
    x, y, *weights = part
    rows, weight = x.shape[0], weights[0] if weights else jnp.ones((x.shape[0], 1), x.dtype)
    block = min(_BLOCK, rows)
    blocks = -(-rows // block)

    def pad(array):
        padded = jnp.pad(array, ((0, blocks * block - rows), (0, 0)))
        return padded.reshape(blocks, block, -1)

    name = f"Dense_{len(params) - 1}"
    old = params[name]
    width, outputs = old["kernel"].shape

    def add(sums, block):
        x, y, weight = block
        features = jnp.pad(last_hidden(params, x), ((0, 0), (0, 1)), constant_values=1)
        residual = y - apply_params(params, x)
        weighted = (weight * features).T
        gram = jnp.matmul(weighted, features, precision=_HIGHEST)
        moment = jnp.matmul(weighted, residual, precision=_HIGHEST)
        return (sums[0] + gram, sums[1] + moment), None

    start = jnp.zeros((width + 1, width + 1), x.dtype), jnp.zeros((width + 1, outputs), x.dtype)
    (gram, moment), _ = jax.lax.scan(add, start, (pad(x), pad(y), pad(weight)))
    shift = ridge * jnp.trace(gram) / (width + 1)
    factor = jax.scipy.linalg.cho_factor(gram + shift * jnp.eye(width + 1, dtype=x.dtype))
    change = jax.scipy.linalg.cho_solve(factor, moment)
    change = jnp.where(jnp.isfinite(change).all(), change, 0)
    new = {"kernel": old["kernel"] + change[:-1], "bias": old["bias"] + change[-1]}
    return {**params, name: new}
