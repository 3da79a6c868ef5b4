"""fit_mars: data in, a continuous piecewise-linear spline out."""

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from spline_fc import checks
from spline_fc.cpwl import pruning
from spline_fc.cpwl.forward import ForwardLimits, ForwardTrace, Term, forward
from spline_fc.cpwl.knots import SearchSpace, candidate_knots
from spline_fc.cpwl.moments import aligned
from spline_fc.cpwl.spline import Spline, evaluate
from spline_fc.threads import one_thread
from spline_fc.timing import Stopwatch

PRUNE_METHODS = ("gcv", "cv", "none")
SMALL_RSS = 1e-6  # share of the total below which a difference of sums is too coarse
MAX_CORRECTIONS = 3  # of the last least squares; one is nearly always enough


class FitSeconds(NamedTuple):
    """Wall-clock seconds of a fit."""

    compile: float  # tracing and compiling; 0 when the shapes were seen before
    run: float


class FitResult(NamedTuple):
    """A fitted spline and how it came about."""

    spline: Spline
    rss: float  # weighted residual sum of squares of the spline, over all outputs
    gcv: float  # generalised cross-validation score of the spline
    r2: float  # share of the weighted variance explained
    terms: tuple[Term, ...]  # all terms of the forward pass, in order
    forward: ForwardTrace
    pruning: pruning.PruningPath
    num_rows: float  # n, or the sum of the weights
    penalty: float
    seconds: FitSeconds
    stop_reason: str


@one_thread()
def fit_mars(
    x: jax.Array,
    y: jax.Array,
    *,
    max_terms: int = 41,
    max_degree: int = 1,
    penalty: float | None = None,
    knots: int | str | Sequence[Any] | None = None,
    min_span: int | None = None,
    end_span: int | None = None,
    threshold: float = 1e-4,
    weights: jax.Array | None = None,
    allowed: Sequence[Sequence[int]] | None = None,
    linear: Sequence[int] = (),
    prune: str = "gcv",
    num_folds: int = 5,
    max_hinges: int | None = None,
    on_step: Callable[[int, float], None] | None = None,
) -> FitResult:
    """Fits a continuous piecewise-linear spline by MARS, with minima in place of products.

    The forward pass adds the best reflected pair of hinges at each step; backward elimination on
    cross products then removes terms. Vectors are kept in the dtype of x, small tables in float64.
    With max_degree > 1 a term is the minimum of its hinges, so the features must be on comparable
    scales: standardise them. Additive fits do not depend on scales.

    Args:
      x: (n, d) float, finite.
      y: (n,) or (n, k), finite; the outputs share one basis.
      max_terms: upper bound on the terms of the forward pass, intercept included.
      max_degree: hinges per term at most; 1 is additive.
      penalty: GCV charge per knot; 2 for additive fits and 3 above by default, -1 for no charge.
      knots: candidate positions: "all" for every data point, K for K quantiles per feature, or one
        array per feature. By default "all" up to 2000 rows, 64 quantiles beyond.
      min_span: rows between knots; Friedman's formula by default.
      end_span: rows before the first and after the last knot; Friedman's formula by default.
      threshold: a step must explain this share of the variance, or the forward pass ends.
      weights: (n,), >= 0; a weight of 2 is worth two copies of the row, in knots and GCV too.
      allowed: groups of features that may share a term, as scikit-learn's `interaction_cst`; a
        feature in no group stays additive. None allows all.
      linear: features that may enter only linearly.
      prune: "gcv", "cv" (k-fold, row i in fold i modulo num_folds) or "none".
      num_folds: folds of prune="cv".
      max_hinges: cap on the distinct hinges of the result: the hidden width that can hold it.
      on_step: called with (number of terms, share of variance explained) after each forward step.

    Returns:
      FitResult, its spline in the dtype of x.

    Raises:
      ValueError: wrong rank, lengths that differ, no rows, non-finite values, negative or all-zero
        weights, fewer rows than max_terms - 1, unknown options.

    Reference:
      Friedman (1991), Multivariate Adaptive Regression Splines, Annals of Statistics 19(1); Xu,
      Huang, Wang (2009), Adaptive hinging hyperplanes, Automatica 45(7).
    """
    with Stopwatch() as clock:
        x, y, weights = _checked_data(x, y, weights)
        _check_options(x, max_terms, max_degree, penalty, threshold, prune, num_folds, max_hinges)
        space = _search_space(x, weights, knots, min_span, end_span, linear, allowed)
        if penalty is None:
            penalty = 2.0 if max_degree == 1 else 3.0
        folds = num_folds if prune == "cv" else 1
        # The tables need more digits than the data; this reaches no further than the block.
        with jax.enable_x64(True), _quiet_donation():
            limits = ForwardLimits(max_terms, max_degree, threshold, *_rounding(x.dtype))
            mean = weights.astype(float) @ y / weights.sum(dtype=float)
            centred = (y - mean).astype(y.dtype)
            rows = tuple(jax.device_put(array) for array in (x.T, centred, weights))
            terms, trace, reason = forward(*rows, space, limits, on_step)
            size = (max_terms - 1, max_degree)
            fitted = _prune_and_solve(*rows, terms, size, penalty, prune, folds, max_hinges)
    coef, path, rss, total = fitted
    spline = _to_spline(terms, path.kept[path.chosen], coef, mean, space.linear, x.dtype)
    num_rows = float(weights.sum(dtype=float))
    gcv = pruning.gcv_score(rss, 1 + path.kept[path.chosen].sum(), num_rows, penalty)
    return FitResult(
        spline, rss, float(gcv), 1 - rss / total if total > 0 else 0.0, tuple(terms), trace, path,
        num_rows, float(penalty), FitSeconds(*clock.seconds), reason,
    )  # fmt: skip


