"""The network's own arithmetic in float64 NumPy: what a study needs and training does not return.

Reading a network after the fact takes a handful of passes over a few thousand rows. NumPy in double
precision does that without a compilation and without the rounding of the training dtype.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from spline_fc.checks import check, check_finite, check_rank

Params = Mapping[str, Mapping[str, Any]]

BLOCK = 1 << 20  # numbers in the largest temporary array of a pass over many rows: 8 MiB


def layers(params: Params) -> list[tuple[np.ndarray, np.ndarray]]:
    """Lists the layers of a parameter tree in order.

    Args:
      params: {"Dense_0": {"kernel": (d, h), "bias": (h,)}, ..., "Dense_L": ...}.

    Returns:
      [(kernel, bias), ...] in float64.

    Raises:
      ValueError: the names are not Dense_0 to Dense_L, or neighbouring shapes do not fit.
    """
    names = [f"Dense_{i}" for i in range(len(params))]
    check(
        len(names) > 0 and set(params) == set(names),
        f"params must have the layers Dense_0, Dense_1, ... without a gap; got {sorted(params)}.",
    )
    stack = [
        (np.asarray(params[n]["kernel"], np.float64), np.asarray(params[n]["bias"], np.float64))
        for n in names
    ]
    for name, (kernel, bias), wanted in zip(names, stack, [None, *stack], strict=False):
        check_rank(f"{name}/kernel", kernel, 2, "(inputs, units)")
        check(
            bias.shape == kernel.shape[1:],
            f"{name}/bias must have shape {kernel.shape[1:]}; got {bias.shape}.",
        )
        rows = kernel.shape[0] if wanted is None else wanted[0].shape[1]
        check(
            kernel.shape[0] == rows,
            f"{name}/kernel must have {rows} rows, one per unit before it; got {kernel.shape[0]}.",
        )
    return stack


def finite_layers(params: Params) -> list[tuple[np.ndarray, np.ndarray]]:
    """Lists the layers as `layers` does; raises ValueError also where a weight is not finite."""
    stack = layers(params)
    for i, (kernel, bias) in enumerate(stack):
        check_finite(f"params/Dense_{i}/kernel", kernel)
        check_finite(f"params/Dense_{i}/bias", bias)
    return stack


def checked_point(name: str, values: Any, size: int) -> np.ndarray:
    """Returns a point of input space in float64; raises ValueError unless it is finite (size,)."""
    point = np.asarray(values, np.float64)
    check(point.shape == (size,), f"{name} must have shape ({size},); got {point.shape}.")
    check_finite(name, point)
    return point


def preactivations(params: Params, x: Any) -> list[np.ndarray]:
    """Evaluates every layer before its activation.

    Args:
      params: as in `layers`.
      x: (n, d), float.

    Returns:
      One (n, units) float64 array per layer; the last is the network's output.

    Raises:
      ValueError: x is not a matrix with as many columns as Dense_0 has rows.
    """
    x = np.asarray(x, np.float64)
    stack = layers(params)
    check_rank("x", x, 2, "(n, d)")
    wanted = stack[0][0].shape[0]
    check(x.shape[1] == wanted, f"x must have {wanted} columns; got {x.shape[1]}.")
    values, hidden = [], x
    for kernel, bias in stack:
        values.append(hidden @ kernel + bias)
        hidden = np.maximum(values[-1], 0.0)  # no gradient is taken here, so the tie at 0 is moot
    return values


def output(params: Params, x: Any) -> np.ndarray:
    """Evaluates the network: (n, d) to (n, k), float64, in blocks of rows."""
    return np.concatenate([preactivations(params, block)[-1] for block in blocks(params, x)])


def blocks(params: Params, x: Any) -> list[np.ndarray]:
    """Cuts (n, d) rows into pieces, at least one, whose values fill no layer beyond BLOCK."""
    x = np.asarray(x, np.float64)
    rows = max(1, BLOCK // max(bias.size for _, bias in layers(params)))
    return [x[begin : begin + rows] for begin in range(0, max(len(x), 1), rows)]


def output_gradients(params: Params, x: Any, index: int = 0) -> np.ndarray:
    """Differentiates one output by the activations of the first hidden layer.

    Args:
      params: as in `layers`, with at least one hidden layer.
      x: (n, d), float.
      index: which of the k outputs.

    Returns:
      (n, h0) float64. With one hidden layer every row is the output kernel's column `index`.
    """
    return gradients_at(params, preactivations(params, x), index)


def gradients_at(params: Params, values: list[np.ndarray], index: int) -> np.ndarray:
    """Does what `output_gradients` does for rows that were evaluated before.

    Args:
      params: as in `output_gradients`.
      values: of those rows, from `preactivations`.
      index: which of the k outputs.

    Returns:
      (n, h0) float64.
    """
    stack = layers(params)
    gradient = np.broadcast_to(stack[-1][0][:, index], (len(values[-1]), len(stack[-1][0])))
    for (kernel, _), z in zip(stack[-2:0:-1], values[-2:0:-1], strict=True):
        gradient = (gradient * (z > 0)) @ kernel.T
    return gradient
