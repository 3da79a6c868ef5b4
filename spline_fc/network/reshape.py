"""The same function in a regular architecture: deepen, balance, widen.

`reshape` never changes the function: deepening repeats non-negative activations (or carries the
output as the pair relu(z), relu(-z)), balancing moves positive factors across a unit, and units
added by widening have zero weights into everything that carries the function.
"""

import functools
from collections.abc import Sequence

import jax
import numpy as np
from jax.typing import ArrayLike

from spline_fc.arrays import columns
from spline_fc.checks import as_key, as_sizes, check, check_integer, check_one_of
from spline_fc.cpwl.inputs import checked_data
from spline_fc.network.samplers import DATA_FREE, SAMPLERS, generator
from spline_fc.network.structure import (
    Layer,
    Params,
    dtype_of,
    finite_layers,
    from_layers,
    layer_sizes,
)

BALANCES = ("powers_of_two", "any", "none")
_PROBE_ROWS = 256
_MOST_CELLS = 1 << 26  # of activations at a time: half a gigabyte
_MAX_SWEEPS = 1000
_BALANCED = 1e-9  # largest binary logarithm of a factor left to apply


def reshape(
    params: Params,
    hidden_sizes: int | Sequence[int],
    key: jax.Array | int,
    *,
    incoming: str = "he_normal",
    balance: str = "powers_of_two",
    x: ArrayLike | None = None,
    y: ArrayLike | None = None,
) -> Params:
    """Brings a network into a given architecture without changing its function.

    First layers are added (`deepen`), then the weights that carry the function are balanced
    (`balance_units`), then units are added (`widen`). Unit i of every layer keeps its index, so
    `hinges(spline)` still describes the first units of Dense_0. Units that widening adds keep the
    incoming weights as drawn; balancing does not see them, since they have nothing to carry yet.

    Args:
      params: a fully connected network, e.g. from `to_params`.
      hidden_sizes: widths of the hidden layers wanted; one integer for one layer.
      key: JAX key or integer seed for the incoming weights of new units.
      incoming: their distribution: "he_normal", "glorot_uniform", "lecun_normal", "orthogonal",
        or, given the data, "lsuv", "box_lsq" (both need x) and "swim" (x and y).
      balance: how units get equal norms in and out: "powers_of_two" (within a factor of two, exact
        in floating point), "any" (equal, each weight rounded) or "none" for not at all.
      x: (n, d), rows on which new units must not be dead, in the units the network takes; 256
        standard normal rows by default, which is right for standardised features.
      y: (n, k), read by incoming="swim" alone.

    Returns:
      Parameters of the wanted shapes, in the dtype of `params`.

    Raises:
      ValueError: a layer too few or too narrow (the message says how wide it must be and which
        max_terms would fit), an unknown distribution or balance, data that it needs and did not
        get.
    """
    hidden_sizes = as_sizes("hidden_sizes", hidden_sizes)
    check_one_of("balance", balance, BALANCES)
    params = deepen(params, hidden_sizes)
    if balance != "none":
        params = balance_units(params, factors=balance)
    return widen(params, hidden_sizes, key, incoming=incoming, x=x, y=y)


def deepen(params: Params, hidden_sizes: int | Sequence[int]) -> Params:
    """Adds hidden layers until there are as many as in `hidden_sizes`, where they fit.

    A layer behind a hidden layer repeats its activations, which are non-negative and so unchanged
    by another ReLU. Where that is too wide, a layer behind the last hidden one carries each output
    as the pair relu(z), relu(-z).

    Args:
      params: a fully connected network.
      hidden_sizes: the widths that layers may reach.

    Returns:
      The same function with len(hidden_sizes) hidden layers, each at most as wide as wanted.

    Raises:
      ValueError: as for `reshape`.
    """
    hidden_sizes = as_sizes("hidden_sizes", hidden_sizes)
    _, *widths, num_outputs = layer_sizes(params)
    widths = tuple(widths)
    plan = _plan(widths, num_outputs, hidden_sizes)
    if plan is None:
        raise ValueError(_too_small(widths, num_outputs, hidden_sizes))
    stack = finite_layers(params)
    deeper: list[Layer] = []
    previous = None
    for stage in plan:
        if stage == previous:
            width = deeper[-1][0].shape[1]
            deeper.append((np.eye(width), np.zeros(width)))
        elif stage < len(widths):
            deeper.append(stack[stage])
        else:
            kernel = stack[-1][0]
            deeper.append((np.hstack([kernel, -kernel]), np.zeros(2 * num_outputs)))
        previous = stage
    if previous == len(widths):
        identity = np.eye(num_outputs)
        deeper.append((np.vstack([identity, -identity]), stack[-1][1]))
    else:
        deeper.append(stack[-1])
    return from_layers(deeper, dtype_of(params))


