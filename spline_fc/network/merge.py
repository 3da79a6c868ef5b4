"""Several networks of one shape as one network: a mean of ReLU networks is a ReLU network.

The hidden units of all members stand side by side, in the order of the members, and no weight leads
from a unit of one member to a unit of another: unit i of member m is unit m w + i of its layer.
Only the output layer, which is linear, takes the mean.
"""

import numpy as np
from jax.typing import ArrayLike
from scipy import sparse
from scipy.sparse import csgraph

from spline_fc.arrays import numbers_float64
from spline_fc.checks import check, check_finite
from spline_fc.network.structure import (
    Layer,
    Params,
    dtype_of,
    from_layers,
    layers_float64,
)

LEAST_UNITS = 128  # in a part: smaller ones cost more calls than they save products


def merge_params(members: Params, weights: ArrayLike | None = None) -> Params:
    """Writes the mean of K networks as one network: f(x) = sum_m weight_m f_m(x).

    Its hidden layers are K times as wide as theirs, and all that reads a network reads it. Of
    classes it is the mean of the logits.

    Args:
      members: leaves with the leading axis K, as `training.stack_params` puts networks together.
      weights: (K,), >= 0; only their ratios matter. None counts all members alike.

    Returns:
      {"Dense_0": {"kernel": (d, K h0), "bias": (K h0,)}, ..., "Dense_L": {"kernel": (K h, k),
      "bias": (k,)}} in the dtype of the members. Equal to their mean up to rounding for every x: no
      sum of it is longer than that of a member but the last, over K h units.

    Raises:
      ValueError: the members are no stacked networks or none at all, a weight is negative or not
        finite, all are zero, or there is another number of them.
    """
    stack = layers_float64(members, lead=1)
    shares = _shares(weights, len(stack[0][0]))
    hidden = [_side_by_side(*stack[0])] if len(stack) > 1 else []
    hidden += [_block_diagonal(*layer) for layer in stack[1:-1]]
    kernel, bias = stack[-1]
    weighted = kernel * shares[:, None, None]
    kernel = np.concatenate(weighted) if hidden else weighted.sum(axis=0)
    return from_layers([*hidden, (kernel, shares @ bias)], dtype_of(members, lead=1))


def _shares(weights: ArrayLike | None, count: int) -> np.ndarray:
    """The weights of K members as shares of 1."""
    check(count > 0, "members must be at least one network; got none.")
    weights = np.ones(count) if weights is None else numbers_float64("weights", weights)
    check(
        weights.shape == (count,),
        f"weights must have shape ({count},), one per member; got {weights.shape}.",
    )
    check_finite("weights", weights)
    check(weights.min() >= 0, f"weights must not be negative; got {weights.min():g}.")
    check(weights.max() > 0, "weights must not all be zero; got only zeros.")
    weights = weights / weights.max()  # whose sum is finite
    return weights / weights.sum()


def _side_by_side(kernel: np.ndarray, bias: np.ndarray) -> Layer:
    """(K, inputs, units) to (inputs, K units)."""
    return np.concatenate(kernel, axis=1), bias.ravel()


def _block_diagonal(kernel: np.ndarray, bias: np.ndarray) -> Layer:
    """(K, inputs, units) to (K inputs, K units), zero between the units of different members."""
    count, inputs, units = kernel.shape
    blocks = np.zeros((count, inputs, count, units))
    member = np.arange(count)
    blocks[member, :, member] = kernel
    return blocks.reshape(count * inputs, count * units), bias.ravel()


def independent_parts(stack: list[Layer]) -> list[list[Layer]]:
    """Takes a network apart into networks without a unit in common, of which it is the sum.

    A pass through K merged members then costs K times that of one, not K^2 times. The output bias
    goes to the first part.

    Args:
      stack: from `layers_float64`.

    Returns:
      About one part per member of what `merge_params` returns; the network itself where more than
      half of the weights between hidden layers are not zero, or where no weights are between them.
    """
    between = [kernel for kernel, _ in stack[1:-1]]
    dense = (not kernel.size or 2 * np.count_nonzero(kernel) > kernel.size for kernel in between)
    if not between or any(dense):
        return [stack]
    part = _parts(between)
    ends = np.cumsum([len(bias) for _, bias in stack[:-1]])
    parts = []
    for number in range(part.max() + 1):
        own = [np.flatnonzero(units == number) for units in np.split(part, ends[:-1])]
        own = [np.arange(len(stack[0][0])), *own, np.arange(len(stack[-1][1]))]
        pairs = zip(stack, own[:-1], own[1:], strict=True)
        cut = [
            (kernel[np.ix_(above, below)], bias[below]) for (kernel, bias), above, below in pairs
        ]
        if number:
            cut[-1] = cut[-1][0], np.zeros_like(cut[-1][1])
        parts.append(cut)
    return parts


def _parts(between: list[np.ndarray]) -> np.ndarray:
    """The part of every hidden unit, in order: connected units, packed up to LEAST_UNITS."""
    widths = [len(between[0]), *(kernel.shape[1] for kernel in between)]
    blank = [[sparse.coo_array((rows, columns)) for columns in widths] for rows in widths]
    for i, kernel in enumerate(between):
        blank[i][i + 1] = sparse.coo_array(kernel != 0)
    _, label = csgraph.connected_components(sparse.block_array(blank), directed=False)
    sizes = np.bincount(label)
    packed = (np.cumsum(sizes) - sizes) // LEAST_UNITS
    return np.unique(packed[label], return_inverse=True)[1]
