"""Directions along which a spline may bend: linear combinations of the features, found in data."""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from spline_fc import checks
from spline_fc.arrays import numbers
from spline_fc.cpwl.discriminants import (
    CLASS_DIRECTIONS,
    MOST_AXES,
    class_directions,
    find_classes,
    most_class_directions,
)
from spline_fc.cpwl.inputs import CheckedData, checked_data, chunks
from spline_fc.cpwl.sharded.inputs import AnyData

DIRECTIONS = ("ols", "pairs", "pca", "phd", "random", "sir", "spread")
RANK_TOLERANCE = 1e-8  # eigenvalues of the correlation matrix below are rounding
SHARE_ROUNDING = 1e-12  # sums of weights are not exact
SHARED_RIDGE = 1.0  # on the scatter of features in one unit, of their mean variance
SAME_CORRELATION = 0.999  # a projection this close to a feature or another one adds nothing


class Directions(NamedTuple):
    """Directions and what they are called."""

    projection: np.ndarray  # (d, q) float64
    names: tuple[str, ...]  # (q,), such as "sir 2"


class _Principal(NamedTuple):
    """Moments of the features, and the principal axes of the standardised ones."""

    mean: np.ndarray  # (d,)
    variance: np.ndarray  # (d,)
    scale: np.ndarray  # (d,), standard deviations, 1 for constant features; or one for all
    axes: np.ndarray  # (d, r), orthonormal, largest variance first
    values: np.ndarray  # (r,), their variances
    shrunk: np.ndarray  # (r,), the same drawn towards their mean


class _Whitened(NamedTuple):
    """Features in coordinates of unit covariance, were it the shrunken one."""

    rows: np.ndarray  # (n, r), the data, uncorrelated
    variance: np.ndarray  # (r,), of these; 1 where nothing was shrunk
    back: np.ndarray  # (d, r), directions of x from directions of the whitened coordinates
    weights: np.ndarray  # (n,), sum 1


def find_directions(
    directions: str | Sequence[str] | Any,
    data: AnyData,
    num_directions: int,
    num_slices: int,
    shared_scale: bool,
    key: jax.Array | int | None,
) -> Directions:
    """Resolves what `fit_mars` is given as directions.

    Args:
      directions: names out of DIRECTIONS, of which those that add nothing are left out, or a
        matrix (d, q), which is taken as it is.
      data: n rows of d features; of rows on several devices, names are found from a sample.
      num_directions, num_slices, shared_scale, key: as of `derive_directions`.

    Raises:
      ValueError: an unknown name, a matrix of another shape, no key for "random", more than 100
        classes.
    """
    if isinstance(directions, str):
        directions = (directions,)
    num_features = data.x.shape[1]
    if isinstance(directions, Sequence) and all(isinstance(name, str) for name in directions):
        _check_options(directions, num_directions, num_slices, shared_scale, key)
        if not directions:
            return Directions(np.zeros((num_features, 0)), ())
        data = data.sample()
        found = _derive(directions, data, num_directions, num_slices, shared_scale, key)
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


def most_directions(
    directions: Any, num_features: int, y: np.ndarray | jax.Array, each: int
) -> int:
    """How many directions `find_directions` may find at most; 0 for a matrix.

    Args:
      directions: as there.
      y: (n, k). each: directions per name, at most.
    """
    if isinstance(directions, str):
        directions = (directions,)
    most = {"ols": min(y.shape[1], num_features, each), "random": each}

    def of_name(name: str) -> int:
        if name in CLASS_DIRECTIONS:
            return most_class_directions(name, np.asarray(y), min(each, num_features))
        return most.get(name, min(each, num_features))

    return sum(of_name(name) for name in directions if isinstance(name, str))


