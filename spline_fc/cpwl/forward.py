"""The forward pass: at each step the best reflected pair over all parents, features and knots.

The loop runs on the host, its steps are compiled; an additive fit takes many at a time. Each parent
term has its own tables; an entering column costs one pass over the data per parent, a new parent
one pass per column in use.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from spline_fc.cpwl import candidates as tables
from spline_fc.cpwl import moments, steps
from spline_fc.cpwl.knots import SearchSpace, allowed_knots, partner_features
from spline_fc.cpwl.terms import Term, term_values
from spline_fc.printing import printed


@printed
class ForwardTrace(NamedTuple):
    """What the forward pass did; entry 0 is the intercept alone."""

    rss: np.ndarray  # (steps + 1,) float64, residual sum of squares as tracked by the tables
    num_terms: np.ndarray  # (steps + 1,) int, intercept included
    parent: np.ndarray  # (steps,) int, index of the parent term, -1 for none
    feature: np.ndarray  # (steps,) int
    knot: np.ndarray  # (steps,) float


class ForwardLimits(NamedTuple):
    """When the forward pass stops."""

    max_terms: int
    max_degree: int
    threshold: float  # smallest gain of a step, as a share of the total sum of squares
    tolerance: float  # squared remainder, as a share of the norm, that counts as dependent
    floor: float  # residual sum of squares, as a share of the total, that is rounding


class _Parent(NamedTuple):
    """A term that may be multiplied out further, or no term at all (the constant)."""

    term: int  # -1 for the constant
    column: jax.Array  # (n,) float, infinite for the constant
    grouping: moments.Grouping | None  # of x, x - column and x + column, f features that may join
    whole: bool  # all rows are grouped, x itself left out; else those with column > 0


class _Search:
    """The forward pass under way: terms, parents with their tables, and the trace."""

    def __init__(self, features, y, weights, space: SearchSpace, limits: ForwardLimits) -> None:
        self.space, self.limits = space, limits
        self.x_host, self.y = np.asarray(features).T, y
        self.rows = moments.block_rows(self.x_host.shape[0], space.knots.shape[1])
        gap = np.diff(space.knots.astype(np.float64), axis=1, append=space.knots[:, -1:])
        capacity = len(gap) * moments.num_blocks(len(y), self.rows, gap.shape[1])
        grouping = moments.group_rows(self._column, space.knots, None, len(y), self.rows, capacity)
        self.data = steps.Data(
            features, weights, jax.device_put(space.knots), jax.device_put(gap), grouping
        )
        self.terms: list[Term] = []
        everywhere = np.full(len(y), np.inf, features.dtype)
        self.parents = [_Parent(-1, jax.device_put(everywhere), None, True)]
        allowed = self._allowed(everywhere, frozenset())
        candidates, choice, target, intercept = steps.start_constant(
            self.data, y, allowed, limits.tolerance, max_terms=limits.max_terms
        )
        self.candidates, self.choices = [candidates], [choice]
        self.basis = self._first_basis(candidates, target, intercept)

    def _column(self, feature: int) -> np.ndarray:
        return self.x_host[:, feature]

    def _grouped(self, value: np.ndarray, joining) -> tuple[moments.Grouping, bool]:
        """Rows by x, x - value and x + value; `whole` where leaving x out is the lesser work."""
        num_rows, num_bins = len(value), self.space.knots.shape[1]
        members = np.flatnonzero(value > 0)
        all_blocks, blocks = (
            moments.num_blocks(n, self.rows, num_bins) for n in (num_rows, len(members))
        )
        whole = 3 * blocks > 2 * all_blocks
        features = np.tile(joining, 2 if whole else 3)
        signs = np.repeat([-1, 1] if whole else [0, -1, 1], len(joining))
        value = value if whole else value[members]

        def positions(s: int) -> np.ndarray:
            column = self._column(features[s])
            return (column if whole else column[members]) + signs[s] * value

        grouping = moments.group_rows(
            positions, self.space.knots[features], None if whole else members, num_rows, self.rows,
            capacity=2 * len(joining) * all_blocks,
            first_set=len(joining) if whole else 0,  # no rows for x itself
        )  # fmt: skip
        return grouping, whole

    def _allowed(self, parent_column: np.ndarray, features: frozenset[int]) -> np.ndarray:
        counts = np.asarray(steps.active_counts(self.data, parent_column))
        return allowed_knots(self.space, counts, features)

    def _first_basis(self, candidates, target, intercept) -> steps.Basis | None:
        if self.limits.max_degree == 1:
            return None
        size, (num_rows, num_outputs) = self.limits.max_terms, self.y.shape
        weights = np.asarray(self.data.weights)
        columns = moments.aligned((num_outputs + size, num_rows + 1), weights.dtype)
        columns[:num_outputs, :-1] = weights * np.asarray(self.y).T
        columns[num_outputs, :-1] = weights
        columns[num_outputs + 1 :], columns[:, -1] = 0, 0
        raw = np.zeros(candidates.projection.shape)
        raw[0] = intercept
        triangle, effects = np.eye(size), np.zeros((size, num_outputs))
        triangle[0, 0] = np.sqrt(weights.sum(dtype=float))
        effects[0] = weights.astype(float) @ np.asarray(self.y) / triangle[0, 0]
        return steps.Basis(jax.device_put(columns), jax.device_put(raw), triangle, effects, target)

    def best(self) -> tuple[int, tables.Head]:
        """The parent with the best pair, and that pair."""
        heads = tables.read_heads([choice.head for choice in self.choices])
        parent = int(np.argmax([head.gain for head in heads]))
        return parent, heads[parent]

    def enter(self, parent: int, head: tables.Head, rss: float, total: float) -> list[tables.Head]:
        """Adds the terms of the best pair, of an additive fit those of some more steps too.

        Args:
          parent: whose pair it is.
          head: the pair.
          rss, total: residual sum of squares before, and with no term at all.

        Returns:
          What has been added, in order.
        """
        if self.basis is None:
            return self._enter_additive(rss, total)
        self._add_terms(parent, head)
        first_column = len(self.terms) - head.paired
        if 1 + len(self.terms) < self.limits.max_terms:  # else nobody looks at the tables again
            self._advance(parent, first_column)
            for offset in range(1 + head.paired):
                self._add_parent(first_column + offset)
        return [head]

    def _enter_additive(self, rss: float, total: float) -> list[tables.Head]:
        limits = self.limits
        self.candidates[0], self.choices[0], heads, taken = steps.advance_additive(
            self.candidates[0], self.choices[0], self.data, 1 + len(self.terms), rss,
            limits.threshold * total, limits.floor * total, limits.tolerance,
        )  # fmt: skip
        entered = tables.read_heads(heads)[: int(taken)]
        for head in entered:
            self._add_terms(0, head)
        return entered

    def _add_terms(self, parent: int, head: tables.Head) -> None:
        inherited = self.terms[self.parents[parent].term].factors if parent else ()
        for sign in ((-1.0, 1.0) if head.flipped else (1.0, -1.0))[: 1 + head.paired]:
            self.terms.append(Term((*inherited, (head.feature, sign, self.position(head)))))

    def position(self, head: tables.Head) -> float:
        """The knot of a pair, scaled."""
        return float(self.space.knots[head.feature, head.knot])

    def _advance(self, parent: int, first_column: int) -> None:
        """Lets the best pair enter the tables of all parents."""
        choice, tolerance = self.choices[parent], self.limits.tolerance
        self.candidates[0], self.choices[0], columns, hinges = steps.advance_constant(
            self.candidates[0], choice, self.parents[parent].column, self.data, first_column,
            tolerance,
        )  # fmt: skip
        for p, other in enumerate(self.parents[1:], start=1):
            self.candidates[p], self.choices[p] = steps.advance_parent(
                self.candidates[p], choice, columns, hinges, other.grouping, other.whole,
                self.data.gap, first_column, tolerance,
            )  # fmt: skip
        if self.basis is not None:
            self._extend_basis(self.basis, choice, columns, hinges, first_column)

    def _extend_basis(self, basis: steps.Basis, choice, columns, hinges, first_column: int) -> None:
        projection, norm, effect, paired = jax.device_get(
            (choice.projection, choice.norm, choice.effect, choice.paired)
        )
        for i in range(1 + bool(paired)):
            j = first_column + i
            basis.triangle[j] = projection[i]
            basis.triangle[j, j] = norm[i]
            basis.effects[j] = effect[i]
        if paired:
            second_on_first = -projection[0] @ projection[1] / norm[0]
            basis.triangle[first_column + 1, first_column] = second_on_first
        stored, raw = steps.remember(basis.columns, basis.raw, columns, hinges, first_column)
        self.basis = basis._replace(columns=stored, raw=raw)

    def _add_parent(self, column: int) -> None:
        term = self.terms[column - 1]
        if len(term.factors) >= self.limits.max_degree:
            return
        value = term_values(self.x_host, [term])[:, 0]
        allowed = self._allowed(value, term.features)
        if not allowed.any():
            return
        joining = partner_features(self.space, term.features, len(allowed))
        grouping, whole = self._grouped(value, joining)
        value = jax.device_put(value)
        candidates, choice = steps.start_parent(
            self.data, value, grouping, whole, self.basis, 1 + len(self.terms), allowed, joining,
            self.limits.tolerance,
        )  # fmt: skip
        self.parents.append(_Parent(column - 1, value, grouping, whole))
        self.candidates.append(candidates)
        self.choices.append(choice)


def forward(
    features: jax.Array, y: jax.Array, weights: jax.Array, space: SearchSpace,
    limits: ForwardLimits,
    on_step: Callable[[int, float], None] | None = None,
) -> tuple[list[Term], ForwardTrace, str]:  # fmt: skip
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
      terms (intercept left out) and trace in scaled units, and a sentence that says why the pass
      ended.

    Reference:
      Friedman (1991), Multivariate Adaptive Regression Splines, Algorithm 2, with minima of hinges
      in place of products (Xu, Huang, Wang 2009).
    """
    total = float(np.asarray(weights, float) @ (np.asarray(y, float) ** 2).sum(1))
    rss, taken = [total], []
    if total <= 0:
        return [], _trace(rss, [1], taken), "The target is constant: the intercept says it all."
    search, counts = _Search(features, y, weights, space, limits), [1]
    while True:
        num_terms = 1 + len(search.terms)
        parent, best = search.best()
        reason = _why_stop(limits, best.gain, num_terms, rss[-1], total)
        if reason:
            return search.terms, _trace(rss, counts, taken), reason
        term = search.parents[parent].term
        for head in search.enter(parent, best, rss[-1], total):
            taken.append((term, head.feature, search.position(head)))
            rss.append(max(rss[-1] - head.gain, 0.0))
            counts.append(counts[-1] + 1 + head.paired)
            if on_step is not None:
                on_step(counts[-1], 1 - rss[-1] / total)


def _why_stop(limits: ForwardLimits, gain: float, num_terms: int, rss: float, total: float) -> str:
    if num_terms >= limits.max_terms:
        return f"Reached max_terms = {limits.max_terms}."
    if rss <= total * limits.floor:
        return f"The residual reached rounding level after {num_terms} terms."
    if not gain > 0:
        return f"No candidate is left outside the span of the {num_terms} terms found."
    if gain < limits.threshold * total:
        return (f"The best of the remaining candidates would explain {gain / total:.2g} of the "
                f"variance, less than threshold = {limits.threshold:g}.")  # fmt: skip
    return ""


def _trace(rss: list[float], counts: list[int], taken: list[tuple]) -> ForwardTrace:
    parent, feature, knot = zip(*taken, strict=True) if taken else ((), (), ())
    return ForwardTrace(np.array(rss), np.array(counts), np.array(parent, int),
                        np.array(feature, int), np.array(knot, float))  # fmt: skip