def _checked_data(x, y, weights):
    """x (n, d), y (n, k) and weights (n,) as NumPy arrays of one float dtype, all checked.

    x comes back column after column in memory, the order in which the fit reads it.
    """
    for name, array in (("x", x), ("y", y), ("weights", weights)):
        if array is not None:  # before the cast, in which a large float64 would turn infinite
            checks.check_finite(name, array)
    x, y = (a if hasattr(a, "dtype") else np.asarray(a) for a in (x, y))
    dtype = jnp.promote_types(jax.dtypes.canonicalize_dtype(x.dtype), jnp.float32)
    x, y = np.asarray(x, dtype), np.asarray(y, dtype)
    checks.check_rank("x", x, 2, "(n, d)")
    checks.check(y.ndim in (1, 2), f"y must have shape (n,) or (n, k); got {y.shape}.")
    checks.check_not_empty("x", x)
    checks.check_not_empty("y", y)
    checks.check_same_length("y", y, "x", x)
    y = y.reshape(len(y), -1)
    weights = np.ones(len(x), dtype) if weights is None else np.asarray(weights, dtype)
    checks.check_rank("weights", weights, 1, "(n,)")
    checks.check_same_length("weights", weights, "x", x)
    lowest = float(weights.min())
    checks.check(lowest >= 0, f"weights must not be negative; the smallest is {lowest}.")
    checks.check(float(weights.max()) > 0, "weights must not all be zero; got only zeros.")
    for name, array in (("x", x), ("y", y)):  # again where the cast has changed something
        if array.dtype != np.float64:
            checks.check_finite(name, array)
    columns = aligned(x.shape[::-1], dtype)
    columns[...] = x.T
    return columns.T, y, weights


def _check_options(x, max_terms, max_degree, penalty, threshold, prune, num_folds, max_hinges):
    checks.check_integer("max_terms", max_terms, 1)
    checks.check(
        max_terms - 1 <= len(x),
        f"max_terms must not exceed the number of rows of x by more than 1 ({len(x)} rows); "
        f"got {max_terms}.",
    )
    checks.check_integer("max_degree", max_degree, 1)
    if penalty is not None and penalty != -1:
        checks.check_number("penalty", penalty, at_least=0)
    checks.check_number("threshold", threshold, at_least=0, below=1)
    checks.check_one_of("prune", prune, PRUNE_METHODS)
    if prune == "cv":
        checks.check_integer("num_folds", num_folds, 2)
        checks.check(
            num_folds <= len(x),
            f"num_folds must not exceed the {len(x)} rows of x; got {num_folds}.",
        )
    if max_hinges is not None:
        checks.check_integer("max_hinges", max_hinges, 0)


