"""The forward pass where the rows lie: on several devices, or on a GPU.

Every device groups its own rows by bin and takes the same steps as a single one does: the sums over
bins are summed over the devices, one all-reduce for the columns that enter together, and all that
follows from them is computed by every device for itself. No row leaves its device.
"""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec

from spline_fc.cpwl import candidates as tables
from spline_fc.cpwl import moments, steps
from spline_fc.cpwl.knots import SearchSpace
from spline_fc.cpwl.many_rows import KnownParent, ManyRows
from spline_fc.cpwl.moments import Grouping
from spline_fc.cpwl.search import Limits
from spline_fc.cpwl.sharded import memory
from spline_fc.sharding import Axes, Placement, Sizes, over_rows

WHOLE: Any = PartitionSpec()
LEAST_ROOM = 2  # parents whose groupings must fit into memory: a pair's


class ShardedSearch(ManyRows):
    """The forward pass under way."""

    def __init__(
        self, features: jax.Array, y: jax.Array, weights: jax.Array, space: SearchSpace,
        limits: Limits, place: Placement,
    ) -> None:  # fmt: skip
        self.place, self.steps = place, steps_over(place)
        super().__init__(features, y, weights, space, limits)
        one = memory.parent_bytes(place, len(y), len(features), features.dtype)
        if limits.max_degree > 1:
            memory.check_memory(place, LEAST_ROOM * one)
        # Parents whose groupings there is memory for.
        self.room = int(min(memory.free_bytes(place) / one, 1 + limits.max_terms))

    def look(self, parents: Sequence[KnownParent], now: int) -> None:
        """Brings some parents up to date; groupings that were let go of are made again."""
        if len(self.parents) <= self.room:
            return super().look(parents, now)
        for parent in parents:
            if parent.term >= 0 and parent.place is None:
                joining = np.asarray(parent.candidates.features)
                groupings = self.groupings(parent.column, joining)
                parent.place = steps.Parent(parent.column, *groupings)
            super().look([parent], now)
            self._let_go()

    def _add_parent(self, number: int, value: jax.Array, choice: tables.Choice) -> None:
        super()._add_parent(number, value, choice)
        self._let_go()

    def _let_go(self) -> None:
        """Forgets the groupings of those parents that have been looked at least lately."""
        held = [parent for parent in self.parents if parent.place is not None]
        for parent in sorted(held, key=lambda p: (p.columns, p.term))[: -self.room]:
            parent.place = None

    def group(self, features: jax.Array, which: np.ndarray, shift, knots) -> Grouping:
        """Rows by the bins of some columns, shifted by a number or by one for each row."""
        inputs = (self.place.columns, WHOLE, self.place.rows if np.ndim(shift) else WHOLE, WHOLE)
        run = over_rows(_grouped, self.place, inputs, _grouping(self.place))
        return run(features, which, shift, knots, axes=self.place.axes, sizes=self.place.sizes)

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
    """The steps of a search, compiled for the devices on which rows lie."""
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


def _grouped(features, which, shift, knots, *, axes: Axes, sizes: Sizes) -> Grouping:
    """Does on a device, with its own rows, what `moments.group_rows` does on the host."""
    bins, offsets = moments.bins_and_offsets(features, which, shift, knots)
    (num_sets, num_rows), num_bins = bins.shape, knots.shape[1]
    rows, per_chunk, num_chunks = moments.block_layout(num_sets, num_rows, num_bins, sizes)
    per_set = -(-num_rows // rows) + num_bins

    # A bin and a row in one number: sorting those is quicker than sorting rows by their bins.
    code = jnp.uint32 if (num_bins + 1) * num_rows < 1 << 32 else jnp.uint64

    def one(bins, offsets):
        rank = jnp.sort(bins.astype(code) * num_rows + jnp.arange(num_rows, dtype=code))
        edges = jnp.arange(num_bins + 2, dtype=code) * num_rows
        begin = jnp.searchsorted(rank, edges).astype(jnp.int32)[1:]  # below the first is no bin
        count = jnp.diff(begin)
        blocks = -(-count // rows)
        last = jnp.cumsum(blocks)
        number = jnp.arange(per_set, dtype=jnp.int32)
        owner = jnp.minimum(jnp.searchsorted(last, number, side="right"), num_bins - 1)
        within = ((number - (last - blocks)[owner]) * rows)[:, None] + jnp.arange(
            rows, dtype=jnp.int32
        )
        filled = within < count[owner][:, None]
        found = rank[jnp.where(filled, begin[owner][:, None] + within, 0)] % num_rows
        found = found.astype(jnp.int32)
        order = jnp.where(filled, found, num_rows)
        return order, jnp.where(filled, offsets[found], 0), owner.astype(jnp.int32)

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
