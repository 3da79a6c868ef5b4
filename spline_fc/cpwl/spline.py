"""The Spline record and its terms as columns of values."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from spline_fc.printing import printed

HIGHEST = jax.lax.Precision.HIGHEST


@printed
class Spline(NamedTuple):
    """f(x) = intercept + sum_m coef[m] * min_r relu(slope[m, r] * (z[feature[m, r]] - knot[m, r])).

    z = [x, x projection]: hinges bend along features, and along directions that are columns of z
    after those of x. Factors with slope 0 are absent; terms with coef 0 in every output, or all of
    whose factors are absent, contribute nothing. A term of one factor has slope +1 or -1; in a
    minimum the slopes weigh the hinges against each other, whatever the units of the features.
    """

    intercept: jax.Array  # (k,), float
    coef: jax.Array  # (m, k), float
    feature: jax.Array  # (m, R), int32, column of z
    slope: jax.Array  # (m, R), float, 0 for an absent factor
    knot: jax.Array  # (m, R), float, units of z
    projection: jax.Array  # (d, q), float, directions; q may be 0


def num_features(spline: Spline) -> int:
    """The number of columns d of the x that a spline takes."""
    return spline.projection.shape[0]


def with_projections(x: jax.Array, projection: jax.Array) -> jax.Array:
    """Appends the projections of the rows to their features.

    Args:
      x: (n, d), float.
      projection: (d, q).

    Returns:
      (n, d + q), z = [x, x projection]; x itself if there are no directions.
    """
    if not projection.shape[1]:
        return x
    return jnp.concatenate([x, jnp.matmul(x, projection, precision=HIGHEST)], axis=1)


def basis(spline: Spline, x: jax.Array) -> jax.Array:
    """Evaluates every term of a spline, before its coefficients.

    Args:
      spline: (m terms, R factors); its intercept and coefficients are not read.
      x: (n, d), float.

    Returns:
      (n, m), the minimum over the present factors; 0 where a term has none.
    """
    z = with_projections(x, spline.projection)
    hinge = jax.nn.relu(spline.slope * (z[:, spline.feature] - spline.knot))  # (n, m, R)
    present = spline.slope != 0
    value = jnp.min(jnp.where(present, hinge, jnp.inf), axis=-1, initial=jnp.inf)
    return jnp.where(present.any(axis=-1), value, 0).astype(hinge.dtype)


def spline_of(fitted: Any) -> Spline:
    """The spline itself, of a Spline, of a FitResult, or of a record that holds one as its `fit`.

    Raises:
      TypeError: it is none of these.
    """
    spline = fitted
    for part in ("fit", "spline"):
        spline = getattr(spline, part, spline)
    if not isinstance(spline, Spline):
        raise TypeError(
            f"spline must be a Spline or a FitResult, or hold one; got {type(fitted).__name__}."
        )
    return spline
