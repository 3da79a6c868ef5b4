"""Shape functions: what a model does with one feature, the others being as the data has them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from spline_fc.analysis.forward import BLOCK
from spline_fc.arrays import columns, numbers_float64
from spline_fc.checks import (
    as_list,
    check,
    check_finite,
    check_integer,
    check_kind,
    check_not_empty,
    check_number,
    check_rank,
    shown,
)
from spline_fc.data import Scaler
from spline_fc.network import Params, layer_sizes
from spline_fc.network.merge import independent_parts
from spline_fc.network.structure import Layer, finite_layers
from spline_fc.printing import printed


@printed
class Curve(NamedTuple):
    """A piecewise-linear function of one feature, given by its values at its grid."""

    feature: int
    grid: np.ndarray  # (g,) increasing, in the units of x
    value: np.ndarray  # (g, k)
    exact: bool  # the grid holds every breakpoint, so that interpolation is exact

    def at(self, values: np.ndarray) -> np.ndarray:
        """Interpolates: (n,) values of the feature to (n, k), constant beyond the grid."""
        return np.stack([np.interp(values, self.grid, v) for v in self.value.T], axis=-1)


@printed
class Surface(NamedTuple):
    """A function of two features, given by its values at a grid and exact there."""

    features: tuple[int, int]
    first: np.ndarray  # (g1,) increasing, values of the first feature
    second: np.ndarray  # (g2,) increasing, values of the second
    value: np.ndarray  # (g1, g2, k)


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
      ValueError: no row, rows or values that are not finite, or a column that x does not have.
    """
    x = checked_rows(x, exactly=layer_sizes(params)[0])
    checked_feature(feature, x.shape[1])
    grid = checked_grid("grid", grid, x, feature)
    return average_at(params, x, (feature,), grid[:, None])


def average_at(
    params: Params, x: np.ndarray, features: tuple[int, ...], points: np.ndarray
) -> np.ndarray:
    """Averages a network over rows while some features are set to each of given points.

    Points are (p, f) for f features, averages (p, k). Only the first layer sees the features: what
    the others bring to it is computed once. Rows and points are taken in blocks, so that memory
    does not grow with either.
    """
    parts = independent_parts(finite_layers(params))
    return np.sum([_average_at(part, x, list(features), points) for part in parts], axis=0)


