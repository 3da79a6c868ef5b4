"""The way back: networks that still are splines, read as splines.

Every unit is followed as a linear form in minimum terms. A minimum is known by its hinges and their
gains, which are measured against that of the first hinge; a single hinge is a minimum too. relu is
known on three kinds of forms: without negative parts it changes nothing, without positive parts it
gives nothing, and relu(a A - b B) = a A - min(a A, b B) for minima A and B. Any other relu gets a
key of its own, which must have cancelled by the end, as relu(z) - relu(-z) = z.
"""

import jax.numpy as jnp
import numpy as np

from spline_fc.checks import check
from spline_fc.cpwl import Spline
from spline_fc.data import Scaler
from spline_fc.network.convert import Hinge, fold
from spline_fc.network.structure import Layer, Params, dtype_of, finite_layers

Minimum = frozenset[tuple[int, float]]  # hinges by number, with gains; that of the lowest is 1
Key = Minimum | tuple[int, int]  # or (layer, unit) of an unresolved relu
Form = dict[Key | None, float]  # None stands for the constant 1
Forms = dict[int, Form]  # of the units of a layer that matter
Known = dict[frozenset[int], list[Minimum]]  # minima met so far, by their hinges


def spline_from_params(params: Params, scaler: Scaler | None = None) -> Spline:
    """Reads a network as the spline that it is.

    Networks of one hidden layer always are splines, whatever training did to the weights: a unit
    that reads one feature is a hinge on it, a unit that reads several is a hinge on a direction,
    and units with parallel kernel columns share theirs. Deeper networks are splines as long as
    their upper layers still take minima: untrained, reshaped, or trained in ways that keep those.
    Units with no weight towards the output, as `reshape` adds them, are left out.

    Args:
      params: a fully connected network with at least one hidden layer.
      scaler: if given, the network takes raw x and returns raw y, and the spline is wanted in
        standardised units: the inverse of `to_params(spline, scaler)`.

    Returns:
      Spline in the dtype of `params`. If `params` came from `to_params`, then `to_params` of the
      spline gives it back to the last bit, as long as no direction was parallel to another one or
      to a feature; but for what stands behind minima: the last layer, whose weights are sums of
      coefficients, and gains of minima of four hinges or more, and after balancing or with a
      scaler: there to rounding.

    Raises:
      ValueError: non-finite weights; a unit of an upper layer that is no minimum of hinges; no
        hidden layer.
    """
    dtype = dtype_of(params)
    stack = fold(finite_layers(params), scaler, inverse=True)
    check(len(stack) > 1, "params must have at least one hidden layer; got none.")
    live = _live_units(stack)
    tolerance = 64 * float(jnp.finfo(dtype).eps)
    table, projection, forms = _read_hinges(stack[0], live[0], dtype, tolerance)
    known: Known = {}
    for index in range(1, len(stack) - 1):
        forms = _through_layer(forms, stack[index], live[index], index, known, tolerance)
    outputs = [_preactivation(forms, *stack[-1], j, tolerance) for j in range(len(stack[-1][1]))]
    return _assemble(outputs, table, projection, dtype)


def _live_units(stack: list[Layer]) -> list[np.ndarray]:
    """The units of every hidden layer from which non-zero weights lead to the output."""
    live = [np.arange(len(stack[-1][1]))]
    for kernel, _ in reversed(stack[1:]):
        live.append(np.flatnonzero(kernel[:, live[-1]].any(axis=1)))
    return live[:0:-1]


def _read_hinges(
    layer: Layer, live: np.ndarray, dtype: np.dtype, tolerance: float
) -> tuple[list[Hinge], np.ndarray, Forms]:
    """The distinct hinges of the first layer, the directions (d, q), the live units as forms."""
    kernel, bias = layer
    table: dict[Hinge, int] = {}
    projection = np.zeros((len(kernel), 0))
    forms: Forms = {}
    for unit in live.tolist():
        column = kernel[:, unit]
        largest = int(np.argmax(np.abs(column)))
        weight = column[largest]
        if not weight:
            forms[unit] = {None: max(bias[unit], 0.0)}
            continue
        feature = largest
        if np.count_nonzero(column) > 1:
            place = _parallel(projection, column, tolerance)
            if place == projection.shape[1]:
                projection = np.column_stack([projection, column * np.sign(weight)])
            feature = len(kernel) + place
            weight = weight / projection[largest, place]
        # 0.0 - b / w rather than -b / w: no negative zeros.
        knot = float((0.0 - bias[unit] / weight).astype(dtype))
        hinge = table.setdefault((feature, float(np.sign(weight)), knot), len(table))
        forms[unit] = {frozenset([(hinge, 1.0)]): abs(float(weight))}
    return list(table), projection, forms


def _parallel(projection: np.ndarray, column: np.ndarray, tolerance: float) -> int:
    """Which direction is parallel to a kernel column; q, the next number, if none is."""
    largest = np.argmax(np.abs(column))
    cross = projection * column[largest] - projection[largest] * column[:, None]
    size = np.abs(projection).max(axis=0, initial=0) * abs(column[largest])
    found = np.flatnonzero(np.abs(cross).max(axis=0, initial=0) <= tolerance * size)
    return int(found[0]) if found.size else projection.shape[1]


