"""Exact partial dependence: of splines of any degree, and of networks with one hidden layer."""

from typing import Any, NamedTuple

import numpy as np

from spline_fc.analysis.decomposition import exact_grid, mean_minimum
from spline_fc.analysis.models import (
    checked_model_rows,
    knots_of,
    minimum,
    minimum_terms,
    model_output,
    without_directions,
)
from spline_fc.analysis.shapes import (
    Curve,
    Surface,
    additive_shares,
    average_at,
    centred,
    checked_feature,
    checked_grid,
    checked_pair,
    checked_range,
    feature_grid,
    partial_dependence,
    raw_curve,
    raw_surface,
)
from spline_fc.checks import check, check_integer
from spline_fc.cpwl import FitResult, Spline
from spline_fc.network import Params, layer_sizes
from spline_fc.network.structure import layers_float64
from spline_fc.printing import printed


@printed
class ShapeFunctions(NamedTuple):
    """One centred curve per feature, and what they leave unexplained."""

    curves: tuple[Curve, ...]
    non_additive: np.ndarray  # (k,) share of the model's variance that the curves do not carry
    exact: bool  # every curve holds all of its breakpoints


def exact_dependence(
    model: Spline | FitResult | Params,
    x: Any,
    feature: int,
    *,
    low: float | None = None,
    high: float | None = None,
    scaler: Any = None,
) -> Curve:
    """Averages a model over the rows as an exact piecewise-linear function of one feature.

    In a network each unit gives one breakpoint per row: where it switches on that row as the
    feature moves. A unit that reads no other feature, as under the axis mask, gives its knot alone.
    In a spline a minimum term breaks at its own knots, and where its hinge reaches the minimum of
    its other hinges on some row. No grid is chosen.

    Args:
      model: a Spline or a whole fit, or {"Dense_0": ..., "Dense_1": ...} with one hidden layer. A
        spline with hinges along directions counts as its network.
      x: (n, d), the rows to average over, in the units the model takes.
      feature: the column that is moved.
      low, high: ends of the curve in the units of x; by default the range of the column.
      scaler: a data.Scaler; the curve is then returned in raw units.

    Returns:
      Curve whose grid holds the ends and every breakpoint between them: up to n per unit or term,
      so that a network takes about 64 n h bytes on the way. A few thousand rows do for a picture.

    Raises:
      ValueError: another number of hidden layers, no row, values that are not finite, no such
        column, or low not below high.
    """
    x, model = checked_model_rows(model, x), without_directions(model)
    if not isinstance(model, Spline):
        depth = len(layer_sizes(model)) - 2
        check(depth == 1, f"params must have one hidden layer; got {depth}.")
    checked_feature(feature, x.shape[1])
    low, high = checked_range(x[:, feature], low, high)
    if isinstance(model, Spline):
        curve = _spline_curve(model, x, feature, low, high)
    else:
        curve = _network_curve(model, x, feature, low, high)
    return raw_curve(curve, scaler, effect=False)


def dependence_surface(
    model: Spline | FitResult | Params,
    x: Any,
    features: Any,
    *,
    first: Any = None,
    second: Any = None,
    scaler: Any = None,
) -> Surface:
    """Averages a model over the rows while two features are set to each pair of values of a grid.

    Args:
      model: a Spline, a whole fit, or a network of any depth.
      x: (n, d), the rows to average over, in the units the model takes.
      features: (i, j), two different columns.
      first, second: increasing values of i and of j, in the units of x; by default 41 even points
        over the data's range, and a spline's knots in it.
      scaler: a data.Scaler; the surface is then returned in raw units.

    Returns:
      Surface, exact at its grid. A spline's costs the grid times its terms, a network's the grid
      times the rows.

    Raises:
      ValueError: rows that do not fit the model, or features or grids that are none.
    """
    x, model = checked_model_rows(model, x), without_directions(model)
    i, j = checked_pair(features, x.shape[1])
    terms = minimum_terms(model) if isinstance(model, Spline) else []
    first = checked_grid("first", first, x, i, knots_of(terms, i))
    second = checked_grid("second", second, x, j, knots_of(terms, j))
    if isinstance(model, Spline):
        pieces = [_given(term, x, (i, j)) for term in terms]
        columns = {i: first[:, None], j: second[None, :]}
        value = _averages(model, pieces, columns, (first.size, second.size))
    else:
        points = np.stack(np.meshgrid(first, second, indexing="ij"), axis=-1).reshape(-1, 2)
        value = average_at(model, x, (i, j), points).reshape(first.size, second.size, -1)
    return raw_surface(Surface((i, j), first, second, value), scaler, effect=False)


