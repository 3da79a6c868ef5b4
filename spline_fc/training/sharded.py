"""Rows on several devices as training reads them: nothing leaves its device."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding

from spline_fc.arrays import numbers
from spline_fc.checks import check, check_finite
from spline_fc.sharding import Placement, laid_out
from spline_fc.training.steps import Batch, Evaluation


class SharedPart(NamedTuple):
    """A part of the data, divided by rows over devices; padded with rows of weight 0."""

    x: jax.Array  # (n, d)
    y: jax.Array  # (n, k)
    weight: jax.Array | None  # (n,); None where all rows count alike


def shared_parts(place: Placement, parts: Sequence[Any], weights: Any) -> list[SharedPart]:
    """Divides the parts as the training rows are, of which weights (n,) may be given, or None.

    Raises:
      ValueError: weights of another shape, not finite, negative or all 0.
    """
    train, *others = parts
    return [_train(place, train, weights), *(_padded(place, part) for part in others)]


def _train(place: Placement, part: Any, weights: Any) -> SharedPart:
    x, y = place.put(part.x), place.put(part.y)
    if weights is None:
        return SharedPart(x, y, None)
    weights = weights if isinstance(weights, jax.Array) else numbers("weights", weights)
    wanted = x.shape[:1]
    check(
        weights.shape == wanted,
        f"weights must have shape {wanted}, one per training row; got {weights.shape}.",
    )
    weights = place.put(weights)
    least, total = float(weights.min()), float(weights.sum())
    if not np.isfinite(total):
        check_finite("weights", weights)
    check(least >= 0, f"weights must not be negative; got {least:g}.")
    check(total > 0, "weights must not all be 0; got no other.")
    # What stands in a row of weight 0 has no influence.
    x, y = (jnp.where(weights[:, None] > 0, a, 0) for a in (x, y))
    return SharedPart(x, y, weights * (len(weights) / total))


def _padded(place: Placement, part: Any) -> SharedPart:
    if not len(part.x):
        return SharedPart(part.x, part.y, None)
    more = -len(part.x) % place.num_devices
    if not more:
        return SharedPart(place.put(part.x), place.put(part.y), None)
    count = np.concatenate([np.ones(len(part.x), np.float32), np.zeros(more, np.float32)])
    x, y = (np.pad(np.asarray(a), ((0, more), (0, 0))) for a in (part.x, part.y))
    return SharedPart(place.put(x), place.put(y), place.put(count))


def shared_data(
    place: Placement, parts: Sequence[SharedPart], dtype: Any, most: int
) -> tuple[Batch, Evaluation]:
    """What a replica trains on and the blocks by which it is evaluated, of one dtype.

    Args:
      place: of the rows.
      parts: training, validation and test part.
      dtype: of the computation.
      most: rows of a block on one device, at most.
    """
    count = place.num_devices
    own = min(most, max(len(part.x) // count for part in parts))
    pieces = [_blocks(place, part, own, dtype) for part in parts]
    numbers = np.concatenate([np.full(len(p[0]), i, np.int32) for i, p in enumerate(pieces)])
    x_blocks, y_blocks, share = (jnp.concatenate(arrays) for arrays in zip(*pieces, strict=True))
    x, y, weight = parts[0]
    train = (x, y) if weight is None else (x, y, weight[:, None])
    return tuple(a.astype(dtype) for a in train), Evaluation(
        x_blocks, y_blocks, share, place.copy(numbers)
    )


def _blocks(place: Placement, part: SharedPart, own: int, dtype: Any) -> list[jax.Array]:
    """Arrays (blocks, rows, ...) whose second axis is divided; weights of all rows sum to 1."""
    count = place.num_devices
    if not len(part.x):
        empty = ((1, own * count, a.shape[1]) for a in (part.x, part.y))
        filled = [np.zeros(shape, dtype) for shape in empty]
        filled.append(np.full((1, own * count), np.nan, dtype))
        return [laid_out(a, NamedSharding(place.mesh, place.columns)) for a in filled]
    weight = jnp.ones_like(part.x[:, 0]) if part.weight is None else part.weight
    arrays = (part.x.astype(dtype), part.y.astype(dtype), (weight / weight.sum()).astype(dtype))
    rows = len(weight) // count
    blocks = -(-rows // own)

    def cut(array: jax.Array) -> jax.Array:
        each = array.reshape(count, rows, *array.shape[1:])
        padding = [(0, 0)] * each.ndim
        padding[1] = (0, blocks * own - rows)
        each = jnp.pad(each, padding).reshape(count, blocks, own, *array.shape[1:])
        return jnp.moveaxis(each, 0, 1).reshape(blocks, count * own, *array.shape[1:])

    divided = NamedSharding(place.mesh, place.columns)
    return [jax.jit(cut, out_shardings=divided)(array) for array in arrays]
