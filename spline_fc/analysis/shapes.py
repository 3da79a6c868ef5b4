"""Shape functions: what a model does with one feature, the others being as the data has them."""

from typing import Any, NamedTuple

import numpy as np

from spline_fc.analysis.forward import Params, layers, output
from spline_fc.checks import check, check_integer, check_not_empty


class Curve(NamedTuple):
    """A piecewise-linear function of one feature, given by its values at its grid."""

    feature: int
    grid: np.ndarray  # (g,) increasing, in the units of x
    value: np.ndarray  # (g, k)
    exact: bool  # the grid holds every breakpoint, so that interpolation is exact


def partial_dependence(params: Params, x: Any, feature: int, grid: Any) -> np.ndarray:
    """Averages the network over the rows while one feature is set to each value of a grid.

    Args:
      params: {"Dense_0": ..., ...}.
      x: (n, d), the rows to average over, in the units the network takes.
      feature: the column that is set.
      grid: (g,), values for that column.

    Returns:
      (g, k) float64, exact at the grid.

    Raises:
      ValueError: no row, or a column that x does not have.
    """
    x, grid = _checked(x, feature), np.asarray(grid, np.float64)
    (kernel, bias), *deeper = layers(params)
    # Only the first layer sees the feature: its other columns are multiplied once, not per value.
    rest = x @ kernel + bias - x[:, feature, None] * kernel[feature]
    averages = []
    for value in grid:
        hidden = rest + value * kernel[feature]
        for weights, offset in deeper:
            hidden = np.maximum(hidden, 0.0) @ weights + offset
        averages.append(hidden.mean(axis=0))
    return np.array(averages)


def feature_grid(x: Any, feature: int, size: int, knots: Any = ()) -> np.ndarray:
    """Chooses where to draw a shape function: evenly over the data's range, and at given knots.

    Args:
      x: (n, d).
      feature: the column.
      size: number of even points.
      knots: further points; those outside the range are left out.

    Returns:
      (g,) increasing and distinct; a single point for a constant column.
    """
    column = np.asarray(x, np.float64)[:, feature]
    low, high = column.min(), column.max()
    knots = np.asarray(knots, np.float64)
    inside = knots[(knots > low) & (knots < high)]
    return np.unique(np.concatenate([np.linspace(low, high, size), inside]))


def centred(curve: np.ndarray, grid: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Shifts a shape function to mean zero under the data.

    Args:
      curve: (g, k) values at the grid.
      grid: (g,) increasing.
      column: (n,) the feature's values in the data.

    Returns:
      (g, k).
    """
    means = [np.interp(column, grid, curve[:, j]).mean() for j in range(curve.shape[1])]
    return curve - np.array(means)


def additive_share(params: Params, x: Any, curves: list[Curve], index: int = 0) -> float:
    """Measures how much of a network's variance its shape functions carry.

    Args:
      params: the network.
      x: (n, d), the rows.
      curves: one per feature that matters; features without a curve count as flat.
      index: which output.

    Returns:
      The R^2 of the sum of centred shape functions for the network's centred output; 1 minus it is
      the non-additive share. nan for a constant network.
    """
    x = np.asarray(x, np.float64)
    target = output(params, x)[:, index]
    target = target - target.mean()
    total = np.zeros(len(x))
    for curve in curves:
        part = np.interp(x[:, curve.feature], curve.grid, curve.value[:, index])
        total += part - part.mean()
    variance = float((target**2).sum())
    if variance == 0:
        return float("nan")
    return 1.0 - float(((target - total) ** 2).sum()) / variance


def _checked(x: Any, feature: int) -> np.ndarray:
    x = np.asarray(x, np.float64)
    check_not_empty("x", x)
    check_integer("feature", feature, at_least=0)
    check(feature < x.shape[1], f"feature must be below {x.shape[1]}; got {feature}.")
    return x
