"""The forward pass on rows that lie on several devices.

Every device groups its own rows by bin and takes the same steps as a single one does: the sums over
bins are summed over the devices, one all-reduce for the columns that enter together, and all that
follows from them is computed by every device for itself. No row leaves its device.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec

from spline_fc.cpwl import moments, steps
from spline_fc.cpwl.knots import SearchSpace
from spline_fc.cpwl.many_rows import ManyRows
from spline_fc.cpwl.moments import Grouping
from spline_fc.cpwl.search import Limits
from spline_fc.sharding import Axes, Placement, over_rows, placement_of

WHOLE: Any = PartitionSpec()


class ShardedSearch(ManyRows):
    """The forward pass under way."""

    def __init__(
        self, features: jax.Array, y: jax.Array, weights: jax.Array, space: SearchSpace,
        limits: Limits,
    ) -> None:  # fmt: skip
        place = placement_of(features, axis=1)
        assert place is not None
        self.place, self.steps = place, steps_over(place)
        super().__init__(features, y, weights, space, limits)

    def group(self, features: jax.Array, which: np.ndarray, shift, knots) -> Grouping:
        """Rows by the bins of some columns, shifted by a number or by one for each row."""
        inputs = (self.place.columns, WHOLE, self.place.rows if np.ndim(shift) else WHOLE, WHOLE)
        run = over_rows(_grouped, self.place, inputs, _grouping(self.place))
        return run(features, which, shift, knots, axes=self.place.axes)

    def groupings(self, value: jax.Array, joining: np.ndarray) -> tuple:
        """Rows by x - value and x + value."""
        data = self.data
        found = [self.group(data.features, joining, s, data.knots) for s in (-value, value)]
        return (*found, None)


def _grouping(place: Placement) -> Grouping:
    rows: Any = place.rows
    return Grouping(WHOLE, rows, rows, rows, rows, place.axes)


@functools.cache
def steps_over(place: Placement) -> steps.Steps:
    """The steps of a search, compiled for rows that lie on several devices."""
    rows: Any = place.rows
    columns: Any = place.columns
    grouping = _grouping(place)
    data = steps.Data(columns, rows, WHOLE, WHOLE, WHOLE, grouping)
    basis = steps.Basis(columns, columns, WHOLE, WHOLE, WHOLE, WHOLE)
    parent = steps.Parent(rows, grouping, grouping, None)
    several = (WHOLE,) * 5

    def over(function, inputs, outputs, donate=()):
        return over_rows(function, place, inputs, outputs, donate)

    own = steps.ON_ONE_DEVICE
    return steps.Steps(
        prepare=over(own.prepare, (columns, rows, WHOLE, WHOLE, grouping), data),
        start_constant=over(own.start_constant, (data, rows, *several[:4]), (WHOLE, WHOLE, basis)),
        start_parent=over(
            own.start_parent,
            (data, basis, rows, WHOLE, WHOLE, (grouping, grouping, None)),
            (WHOLE, parent),
        ),
        advance=over(
            own.advance,
            (WHOLE, WHOLE, rows, data, basis, WHOLE, WHOLE),
            (WHOLE, WHOLE, basis, columns),
            (0, 4),
        ),
        advance_additive=over(
            own.advance_additive, (WHOLE, WHOLE, data, *several), (WHOLE,) * 4, (0,)
        ),
        catch_up=over(
            own.catch_up, (WHOLE, parent, data, basis, *several[:3]), (WHOLE, WHOLE), (0,)
        ),
    )


def _grouped(features, which, shift, knots, *, axes: Axes) -> Grouping:
    """Does on a device, with its own rows, what `moments.group_rows` does on the host."""
    bins, offsets = moments.bins_and_offsets(features, which, shift, knots)
    (num_sets, num_rows), num_bins = bins.shape, knots.shape[1]
    rows, per_chunk, num_chunks = moments.block_layout(num_sets, num_rows, num_bins)
    per_set = -(-num_rows // rows) + num_bins

    def one(bins, offsets):
        bins = bins.astype(jnp.int32)
        ranked = jnp.argsort(bins, stable=True).astype(jnp.int32)
        count = jnp.bincount(bins, length=num_bins + 1).astype(jnp.int32)
        before, count = count[0], count[1:]  # below the first knot is no bin
        blocks = -(-count // rows)
        first = (jnp.cumsum(blocks) - blocks) * rows
        own = bins[ranked] - 1
        slot = jnp.arange(num_rows) - before + (first - jnp.cumsum(count) + count)[own]
        slot = jnp.where(own < 0, per_set * rows, slot)  # nowhere
        order = jnp.full(per_set * rows, num_rows, jnp.int32).at[slot].set(ranked, mode="drop")
        placed = jnp.zeros(per_set * rows, offsets.dtype).at[slot].set(offsets[ranked], mode="drop")
        owner = jnp.searchsorted(jnp.cumsum(blocks), jnp.arange(per_set), side="right")
        return order, placed, jnp.minimum(owner, num_bins - 1).astype(jnp.int32)

    order, offset, owner = jax.lax.map(lambda pair: one(*pair), (bins, offsets))
    owner = owner + num_bins * jnp.arange(num_sets, dtype=jnp.int32)[:, None]
    rest = num_chunks * per_chunk - num_sets * per_set
    order = jnp.pad(order.reshape(-1, rows), ((0, rest), (0, 0)), constant_values=num_rows)
    offset = jnp.pad(offset.reshape(-1, rows), ((0, rest), (0, 0)))
    shape = (num_chunks, per_chunk)
    return Grouping(
        which,
        order.reshape(*shape, rows),
        offset.reshape(*shape, rows),
        jnp.pad(owner.ravel(), (0, rest)).reshape(shape),
        jnp.full(1, num_chunks, jnp.int32),
        axes,
    )