def derive_directions(
    name: str,
    x: Any,
    y: Any,
    num_directions: int,
    *,
    num_slices: int = 10,
    shared_scale: bool = False,
    weights: Any = None,
    key: jax.Array | int | None = None,
) -> np.ndarray:
    """Finds directions in x, the most important first.

    All but "random" are the same for every scaling of the features, unless these share one unit.
    "ols", "sir" and "phd" count directions in units of the covariance, which few rows of many
    features do not tell: that of the standardised features is shrunk towards a multiple of the
    identity, by as much as Ledoit and Wolf (2004) find best, hardly at all where rows are many.
    "pairs" and "spread" have a ridge of their own and look along the 256 leading principal axes. Of
    features in one unit the ridge is larger by their mean variance: else axes that hardly vary, of
    which rows tell little, make up most of a direction, and a network that begins with it fits the
    noise of these rows.

      "ols": the least-squares fit of y; of several outputs, the directions of their fitted values
        in the order of variance. For y = g(x b) with elliptical x it is b, unless g is even
        (Brillinger 1983; Li and Duan 1989).
      "sir": sliced inverse regression (Li 1991): the principal axes of the means of x in slices of
        y. Sees several directions, but like "ols" no even g.
      "phd": principal Hessian directions of the residuals of "ols" (Li 1992): where y curves most
        on average. Sees even g, and needs more rows.
      "pairs": of targets that say which class a row is of, the linear discriminants of every two
        classes on the mean of their covariances (one against one), at most 120 of them, those of
        the classes that are hardest to tell apart.
      "spread": of such targets, for every class the `num_directions` axes along which it varies
        more or less than the classes do on average (Fukunaga and Koontz 1970): sees what "pairs"
        does not, and even bends.
      "pca": principal axes of the standardised features; y is not looked at.
      "random": standard normal in the standardised features.

    Args:
      name: one of these.
      x: (n, d), finite.
      y: (n,) or (n, k), finite; matrices of several outputs are added up. Its distinct rows are
        the classes of "pairs" and "spread".
      num_directions: how many are wanted; fewer come where the method has no more. Of "pairs" all
        come, of "spread" so many for each class.
      num_slices: of "sir", as far as the values of y can be told apart.
      shared_scale: features are not standardised one by one but taken in the unit that they share,
        as pixels do: those that hardly vary then hardly count in any direction.
      weights: (n,), >= 0.
      key: JAX key or seed, for "random".

    Returns:
      (d, q) float64. The projections of x vary as much as its features do on
      average (root mean square of their deviations); the largest entry of a standardised direction
      is positive.

    Raises:
      ValueError: an unknown name, no key for "random", more than 100 classes, or data that
        `fit_mars` would refuse.

    Reference:
      Li (1991), Sliced inverse regression for dimension reduction, JASA 86; Li (1992), On principal
      Hessian directions for data visualization and dimension reduction, JASA 87; Ledoit and Wolf
      (2004), A well-conditioned estimator for large-dimensional covariance matrices, Journal of
      Multivariate Analysis 88; Fukunaga and Koontz (1970), Application of the Karhunen-Loeve
      expansion to feature selection and ordering, IEEE Transactions on Computers 19.
    """
    rule = (num_directions, num_slices, shared_scale, key)
    _check_options([name], *rule)
    return _derive([name], checked_data(x, y, weights), *rule)[0]


def _check_options(names: Sequence[str], num_directions, num_slices, shared_scale, key) -> None:
    checks.check_boolean("shared_scale", shared_scale)
    for name in names:
        checks.check_one_of("directions", name, DIRECTIONS)
    checks.check_integer("num_directions", num_directions, 1)
    checks.check_integer("num_slices", num_slices, 2)
    checks.check(
        "random" not in names or key is not None, 'key must be given for "random"; got None.'
    )


def _derive(
    names: Sequence[str],
    data: CheckedData,
    num_directions: int,
    num_slices: int,
    shared_scale: bool,
    key: Any,
) -> list[np.ndarray]:
    """The directions (d, q) of every name."""
    found = _principal(data, shared_scale)
    leading = (found.axes / found.scale[:, None])[:, :MOST_AXES]
    ridge = SHARED_RIDGE if shared_scale else 0.0
    whitened = functools.cache(lambda: _whitened(data, found))
    classes = functools.cache(lambda: find_classes(data, found.mean, leading, ridge))

    def of_name(name: str) -> np.ndarray:
        if name == "pca":
            return found.axes[:, :num_directions] / found.scale[:, None]
        if name == "random":
            drawn = jax.random.normal(checks.as_key(key), (len(found.mean), num_directions))
            return np.array(drawn, np.float64) / found.scale[:, None]
        if name in CLASS_DIRECTIONS:
            return leading @ class_directions(name, classes(), num_directions)
        white, y = whitened()
        slopes = {"ols": _ols, "sir": _sir, "phd": _phd}[name](white, y, num_slices)
        return white.back @ slopes[:, :num_directions]

    return [_scaled(of_name(name), data, found) for name in names]


