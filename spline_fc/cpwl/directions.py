"""Directions along which a spline may bend: linear combinations of the features, found in data."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from spline_fc import checks
from spline_fc.arrays import numbers
from spline_fc.cpwl.inputs import CheckedData, checked_data

DIRECTIONS = ("ols", "pca", "phd", "random", "sir")
RANK_TOLERANCE = 1e-8  # eigenvalues of the correlation matrix below are rounding
SHARE_ROUNDING = 1e-12  # sums of weights are not exact
SAME_CORRELATION = 0.999  # a projection this close to a feature or another one adds nothing


class Directions(NamedTuple):
    """Directions and what they are called."""

    projection: np.ndarray  # (d, q) float64
    names: tuple[str, ...]  # (q,), such as "sir 2"


class _Whitened(NamedTuple):
    """Features in coordinates of unit covariance, were it the shrunken one."""

    rows: np.ndarray  # (n, r), the data, uncorrelated
    variance: np.ndarray  # (r,), of these; 1 where nothing was shrunk
    back: np.ndarray  # (d, r), directions of x from directions of the whitened coordinates
    scale: np.ndarray  # (d,), standard deviations, 1 for constant features
    axes: np.ndarray  # (d, r), principal axes of the standardised features, largest first
    weights: np.ndarray  # (n,), sum 1


def find_directions(
    directions: str | Sequence[str] | Any,
    data: CheckedData,
    num_directions: int,
    num_slices: int,
    key: jax.Array | int | None,
) -> Directions:
    """Resolves what `fit_mars` is given as directions.

    Args:
      directions: names out of DIRECTIONS, of which those that add nothing are left out, or a
        matrix (d, q), which is taken as it is.
      data: n rows of d features.
      num_directions, num_slices, key: as of `derive_directions`.

    Raises:
      ValueError: an unknown name, a matrix of another shape, no key for "random".
    """
    if isinstance(directions, str):
        directions = (directions,)
    num_features = data.x.shape[1]
    if isinstance(directions, Sequence) and all(isinstance(name, str) for name in directions):
        _check_options(directions, num_directions, num_slices, key)
        if not directions:
            return Directions(np.zeros((num_features, 0)), ())
        found = _derive(directions, data, num_directions, num_slices, key)
        counts = zip(directions, found, strict=True)
        names = [f"{name} {j + 1}" for name, each in counts for j in range(each.shape[1])]
        projection = np.concatenate(found, axis=1)
        fresh = _fresh(data, projection)
        return Directions(projection[:, fresh], tuple(names[j] for j in fresh))
    projection = numbers("directions", directions).astype(np.float64)
    shape = projection.shape
    checks.check(
        len(shape) == 2 and shape[0] == num_features,
        f"directions must have shape ({num_features}, q), one row per column of x; got {shape}.",
    )
    checks.check_finite("directions", projection)
    return Directions(projection, tuple(f"direction {j + 1}" for j in range(shape[1])))


def most_directions(directions: Any, num_features: int, num_outputs: int, each: int) -> int:
    """How many directions `find_directions` may find by these names at most; 0 for a matrix."""
    if isinstance(directions, str):
        directions = (directions,)
    most = {"ols": min(num_outputs, num_features), "random": each}
    names = [name for name in directions if isinstance(name, str)]
    return sum(min(each, most.get(name, num_features)) for name in names)


def derive_directions(
    name: str,
    x: Any,
    y: Any,
    num_directions: int,
    *,
    num_slices: int = 10,
    weights: Any = None,
    key: jax.Array | int | None = None,
) -> np.ndarray:
    """Finds directions in x, the most important first.

    All but "random" are the same for every scaling of the features. "ols", "sir" and "phd" count
    directions in units of the covariance, which few rows of many features do not tell: that of the
    standardised features is shrunk towards a multiple of the identity, by as much as Ledoit and
    Wolf (2004) find best, hardly at all where rows are many.

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
      key: JAX key or seed, for "random".

    Returns:
      (d, q) float64, q <= num_directions. The projections of x vary as much as its features do on
      average (root mean square of their deviations); the largest entry of a standardised direction
      is positive.

    Raises:
      ValueError: an unknown name, no key for "random", or data that `fit_mars` would refuse.

    Reference:
      Li (1991), Sliced inverse regression for dimension reduction, JASA 86; Li (1992), On principal
      Hessian directions for data visualization and dimension reduction, JASA 87; Ledoit and Wolf
      (2004), A well-conditioned estimator for large-dimensional covariance matrices, Journal of
      Multivariate Analysis 88.
    """
    _check_options([name], num_directions, num_slices, key)
    return _derive([name], checked_data(x, y, weights), num_directions, num_slices, key)[0]


def _check_options(names: Sequence[str], num_directions, num_slices, key) -> None:
    for name in names:
        checks.check_one_of("directions", name, DIRECTIONS)
    checks.check_integer("num_directions", num_directions, 1)
    checks.check_integer("num_slices", num_slices, 2)
    checks.check(
        "random" not in names or key is not None, 'key must be given for "random"; got None.'
    )


def _derive(
    names: Sequence[str], data: CheckedData, num_directions: int, num_slices: int, key: Any
) -> list[np.ndarray]:
    """The directions (d, q) of every name."""
    x, y, weights, _ = data.widened()
    white = _whiten(x, weights)
    y = np.where(np.ptp(y, axis=0) > 0, y - white.weights @ y, 0.0)

    def of_name(name: str) -> np.ndarray:
        if name == "pca":
            return white.axes / white.scale[:, None]
        if name == "random":
            found = jax.random.normal(checks.as_key(key), (x.shape[1], num_directions))
            return np.array(found, np.float64) / white.scale[:, None]
        return white.back @ {"ols": _ols, "sir": _sir, "phd": _phd}[name](white, y, num_slices)

    return [_scaled(of_name(name)[:, :num_directions], x, white) for name in names]


def _whiten(x: np.ndarray, weights: np.ndarray) -> _Whitened:
    count, weights = weights.sum(), weights / weights.sum()
    centred = x - weights @ x
    # Told by the range: the deviation of a constant column need not come out as zero.
    varies = np.ptp(x[weights > 0], axis=0) > 0
    scale = np.where(varies, np.sqrt(weights @ centred**2), 1.0)
    standard = np.where(varies, centred / scale, 0.0)
    values, axes = np.linalg.eigh((weights[:, None] * standard).T @ standard)
    values, axes = values[::-1], axes[:, ::-1]
    used = values > RANK_TOLERANCE * len(values)
    values, axes = values[used], axes[:, used]
    fourth = float(weights @ (standard**2).sum(axis=1) ** 2)
    shrunk = _shrunk(values, fourth, int(varies.sum()), count)
    whiten = axes / np.sqrt(shrunk)
    back = whiten / scale[:, None]
    return _Whitened(standard @ whiten, values / shrunk, back, scale, axes, weights)


def _shrunk(values: np.ndarray, fourth: float, num_features: int, count: float) -> np.ndarray:
    """Eigenvalues (r,) of a covariance of so many features, drawn towards their mean.

    Args:
      values: (r,), those that are not 0.
      fourth: mean over the rows of the squared sum of squares.
      count: the rows.
    """
    mean = values.sum() / max(num_features, 1)
    square = float((values**2).sum())
    spread = square - num_features * mean**2  # of the eigenvalues; all of it may be noise
    noise = (fourth - square) / count
    share = min(max(noise / spread, 0.0), 1.0) if spread > 0 else 1.0
    return (1 - share) * values + share * mean


def _ols(data: _Whitened, y: np.ndarray, _: int) -> np.ndarray:
    slopes = data.rows.T @ (data.weights[:, None] * y)  # (r, k)
    found = np.linalg.svd(slopes, full_matrices=False)
    return found.U[:, found.S > RANK_TOLERANCE * found.S.max(initial=0)]


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
    residual = y - data.rows @ (weighted.T @ y / data.variance[:, None])  # of least squares
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


def _fresh(data: CheckedData, projection: np.ndarray) -> list[int]:
    """Which projections are neither a feature nor an earlier projection."""
    x, _, weights, _ = data.widened()
    z = np.concatenate([x, x @ projection], axis=1)
    z -= weights @ z / weights.sum()
    size = np.sqrt(weights @ z**2)
    z /= np.where(size > 0, size, 1)
    correlation = np.abs((weights[:, None] * z).T @ z)
    kept = list(range(x.shape[1]))
    for j in range(x.shape[1], z.shape[1]):
        if (correlation[j, kept] < SAME_CORRELATION).all():
            kept.append(j)
    return [j - x.shape[1] for j in kept[x.shape[1] :]]
