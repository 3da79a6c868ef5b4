"""fit_mars: data in, a continuous piecewise-linear spline out."""

import contextlib
import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from spline_fc.arrays import as_names, columns
from spline_fc.checks import check
from spline_fc.cpwl import inputs, products, pruning, scaling
from spline_fc.cpwl.chunked import scaling as chunked_scaling
from spline_fc.cpwl.chunked.inputs import ChunkedData
from spline_fc.cpwl.chunked.memory import check_call
from spline_fc.cpwl.chunked.rows import products_of as products_in_chunks
from spline_fc.cpwl.chunked.scaling import ScaledChunks
from spline_fc.cpwl.chunked.search import forward_in_chunks
from spline_fc.cpwl.directions import Directions, find_directions, most_directions
from spline_fc.cpwl.far import Solution, room_beside_far, tell_lost, with_far_values
from spline_fc.cpwl.forward import ForwardTrace, forward
from spline_fc.cpwl.knots import SearchSpace, knot_choices, spans_of
from spline_fc.cpwl.products import Products
from spline_fc.cpwl.refit import least_squares
from spline_fc.cpwl.result import FitResult
from spline_fc.cpwl.scaling import Units
from spline_fc.cpwl.screening import as_in_all, narrowed, searched_columns, taken
from spline_fc.cpwl.search import Limits
from spline_fc.cpwl.sharded import scaling as sharded_scaling
from spline_fc.cpwl.sharded.inputs import AnyData, ShardedData, checked_rows
from spline_fc.cpwl.stopping import Stop, told, with_causes
from spline_fc.cpwl.targets import Targets, targets_of
from spline_fc.cpwl.terms import Term, as_spline, hinge_use, term_values
from spline_fc.data.chunks import Chunks
from spline_fc.sharding import Placement, computed_at
from spline_fc.threads import one_thread
from spline_fc.timing import Seconds, Stopwatch

TOLD = 0.01  # share by which two counts of a residual may differ before something is done


