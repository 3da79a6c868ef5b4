"""Targets less their mean, in a unit in which neither they nor their squares overflow."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from spline_fc.cpwl.chunked.inputs import ChunkedData
from spline_fc.cpwl.sharded.inputs import AnyData, ShardedData


class Targets(NamedTuple):
    """Targets less their mean, in units in which neither they nor their squares overflow."""

    centred: Any  # (n, k) float64, NumPy's or JAX's; None of chunks, which bring theirs along
    mean: np.ndarray  # (k,) float64
    unit: float  # a power of 2: nothing is rounded


def targets_of(data: AnyData) -> Targets:
    """The targets of some rows, which stay where they are."""
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
