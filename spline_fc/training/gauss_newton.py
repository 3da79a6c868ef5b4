"""Exact Gauss-Newton steps on mini-batches, for the mean squared error of a ReLU network."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from spline_fc.network import Params, apply_params, preactivations
from spline_fc.network.forward import HIGHEST
from spline_fc.network.structure import layer_name

_FIRST_DAMPING = 1.0
_DAMPING_RANGE = (1e-6, 1e6)
_POOR, _GOOD = 0.25, 0.75  # gain ratios below and above which the damping changes
_CHANGE = 2.0


class GaussNewtonState(NamedTuple):
    """State of `gauss_newton`."""

    damping: jax.Array  # (), lambda


def _bias_jacobians(params: Params, x: jax.Array) -> dict[str, jax.Array]:
    """Per layer d f(x_i)_c / d bias, (b, k, h): all else of the Jacobian follows from it."""
    biases = {name: layer["bias"] for name, layer in params.items()}

    def predict(biases, row):
        shifted = {name: {**params[name], "bias": bias} for name, bias in biases.items()}
        return apply_params(shifted, row[None])[0]

    return jax.vmap(jax.jacrev(predict), in_axes=(None, 0))(biases, x)


def _outer(a: jax.Array) -> jax.Array:
    """a a', whose digits the Cholesky factor needs."""
    return jnp.matmul(a, a.T, precision=HIGHEST)


def jacobian_gram(params: Params, x: jax.Array, mask: Params | None = None) -> jax.Array:
    """The Gram matrix J J' of the network's Jacobian, without ever forming J.

    The rows of J that belong to a kernel are outer products (layer input) x (bias Jacobian), so
    their inner products are products of two small Gram matrices.

    Args:
      params: {"Dense_0": {"kernel", "bias"}, ...}.
      x: (b, d).
      mask: like params, 1 where a weight is free and 0 where it is frozen; above Dense_0 whole
        units only, so that there the bias speaks for its kernel column. None frees all.

    Returns:
      (b * k, b * k); row i * k + c belongs to output c of row i of x.
    """
    *below, output = preactivations(params, x)
    size, outputs = output.size, output.shape[1]
    gram = jnp.zeros((size, size), x.dtype)
    slopes = _bias_jacobians(params, x)
    for index, inputs in enumerate([x, *map(jax.nn.relu, below)]):
        name = layer_name(index)
        slope = slopes[name].reshape(size, -1)
        rows = jnp.repeat(inputs, outputs, axis=0)
        if mask is None:
            gram += (_outer(rows) + 1) * _outer(slope)
            continue
        free = slope * mask[name]["bias"]
        gram += _outer(free)
        if index == 0:  # an axis mask is no outer product; this layer is small
            whole = rows[:, :, None] * slope[:, None, :] * mask[name]["kernel"]
            gram += _outer(whole.reshape(size, -1))
        else:
            gram += _outer(rows) * _outer(free)
    return gram


def gauss_newton() -> optax.GradientTransformationExtraArgs:
    """Gauss-Newton with adaptive damping on the batch, in the space of its residuals.

    With J the Jacobian of the b * k predictions and r the residuals, solves
    (J J' + damping b I) z = r and proposes J' z, which is (J'J + damping b I)^-1 J' r. The step at
    the given rate is taken only if the loss of the batch falls; the damping doubles when the loss
    falls by less than a quarter of what the linear model promised, and halves above three
    quarters.

    Returns:
      A transformation whose update ignores the gradient and takes the extra arguments
      batch = (x, y) or (x, y, weights), rate (the step is judged at rate * update) and mask.

    Reference:
      Korbit, Adeoye, Bemporad, Zanon (2024), Exact Gauss-Newton optimization for training deep
      neural networks, arXiv:2405.14402; damping after Levenberg-Marquardt.
    """

    def init(params):
        dtype = jax.tree.leaves(params)[0].dtype
        return GaussNewtonState(jnp.asarray(_FIRST_DAMPING, dtype))

    def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        del updates
        (x, y, *weights), rate, mask = extra["batch"], extra["rate"], extra.get("mask")
        root = jnp.sqrt(weights[0]) if weights else jnp.ones((x.shape[0], 1), x.dtype)

        def predict(params):
            return root * apply_params(params, x)

        prediction, pull_back = jax.vjp(predict, params)
        residual = root * y - prediction
        scale = jnp.broadcast_to(root, y.shape).ravel()
        gram = jacobian_gram(params, x, mask) * scale[:, None] * scale
        shift = state.damping * x.shape[0]
        factor = jax.scipy.linalg.cho_factor(gram + shift * jnp.eye(scale.size, dtype=x.dtype))
        z = jax.scipy.linalg.cho_solve(factor, residual.ravel())
        (step,) = pull_back(z.reshape(residual.shape))
        if mask is not None:
            step = jax.tree.map(jnp.multiply, step, mask)
        modelled = residual.ravel() - rate * (residual.ravel() - shift * z)
        reached = root * y - predict(optax.tree.add_scale(params, rate, step))
        before = jnp.sum(residual**2)
        fell, promised = before - jnp.sum(reached**2), before - jnp.sum(modelled**2)
        accepted = fell > 0  # False for NaN, which a failed factorisation gives
        step = jax.tree.map(lambda s: jnp.where(accepted, s, 0), step)
        good, fair = (accepted & (fell > ratio * promised) for ratio in (_GOOD, _POOR))
        change = jnp.where(good, 1 / _CHANGE, jnp.where(fair, 1.0, _CHANGE))
        damping = jnp.clip(state.damping * change.astype(x.dtype), *_DAMPING_RANGE)
        return step, GaussNewtonState(damping)

    return optax.GradientTransformationExtraArgs(init, update)
