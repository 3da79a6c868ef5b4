"""Every way to begin, behind one door."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from spline_fc.checks import check_integer, check_one_of
from spline_fc.network.modules import Params

RANDOM_KERNELS: dict[str, Callable] = {
    "he_normal": jax.nn.initializers.he_normal(),  # He et al. 2015
    "glorot_uniform": jax.nn.initializers.glorot_uniform(),  # Glorot and Bengio 2010
    "lecun_normal": jax.nn.initializers.lecun_normal(),  # LeCun et al. 1998
    "orthogonal": jax.nn.initializers.orthogonal(),  # Saxe et al. 2014
}
INITIALISERS = ("spline", *RANDOM_KERNELS)


def random_params(name: str, key: jax.Array, sizes: Sequence[int], dtype) -> Params:
    """Kernels from a random distribution and zero biases, for layer sizes (d, h_1, ..., k)."""
    keys = jax.random.split(key, len(sizes) - 1)
    return {
        f"Dense_{i}": {
            "kernel": RANDOM_KERNELS[name](keys[i], (sizes[i], sizes[i + 1]), dtype),
            "bias": jnp.zeros(sizes[i + 1], dtype),
        }
        for i in range(len(sizes) - 1)
    }


def init_params(
    name: str, key: jax.Array, x: jax.Array, y: jax.Array, hidden_sizes: Sequence[int],
    num_outputs: int | None = None,
) -> Params:  # fmt: skip
    """Makes the initial parameters of a fully connected network.

    Args:
      name: one of INITIALISERS.
      key: PRNG key.
      x: (n, d) float, training rows.
      y: (n, k) float, their targets.
      hidden_sizes: units per hidden layer.
      num_outputs: k; taken from y if not given.

    Returns:
      {"Dense_0": {"kernel", "bias"}, ...} in the dtype of x.

    Raises:
      ValueError: unknown name.
    """
    from spline_fc.cpwl import fit_mars
    from spline_fc.network.convert import to_params
    from spline_fc.network.reshape import reshape

    check_one_of("name", name, INITIALISERS)
    for width in hidden_sizes:
        check_integer("hidden_sizes", width, 1)
    if name == "spline":
        fit = fit_mars(x, y, max_terms=min(41, len(x)), max_hinges=min(hidden_sizes))
        return reshape(to_params(fit.spline, x.shape[1]), hidden_sizes, key)
    sizes = (x.shape[1], *hidden_sizes, y.shape[1] if num_outputs is None else num_outputs)
    return random_params(name, key, sizes, x.dtype)
