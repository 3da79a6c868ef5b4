"""Every way to begin, behind one door."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from spline_fc.arrays import columns
from spline_fc.checks import as_key, as_sizes, check, check_integer, check_one_of
from spline_fc.cpwl.inputs import checked_data
from spline_fc.network import samplers, trees
from spline_fc.network.reshape import reshape
from spline_fc.network.spline_start import spline_start
from spline_fc.network.structure import Layer, Params, from_layers
from spline_fc.threads import one_thread

SCALED = (*samplers.DATA_FREE, "lsuv")  # zero biases, whatever y is
SOLVED = ("swim", "box_lsq")  # last layer by least squares
INITIALISERS = ("spline", *SCALED, *SOLVED, "tree")


@one_thread()
def init_params(
    name: str,
    key: jax.Array | int,
    x: Any,
    y: Any,
    hidden_sizes: int | Sequence[int],
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

    Those of the second group read the data; what a layer of theirs guarantees stands at its
    function in `samplers`:

    * "lsuv": orthonormal kernels and zero biases; the pre-activations of every layer, the last
      included, have variance 1 over rows and units. Mishkin, Matas (2016), All you need is a good
      init, ICLR.
    * "swim": every hidden unit is 0 at one row and 1 at another, pairs with a steep change of y
      being more likely; last layer by least squares. Bolager, Burak, Datar, Sun, Dietrich (2023),
      Sampling weights of deep neural networks, NeurIPS.
    * "box_lsq": the edge of every hidden unit cuts the box of what reaches it, its largest value
      there is 1; last layer by least squares. Cyr, Gulian, Patel, Perego, Trask (2020), Robust
      training and initialization of deep neural networks, MSML.
    * "tree": a boosted ensemble (one output) or a random forest (several) as a network, as many
      trees of depth 3, 2 or 1 as the widths hold, equal to it on every row of x. Lutz, Arnould,
      Boyer, Scornet (2022), Sparse tree-based initialization for neural networks,
      arXiv:2209.15283, who use tanh; the ReLU form is ours.
    * "spline": a spline fitted to the data, equal to it everywhere: `spline_start`. Mo, Zheng,
      Wang, Wang, Schewe (2021), Exploiting spline models for the training of fully connected
      layers in neural network, arXiv:2102.06554; the reshape is our reading.

    Args:
      name: one of INITIALISERS.
      key: JAX key or integer seed.
      x: (n, d), finite; standardised features suit all of them.
      y: (n,) or (n, k), finite.
      hidden_sizes: widths of the hidden layers; one integer for one layer.
      num_outputs: k; read off y if not given.

    Returns:
      {"Dense_0": {"kernel", "bias"}, ...} in the dtype of x.

    Raises:
      ValueError: unknown name, wrong rank, lengths that differ, non-finite values, a size that is
        not a positive integer, widths that do not hold a single stump, num_outputs other than the
        columns of y where y is fitted.
    """
    check_one_of("name", name, INITIALISERS)
    hidden_sizes, key = as_sizes("hidden_sizes", hidden_sizes), as_key(key)
    x, y, _, dtype = checked_data(columns("x", x).values, y, None)
    outputs = y.shape[1] if num_outputs is None else num_outputs
    check_integer("num_outputs", outputs, 1)
    check(
        outputs == y.shape[1] or name in SCALED,
        f"num_outputs must be {y.shape[1]}, the columns of y, for {name!r}; got {outputs}.",
    )
    if name == "spline":
        return spline_start(key, x, y, hidden_sizes).params
    if name == "tree":
        return _tree_params(key, x.astype(dtype, copy=False), y, hidden_sizes)
    x, y = x.astype(np.float64), y.astype(np.float64)
    sampler = samplers.SAMPLERS[name]
    if name in SOLVED:
        keys = list(jax.random.split(key, len(hidden_sizes)))
        stack, h = _drawn(sampler, keys, x, y, hidden_sizes)
        return from_layers([*stack, _solved(h, y)], dtype)
    *keys, last_key = jax.random.split(key, len(hidden_sizes) + 1)
    seen = x if name == "lsuv" else x[:0]
    stack, h = _drawn(sampler, keys, seen, y, hidden_sizes)
    last = samplers.orthonormal if name == "orthogonal" else sampler
    return from_layers([*stack, last(last_key, h, y, outputs)], dtype)


def _tree_params(
    key: jax.Array, x: np.ndarray, y: np.ndarray, hidden_sizes: Sequence[int]
) -> Params:
    """An ensemble as two hidden layers, or as one where its trees must be stumps, reshaped."""
    k_ensemble, k_fill = jax.random.split(key)
    ensemble = trees.fit_ensemble(k_ensemble, x, y, hidden_sizes)
    params = trees.ensemble_to_params(ensemble, x, collapse=len(hidden_sizes) == 1)
    return reshape(params, hidden_sizes, k_fill, x=x)


def _drawn(
    sampler: Callable[..., Layer],
    keys: Sequence[jax.Array],
    x: np.ndarray,
    y: np.ndarray,
    hidden_sizes: Sequence[int],
) -> tuple[list[Layer], np.ndarray]:
    """Draws one hidden layer after the other; also returns the last activations, float64."""
    h, stack = x, []
    for key, size in zip(keys, hidden_sizes, strict=True):
        stack.append(sampler(key, h, y, size))
        h = np.maximum(h @ stack[-1][0] + stack[-1][1], 0)
    return stack, h


def _solved(h: np.ndarray, y: np.ndarray) -> Layer:
    """The output layer that least squares gives, of least norm where there are several."""
    design = np.hstack([h, np.ones((len(h), 1))])
    coef = np.linalg.lstsq(design, y, rcond=1e-8)[0]  # the cut-off of Bolager et al.
    return coef[:-1], coef[-1]
