"""Oblique hinges: a spline on x and on fixed projections of x.

fit_mars bends along the features only. Here the columns of x are joined by linear projections x p,
so that hinges relu(s (x p - t)) are candidates too. The spline stays a Spline, on [x, x P], and a
network's first layer takes plain x again: kernel rows of the projections are multiplied by P.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from spline_fc import checks
from spline_fc.cpwl.fit import FitResult, fit_mars
from spline_fc.cpwl.inputs import checked_data
from spline_fc.cpwl.spline import evaluate
from spline_fc.threads import one_thread

DIRECTIONS = ("ols", "pca", "phd", "random", "sir")
RANK_TOLERANCE = 1e-8  # eigenvalues of the correlation matrix below are rounding
SHARE_ROUNDING = 1e-12  # sums of weights are not exact
SAME_CORRELATION = 0.999  # a projection this close to a feature or another one adds nothing


class ObliqueFit(NamedTuple):
    """A spline on [x, x projection]; its feature d + j is direction j."""

    fit: FitResult
    projection: jax.Array  # (d, q), in the dtype of x
    names: tuple[str, ...]  # (q,), such as "sir 2"


class _Whitened(NamedTuple):
    """Features in coordinates of unit covariance."""

    rows: np.ndarray  # (n, r), the data
    back: np.ndarray  # (d, r), directions of x from directions of the whitened coordinates
    scale: np.ndarray  # (d,), standard deviations, 1 for constant features
    axes: np.ndarray  # (d, r), principal axes of the standardised features, largest first
    weights: np.ndarray  # (n,), sum 1


@one_thread()
def fit_oblique(
    x: Any,
    y: Any,
    *,
    directions: str | Sequence[str] | Any = ("ols", "sir", "phd"),
    num_directions: int = 2,
    num_slices: int = 10,
    weights: Any = None,
    key: jax.Array | None = None,
    **options: Any,
) -> ObliqueFit:
    """Fits a spline on the features of x and on projections of x.

    Directions that the data give are scaled so that the projections vary as much as the features do
    on average. One that is correlated by more than 0.999 with a feature or an earlier direction is
    left out, so there may be none. Directions found from y fit the noise in y too, which GCV does
    not charge for: judge the fit on rows that were held out.

    Args:
      x: (n, d), finite.
      y: (n,) or (n, k), finite.
      directions: names out of "ols", "sir", "phd", "pca" and "random" (see `derive_directions`),
        or the directions themselves, (d, q), taken as they are.
      num_directions: directions per name, at most.
      num_slices: slices of y for "sir".
      weights: (n,), >= 0, for the directions and the fit.
      key: for "random".
      **options: of `fit_mars`; features in `knots`, `allowed` and `linear` are columns of
        [x, x projection].

    Returns:
      ObliqueFit.

    Raises:
      ValueError: what `fit_mars` and `derive_directions` refuse, or directions of another shape.
    """
    if isinstance(directions, str):
        directions = (directions,)
    by_name = isinstance(directions, Sequence) and all(isinstance(d, str) for d in directions)
    if by_name:
        settings = dict(num_slices=num_slices, weights=weights, key=key)
        found = _derive(directions, x, y, num_directions, **settings)
        names = [f"{n} {j + 1}" for n, p in zip(directions, found, strict=True)
                 for j in range(p.shape[1])]  # fmt: skip
        projection = np.concatenate([np.zeros((np.shape(x)[1], 0)), *found], axis=1)
        fresh = _fresh(np.asarray(x, np.float64), weights, projection)
        projection, names = projection[:, fresh], tuple(np.array(names, object)[fresh])
    else:
        projection = np.asarray(directions, np.float64)
        names = tuple(f"direction {j + 1}" for j in range(projection.shape[-1]))
    joined = add_projections(x, projection)
    fit = fit_mars(joined, y, weights=weights, **options)
    return ObliqueFit(fit, jnp.asarray(projection, joined.dtype), names)


def add_projections(x: Any, projection: Any) -> jax.Array:
    """Appends the projections to the features.

    Args:
      x: (n, d).
      projection: (d, q).

    Returns:
      (n, d + q), [x, x projection], in the dtype of x.

    Raises:
      ValueError: shapes that do not fit, or a non-finite projection.
    """
    x = jnp.asarray(x)
    checks.check_rank("x", x, 2, "(n, d)")
    _check_projection(projection, x.shape[1])
    x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    projection = jnp.asarray(projection, x.dtype)
    product = jnp.matmul(x, projection, precision=jax.lax.Precision.HIGHEST)
    return jnp.concatenate([x, product], axis=1)


def evaluate_oblique(oblique: ObliqueFit, x: Any) -> jax.Array:
    """Evaluates an oblique fit on plain x.

    Args:
      oblique: of d features and k outputs.
      x: (n, d).

    Returns:
      (n, k).

    Raises:
      ValueError: x is not a matrix of d columns.
    """
    return evaluate(oblique.fit.spline, add_projections(x, oblique.projection))


def compose_kernel(kernel: Any, projection: Any) -> np.ndarray:
    """Turns a first-layer kernel on [x, x projection] into the one on plain x.

    Args:
      kernel: (d + q, h).
      projection: (d, q).

    Returns:
      (d, h) float64: [x, x projection] kernel = x result.

    Raises:
      ValueError: shapes that do not fit, or a non-finite projection.
    """
    kernel, projection = (np.asarray(array, np.float64) for array in (kernel, projection))
    checks.check_rank("kernel", kernel, 2, "(d + q, h)")
    checks.check_rank("projection", projection, 2, "(d, q)")
    num_features = projection.shape[0]
    _check_projection(projection, num_features)
    checks.check(
        len(kernel) == sum(projection.shape),
        f"kernel must have d + q = {sum(projection.shape)} rows, as projection has shape "
        f"{projection.shape}; got {len(kernel)}.",
    )
    return kernel[:num_features] + projection @ kernel[num_features:]


def derive_directions(
    name: str,
    x: Any,
    y: Any,
    num_directions: int,
    *,
    num_slices: int = 10,
    weights: Any = None,
    key: jax.Array | None = None,
) -> np.ndarray:
    """Finds directions in x, the most important first.

    All but "random" are the same for every scaling of the features, and all but "random" and "pca"
    for every invertible linear map of them.

      "ols": the least-squares fit of y; of several outputs, the directions of their fitted values
        in the order of variance. For y = g(x b) with elliptical x it is b, unless g is even
        (Brillinger 1983; Li and Duan 1989).
      "sir": sliced inverse regression (Li 1991): the principal axes of the means of x in slices of
        y. Sees several directions, but like "ols" no even g.
      "phd": principal Hessian directions of the residuals of "ols" (Li 1992): where y curves most
        on average. Sees even g, and needs more rows.
      "pca": principal axes of the standardised features; y is not looked at.
      "random": standard normal in the standardised features.

    Args:
      name: one of these.
      x: (n, d), finite.
      y: (n,) or (n, k), finite; matrices of several outputs are added up.
      num_directions: how many are wanted; fewer come where the method has no more.
      num_slices: of "sir", as far as the values of y can be told apart.
      weights: (n,), >= 0.
      key: for "random".

    Returns:
      (d, q) float64, q <= num_directions. The projections of x vary as much as its features do on
      average (root mean square of their deviations); the largest entry of a standardised direction
      is positive.

    Raises:
      ValueError: an unknown name, no key for "random", or data that `fit_mars` would refuse.

    Reference:
      Li (1991), Sliced inverse regression for dimension reduction, JASA 86; Li (1992), On principal
      Hessian directions for data visualization and dimension reduction, JASA 87.
    """
    return _derive([name], x, y, num_directions, num_slices, weights, key)[0]


def _derive(names, x, y, num_directions, num_slices, weights, key) -> list[np.ndarray]:
    """The directions (d, q) of every name."""
    for name in names:
        checks.check_one_of("directions", name, DIRECTIONS)
    checks.check_integer("num_directions", num_directions, 1)
    checks.check_integer("num_slices", num_slices, 2)
    checks.check(
        "random" not in names or key is not None, 'key must be given for "random"; got None.'
    )
    x, y, weights, _ = checked_data(x, y, weights)
    data = _whiten(x, weights)
    y = np.where(np.ptp(y, axis=0) > 0, y - data.weights @ y, 0.0)

    def of_name(name: str) -> np.ndarray:
        if name == "pca":
            return data.axes / data.scale[:, None]
        if name == "random":
            found = jax.random.normal(key, (x.shape[1], num_directions))
            return np.array(found, np.float64) / data.scale[:, None]
        return data.back @ {"ols": _ols, "sir": _sir, "phd": _phd}[name](data, y, num_slices)

    return [_scaled(of_name(name)[:, :num_directions], x, data) for name in names]


def _whiten(x: np.ndarray, weights: np.ndarray) -> _Whitened:
    weights = weights / weights.sum()
    centred = x - weights @ x
    # Told by the range: the deviation of a constant column need not come out as zero.
    varies = np.ptp(x[weights > 0], axis=0) > 0
    scale = np.where(varies, np.sqrt(weights @ centred**2), 1.0)
    standard = np.where(varies, centred / scale, 0.0)
    values, axes = np.linalg.eigh((weights[:, None] * standard).T @ standard)
    values, axes = values[::-1], axes[:, ::-1]
    used = values > RANK_TOLERANCE * len(values)
    axes = axes[:, used]
    whiten = axes / np.sqrt(values[used])
    return _Whitened(standard @ whiten, whiten / scale[:, None], scale, axes, weights)


def _ols(data: _Whitened, y: np.ndarray, _: int) -> np.ndarray:
    slopes = data.rows.T @ (data.weights[:, None] * y)  # (r, k)
    left, size, _ = np.linalg.svd(slopes, full_matrices=False)
    return left[:, size > RANK_TOLERANCE * size.max(initial=0)]


def _sir(data: _Whitened, y: np.ndarray, num_slices: int) -> np.ndarray:
    total = np.zeros((data.rows.shape[1],) * 2)
    rank = 0
    for column in y.T:
        order = np.argsort(column, kind="stable")
        share = np.cumsum(data.weights[order])
        inner = np.searchsorted(share, np.arange(1, num_slices) / num_slices - SHARE_ROUNDING)
        edges = np.unique(column[order][np.minimum(inner, len(order) - 1)])
        place = np.searchsorted(edges, column, side="left")  # equal values stay together
        weight = np.bincount(place, data.weights, minlength=len(edges) + 1)
        sums = np.zeros((len(weight), total.shape[0]))
        np.add.at(sums, place, data.weights[:, None] * data.rows)
        filled = weight > 0
        total += (sums[filled] / weight[filled, None]).T @ sums[filled]
        rank += int(filled.sum()) - 1
    return np.linalg.eigh(total)[1][:, ::-1][:, : min(rank, len(total))]


def _phd(data: _Whitened, y: np.ndarray, _: int) -> np.ndarray:
    weighted = data.weights[:, None] * data.rows
    residual = y - data.rows @ (weighted.T @ y)
    total = np.zeros((data.rows.shape[1],) * 2)
    for column in residual.T:
        hessian = data.rows.T @ (column[:, None] * weighted)
        total += hessian @ hessian  # ordered by the magnitude of the curvature
    return np.linalg.eigh(total)[1][:, ::-1]


def _scaled(directions: np.ndarray, x: np.ndarray, data: _Whitened) -> np.ndarray:
    """Directions whose projections vary as the features do; those that do not vary are dropped."""
    centred = (x - data.weights @ x) @ directions
    spread = np.sqrt(data.weights @ centred**2)
    typical = np.sqrt(np.mean(data.weights @ (x - data.weights @ x) ** 2))
    varied = spread > 0
    directions, spread = directions[:, varied], spread[varied]
    standard = directions * data.scale[:, None]
    largest = np.argmax(np.abs(standard), axis=0)
    sign = np.sign(standard[largest, np.arange(len(largest))])
    return directions * sign * typical / spread


def _fresh(x: np.ndarray, weights: Any, projection: np.ndarray) -> np.ndarray:
    """Which projections (q,) bool are neither a feature nor an earlier projection."""
    _, _, weights, _ = checked_data(x, np.zeros(len(x)), weights)
    joined = np.concatenate([x, x @ projection], axis=1)
    joined = joined - weights @ joined / weights.sum()
    size = np.sqrt(weights @ joined**2)
    joined = joined / np.where(size > 0, size, 1)
    correlation = np.abs((weights[:, None] * joined).T @ joined)
    kept = list(range(x.shape[1]))
    for j in range(x.shape[1], joined.shape[1]):
        if (correlation[j, kept] < SAME_CORRELATION).all():
            kept.append(j)
    return np.isin(np.arange(x.shape[1], joined.shape[1]), kept)


def _check_projection(projection: Any, num_features: int) -> None:
    shape = np.shape(projection)
    checks.check(
        len(shape) == 2 and shape[0] == num_features,
        f"directions must have shape ({num_features}, q), one row per column of x; got {shape}.",
    )
    checks.check_finite("directions", projection)
