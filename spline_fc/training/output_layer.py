"""The output layer by itself: by least squares between gradient steps, or turned to logits."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_expit, log_softmax, softmax

from spline_fc.network import Params, last_hidden, layer_sizes, preactivations_float64
from spline_fc.network.forward import HIGHEST
from spline_fc.network.structure import dtype_of, from_layers, layer_name, layers_float64
from spline_fc.training.steps import Batch

_BLOCK = 1024  # rows at once
_SLOPE = 4.0  # of the logit of p at p = 1/2, from which the search sets out
_MOST_ROWS = 20_000  # that decide on a slope and the offsets


def solve_output(params: Params, part: Batch, ridge: float | jax.Array) -> Params:
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

    *_, width, outputs = layer_sizes(params)
    name = layer_name(len(params) - 1)
    old = params[name]

    def add(sums, block):
        x, y, weight = block
        hidden = last_hidden(params, x)
        prediction = jnp.matmul(hidden, old["kernel"], precision=HIGHEST) + old["bias"]
        features = jnp.pad(hidden, ((0, 0), (0, 1)), constant_values=1)
        weighted = (weight * features).T
        gram = jnp.matmul(weighted, features, precision=HIGHEST)
        moment = jnp.matmul(weighted, y - prediction, precision=HIGHEST)
        return (sums[0] + gram, sums[1] + moment), None

    start = jnp.zeros((width + 1, width + 1), x.dtype), jnp.zeros((width + 1, outputs), x.dtype)
    (gram, moment), _ = jax.lax.scan(add, start, (pad(x), pad(y), pad(weight)))
    shift = ridge * jnp.trace(gram) / (width + 1)
    factor = jax.scipy.linalg.cho_factor(gram + shift * jnp.eye(width + 1, dtype=x.dtype))
    change = jax.scipy.linalg.cho_solve(factor, moment)
    change = jnp.where(jnp.isfinite(change).all(), change, 0)
    new = {"kernel": old["kernel"] + change[:-1], "bias": old["bias"] + change[-1]}
    return {**params, name: new}


def to_logits(params: Params, x: Any, y: Any, loss: str, weights: Any = None) -> Params:
    """Turns a network fitted to labels of 0 and 1 by least squares into one of logits.

    Its outputs p become slope * p + offset, the slope shared by all of them, by which the
    cross-entropy of the rows is least (Platt's scaling).

    Args:
      params: a network of k outputs.
      x: (n, d); y: (n, k), labels of 0 and 1, one-hot where there are several.
      loss: "sigmoid_cross_entropy" or "softmax_cross_entropy".
      weights: (n,) of the rows.

    Returns:
      Parameters with another output layer.

    Reference:
      Platt (1999), Probabilistic outputs for support vector machines.
    """
    step = -(-len(x) // _MOST_ROWS)
    x, y = (np.asarray(array, np.float64)[::step] for array in (x, y))
    share = np.ones(len(x)) if weights is None else np.asarray(weights, np.float64)[::step]
    share = share[:, None] / share.sum()
    p = preactivations_float64(params, x)[-1]
    several = loss.startswith("softmax")

    def cross_entropy(point: np.ndarray) -> tuple[float, np.ndarray]:
        z = point[0] * p + point[1:]
        if several:
            value, error = -(share * y * log_softmax(z, axis=1)).sum(), softmax(z, axis=1) - y
        else:
            parts = y * log_expit(z) + (1 - y) * log_expit(-z)
            value, error = -(share * parts).sum(), expit(z) - y
        error = share * error
        return value, np.concatenate([[(error * p).sum()], error.sum(axis=0)])

    begin = np.concatenate([[_SLOPE], np.full(y.shape[1], -_SLOPE / 2)])
    slope, *offset = minimize(cross_entropy, begin, jac=True, method="L-BFGS-B").x
    *inner, (kernel, bias) = layers_float64(params)
    return from_layers([*inner, (kernel * slope, bias * slope + offset)], dtype_of(params))
