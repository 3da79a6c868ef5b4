"""MARS models of other programs: py-earth and R earth."""

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spline_fc import checks, threads
from spline_fc.cpwl import inputs, pruning
from spline_fc.cpwl.foreign_terms import Factors, ForeignModel, to_fit_result
from spline_fc.cpwl.inputs import CheckedData, checked_data
from spline_fc.cpwl.result import FitResult
from spline_fc.timing import Stopwatch


def from_pyearth(fitted_model: Any, x: Any, y: Any, *, weights: Any = None) -> FitResult:
    """Turns a fitted py-earth model into a spline.

    Linear terms become pairs of hinges that meet at the feature's mean, so the model is the same
    function on all of R^d as long as it is additive: then it keeps its coefficients. Products of
    hinges become minima and all coefficients are refitted on the data; `stop_reason` of the result
    states the residual sum of squares before and after.

    Args:
      fitted_model: a `pyearth.Earth` after `fit`, of the package py-earth2.
      x: (n, d), finite, the data to refit and to score on, in the columns the model was fitted on.
      y: (n,) or (n, k), finite.
      weights: (n,), >= 0.

    Returns:
      FitResult, its spline in the dtype of x; `terms` holds py-earth's forward pass, `forward` and
      `pruning` are recomputed on our terms (see `foreign_terms.to_fit_result`).

    Raises:
      ImportError: py-earth2 is not installed, or another package of that module name is.
      ValueError: the model is not fitted, was fitted on another number of features or outputs, or
        has smoothed or missing-value terms.
    """
    earth_class = _earth_class()
    with Stopwatch() as clock:
        checks.check(
            isinstance(fitted_model, earth_class),
            f"fitted_model must be a pyearth.Earth; got {type(fitted_model).__name__}.",
        )
        data = checked_data(x, y, weights).widened()
        result = to_fit_result(_read_pyearth(fitted_model, data), data)
    return result._replace(seconds=clock.seconds)


def fit_pyearth(
    x: Any,
    y: Any,
    *,
    max_terms: int = 41,
    max_degree: int = 1,
    penalty: float | None = None,
    min_span: int | None = None,
    end_span: int | None = None,
    threshold: float = 1e-4,
    weights: Any = None,
    linear: Sequence[int] = (),
    allow_linear: bool = True,
) -> FitResult:
    """Fits with py-earth on one BLAS thread and turns the model into a spline.

    py-earth searches products of hinges; what becomes of them is told at `from_pyearth`.

    Args:
      x: (n, d), finite.
      y: (n,) or (n, k), finite.
      max_terms: upper bound on the terms of the forward pass, intercept included; py-earth needs 4
        or more to enter any term.
      max_degree: hinges per term at most.
      penalty: GCV charge per knot; 2 for additive fits and 3 above by default.
      min_span: rows between knots; Friedman's formula by default.
      end_span: rows before the first and after the last knot; Friedman's formula by default.
      threshold: py-earth's thresh, the least gain in R2 of a step.
      weights: (n,), >= 0.
      linear: features that may enter only linearly.
      allow_linear: py-earth may enter any feature linearly where no knot does better.

    Returns:
      FitResult, as of `from_pyearth`; seconds include py-earth's fit.

    Raises:
      ImportError: py-earth2 is not installed, or another package of that module name is.
      ValueError: data or options that `fit_mars` would refuse too.
    """
    earth_class = _earth_class()

    inputs.check_search_options(max_terms, max_degree, penalty, threshold, min_span, end_span)
    if penalty is None:
        penalty = pruning.default_penalty(max_degree)
    checks.check(penalty >= 0, f"penalty must be >= 0 for py-earth; got {penalty}.")
    with Stopwatch() as clock:
        data = checked_data(x, y, weights).widened()
        names = [f"x{j}" for j in range(data.x.shape[1])]
        linear = sorted(inputs.column_set("linear", linear, names))
        model = earth_class(
            # It takes another step, of up to two terms, while it has no more than its max_terms,
            # and none at all where that is 1.
            max_terms=max(max_terms - 2, 1), max_degree=max_degree, penalty=float(penalty),
            minspan=-1 if min_span is None else min_span,
            endspan=-1 if end_span is None else end_span,
            thresh=float(threshold), allow_linear=allow_linear,
        )  # fmt: skip
        with threads.one_thread():  # up to 80 times slower on more
            model.fit(data.x, data.y, sample_weight=data.weights, linvars=linear)
        result = to_fit_result(_read_pyearth(model, data), data)
    return result._replace(seconds=clock.seconds)


