"""The default start: which spline, and how much of the network is its own.

How good the end of training is depends on the start and the reshape as much as on the optimiser.
The choices made here were made together with the defaults of `TrainingConfig`, see docs/recipe.md.
"""

import inspect
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from absl import logging

from spline_fc.arrays import columns
from spline_fc.checks import (
    as_key,
    as_sizes,
    check,
    check_integer,
    check_known_keys,
    check_number,
    check_one_of,
    shown,
)
from spline_fc.cpwl import FIT_OPTIONS, FitResult, fit_classes, fit_mars, shrink
from spline_fc.cpwl.chunked.inputs import ChunkedData
from spline_fc.cpwl.inputs import CheckedData
from spline_fc.cpwl.sharded.inputs import AnyData, ShardedData, checked_rows, drawn_rows
from spline_fc.data.chunks import Chunks
from spline_fc.data.records import TASKS
from spline_fc.network.choice import (
    MOST_COLUMNS,
    DirectionsChoice,
    choose_directions,
    must_have_directions,
    unasked,
)
from spline_fc.network.convert import to_params
from spline_fc.network.reshape import BALANCES, max_terms_for, reshape
from spline_fc.network.samplers import SAMPLERS, generator
from spline_fc.network.structure import Params
from spline_fc.printing import printed
from spline_fc.threads import one_thread
from spline_fc.timing import Seconds, Stopwatch

CHOICES = {"penalty": 3.0}  # in place of the defaults of fit_mars
DIRECTIONS_OF = {
    "regression": ("ols", "sir", "phd"),
    "binary": ("pairs",),
    "multiclass": ("pairs",),
}  # chosen on small tables and images, see docs/classes.md
PIXEL_RIDGE = 3e-3  # of logits of features in one unit, see docs/classes.md
COMPARED_KNOTS = 32  # a column, of fits that are only compared
FILLING = ("incoming", "balance")  # options that `fill_in` takes
PROBE_ROWS = 1024  # at most, on which new units are looked at for being dead
Options = dict[str, Any]


@printed
class SplineStart(NamedTuple):
    """A network, and the spline that it equals."""

    params: Params
    fit: FitResult  # its coefficients shrunk, or those of logits
    directions: DirectionsChoice  # whether the fit has them, and why
    seconds: Seconds  # of directions, fit, coefficients, conversion and reshape together


