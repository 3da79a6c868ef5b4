"""The one check of a spline and of a fit: of what was made by hand, saved or loaded alike."""

from typing import Any

import jax
import numpy as np

from spline_fc.checks import check, check_finite, check_integer, check_number, check_rank
from spline_fc.cpwl.forward import ForwardTrace
from spline_fc.cpwl.pruning import PruningPath
from spline_fc.cpwl.result import FitResult
from spline_fc.cpwl.spline import Spline
from spline_fc.cpwl.terms import Term
from spline_fc.timing import Seconds


def check_spline(spline: Spline) -> None:
    """Checks the tables of a spline, absent terms and factors included.

    Args:
      spline: concrete arrays, intercept (k,), coef (m, k), feature, slope, knot (m, R) and
        projection (d, q).

    Raises:
      TypeError: it is no Spline.
      ValueError: shapes that do not fit together, values that are not finite real numbers, or a
        feature that is no column of z.
    """
    if not isinstance(spline, Spline):
        raise TypeError(f"spline must be a Spline; got {type(spline).__name__}.")
    for name, array in spline._asdict().items():
        _check_kind(f"spline.{name}", array, "int" if name == "feature" else "float")
    check_rank("spline.coef", spline.coef, 2, "(m, k)")
    check_rank("spline.feature", spline.feature, 2, "(m, R)")
    check_rank("spline.projection", spline.projection, 2, "(d, q)")
    (m, k), table = np.shape(spline.coef), np.shape(spline.feature)
    wanted = {"intercept": (k,), "feature": (m, *table[1:]), "slope": table, "knot": table}
    for name, shape in wanted.items():
        came = np.shape(getattr(spline, name))
        check(came == shape, f"spline.{name} must have shape {shape}; got {came}.")
    check(k > 0, "spline.intercept must have an output at least; got none.")
    for name in ("intercept", "coef", "slope", "knot", "projection"):
        check_finite(f"spline.{name}", getattr(spline, name))
    feature, last = np.asarray(spline.feature), sum(np.shape(spline.projection)) - 1
    strange = feature[(feature < 0) | (feature > last)]
    check(
        not strange.size,
        f"spline.feature must be a column of z, 0 to {last}; got {strange[:1].tolist()}.",
    )


def check_fit(fit: FitResult) -> None:
    """Checks a whole fit: its spline, and that all else fits to it.

    Raises:
      TypeError: it is no FitResult.
      ValueError: a field of another kind, shape or range; the sentence names it.
    """
    if not isinstance(fit, FitResult):
        raise TypeError(f"fit must be a FitResult; got {type(fit).__name__}.")
    check_spline(fit.spline)
    columns = sum(np.shape(fit.spline.projection))
    _check_names(fit.names, columns)
    _check_score("rss", fit.rss)
    _check_score("gcv", fit.gcv)
    check_number("r2", fit.r2, at_most=1)
    check_number("num_rows", fit.num_rows, above=0)
    check_number("penalty", fit.penalty, at_least=-1)
    check(isinstance(fit.stop_reason, str), f"stop_reason must be text; got {fit.stop_reason!r}.")
    check(isinstance(fit.seconds, Seconds), f"seconds must be Seconds; got {fit.seconds!r}.")
    for name, value in fit.seconds._asdict().items():
        check_number(f"seconds.{name}", value, at_least=0)
    check(isinstance(fit.terms, tuple), f"terms must be a tuple; got {fit.terms!r}.")
    for term in fit.terms:
        _check_term(term, columns)
    _check_forward(fit.forward, columns)
    _check_pruning(fit.pruning, len(fit.terms))


def _check_names(names: Any, columns: int) -> None:
    is_list = isinstance(names, tuple) and all(isinstance(name, str) for name in names)
    check(is_list, f"names must be a list of texts; got {names!r}.")
    got = len(names)
    check(got == columns, f"names must name the {columns} columns of the spline; got {got}.")


def _check_score(name: str, value: Any) -> None:
    """A sum of squares or a score: at least 0, and infinite where more is charged than there is."""
    if not (isinstance(value, float) and value == np.inf):
        check_number(name, value, at_least=0)


def _check_term(term: Any, columns: int) -> None:
    wanted = "terms must hold [column, slope, knot] triples"
    is_term = isinstance(term, Term) and isinstance(term.factors, tuple) and len(term.factors) > 0
    check(is_term, f"{wanted}; got {term!r}.")
    for factor in term.factors:
        check(isinstance(factor, tuple) and len(factor) == 3, f"{wanted}; got {factor!r}.")
        column, slope, knot = factor
        check_integer("a column of terms", column, 0)
        check(column < columns, f"terms must read columns 0 to {columns - 1}; got {column}.")
        check_number("a slope of terms", slope)
        check(slope != 0, "a slope of terms must not be 0; got 0.")
        check_number("a knot of terms", knot)


def _check_forward(trace: Any, columns: int) -> None:
    kinds = {"rss": "float", "num_terms": "int", "parent": "int", "feature": "int", "knot": "float"}
    check(isinstance(trace, ForwardTrace), f"forward must be a ForwardTrace; got {trace!r}.")
    steps = np.size(trace.feature)
    for name, kind in kinds.items():
        array = getattr(trace, name)
        _check_kind(f"forward.{name}", array, kind)
        shape = (steps + 1,) if name in ("rss", "num_terms") else (steps,)
        got = np.shape(array)
        check(got == shape, f"forward.{name} must have shape {shape}; got {got}.")
        check_finite(f"forward.{name}", array)
    # A term's number is below that of the terms there are; -1 is the intercept.
    for name, low, high in (
        ("num_terms", 1, np.inf),
        ("parent", -1, int(np.max(trace.num_terms)) - 2),
        ("feature", 0, columns - 1),
    ):
        array = np.asarray(getattr(trace, name))
        inside = ((array >= low) & (array <= high)).all()
        got = [] if inside else array[(array < low) | (array > high)][:1].tolist()
        check(bool(inside), f"forward.{name} must lie between {low} and {high}; got {got}.")


def _check_pruning(path: Any, terms: int) -> None:
    check(isinstance(path, PruningPath), f"pruning must be a PruningPath; got {path!r}.")
    sizes = (terms + 1, terms)
    _check_kind("pruning.kept", path.kept, "bool")
    got = np.shape(path.kept)
    check(got == sizes, f"pruning.kept must have shape {sizes}, as there are terms; got {got}.")
    for name in ("rss", "gcv", "cv_rss"):
        array = getattr(path, name)
        if array is None and name == "cv_rss":
            continue
        _check_kind(f"pruning.{name}", array, "float")
        got = np.shape(array)
        check(got == sizes[:1], f"pruning.{name} must have shape {sizes[:1]}; got {got}.")
        bad = np.isnan(array) | (np.asarray(array) < 0)
        check(not bad.any(), f"pruning.{name} must hold numbers >= 0; got {array[bad][:1]}.")
    check_integer("pruning.chosen", path.chosen, 0)
    got, last = path.chosen, terms
    check(got <= last, f"pruning.chosen must be a row of pruning.kept, 0 to {last}; got {got}.")


def _check_kind(name: str, array: Any, kind: str) -> None:
    """Raises ValueError unless it is an array of such numbers, "float", "int" or "bool"."""
    is_array = isinstance(array, (np.ndarray, jax.Array))
    kinds = {"float": np.floating, "int": np.integer, "bool": np.bool_}
    got = array.dtype if is_array else type(array).__name__
    fits = is_array and jax.dtypes.issubdtype(array.dtype, kinds[kind])
    check(fits, f"{name} must be an array of {kind} values; got {got}.")
