"""Passes of float64 NumPy over many rows, and gradients: what training does not return."""

from typing import Any

import numpy as np

from spline_fc.arrays import numbers_float64
from spline_fc.checks import check, check_finite
from spline_fc.network import Params, layer_sizes, preactivations_float64
from spline_fc.network.merge import independent_parts
from spline_fc.network.structure import from_layers, layers_float64

BLOCK = 1 << 20  # numbers in the largest temporary array of a pass over many rows: 8 MiB


def checked_point(name: str, values: Any, size: int) -> np.ndarray:
    """Returns a point of input space in float64; raises ValueError unless it is finite (size,)."""
    point = numbers_float64(name, values)
    check(point.shape == (size,), f"{name} must have shape ({size},); got {point.shape}.")
    check_finite(name, point)
    return point


def output(params: Params, x: Any) -> np.ndarray:
    """Evaluates the network: (n, d) to (n, k), float64, in blocks of rows."""
    parts = [from_layers(part, np.float64) for part in independent_parts(layers_float64(params))]
    found = [
        np.concatenate([preactivations_float64(part, block)[-1] for block in blocks(part, x)])
        for part in parts
    ]
    return np.sum(found, axis=0)


def blocks(params: Params, x: Any) -> list[np.ndarray]:
    """Cuts (n, d) rows into pieces, at least one, whose values fill no layer beyond BLOCK."""
    x = np.asarray(x, np.float64)
    rows = max(1, BLOCK // max(layer_sizes(params)[1:]))
    return [x[begin : begin + rows] for begin in range(0, max(len(x), 1), rows)]


def gradients_at(params: Params, values: list[np.ndarray], index: int) -> np.ndarray:
    """Differentiates output `index` by the first hidden layer's activations: (n, h0) float64.

    `values` are those of n rows, from `network.preactivations_float64`.
    """
    stack = layers_float64(params)
    gradient = np.broadcast_to(stack[-1][0][:, index], (len(values[-1]), len(stack[-1][0])))
    for (kernel, _), z in zip(stack[-2:0:-1], values[-2:0:-1], strict=True):
        gradient = (gradient * (z > 0)) @ kernel.T
    return gradient
