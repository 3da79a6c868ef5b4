"""Order statistics of columns whose rows lie on several devices, exact on any number of them.

Every device sorts its own rows once. The value at a share of the total weight is then found bit by
bit, from the highest: is the weight below this number still within the share? That is one binary
search per device and one all-reduce of counts per bit, 32 of them for float32, however many rows
there are. So candidate knots are the same on any number of devices, to the last bit.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec

from spline_fc.sharding import Axes, Placement, over_rows, summed

MOST_DISTINCT = 1024  # values of a column on one device that are listed one by one


class Ranked(NamedTuple):
    """Columns, sorted by every device for itself; rows that do not count are behind all others."""

    keys: jax.Array  # (D, n) unsigned, in the order of the values
    below: jax.Array | None  # (D, n + devices), weight of the rows before; None if rows are alike
    axes: Axes


class Values(NamedTuple):
    """What is known of columns at some shares; (D, Q) float of the columns' dtype."""

    at: np.ndarray  # the smallest value with more than that weight at or below it
    low: np.ndarray  # (D,)
    high: np.ndarray  # (D,)


def _key_type(dtype: np.dtype) -> np.dtype:
    return np.dtype(f"uint{8 * np.dtype(dtype).itemsize}")


def _last(dtype: np.dtype):
    """The key behind those of all numbers."""
    return ~_key_type(dtype).type(0)


def _as_keys(values):
    """Unsigned integers in the order of floats; of NumPy or JAX."""
    kind = _key_type(values.dtype)
    bits = values.view(kind)
    top = kind.type(1) << kind.type(8 * kind.itemsize - 1)
    return (jnp if isinstance(values, jax.Array) else np).where(bits & top, ~bits, bits | top)


def _as_values(keys: np.ndarray, dtype: np.dtype) -> np.ndarray:
    kind = keys.dtype
    top = kind.type(1) << kind.type(8 * kind.itemsize - 1)
    return np.where(keys & top, keys ^ top, ~keys).view(dtype)


def _specs(place: Placement, is_even: bool) -> Ranked:
    columns: Any = place.columns
    return Ranked(columns, None if is_even else columns, place.axes)


def ranked(place: Placement, columns: jax.Array, weights: jax.Array, is_even: bool) -> Ranked:
    """Sorts columns (D, n) on every device; weights (n,), of which those above 0 may be equal."""
    inputs = (place.columns, place.rows)
    run = over_rows(_ranked, place, inputs, _specs(place, is_even))
    return run(columns, weights, is_even=is_even, axes=place.axes)


def _ranked(columns, weights, *, is_even: bool, axes: Axes) -> Ranked:
    columns = jnp.where(columns == 0, 0, columns)  # a zero has no sign
    keys = jnp.where(weights > 0, _as_keys(columns), _last(columns.dtype))
    if is_even:
        return Ranked(jax.lax.map(partial(jax.lax.sort, is_stable=False), keys), None, axes)
    wide = weights.astype(float)
    keys, share = jax.lax.map(lambda own: jax.lax.sort((own, wide), num_keys=1), keys)
    return Ranked(keys, jnp.pad(jnp.cumsum(share, axis=1), ((0, 0), (1, 0))), axes)


def _weight_below(table: Ranked, trial: jax.Array) -> jax.Array:
    """(D, Q) float64, weight of all rows whose keys are below the trial (D, Q)."""
    count = jax.vmap(jnp.searchsorted)(table.keys, trial)
    if table.below is None:
        return summed(count.astype(float), table.axes)
    return summed(jnp.take_along_axis(table.below, count, 1), table.axes)


def values_at(place: Placement, table: Ranked, share: np.ndarray, passed: np.ndarray) -> Values:
    """Values at shares of the weight, of the number of rows where all count alike.

    Args:
      place: of the rows. table: of D columns.
      share: (D, Q), weights at or below which a value is passed over.
      passed: (D, P) values that are left out of all counts, distinct and in the columns' dtype.
    """
    inputs = (_specs(place, table.below is None), PartitionSpec(), PartitionSpec())
    run = over_rows(_values_at, place, inputs, PartitionSpec())
    found = run(table, share, _as_keys(np.ascontiguousarray(passed)))
    return Values(*(_as_values(np.asarray(part), passed.dtype) for part in found))


def _values_at(table: Ranked, share: jax.Array, passed: jax.Array):
    kind, axes = table.keys.dtype, tuple(table.axes)
    bits = 8 * kind.itemsize
    lost = _weights_of(table, passed)

    def below(trial):
        out = jnp.where(passed[:, None] < trial[..., None], lost[:, None], 0).sum(-1)
        return _weight_below(table, trial) - out

    def narrow(i, found):
        trial = found | (kind.type(1) << (bits - 1 - i).astype(kind))
        return jnp.where(below(trial) <= share, trial, found)

    found = jax.lax.fori_loop(0, bits, narrow, jnp.zeros(share.shape, kind))
    counts = table.keys < ~kind.type(0)
    low = jax.lax.pmin(table.keys[:, 0], axes)
    high = jax.lax.pmax(jnp.where(counts, table.keys, 0).max(1), axes)
    return jnp.clip(found, low[:, None], high[:, None]), low, high


def weights_of(place: Placement, table: Ranked, values: np.ndarray) -> np.ndarray:
    """Weights (P,) of the rows that have some values, in a table of one column."""
    inputs = (_specs(place, table.below is None), PartitionSpec())
    run = over_rows(_weights_of, place, inputs, PartitionSpec())
    return np.asarray(run(table, _as_keys(values)[None]))[0]


def _weights_of(table: Ranked, keys: jax.Array) -> jax.Array:
    after = _weight_below(table, keys + keys.dtype.type(1))
    return after - _weight_below(table, keys)


def distinct_values(place: Placement, table: Ranked, dtype: np.dtype) -> np.ndarray | None:
    """The distinct values of one column, ascending; None where a device has too many to list."""
    run = over_rows(_distinct, place, (_specs(place, table.below is None),), PartitionSpec())
    found, most = run(table)
    if int(most) > MOST_DISTINCT:
        return None
    keys = np.unique(np.asarray(found))
    return _as_values(keys[keys < _last(dtype)], dtype)


def _distinct(table: Ranked):
    keys, axes = table.keys[0], tuple(table.axes)
    none = _last(keys.dtype)
    first = jnp.concatenate([jnp.ones(1, bool), keys[1:] != keys[:-1]]) & (keys < none)
    (where,) = jnp.nonzero(first, size=MOST_DISTINCT, fill_value=len(keys))
    listed = keys.at[where].get(mode="fill", fill_value=none)
    return jax.lax.all_gather(listed, axes, tiled=True), jax.lax.pmax(first.sum(), axes)