def _principal(data: CheckedData, shared_scale: bool) -> _Principal:
    """Moments of the features, a chunk of rows at a time."""
    share = _share(data)
    mean = _mean(data)
    variance = np.zeros(len(mean))
    for r in chunks(len(share)):
        variance += share[r] @ (_wide(data.x[r]) - mean) ** 2
    # Told by the range: the deviation of a constant column need not come out as zero.
    varies = np.ptp(data.x, axis=0) > 0
    scale = np.where(varies, np.sqrt(variance), 1.0)
    if shared_scale and varies.any():
        scale = np.full(len(mean), np.sqrt(variance[varies].mean()))
    products, fourth = np.zeros((len(mean), len(mean))), 0.0
    for r in chunks(len(share)):
        standard = np.where(varies, (_wide(data.x[r]) - mean) / scale, 0.0)
        products += (share[r, None] * standard).T @ standard
        fourth += float(share[r] @ (standard**2).sum(axis=1) ** 2)
    values, axes = np.linalg.eigh(products)
    values, axes = values[::-1], axes[:, ::-1]
    used = values > RANK_TOLERANCE * len(values)
    values, axes = values[used], axes[:, used]
    shrunk = _shrunk(values, fourth, int(varies.sum()), _wide(data.weights).sum())
    return _Principal(mean, variance, scale, axes, values, shrunk)


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


def _whitened(data: CheckedData, found: _Principal) -> tuple[_Whitened, np.ndarray]:
    """Features in coordinates of unit covariance, and centred targets."""
    y, share = data.y.astype(np.float64, copy=False), _share(data)
    back = found.axes / np.sqrt(found.shrunk) / found.scale[:, None]
    rows = np.concatenate([(_wide(data.x[r]) - found.mean) @ back for r in chunks(len(share))])
    white = _Whitened(rows, found.values / found.shrunk, back, share)
    return white, np.where(np.ptp(y, axis=0) > 0, y - share @ y, 0.0)


def _mean(data: CheckedData) -> np.ndarray:
    share, mean = _share(data), np.zeros(data.x.shape[1])
    for r in chunks(len(share)):
        mean += share[r] @ _wide(data.x[r])
    return mean


def _share(data: CheckedData) -> np.ndarray:
    """Weights (n,) that sum to 1."""
    weights = _wide(data.weights)
    return weights / weights.sum()


def _wide(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float64, copy=False)


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


def _scaled(directions: np.ndarray, data: CheckedData, found: _Principal) -> np.ndarray:
    """Directions whose projections vary as the features do; those that do not vary are dropped."""
    share = _share(data)
    variance = np.zeros(directions.shape[1])
    for r in chunks(len(share)):
        variance += share[r] @ ((_wide(data.x[r]) - found.mean) @ directions) ** 2
    spread = np.sqrt(variance)
    varied = spread > 0
    directions, spread = directions[:, varied], spread[varied]
    standard = directions * found.scale[:, None]
    largest = np.argmax(np.abs(standard), axis=0)
    sign = np.sign(standard[largest, np.arange(len(largest))])
    return directions * sign * np.sqrt(found.variance.mean()) / spread


def _fresh(data: CheckedData, projection: np.ndarray) -> list[int]:
    """Which projections are neither a feature nor an earlier projection."""
    share, (d, q) = _share(data), projection.shape
    mean = _mean(data)
    products, squares = np.zeros((q, d + q)), np.zeros(d + q)
    for r in chunks(len(share)):
        centred = _wide(data.x[r]) - mean
        z = np.concatenate([centred, centred @ projection], axis=1)
        weighted = share[r, None] * z
        products += weighted[:, d:].T @ z
        squares += (weighted * z).sum(0)
    size = np.sqrt(squares)
    size = np.where(size > 0, size, 1.0)
    alike = np.abs(products) / (size[d:, None] * size) >= SAME_CORRELATION
    kept = list(range(d))
    for j in range(q):
        if not alike[j, kept].any():
            kept.append(d + j)
    return [j - d for j in kept[d:]]