@one_thread()
def fit_mars(
    x: Any,
    y: Any = None,
    *,
    max_terms: int = 41,
    max_degree: int = 1,
    penalty: float | None = None,
    directions: str | Sequence[str] | Any = (),
    num_directions: int = 2,
    num_slices: int = 10,
    shared_scale: bool = False,
    key: jax.Array | int | None = None,
    names: Sequence[str] | None = None,
    knots: int | str | Sequence[Any] = 64,
    min_span: int | None = None,
    end_span: int | None = None,
    threshold: float = 1e-4,
    weights: Any = None,
    allowed: Sequence[Sequence[int | str]] | None = None,
    linear: Sequence[int | str] = (),
    fast_k: int | None = 3,
    screen: int | None = None,
    prune: str = "gcv",
    num_folds: int = 5,
    max_hinges: int | None = None,
    on_step: Callable[[int, float], None] | None = None,
) -> FitResult:
    """Fits a continuous piecewise-linear spline by MARS, with minima in place of products.

    The forward pass adds the best reflected pair of hinges at each step; backward elimination on
    cross products then removes terms. The fit works on columns that it centres and scales itself,
    so no result depends on the units of the features, of no degree; what it returns is in the units
    of x and y. Small data are searched in NumPy and float64, which needs no compiler; large ones by
    compiled steps, in the dtype of x as JAX has it unless float32 cannot tell the columns apart or
    the search lost count of the residual in it.

    Hinges bend along z = [x, x projection]: the features and, if `directions` are wanted, a few
    linear combinations of them. Directions found from y fit the noise in y too, which GCV does not
    charge for: judge such a fit on rows that were held out.

    Args:
      x: (n, d) numbers, finite; a data frame's columns give the names. Where its rows are divided
        over several devices (`shard_rows`), or many rows lie on a GPU, the fit is computed there,
        see docs/scale.md. Or a source of rows in chunks, see docs/larger_than_memory.md.
      y: (n,) or (n, k), finite; the outputs share one basis. None beside a source of chunks, which
        has its own, as it has its weights.
      max_terms: upper bound on the terms of the forward pass, intercept included.
      max_degree: hinges per term at most; 1 is additive.
      penalty: GCV charge per knot; 2 for additive fits and 3 above by default, -1 for no charge.
      directions: names out of "ols", "sir", "phd", "pairs", "spread", "pca" and "random" (see
        `derive_directions`); those that are correlated by more than 0.999 with a feature or an
        earlier direction are left out. Or the directions themselves, (d, q), taken as they are.
      num_directions: directions per name, at most; of "spread" per class, of "pairs" all come.
      num_slices: slices of y for "sir".
      shared_scale: directions are those of features in one unit, such as pixels.
      key: JAX key or seed, for "random".
      names: of the features; by default those of a data frame, else "x0", "x1", ....
      knots: candidate positions: "all" for every data point, K for K quantiles per column of z, or
        one array per column. Every data point takes longer, and pays where y bears no noise.
      min_span: rows between knots; Friedman's formula by default.
      end_span: rows before the first and after the last knot; Friedman's formula by default.
      threshold: a step must explain this share of the variance, or the forward pass ends.
      weights: (n,), >= 0; a weight of 2 is worth two copies of the row, in knots and GCV too, and
        a row of weight 0 is left out, whatever stands in it. Weights that sum to less than 16, and
        to less than their number, are scaled to a mean of 1, with a word: no term could be charged
        for.
      allowed: groups of columns of z that may share a term, as scikit-learn's `interaction_cst`; a
        column in no group stays additive. Columns are given by number or name. None allows all.
      linear: columns of z, by number or name, that may enter only linearly.
      fast_k: parent terms that are looked at again at each step, those that promised most when they
        were last looked at; further ones as long as one promises more than the best found. None
        for all of them. Additive fits have one parent.
      screen: how many features are searched at most, beside all directions: those that explain
        most of y alone, each as a function of up to 8 steps; 0 for directions alone, None for all
        features. Hundreds of columns take less time and memory so, and a feature that matters only
        beside others may be missed; see docs/fit.md.
      prune: "gcv", "cv" (k-fold, row i in fold i modulo num_folds) or "none".
      num_folds: folds of prune="cv".
      max_hinges: cap on the distinct hinges of the result: the hidden width that can hold it.
      on_step: called with (number of terms, share of variance explained) after each forward step;
        again from the first one where the search begins anew in float64.

    Returns:
      FitResult, its spline in the dtype of x: float64 arrays are NumPy's. Where values of a column
      lie far beyond all knots the spline may have up to two hinges a side more than the terms
      chosen, in place of some of theirs.

    Raises:
      ValueError: no numbers, traced arrays, wrong rank, lengths that differ, no rows, non-finite
        values, negative or all-zero weights, fewer rows than max_terms - 1, unknown options.
      MemoryError: a device that has the rows has too little memory left for the fit.

    Reference:
      Friedman (1991), Multivariate Adaptive Regression Splines, Annals of Statistics 19(1); Xu,
      Huang, Wang (2009), Adaptive hinging hyperplanes, Automatica 45(7). For fast_k: Friedman
      (1993), Fast MARS, Stanford LCS 110.
    """
    with Stopwatch() as clock:
        spans = (min_span, end_span)
        inputs.check_search_options(
            max_terms, max_degree, penalty, threshold, *spans, fast_k, screen
        )
        inputs.check_pruning_options(prune, num_folds, max_hinges)
        if isinstance(x, Chunks):
            check_call(x, max_terms, max_degree, screen, directions, num_directions, knots)
        data, own_names = _checked(x, y, weights)
        if not isinstance(data, ShardedData):
            inputs.tell_heavy(data.weights, max_terms)
        inputs.check_rows(data.num_rows, max_terms, end_span, num_folds if prune == "cv" else 2)
        names = _feature_names(own_names if names is None else names, data.x.shape[1])
        rule = (num_directions, num_slices, shared_scale, key)
        found = find_directions(directions, data, *rule)
        has_columns = screen != 0 or found.projection.size > 0
        check(has_columns, "screen must leave columns to search; got 0 and no directions.")
        most = most_directions(directions, data.x.shape[1], data.y, num_directions)
        # As many as there could be, so that splits of one data set share their compiled code.
        places = data.x.shape[1] + max(most, found.projection.shape[1])
        rules = (places, *spans, linear, allowed)
        if penalty is None:
            penalty = pruning.default_penalty(max_degree)
        backward = _Backward(penalty, prune, num_folds if prune == "cv" else 1, max_hinges)
        limits, call = (max_terms, max_degree, threshold, fast_k), _outside(on_step)
        fit = _fit_safely(data, found, names, knots, rules, limits, screen, backward, call)
        result = _result(data, found, names, penalty, max_hinges, *fit)
    return result._replace(seconds=clock.seconds)


