"""The forward pass: at each step the best reflected pair over all parents, features and knots.

The loop runs on the host, its steps are compiled; an additive fit takes many at a time. Each parent
term has its own tables, which are brought up to date when the parent is looked at: a pass over the
data for every few columns that have entered since, for a new parent for all there are.
"""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from spline_fc.cpwl import candidates as tables
from spline_fc.cpwl import moments, steps
from spline_fc.cpwl.knots import SearchSpace, partner_features
from spline_fc.cpwl.terms import Term
from spline_fc.printing import printed


@printed
class ForwardTrace(NamedTuple):
    """What the forward pass did; entry 0 is the intercept alone."""

    rss: np.ndarray  # (steps + 1,) float64, residual sum of squares as tracked by the tables
    num_terms: np.ndarray  # (steps + 1,) int, intercept included
    parent: np.ndarray  # (steps,) int, index of the parent term, -1 for none
    feature: np.ndarray  # (steps,) int
    knot: np.ndarray  # (steps,) float


class Stop(NamedTuple):
    """Why the forward pass ended."""

    reason: str  # a sentence
    starved: bool  # no candidate was left that adds anything to the terms


class ForwardLimits(NamedTuple):
    """When the forward pass stops."""

    max_terms: int
    max_degree: int
    threshold: float  # smallest gain of a step, as a share of the total sum of squares
    fast_k: int | None  # parents that are looked at at each step; None for all
    tolerance: float  # squared remainder, as a share of the norm, that counts as dependent
    floor: float  # residual sum of squares, as a share of the total, that is rounding


_UNSEEN = tables.Head(np.inf, -1, -1, False, False)  # who has not been looked at promises most


@dataclasses.dataclass
class _Known:
    """A term that may be multiplied out further, or no term at all (the constant), and its tables.

    Tables are brought up to date when they are looked at; what they said last is remembered.
    """

    term: int  # -1 for the constant
    column: jax.Array  # (n,) float, infinite for the constant
    parent: steps.Parent | None  # None for the constant
    candidates: tables.Candidates
    columns: int  # how many columns have entered the tables
    choice: tables.Choice  # the best pair; of a new parent that whose term it is
    head: tables.Head = _UNSEEN  # of the best pair when it was last looked at


class _Search:
    """The forward pass under way: terms, parents with their tables, and the trace."""

    def __init__(self, features, y, weights, space: SearchSpace, limits: ForwardLimits) -> None:
        self.space, self.limits = space, limits
        self.num_columns = int(space.spans.num_columns)
        varies = space.knots[:, 0] < space.knots[:, -1]
        usable = space.usable & varies[:, None]
        self.spans = jax.device_put(space.spans)
        linear = np.isin(np.arange(len(varies)), list(space.linear))
        self.many_rows = len(y) >= moments.MANY_ROWS
        grouping = None
        if self.many_rows:
            everything = np.arange(len(varies), dtype=np.int32), np.zeros((), features.dtype)
            self.placed = moments.place(features, *everything, space.knots)
            grouping = moments.group_rows(self.placed, space.knots.shape[1])
        self.data = steps.prepare(features, weights, space.knots, usable, grouping)
        candidates, choice, self.basis = steps.start_constant(
            self.data, y, varies, linear, self.spans, limits.tolerance,
            max_terms=limits.max_terms, alone=limits.max_degree == 1,
        )  # fmt: skip
        self.terms: list[Term] = []
        everywhere = jax.device_put(np.full(len(y), np.inf, features.dtype))
        self.parents = [_Known(-1, everywhere, None, candidates, 1, choice)]

    def best(self, fast_k: int | None) -> _Known:
        """The parent with the best pair, as far as it is looked for.

        What a parent gained when it was last looked at is taken for what it promises; those that
        promise most, `fast_k` of them (all if None), are brought up to date until they still do.
        """
        now, limits = 1 + len(self.terms), self.limits
        if now >= limits.max_terms:
            return self.parents[0]  # whatever it says, there is no room
        while True:
            ranked = sorted(self.parents, key=lambda p: -p.head.gain)
            promising = [p for p in ranked[:fast_k] if p.columns < now]
            asked = promising + [p for p in ranked if p.head is _UNSEEN and p not in promising]
            if not asked:
                least = (1 - tables.TIE) * ranked[0].head.gain
                equal = [p for p in ranked if p.columns == now and p.head.gain >= least]
                return min(equal, key=lambda p: p.term)
            for parent in asked:
                if parent.columns < now:
                    self._catch_up(parent, now)
            self._read(asked)

    def _read(self, parents: list[_Known]) -> None:
        heads = tables.read_heads([parent.choice.head for parent in parents])
        for parent, head in zip(parents, heads, strict=True):
            parent.head = head

    def _catch_up(self, parent: _Known, now: int) -> None:
        limits = self.limits
        parent.candidates, parent.choice = steps.catch_up(
            parent.candidates, parent.parent, self.data, self.basis, parent.columns, now,
            limits.tolerance, max_terms=limits.max_terms,
        )  # fmt: skip
        parent.columns = now

    def enter(self, parent: _Known, rss: float, total: float) -> list[tables.Head]:
        """Adds the terms of the best pair, of an additive fit those of some more steps too.

        Args:
          parent: whose pair it is.
          rss, total: residual sum of squares before, and with no term at all.

        Returns:
          What has been added, in order.
        """
        if self.limits.max_degree == 1:
            return self._enter_additive(rss, total)
        head, first = parent.head, 1 + len(self.terms)
        self._add_terms(parent, head)
        if 1 + len(self.terms) < self.limits.max_terms:  # else nobody looks at the tables again
            choice, values = parent.choice, self._advance(parent, first)
            for term in range(first - 1, len(self.terms)):
                self._add_parent(term, values[term - first + 1], choice)
        return [head]

    def _enter_additive(self, rss: float, total: float) -> list[tables.Head]:
        limits, constant = self.limits, self.parents[0]
        constant.candidates, constant.choice, heads, taken = steps.advance_additive(
            constant.candidates, constant.choice, self.data, 1 + len(self.terms), rss,
            limits.threshold * total, limits.floor * total, limits.tolerance,
            max_terms=limits.max_terms,
        )  # fmt: skip
        heads, taken, following = jax.device_get((heads, taken, constant.choice.head))
        *entered, constant.head = tables.read_heads([*heads[:taken], following])
        for head in entered:
            self._add_terms(constant, head)
        constant.columns = 1 + len(self.terms)
        return entered

    def _add_terms(self, parent: _Known, head: tables.Head) -> None:
        inherited = self.terms[parent.term].factors if parent.term >= 0 else ()
        for sign in ((-1.0, 1.0) if head.flipped else (1.0, -1.0))[: 1 + head.paired]:
            self.terms.append(Term((*inherited, (head.feature, sign, self.position(head)))))

    def position(self, head: tables.Head) -> float:
        """The knot of a pair, scaled."""
        return float(self.space.knots[head.feature, head.knot])

    def _advance(self, parent: _Known, first: int) -> jax.Array:
        """Lets the best pair enter basis and tables of the constant; its columns (2, n)."""
        constant, limits = self.parents[0], self.limits
        constant.candidates, constant.choice, self.basis, values = steps.advance(
            constant.candidates, parent.choice, parent.column, self.data, self.basis, first,
            limits.tolerance, max_terms=limits.max_terms,
        )  # fmt: skip
        constant.columns, constant.head = 1 + len(self.terms), _UNSEEN
        return values

    def _add_parent(self, number: int, value: jax.Array, choice: tables.Choice) -> None:
        term = self.terms[number]
        if len(term.factors) >= self.limits.max_degree:
            return
        joining = partner_features(self.space, term.features, self.num_columns)
        if not len(joining):
            return
        groupings = self._groupings(value, joining) if self.many_rows else None
        candidates, parent = steps.start_parent(
            self.data, self.basis, value, joining, self.spans, groupings
        )
        self.parents.append(_Known(number, value, parent, candidates, 0, choice))

    def _groupings(self, value: jax.Array, joining: np.ndarray) -> tuple:
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