def from_earth(
    json_or_path: Mapping | str | os.PathLike, x: Any, y: Any, *, weights: Any = None
) -> FitResult:
    """Turns a model of the R package earth, written as JSON, into a spline.

    Additive models keep their coefficients; products become minimum terms, as for `from_pyearth`.
    Of a model with a glm part the linear part is read. docs/foreign.md has the lines of R that
    write the file.

    Args:
      json_or_path: the JSON as a mapping, as text, or as the path of a file, with the fields
        forward_terms: in the order of earth's forward pass, the intercept (no factors) first, each
          {"factors": [{"var0": column of x from 0, "sign": 1 for max(0, x - knot), -1 for
          max(0, knot - x), 0 for x itself, "knot": number, not read where sign is 0}, ...]};
        selected_terms: places in forward_terms, from 1, of the terms that pruning kept;
        coefficients: one row per selected term in that order, one number per output;
        settings: {"penalty": GCV charge per knot}, by default 2 for additive models, else 3.
        Other fields are not read.
      x: (n, d), finite, the data to refit and to score on; where earth expanded factors, the
        expanded matrix.
      y: (n,) or (n, k), finite.
      weights: (n,), >= 0.

    Returns:
      FitResult, its spline in the dtype of x.

    Raises:
      ValueError: a field is missing or contradicts another one or the data; the message names it.
    """
    with Stopwatch() as clock:
        data = checked_data(x, y, weights).widened()
        result = to_fit_result(_read_earth(_document(json_or_path), data), data)
    return result._replace(seconds=clock.seconds)


def _earth_class():
    """pyearth.Earth; the module name is also that of an unrelated package, which has no Earth."""
    try:
        from pyearth import Earth
    except ImportError as error:
        raise ImportError(
            "This needs pyearth.Earth, which pip install 'spline_fc[pyearth]' brings (the PyPI "
            "package pyearth is another one)."
        ) from error
    return Earth


def _read_pyearth(model: Any, data: CheckedData) -> ForeignModel:
    checks.check(
        hasattr(model, "basis_") and hasattr(model, "coef_"),
        "fitted_model must be fitted; got an Earth without basis_ and coef_.",
    )
    basis = list(model.basis_)
    terms = [_pyearth_factors(function) for function in basis[1:]]
    width = len(model.xlabels_)
    checks.check(
        data.x.shape[1] == width,
        f"x must have the {width} columns that the model was fitted on; got {data.x.shape[1]}.",
    )
    coef = np.asarray(model.coef_, np.float64).T  # (terms, k)
    _check_outputs(data, coef)
    selected = np.array([not function.is_pruned() for function in basis[1:]], bool)
    record = getattr(model, "forward_pass_record_", None)
    told = "" if record is None else record.final_str().partition(":")[2].strip().lower()
    origin = f"From a py-earth model ({told})" if told else "From a py-earth model"
    return ForeignModel(tuple(terms), selected, coef, float(model.get_penalty()), origin)


def _pyearth_factors(function: Any) -> Factors:
    """The factors of a basis function, its parents' first."""
    factors = []
    while type(function).__name__ != "ConstantBasisFunction":
        kind = type(function).__name__
        refused = {
            "SmoothedHingeBasisFunction": ("smoothed", "smooth=True"),
            "MissingnessBasisFunction": ("missing-value", "allow_missing=True"),
        }
        if kind in refused:
            what, option = refused[kind]
            raise ValueError(
                f"fitted_model must have no {what} terms, which are not hinges (py-earth's "
                f"{option}); got the term {function}."
            )
        v = int(function.get_variable())
        if kind == "LinearBasisFunction":
            factors.append((v, 0.0, 0.0))
        else:
            sign = -1.0 if function.get_reverse() else 1.0
            factors.append((v, sign, float(function.get_knot())))
        function = function.get_parent()
    return tuple(reversed(factors))


def _check_outputs(data: CheckedData, coef: np.ndarray) -> None:
    outputs = data.y.shape[1]
    checks.check(
        outputs == coef.shape[1],
        f"y must have the {coef.shape[1]} output(s) of the model; got {outputs}.",
    )