def balance_units(params: Params, *, factors: str = "powers_of_two") -> Params:
    """Gives every hidden unit equal norms of its incoming and its outgoing weights.

    (w, b) -> a (w, b), v -> v / a leaves the function unchanged for a > 0. With powers of two not
    one bit of any product changes, and the norms agree within a factor of two. Any other factors
    make them agree to rounding and disturb weights by rounding: a minimum a - relu(a - b) is then
    off by that share of a, which shows where a is a thousand times larger than the result.

    Biases move along but are not counted in the norm, so that balance does not depend on where the
    data lie. A unit without incoming or without outgoing weights is left as it is.

    Args:
      params: a fully connected network.
      factors: "powers_of_two", or "any" for norms that are equal to rounding.

    Returns:
      The same function, same structure and dtype.

    Raises:
      ValueError: unknown kind of factors, or no fully connected network.

    Reference:
      Stock, Graham, Gribonval, Jegou (2019), Equi-normalization of neural networks, ICLR: layers
      take turns, which lowers the sum of all squared weights at every step. Why: Du, Hu, Lee
      (2018), Algorithmic regularization in learning deep homogeneous models, NeurIPS: gradient flow
      keeps the difference of the squared norms, so imbalance never heals by itself.
    """
    check_one_of("factors", factors, BALANCES[:-1])
    stack = finite_layers(params)
    square = [np.square(kernel) for kernel, _ in stack]
    exponent = [np.zeros(len(bias)) for _, bias in stack[:-1]]
    for _ in range(_MAX_SWEEPS):
        largest = 0.0
        for i, total in enumerate(exponent):
            norm_in, norm_out = square[i].sum(axis=0), square[i + 1].sum(axis=1)
            carries = (norm_in > 0) & (norm_out > 0)
            ratio = np.where(carries, norm_out, 1) / np.where(carries, norm_in, 1)
            step = np.log2(ratio) / 4
            if factors == "powers_of_two":
                # Halves occur, as hinges have weights of one: rounding must not decide on them.
                step = np.rint(step * (1 - 1e-6))
            total += step
            square[i] = square[i] * np.exp2(2 * step)
            square[i + 1] = square[i + 1] * np.exp2(-2 * step)[:, None]
            largest = max(largest, np.abs(step).max(initial=0.0))
        if largest < _BALANCED:
            break
    ends = [np.ones(stack[0][0].shape[0])], [np.ones(len(stack[-1][1]))]
    scales = [*ends[0], *map(np.exp2, exponent), *ends[1]]
    balanced = [
        (kernel / before[:, None] * after, bias * after)
        for (kernel, bias), before, after in zip(stack, scales[:-1], scales[1:], strict=True)
    ]
    return from_layers(balanced, dtype_of(params))