def shape_functions(
    model: Spline | FitResult | Params,
    x: Any,
    *,
    features: Any = None,
    size: int = 101,
    scaler: Any = None,
) -> ShapeFunctions:
    """Draws the partial dependence on every feature, centred, and says how much it leaves out.

    Args:
      model: a Spline, a whole fit, or a network of any depth. With hinges along directions, a
        spline of degree 1 has exact curves, one of minima has not.
      x: (n, d), the rows, in the units the model takes.
      features: the columns to draw, all by default; the others count as flat.
      size: points of a curve where exact breakpoints are not to be had, in deeper networks. A
        network's curve on a column of two values, such as 0 and 1, has these alone.
      scaler: a data.Scaler; curves are then returned in raw units.

    Returns:
      ShapeFunctions; constant columns get no curve. `non_additive` is 1 minus the R^2 of the sum of
      the curves for the model's output on x: 0 for an additive model, also for a network trained
      under the axis mask; nan for an output that does not vary. With correlated columns partial
      dependence is not the best additive fit, and the figure is an upper bound of what that leaves.

    Raises:
      ValueError: rows that do not fit the model, a column that x does not have, size below 2.
    """
    check_integer("size", size, at_least=2)
    model = without_directions(model)
    x = checked_model_rows(model, x)
    exact = isinstance(model, Spline) or len(layer_sizes(model)) == 3
    features = range(x.shape[1]) if features is None else features
    curves = []
    for feature in features:
        checked_feature(feature, x.shape[1])
        if x[:, feature].min() < x[:, feature].max():
            values = np.unique(x[:, feature])
            if isinstance(model, Spline) or (exact and values.size > 2):
                curve = exact_dependence(model, x, feature)
            else:
                grid = values if values.size == 2 else feature_grid(x, feature, size)
                value = partial_dependence(model, x, feature, grid)
                curve = Curve(feature, grid, value, exact=False)
            curves.append(centred(curve, x[:, feature]))
    non_additive = 1.0 - additive_shares(model_output(model, x), x, curves)
    shown = tuple(raw_curve(curve, scaler, effect=True) for curve in curves)
    return ShapeFunctions(shown, non_additive, exact)


def _network_curve(params: Params, x: np.ndarray, feature: int, low: float, high: float) -> Curve:
    (kernel, bias), (readout, offset) = layers_float64(params)
    weight = kernel[feature]  # (h,)
    # Without the feature's own weights: where no others are left this is the bias to the last bit,
    # so that all rows agree on the breakpoint.
    others = kernel.copy()
    others[feature] = 0.0
    rest = x @ others + bias  # (n, h)
    at_low = rest + low * weight
    with np.errstate(divide="ignore", invalid="ignore"):
        switch = -rest / weight
    inside = (switch > low) & (switch < high)
    active = (at_low > 0) | ((at_low == 0) & (weight > 0))
    start = np.maximum(at_low, 0).mean(axis=0) @ readout + offset
    slope = (active.mean(axis=0) * weight) @ readout
    unit, knots = np.nonzero(inside)[1], switch[inside]
    del rest, at_low, switch, inside, active  # (n, h) each, beside a result of up to that size
    order = np.argsort(knots)
    knots, unit = knots[order], unit[order]
    # Switching on adds w, switching off takes it away: both are |w|, as w < 0 only switches off.
    change = np.abs(weight)[:, None] * readout / len(x)
    nothing = np.zeros((1, readout.shape[1]))
    slopes = slope + np.concatenate([nothing, np.cumsum(change[unit], axis=0)])
    distinct = np.append(True, knots[1:] > knots[:-1]) if knots.size else np.zeros(0, bool)
    slopes, knots = slopes[np.append(distinct, True)], knots[distinct]
    grid = np.concatenate([[low], knots, [high]])
    rises = np.cumsum(slopes * np.diff(grid)[:, None], axis=0)
    return Curve(feature, grid, start + np.concatenate([nothing, rises]), exact=True)


def _spline_curve(spline: Spline, x: np.ndarray, feature: int, low: float, high: float) -> Curve:
    pieces = [_given(term, x, (feature,)) for term in minimum_terms(spline)]
    grid = exact_grid([(term, mean) for term, own, mean in pieces if own], feature, low, high)
    value = _averages(spline, pieces, {feature: grid}, grid.shape)
    return Curve(feature, grid, value, exact=True)


def _given(term: Any, x: np.ndarray, features: tuple[int, ...]) -> tuple[Any, tuple, Any]:
    """A term, which of the features it reads, and the law of its other hinges, row by row."""
    own = tuple(v for v in term.features if v in features)
    others = tuple(v for v in term.features if v not in features)
    if not others:
        return term, own, None
    return term, own, mean_minimum([minimum(term, others, {v: x[:, v] for v in others})])


def _averages(spline: Spline, pieces: list, columns: dict, shape: tuple[int, ...]) -> np.ndarray:
    value = np.zeros((*shape, len(spline.intercept))) + np.asarray(spline.intercept, np.float64)
    for term, own, mean in pieces:
        if own:
            part = minimum(term, own, columns)
            part = part if mean is None else mean(part)
        else:
            part = np.full(shape, mean.value[-1])
        value += part[..., None] * term.coef
    return value
