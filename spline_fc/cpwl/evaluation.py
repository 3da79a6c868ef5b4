"""Evaluation of a spline: in JAX, and in float64 NumPy."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spline_fc.arrays import columns
from spline_fc.checks import check, check_rank
from spline_fc.cpwl.inputs import chunks
from spline_fc.cpwl.spline import HIGHEST, Spline, basis, num_features, spline_of
from spline_fc.cpwl.terms import live_terms, raw_columns, term_values
from spline_fc.sharding import is_divided


def evaluate(fitted: Any, x: Any) -> jax.Array | np.ndarray:
    """Evaluates a spline.

    Of a JAX array, and under jit, grad and vmap, this is a JAX function. Of anything else (NumPy,
    lists, data frames, integers of any size) it is computed in float64 NumPy, so that values far
    from zero keep the digits by which they differ from the knots.

    Args:
      fitted: a Spline with m terms of up to R factors, d features and k outputs, or a FitResult,
        or what has one as its `fit`.
      x: (n, d), in the units the spline was fitted on; a data frame's columns are taken by name
        where the fit has names.

    Returns:
      (n, k), in the wider dtype of x and the spline; integers count as float64.

    Raises:
      ValueError: x is not a matrix of d columns of numbers, or lacks a column by name.
      TypeError: there is no spline.
    """
    spline, wanted = spline_of(fitted), num_features(spline_of(fitted))
    parts = (x, *spline)
    if isinstance(x, jax.Array) or any(isinstance(part, jax.core.Tracer) for part in parts):
        x = x if isinstance(x, jax.Array) else columns("x", x).values
        check_rank("x", x, 2, "(n, d)")
        _check_columns(x, wanted)
        spline, x = _of_one_dtype(spline, jnp.asarray(x))
        product = jnp.matmul(basis(spline, x), spline.coef, precision=HIGHEST)
        return spline.intercept + product
    names = getattr(getattr(fitted, "fit", fitted), "names", None)
    x = columns("x", x, None if names is None else names[:wanted]).values
    _check_columns(x, wanted)
    return evaluate_float64(spline, x).astype(np.promote_types(x.dtype, spline.coef.dtype))


def _check_columns(x: Any, wanted: int) -> None:
    check(
        x.shape[1] == wanted,
        f"x must have {wanted} columns, as the spline has features; got {x.shape[1]}.",
    )


def evaluate_float64(spline: Spline, x: np.ndarray) -> np.ndarray:
    """Evaluates a spline in NumPy: nothing is compiled, however many terms it has.

    Args:
      spline: of d features and k outputs.
      x: (n, d) numbers.

    Returns:
      (n, k) float64.
    """
    live, projection = live_terms(spline), np.asarray(spline.projection)
    found = np.empty((len(x), live.coef.shape[1]))
    for rows in chunks(len(x)):
        found[rows] = term_values(raw_columns(x[rows], projection), live.terms) @ live.coef
    return np.asarray(spline.intercept, np.float64) + found


def _of_one_dtype(spline: Spline, x: jax.Array) -> tuple[Spline, jax.Array]:
    # Beside rows on several devices, perhaps of several processes, no array of one device will do.
    on_several = is_divided(x) and not any(isinstance(a, jax.core.Tracer) for a in spline)
    spline = jax.tree.map(np.asarray if on_several else jnp.asarray, spline)
    dtype = spline.coef.dtype
    if jnp.issubdtype(x.dtype, jnp.floating):
        dtype = np.promote_types(dtype, x.dtype)
    arrays = {name: a.astype(dtype) for name, a in spline._asdict().items() if name != "feature"}
    return spline._replace(**arrays), x.astype(dtype)
