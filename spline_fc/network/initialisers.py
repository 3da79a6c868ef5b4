"""Every way to begin, behind one door."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spline_fc.checks import (
    check,
    check_finite,
    check_integer,
    check_not_empty,
    check_one_of,
    check_rank,
    check_same_length,
)
from spline_fc.network import samplers, trees
from spline_fc.network.recipe import spline_start
from spline_fc.network.reshape import check_hidden_sizes, reshape
from spline_fc.network.structure import Layer, Params, from_layers
from spline_fc.threads import one_thread


@one_thread()
def init_params(
    name: str,
    key: jax.Array,
    x: jax.Array,
    y: jax.Array,
    hidden_sizes: Sequence[int],
    num_outputs: int | None = None,
) -> Params:
    """Makes the initial parameters of a fully connected ReLU network.

    Those of the first group look at the shapes alone and have zero biases:

    * "he_normal": He, Zhang, Ren, Sun (2015), Delving deep into rectifiers, ICCV.
    * "glorot_uniform": Glorot, Bengio (2010), Understanding the difficulty of training deep
      feedforward neural networks, AISTATS.
    * "lecun_normal": LeCun, Bottou, Orr, Mueller (1998), Efficient backprop.
    * "orthogonal": Saxe, McClelland, Ganguli (2014), Exact solutions to the nonlinear dynamics of
      learning in deep linear neural networks, ICLR; gain sqrt(2) in hidden layers, 1 in the last.

    Those of the second group read the data; what each of them guarantees stands at its function:

    * "lsuv": unit variance of every layer (`lsuv_params`).
    * "swim": units from pairs of rows, last layer by least squares (`swim_params`).
    * "box_lsq": units that cut the box of the data, last layer by least squares (`box_params`).
    * "tree": a tree ensemble as a network (`tree_params`).
    * "spline": a spline as a network, the subject of this library (`spline_params`).

    Args:
      name: one of INITIALISERS.
      key: JAX key.
      x: (n, d), finite; standardised features suit all of them.
      y: (n,) or (n, k), finite.
      hidden_sizes: widths of the hidden layers.
      num_outputs: k; read off y if not given.

    Returns:
      {"Dense_0": {"kernel", "bias"}, ...} in the dtype of x.

    Raises:
      ValueError: unknown name, wrong rank, lengths that differ, non-finite values, a size that is
        not a positive integer, num_outputs other than the columns of y where y is fitted.
    """
    check_one_of("name", name, INITIALISERS)
    hidden_sizes = check_hidden_sizes(hidden_sizes)
    x, y = _checked_data(x, y)
    outputs = y.shape[1] if num_outputs is None else num_outputs
    check_integer("num_outputs", outputs, 1)
    check(
        outputs == y.shape[1] or name in (*samplers.DATA_FREE, "lsuv"),
        f"num_outputs must be {y.shape[1]}, the columns of y, for {name!r}; got {outputs}.",
    )
    if name in samplers.DATA_FREE:
        return random_params(name, key, (x.shape[1], *hidden_sizes, outputs), x.dtype)
    if name == "lsuv":
        return lsuv_params(key, x, hidden_sizes, outputs)
    return _FITTED[name](key, x, y, hidden_sizes)


def random_params(name: str, key: jax.Array, sizes: Sequence[int], dtype: Any) -> Params:
    """Kernels from a random distribution and zero biases.

    Args:
      name: "he_normal", "glorot_uniform", "lecun_normal" or "orthogonal".
      key: JAX key.
      sizes: (d, h_0, ..., k).
      dtype: floating dtype of the result.

    Returns:
      Parameters; layer i is drawn from key i of `jax.random.split`.
    """
    keys = jax.random.split(key, len(sizes) - 1)
    stack = []
    for i, layer_key in enumerate(keys):
        draw = samplers.DATA_FREE[name]
        if name == "orthogonal" and i == len(keys) - 1:
            draw = samplers.orthonormal
        stack.append(draw(layer_key, np.zeros((0, sizes[i])), None, sizes[i + 1]))
    return from_layers(stack, dtype)


def lsuv_params(
    key: jax.Array, x: jax.Array, hidden_sizes: Sequence[int], num_outputs: int
) -> Params:
    """Layer-sequential unit variance: orthonormal kernels, each layer scaled on the data.

    The pre-activations of every layer, the last included, have variance 1 over rows and units.

    Args:
      key: JAX key.
      x: (n, d).
      hidden_sizes: widths of the hidden layers.
      num_outputs: k.

    Returns:
      Parameters with zero biases, in the dtype of x.

    Reference:
      Mishkin, Matas (2016), All you need is a good init, ICLR.
    """
    *keys, last = jax.random.split(key, len(hidden_sizes) + 1)
    stack, h = _hidden_layers(samplers.lsuv, keys, x, None, hidden_sizes)
    return from_layers([*stack, samplers.lsuv(last, h, None, num_outputs)], x.dtype)


def swim_params(key: jax.Array, x: jax.Array, y: jax.Array, hidden_sizes: Sequence[int]) -> Params:
    """SWIM: every hidden unit is 0 at one row of the data and 1 at another, both drawn.

    Pairs with a steep change of y are more likely; the last layer solves least squares.

    Args:
      key: JAX key.
      x: (n, d).
      y: (n, k).
      hidden_sizes: widths of the hidden layers.

    Returns:
      Parameters in the dtype of x.

    Reference:
      Bolager, Burak, Datar, Sun, Dietrich (2023), Sampling weights of deep neural networks,
      NeurIPS; density and constants as there (ReLU: s1 = 1, s2 = 0, cut-off 1e-8 for singular
      values).
    """
    keys = jax.random.split(key, len(hidden_sizes))
    return _solve_last(*_hidden_layers(samplers.swim, keys, x, y, hidden_sizes), y, x.dtype)


def box_params(key: jax.Array, x: jax.Array, y: jax.Array, hidden_sizes: Sequence[int]) -> Params:
    """Box initialisation: every unit's edge cuts the data's box, its largest value there is 1.

    The box of the first layer is the range of x, that of a later one the range of the activations
    before it; the last layer solves least squares.

    Args:
      key: JAX key.
      x: (n, d).
      y: (n, k).
      hidden_sizes: widths of the hidden layers.

    Returns:
      Parameters in the dtype of x.

    Reference:
      Cyr, Gulian, Patel, Perego, Trask (2020), Robust training and initialization of deep neural
      networks: an adaptive basis viewpoint, MSML.
    """
    keys = jax.random.split(key, len(hidden_sizes))
    return _solve_last(*_hidden_layers(samplers.box, keys, x, y, hidden_sizes), y, x.dtype)


def tree_params(key: jax.Array, x: jax.Array, y: jax.Array, hidden_sizes: Sequence[int]) -> Params:
    """A boosted ensemble (one output) or a random forest (several) as a network.

    As many trees of depth 3, 2 or 1 as the widths hold; `trees.ensemble_to_params` turns them into
    two hidden layers (one for depth 1) that equal the ensemble on every row of x, `reshape` into
    the architecture wanted. With one hidden layer the trees are stumps.

    Args:
      key: JAX key; it also seeds the ensemble.
      x: (n, d).
      y: (n, k).
      hidden_sizes: widths of the hidden layers, the first at least 2.

    Returns:
      Parameters in the dtype of x.

    Raises:
      ValueError: the widths do not hold a single stump.

    Reference:
      Lutz, Arnould, Boyer, Scornet (2022), Sparse tree-based initialization for neural networks,
      arXiv:2209.15283, who use tanh; the ReLU form is ours.
    """
    ensemble = trees.fit_ensemble(key, np.asarray(x), np.asarray(y), hidden_sizes)
    params = trees.ensemble_to_params(ensemble, x, collapse=len(hidden_sizes) == 1)
    return reshape(params, hidden_sizes, key, x=x)


def spline_params(
    key: jax.Array, x: jax.Array, y: jax.Array, hidden_sizes: Sequence[int]
) -> Params:
    """A spline fitted to the data, as a network of the given shape: `spline_start`.

    Args:
      key: JAX key, for the units that carry no term.
      x: (n, d), standardised.
      y: (n, k).
      hidden_sizes: widths of the hidden layers.

    Returns:
      Parameters in the dtype of x; they equal the spline everywhere.

    Reference:
      Mo, Zheng, Wang, Wang, Schewe (2021), Exploiting spline models for the training of fully
      connected layers in neural network, arXiv:2102.06554; the reshape is our reading.
    """
    return spline_start(key, x, y, hidden_sizes).params


_FITTED: dict[str, Callable[..., Params]] = {
    "swim": swim_params,
    "box_lsq": box_params,
    "tree": tree_params,
    "spline": spline_params,
}
INITIALISERS = ("spline", *samplers.DATA_FREE, "lsuv", "swim", "box_lsq", "tree")


def _checked_data(x: Any, y: Any) -> tuple[jax.Array, jax.Array]:
    """x (n, d) and y (n, k) in one floating dtype."""
    x, y = jnp.asarray(x), jnp.asarray(y)
    check_rank("x", x, 2, "(n, d)")
    check(y.ndim in (1, 2), f"y must have shape (n,) or (n, k); got {y.shape}.")
    check_not_empty("x", x)
    check_not_empty("y", y)
    check_same_length("y", y, "x", x)
    check_finite("x", x)
    check_finite("y", y)
    x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    return x, y.reshape(len(y), -1).astype(x.dtype)


def _hidden_layers(
    sampler: Callable[..., Layer],
    keys: Sequence[jax.Array],
    x: jax.Array,
    y: jax.Array | None,
    hidden_sizes: Sequence[int],
) -> tuple[list[Layer], np.ndarray]:
    """Draws one layer after the other; also returns the last activations, float64."""
    h = np.asarray(x, np.float64)
    y = None if y is None else np.asarray(y, np.float64)
    stack = []
    for key, size in zip(keys, hidden_sizes, strict=True):
        stack.append(sampler(key, h, y, size))
        h = np.maximum(h @ stack[-1][0] + stack[-1][1], 0)
    return stack, h


def _solve_last(stack: list[Layer], h: np.ndarray, y: jax.Array, dtype: Any) -> Params:
    """Adds the output layer that least squares gives, of least norm where there are several."""
    design = np.hstack([h, np.ones((len(h), 1))])
    coef = np.linalg.lstsq(design, np.asarray(y, np.float64), rcond=1e-8)[0]
    return from_layers([*stack, (coef[:-1], coef[-1])], dtype)