@one_thread()
def spline_start(
    key: jax.Array | int,
    x: Any,
    y: Any,
    hidden_sizes: int | Sequence[int],
    *,
    task: str = "regression",
    weights: Any = None,
    directions: str | Sequence[str] | Any = None,
    max_terms: int = 61,
    share: float = 0.5,
    tolerance: float = 0.2,
    row_share: float = 1.0,
    incoming: str = "he_normal",
    balance: str = "powers_of_two",
    **options: Any,
) -> SplineStart:
    """Fits a spline that leaves a network of the given shape room to learn, and fills it in.

    An additive spline on the features and, where that pays, a few directions; at most half of the
    first layer are its hinges, the other half is free for what the spline does not see. Their
    number is chosen by GCV, at 3 per knot as directions found from y come at no charge.
    Coefficients are shrunk as far as the residuals hardly tell: large ones that cancel make the
    first steps of training wild. For classes the network begins with the logits of `fit_classes`,
    whose ridge does the same; where features share a scale, as pixels do, it is PIXEL_RIDGE, above
    the one that is best for the spline alone: the network has most still to learn there, and what
    it begins with must not be in its way.

    Args:
      key: JAX key or integer seed, for the units that carry no hinge, for directions "random", for
        the rows that `choose_directions` holds out and for those of a row_share.
      x: (n, d), standardised; the names of a data frame are kept. Or a source of rows in chunks,
        beside which y and weights are None. y: (n,) or (n, k), standardised;
        of classes (n,) or (n, 1) of 0 and 1, or (n, k) one-hot.
      hidden_sizes: widths of the hidden layers; one integer for one layer.
      task: "regression", "binary" or "multiclass".
      weights: (n,), >= 0, of directions, fit and coefficients alike.
      directions: as in `fit_mars`; () for hinges on features alone, which can be read as shape
        functions; None for those of DIRECTIONS_OF the task where they lower the error on rows held
        out by enough, else (): see `choose_directions`. With more than MOST_COLUMNS columns, or
        where other options speak of directions, they are taken without that.
      max_terms: of the forward pass, intercept included; no more than there are rows.
      share: of the first layer's units that hinges may take, > 0 and <= 1.
      tolerance: of `shrink`, for regression; a warning tells of options that are of other tasks.
      row_share: of the rows that the spline is fitted on, drawn without replacement, > 0 and <= 1;
        of rows on several devices the same share of each device's own.
      incoming, balance: of `reshape`: how units without a hinge are drawn, and whether those of the
        spline get equal norms in and out.
      **options: of `fit_mars`, in place of those named here and of penalty=3, and for classes of
        `fit_classes`.

    Returns:
      SplineStart; the parameters have the dtype of x.

    Raises:
      ValueError: an unknown task, what `fit_mars`, `fit_classes`, `shrink` and `reshape` refuse, a
        share out of range, or an option that is none of START_OPTIONS.
    """
    check_known_keys("the options of a spline start", options, START_OPTIONS)
    hidden_sizes = as_sizes("hidden_sizes", hidden_sizes)
    check_one_of("task", task, TASKS)
    check_integer("max_terms", max_terms, 1)
    check_number("share", share, above=0, at_most=1)
    check_number("tolerance", tolerance, above=0)
    check_number("row_share", row_share, above=0, at_most=1)
    check_one_of("incoming", incoming, SAMPLERS)
    check_one_of("balance", balance, BALANCES)
    _tell_unused(task, {"tolerance": tolerance, **options})
    with Stopwatch() as clock:
        elsewhere = isinstance(x, (jax.Array, Chunks))
        x, names = (x, None) if elsewhere else columns("x", x)
        everything = checked_rows(x, y, weights)
        if not isinstance(everything, CheckedData):
            everything = _where_possible(everything, task, row_share)
        room = int(share * hidden_sizes[0])
        if options.get("max_degree", 1) == 1:  # narrower layers behind must carry the terms too
            outputs = everything.y.shape[1]
            room = min(room, max_terms_for(hidden_sizes, num_outputs=outputs) - 1)
        key = as_key(key)
        data = _part(key, everything, row_share)
        k_directions, k_fill = start_keys(key)
        given = {"max_hinges": max(1, room), "names": names, "key": k_directions, **options}
        options = {**CHOICES, "max_terms": max_terms, **given}
        chosen, directions = _directions(key, data.sample(), task, directions, options)
        fit = _fit(data, task, directions, options)
        if task == "regression":
            x, y, weights = _given(data)
            fit = shrink(fit, x, y, weights=weights, tolerance=tolerance)
        rows = everything.sample(PROBE_ROWS)
        drawn = {"incoming": incoming, "balance": balance}
        params = fill_in(k_fill, fit, rows.x, rows.y, hidden_sizes, **drawn)
    return SplineStart(params, fit, chosen, clock.seconds)


def _tell_unused(task: str, options: Options) -> None:
    """A word for every option, other than its default, that has no say in such a task."""
    unused = _CLASSES if task == "regression" else ("tolerance",)
    defaults = start_defaults()
    for name in unused:
        value = options.get(name, defaults[name])
        if not np.array_equal(value, defaults[name]):
            other = "classes" if task == "regression" else "a regression"
            told = name, shown(value), other
            logging.warning("%s=%s has no say here: it is of the start for %s.", *told)


def start_keys(key: jax.Array | int) -> tuple[jax.Array, jax.Array]:
    """The keys of random directions and of the units without a hinge, from that of a start."""
    k_directions, k_fill = jax.random.split(as_key(key))
    return k_directions, k_fill


def _where_possible(data: ShardedData | ChunkedData, task: str, row_share: float) -> AnyData:
    """Rows where they are; those of a single device on the host, for what it does with all of them.

    Raises:
      ValueError: rows in chunks cannot have it.
    """
    if task == "regression" and row_share == 1:
        return data
    if isinstance(data, ShardedData):
        return data.on_host() if data.place.num_devices == 1 else data
    check(task == "regression", f'task must be "regression" for rows in chunks; got {task!r}.')
    check(row_share == 1, f"row_share must be 1 for rows in chunks; got {row_share}.")
    return data


def _part(key: jax.Array, data: AnyData, share: float) -> AnyData:
    """A share of the rows, in their order; all of them, not copied, for a share of 1."""
    if share == 1:
        return data
    k_rows = jax.random.fold_in(key, 2)
    if isinstance(data, ShardedData):
        return drawn_rows(k_rows, data, share)
    count = max(1, round(share * len(data.x)))
    rows = np.sort(generator(k_rows).permutation(len(data.x))[:count])
    return data._replace(x=data.x[rows], y=data.y[rows], weights=data.weights[rows])