def _through_layer(
    forms: Forms, layer: Layer, live: np.ndarray, index: int, known: Known, tolerance: float
) -> Forms:
    """Every live unit of a further hidden layer as a linear form in minima."""
    result: Forms = {}
    unresolved: list[tuple[Form, Key]] = []
    kernel, bias = layer
    for unit in live.tolist():
        z = _preactivation(forms, *layer, unit, tolerance)
        # Sums of activations are not negative, whatever their forms look like.
        passes = bias[unit] >= 0 and all(kernel[source, unit] >= 0 for source in forms)
        form: Form | None = z if passes else _relu(z, known, tolerance)
        if form is None:
            form = _mirror(z, unresolved, tolerance)
        if form is None:
            key: Key = (index, unit)
            form = {key: 1.0}
            unresolved.append((z, key))
        result[unit] = form
    return result


def _preactivation(
    forms: Forms, kernel: np.ndarray, bias: np.ndarray, unit: int, tolerance: float
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


def _relu(z: Form, known: Known, tolerance: float) -> Form | None:
    """The form of relu(z), or None if it is none of the three known cases."""
    if all(value >= 0 for value in z.values()):
        return z
    if all(value <= 0 for value in z.values()):
        return {}
    if len(z) != 2:
        return None
    (second, b), (first, a) = sorted(z.items(), key=lambda item: item[1])
    if not (isinstance(first, frozenset) and isinstance(second, frozenset)):
        return None
    both, gain = _minimum([(first, a), (second, -b)], known, tolerance)
    return {} if both == first else {first: a, both: -gain}


def _minimum(
    scaled: list[tuple[Minimum, float]], known: Known, tolerance: float
) -> tuple[Minimum, float]:
    """The minimum of multiples of minima, as a multiple of one.

    Gains that agree to rounding with those of a minimum met before are taken to be those.
    """
    gains: dict[int, float] = {}
    for minimum, factor in scaled:
        for hinge, gain in minimum:
            if gain * factor < gains.get(hinge, np.inf) * (1 - tolerance):
                gains[hinge] = gain * factor
    lead = gains[min(gains)]
    found = frozenset((hinge, gain / lead) for hinge, gain in gains.items())
    alike = known.setdefault(frozenset(gains), [])
    for other in alike:
        if all(abs(g * lead - gains[hinge]) <= tolerance * gains[hinge] for hinge, g in other):
            return other, lead
    alike.append(found)
    return found, lead


def _mirror(z: Form, unresolved: list[tuple[Form, Key]], tolerance: float) -> Form | None:
    """relu(z) as g (relu(w) - w) where an earlier unit of the layer has z = -g w, g > 0."""
    for w, key in unresolved:
        if w.keys() == z.keys():
            ratios = np.array([-z[k] / w[k] for k in w])
            if ratios[0] > 0 and np.ptp(ratios) <= tolerance * ratios[0]:
                gain = float(ratios[0])
                return {key: gain, **{k: -gain * v for k, v in w.items()}}
    return None


def _assemble(
    outputs: list[Form], table: list[Hinge], projection: np.ndarray, dtype: np.dtype
) -> Spline:
    """Terms in the order in which their hinges were found; absent factors have slope 0."""
    minima: list[list[tuple[int, float]]] = []
    for key in {key for form in outputs for key in form if key is not None}:
        if not isinstance(key, frozenset):
            raise ValueError(
                "params must take minima of hinges in its upper layers to be a spline; "
                f"unit {key[1]} of Dense_{key[0]} takes none."
            )
        minima.append(sorted(key))
    terms = _by_first_appearance(minima)
    shape = (len(terms), max(map(len, terms), default=1))
    feature, slope, knot = np.zeros(shape, np.int32), np.zeros(shape), np.zeros(shape)
    for m, term in enumerate(terms):
        for r, (hinge, gain) in enumerate(term):
            feature[m, r], sign, knot[m, r] = table[hinge]
            slope[m, r] = sign * gain
    coef = [[form.get(frozenset(term), 0.0) for form in outputs] for term in terms]
    return Spline(
        intercept=jnp.asarray([form.get(None, 0.0) for form in outputs], dtype),
        coef=jnp.asarray(np.array(coef).reshape(len(terms), len(outputs)), dtype),
        feature=jnp.asarray(feature),
        slope=jnp.asarray(slope, dtype),
        knot=jnp.asarray(knot, dtype),
        projection=jnp.asarray(projection, dtype),
    )


def _by_first_appearance(terms: list[list[tuple[int, float]]]) -> list[list[tuple[int, float]]]:
    """Orders terms so that their hinges appear first in the order of their numbers, if they can."""
    pending = sorted(terms, key=lambda term: (term[-1][0], term))
    ordered: list[list[tuple[int, float]]] = []
    seen = 0
    while pending:
        # New hinges of a term must be the very next ones, lowest first.
        new = ([hinge for hinge, _ in term if hinge >= seen] for term in pending)
        fits = (i for i, came in enumerate(new) if came == list(range(seen, seen + len(came))))
        term = pending.pop(next(fits, 0))
        ordered.append(term)
        seen = max(seen, term[-1][0] + 1)
    return ordered
