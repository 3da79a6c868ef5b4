"""Spline starts with one thing taken away: is it the knots, the coefficients, or the scale?

Each control keeps a part of what a start knows and replaces the rest by chance. One that trains as
well as the start itself says that what it replaced does not matter. The first two choose other
hinges and fit their coefficients as the start's were; the next two leave the hinges and choose
other coefficients; the last keeps no function at all. Units without a hinge are those of the start
that a control is made from, wherever the control has as many hinges.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from spline_fc.checks import as_key, check_number, check_one_of
from spline_fc.cpwl import (
    Factor,
    FitResult,
    Spline,
    Term,
    evaluate_float64,
    fit_logits,
    live_terms,
    probabilities_of,
    shrink,
)
from spline_fc.cpwl.inputs import checked_data
from spline_fc.cpwl.likelihood import log_losses
from spline_fc.cpwl.terms import as_spline, raw_columns
from spline_fc.network.samplers import generator
from spline_fc.network.spline_start import FILLING, SplineStart, fill_in, start_keys
from spline_fc.network.structure import Params, dtype_of, finite_layers, from_layers, layer_sizes

_Place = tuple[int, float]  # column of z, knot


def random_knots(key: jax.Array | int, spline: Spline, x: Any) -> Spline:
    """Moves every knot to the value that a random row has in its column.

    Keeps the columns, the signs, which hinges share a knot and which make up a minimum, and the
    number of all of them. Loses where the spline bends. Coefficients stay as they are, for knots
    that they do not belong to: `altered_start` fits them anew.

    Args:
      key: JAX key or integer seed.
      spline: on d features, in the units of x.
      x: (n, d) rows; values between the least and the largest of a column are drawn, if there are.

    Returns:
      Spline of the live terms.
    """
    return _replaced(key, spline, x, lambda rng, column, varied: (column, 1.0))


def random_hinges(key: jax.Array | int, spline: Spline, x: Any) -> Spline:
    """Gives every knot a random column, a random side and the value of a random row in it.

    Keeps the number of hinges, which of them share a knot and which make up a minimum. Loses the
    columns, the sides and the knots. Coefficients are as for `random_knots`.

    Args:
      key: JAX key or integer seed.
      spline: on d features and q directions, in the units of x.
      x: (n, d) rows; a column of one value is never drawn.

    Returns:
      Spline of the live terms.
    """
    return _replaced(
        key, spline, x, lambda rng, column, varied: (rng.choice(varied), rng.choice((-1.0, 1.0)))
    )


def shuffled_coefficients(key: jax.Array | int, spline: Spline) -> Spline:
    """Hands the coefficients round among the terms.

    Keeps the hinges, the intercept and the coefficients, of several outputs row by row. Loses which
    term has which.

    Args:
      key: JAX key or integer seed.
      spline: of m live terms.

    Returns:
      Spline of the live terms.
    """
    live = live_terms(spline)
    order = generator(as_key(key)).permutation(len(live.coef))
    return _with(spline, live.terms, live.coef[order])


def random_coefficients(key: jax.Array | int, spline: Spline) -> Spline:
    """Draws normal coefficients of the same size.

    Keeps the hinges, the intercept and, output by output, the root mean square of the
    coefficients. Loses everything else about them.

    Args:
      key: JAX key or integer seed.
      spline: of m live terms.

    Returns:
      Spline of the live terms.
    """
    live = live_terms(spline)
    drawn = generator(as_key(key)).standard_normal(live.coef.shape)
    return _with(spline, live.terms, _sized(drawn, live.coef, axis=0))


def scale_only(key: jax.Array | int, params: Params) -> Params:
    """Draws normal weights of the same size.

    Keeps the architecture and the norm of every kernel and of every bias. Loses the function.

    Args:
      key: JAX key or integer seed.
      params: a fully connected network.

    Returns:
      Parameters of the same shapes and dtype.
    """
    rng = generator(as_key(key))

    def redrawn(array: np.ndarray) -> np.ndarray:
        return _sized(rng.standard_normal(array.shape), array)

    stack = [(redrawn(kernel), redrawn(bias)) for kernel, bias in finite_layers(params)]
    return from_layers(stack, dtype_of(params))


def add_noise(key: jax.Array | int, params: Params, size: float) -> Params:
    """Adds normal noise to every weight and bias, those that are 0 included.

    Args:
      key: JAX key or integer seed; the noise of two sizes differs by a factor alone.
      params: a fully connected network.
      size: standard deviation over the root mean square of the kernel or bias that it is added to.

    Returns:
      Parameters of the same shapes and dtype.

    Raises:
      ValueError: a negative size.
    """
    check_number("noise", size, at_least=0)
    rng = generator(as_key(key))

    def noisy(array: np.ndarray) -> np.ndarray:
        scale = np.sqrt(np.mean(array**2)) if array.size else 0.0
        return array + size * scale * rng.standard_normal(array.shape)

    stack = [(noisy(kernel), noisy(bias)) for kernel, bias in finite_layers(params)]
    return from_layers(stack, dtype_of(params))


OF_HINGES: dict[str, Callable[..., Spline]] = {
    "random_knots": random_knots,
    "random_hinges": random_hinges,
}
OF_COEFFICIENTS: dict[str, Callable[..., Spline]] = {
    "shuffled_coefficients": shuffled_coefficients,
    "random_coefficients": random_coefficients,
}
CONTROLS = (*OF_HINGES, *OF_COEFFICIENTS, "scale_only")


def altered_start(
    key: jax.Array | int,
    start: SplineStart,
    x: Any,
    y: Any,
    options: Mapping[str, Any],
    *,
    control: str | None = None,
    noise: float = 0.0,
) -> SplineStart:
    """Makes a control of a spline start, or adds noise to it, or both.

    Coefficients of other hinges are fitted as `spline_start` fits its own: with `shrink`, of
    classes with `fit_logits`.

    Args:
      key: of the start, as `spline_start` got it.
      start: from `spline_start`.
      x, y: that it was made from.
      options: that it was made with; read are weights, tolerance, ridge, incoming and balance.
      control: a name in CONTROLS, or None.
      noise: of `add_noise`.

    Returns:
      SplineStart of the same architecture; its fit is the control's, with rss, gcv, r2 and log_loss
      on these rows, and its seconds are those of the start. After noise or "scale_only" the network
      no longer equals the fit.

    Raises:
      ValueError: an unknown control, a negative noise, data that were not those of the start.
    """
    k_control, k_noise = (jax.random.fold_in(as_key(key), place) for place in (3, 4))
    if control is not None:
        check_one_of("control", control, CONTROLS)
    if control == "scale_only":
        start = start._replace(params=scale_only(k_control, start.params))
    elif control is not None:
        fit = _controlled(control, k_control, start.fit, (x, y), options)
        given = {name: options[name] for name in FILLING if name in options}
        sizes, (_, k_fill) = layer_sizes(start.params)[1:-1], start_keys(key)
        start = start._replace(params=fill_in(k_fill, fit, x, y, sizes, **given), fit=fit)
    return start._replace(params=add_noise(k_noise, start.params, noise)) if noise else start


def _controlled(
    control: str,
    key: jax.Array,
    fit: FitResult,
    rows: tuple[Any, Any],
    options: Mapping[str, Any],
) -> FitResult:
    """The fit with other hinges and coefficients fitted to them, or with other coefficients."""
    weights = options.get("weights")
    if control in OF_COEFFICIENTS:
        return _restated(fit, OF_COEFFICIENTS[control](key, fit.spline), *rows, weights)
    fit = fit._replace(spline=OF_HINGES[control](key, fit.spline, rows[0]))
    own, refit = ("tolerance", shrink) if fit.link == "identity" else ("ridge", fit_logits)
    given = {own: options[own]} if own in options else {}
    return refit(fit, *rows, weights=weights, **given)


def _replaced(
    key: jax.Array | int,
    spline: Spline,
    x: Any,
    choice: Callable[[np.random.Generator, int, np.ndarray], tuple[int, float]],
) -> Spline:
    """The live terms with every (column, knot) at another place, for all hinges there alike.

    `choice` takes a generator, a column and the columns that vary; it returns a column and the
    factor on the signs.
    """
    live, rng = live_terms(spline), generator(as_key(key))
    z = raw_columns(np.asarray(x), np.asarray(spline.projection))
    varied = np.flatnonzero(z.min(axis=0) < z.max(axis=0))
    sides: dict[_Place, set[float]] = {}
    for term in live.terms:
        for column, slope, knot in term.factors:
            sides.setdefault((column, knot), set()).add(np.sign(slope))
    found: dict[_Place, Factor] = {}
    for place, own in sides.items():
        column, flip = choice(rng, place[0], varied)
        found[place] = int(column), flip, _knot(rng, z[:, column], {flip * side for side in own})

    def moved(factor: Factor) -> Factor:
        column, flip, knot = found[factor[0], factor[2]]
        return column, flip * factor[1], knot

    terms = [Term(tuple(moved(factor) for factor in term.factors)) for term in live.terms]
    return _with(spline, terms, live.coef)


def _knot(rng: np.random.Generator, values: np.ndarray, sides: set[float]) -> float:
    """A value of the rows; where all lie at the ends, the one from which a hinge bends inwards."""
    low, high = values.min(), values.max()
    inner = values[(low < values) & (values < high)]
    return float(rng.choice(inner) if inner.size else high if sides == {-1.0} else low)


def _with(spline: Spline, terms: Sequence[Term], coef: np.ndarray) -> Spline:
    """The spline with other terms and coefficients."""
    intercept, projection = (
        np.asarray(a, np.float64) for a in (spline.intercept, spline.projection)
    )
    return as_spline(terms, intercept, coef, projection, spline.coef.dtype)


def _sized(drawn: np.ndarray, like: np.ndarray, axis: int | None = None) -> np.ndarray:
    """The array times a factor, or one a column, such that its norm is that of another."""
    wanted, came = (np.linalg.norm(a, axis=axis) for a in (like, drawn))
    return drawn * (wanted / np.where(came > 0, came, 1.0))


def _restated(fit: FitResult, spline: Spline, x: Any, y: Any, weights: Any) -> FitResult:
    """The fit with another spline, and what holds of it on the rows."""
    data = checked_data(x, y, weights).widened()
    share = data.weights / data.weights.sum()
    outputs, log_loss = evaluate_float64(spline, data.x), None
    if fit.link != "identity":
        log_loss = float(share @ log_losses(outputs, data.y))
        outputs = probabilities_of(outputs)
    rss = float(data.weights @ ((data.y - outputs) ** 2).sum(axis=1))
    grown = rss / fit.rss if fit.rss > 0 else np.inf
    scores = {"rss": rss, "gcv": fit.gcv * grown, "r2": 1 - (1 - fit.r2) * grown}
    return fit._replace(spline=spline, log_loss=log_loss, **scores)