FIT_OPTIONS = tuple(
    name
    for name, parameter in inspect.signature(fit_mars).parameters.items()
    if parameter.kind is parameter.KEYWORD_ONLY
)


class _Backward(NamedTuple):
    """How the backward pass chooses."""

    penalty: float
    method: str
    num_folds: int
    max_hinges: int | None
    is_far: np.ndarray = np.zeros((0, 2), bool)  # (D, 2), of the columns that are searched


class _Parts(NamedTuple):
    """A fit in scaled units, for targets less their mean."""

    terms: list[Term]
    trace: ForwardTrace
    stop_reason: str
    coef: np.ndarray  # (p, k) float64, of the intercept and the chosen terms
    gram: np.ndarray  # (p, p), their cross products
    path: pruning.PruningPath
    rss: float
    total: float
    doubtful: bool  # the search lost digits that a wider type would have had


def _checked(x: Any, y: Any, weights: Any) -> tuple[AnyData, tuple[str, ...] | None]:
    """The data where they are, and the names that a data frame gives."""
    if isinstance(x, Chunks):
        return checked_rows(x, y, weights), x.names
    if isinstance(x, jax.Array):  # has no names, and may lie where the fit will be
        return checked_rows(x, y, weights), None
    x = columns("x", x)
    return checked_rows(x.values, y, weights), x.names


def _feature_names(names: Sequence[str] | None, num_features: int) -> tuple[str, ...]:
    named = as_names("names", names, num_features)
    return tuple(f"x{j}" for j in range(num_features)) if named is None else named


def _fit_safely(
    data: AnyData, found: Directions, names, knots, rules,
    limits: tuple[int, int, float, int | None], screen: int | None, backward: _Backward, on_step,
) -> tuple[SearchSpace, Units, Targets, _Parts]:  # fmt: skip
    """The fit in the narrow type if data are large and it will do, else in the wide one.

    Returns:
      the search space, units, targets and parts of the fit that counts.
    """
    targets = targets_of(data)
    wide = np.dtype(np.float64)
    few = inputs.is_small(data.num_rows, rules[0], limits[1])  # which are searched in float64 alone
    for dtype in (wide,) if few else dict.fromkeys((data.dtype, wide)):
        typed, every = data._replace(dtype=dtype), (*names, *found.names)
        space, scaled = _search_space(typed, found.projection, every, knots, *rules)
        if scaled.delicate:
            continue
        full = Limits(*limits, *_rounding(dtype))
        rest = backward._replace(is_far=scaled.units.far), on_step
        parts = _fit_narrowed(data, targets, scaled.columns, space, full, screen, *rest)
        if not parts.doubtful:
            break
    return space, scaled.units, targets, parts


def _search_space(
    data: AnyData, projection, names, knots, places, min_span, end_span, linear, allowed
):  # fmt: skip
    """The candidates with their constraints, and the scaled columns with their units."""
    num_columns = sum(projection.shape)
    linear = inputs.column_set("linear", linear, names)
    groups = None if allowed is None else inputs.column_groups("allowed", allowed, names)
    choices, spans = knot_choices(knots, num_columns), spans_of(min_span, end_span, num_columns)
    rest = (projection, choices, int(spans.end), linear)
    if isinstance(data, ChunkedData):
        scaled = chunked_scaling.scaled_columns(data, *rest)
    elif isinstance(data, ShardedData):
        scaled = sharded_scaling.scaled_columns(data, *rest, places)
    else:
        scaled = scaling.scaled_columns(data, *rest, places)
    tables = scaled.units.scaled, scaled.usable
    return SearchSpace(*tables, spans, linear, groups, num_columns), scaled


