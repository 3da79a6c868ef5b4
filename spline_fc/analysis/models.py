"""Splines, networks and plain functions behind one call, and a spline's terms one by one.

A study reads a spline in float64 NumPy, as it does a network: see `forward`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from spline_fc.analysis.forward import Params, finite_layers, output
from spline_fc.analysis.shapes import checked_rows
from spline_fc.checks import check, check_finite
from spline_fc.cpwl import Spline

Model = Spline | Params | Callable[[np.ndarray], Any]


class MinimumTerm(NamedTuple):
    """coef times the minimum over features of the minimum of the feature's hinges."""

    index: int  # row of the spline's tables
    features: tuple[int, ...]  # distinct, increasing
    hinges: tuple[tuple[tuple[float, float], ...], ...]  # (sign, knot) pairs of each feature
    coef: np.ndarray  # (k,)


def model_output(model: Model, x: Any) -> np.ndarray:
    """Evaluates a model on rows.

    Args:
      model: a Spline, a network's parameters, or a function of (n, d) that returns (n,) or (n, k).
      x: (n, d) float, finite, in the units the model takes.

    Returns:
      (n, k) float64; a function is handed float64 rows and computes as it likes.

    Raises:
      ValueError: rows that do not fit the model, weights that are not finite, or a function that
        returns another shape or what is not finite.
    """
    x = checked_model_rows(model, x)
    if isinstance(model, Spline):
        value = np.tile(np.asarray(model.intercept, np.float64), (len(x), 1))
        for term in live_terms(model):
            columns = {v: x[:, v] for v in term.features}
            value += minimum(term, term.features, columns)[:, None] * term.coef
        return value
    if not callable(model):
        return output(model, x)
    value = np.asarray(model(x), np.float64)
    value = value[:, None] if value.ndim == 1 else value
    check(
        value.ndim == 2 and len(value) == len(x),
        f"model must return ({len(x)}, k) for {len(x)} rows; got {value.shape}.",
    )
    check_finite("the output of model", value)
    return value


def checked_model_rows(model: Model, x: Any, name: str = "x") -> np.ndarray:
    """Returns rows in float64; raises ValueError unless they, and the model's weights, are finite.

    The rows must have as many columns as a network reads, or at least as many as a spline does.
    `name` is that of the argument, for the message.
    """
    if isinstance(model, Spline):
        for field in ("intercept", "coef", "knot"):
            check_finite(f"spline.{field}", getattr(model, field))
        read = [term.features[-1] for term in live_terms(model)]
        return checked_rows(x, at_least=1 + max(read, default=0), name=name)
    columns = None if callable(model) else len(finite_layers(model)[0][0])
    return checked_rows(x, exactly=columns, name=name)


def live_terms(spline: Spline) -> list[MinimumTerm]:
    """Lists the terms that contribute, their hinges gathered by feature.

    Args:
      spline: m terms of up to R factors.

    Returns:
      At most m terms; absent factors and terms are left out.
    """
    coef = np.asarray(spline.coef, np.float64)
    feature, sign, knot = (np.asarray(a) for a in (spline.feature, spline.sign, spline.knot))
    terms = []
    for m in range(len(coef)):
        present = np.flatnonzero(sign[m])
        if present.size and coef[m].any():
            own: dict[int, list[tuple[float, float]]] = {}
            for r in present:
                own.setdefault(int(feature[m, r]), []).append(
                    (float(sign[m, r]), float(knot[m, r]))
                )
            features = tuple(sorted(own))
            terms.append(MinimumTerm(m, features, tuple(tuple(own[v]) for v in features), coef[m]))
    return terms


def level(term: MinimumTerm, feature: int, column: Any) -> np.ndarray:
    """Evaluates the minimum of the hinges that a term has on one feature, in the column's shape."""
    hinges = term.hinges[term.features.index(feature)]
    return np.min([np.maximum(s * (column - t), 0.0) for s, t in hinges], axis=0)


def minimum(term: MinimumTerm, features: tuple[int, ...], columns: dict) -> np.ndarray:
    """Takes the minimum over some features of a term; columns[v] are values of feature v."""
    result = level(term, features[0], columns[features[0]])
    for feature in features[1:]:
        result = np.minimum(result, level(term, feature, columns[feature]))
    return result


def knots_of(terms: list[MinimumTerm], feature: int) -> np.ndarray:
    """Lists the distinct knots that terms have on a feature, increasing."""
    own = [t for t in terms if feature in t.features]
    return np.unique([t for term in own for _, t in term.hinges[term.features.index(feature)]])
