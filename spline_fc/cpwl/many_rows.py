"""The forward pass on many rows: compiled steps, of which an additive fit takes many at a time.

Each parent term has its own tables, which are brought up to date when the parent is looked at: a
pass over the data for every few columns that have entered since, for a new parent for all there
are.
"""

import dataclasses
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from spline_fc.cpwl import candidates as tables
from spline_fc.cpwl import moments, steps
from spline_fc.cpwl.knots import SearchSpace, Spans
from spline_fc.cpwl.search import Limits, Parent, Search


@dataclasses.dataclass(kw_only=True)
class KnownParent(Parent):
    """A parent with its tables."""

    column: jax.Array  # (n,) float, infinite for the constant
    place: steps.Parent | None  # None for the constant, and where memory was short
    candidates: tables.Candidates
    choice: tables.Choice  # the best pair; of a new parent that whose term it is


class ManyRows(Search[KnownParent]):
    """The forward pass under way."""

    steps = steps.ON_ONE_DEVICE

    def __init__(
        self, features: jax.Array, y: jax.Array, weights: jax.Array, space: SearchSpace,
        limits: Limits,
    ) -> None:  # fmt: skip
        varies = space.knots[:, 0] < space.knots[:, -1]
        usable = space.usable & varies[:, None]
        self.spans = Spans(*map(np.float64, space.spans))
        linear = np.isin(np.arange(len(varies)), list(space.linear))
        everything = np.arange(len(varies), dtype=np.int32), np.zeros((), features.dtype)
        grouping = self.group(features, *everything, space.knots)
        self.data = self.steps.prepare(features, weights, space.knots, usable, grouping)
        candidates, choice, self.basis = self.steps.start_constant(
            self.data, y, varies, linear, self.spans, limits.tolerance,
            max_terms=limits.max_terms, alone=limits.max_degree == 1,
        )  # fmt: skip
        everywhere = jnp.full_like(weights, jnp.inf)
        made = dict(place=None, candidates=candidates, choice=choice)
        super().__init__(space, limits, KnownParent(term=-1, columns=1, column=everywhere, **made))

    def look(self, parents: Sequence[KnownParent], now: int) -> None:
        """Brings some parents up to date with `now` columns, and their heads in one transfer."""
        limits = self.limits
        for parent in parents:
            if parent.place is not None and parent.columns < now:
                parent.candidates, parent.choice = self.steps.catch_up(
                    parent.candidates, parent.place, self.data, self.basis, parent.columns, now,
                    limits.tolerance, max_terms=limits.max_terms,
                )  # fmt: skip
            parent.columns = now  # those of the constant are always up to date
        heads = tables.read_heads([parent.choice.head for parent in parents])
        for parent, head in zip(parents, heads, strict=True):
            parent.head = head

    def enter(self, parent: KnownParent, rss: float, total: float) -> list[tables.Head]:
        """Adds the terms of a parent's best pair, of an additive fit those of further steps too."""
        if self.limits.max_degree == 1:
            return self._enter_additive(rss, total)
        head, first = parent.head, 1 + len(self.terms)
        self.add_terms(parent, head)
        if 1 + len(self.terms) < self.limits.max_terms:  # else nobody looks at the tables again
            choice, values = parent.choice, self._advance(parent, first)
            for term in range(first - 1, len(self.terms)):
                self._add_parent(term, values[term - first + 1], choice)
        return [head]

    def _enter_additive(self, rss: float, total: float) -> list[tables.Head]:
        limits, constant = self.limits, self.parents[0]
        constant.candidates, constant.choice, heads, taken = self.steps.advance_additive(
            constant.candidates, constant.choice, self.data, 1 + len(self.terms), rss,
            limits.threshold * total, limits.floor * total, limits.tolerance,
            max_terms=limits.max_terms,
        )  # fmt: skip
        heads, taken, following = jax.device_get((heads, taken, constant.choice.head))
        *entered, constant.head = tables.read_heads([*heads[:taken], following])
        for head in entered:
            self.add_terms(constant, head)
        constant.columns = 1 + len(self.terms)
        return entered

    def _advance(self, parent: KnownParent, first: int) -> jax.Array:
        """Lets the best pair enter basis and tables of the constant; its columns (2, n)."""
        constant, limits = self.parents[0], self.limits
        constant.candidates, constant.choice, self.basis, values = self.steps.advance(
            constant.candidates, parent.choice, parent.column, self.data, self.basis, first,
            limits.tolerance, max_terms=limits.max_terms,
        )  # fmt: skip
        return values

    def _add_parent(self, number: int, value: jax.Array, choice: tables.Choice) -> None:
        joining = self.partners(number)
        if not len(joining):
            return
        candidates, place = self.steps.start_parent(
            self.data, self.basis, value, joining, self.spans, self.groupings(value, joining)
        )
        made = dict(place=place, candidates=candidates, choice=choice)
        self.parents.append(KnownParent(term=number, column=value, **made))

    def group(self, features: jax.Array, which: np.ndarray, shift, knots) -> moments.Grouping:
        """Rows by the bins of all columns."""
        self.placed = moments.place(features, which, shift, knots)
        return moments.group_rows(self.placed, knots.shape[1])

    def groupings(self, value: jax.Array, joining: np.ndarray) -> tuple:
        """Rows by x - value, x + value and, where leaving the others out is less work, x."""
        members = np.flatnonzero(np.asarray(value) > 0)
        few = 3 * len(members) < 2 * len(value)
        data, chosen = self.data, members if few else None
        placed = [
            moments.place(data.features, joining, shift, data.knots) for shift in (-value, value)
        ]
        if few:
            placed.append(self.placed.of(joining))
        num_bins = data.knots.shape[1]
        found = [moments.group_rows(each, num_bins, chosen) for each in placed]
        return tuple(found) if few else (*found, None)
