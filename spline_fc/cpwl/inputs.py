"""Data for the parts of the room that work in NumPy."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spline_fc import checks


def checked_data(x: Any, y: Any, weights: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, Any]:
    """Checks data and widens them to float64.

    Args:
      x: (n, d), finite. y: (n,) or (n, k), finite. weights: (n,), >= 0, or None for ones.

    Returns:
      x (n, d), y (n, k) and weights (n,) in float64, and the dtype that JAX would give x as floats.

    Raises:
      ValueError: wrong rank, no rows, lengths that differ, non-finite values, negative or all-zero
        weights.
    """
    x, y = np.asarray(x), np.asarray(y)
    checks.check_rank("x", x, 2, "(n, d)")
    checks.check(y.ndim in (1, 2), f"y must have shape (n,) or (n, k); got {y.shape}.")
    checks.check_not_empty("x", x)
    checks.check_not_empty("y", y)
    checks.check_same_length("y", y, "x", x)
    dtype = jnp.promote_types(jax.dtypes.canonicalize_dtype(x.dtype), jnp.float32)
    x, y = x.astype(np.float64), y.reshape(len(y), -1).astype(np.float64)
    weights = np.ones(len(x)) if weights is None else np.asarray(weights, np.float64)
    checks.check_rank("weights", weights, 1, "(n,)")
    checks.check_same_length("weights", weights, "x", x)
    for name, array in (("x", x), ("y", y), ("weights", weights)):
        checks.check_finite(name, array)
    lowest = weights.min()
    checks.check(lowest >= 0, f"weights must not be negative; the smallest is {lowest}.")
    checks.check(weights.max() > 0, "weights must not all be zero; got only zeros.")
    return x, y, weights, dtype