def _rounding(dtype: np.dtype) -> tuple[float, float]:
    """What is rounding: squared remainder over squared norm, and RSS over the total."""
    return (1e-10, 1e-15) if dtype == np.float64 else (2e-6, 1e-9)


def _outside(on_step: Callable | None) -> Callable | None:
    """The callback under the settings of its owner, not those of the fit."""
    if on_step is None:
        return None
    enabled = jax.config.read("jax_enable_x64")

    def call(num_terms: int, explained: float) -> None:
        with jax.enable_x64(enabled):
            on_step(num_terms, explained)

    return call


def _fit_narrowed(
    data: AnyData, targets: Targets, columns, space: SearchSpace, limits, screen, backward,
    on_step,
) -> _Parts:  # fmt: skip
    """`_fit` on the columns that are worth a search; its parts are on all of them."""
    rows = (columns, targets.centred, data.weights)
    kept = searched_columns(*rows, space, data.x.shape[1], screen)
    if len(kept) == len(columns):
        return _fit(data, targets, columns, space, limits, backward, on_step)
    backward = backward._replace(is_far=backward.is_far[kept])
    parts = _fit(
        data, targets, taken(columns, kept), narrowed(space, kept), limits, backward, on_step
    )
    trace = parts.trace._replace(feature=kept[parts.trace.feature])
    return parts._replace(terms=as_in_all(parts.terms, kept), trace=trace)


def _fit(
    data: AnyData, targets: Targets, columns, space: SearchSpace, limits, backward, on_step
) -> _Parts:
    """Forward pass, backward pass and last least squares, in the dtype of the columns."""
    if isinstance(columns, ScaledChunks):
        terms, trace, stop = forward_in_chunks(columns, space, limits, on_step)
        found = products_in_chunks(columns, terms, backward.num_folds)
        solved = _prune_and_solve(found, terms, space.linear, backward)
        return _parts(data, terms, trace, stop, solved, wide=True)
    size = (limits.max_terms - 1, limits.max_degree)
    place = data.place if isinstance(data, ShardedData) else None
    many = place or not inputs.is_small(columns.shape[1], len(columns), limits.max_degree)
    # The tables need more digits than the data; this reaches no further than the block.
    with jax.enable_x64(True) if many else contextlib.nullcontext(), computed_at(place):
        weights, y = (a.astype(columns.dtype) for a in (data.weights, targets.centred))
        if many and place is None:
            columns, y, weights = jax.device_put((columns, y, weights))
        terms, trace, stop = forward(columns, y, weights, space, limits, place, on_step)
        found = _products(columns, y, weights, terms, size, place, backward.num_folds)
        solved = _prune_and_solve(found, terms, space.linear, backward)
    return _parts(data, terms, trace, stop, solved, wide=columns.dtype == np.float64)


def _parts(data: AnyData, terms, trace: ForwardTrace, stop: Stop, solved, wide: bool) -> _Parts:
    """What was found, its trace put right where the search lost count of the residual."""
    coef, gram, path, rss, total, exact = solved
    exact = exact[trace.num_terms - 1]  # of the terms after every step
    noise = total * (1e-10 if wide else 1e-6)  # below, neither count is more than rounding
    astray = bool((np.abs(trace.rss - exact) > TOLD * exact + noise).any())
    starved = stop.starved and len(terms) > 0 and exact[-1] > noise
    if astray:
        stop = stop._replace(reason=told(stop.reason, trace.rss[-1], exact[-1], len(terms)))
        trace = trace._replace(rss=exact)
    return _Parts(
        terms, trace, with_causes(stop, path, data.weight), coef, gram, path, rss, total,
        doubtful=not wide and (astray or starved),
    )  # fmt: skip