def _search_space(x, weights, knots, min_span, end_span, linear, allowed) -> SearchSpace:
    num_rows, num_features = x.shape
    if min_span is not None:
        checks.check_integer("min_span", min_span, 1)
    if end_span is not None:
        checks.check_integer("end_span", end_span, 0)
        checks.check(
            2 * end_span < num_rows,
            f"end_span must leave rows for knots, below half of {num_rows}; got {end_span}.",
        )
    groups = None if allowed is None else tuple(frozenset(group) for group in allowed)
    for name, features in (("linear", linear), ("allowed", frozenset().union(*(groups or ())))):
        for feature in features:
            checks.check(
                isinstance(feature, (int, np.integer)) and 0 <= feature < num_features,
                f"{name} must name columns of x, 0 to {num_features - 1}; got {feature!r}.",
            )
    positions, usable = candidate_knots(x, weights, knots)
    return SearchSpace(positions, usable, min_span, end_span, frozenset(linear), groups)


def _rounding(dtype) -> tuple[float, float]:
    """What is rounding: squared remainder over squared norm, and RSS over the total."""
    return (1e-10, 1e-15) if jnp.finfo(dtype).bits == 64 else (2e-6, 1e-9)


def _quiet_donation():
    """Tables that only some platforms can update in place are no cause for a warning."""
    context = warnings.catch_warnings()
    warnings.filterwarnings("ignore", message="Some donated buffers were not usable")
    return context


def _as_spline(terms: Sequence[Term], num_outputs: int, dtype, size=None) -> Spline:
    """The terms as a Spline with coefficients 0, filled up to size = (terms, factors)."""
    degree = max((len(term.factors) for term in terms), default=1)
    table = np.zeros((*(size or (len(terms), degree)), 3))
    for m, term in enumerate(terms):
        table[m, : len(term.factors)] = term.factors
    arrays = (
        np.zeros(num_outputs, dtype), np.zeros((len(table), num_outputs), dtype),
        table[:, :, 0].astype(np.int32), table[:, :, 1].astype(dtype), table[:, :, 2].astype(dtype),
    )  # fmt: skip
    return Spline(*jax.device_put(arrays))


def hinge_use(terms: Sequence[Term], linear: frozenset[int]) -> np.ndarray:
    """Which distinct hinges each term is made of, (m, h) bool; a linear term counts two."""
    used = [list(term.factors) for term in terms]
    for factors in used:
        factors += [(v, -s, t) for v, s, t in factors if v in linear]
    distinct = {factor: i for i, factor in enumerate(dict.fromkeys(sum(used, [])))}
    table = np.zeros((len(terms), len(distinct)), bool)
    for m, factors in enumerate(used):
        table[m, [distinct[factor] for factor in factors]] = True
    return table


def _prune_and_solve(features, y, weights, terms, size, penalty, method, num_folds, max_hinges):
    """Pruning path, coefficients (p, k) of the chosen subset, its RSS, and the total.

    The terms are filled up to `size` = (terms, factors) with absent ones, so that shapes, and with
    them compiled code, do not depend on what was found.
    """
    everything = _as_spline(terms, y.shape[1], features.dtype, size)
    moments = pruning.cross_products(everything, features, y, weights, num_folds)
    present = slice(0, 1 + len(terms))
    moments = moments._replace(
        gram=moments.gram[:, present, present], target=moments.target[:, present],
        change=moments.change[present, present], plain_gram=moments.plain_gram[present, present],
        plain_target=moments.plain_target[present],
    )  # fmt: skip
    path = pruning.prune(moments, penalty, method, hinge_use(terms, frozenset()), max_hinges)
    kept = np.concatenate([[True], path.kept[path.chosen]])
    gram, target = moments.plain_gram * np.outer(kept, kept), moments.plain_target
    total = float(moments.total.sum())
    coef, rss = least_squares(everything, features, y, weights, gram, target, total)
    return coef[kept], path, rss, total


