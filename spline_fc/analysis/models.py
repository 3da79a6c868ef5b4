"""Splines, networks and plain functions behind one call, and a spline's terms one by one.

A study reads a spline in float64 NumPy, as it does a network.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import numpy as np

from spline_fc.analysis.forward import output
from spline_fc.analysis.shapes import checked_rows
from spline_fc.arrays import numbers_float64
from spline_fc.checks import check, check_finite
from spline_fc.cpwl import FitResult, Spline
from spline_fc.cpwl.spline import num_features, spline_of
from spline_fc.cpwl.terms import live_terms, term_values
from spline_fc.network import Params, SplineStart, to_params
from spline_fc.network.structure import finite_layers
from spline_fc.printing import printed

Model = Spline | FitResult | SplineStart | Params | Callable[[np.ndarray], Any]
T = TypeVar("T")


@printed
class MinimumTerm(NamedTuple):
    """coef times the minimum over columns of the minimum of the column's hinges."""

    index: int  # row of the spline's tables
    features: tuple[int, ...]  # columns of z, distinct, increasing; from d on they are directions
    hinges: tuple[tuple[tuple[float, float], ...], ...]  # (slope, knot) pairs of each column
    coef: np.ndarray  # (k,)


def plain(model: FitResult | SplineStart | T) -> Spline | T:
    """The spline of a fit or of a start; any other model as it is."""
    return spline_of(model) if isinstance(model, (FitResult, SplineStart)) else model


def names_of(model: Any) -> tuple[str, ...] | None:
    """The names of the features that a fit or a start was made of; None for any other model."""
    fit = model.fit if isinstance(model, SplineStart) else model
    return fit.names[: num_features(fit.spline)] if isinstance(fit, FitResult) else None


def without_directions(model: Spline | FitResult | SplineStart | Params) -> Spline | Params:
    """A model in which every term of a spline reads features: with directions, its network."""
    model = plain(model)
    if isinstance(model, Spline) and any(
        term.features[-1] >= num_features(model) for term in minimum_terms(model)
    ):
        return to_params(model)
    return model


def model_output(model: Model, x: Any) -> np.ndarray:
    """Evaluates a model on rows: (n, d) to (n, k), float64.

    A function may return (n,) as well; it is handed float64 rows and computes as it likes.

    Raises:
      ValueError: rows that do not fit the model, weights that are not finite, or a function that
        returns another shape or what is not finite.
    """
    model, x = plain(model), checked_model_rows(model, x)
    if isinstance(model, Spline):
        live = live_terms(model)
        values = term_values(spline_columns(model, x), live.terms)
        return np.asarray(model.intercept, np.float64) + values @ live.coef
    if not callable(model):
        return output(model, x)
    value = numbers_float64("the output of model", model(x))
    value = value[:, None] if value.ndim == 1 else value
    check(
        value.ndim == 2 and len(value) == len(x),
        f"model must return ({len(x)}, k) for {len(x)} rows; got {value.shape}.",
    )
    check_finite("the output of model", value)
    return value


def checked_model_rows(model: Model, x: Any, name: str = "x") -> np.ndarray:
    """Returns rows in float64; raises ValueError unless they, and the model's weights, are finite.

    The rows must have as many columns as the model reads; those of a data frame are put in order
    by the names of a fit. `name` is that of the argument, for the message.
    """
    names, model = names_of(model), plain(model)
    if isinstance(model, Spline):
        for field in ("intercept", "coef", "slope", "knot", "projection"):
            check_finite(f"spline.{field}", getattr(model, field))
        return checked_rows(x, exactly=num_features(model), name=name, names=names)
    columns = None if callable(model) else len(finite_layers(model)[0][0])
    return checked_rows(x, exactly=columns, name=name)


def spline_columns(spline: Spline, x: np.ndarray) -> np.ndarray:
    """The columns z = [x, x projection] that a spline bends along: (n, d) to (n, d + q) float64."""
    return np.hstack([x, x @ np.asarray(spline.projection, np.float64)])


def minimum_terms(spline: Spline) -> list[MinimumTerm]:
    """Lists the terms that contribute, their hinges gathered by column of z."""
    terms, live = [], live_terms(spline)
    for index, term, coef in zip(live.row, live.terms, live.coef, strict=True):
        own: dict[int, list[tuple[float, float]]] = {}
        for column, slope, knot in term.factors:
            own.setdefault(column, []).append((slope, knot))
        features = tuple(sorted(own))
        terms.append(
            MinimumTerm(int(index), features, tuple(tuple(own[v]) for v in features), coef)
        )
    return terms


def level(term: MinimumTerm, feature: int, column: Any) -> np.ndarray:
    """Evaluates the minimum of the hinges that a term has on one column, in that column's shape."""
    hinges = term.hinges[term.features.index(feature)]
    return np.min([np.maximum(s * (column - t), 0.0) for s, t in hinges], axis=0)


def minimum(
    term: MinimumTerm, features: tuple[int, ...], columns: Mapping[int, np.ndarray]
) -> np.ndarray:
    """Takes the minimum over some columns of a term; columns[v] are the values of column v."""
    result = level(term, features[0], columns[features[0]])
    for feature in features[1:]:
        result = np.minimum(result, level(term, feature, columns[feature]))
    return result


def knots_of(terms: list[MinimumTerm], feature: int) -> np.ndarray:
    """Lists the distinct knots that terms have on a column, increasing."""
    own = [t for t in terms if feature in t.features]
    return np.unique([t for term in own for _, t in term.hinges[term.features.index(feature)]])
