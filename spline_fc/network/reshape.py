"""The same function in a regular architecture: balance, deepen, widen."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from spline_fc.checks import check, check_integer, check_one_of
from spline_fc.network.initialisers import RANDOM_KERNELS, random_params
from spline_fc.network.modules import Params
from spline_fc.network.structure import layer_sizes


def reshape(
    params: Params,
    hidden_sizes: Sequence[int],
    key: jax.Array,
    *,
    incoming: str = "he_normal",
    balance: bool = True,
) -> Params:
    """Turns a network into one of the given architecture that computes the same function.

    The network is deepened by identity layers above its last hidden one (activations are not
    negative, so ReLU passes them), balanced, and widened by units whose outgoing weights into the
    old network are zero. Units keep their index; new ones come after them.

    Args:
      params: {"Dense_0": ...} with at least one hidden layer.
      hidden_sizes: units per hidden layer, each at least as many as the network has there.
      key: PRNG key of the new units' incoming weights.
      incoming: distribution of those weights.
      balance: give every unit incoming and outgoing weights of about equal norm.

    Returns:
      Parameters of the new architecture, in the same dtype.

    Raises:
      ValueError: too few layers or too narrow ones (the message says what is needed).
    """
    check_one_of("incoming", incoming, RANDOM_KERNELS)
    for width in hidden_sizes:
        check_integer("hidden_sizes", width, 1)
    num_inputs, *old, num_outputs = layer_sizes(params)
    needed = [*old, *[old[-1]] * (len(hidden_sizes) - len(old))]
    check(
        len(hidden_sizes) >= len(old)
        and all(h >= n for h, n in zip(hidden_sizes, needed, strict=True)),
        f"hidden_sizes must hold the spline, at least {tuple(needed)}; got {tuple(hidden_sizes)}. "
        f"Fit with max_hinges={min(hidden_sizes)} to make it fit.",
    )
    params = deepen(params, len(hidden_sizes))
    if balance:
        params = balance_units(params)
    sizes = (num_inputs, *hidden_sizes, num_outputs)
    fresh = random_params(incoming, key, sizes, params["Dense_0"]["kernel"].dtype)
    return {name: _widen(params[name], fresh[name]) for name in params}


def deepen(params: Params, num_hidden: int) -> Params:
    """Adds identity layers above the last hidden one, up to num_hidden hidden layers."""
    last = len(params) - 1
    layers = [params[f"Dense_{i}"] for i in range(last + 1)]
    width, dtype = layers[-1]["kernel"].shape[0], layers[-1]["kernel"].dtype
    identity = {"kernel": jnp.eye(width, dtype=dtype), "bias": jnp.zeros(width, dtype)}
    layers[last:last] = [identity] * (num_hidden - last)
    return {f"Dense_{i}": layer for i, layer in enumerate(layers)}


def balance_units(params: Params, sweeps: int = 8) -> Params:
    """Scales units so that incoming weights (with bias) and outgoing ones have about equal norm.

    relu(a z) = a relu(z) for a > 0, so the function stays. The factors are powers of two: not one
    bit of it changes, and norms agree up to a factor of two. Units with no weights on one side are
    left alone.
    """
    params = {name: dict(layer) for name, layer in params.items()}
    for _ in range(sweeps):
        for i in range(len(params) - 1):
            below, above = params[f"Dense_{i}"], params[f"Dense_{i + 1}"]
            norm_in = jnp.sqrt((below["kernel"] ** 2).sum(0) + below["bias"] ** 2)
            norm_out = jnp.linalg.norm(above["kernel"], axis=1)
            used = (norm_in > 0) & (norm_out > 0)
            ratio = jnp.where(used, norm_out, 1) / jnp.where(used, norm_in, 1)
            factor = jnp.exp2(jnp.round(jnp.log2(ratio) / 2))
            below["kernel"], below["bias"] = below["kernel"] * factor, below["bias"] * factor
            above["kernel"] = above["kernel"] / factor[:, None]
    return params


def _widen(old: dict[str, jax.Array], fresh: dict[str, jax.Array]) -> dict[str, jax.Array]:
    """The old weights in the corner; new units read at random and are read by new units only."""
    rows, columns = old["kernel"].shape
    kernel = fresh["kernel"].at[:, :columns].set(0)
    return {
        "kernel": kernel.at[:rows, :columns].set(old["kernel"]),
        "bias": fresh["bias"].at[:columns].set(old["bias"]),
    }