def forward(
    features: jax.Array, y: jax.Array, weights: jax.Array, space: SearchSpace,
    limits: ForwardLimits,
    on_step: Callable[[int, float], None] | None = None,
) -> tuple[list[Term], ForwardTrace, Stop]:  # fmt: skip
    """Grows a basis greedily, one reflected pair at a time.

    Args:
      features: (d, n) float, scaled columns (see `scaling`).
      y: (n, k) float, weighted mean removed.
      weights: (n,) float, >= 0.
      space: candidate knots with their constraints.
      limits: when to stop.
      on_step: called with (number of terms, share of variance explained) for every step; those of
        an additive fit come in bursts.

    Returns:
      terms (intercept left out) and trace in scaled units, and why the pass ended.

    Reference:
      Friedman (1991), Multivariate Adaptive Regression Splines, Algorithm 2, with minima of hinges
      in place of products (Xu, Huang, Wang 2009).
    """
    total = float(np.asarray(weights, float) @ (np.asarray(y, float) ** 2).sum(1))
    rss, taken = [total], []
    if total <= 0:
        constant = Stop("The target is constant: the intercept says it all.", starved=False)
        return [], _trace(rss, [1], taken), constant
    search, counts = _Search(features, y, weights, space, limits), [1]
    while True:
        num_terms = 1 + len(search.terms)
        best = search.best(limits.fast_k)
        stop = _why_stop(limits, best.head.gain, num_terms, rss[-1], total)
        if stop:  # which must be true of all parents
            best = search.best(None)
            stop = _why_stop(limits, best.head.gain, num_terms, rss[-1], total)
        if stop:
            return search.terms, _trace(rss, counts, taken), stop
        for head in search.enter(best, rss[-1], total):
            taken.append((best.term, head.feature, search.position(head)))
            rss.append(max(rss[-1] - head.gain, 0.0))
            counts.append(counts[-1] + 1 + head.paired)
            if on_step is not None:
                on_step(counts[-1], 1 - rss[-1] / total)


def _why_stop(
    limits: ForwardLimits, gain: float, num_terms: int, rss: float, total: float
) -> Stop | None:
    starved = False
    if num_terms >= limits.max_terms:
        reason = f"Reached max_terms = {limits.max_terms}."
    elif rss <= total * limits.floor:
        reason = f"The residual reached rounding level after {num_terms} terms."
    elif not gain > 0:
        reason = f"No candidate is left outside the span of the {num_terms} terms found."
        starved = True
    elif gain < limits.threshold * total:
        reason = (f"The best of the remaining candidates would explain {gain / total:.2g} of the "
                  f"variance, less than threshold = {limits.threshold:g}.")  # fmt: skip
    else:
        return None
    return Stop(reason, starved)


def _trace(rss: list[float], counts: list[int], taken: list[tuple]) -> ForwardTrace:
    parent, feature, knot = zip(*taken, strict=True) if taken else ((), (), ())
    return ForwardTrace(np.array(rss), np.array(counts), np.array(parent, int),
                        np.array(feature, int), np.array(knot, float))  # fmt: skip