def _products(
    columns, y, weights, terms, size: tuple[int, int], place: Placement | None, num_folds: int
) -> Products:
    """What the rows say of an intercept and the terms; `size` is the most terms and factors."""
    if isinstance(columns, np.ndarray):
        design = np.column_stack([np.ones(len(y)), term_values(columns.T, terms)])
        return products.on_host(design, y, weights, num_folds)
    outputs = np.zeros((1, y.shape[1]))
    projection = np.zeros((len(columns), 0))  # the columns are those of z already
    everything = as_spline(terms, outputs[0], outputs[:0], projection, columns.dtype, size)
    return products.on_device(everything, len(terms), columns, y, weights, place, num_folds)


def _prune_and_solve(rows: Products, terms, linear, backward: _Backward):
    """Coefficients (p, k) of the chosen, their products, path, RSS, total, RSS of prefixes."""
    moments = pruning.cross_products(rows.squares, 1 + len(terms))
    most = room_beside_far(backward.max_hinges, terms, backward.is_far)
    uses = hinge_use(terms, linear)
    path = pruning.prune(moments, backward.penalty, backward.method, uses, most)
    kept = np.concatenate([[True], path.kept[path.chosen]])
    gram, target = moments.plain_gram * np.outer(kept, kept), moments.plain_target
    total = float(moments.total.sum())
    coef, rss = least_squares(rows.residuals, gram, target, total)
    return coef[kept], gram[np.ix_(kept, kept)], path, rss, total, pruning.prefix_rss(moments)


def _result(
    data: AnyData, found: Directions, names, penalty: float, max_hinges: int | None,
    space: SearchSpace, units: Units, targets: Targets, parts: _Parts,
) -> FitResult:  # fmt: skip
    """The fit in the units of x and y, without its seconds."""
    mapped = [units.term(term) for term in parts.terms]
    terms, kept = tuple(term for term, _ in mapped), parts.path.kept[parts.path.chosen]
    factors = np.array([1.0, *(factor for _, factor in mapped)])[np.append(True, kept), None]
    own, dtype, trace = parts.coef * factors, data.x.dtype, parts.trace
    chosen = [term for term, keep in zip(terms, kept, strict=True) if keep]
    lost = (targets.as_stored(own, dtype) - own) / factors
    solved = Solution(chosen, own, parts.rss + float((lost * (parts.gram @ lost)).sum()))
    wanted = (1 + TOLD) * parts.path.rss[parts.path.chosen]
    if units.any_far(chosen):
        rest = (data, found.projection, units, space.linear, targets, wanted, max_hinges)
        solved = with_far_values(chosen, *rest)
    names = (*names, *found.names)
    tell_lost(solved, max(wanted, 1e-6 * parts.total), units, names, targets.mean, dtype)
    chosen, coef = solved.terms, solved.coef[1:] * targets.unit
    intercept, square = solved.coef[0] * targets.unit + targets.mean, targets.unit**2
    # A linear term becomes a pair of hinges, which is exact on all of R.
    mirrored = [m for m, term in enumerate(chosen) if term.features & space.linear]
    mirrors = [Term(tuple((v, -s, t) for v, s, t in chosen[m].factors)) for m in mirrored]
    coef = np.concatenate([coef, -coef[mirrored]])
    r2 = float(1 - solved.rss / parts.total) if parts.total > 0 else 0.0  # squares may underflow
    rss, num_terms = solved.rss * square, 1 + len(chosen)
    return FitResult(
        spline=as_spline([*chosen, *mirrors], intercept, coef, found.projection, dtype),
        names=names,
        rss=float(rss),
        gcv=float(pruning.gcv_score(rss, num_terms, data.weight, penalty)),
        r2=r2,
        terms=terms,
        forward=trace._replace(rss=trace.rss * square, knot=units.knots(trace.feature, trace.knot)),
        pruning=parts.path.scaled(square),
        num_rows=data.weight,
        penalty=float(penalty),
        seconds=Seconds(0.0, 0.0),
        stop_reason=parts.stop_reason,
    )