def _directions(
    key: jax.Array, data: CheckedData, task: str, directions: Any, options: Options
) -> tuple[DirectionsChoice, Any]:
    """The choice, and what it chose; rows held out are asked where nobody else has chosen."""
    num_columns, wanted = data.x.shape[1], DIRECTIONS_OF[task]
    if directions is not None:
        return unasked(np.size(directions) > 0, "so was asked for"), directions
    if must_have_directions(options, num_columns):
        return unasked(True, "other options speak of them"), wanted
    if num_columns > MOST_COLUMNS:
        why = f"of {num_columns} columns nobody reads the shapes"
        return unasked(True, why), wanted

    def fit(rows: CheckedData, own: Any) -> FitResult:
        return _fit(rows, task, own, _cheaper(options, len(rows.x)))

    k_choice = jax.random.fold_in(key, 1)
    chosen = choose_directions(k_choice, data, task, wanted, fit)
    return chosen, wanted if chosen.taken else ()


def _cheaper(options: Options, num_rows: int) -> Options:
    """Options of fits that are only compared: quicker, and possible on fewer rows."""
    most = {"num_folds": num_rows, "end_span": (num_rows - 1) // 2}
    given = {name: options.get(name) for name in most}
    fewer = {n: min(value, most[n]) for n, value in given.items() if isinstance(value, int)}
    return {**options, **fewer, "knots": COMPARED_KNOTS, "passes": 0, "on_step": None}


def _fit(data: AnyData, task: str, directions: Any, options: Options) -> FitResult:
    """The spline of some rows with some directions, its coefficients as they come."""
    max_terms = min(options["max_terms"], data.num_rows)
    options = {**options, "max_terms": max_terms, "directions": directions}
    if task != "regression":
        if options.get("shared_scale") and options.get("ridge") is None:
            options["ridge"] = PIXEL_RIDGE
        return fit_classes(data.x, data.y, weights=data.weights, **options)
    searched = {name: value for name, value in options.items() if name not in _CLASSES}
    x, y, weights = _given(data)
    return fit_mars(x, y, weights=weights, **searched)


def _given(data: AnyData) -> tuple[Any, Any, Any]:
    """Rows as `fit_mars` and `shrink` take them: x, y and weights."""
    if isinstance(data, ChunkedData):
        return data.source, None, None
    return data.x, data.y, data.weights


def fill_in(
    key: jax.Array | int,
    fit: FitResult,
    x: Any,
    y: Any,
    hidden_sizes: int | Sequence[int],
    *,
    incoming: str = "he_normal",
    balance: str = "powers_of_two",
) -> Params:
    """Makes the network of a given shape that equals a fit, its other units drawn by the key.

    Args:
      key: JAX key or integer seed.
      fit: standardised, as x is.
      x: (n, d) rows, of which some are looked at so that no new unit is dead. y: (n, k).
      hidden_sizes: widths of the hidden layers.
      incoming, balance: of `reshape`.

    Returns:
      Parameters, in the dtype of the fit.

    Raises:
      ValueError: what `reshape` refuses.
    """
    rows = slice(None, None, -(-len(x) // PROBE_ROWS))
    drawn = {"incoming": incoming, "balance": balance}
    return reshape(to_params(fit), hidden_sizes, key, x=x[rows], y=y[rows], **drawn)


def start_defaults() -> dict[str, Any]:
    """Everything that decides a spline start apart from key, data and widths, with its default.

    Returns:
      {option: default}; None where the fit decides by its own formula.
    """
    signatures = (fit_mars, fit_classes, spline_start)
    found = {p.name: p.default for f in signatures for p in _keywords(f)}
    others = ("task", "weights", "names", "shared_scale", "key", "on_step")  # of data or caller
    return {name: value for name, value in {**found, **CHOICES}.items() if name not in others}


def _keywords(function: Any) -> list[inspect.Parameter]:
    parameters = inspect.signature(function).parameters.values()
    return [p for p in parameters if p.kind is p.KEYWORD_ONLY]


_OWN = tuple(p.name for p in _keywords(spline_start))
_CLASSES = tuple(p.name for p in _keywords(fit_classes) if p.name != "weights")
START_OPTIONS = tuple(
    name for name in dict.fromkeys((*_OWN, *_CLASSES, *FIT_OPTIONS)) if name != "key"
)
