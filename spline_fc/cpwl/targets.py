"""Targets less their mean, in a unit in which neither they nor their squares overflow."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from spline_fc.checks import check
from spline_fc.cpwl.chunked.inputs import ChunkedData
from spline_fc.cpwl.sharded.inputs import AnyData, ShardedData

TINY = 1e-100  # the square of its rounding error is a normal number


class Targets(NamedTuple):
    """Targets less their mean, in units in which neither they nor their squares overflow."""

    centred: Any  # (n, k) float64, NumPy's or JAX's; None of chunks, which bring theirs along
    mean: np.ndarray  # (k,) float64
    unit: float  # a power of 2: nothing is rounded

    def as_stored(self, coef: np.ndarray, dtype: np.dtype) -> np.ndarray:
        """Coefficients (1 + m, k) of such targets, intercept first, as those of y in a dtype.

        Raises:
          ValueError: some have no place in the dtype.
        """
        stored = coef * self.unit
        stored[0] += self.mean
        steepest, most = float(np.abs(stored).max()), float(np.finfo(dtype).max)
        wanted = f"y must rise by less than {most:.2g} for 1 of x of {np.dtype(dtype)}"
        check(steepest < most, f"{wanted}; got a slope of {steepest:.2g}.")
        stored = stored.astype(dtype).astype(np.float64)
        stored[0] -= self.mean
        return stored / self.unit


def targets_of(data: AnyData) -> Targets:
    """The targets of some rows, which stay where they are.

    Raises:
      ValueError: coefficients of such targets have no place in the dtype of x, which is theirs.
    """
    found = _targets(data)
    limits, largest = np.finfo(data.x.dtype), max(found.unit, float(np.abs(found.mean).max()))
    least, most = float(limits.tiny), float(limits.max) / 4
    wanted = f"y must vary by {least:.2g} to {most:.2g} for x of {limits.dtype}"
    held = least <= found.unit and largest <= most
    check(held, f"{wanted}; got about {found.unit:.2g} around {found.mean.tolist()}.")
    return found


def in_unit(data: AnyData) -> tuple[AnyData, float]:
    """Rows with targets over a power of 2, which is 1 unless squares of theirs would underflow."""
    unit = targets_of(data).unit
    if unit > TINY or isinstance(data, ChunkedData):  # whose rows stand in files
        return data, 1.0
    if isinstance(data, ShardedData):
        with jax.enable_x64(True):
            return data._replace(y=data.y.astype(float) / unit), unit
    return data._replace(y=data.y.astype(float) / unit), unit


def _targets(data: AnyData) -> Targets:
    if isinstance(data, ChunkedData):
        return Targets(None, data.mean, data.unit)
    if isinstance(data, ShardedData):
        with jax.enable_x64(True):
            centred, mean = centred_targets(data.y, data.weights)
            unit = _unit(float(abs(centred).max()))
            return Targets(centred / unit, np.asarray(mean), unit)
    weights, y = data.weights.astype(float, copy=False), data.y.astype(float, copy=False)
    # From a value amid them: a far offset costs no digits, and a constant comes out as 0.
    start = np.clip(np.median(y, axis=0), y.min(axis=0), y.max(axis=0))
    rest = weights @ (y - start) / weights.sum()
    centred = y - start - rest
    unit = _unit(float(np.abs(centred).max()))
    return Targets(centred / unit, start + rest, unit)


def _unit(largest: float) -> float:
    return float(2 ** np.floor(np.log2(largest))) if largest > 0 else 1.0


@jax.jit
def centred_targets(y: jax.Array, weights: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Targets (n, k) less their mean, 0 in rows of weight 0, and the mean (k,); where y is."""
    y, weights = y.astype(float), weights.astype(float)
    counts = weights[:, None] > 0
    least, most = jnp.where(counts, y, jnp.inf).min(0), jnp.where(counts, y, -jnp.inf).max(0)
    start = jnp.clip(weights @ y / weights.sum(), least, most)
    rest = weights @ (y - start) / weights.sum()
    return jnp.where(counts, y - start - rest, 0), start + rest
