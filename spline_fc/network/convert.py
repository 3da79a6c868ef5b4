"""From a spline to the ReLU network that is the same function on all of R^d.

One hidden unit per distinct hinge: kernel column sign * e_feature, or sign * direction, and bias
-sign * knot. What a slope has beyond its sign, its size or gain, goes into the next layer, so that
hinges that differ by a positive factor are one unit. A minimum of R hinges is halved ceil(log2 R)
times by min(a, b) = a - relu(a - b), a being the first of them with gain 1; what is not halved in a
layer is non-negative and passes through its ReLU unchanged. So what rounds are the ratios of gains
and the arithmetic: a - relu(a - b) rounds at the size of a, so that where one hinge of a minimum is
far larger than the minimum, the error is relative to that hinge.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from absl import logging

from spline_fc.checks import check, check_finite
from spline_fc.cpwl import FitResult, Spline, Term, check_spline, hinge_of, live_terms, spline_of
from spline_fc.data import Scaler
from spline_fc.network.structure import Layer, Params, dtype_of, from_layers, layers_float64
from spline_fc.printing import printed

FAR = 1e3  # deviations from zero at which float32 keeps too few digits of the differences
LOST = 0.01  # deviations to which an offset may round values before it is told
ROUNDINGS = 16  # of the dtype itself, which are not told of
WIDE = 1e30  # a deviation above, or below its inverse, makes weights that float32 does not hold
Hinge = tuple[int, float, float]  # column of z, sign, knot
Combination = tuple[tuple[int, float], ...]  # (unit, weight) pairs: a linear form in a layer


@printed
class Hinges(NamedTuple):
    """The unit-to-hinge map: unit i of Dense_0 is relu(sign[i] * (z[feature[i]] - knot[i]))."""

    feature: np.ndarray  # (h,), int32, column of z = [x, x projection]
    sign: np.ndarray  # (h,), +1. or -1.
    knot: np.ndarray  # (h,), float, in the units of z


def hinges(spline: Spline | FitResult) -> Hinges:
    """Lists the distinct hinges of a spline's live terms, in order of first appearance.

    That order is the order of the units in Dense_0 of `to_params(spline)`, and `reshape` keeps it:
    units it adds come after. Hinges that differ by a positive factor alone are one.

    Args:
      spline: of m terms with up to R factors, or a fit.

    Returns:
      Hinges with h <= m * R entries.

    Raises:
      ValueError: what `to_params` refuses.
    """
    spline = _checked_spline(spline)
    index = _index(live_terms(spline).terms)
    return _as_arrays(index, np.asarray(spline.knot).dtype)


def to_params(spline: Spline | FitResult, scaler: Scaler | None = None) -> Params:
    """Builds the ReLU network that equals a spline everywhere.

    Additive splines give one hidden layer, minimum terms of up to R hinges 1 + ceil(log2 R). A
    hinge or a partial minimum that several terms share appears once. A spline without live terms
    gives one hidden layer of width 0.

    Args:
      spline: of d features and k outputs, or a fit; its directions are multiplied into the first
        layer, so that the network takes plain x.
      scaler: if given, it is folded into the first and the last layer: the network then takes raw
        x and returns raw y, while the spline stands in standardised units.

    Returns:
      {"Dense_0": {"kernel": (d, h0), "bias": (h0,)}, ..., "Dense_L": {"kernel": (h, k), ...}} in
      the dtype of the spline's coefficients, or float64 (NumPy) where a narrower one could not hold
      the scaler: data more than 1000 deviations from zero, or deviations beyond 1e30 or its
      inverse. Unit i of Dense_0 is `hinges(spline)` entry i.

    Raises:
      ValueError: non-finite entries, a feature that is no column of z, shapes that do not fit each
        other or the scaler.
    """
    spline = _checked_spline(spline)
    live = live_terms(spline)
    index = _index(live.terms)
    stack = [_hinge_layer(_as_arrays(index), np.asarray(spline.projection, np.float64))]
    minima, leads = [], []
    for term in live.terms:
        (first, lead), *others = sorted((index[h], gain) for h, gain in _gains(term).items())
        minima.append([(first, 1.0), *((i, gain / lead) for i, gain in others)])
        leads.append(lead)
    coef = live.coef * np.array(leads)[:, None]
    # The order of the units behind Dense_0 depends on the hinges alone, not on the order of terms.
    order = sorted(range(len(minima)), key=lambda m: (minima[m][-1][0], minima[m]))
    # A value is a linear form in the units of the layer at hand; at first every hinge is a unit.
    values: list[list[Combination]] = [[(hinge,) for hinge in minima[m]] for m in order]
    while max(map(len, values), default=1) > 1:
        values, kernel = _halve(values, stack[-1][0].shape[1])
        stack.append((kernel, np.zeros(kernel.shape[1])))
    intercept = np.asarray(spline.intercept, np.float64)
    kernel = np.zeros((stack[-1][0].shape[1], len(intercept)))
    for (value,), row in zip(values, coef[order], strict=True):
        for unit, weight in value:
            kernel[unit] += weight * row
    stack.append((kernel, intercept))
    return from_layers(fold(stack, scaler), _folded_dtype(spline.coef.dtype, scaler))


def fold_scaler(params: Params, scaler: Scaler) -> Params:
    """Turns a network between standardised units into the same network between raw units.

    Args:
      params: a network that takes (x - x_shift) / x_scale and returns (y - y_shift) / y_scale.
      scaler: for d features and k targets.

    Returns:
      Parameters of the same structure; only the first and the last layer differ. Their dtype is
      the same too, or float64 (NumPy) where data lie more than 1000 deviations from zero or a
      deviation is beyond 1e30 or its inverse.

    Raises:
      ValueError: the scaler's shapes do not fit the network.
    """
    folded = fold(layers_float64(params), scaler)
    return from_layers(folded, _folded_dtype(dtype_of(params), scaler))


def tell_offsets(
    scaler: Scaler, dtype: Any, varies: np.ndarray, features: Sequence[str], remedy: str
) -> None:
    """A word where a network of raw rows in this dtype cannot tell apart what lies far from zero.

    What the folded layers add up is of the size of the offset, to whose digits it is rounded.

    Args:
      scaler: that is folded in.
      dtype: of the layers.
      varies: (d,) bool; of a constant feature nothing is lost.
      features: (d,) what to call them.
      remedy: what the caller may do.
    """
    epsilon = float(jnp.finfo(dtype).eps)
    away = np.abs(np.asarray(scaler.x_shift) / np.asarray(scaler.x_scale)) * np.asarray(varies)
    lost = away * epsilon > max(LOST, ROUNDINGS * epsilon)
    if not lost.any():
        return
    worst, more = int(away.argmax()), int(lost.sum()) - 1
    logging.warning(
        "%s lies about %.3g, %.3g deviations from zero%s: layers in %s that take it as it is tell "
        "few of its values apart. %s",
        features[worst], scaler.x_shift[worst], away[worst],
        f" ({more} more like it)" if more else "", np.dtype(dtype).name, remedy,
    )  # fmt: skip


def unfold_scaler(params: Params, scaler: Scaler) -> Params:
    """The inverse of `fold_scaler`, to rounding."""
    return from_layers(fold(layers_float64(params), scaler, inverse=True), dtype_of(params))


def clip_inputs(params: Params, low: np.ndarray, high: np.ndarray) -> Params:
    """Puts two layers before a network that clip its inputs, so that it stays a ReLU network.

    clip(x) = high - relu(high - low - relu(x - low)), in which nothing large is taken from anything
    large: in float32, too, the ends hold however far x lies beyond them.

    Args:
      params: a network of d inputs.
      low, high: (d,), low <= high, in the units the network takes.

    Returns:
      Parameters with two layers more, of d units, in the dtype of `params`; constant in every
      input beyond its range.

    Raises:
      ValueError: ends that do not fit the network or are out of order.
    """
    (kernel, bias), *others = layers_float64(params)
    ends = {"low": np.asarray(low, np.float64), "high": np.asarray(high, np.float64)}
    for name, end in ends.items():
        wanted = (len(kernel),)
        check(end.shape == wanted, f"{name} must have shape {wanted}; got {end.shape}.")
        check_finite(name, end)
    low, high = ends.values()
    check(bool((low <= high).all()), "low must be <= high in every column; it is not.")
    one = np.eye(len(kernel))
    clipping = [(one, -low), (-one, high - low)]
    rest = (-kernel, bias + high @ kernel)
    return from_layers([*clipping, rest, *others], dtype_of(params))


def fold(stack: list[Layer], scaler: Scaler | None, inverse: bool = False) -> list[Layer]:
    """Does in float64 what `fold_scaler`, or its inverse, does; None changes nothing."""
    if scaler is None:
        return stack
    d, k = len(stack[0][0]), len(stack[-1][1])
    scaler = Scaler(*(np.asarray(field, np.float64) for field in scaler))
    for name, field, size in zip(Scaler._fields, scaler, (d, d, k, k), strict=True):
        check(
            field.shape == (size,), f"scaler.{name} must have shape ({size},); got {field.shape}."
        )
        check_finite(f"scaler.{name}", field)
        low = field.min(initial=1) if name.endswith("scale") else 1
        check(low > 0, f"scaler.{name} must be positive; got {low:g}.")
    x_shift, x_scale, y_shift, y_scale = scaler
    if inverse:
        x_shift, x_scale = -x_shift / x_scale, 1 / x_scale
        y_shift, y_scale = -y_shift / y_scale, 1 / y_scale
    (kernel, bias), *others = stack
    kernel = kernel / x_scale[:, None]
    *inner, (last_kernel, last_bias) = [(kernel, bias - x_shift @ kernel), *others]
    return [*inner, (last_kernel * y_scale, last_bias * y_scale + y_shift)]


def _folded_dtype(dtype: np.dtype, scaler: Scaler | None) -> np.dtype:
    """The dtype of a network, or float64 if it could not hold where and how wide raw data are."""
    if scaler is None:
        return dtype
    pairs = ((scaler.x_shift, scaler.x_scale), (scaler.y_shift, scaler.y_scale))
    shift, scale = (np.concatenate([np.asarray(p[i], np.float64) for p in pairs]) for i in (0, 1))
    is_far = (np.abs(shift) > FAR * np.abs(scale)) | (scale > WIDE) | (scale < 1 / WIDE)
    return np.dtype(np.float64) if is_far.any() else dtype


def _checked_spline(spline: Spline | FitResult) -> Spline:
    """The spline of a fit, checked."""
    spline = spline_of(spline)
    check_spline(spline)
    return spline


def _gains(term: Term) -> dict[Hinge, float]:
    """The hinges of a term and their gains: of min(a h, b h) = min(a, b) h the smaller."""
    gains: dict[Hinge, float] = {}
    for factor in term.factors:
        hinge, gain = hinge_of(factor), abs(factor[1])
        gains[hinge] = min(gain, gains.get(hinge, gain))
    return gains


def _index(terms: Iterable[Term]) -> dict[Hinge, int]:
    """Numbers the distinct hinges in order of first appearance."""
    met = dict.fromkeys(hinge_of(factor) for term in terms for factor in term.factors)
    return {hinge: i for i, hinge in enumerate(met)}


def _as_arrays(index: dict[Hinge, int], dtype: np.typing.DTypeLike = np.float64) -> Hinges:
    feature, sign, knot = zip(*index, strict=True) if index else ((), (), ())
    return Hinges(np.array(feature, np.int32), np.array(sign, dtype), np.array(knot, dtype))


def _hinge_layer(table: Hinges, projection: np.ndarray) -> Layer:
    columns = np.hstack([np.eye(len(projection)), projection])[:, table.feature]
    return columns * table.sign + 0.0, 0.0 - table.sign * table.knot  # no negative zeros


def _halve(
    values: list[list[Combination]], fan_in: int
) -> tuple[list[list[Combination]], np.ndarray]:
    """One layer that takes the minimum of neighbouring values of every term.

    Returns the values as linear forms in the new units, and the kernel (fan_in, units).
    """
    units: dict[Combination, int] = {}

    def unit(form: Combination, gain: float) -> int:
        scaled = tuple((source, weight / gain) for source, weight in form)
        return units.setdefault(scaled, len(units))

    halved = []
    for term in values:
        new: list[Combination] = []
        for a, b in zip(term[0::2], term[1::2], strict=False):
            gain = abs(a[0][1])
            new.append(((unit(a, gain), gain), (unit(_minus(a, b), gain), -gain)))
        if len(term) % 2:
            gain = abs(term[-1][0][1])
            new.append(((unit(term[-1], gain), gain),))
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
