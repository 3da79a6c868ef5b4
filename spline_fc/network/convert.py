"""From a spline to the network that is the same function on all of R^d."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from spline_fc.checks import check, check_finite, check_integer
from spline_fc.cpwl import Spline
from spline_fc.data import Scaler
from spline_fc.network.modules import Params

Combination = tuple[tuple[int, float], ...]  # unit -> weight, a non-negative sum


class Hinges(NamedTuple):
    """The unit-to-hinge map: unit i of Dense_0 is relu(sign[i] * (x[feature[i]] - knot[i]))."""

    feature: np.ndarray  # (h,) int32
    sign: np.ndarray  # (h,) float
    knot: np.ndarray  # (h,) float


def _live_terms(spline: Spline) -> list[tuple[np.ndarray, list[tuple[int, float, float]]]]:
    """(coefficients, factors) of every term that contributes."""
    coef, feature, sign, knot = (np.asarray(leaf) for leaf in spline[1:])
    terms = []
    for m in range(len(coef)):
        present = np.flatnonzero(sign[m])
        factors = [(int(feature[m, r]), float(sign[m, r]), float(knot[m, r])) for r in present]
        if factors and coef[m].any():
            terms.append((coef[m], list(dict.fromkeys(factors))))
    return terms


def hinges(spline: Spline) -> Hinges:
    """Lists the distinct live hinges of a spline in the order of their units.

    Returns:
      Hinges, by first appearance over terms and then factors. Reshaping keeps the order and
      appends, so this is the map of every network that came from the spline.
    """
    distinct = list(dict.fromkeys(f for _, factors in _live_terms(spline) for f in factors))
    table = np.array(distinct, np.float64).reshape(-1, 3)
    dtype = np.asarray(spline.knot).dtype
    return Hinges(table[:, 0].astype(np.int32), table[:, 1].astype(dtype),
                  table[:, 2].astype(dtype))  # fmt: skip


def to_params(spline: Spline, num_features: int, scaler: Scaler | None = None) -> Params:
    """Builds the network that equals a spline everywhere.

    Additive splines take one hidden layer. A minimum of R hinges takes ceil(log2 R) more, by
    min(a, b) = a - relu(a - b) for a, b >= 0, pair by pair; what is not paired is carried on, which
    ReLU allows because it is not negative.

    Args:
      spline: k outputs, finite.
      num_features: d, inputs of the network.
      scaler: folds standardisation into the first and last layer, so that the network maps raw
        inputs to raw outputs.

    Returns:
      {"Dense_0": {"kernel": (d, h), "bias": (h,)}, ...} in the dtype of the spline. A spline
      without terms gets one idle unit.

    Raises:
      ValueError: non-finite entries, or a feature that is not one of num_features.
    """
    check_integer("num_features", num_features, 1)
    for name, leaf in zip(Spline._fields, spline, strict=True):
        check_finite(f"spline.{name}", leaf)
    units = hinges(spline)
    highest = int(units.feature.max(initial=-1))
    lowest = int(units.feature.min(initial=0))
    check(
        0 <= lowest and highest < num_features,
        f"spline.feature must name columns 0 to {num_features - 1}; got "
        f"{lowest if lowest < 0 else highest}.",
    )
    kernel = np.zeros((num_features, max(1, len(units.feature))))
    bias = np.zeros(kernel.shape[1])
    kernel[units.feature, np.arange(len(units.feature))] = units.sign
    bias[: len(units.feature)] = -units.sign.astype(np.float64) * units.knot
    layers = [(kernel, bias), *_upper_layers(spline, units, kernel.shape[1])]
    if scaler is not None:
        layers = _fold(layers, scaler)
    dtype = np.asarray(spline.coef).dtype
    return {
        f"Dense_{i}": {"kernel": jnp.asarray(kernel, dtype), "bias": jnp.asarray(bias, dtype)}
        for i, (kernel, bias) in enumerate(layers)
    }


def _upper_layers(spline: Spline, units: Hinges, width: int):
    """Kernels and biases above the hinges: minima pair by pair, then the coefficients."""
    table = zip(units.feature, units.sign, units.knot, strict=True)
    index = {(int(v), float(s), float(t)): i for i, (v, s, t) in enumerate(table)}
    terms = _live_terms(spline)
    values = [[((index[factor], 1.0),) for factor in factors] for _, factors in terms]
    layers = []
    while any(len(parts) > 1 for parts in values):
        values, columns = _pair_up(values)
        kernel = np.zeros((width, len(columns)))
        for j, column in enumerate(columns):
            for unit, weight in column:
                kernel[unit, j] += weight
        layers.append((kernel, np.zeros(len(columns))))
        width = len(columns)
    kernel = np.zeros((width, spline.coef.shape[1]))
    for (coef, _), ((combination,)) in zip(terms, values, strict=True):
        for unit, weight in combination:
            kernel[unit] += weight * coef
    return [*layers, (kernel, np.asarray(spline.intercept, np.float64))]


def _pair_up(values: list[list[Combination]]):
    """One more layer: half as many parts per term, and the combinations its units compute."""
    columns: dict[Combination, int] = {}

    def unit(combination: Combination) -> int:
        return columns.setdefault(combination, len(columns))

    paired = []
    for parts in values:
        merged = []
        for a, b in zip(parts[::2], parts[1::2], strict=False):
            difference = dict(a)
            for source, weight in b:
                difference[source] = difference.get(source, 0.0) - weight
            kept = tuple(sorted((u, w) for u, w in difference.items() if w))
            merged.append(((unit(a), 1.0), (unit(kept), -1.0)))
        if len(parts) % 2:
            merged.append(((unit(parts[-1]), 1.0),))
        paired.append(merged)
    return paired, list(columns)


def _fold(layers, scaler: Scaler):
    """The same network from raw inputs to raw outputs."""
    x_shift, x_scale, y_shift, y_scale = (np.asarray(leaf, np.float64) for leaf in scaler)
    kernel, bias = layers[0]
    kernel = kernel / x_scale[:, None]
    layers = [(kernel, bias - x_shift @ kernel), *layers[1:]]
    kernel, bias = layers[-1]
    return [*layers[:-1], (kernel * y_scale, bias * y_scale + y_shift)]
