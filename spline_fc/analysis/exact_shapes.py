"""Exact partial dependence of networks with one hidden layer."""

from typing import Any

import numpy as np

from spline_fc.analysis.forward import Params, layers
from spline_fc.analysis.shapes import Curve
from spline_fc.checks import check, check_integer, check_not_empty


def exact_dependence(
    params: Params, x: Any, feature: int, *, low: float | None = None, high: float | None = None
) -> Curve:
    """Averages a network over the rows as an exact piecewise-linear function of one feature.

    Each unit gives one breakpoint per row: where it switches on that row as the feature moves.
    Sorted, their changes of slope add up to the curve; no grid is chosen.

    Args:
      params: {"Dense_0": ..., "Dense_1": ...}, one hidden layer.
      x: (n, d), the rows to average over, in the units the network takes.
      feature: the column that is moved.
      low, high: ends of the curve; by default the range of the column.

    Returns:
      Curve whose grid holds the ends and every breakpoint between them: up to n h values.

    Raises:
      ValueError: another number of hidden layers, no row, no such column, or low not below high.
    """
    stack, x = layers(params), np.asarray(x, np.float64)
    check(len(stack) == 2, f"params must have one hidden layer; got {len(stack) - 1}.")
    check_not_empty("x", x)
    (kernel, bias), (readout, offset) = stack
    check_integer("feature", feature, at_least=0)
    check(feature < len(kernel), f"feature must be below {len(kernel)}; got {feature}.")
    check(
        x.ndim == 2 and x.shape[1] == len(kernel),
        f"x must have shape (n, {len(kernel)}); got {x.shape}.",
    )
    low = x[:, feature].min() if low is None else low
    high = x[:, feature].max() if high is None else high
    check(low < high, f"low must be below high; got {low} and {high}.")
    weight = kernel[feature]  # (h,)
    at_low = x @ kernel + bias + (low - x[:, feature, None]) * weight  # (n, h)
    with np.errstate(divide="ignore", invalid="ignore"):
        switch = low - at_low / weight
    row, unit = np.nonzero((switch > low) & (switch < high))
    active = (at_low > 0) | ((at_low == 0) & (weight > 0))
    start = np.maximum(at_low, 0).mean(axis=0) @ readout + offset
    slope = (active.mean(axis=0) * weight) @ readout
    # Switching on adds w, switching off takes it away: both are |w|, as w < 0 only switches off.
    change = np.abs(weight[unit])[:, None] * readout[unit] / len(x)
    knots, where = np.unique(switch[row, unit], return_inverse=True)
    jump = np.zeros((knots.size, readout.shape[1]))
    np.add.at(jump, where.ravel(), change)
    nothing = np.zeros((1, readout.shape[1]))
    slopes = slope + np.concatenate([nothing, np.cumsum(jump, axis=0)])
    grid = np.concatenate([[low], knots, [high]])
    rises = np.cumsum(slopes * np.diff(grid)[:, None], axis=0)
    value = start + np.concatenate([nothing, rises])
    return Curve(feature, grid, value, exact=True)
