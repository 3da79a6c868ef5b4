"""The units of a fit, of columns whose rows lie on several devices; see `cpwl.scaling`."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from spline_fc.checks import check
from spline_fc.cpwl.knots import filled_up, given_knots
from spline_fc.cpwl.scaling import (
    FAR,
    SAMPLE_ROWS,
    Extent,
    ScaledColumns,
    looked_at,
    middle,
    nearly_alike,
    per_unit,
    units_of,
)
from spline_fc.cpwl.sharded import memory, order
from spline_fc.cpwl.sharded.inputs import ShardedData
from spline_fc.cpwl.terms import raw_columns
from spline_fc.sharding import Axes, over_rows

LAST = 1 - 1e-12  # share of a weight below which is all but the last row


class _Table(NamedTuple):
    """Columns of one dtype in the order of their values."""

    data: ShardedData
    ranked: order.Ranked
    dtype: np.dtype

    @property
    def weight(self) -> float:
        """Of all rows; where they count alike, their number."""
        return self.data.num_rows if self.data.is_even else self.data.weight

    def last(self, weight: float) -> float:
        """A share of so much weight that only the last value passes."""
        return weight - 1 if self.data.is_even else weight * LAST

    def one(self, v: int) -> "_Table":
        """A table of one column."""
        keys, below, axes = self.ranked
        below = None if below is None else below[v : v + 1]
        return self._replace(ranked=order.Ranked(keys[v : v + 1], below, axes))

    def at(self, share: Any, passed: Any = ()) -> order.Values:
        """Values of all columns at shares of their weight, some values passed over."""
        count = self.ranked.keys.shape[0]
        rows = (np.broadcast_to(np.asarray(a, t), (count, len(a))) for a, t in
                ((share, float), (passed, self.dtype)))  # fmt: skip
        return order.values_at(self.data.place, self.ranked, *rows)

    def distinct(self) -> np.ndarray | None:
        """Of a table of one column; None if they are many."""
        return order.distinct_values(self.data.place, self.ranked, self.dtype)


def scaled_columns(
    data: ShardedData, projection: np.ndarray, choices: Sequence, end_span: int,
    linear: frozenset[int], places: int,
) -> ScaledColumns:  # fmt: skip
    """Does what `cpwl.scaling.scaled_columns` does; the columns lie where the rows do.

    Candidates are the same on any number of devices, except of a column that repeats some of its
    values often and has more than `order.MOST_DISTINCT` on a device: the places that those leave
    free are then quantiles of the other rows, not of their distinct values.

    Raises:
      ValueError: knots="all" of a column with more than `order.MOST_DISTINCT` values on a device.
      MemoryError: the devices have less memory left than the search needs.
    """
    size = (len(data.x), places, data.y.shape[1], data.dtype)
    memory.check_memory(data.place, memory.search_bytes(data.place, *size))
    with jax.enable_x64(True):
        parts = [data.x.T, _projections(data.x, projection)][: 2 if projection.shape[1] else 1]
        found: list[tuple[Extent, np.ndarray, np.ndarray]] = []
        for part in parts:
            first = len(found)
            own = choices[first : first + len(part)]
            bends = [first + v not in linear for v in range(len(part))]
            found += _candidates(data, part, own, max(end_span, 1), bends)
        near, far = (np.array([e.reach(r) for e, *_ in found])[..., None] for r in (1.0, FAR))
        shift = np.array([middle(knots, extent) for extent, knots, _ in found])
        scale = _deviations(data, parts, [extent for extent, *_ in found], shift, near)
        units = (far[:, 0], far[:, 1], shift[:, None], per_unit(scale)[:, None])
        columns = _scaled(parts, units, dtype=data.dtype, places=places)
    looked = [
        looked_at(knots, usable, extent, *unit, data.dtype, data.x.dtype)
        for (extent, knots, usable), unit in zip(found, zip(shift, scale, strict=True), strict=True)
    ]
    table, usable = units_of(looked, places, data.dtype)
    lost = data.dtype != np.float64 and any(column.delicate for column in looked)
    if data.dtype != np.float64 and not lost:
        some = np.clip(raw_columns(data.sample(SAMPLE_ROWS).x, projection).T, *units[:2])
        lost = nearly_alike(((some - units[2]) * units[3]).astype(data.dtype))
    return ScaledColumns(columns, usable, table, lost)


@jax.jit
def _projections(x: jax.Array, projection: np.ndarray) -> jax.Array:
    """x projection in float64, by columns: (q, n)."""
    return jnp.matmul(projection.T, x.astype(float).T, precision=jax.lax.Precision.HIGHEST)


@partial(jax.jit, static_argnames=("dtype", "places"))
def _scaled(parts: list[jax.Array], units: tuple, *, dtype: np.dtype, places: int) -> jax.Array:
    """(places, n), what lies far pulled in, shifted and scaled; those behind the last are zero."""
    low, high, shift, factor = units
    z = jnp.concatenate([part.astype(float) for part in parts])
    scaled = ((jnp.clip(z, low, high) - shift) * factor).astype(dtype)
    return jnp.pad(scaled, ((0, places - len(scaled)), (0, 0)))


def _candidates(
    data: ShardedData, columns: jax.Array, choices: Sequence, end: int, bends: Sequence[bool]
) -> list[tuple[Extent, np.ndarray, np.ndarray]]:
    """Of every column where it lies, its candidate knots and which are usable."""
    ranked = order.ranked(data.place, columns, data.weights, data.is_even)
    table = _Table(data, ranked, np.dtype(columns.dtype))
    size = next((c for c in choices if isinstance(c, int)), 0)
    share = np.arange(size) * data.num_rows // max(size, 1)
    first = min(end, (data.num_rows - 1) // 2)
    ends = [first, data.num_rows - 1 - first]
    if not data.is_even:
        share, ends = np.arange(size) * table.weight / max(size, 1), [end, table.weight - end]
    values = table.at([*share, *ends])
    found = []
    for v, choice in enumerate(choices):
        low, high = values.at[v, size:]
        least, most = values.low[v], values.high[v]
        if low >= high:
            low, high = _inner(table.one(v), least, most)
        extent = Extent(float(low), float(high), float(least), float(most), bends[v])
        extent = extent.settled(data.x.dtype)
        if isinstance(choice, np.ndarray):
            found.append((extent, *given_knots(least, choice)))
            continue
        chosen = np.unique(values.at[v, :size])
        if len(chosen) < size or isinstance(choice, str):
            chosen = _filled_up(table.one(v), chosen, size)
        found.append((extent, chosen, np.ones(len(chosen), bool)))
    return found


def _filled_up(table: _Table, chosen: np.ndarray, size: int) -> np.ndarray:
    """The chosen values of a column and others in the free places; all values for a size of 0."""
    distinct = table.distinct()
    if distinct is not None:
        return filled_up(chosen, distinct, size) if size else distinct
    check(
        size > 0,
        f"knots must be a number where a column has more than {order.MOST_DISTINCT} values on one "
        'of several devices; got "all".',
    )
    left = table.weight - order.weights_of(table.data.place, table.ranked, chosen).sum()
    share = np.arange(size - len(chosen)) * left / (size - len(chosen))
    return np.union1d(chosen, table.at(np.floor(share), chosen).at[0])


def _inner(table: _Table, least: np.floating, most: np.floating) -> tuple[float, float]:
    """The second and the last but one of a column's values, its ends if there are no four."""
    distinct = table.distinct()
    if distinct is not None:
        inner = 1 if len(distinct) > 3 else 0
        return distinct[inner], distinct[-1 - inner]
    both = np.array([least, most])
    left = table.weight - order.weights_of(table.data.place, table.ranked, both).sum()
    low, high = table.at([0.0, table.last(left)], both).at[0]
    return low, high


