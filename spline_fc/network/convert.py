"""From a spline to the ReLU network that is the same function on all of R^d.

One hidden unit per distinct hinge: kernel column sign * e_feature, bias -sign * knot. A minimum of
R hinges is halved ceil(log2 R) times by min(a, b) = a - relu(a - b); what is not halved in a layer
is non-negative and passes through its ReLU unchanged. All these weights are 1, -1 or 0, so what
rounds is the arithmetic alone: a - relu(a - b) rounds at the size of a, so that where one hinge of
a minimum is far larger than the minimum, the error is relative to that hinge.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from spline_fc.checks import check, check_finite, check_integer
from spline_fc.cpwl import Spline
from spline_fc.data import Scaler
from spline_fc.network.structure import Params, from_layers, layers

Factor = tuple[int, float, float]  # feature, sign, knot
Combination = tuple[tuple[int, float], ...]  # (unit, weight) pairs: a linear form in a layer


class Hinges(NamedTuple):
    """The unit-to-hinge map: unit i of Dense_0 is relu(sign[i] * (x[feature[i]] - knot[i]))."""

    feature: np.ndarray  # (h,), int32
    sign: np.ndarray  # (h,), +1. or -1.
    knot: np.ndarray  # (h,), float, in the units of the spline


def hinges(spline: Spline) -> Hinges:
    """Lists the distinct hinges of a spline's live terms, in order of first appearance.

    That order is the order of the units in Dense_0 of `to_params(spline, ...)`, and `reshape`
    keeps it: units it adds come after.

    Args:
      spline: a Spline of m terms with up to R factors.

    Returns:
      Hinges with h <= m * R entries.

    Raises:
      ValueError: non-finite entries, or a sign other than -1, 0 and 1.
    """
    _check_spline(spline)
    terms, _ = _live_terms(spline)
    factors = list(_index(terms))
    dtype = np.asarray(spline.knot).dtype
    columns = zip(*factors, strict=True) if factors else ((), (), ())
    feature, sign, knot = columns
    return Hinges(np.array(feature, np.int32), np.array(sign, dtype), np.array(knot, dtype))


def to_params(spline: Spline, num_features: int, scaler: Scaler | None = None) -> Params:
    """Builds the ReLU network that equals a spline everywhere.

    Additive splines give one hidden layer, minimum terms of up to R hinges 1 + ceil(log2 R). A
    hinge or a partial minimum that several terms share appears once. A spline without live terms
    gives one hidden layer of width 0.

    Args:
      spline: a Spline with k outputs.
      num_features: d, the number of columns of x.
      scaler: if given, it is folded into the first and the last layer: the network then takes raw
        x and returns raw y, while the spline stands in standardised units.

    Returns:
      {"Dense_0": {"kernel": (d, h0), "bias": (h0,)}, ..., "Dense_L": {"kernel": (h, k), ...}} in
      the dtype of the spline's coefficients; unit i of Dense_0 is `hinges(spline)` entry i.

    Raises:
      ValueError: non-finite entries, a sign other than -1, 0 and 1, a feature outside 0 to d - 1,
        shapes that do not fit each other or the scaler.
    """
    check_integer("num_features", num_features, 1)
    _check_spline(spline, num_features)
    terms, coef = _live_terms(spline)
    index = _index(terms)
    stack = [_hinge_layer(list(index), num_features)]
    # The order of the units behind Dense_0 depends on the hinges alone, not on the order of terms.
    minima = [tuple(sorted(index[f] for f in term)) for term in terms]
    order = sorted(range(len(terms)), key=lambda m: (minima[m][-1], minima[m]))
    # A value is a linear form in the units of the layer at hand; at first every hinge is a unit.
    values = [[((i, 1.0),) for i in minima[m]] for m in order]
    while max((len(term) for term in values), default=1) > 1:
        values, kernel = _halve(values, stack[-1][0].shape[1])
        stack.append((kernel, np.zeros(kernel.shape[1])))
    intercept = np.asarray(spline.intercept, np.float64)
    kernel = np.zeros((stack[-1][0].shape[1], len(intercept)))
    for (value,), row in zip(values, coef[order], strict=True):
        for unit, weight in value:
            kernel[unit] += weight * row
    params = from_layers([*stack, (kernel, intercept)], np.asarray(spline.coef).dtype)
    return params if scaler is None else fold_scaler(params, scaler)


def fold_scaler(params: Params, scaler: Scaler) -> Params:
    """Turns a network between standardised units into the same network between raw units.

    Args:
      params: a network that takes (x - x_shift) / x_scale and returns (y - y_shift) / y_scale.
      scaler: for d features and k targets.

    Returns:
      Parameters of the same structure and dtype; only the first and the last layer differ.

    Raises:
      ValueError: the scaler's shapes do not fit the network.
    """
    scaler = _checked_scaler(params, scaler)
    stack = [(np.asarray(k, np.float64), np.asarray(b, np.float64)) for k, b in layers(params)]
    kernel, bias = stack[0]
    kernel = kernel / scaler.x_scale[:, None]
    stack[0] = kernel, bias - scaler.x_shift @ kernel
    kernel, bias = stack[-1]
    stack[-1] = kernel * scaler.y_scale, bias * scaler.y_scale + scaler.y_shift
    return from_layers(stack, layers(params)[0][0].dtype)


def unfold_scaler(params: Params, scaler: Scaler) -> Params:
    """The inverse of `fold_scaler`, to rounding."""
    x_shift, x_scale, y_shift, y_scale = _checked_scaler(params, scaler)
    inverse = Scaler(-x_shift / x_scale, 1 / x_scale, -y_shift / y_scale, 1 / y_scale)
    return fold_scaler(params, inverse)


def _checked_scaler(params: Params, scaler: Scaler) -> Scaler:
    stack = layers(params)
    d, k = stack[0][0].shape[0], stack[-1][0].shape[1]
    scaler = Scaler(*(np.asarray(field, np.float64) for field in scaler))
    for name, field, size in zip(Scaler._fields, scaler, (d, d, k, k), strict=True):
        check(
            field.shape == (size,), f"scaler.{name} must have shape ({size},); got {field.shape}."
        )
        check_finite(f"scaler.{name}", field)
    return scaler


def _check_spline(spline: Spline, num_features: int | None = None) -> None:
    """Shapes, finiteness and signs of every entry, absent ones included."""
    coef, feature = np.shape(spline.coef), np.shape(spline.feature)
    check(len(coef) == 2, f"spline.coef must have shape (m, k); got {coef}.")
    check(len(feature) == 2, f"spline.feature must have shape (m, R); got {feature}.")
    wanted = {
        "intercept": (coef[1],),
        "feature": (coef[0], feature[1]),
        "sign": feature,
        "knot": feature,
    }
    for name, shape in wanted.items():
        came = np.shape(getattr(spline, name))
        check(came == shape, f"spline.{name} must have shape {shape}; got {came}.")
    for name in ("intercept", "coef", "sign", "knot"):
        check_finite(f"spline.{name}", getattr(spline, name))
    sign = np.asarray(spline.sign)
    strange = sign[~np.isin(sign, (-1, 0, 1))]
    check(not strange.size, f"spline.sign must be 1, -1 or 0; got {strange[:1]}.")
    used = np.asarray(spline.feature)[(sign != 0) & (np.asarray(spline.coef) != 0).any(1)[:, None]]
    if used.size:
        low, high = int(used.min()), int(used.max())
        last = np.inf if num_features is None else num_features - 1
        check(
            low >= 0 and high <= last,
            f"spline.feature must be a column of x, 0 to {last}; got {low if low < 0 else high}.",
        )


def _live_terms(spline: Spline) -> tuple[list[tuple[Factor, ...]], np.ndarray]:
    """The factors of every term that contributes, and its coefficients, float64 (terms, k)."""
    feature, sign, knot = (
        np.asarray(a).tolist() for a in (spline.feature, spline.sign, spline.knot)
    )
    coef = np.asarray(spline.coef, np.float64)
    terms, rows = [], []
    for m in range(len(coef)):
        factors = zip(feature[m], sign[m], knot[m], strict=True)
        present = tuple(dict.fromkeys(f for f in factors if f[1] != 0))  # min(a, a) = a
        if present and coef[m].any():
            terms.append(present)
            rows.append(coef[m])
    return terms, np.array(rows).reshape(len(rows), coef.shape[1])


def _index(terms: Iterable[Iterable[Factor]]) -> dict[Factor, int]:
    """Numbers the distinct factors in order of first appearance."""
    index: dict[Factor, int] = {}
    for term in terms:
        for factor in term:
            index.setdefault(factor, len(index))
    return index


def _hinge_layer(factors: list[Factor], num_features: int) -> tuple[np.ndarray, np.ndarray]:
    kernel, bias = np.zeros((num_features, len(factors))), np.zeros(len(factors))
    for i, (feature, sign, knot) in enumerate(factors):
        kernel[feature, i] = sign
        bias[i] = -sign * knot
    return kernel, bias


def _halve(values: list[list[Combination]], fan_in: int) -> tuple[list[Any], np.ndarray]:
    """One layer that takes the minimum of neighbouring values of every term.

    Returns the values as linear forms in the new units, and the kernel (fan_in, units).
    """
    units: dict[Combination, int] = {}

    def unit(form: Combination) -> int:
        return units.setdefault(form, len(units))

    halved = []
    for term in values:
        new = []
        for a, b in zip(term[0::2], term[1::2], strict=False):
            new.append(((unit(a), 1.0), (unit(_minus(a, b)), -1.0)))
        if len(term) % 2:
            new.append(((unit(term[-1]), 1.0),))
        halved.append(new)
    kernel = np.zeros((fan_in, len(units)))
    for form, i in units.items():
        for j, weight in form:
            kernel[j, i] = weight
    return halved, kernel


def _minus(a: Combination, b: Combination) -> Combination:
    """The linear form a - b; units that both share cancel exactly."""
    form = dict(a)
    for unit, weight in b:
        form[unit] = form.get(unit, 0.0) - weight
    return tuple(sorted((unit, weight) for unit, weight in form.items() if weight))