def widen(
    params: Params,
    hidden_sizes: int | Sequence[int],
    key: jax.Array | int,
    *,
    incoming: str = "he_normal",
    x: ArrayLike | None = None,
    y: ArrayLike | None = None,
) -> Params:
    """Adds units with random incoming weights and none into what was there before.

    Zero outgoing weights keep the function; random incoming ones let the outgoing ones learn at the
    first step and the unit itself at the second. (Both zero would be a fixed point of gradient
    descent, and a copy of a unit stays a copy.) A new unit does feed the new units of the next
    layer, whose incoming weights are random as a whole. Columns are drawn as for a fresh layer of
    the final shape. A new unit that is dead on every row of x is mirrored.

    Args:
      params: a fully connected network.
      hidden_sizes: as many as it has hidden layers, none smaller.
      key: JAX key or integer seed.
      incoming: as for `reshape`.
      x: as for `reshape`.
      y: as for `reshape`.

    Returns:
      Parameters of the wanted shapes; new units come after those of `params`.

    Raises:
      ValueError: a size too small, an unknown distribution, data that it needs and did not get.
    """
    hidden_sizes = as_sizes("hidden_sizes", hidden_sizes)
    num_features, *widths, num_outputs = layer_sizes(params)
    check(
        len(widths) == len(hidden_sizes) and all(map(int.__ge__, hidden_sizes, widths)),
        f"hidden_sizes must be at least {tuple(widths)}, layer by layer; got {hidden_sizes}.",
    )
    check_one_of("incoming", incoming, SAMPLERS)
    *keys, probe_key = jax.random.split(as_key(key), len(hidden_sizes) + 1)
    h, y = _probe(incoming, num_features, probe_key, x, y)
    wide: list[Layer] = []
    stack = finite_layers(params)
    for (kernel, bias), size, layer_key in zip(stack, hidden_sizes, keys, strict=False):
        old = kernel.shape[1]
        drawn = SAMPLERS[incoming](layer_key, h, y, size)
        fresh = _revive(drawn[0][:, old:], drawn[1][old:], h)
        kernel = np.vstack([kernel, np.zeros((h.shape[1] - len(kernel), kernel.shape[1]))])
        wide.append((np.hstack([kernel, fresh[0]]), np.hstack([bias, fresh[1]])))
        if len(wide) < len(hidden_sizes):  # a layer behind looks at its activations
            every = -(-len(h) * size // _MOST_CELLS)
            h, y = h[::every], y if y is None else y[::every]
            h = np.maximum(h @ wide[-1][0] + wide[-1][1], 0)
    kernel, bias = stack[-1]
    added = hidden_sizes[-1] - len(kernel) if hidden_sizes else 0
    wide.append((np.vstack([kernel, np.zeros((added, num_outputs))]), bias))
    return from_layers(wide, dtype_of(params))


def max_terms_for(
    hidden_sizes: int | Sequence[int], *, max_degree: int = 1, num_outputs: int = 1
) -> int:
    """The largest `max_terms` of `fit_mars` whose every spline fits an architecture.

    Args:
      hidden_sizes: widths of the hidden layers.
      max_degree: as for `fit_mars`.
      num_outputs: k.

    Returns:
      At least 1; 1 means that only constants are sure to fit.

    Raises:
      ValueError: a size or a number that is not a positive integer.
    """
    hidden_sizes = as_sizes("hidden_sizes", hidden_sizes)
    check_integer("max_degree", max_degree, 1)
    check_integer("num_outputs", num_outputs, 1)
    halvings = (max_degree - 1).bit_length()
    low, high = 0, hidden_sizes[0]
    while low < high:
        terms = (low + high + 1) // 2
        # Every term brings at most one new hinge, and ceil(R / 2^i) units to the i-th halving.
        widths = [terms, *(terms * -(-max_degree // 2**i) for i in range(halvings))]
        fits = _plan(tuple(widths), num_outputs, hidden_sizes) is not None
        low, high = (terms, high) if fits else (low, terms - 1)
    return low + 1


def _plan(
    widths: tuple[int, ...], num_outputs: int, hidden_sizes: tuple[int, ...]
) -> list[int] | None:
    """What each wanted layer carries: the activations of hidden layer i, or (last) the outputs.

    Layers advance as early as they can, so that added ones repeat the finished terms; the pair of
    outputs is the last resort, because it hides the terms from the layers behind it.
    """
    needed = (*widths, 2 * num_outputs)
    last_hidden = max(len(widths) - 1, 0)

    @functools.cache
    def search(layer: int, stage: int) -> tuple[int, ...] | None:
        if stage > len(widths) or needed[stage] > hidden_sizes[layer]:
            return None
        if layer + 1 == len(hidden_sizes):
            return (stage,) if stage >= last_hidden else None
        order = (stage + 1, stage) if stage < last_hidden else (stage, stage + 1)
        tails = (search(layer + 1, following) for following in order)
        tail = next((tail for tail in tails if tail is not None), None)
        return None if tail is None else (stage, *tail)

    plan = search(0, 0)
    return None if plan is None else list(plan)


def _too_small(widths: tuple[int, ...], num_outputs: int, hidden_sizes: tuple[int, ...]) -> str:
    """How wide it must be, and which fit would go in."""
    degree = 2 ** max(len(widths) - 1, 0)
    while len(hidden_sizes) < (degree - 1).bit_length() + 1:
        degree //= 2
    terms = max_terms_for(hidden_sizes, max_degree=degree, num_outputs=num_outputs)
    cap = f" or max_hinges={hidden_sizes[0]}" if degree == 1 else ""
    further = min((*widths[-1:], 2 * num_outputs))
    needed = (*widths, *[further] * (len(hidden_sizes) - len(widths)))
    return (
        f"hidden_sizes must hold this network, as {needed} or wider does; got {hidden_sizes}. "
        f"A spline from fit_mars with max_degree={degree} and max_terms={terms}{cap} fits."
    )


def _probe(
    incoming: str, num_features: int, key: jax.Array, x: ArrayLike | None, y: ArrayLike | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """The rows that new units see, checked; standard normal ones where none are given."""
    check(
        x is not None or incoming in DATA_FREE,
        f"x must be given for incoming={incoming!r}, which is drawn from the data; got None.",
    )
    check(
        y is not None or incoming != "swim",
        "y must be given for incoming='swim', which is drawn from the data; got None.",
    )
    if x is None:
        return generator(key).standard_normal((_PROBE_ROWS, num_features)), None
    x = columns("x", x).values
    x, wide_y, _, _ = checked_data(x, np.zeros(len(x)) if y is None else y, None).widened()
    came = x.shape[1]
    check(came == num_features, f"x must have {num_features} columns; got {came}.")
    return x, None if y is None else wide_y


def _revive(kernel: np.ndarray, bias: np.ndarray, h: np.ndarray) -> Layer:
    """Mirrors units that are dead on all rows; a unit that nothing reaches gets bias 1."""
    dead = _dead(kernel, bias, h)
    if not dead.any():
        return kernel, bias
    sign = np.where(dead, -1.0, 1.0)
    kernel, bias = kernel * sign, bias * sign
    return kernel, np.where(_dead(kernel, bias, h), 1.0, bias)


def _dead(kernel: np.ndarray, bias: np.ndarray, h: np.ndarray) -> np.ndarray:
    """Which units (u,) are 0 on all rows, so many units at a time as memory can hold."""
    step = max(1, _MOST_CELLS // 8 // max(1, len(h)))
    blocks = [slice(start, start + step) for start in range(0, len(bias), step)]
    found = [(h @ kernel[:, own] + bias[own] <= 0).all(axis=0) for own in blocks]
    return np.concatenate(found) if found else np.zeros(0, bool)
