"""The way back: networks that still are splines, read as splines.

Every unit is followed as a linear form in minimum terms, keyed by the set of hinges whose minimum
is taken. relu is known on three kinds of forms: without negative parts it changes nothing, without
positive parts it gives nothing, and relu(a A - a B) = a A - a min(A, B) for minima A and B. Any
other relu gets a key of its own, which must have cancelled by the end, as relu(z) - relu(-z) = z.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np

from spline_fc.checks import check, check_finite
from spline_fc.cpwl import Spline
from spline_fc.data import Scaler
from spline_fc.network.convert import unfold_scaler
from spline_fc.network.structure import Params, layers

Key = frozenset | tuple[int, int]  # hinges of a minimum, or (layer, unit) of an unresolved relu
Form = dict[Key | None, float]  # None stands for the constant 1
Factor = tuple[int, float, float]


def spline_from_params(params: Params, scaler: Scaler | None = None) -> Spline:
    """Reads a network as the spline that it is.

    Networks of one hidden layer are splines as long as every unit that matters reads one feature,
    whatever training did to the weights. Deeper ones are as long as their upper layers still take
    minima: untrained, reshaped, or trained in ways that keep those. Units with no weight towards
    the output, as `reshape` adds them, are left out.

    Args:
      params: a fully connected network with at least one hidden layer.
      scaler: if given, the network takes raw x and returns raw y, and the spline is wanted in
        standardised units: the inverse of `to_params(spline, d, scaler)`.

    Returns:
      Spline in the dtype of `params`. If `params` came from `to_params`, then `to_params` of the
      spline gives it back to the last bit; but for the last layer of a spline of minima, whose
      weights are sums of coefficients, and after balancing or with a scaler: there to rounding.

    Raises:
      ValueError: non-finite weights; a unit that reads several features, or that is no minimum of
        hinges; no hidden layer.
    """
    if scaler is not None:
        params = unfold_scaler(params, scaler)
    dtype = np.asarray(layers(params)[0][0]).dtype
    stack = [(np.asarray(k, np.float64), np.asarray(b, np.float64)) for k, b in layers(params)]
    for i, (kernel, bias) in enumerate(stack):
        check_finite(f"params/Dense_{i}/kernel", kernel)
        check_finite(f"params/Dense_{i}/bias", bias)
    check(len(stack) > 1, "params must have at least one hidden layer; got none.")
    live = _live_units(stack)
    tolerance = 64 * float(jnp.finfo(dtype).eps)
    factors, forms = _read_hinges(*stack[0], live[0], dtype)
    for index in range(1, len(stack) - 1):
        forms = _through_layer(forms, stack[index], live[index], index, tolerance)
    outputs = [_preactivation(forms, *stack[-1], j, tolerance) for j in range(len(stack[-1][1]))]
    return _assemble(outputs, list(factors), dtype)


def _live_units(stack: list[Any]) -> list[np.ndarray]:
    """The units of every hidden layer from which non-zero weights lead to the output."""
    live = [np.arange(len(stack[-1][1]))]
    for kernel, _ in reversed(stack[1:]):
        live.append(np.flatnonzero(kernel[:, live[-1]].any(axis=1)))
    return live[:0:-1]


def _read_hinges(
    kernel: np.ndarray, bias: np.ndarray, live: np.ndarray, dtype: Any
) -> tuple[dict[Factor, int], dict[int, Form]]:
    """The distinct hinges of the first layer, and every live unit in terms of them."""
    factors: dict[Factor, int] = {}
    forms: dict[int, Form] = {}
    for unit in live.tolist():
        features = np.flatnonzero(kernel[:, unit])
        check(
            len(features) <= 1,
            f"params must have one feature per unit of Dense_0 to be a spline; unit {unit} reads "
            f"{len(features)}.",
        )
        if not len(features):
            forms[unit] = {None: max(bias[unit], 0.0)}
            continue
        weight = kernel[features[0], unit]
        # 0.0 - b / w rather than -b / w: no negative zeros.
        knot = float((0.0 - bias[unit] / weight).astype(dtype))
        factor = (int(features[0]), float(np.sign(weight)), knot)
        hinge = factors.setdefault(factor, len(factors))
        forms[unit] = {frozenset([hinge]): abs(float(weight))}
    return factors, forms


def _through_layer(
    forms: dict[int, Form], layer: Any, live: np.ndarray, index: int, tolerance: float
) -> dict[int, Form]:
    """Every live unit of a further hidden layer as a linear form in minima."""
    result: dict[int, Form] = {}
    unresolved: list[tuple[Form, Key]] = []
    kernel, bias = layer
    for unit in live.tolist():
        z = _preactivation(forms, *layer, unit, tolerance)
        # Sums of activations are not negative, whatever their forms look like.
        passes = bias[unit] >= 0 and all(kernel[source, unit] >= 0 for source in forms)
        form = z if passes else _relu(z, tolerance)
        if form is None:
            form = _mirror(z, unresolved, tolerance)
        if form is None:
            form = {(index, unit): 1.0}
            unresolved.append((z, (index, unit)))
        result[unit] = form
    return result


def _preactivation(
    forms: dict[int, Form], kernel: np.ndarray, bias: np.ndarray, unit: int, tolerance: float
) -> Form:
    total: Form = {None: float(bias[unit])}
    size: Form = {}
    for source, form in forms.items():
        weight = float(kernel[source, unit])
        if weight:
            for key, value in form.items():
                total[key] = total.get(key, 0.0) + weight * value
                size[key] = size.get(key, 0.0) + abs(weight * value)
    # What is left of a cancellation is rounding.
    return {k: v for k, v in total.items() if abs(v) > tolerance * size.get(k, 0.0)}


def _relu(z: Form, tolerance: float) -> Form | None:
    """The form of relu(z), or None if it is none of the three known cases."""
    if all(value >= 0 for value in z.values()):
        return z
    if all(value <= 0 for value in z.values()):
        return {}
    if len(z) != 2 or not all(isinstance(key, frozenset) for key in z):
        return None
    (small, negative), (large, positive) = sorted(z.items(), key=lambda item: item[1])
    if abs(positive + negative) > tolerance * positive:
        return None
    both = small | large
    return {} if both == large else {large: positive, both: -positive}


def _mirror(z: Form, unresolved: list[tuple[Form, Key]], tolerance: float) -> Form | None:
    """relu(z) as g (relu(w) - w) where an earlier unit of the layer has z = -g w, g > 0."""
    for w, key in unresolved:
        if w.keys() == z.keys():
            ratios = np.array([-z[k] / w[k] for k in w])
            if ratios[0] > 0 and np.ptp(ratios) <= tolerance * ratios[0]:
                gain = float(ratios[0])
                return {key: gain, **{k: -gain * v for k, v in w.items()}}
    return None


def _assemble(outputs: list[Form], factors: list[Factor], dtype: Any) -> Spline:
    """Terms in the order in which their hinges were found; absent factors have sign 0."""
    keys = {key for form in outputs for key in form if key is not None}
    for key in keys:
        check(
            isinstance(key, frozenset),
            "params must take minima of hinges in its upper layers to be a spline; "
            f"unit {tuple(key)[-1]} of Dense_{tuple(key)[0]} takes none.",
        )
    terms = _by_first_appearance([sorted(key) for key in keys])
    shape = (len(terms), max(map(len, terms), default=1))
    feature, sign, knot = np.zeros(shape, np.int32), np.zeros(shape), np.zeros(shape)
    for m, term in enumerate(terms):
        for r, hinge in enumerate(term):
            feature[m, r], sign[m, r], knot[m, r] = factors[hinge]
    coef = [[form.get(frozenset(term), 0.0) for form in outputs] for term in terms]
    return Spline(
        intercept=jnp.asarray([form.get(None, 0.0) for form in outputs], dtype),
        coef=jnp.asarray(np.array(coef).reshape(len(terms), len(outputs)), dtype),
        feature=jnp.asarray(feature),
        sign=jnp.asarray(sign, dtype),
        knot=jnp.asarray(knot, dtype),
    )


def _by_first_appearance(terms: list[list[int]]) -> list[list[int]]:
    """Orders terms so that their hinges appear first in the order of their numbers, if they can."""
    pending = sorted(terms, key=lambda term: (term[-1], term))
    ordered: list[list[int]] = []
    seen = 0
    while pending:
        # New hinges of a term must be the very next ones, lowest first.
        new = ([hinge for hinge in term if hinge >= seen] for term in pending)
        fits = (i for i, came in enumerate(new) if came == list(range(seen, seen + len(came))))
        term = pending.pop(next(fits, 0))
        ordered.append(term)
        seen = max(seen, term[-1] + 1)
    return ordered