def _average_at(
    stack: list[Layer], x: np.ndarray, features: list[int], points: np.ndarray
) -> np.ndarray:
    (kernel, bias), *deeper = stack
    widest = max(bias.size, *(b.size for _, b in deeper), 1)
    others = kernel.copy()
    others[features] = 0.0
    shift = points @ kernel[features]
    total = np.zeros((len(points), (deeper or [(kernel, bias)])[-1][1].size))
    rows = max(1, BLOCK // widest)
    for begin in range(0, len(x), rows):
        rest = x[begin : begin + rows] @ others + bias
        together = max(1, BLOCK // (len(rest) * widest))
        for first in range(0, len(points), together):
            hidden = rest + shift[first : first + together, None]  # (points, rows, h)
            for weights, offset in deeper:
                hidden = np.maximum(hidden, 0.0) @ weights + offset
            total[first : first + together] += hidden.sum(axis=1)
    return total / len(x)


def feature_grid(x: Any, feature: int, size: int, knots: Any = ()) -> np.ndarray:
    """Chooses `size` even points over the data's range, and the knots within it, as a grid."""
    column = np.asarray(x, np.float64)[:, feature]
    low, high = column.min(), column.max()
    knots = np.asarray(knots, np.float64)
    inside = knots[(knots > low) & (knots < high)]
    return np.unique(np.concatenate([np.linspace(low, high, size), inside]))


def centred(curve: Curve, column: np.ndarray) -> Curve:
    """Shifts a shape function to mean zero under the data, the feature's values (n,)."""
    return curve._replace(value=curve.value - curve.at(column).mean(axis=0))


def additive_shares(values: np.ndarray, x: np.ndarray, curves: Sequence[Curve]) -> np.ndarray:
    """Measures how much of a model's variance its shape functions carry, for every output.

    That is R^2 (k,) of the sum of curves for what the model returns (n, k) at the rows (n, d), nan
    where that does not vary. Features without a curve count as flat.
    """
    total = sum((curve.at(x[:, curve.feature]) for curve in curves), np.zeros(values.shape))
    return share_explained(values, total - total.mean(axis=0) + values.mean(axis=0))


def share_explained(wanted: Any, given: Any) -> np.ndarray:
    """Computes 1 less the ratio of the squared differences to the squared deviations: R^2.

    Args:
      wanted: (n, k), what a model returns.
      given: (n, k), what stands in its place.

    Returns:
      (k,) float64, at most 1; nan where `wanted` does not vary.

    Raises:
      ValueError: the shapes differ.
    """
    wanted, given = numbers_float64("wanted", wanted), numbers_float64("given", given)
    check(wanted.shape == given.shape, f"given must have shape {wanted.shape}; got {given.shape}.")
    check_rank("wanted", wanted, 2, "(n, k)")
    deviation = ((wanted - wanted.mean(axis=0)) ** 2).sum(axis=0)
    varies = np.ptp(wanted, axis=0) > 0
    return 1.0 - ((wanted - given) ** 2).sum(axis=0) / np.where(varies, deviation, np.nan)


def thin_curve(curve: Curve, size: int = 201) -> Curve:
    """Reduces a curve of many breakpoints to even points, as a plot or a file wants it.

    Args:
      curve: any Curve.
      size: number of points, at least 2.

    Returns:
      The curve itself if it has no more points than that; else one that is exact at its grid alone.

    Raises:
      ValueError: size is not an integer >= 2.
    """
    check_kind("curve", curve, Curve)
    check_integer("size", size, at_least=2)
    if len(curve.grid) <= size:
        return curve
    grid = np.linspace(curve.grid[0], curve.grid[-1], size)
    return Curve(curve.feature, grid, curve.at(grid), exact=False)


def raw_curve(curve: Curve, scaler: Any, *, effect: bool) -> Curve:
    """Turns a curve to raw units; an `effect`, as a centred one is, is left unshifted."""
    grid = raw_input(curve.grid, scaler, curve.feature)
    return curve._replace(grid=grid, value=raw_output(curve.value, scaler, effect=effect))


def raw_surface(surface: Surface, scaler: Any, *, effect: bool) -> Surface:
    """Turns a surface to raw units, as `raw_curve` does a curve."""
    first = raw_input(surface.first, scaler, surface.features[0])
    second = raw_input(surface.second, scaler, surface.features[1])
    value = raw_output(surface.value, scaler, effect=effect)
    return surface._replace(first=first, second=second, value=value)


def raw_input(values: np.ndarray, scaler: Any, feature: Any = slice(None)) -> np.ndarray:
    """Turns values of one feature, or (..., d) of all, to raw units; scaler None leaves them.

    A direction, a column of z beyond the features, has no raw units and is left as it is.
    """
    if scaler is None:
        return values
    check_kind("scaler", scaler, Scaler)
    shift, scale = (np.asarray(a, np.float64) for a in (scaler.x_shift, scaler.x_scale))
    if isinstance(feature, int) and feature >= scale.size:
        return values
    return values * scale[feature] + shift[feature]


def raw_output(values: np.ndarray, scaler: Any, *, effect: bool) -> np.ndarray:
    """Turns (..., k) outputs, or differences of them (`effect`), to raw units; None leaves them."""
    if scaler is None:
        return values
    check_kind("scaler", scaler, Scaler)
    shift, scale = (np.asarray(a, np.float64) for a in (scaler.y_shift, scaler.y_scale))
    return values * scale if effect else values * scale + shift


def checked_rows(
    x: Any, *, exactly: int | None = None, name: str = "x", names: Sequence[str] | None = None
) -> np.ndarray:
    """Checks the rows of a study, and their number of columns if given; returns them in float64.

    The columns of a table are put in the order of `names`, those of the model, if it has any.
    """
    is_table = hasattr(x, "to_numpy")
    x = columns(name, x, names if is_table else None).values.astype(np.float64, copy=False)
    check_rank(name, x, 2, "(n, d)")
    check_not_empty(name, x)
    fits = exactly is None or x.shape[1] == exactly
    check(fits, f"{name} must have {exactly} columns, as the model reads; got {x.shape[1]}.")
    check_finite(name, x)
    return x


def checked_feature(feature: Any, num_features: int, name: str = "feature") -> None:
    """Raises ValueError unless `feature` is a column number; `name` is of the argument."""
    check_integer(name, feature, at_least=0)
    check(feature < num_features, f"{name} must be below {num_features}; got {shown(feature)}.")


def checked_pair(features: Any, num_features: int) -> tuple[int, int]:
    """Raises ValueError unless `features` are two different column numbers; returns them."""
    pair = tuple(as_list("features", features, "two different columns"))
    for feature in pair:
        checked_feature(feature, num_features, "each of features")
    check(len(set(pair)) == len(pair) == 2, f"features must be two different columns; got {pair}.")
    return pair[0], pair[1]


def checked_range(column: np.ndarray, low: Any, high: Any) -> tuple[float, float]:
    """The ends of a curve, the column's range by default; raises ValueError unless low < high."""
    low = column.min() if low is None else low
    high = column.max() if high is None else high
    check_number("low", low)
    check_number("high", high)
    check(low < high, f"low must be below high; got {low} and {high}.")
    return float(low), float(high)


def checked_grid(name: str, grid: Any, x: np.ndarray, feature: int, knots: Any = ()) -> np.ndarray:
    """A given grid in float64, or 41 even points and the knots; raises ValueError unless finite."""
    grid = feature_grid(x, feature, 41, knots) if grid is None else numbers_float64(name, grid)
    check_rank(name, grid, 1, "(g,)")
    check_finite(name, grid)
    return grid
