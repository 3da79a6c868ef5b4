"""The Spline record and its evaluation."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from spline_fc.checks import check, check_rank

HIGHEST = jax.lax.Precision.HIGHEST


class Spline(NamedTuple):
    """f(x) = intercept + sum_m coef[m] * min_r relu(sign[m, r] * (x[feature[m, r]] - knot[m, r])).

    Factors with sign 0 are absent; terms with coef 0 in every output are absent. A term all of
    whose factors are absent contributes nothing.
    """

    intercept: jax.Array  # (k,), float
    coef: jax.Array  # (m, k), float
    feature: jax.Array  # (m, R), int32, column of x
    sign: jax.Array  # (m, R), +1., -1., or 0. for an absent factor
    knot: jax.Array  # (m, R), float, units of the x it was fitted on


def basis(spline: Spline, x: jax.Array) -> jax.Array:
    """Evaluates every term of a spline, before its coefficients.

    Args:
      spline: (m terms, R factors); of its fields `feature`, `sign` and `knot` are read.
      x: (n, d), float.

    Returns:
      (n, m), the minimum over the present factors; 0 where a term has none.
    """
    hinge = jax.nn.relu(spline.sign * (x[:, spline.feature] - spline.knot))  # (n, m, R)
    present = spline.sign != 0
    value = jnp.min(jnp.where(present, hinge, jnp.inf), axis=-1, initial=jnp.inf)
    return jnp.where(present.any(axis=-1), value, 0).astype(hinge.dtype)


def evaluate(spline: Spline, x: jax.Array) -> jax.Array:
    """Evaluates a spline.

    Args:
      spline: a Spline with m terms of up to R factors and k outputs.
      x: (n, d), float, in the units the spline was fitted on.

    Returns:
      (n, k), in the common dtype of x and the spline.

    Raises:
      ValueError: x is not a matrix, or the spline asks for a column that x does not have.
    """
    x = jnp.asarray(x)
    check_rank("x", x, 2, "(n, d)")
    if spline.feature.size and not isinstance(spline.feature, jax.core.Tracer):
        # An index past the end would be clamped to the last column without a word.
        needed = int(np.max(np.asarray(spline.feature))) + 1
        check(
            x.shape[1] >= needed,
            f"x must have at least {needed} columns, as the spline reads column {needed - 1}; "
            f"got {x.shape[1]}.",
        )
    product = jnp.matmul(basis(spline, x), spline.coef, precision=jax.lax.Precision.HIGHEST)
    return spline.intercept + product
