"""The output layer by itself: by least squares between gradient steps, or turned to logits."""

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from spline_fc.network import Params, last_hidden, layer_sizes
from spline_fc.network.forward import HIGHEST
from spline_fc.network.structure import layer_name
from spline_fc.sharding import HERE, Axes, Placement, over_rows, summed
from spline_fc.training.steps import Batch

_BLOCK = 1024  # rows at once
_SLOPE = 4.0  # of the logit of p at p = 1/2, from which the search sets out
_MOST_ROWS = 20_000  # that decide on a slope and the offsets


def solve_output(
    params: Params, part: Batch, ridge: float | jax.Array, place: Placement | None = None
) -> Params:
    """Re-solves the output layer by least squares, with a ridge towards its current weights.

    Minimises mean_i w_i |y_i - f(x_i)|^2 + ridge * s * |change|^2 over the output layer, where s
    is the mean square of its inputs. Solving for the change keeps the rounding of the normal
    equations small against the residual, and the ridge bounds their condition number.

    Args:
      params: {"Dense_0": ...}.
      part: (x, y) or (x, y, weights) of the training part.
      ridge: above 0; small values overfit small sets.
      place: of the rows, where several devices share them: their sums are exchanged, once.

    Returns:
      Parameters with another output layer, or the same ones where the result is not finite.

    Reference:
      Cyr, Gulian, Patel, Perego, Trask (2020), Robust training and initialization of deep neural
      networks: an adaptive basis viewpoint, MSML (LSGD).
    """
    *_, width, _ = layer_sizes(params)
    name = layer_name(len(params) - 1)
    old, dtype = params[name], part[0].dtype
    if place is None:
        gram, moment = _sums(params, part, axes=HERE)
    else:
        run = over_rows(_sums, place, (PartitionSpec(), place.rows), PartitionSpec())
        gram, moment = run(params, part, axes=place.axes)
    shift = ridge * jnp.trace(gram) / (width + 1)
    factor = jax.scipy.linalg.cho_factor(gram + shift * jnp.eye(width + 1, dtype=dtype))
    change = jax.scipy.linalg.cho_solve(factor, moment)
    change = jnp.where(jnp.isfinite(change).all(), change, 0)
    new = {"kernel": old["kernel"] + change[:-1], "bias": old["bias"] + change[-1]}
    return {**params, name: new}


def _sums(params: Params, part: Batch, *, axes: Axes) -> tuple[jax.Array, jax.Array]:
    """Weighted sums over rows: the Gram matrix of the layer's inputs, and with the residuals."""
    x, y, *weights = part
    rows, weight = x.shape[0], weights[0] if weights else jnp.ones((x.shape[0], 1), x.dtype)
    block = min(_BLOCK, rows)
    blocks = -(-rows // block)

    def pad(array):
        padded = jnp.pad(array, ((0, blocks * block - rows), (0, 0)))
        return padded.reshape(blocks, block, -1)

    *_, width, outputs = layer_sizes(params)
    old = params[layer_name(len(params) - 1)]

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
    return summed(jax.lax.scan(add, start, (pad(x), pad(y), pad(weight)))[0], axes)