def _document(json_or_path: Mapping | str | os.PathLike) -> Mapping:
    text = json_or_path
    if isinstance(text, os.PathLike) or (isinstance(text, str) and text.lstrip()[:1] != "{"):
        with open(text, encoding="utf-8") as file:
            text = file.read()
    if isinstance(text, str):
        try:
            text = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"json_or_path must hold JSON; got damage ({error}).") from error
    checks.check(
        isinstance(text, Mapping),
        f"json_or_path must be a JSON object or its path; got {type(text).__name__}.",
    )
    return text


def _read_earth(document: Mapping, data: CheckedData) -> ForeignModel:
    for field in ("forward_terms", "selected_terms", "coefficients"):
        checks.check(field in document, f"The JSON of an earth model must have {field}; got none.")
    listed, num_features = document["forward_terms"], data.x.shape[1]
    checks.check(isinstance(listed, list), f"forward_terms must be a list; got {listed!r}.")
    terms = [_earth_factors(m, term, num_features) for m, term in enumerate(listed)]
    checks.check(
        bool(terms) and not terms[0] and all(terms[1:]),
        "forward_terms must begin with the intercept, the one term without factors; got "
        f"{[len(term) for term in terms]} factors.",
    )
    order = _selected(document["selected_terms"], len(terms))
    coef = _coefficients(document["coefficients"], len(order))
    _check_outputs(data, coef)
    settings = document.get("settings", {})
    checks.check(isinstance(settings, Mapping), f"settings must be an object; got {settings!r}.")
    penalty = settings.get("penalty", pruning.default_penalty(max(map(len, terms), default=1) or 1))
    checks.check_number("penalty", penalty, at_least=-1)
    selected = np.isin(np.arange(1, len(terms)), order)
    coef = coef[np.argsort(order)]
    return ForeignModel(tuple(terms[1:]), selected, coef, float(penalty), "From an R earth model")


def _selected(places: Any, num_terms: int) -> np.ndarray:
    """Indices of the selected terms in the order given, the intercept among them."""
    places = places if isinstance(places, list) else [places]
    inside = all(_is_column(place, 1 + num_terms) for place in places)
    checks.check(
        inside and 1 in places and 0 not in places and len(set(places)) == len(places),
        f"selected_terms must be places from 1 to {num_terms}, each once and 1 among them; "
        f"got {places}.",
    )
    return np.array(places, int) - 1


def _coefficients(rows: Any, num_terms: int) -> np.ndarray:
    """Coefficients (terms, k) in float64."""
    try:
        coef = np.asarray(rows, np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"coefficients must be numbers; got {rows!r}.") from error
    checks.check(
        coef.size > 0 and coef.ndim <= 2 and len(np.atleast_1d(coef)) == num_terms,
        f"coefficients must have {num_terms} rows, as selected_terms has; got shape {coef.shape}.",
    )
    checks.check_finite("coefficients", coef)
    return coef.reshape(num_terms, -1)


def _is_column(value: Any, size: int) -> bool:
    """Whether a JSON value is a whole number from 0 below `size`."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and 0 <= value < size and value == int(value)


def _earth_factors(index: int, term: Any, num_features: int) -> Factors:
    """The factors of one entry of forward_terms, checked."""
    where = f"forward_terms[{index}]"
    checks.check(
        isinstance(term, Mapping) and isinstance(term.get("factors"), list),
        f'{where} must be {{"factors": [...]}}; got {term!r}.',
    )
    factors = []
    for factor in term["factors"]:
        checks.check(
            isinstance(factor, Mapping) and {"var0", "sign"} <= set(factor),
            f"The factors of {where} must have var0 and sign; got {factor!r}.",
        )
        v, sign, knot = factor["var0"], factor["sign"], factor.get("knot")
        checks.check(
            _is_column(v, num_features),
            f"var0 of {where} must be a column of x, 0 to {num_features - 1}; got {v!r}.",
        )
        is_sign = isinstance(sign, (int, float)) and sign in (-1, 0, 1)
        checks.check(is_sign, f"sign of {where} must be 1, -1 or 0; got {sign!r}.")
        if sign:
            checks.check_number(f"knot of {where}", knot)
        factors.append((int(v), float(sign), float(knot) if sign else 0.0))
    return tuple(factors)
