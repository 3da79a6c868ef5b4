"""The door for rows that stay on their devices, several or a GPU: they are checked there."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec

from spline_fc import checks
from spline_fc.arrays import numbers
from spline_fc.cpwl import inputs as host_inputs
from spline_fc.cpwl.chunked.inputs import ChunkedData, checked_chunks
from spline_fc.cpwl.inputs import (
    FEW_ROWS,
    CheckedData,
    computed_in,
    is_too_light,
    tell_scaled,
)
from spline_fc.data.chunks import Chunks
from spline_fc.sharding import Axes, Placement, fitted_on, over_rows, sample_rows

SAMPLE_ROWS = 1 << 16  # at most, from which directions are found


class ShardedData(NamedTuple):
    """Data that every part of the room may rely on; rows of weight 0 are there, and hold zeros."""

    x: jax.Array  # (n, d), float32 or float64
    y: jax.Array  # (n, k), float32 or float64
    weights: jax.Array  # (n,), >= 0
    dtype: np.dtype  # in which the search computes
    place: Placement  # of the rows
    num_rows: int  # that count
    weight: float  # sum of the weights
    is_even: bool  # all weights that are not 0 are equal

    def sample(self, most: int = SAMPLE_ROWS) -> CheckedData:
        """At most so many rows that count, evenly spread and in order, on the host; or all."""
        step = -(-self.num_rows // most)
        x, y, weights = sample_rows(self.place, step, self.x, self.y, self.weights)
        counts = weights > 0
        return CheckedData(x[counts], y[counts], weights[counts], self.dtype)

    def on_host(self) -> CheckedData:
        """All rows that count, of a single device."""
        return self.sample(len(self.x))


AnyData = CheckedData | ShardedData | ChunkedData


class _Seen(NamedTuple):
    """What a pass over an array says; rows of weight 0 do not count."""

    bad: jax.Array  # () int, numbers that are not finite
    first: jax.Array  # (2,) int, row and column of the first one
    value: jax.Array  # () float, it
    largest: jax.Array  # () float, of the magnitudes


def checked_rows(x: Any, y: Any, weights: Any, expected: Sequence[str] | None = None) -> AnyData:
    """Checks data wherever they lie: where x is divided by rows over devices, there.

    Arguments and errors as of `cpwl.inputs.checked_data`; of a source of chunks, which has its own
    y and weights, as of `chunked.inputs.checked_chunks`.
    """
    if isinstance(x, Chunks):
        for name, given in (("y", y), ("weights", weights)):
            checks.check(given is None, f"{name} must be None beside a source of chunks.")
        return checked_chunks(x)
    place = fitted_on(x, FEW_ROWS)
    if place is None:
        return host_inputs.checked_data(x, y, weights, expected)
    return checked_data(x, y, weights, place)


def checked_data(x: jax.Array, y: Any, weights: Any, place: Placement) -> ShardedData:
    """Checks data of which x lies, or will lie, on devices, and puts y and weights beside it.

    Args:
      x: (n, d), divided by rows. y: (n,) or (n, k). weights: (n,), >= 0, or None for ones.
      place: of the rows of x.

    Raises:
      ValueError: as `cpwl.inputs.checked_data`.
    """
    checks.check_rank("x", x, 2, "(n, d)")
    checks.check_not_empty("x", x)
    x, y = _floats("x", x, place), _floats("y", y, place)
    checks.check(y.ndim in (1, 2), f"y must have shape (n,) or (n, k); got {y.shape}.")
    checks.check_not_empty("y", y)
    checks.check_same_length("y", y, "x", x)
    weights = np.ones(len(x), x.dtype) if weights is None else weights
    weights = _floats("weights", weights, place)
    checks.check_rank("weights", weights, 1, "(n,)")
    checks.check_same_length("weights", weights, "x", x)
    with jax.enable_x64(True):
        y = y.reshape(len(y), -1)
        _check("weights", weights, jnp.ones_like(weights))
        lowest, least, largest, total, count = map(float, _measured(weights))
        checks.check(lowest >= 0, f"weights must not be negative; the smallest is {lowest}.")
        checks.check(largest > 0, "weights must not all be zero; got only zeros.")
        for name, array in (("x", x), ("y", y)):
            _check(name, array, weights)
        if is_too_light(total, int(count)):
            tell_scaled(total, int(count))
            weights = _times(weights, count / total)
            total = count
        if count < len(x):
            x, y = _zeroed(x, weights), _zeroed(y, weights)
    size = (int(count), total, least == largest)
    return ShardedData(x, y, weights, computed_in(x), place, *size)


def drawn_rows(key: jax.Array, data: ShardedData, share: float) -> ShardedData:
    """A share of the rows of every device, drawn without replacement, in their order."""
    place, rows = data.place, data.place.rows
    count = max(1, round(share * (len(data.x) // place.num_devices)))
    run = over_rows(_drawn, place, (PartitionSpec(), rows, rows, rows), rows)
    with jax.enable_x64(True):
        bits = np.asarray(jax.random.key_data(key))
        arrays = data.x, data.y, data.weights
        x, y, weights = run(bits, *arrays, count=count, axes=place.axes)
    return checked_data(x, y, weights, place)


def _drawn(bits: jax.Array, *parts: jax.Array, count: int, axes: Axes) -> list[jax.Array]:
    key = jax.random.fold_in(jax.random.wrap_key_data(bits), jax.lax.axis_index(tuple(axes)))
    chosen = jnp.sort(jax.random.permutation(key, len(parts[0]))[:count])
    return [part[chosen] for part in parts]


def _floats(name: str, array: Any, place: Placement) -> jax.Array:
    """Floats of 32 bits or more, divided as the rows of x are."""
    if not isinstance(array, jax.Array) or isinstance(array, jax.core.Tracer):
        array = numbers(name, array)
        checks.check(
            array.ndim > 0 and len(array) % place.num_devices == 0,
            f"{name} must have the rows of x, on {place.num_devices} devices; got {array.shape}.",
        )
    with jax.enable_x64(True):  # else NumPy's float64 would be narrowed before it is centred
        array = place.put(array)
    if jnp.issubdtype(array.dtype, jnp.floating) and array.dtype.itemsize >= 4:
        return array
    real = jnp.issubdtype(array.dtype, jnp.floating) or array.dtype.kind in "biu"
    checks.check(real, f"{name} must be an array of numbers; got {array.dtype} values.")
    return array.astype(np.float32)


@jax.jit
def _measured(weights: jax.Array):
    counts = weights > 0
    least = jnp.where(counts, weights, jnp.inf).min()
    return weights.min(), least, weights.max(), weights.sum(dtype=float), counts.sum()


@jax.jit
def _seen(array: jax.Array, weights: jax.Array) -> _Seen:
    array = array.reshape(len(array), -1)
    counted = jnp.where(weights[:, None] > 0, array, 0)
    bad = ~jnp.isfinite(counted)
    width = array.shape[1]
    place = jnp.arange(len(array), dtype=jnp.int64)[:, None] * width + jnp.arange(width)
    first = jnp.where(bad, place, jnp.iinfo(jnp.int64).max).min()
    value = jnp.where(place == first, counted, 0).sum()
    return _Seen(bad.sum(), jnp.stack([first // width, first % width]), value, abs(counted).max())


def _check(name: str, array: jax.Array, weights: jax.Array) -> None:
    """Raises ValueError unless the rows that count are finite, and their squares too."""
    seen = _seen(array, weights)
    if int(seen.bad):
        where = tuple(np.asarray(seen.first).tolist())[: array.ndim]
        raise ValueError(
            f"{name} must be finite; got {int(seen.bad)} non-finite value(s), the first "
            f"{float(seen.value)} at index {where}."
        )
    largest = float(seen.largest)
    checks.check(
        largest <= checks.LARGEST, f"{name} must be within {checks.LARGEST:g}; got {largest}."
    )


@jax.jit
def _zeroed(array: jax.Array, weights: jax.Array) -> jax.Array:
    return jnp.where(weights[:, None] > 0, array, 0)


@jax.jit
def _times(weights: jax.Array, factor: float) -> jax.Array:
    return weights * jnp.asarray(factor, weights.dtype)