def _deviations(
    data: ShardedData, parts: Sequence[jax.Array], extents: Sequence[Extent], shift, near
) -> np.ndarray:  # fmt: skip
    """Weighted standard deviations (D,), what is not near pulled in; 1 of constant columns."""
    ends = np.clip([[e.least, e.most] for e in extents], near[:, 0], near[:, 1])
    varies = ends[:, 0] < ends[:, 1]
    peak = np.where(varies, np.maximum(ends[:, 1] - shift, shift - ends[:, 0]), 1.0)
    place = data.place
    inputs = ((place.columns,) * len(parts), place.rows, *(jax.P(),) * 4)
    run = over_rows(_moments, place, inputs, jax.P())
    bounds = (near[:, 0], near[:, 1], shift[:, None], peak[:, None])
    first, second = run(tuple(parts), data.weights, *bounds, axes=place.axes)
    variance = np.asarray(second) - np.asarray(first) ** 2
    return np.where(varies, np.where(variance > 0, peak * np.sqrt(abs(variance)), peak), 1.0)


def _moments(parts, weights, low, high, shift, peak, *, axes: Axes):
    """Weighted means of (z - shift) / peak and of its square, (2, D)."""
    z = jnp.concatenate([part.astype(float) for part in parts])
    value = (jnp.clip(z, low, high) - shift) / peak
    weights = weights.astype(float)
    sums = jnp.stack([value @ weights, value**2 @ weights, jnp.full(len(z), weights.sum())])
    total = jax.lax.psum(sums, tuple(axes))
    return total[:2] / total[2]
