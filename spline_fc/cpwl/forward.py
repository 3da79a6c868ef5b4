"""The forward pass: at each step the best reflected pair over all parents, features and knots.

The loop runs on the host, its steps are compiled. Each parent term has its own tables; an entering
column costs one pass over the data per parent, a new parent one pass per column in use.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from spline_fc.cpwl import candidates as tables
from spline_fc.cpwl import moments
from spline_fc.cpwl.knots import SearchSpace, allowed_knots


class Term(NamedTuple):
    """One basis function: factors (feature, sign, knot), whose minimum is taken."""

    factors: tuple[tuple[int, float, float], ...]

    @property
    def features(self) -> frozenset[int]:
        """Columns of x that the term reads."""
        return frozenset(feature for feature, _, _ in self.factors)


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


class _Data(NamedTuple):
    """Device arrays that every step reads."""

    x: jax.Array  # (n, d)
    weights: jax.Array  # (n,)
    knots: jax.Array  # (d, K), units of x
    gap: jax.Array  # (d, K) float64, distance to the next knot
    grouping: moments.Grouping  # of the d features


class _Parent(NamedTuple):
    """A term that may be multiplied out further, or no term at all (the constant)."""

    term: int  # -1 for the constant
    column: jax.Array  # (n,) float, or () infinity for the constant
    right: moments.Grouping | None  # of x - column
    left: moments.Grouping | None  # of x + column


class _Basis(NamedTuple):
    """The basis so far, as far as the tables of a new parent need it (not kept for degree 1)."""

    columns: jax.Array  # (M, n + 1) float, weighted raw columns
    raw: jax.Array  # (M, 2, d, K), <hinge of x, raw column>
    triangle: np.ndarray  # (M, M) float64, raw_i = sum_j triangle[i, j] q_j
    effects: np.ndarray  # (M, k) float64, <y, q_j>
    target: jax.Array  # (2, d, K, k), <hinge of x, y>


def _hinge_products(data: _Data, z: jax.Array) -> jax.Array:
    """<hinge of x, z> for both signs, (2, d, K)."""
    sums = moments.bin_sums(data.grouping, z, data.gap.shape[1])
    return jnp.stack([moments.right_hinges(sums, data.gap), moments.left_hinges(sums, data.gap)])


def _shifted_products(right, left, gap: jax.Array, z: jax.Array) -> jax.Array:
    """<relu(x - B - t), z> and <relu(t - x - B), z>: what the minimum with B takes away."""
    num_bins = gap.shape[1]
    return jnp.stack([
        moments.right_hinges(moments.bin_sums(right, z, num_bins), gap),
        moments.left_hinges(moments.bin_sums(left, z, num_bins), gap),
    ])  # fmt: skip


def _pair_columns(data: _Data, parent_column: jax.Array, choice: tables.Choice):
    """Weighted raw columns (n + 1,) of the first and the second hinge of a choice."""
    distance = data.x[:, choice.feature] - data.knots[choice.feature, choice.knot]
    sign = jnp.where(choice.flipped, -1, 1).astype(distance.dtype)
    first = jnp.minimum(jax.nn.relu(sign * distance), parent_column) * data.weights
    second = jnp.minimum(jax.nn.relu(-sign * distance), parent_column) * data.weights
    return moments.pad(first), moments.pad(second)


@partial(jax.jit, donate_argnames="candidates")
def _advance_constant(candidates, choice, parent_column, data: _Data, column, tolerance):
    """Lets a choice enter the tables of the constant parent; hands on what the others need."""
    columns = _pair_columns(data, parent_column, choice)
    first = _hinge_products(data, columns[0])
    second = jax.lax.cond(
        choice.paired, lambda: _hinge_products(data, columns[1]), lambda: jnp.zeros_like(first)
    )
    candidates = tables.advance(candidates, choice, (first, second), column)
    return candidates, tables.best_pair(candidates, tolerance), columns, (first, second)


@partial(jax.jit, donate_argnames="candidates")
def _advance_parent(candidates, choice, columns, hinges, right, left, gap, column, tolerance):
    """Lets a choice enter the tables of a parent term."""
    first = hinges[0] - _shifted_products(right, left, gap, columns[0])
    second = jax.lax.cond(
        choice.paired,
        lambda: hinges[1] - _shifted_products(right, left, gap, columns[1]),
        lambda: jnp.zeros_like(first),
    )
    candidates = tables.advance(candidates, choice, (first, second), column)
    return candidates, tables.best_pair(candidates, tolerance)


@partial(jax.jit, static_argnames="max_terms")
def _start_constant(data: _Data, y: jax.Array, allowed: jax.Array, tolerance, *, max_terms: int):
    """Tables of the constant parent once the intercept stands."""
    weights = moments.pad(data.weights)
    num_bins = data.gap.shape[1]
    ones = moments.bin_sums(data.grouping, weights, num_bins)
    squares = moments.bin_squares(data.grouping, weights, num_bins)
    norm = jnp.stack([moments.right_squares(ones, squares, data.gap),
                      moments.left_squares(ones, squares, data.gap)])  # fmt: skip
    intercept = jnp.stack([moments.right_hinges(ones, data.gap),
                           moments.left_hinges(ones, data.gap)])  # fmt: skip
    weighted = (y * data.weights[:, None]).T
    target = jax.lax.map(lambda z: _hinge_products(data, moments.pad(z)), weighted)
    target = jnp.moveaxis(target, 0, -1)
    wide = norm.dtype
    total = data.weights.sum(dtype=wide)
    raw = jnp.zeros((max_terms, *norm.shape), wide).at[0].set(intercept)
    triangle = jnp.eye(max_terms, dtype=wide).at[0, 0].set(jnp.sqrt(total))
    effects = jnp.zeros((max_terms, y.shape[1]), wide)
    effects = effects.at[0].set(weighted.sum(1, dtype=wide) / jnp.sqrt(total))
    candidates = tables.start(raw, effects, triangle, norm, target, allowed)
    return candidates, tables.best_pair(candidates, tolerance), target, intercept


@jax.jit
def _start_parent(data: _Data, y, parent_column, right, left, basis: _Basis, num_columns, allowed,
                  tolerance):  # fmt: skip
    """Tables of a new parent term against the basis so far."""
    shifted = jax.lax.fori_loop(
        0, num_columns,
        lambda j, out: out.at[j].set(_shifted_products(right, left, data.gap, basis.columns[j])),
        jnp.zeros_like(basis.raw),
    )  # fmt: skip
    weighted = (y * data.weights[:, None]).T
    target = jax.lax.map(
        lambda z: _shifted_products(right, left, data.gap, moments.pad(z)), weighted
    )
    target = basis.target - jnp.moveaxis(target, 0, -1)
    norm = _minimum_norms(data, parent_column, right, left)
    candidates = tables.start(basis.raw - shifted, basis.effects, basis.triangle, norm, target,
                              allowed)  # fmt: skip
    return candidates, tables.best_pair(candidates, tolerance)


def _minimum_norms(data: _Data, parent_column: jax.Array, right, left) -> jax.Array:
    """|min(B, hinge)|^2 for both signs, (2, d, K).

    min(B, h)^2 = h^2 - relu(h - B)^2 - 2 B relu(h - B), summed over the rows with B > 0 alone and
    in the wide type, because the first two nearly cancel where B is small.
    """
    num_bins = data.gap.shape[1]
    wide = data.gap.dtype
    active = moments.pad(jnp.where(parent_column > 0, data.weights, 0).astype(wide))
    scaled = moments.pad((parent_column * data.weights).astype(wide))

    def both(grouping, hinges, squares):
        sums = moments.bin_sums(grouping, active, num_bins)
        return (
            squares(sums, moments.bin_squares(grouping, active, num_bins), data.gap),
            2 * hinges(moments.bin_sums(grouping, scaled, num_bins), data.gap),
        )

    norms = []
    for shifted, hinges, squares in (
        (right, moments.right_hinges, moments.right_squares),
        (left, moments.left_hinges, moments.left_squares),
    ):
        plain, _ = both(data.grouping, hinges, squares)
        taken, twice = both(shifted, hinges, squares)
        norms.append(jnp.maximum(plain - taken - twice, 0))
    return jnp.stack(norms)


@jax.jit
def _active_counts(data: _Data, parent_column: jax.Array) -> jax.Array:
    """Weight of the rows with B > 0 in every bin, (d, K)."""
    active = jnp.where(parent_column > 0, data.weights, 0)
    return moments.bin_sums(data.grouping, moments.pad(active), data.gap.shape[1]).count


class _Search:
    """The forward pass under way: terms, parents with their tables, and the trace."""

    def __init__(self, x, y, weights, space: SearchSpace, limits: ForwardLimits):
        self.space, self.limits = space, limits
        self.x_host, self.y = np.asarray(x), y
        self.rows = moments.block_rows(x.shape[0], space.knots.shape[1])
        self.origin = space.knots[:, 0]
        self.edges = space.knots - self.origin[:, None]
        gap = np.diff(space.knots.astype(np.float64), axis=1, append=space.knots[:, -1:])
        grouping = self._grouped(self._centred)
        self.data = _Data(x, weights, jnp.asarray(space.knots), jnp.asarray(gap), grouping)
        self.terms: list[Term] = []
        self.parents = [_Parent(-1, jnp.asarray(jnp.inf, x.dtype), None, None)]
        everywhere = jnp.ones(x.shape[0], x.dtype)
        allowed = self._allowed(everywhere, frozenset())
        candidates, choice, target, intercept = _start_constant(
            self.data, y, allowed, limits.tolerance, max_terms=limits.max_terms
        )
        self.candidates, self.choices = [candidates], [choice]
        self.basis = self._first_basis(candidates, target, intercept)

    def _centred(self, feature: int) -> np.ndarray:
        return self.x_host[:, feature] - self.origin[feature]

    def _grouped(self, positions: Callable[[int], np.ndarray]) -> moments.Grouping:
        grouping = moments.group_rows(positions, self.edges, self.x_host.shape[0], self.rows)
        return jax.tree.map(jnp.asarray, grouping)

    def _allowed(self, parent_column, features: frozenset[int]) -> jax.Array:
        counts = np.asarray(_active_counts(self.data, parent_column))
        return jnp.asarray(allowed_knots(self.space, counts, features))

    def _first_basis(self, candidates, target, intercept) -> _Basis | None:
        if self.limits.max_degree == 1:
            return None
        columns = jnp.zeros((self.limits.max_terms, self.x_host.shape[0] + 1), self.data.x.dtype)
        columns = columns.at[0].set(moments.pad(self.data.weights))
        raw = jnp.zeros_like(candidates.projection).at[0].set(intercept)
        total = float(self.data.weights.sum(dtype=raw.dtype))
        triangle = np.eye(self.limits.max_terms)
        triangle[0, 0] = np.sqrt(total)
        effects = np.zeros((self.limits.max_terms, self.y.shape[1]))
        effects[0] = np.asarray((self.y * self.data.weights[:, None]).sum(0, dtype=raw.dtype))
        effects[0] /= triangle[0, 0]
        return _Basis(columns, raw, triangle, effects, target)

    def best(self) -> tuple[int, tables.Choice]:
        """The parent with the best pair, and that pair."""
        gains = [float(choice.gain) for choice in self.choices]
        parent = int(np.argmax(gains))
        return parent, self.choices[parent]

    def enter(self, parent: int, choice: tables.Choice) -> tuple[int, float]:
        """Adds the one or two terms of a choice; returns its feature and knot."""
        first_column = 1 + len(self.terms)
        feature, knot = int(choice.feature), int(choice.knot)
        position = float(self.space.knots[feature, knot])
        signs = (-1.0, 1.0) if bool(choice.flipped) else (1.0, -1.0)
        inherited = self.terms[self.parents[parent].term].factors if parent else ()
        entering = 2 if bool(choice.paired) else 1
        for sign in signs[:entering]:
            self.terms.append(Term((*inherited, (feature, sign, position))))
        tolerance = self.limits.tolerance
        parent_column = self.parents[parent].column
        self.candidates[0], self.choices[0], columns, hinges = _advance_constant(
            self.candidates[0], choice, parent_column, self.data, first_column, tolerance
        )
        for p, other in enumerate(self.parents[1:], start=1):
            self.candidates[p], self.choices[p] = _advance_parent(
                self.candidates[p], choice, columns, hinges, other.right, other.left,
                self.data.gap, first_column, tolerance,
            )  # fmt: skip
        if self.basis is not None:
            self._extend_basis(choice, columns, hinges, first_column, entering)
            if len(self.terms) + 1 < self.limits.max_terms:
                for offset in range(entering):
                    self._add_parent(first_column + offset)
        return feature, position

    def _extend_basis(self, choice, columns, hinges, first_column: int, entering: int) -> None:
        projection, norm = np.array(choice.projection), np.asarray(choice.norm)
        basis = self.basis
        for i in range(entering):
            j = first_column + i
            if i == 1:
                projection[1, first_column] = float(tables.second_on_first(choice))
            basis.triangle[j] = projection[i]
            basis.triangle[j, j] = norm[i]
            basis.effects[j] = np.asarray(choice.effect)[i]
            basis = basis._replace(
                columns=basis.columns.at[j].set(columns[i]), raw=basis.raw.at[j].set(hinges[i])
            )
        self.basis = basis

    def _add_parent(self, column: int) -> None:
        term = self.terms[column - 1]
        if len(term.factors) >= self.limits.max_degree:
            return
        value = jnp.full(self.x_host.shape[0], jnp.inf, self.data.x.dtype)
        for feature, sign, knot in term.factors:
            distance = self.data.x[:, feature] - jnp.asarray(knot, self.data.x.dtype)
            value = jnp.minimum(value, jax.nn.relu(sign * distance))
        allowed = self._allowed(value, term.features)
        if not bool(allowed.any()):
            return
        shift = np.asarray(value)
        right = self._grouped(lambda feature: self._centred(feature) - shift)
        left = self._grouped(lambda feature: self._centred(feature) + shift)
        candidates, choice = _start_parent(
            self.data, self.y, value, right, left, self.basis, 1 + len(self.terms), allowed,
            self.limits.tolerance,
        )  # fmt: skip
        self.parents.append(_Parent(column - 1, value, right, left))
        self.candidates.append(candidates)
        self.choices.append(choice)


def forward(
    x: jax.Array, y: jax.Array, weights: jax.Array, space: SearchSpace, limits: ForwardLimits,
    on_step: Callable[[int, float], None] | None = None,
) -> tuple[list[Term], ForwardTrace, str]:  # fmt: skip
    """Grows a basis greedily, one reflected pair at a time.

    Args:
      x: (n, d) float.
      y: (n, k) float, weighted mean removed.
      weights: (n,) float, >= 0.
      space: candidate knots with their constraints.
      limits: when to stop.
      on_step: called with (number of terms, share of variance explained) after every step.

    Returns:
      terms (intercept left out), trace, and a sentence that says why the pass ended.

    Reference:
      Friedman (1991), Multivariate Adaptive Regression Splines, Algorithm 2, with minima of hinges
      in place of products (Xu, Huang, Wang 2009).
    """
    wide = jnp.result_type(float)
    total = float((y.astype(wide) ** 2 * weights.astype(wide)[:, None]).sum())
    rss, steps = [total], []
    if total <= 0:
        return [], _trace(rss, [1], steps), "The target is constant: the intercept says it all."
    floor = total * limits.floor
    search, counts = _Search(x, y, weights, space, limits), [1]
    while True:
        num_terms = 1 + len(search.terms)
        reason = _why_stop(search, num_terms, rss[-1], total, floor)
        if reason:
            return search.terms, _trace(rss, counts, steps), reason
        parent, choice = search.best()
        if num_terms + 1 == limits.max_terms and bool(choice.paired):
            choice = _first_only(choice)
        gain = float(choice.gain)
        term = search.parents[parent].term
        steps.append((term, *search.enter(parent, choice)))
        rss.append(max(rss[-1] - gain, 0.0))
        counts.append(1 + len(search.terms))
        if on_step is not None:
            on_step(counts[-1], 1 - rss[-1] / total)


def _first_only(choice: tables.Choice) -> tables.Choice:
    """The choice without its second hinge, for the last free place."""
    return choice._replace(paired=jnp.zeros_like(choice.paired), gain=(choice.effect[0] ** 2).sum())


def _why_stop(search: _Search, num_terms: int, rss: float, total: float, floor: float) -> str:
    limits = search.limits
    if num_terms >= limits.max_terms:
        return f"Reached max_terms = {limits.max_terms}."
    if rss <= floor:
        return f"The residual reached rounding level after {num_terms} terms."
    gain = float(search.best()[1].gain)
    if not gain > 0:
        return f"No candidate is left outside the span of the {num_terms} terms found."
    if gain < limits.threshold * total:
        return (f"The best of the remaining candidates would explain {gain / total:.2g} of the "
                f"variance, less than threshold = {limits.threshold:g}.")  # fmt: skip
    return ""


def _trace(rss: list[float], counts: list[int], steps: list[tuple]) -> ForwardTrace:
    parent, feature, knot = zip(*steps, strict=True) if steps else ((), (), ())
    return ForwardTrace(np.array(rss), np.array(counts), np.array(parent, int),
                        np.array(feature, int), np.array(knot, float))  # fmt: skip