@partial(jax.jit, static_argnames="chunk")
def _residual_products(spline: Spline, features, y, weights, *, chunk: int):
    """B'r and r'r of a spline whose coefficients are in the wide type."""

    def one(i, carry):
        _, x, y_rows, weight = pruning.row_chunk(i, chunk, features, y, weights)
        columns = jnp.concatenate([jnp.ones((chunk, 1)), pruning.basis(spline, x)], axis=1)
        coef = jnp.concatenate([spline.intercept[None], spline.coef])
        residual = y_rows - columns @ coef
        weighted = residual * weight[:, None]
        return carry[0] + columns.T @ weighted, carry[1] + (residual * weighted).sum()

    size = (1 + spline.coef.shape[0], spline.coef.shape[1])
    zero = (jnp.zeros(size, spline.coef.dtype), jnp.zeros((), spline.coef.dtype))
    return jax.lax.fori_loop(0, -(-len(y) // chunk), one, zero)


def least_squares(terms: Spline, features, y, weights, gram, target, total: float):
    """Coefficients of an intercept and some terms, refined on the rows, and the RSS that is left.

    Solving from cross products squares the condition number. Where that costs digits, correcting
    by the products of the true residual gives them back, until a correction lowers the RSS no more.

    Args:
      terms: at least the p - 1 terms meant; those beyond are absent.
      features: (d, n), x transposed. y: (n, k). weights: (n,).
      gram: (p, p) float64, cross products of [1 B]; a term whose row is 0 stays out.
      target: (p, k), [1 B]'y.
      total: y'y.

    Returns:
      coefficients (p, k), intercept first, and the residual sum of squares.
    """
    chunk, p = pruning.chunk_rows(len(y)), len(gram)
    root, smallest_pivot = pruning.inverse_root(gram)
    effect = root.T @ target
    coef, rss = root @ effect, total - float((effect**2).sum())
    if smallest_pivot > pruning.SMALL_PIVOT and rss > SMALL_RSS * total:
        return coef, rss
    for _ in range(MAX_CORRECTIONS):
        filled = np.zeros((terms.coef.shape[0], coef.shape[1]))
        filled[: p - 1] = coef[1:]
        spline = terms._replace(intercept=jax.device_put(coef[0]), coef=jax.device_put(filled))
        products, rss = _residual_products(spline, features, y, weights, chunk=chunk)
        effect = root.T @ np.asarray(products)[:p]
        coef = coef + root @ effect
        gain = float((effect**2).sum())
        if gain <= 1e-3 * float(rss):
            break
    return coef, max(float(rss) - gain, 0.0)


def _to_spline(terms, kept, coef, mean, linear: frozenset[int], dtype) -> Spline:
    """The chosen terms with their coefficients; linear terms become hinge pairs, exact on all R."""
    chosen = [term for term, keep in zip(terms, kept, strict=True) if keep]
    mirrored = [m for m, term in enumerate(chosen) if term.features & linear]
    mirrors = [Term(tuple((v, -s, t) for v, s, t in chosen[m].factors)) for m in mirrored]
    shape = _as_spline([*chosen, *mirrors], coef.shape[1], dtype)
    values = np.concatenate([coef[1:], -coef[1:][mirrored]])
    intercept, values = jax.device_put(((coef[0] + mean).astype(dtype), values.astype(dtype)))
    return shape._replace(intercept=intercept, coef=values)


def r2_score(spline: Spline, x: jax.Array, y: jax.Array) -> float:
    """Share of the variance of y (n,) or (n, k) that a spline explains on (x, y)."""
    y = np.asarray(y, np.float64).reshape(len(y), -1)
    residual = y - np.asarray(evaluate(spline, x), np.float64)
    return float(1 - (residual**2).sum() / ((y - y.mean(0)) ** 2).sum())
