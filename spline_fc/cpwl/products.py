"""Cross products of terms and targets over the rows: compiled for many rows, in NumPy for few.

What the backward pass and the last least squares have to know of the rows are two things alone,
whatever computes them.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec

from spline_fc.cpwl.spline import Spline, basis
from spline_fc.sharding import HERE, ON_CPU, Axes, Placement, over_rows, summed


class Products(NamedTuple):
    """The rows, as far as p columns [1 B] (intercept and terms) and k targets y ask for them."""

    # change (p, p), None for none -> Z'WZ with Z = ([1 B] change | y) per fold,
    # (folds, p + k, p + k)
    squares: Callable[[np.ndarray | None], np.ndarray]
    # coefficients (p, k) -> [1 B]'W r (p, k) and r'W r, with r = y - [1 B] coef
    residuals: Callable[[np.ndarray], tuple[np.ndarray, float]]


def on_host(design: np.ndarray, y: np.ndarray, weights: np.ndarray, num_folds: int = 1) -> Products:
    """Products of a design that is there; all float64.

    Args:
      design: (n, p), [1 B]. y: (n, k). weights: (n,).
      num_folds: row i belongs to fold i modulo num_folds.
    """

    def squares(change: np.ndarray | None) -> np.ndarray:
        z = np.concatenate([design if change is None else design @ change, y], axis=1)
        weighted = z * weights[:, None]
        return np.stack([weighted[f::num_folds].T @ z[f::num_folds] for f in range(num_folds)])

    def residuals(coef: np.ndarray) -> tuple[np.ndarray, float]:
        residual = y - design @ coef
        weighted = residual * weights[:, None]
        return design.T @ weighted, float((residual * weighted).sum())

    return Products(squares, residuals)


def on_device(
    spline: Spline, num_terms: int, features, y, weights, place: Placement | None,
    num_folds: int = 1,
) -> Products:  # fmt: skip
    """Products by a compiled pass over chunks of rows, for which x64 has to be enabled.

    Args:
      spline: its terms are read, its coefficients are not; those from `num_terms` on are absent,
        and are there so that compiled code does not depend on how many terms were found.
      features: (d, n) float, x transposed. y: (n, k) float. weights: (n,) float.
      place: of the rows; None for those of the host.
      num_folds: row i belongs to fold i modulo num_folds; where rows have a place, those of weight
        0 are counted too.
    """
    num_rows = len(y) // (place.num_devices if place else 1)
    most = (place.sizes if place else ON_CPU).chunk
    chunk = -(-num_rows // -(-num_rows // most))  # such that the chunks overlap little
    by_folds = max(num_folds, chunk // num_folds * num_folds)
    p, width, rows = 1 + num_terms, 1 + len(spline.feature), (spline, features, y, weights)
    meant = np.r_[:p, width : width + y.shape[1]]

    def filled(table: np.ndarray, columns: int) -> np.ndarray:
        wide = np.zeros((width, columns))
        wide[: len(table), : table.shape[1]] = table
        return wide

    def squares(change: np.ndarray | None) -> np.ndarray:
        full = filled(np.eye(p) if change is None else change, width)
        run = _where_rows_are(_squares, place)
        found = np.asarray(run(*rows, full, num_folds=num_folds, chunk=by_folds))
        return found[:, meant[:, None], meant]

    def residuals(coef: np.ndarray) -> tuple[np.ndarray, float]:
        run = _where_rows_are(_residuals, place)
        products, rss = run(*rows, filled(coef, coef.shape[1]), chunk=chunk)
        return np.asarray(products)[:p], float(rss)

    return Products(squares, residuals)


def _where_rows_are(function: Callable, place: Placement | None) -> Callable:
    """A pass over the rows, compiled for one device or for those that share the rows."""
    if place is None:
        return partial(function, axes=HERE)
    whole = PartitionSpec()
    inputs = (whole, place.columns, place.rows, place.rows, whole)
    return partial(over_rows(function, place, inputs, whole), axes=place.axes)


def _row_chunk(i, chunk: int, spline: Spline, features, y, weights, wide):
    """First row, [1 B], y and weights of chunk i, in the wide type; the last overlaps that before.

    Rows that an earlier chunk had already get weight 0.
    """
    start = jnp.minimum(i * chunk, len(y) - chunk)
    x = jax.lax.dynamic_slice_in_dim(features, start, chunk, axis=1).T
    y, weights = (jax.lax.dynamic_slice_in_dim(a, start, chunk) for a in (y, weights))
    weights = jnp.where(start + jnp.arange(chunk) >= i * chunk, weights, 0)
    design = jnp.concatenate([jnp.ones((chunk, 1), x.dtype), basis(spline, x)], 1)
    return start, design.astype(wide), y.astype(wide), weights.astype(wide)[:, None]


@partial(jax.jit, static_argnames=("num_folds", "chunk", "axes"))
def _squares(
    spline: Spline, features, y, weights, change, *, num_folds: int, chunk: int, axes: Axes
):  # fmt: skip
    before = jax.lax.axis_index(tuple(axes)) * len(y) if axes else 0
    wide, columns = change.dtype, change.shape[0] + y.shape[1]

    def one(i, total):
        start, design, y_rows, weight = _row_chunk(i, chunk, spline, features, y, weights, wide)
        z = jnp.concatenate([design @ change, y_rows], 1)
        by_fold = (chunk // num_folds, num_folds, columns)
        product = jnp.einsum("ifa,ifb->fab", (z * weight).reshape(by_fold), z.reshape(by_fold))
        return total + jnp.roll(product, (before + start) % num_folds, axis=0)

    zero = jnp.zeros((num_folds, columns, columns), wide)
    return summed(jax.lax.fori_loop(0, -(-len(y) // chunk), one, zero), axes)


@partial(jax.jit, static_argnames=("chunk", "axes"))
def _residuals(spline: Spline, features, y, weights, coef, *, chunk: int, axes: Axes):
    wide = coef.dtype

    def one(i, carry):
        _, design, y_rows, weight = _row_chunk(i, chunk, spline, features, y, weights, wide)
        residual = y_rows - design @ coef
        weighted = residual * weight
        return carry[0] + design.T @ weighted, carry[1] + (residual * weighted).sum()

    zero = (jnp.zeros_like(coef), jnp.zeros((), wide))
    return summed(jax.lax.fori_loop(0, -(-len(y) // chunk), one, zero), axes)
