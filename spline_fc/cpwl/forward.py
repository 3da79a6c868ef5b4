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
from spline_fc.cpwl.knots import SearchSpace, allowed_knots, partner_features


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

    features: jax.Array  # (d, n), x transposed: contiguous columns
    weights: jax.Array  # (n,)
    knots: jax.Array  # (d, K), units of x
    gap: jax.Array  # (d, K) float64, distance to the next knot
    grouping: moments.Grouping  # of the d features


class _Parent(NamedTuple):
    """A term that may be multiplied out further, or no term at all (the constant)."""

    term: int  # -1 for the constant
    column: jax.Array  # (n,) float, or () infinity for the constant
    right: moments.Grouping | None  # of x - column, for the features that may join
    left: moments.Grouping | None  # of x + column, for the same


class _Basis(NamedTuple):
    """The basis so far, as far as the tables of a new parent need it (not kept for degree 1)."""

    columns: jax.Array  # (k + M, n + 1) float, weighted targets and raw columns, the last place 0
    raw: jax.Array  # (M, 2, d, K), <hinge of x, raw column>
    triangle: np.ndarray  # (M, M) float64, raw_i = sum_j triangle[i, j] q_j
    effects: np.ndarray  # (M, k) float64, <y, q_j>
    target: jax.Array  # (2, d, K, k), <hinge of x, y>


def _hinge_products(data: _Data, columns: jax.Array, count=None) -> jax.Array:
    """<hinge of x, z> for both signs and the first `count` columns z, (c, 2, d, K)."""
    sums = moments.bin_sums(data.grouping, columns, data.gap.shape[1], count)
    return moments.hinges(sums, sums, data.gap)


def _shifted_products(right, left, gap: jax.Array, columns: jax.Array, count=None) -> jax.Array:
    """<relu(x - B - t), z> and <relu(t - x - B), z>: what the minimum with B takes away."""
    num_bins = gap.shape[1]
    sums = [moments.bin_sums(grouping, columns, num_bins, count) for grouping in (right, left)]
    return moments.hinges(*sums, gap)


def _pair_columns(data: _Data, parent_column: jax.Array, choice: tables.Choice) -> jax.Array:
    """Weighted raw columns of the first and, if there is one, the second hinge, (2, n + 1)."""
    distance = data.features[choice.feature] - data.knots[choice.feature, choice.knot]

    def put(i, columns):
        hinge = jax.nn.relu(jnp.where(choice.flipped == (i == 1), distance, -distance))
        return columns.at[i, :-1].set(jnp.minimum(hinge, parent_column) * data.weights)

    nothing = jnp.zeros((2, len(distance) + 1), distance.dtype)
    return jax.lax.fori_loop(0, 1 + choice.paired, put, nothing)


@partial(jax.jit, donate_argnames="candidates")
def _advance_constant(candidates, choice, parent_column, data: _Data, column, tolerance):
    """Lets a choice enter the tables of the constant parent; hands on what the others need."""
    columns = _pair_columns(data, parent_column, choice)
    products = _hinge_products(data, columns, 1 + choice.paired)
    candidates = tables.advance(candidates, choice, products, column)
    return candidates, tables.best_pair(candidates, tolerance), columns, products


@partial(jax.jit, donate_argnames="candidates")
def _advance_parent(candidates, choice, columns, hinges, right, left, gap, column, tolerance):
    """Lets a choice enter the tables of a parent term."""
    joining = candidates.features
    shifted = _shifted_products(right, left, gap[joining], columns, 1 + choice.paired)
    products = hinges[:, :, joining] - shifted
    candidates = tables.advance(candidates, choice, products, column)
    return candidates, tables.best_pair(candidates, tolerance)


@partial(jax.jit, donate_argnames=("columns", "raw"))
def _remember(columns, raw, new_columns, new_raw, place):
    """Puts one or two new columns and their products in their places."""
    places = place + jnp.arange(2)
    after_targets = places + len(columns) - len(raw)
    return (
        columns.at[after_targets].set(new_columns, mode="drop"),
        raw.at[places].set(new_raw, mode="drop"),
    )


@partial(jax.jit, static_argnames="max_terms")
def _start_constant(data: _Data, y: jax.Array, allowed: jax.Array, tolerance, *, max_terms: int):
    """Tables of the constant parent once the intercept stands."""
    weighted = jnp.concatenate([jnp.ones_like(y[:, :1]), y], axis=1) * data.weights[:, None]
    columns = moments.pad(weighted.T)
    num_bins, wide = data.gap.shape[1], data.gap.dtype
    sums, squares = moments.bin_sums_and_squares(data.grouping, columns, num_bins)
    products = moments.hinges(sums, sums, data.gap)
    ones, squares = jax.tree.map(lambda a: a[:1], (sums, squares))
    norm = moments.squared_hinges(ones, ones, (squares, squares), data.gap)[0]
    intercept, target = products[0], jnp.moveaxis(products[1:], 0, -1)
    total = data.weights.sum(dtype=wide)
    raw = jnp.zeros((max_terms, *norm.shape), wide).at[0].set(intercept)
    triangle = jnp.eye(max_terms, dtype=wide).at[0, 0].set(jnp.sqrt(total))
    effects = jnp.zeros((max_terms, y.shape[1]), wide)
    effects = effects.at[0].set(columns[1:].sum(1, dtype=wide) / jnp.sqrt(total))
    features = jnp.arange(len(norm[0]), dtype=jnp.int32)
    candidates = tables.start(raw, effects, triangle, norm, target, allowed, features)
    return candidates, tables.best_pair(candidates, tolerance), target, intercept


@jax.jit
def _start_parent(data: _Data, parent_column, right, left, basis: _Basis, num_columns, allowed,
                  joining, tolerance):  # fmt: skip
    """Tables of a new parent term against the basis so far, for the features that may join it."""
    gap, num_outputs = data.gap[joining], basis.effects.shape[1]
    count = num_outputs + num_columns
    shifted = _shifted_products(right, left, gap, basis.columns, count)
    target = basis.target[:, joining] - jnp.moveaxis(shifted[:num_outputs], 0, -1)
    raw = basis.raw[:, :, joining] - shifted[num_outputs:]
    norm = _minimum_norms(data, parent_column, right, left, joining)
    candidates = tables.start(
        raw, basis.effects, basis.triangle, norm, target, allowed[joining], joining
    )
    return candidates, tables.best_pair(candidates, tolerance)


def _minimum_norms(data: _Data, parent_column: jax.Array, right, left, joining) -> jax.Array:
    """|min(B, hinge)|^2 for both signs and the features that may join, (2, d, K).

    min(B, h)^2 = h^2 - relu(h - B)^2 - 2 B relu(h - B), summed over the rows with B > 0 alone and
    in the wide type, because the first two nearly cancel where B is small.
    """
    gap, num_bins = data.gap[joining], data.gap.shape[1]
    active = jnp.where(parent_column > 0, data.weights, 0)
    columns = moments.pad(jnp.stack([active, parent_column * data.weights]).astype(gap.dtype))
    plain, squares = moments.bin_sums_and_squares(data.grouping, columns[:1], num_bins)
    hinge = moments.squared_hinges(plain, plain, (squares, squares), data.gap)[0][:, joining]
    sums, squares = zip(
        *[moments.bin_sums_and_squares(grouping, columns, num_bins) for grouping in (right, left)],
        strict=True,
    )
    taken = moments.squared_hinges(*sums, squares, gap)[0]
    twice = 2 * moments.hinges(*sums, gap)[1]
    return jnp.maximum(hinge - taken - twice, 0)


@jax.jit
def _active_counts(data: _Data, parent_column: jax.Array) -> jax.Array:
    """Weight of the rows with B > 0 in every bin, (d, K)."""
    active = jnp.where(parent_column > 0, data.weights, 0)
    return moments.bin_sums(data.grouping, moments.pad(active)[None], data.gap.shape[1]).count[0]


class _Search:
    """The forward pass under way: terms, parents with their tables, and the trace."""

    def __init__(self, features, y, weights, space: SearchSpace, limits: ForwardLimits):
        self.space, self.limits = space, limits
        self.x_host, self.y = np.asarray(features).T, y
        self.rows = moments.block_rows(self.x_host.shape[0], space.knots.shape[1])
        self.origin = space.knots[:, 0]
        self.edges = space.knots - self.origin[:, None]
        gap = np.diff(space.knots.astype(np.float64), axis=1, append=space.knots[:, -1:])
        grouping = self._grouped(self._centred, np.arange(len(gap)))
        self.data = _Data(features, weights, jnp.asarray(space.knots), jnp.asarray(gap), grouping)
        self.terms: list[Term] = []
        self.parents = [_Parent(-1, np.array(np.inf, features.dtype), None, None)]
        allowed = self._allowed(np.ones(len(y), features.dtype), frozenset())
        candidates, choice, target, intercept = _start_constant(
            self.data, y, allowed, limits.tolerance, max_terms=limits.max_terms
        )
        self.candidates, self.choices = [candidates], [choice]
        self.basis = self._first_basis(candidates, target, intercept)

    def _centred(self, feature: int) -> np.ndarray:
        return self.x_host[:, feature] - self.origin[feature]

    def _grouped(self, positions: Callable[[int], np.ndarray], features) -> moments.Grouping:
        return moments.group_rows(
            lambda s: positions(features[s]), self.edges[features], len(self.x_host), self.rows
        )

    def _allowed(self, parent_column: np.ndarray, features: frozenset[int]) -> np.ndarray:
        counts = np.asarray(_active_counts(self.data, parent_column))
        return allowed_knots(self.space, counts, features)

    def _first_basis(self, candidates, target, intercept) -> _Basis | None:
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
        return _Basis(jax.device_put(columns), jnp.asarray(raw), triangle, effects, target)

    def best(self) -> tuple[int, tables.Choice, tables.Head]:
        """The parent with the best pair, and that pair; without its second for the last place."""
        heads = [tables.read_head(choice) for choice in self.choices]
        parent = int(np.argmax([head.gain for head in heads]))
        choice, head = self.choices[parent], heads[parent]
        if head.paired and 2 + len(self.terms) == self.limits.max_terms:
            gain = float((np.asarray(choice.effect[0]) ** 2).sum())
            choice = choice._replace(paired=np.False_)
            head = head._replace(paired=False, gain=gain)
        return parent, choice, head

    def enter(self, parent: int, choice: tables.Choice, head: tables.Head) -> tuple[int, float]:
        """Adds the one or two terms of a choice; returns its feature and knot."""
        first_column = 1 + len(self.terms)
        position = float(self.space.knots[head.feature, head.knot])
        inherited = self.terms[self.parents[parent].term].factors if parent else ()
        entering = 1 + head.paired
        for sign in ((-1.0, 1.0) if head.flipped else (1.0, -1.0))[:entering]:
            self.terms.append(Term((*inherited, (head.feature, sign, position))))
        tolerance = self.limits.tolerance
        parent_column = self.parents[parent].column
        self.candidates[0], self.choices[0], columns, hinges = _advance_constant(
            self.candidates[0], choice, parent_column, self.data, first_column, tolerance
        )
        if self.basis is None:
            return head.feature, position
        for p, other in enumerate(self.parents[1:], start=1):
            self.candidates[p], self.choices[p] = _advance_parent(
                self.candidates[p], choice, columns, hinges, other.right, other.left,
                self.data.gap, first_column, tolerance,
            )  # fmt: skip
        self._extend_basis(choice, columns, hinges, first_column, entering)
        if len(self.terms) + 1 < self.limits.max_terms:
            for offset in range(entering):
                self._add_parent(first_column + offset)
        return head.feature, position

    def _extend_basis(self, choice, columns, hinges, first_column: int, entering: int) -> None:
        projection, norm = np.array(choice.projection), np.asarray(choice.norm)
        projection[1, first_column] = -projection[0] @ projection[1] / norm[0]
        basis = self.basis
        for i in range(entering):
            j = first_column + i
            basis.triangle[j] = projection[i]
            basis.triangle[j, j] = norm[i]
            basis.effects[j] = np.asarray(choice.effect)[i]
        stored, raw = _remember(basis.columns, basis.raw, columns, hinges, first_column)
        self.basis = basis._replace(columns=stored, raw=raw)

    def _add_parent(self, column: int) -> None:
        term = self.terms[column - 1]
        if len(term.factors) >= self.limits.max_degree:
            return
        value = np.full(self.x_host.shape[0], np.inf, self.x_host.dtype)
        for feature, sign, knot in term.factors:
            distance = self.x_host[:, feature] - self.x_host.dtype.type(knot)
            value = np.minimum(value, np.maximum(distance if sign > 0 else -distance, 0))
        allowed = self._allowed(value, term.features)
        if not allowed.any():
            return
        joining = partner_features(self.space, term.features, len(allowed))
        right = self._grouped(lambda feature: self._centred(feature) - value, joining)
        left = self._grouped(lambda feature: self._centred(feature) + value, joining)
        value = jnp.asarray(value)
        candidates, choice = _start_parent(
            self.data, value, right, left, self.basis, 1 + len(self.terms), allowed,
            joining, self.limits.tolerance,
        )  # fmt: skip
        self.parents.append(_Parent(column - 1, value, right, left))
        self.candidates.append(candidates)
        self.choices.append(choice)


def forward(
    features: jax.Array, y: jax.Array, weights: jax.Array, space: SearchSpace,
    limits: ForwardLimits,
    on_step: Callable[[int, float], None] | None = None,
) -> tuple[list[Term], ForwardTrace, str]:  # fmt: skip
    """Grows a basis greedily, one reflected pair at a time.

    Args:
      features: (d, n) float, x transposed.
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
    total = float(np.asarray(weights, float) @ (np.asarray(y, float) ** 2).sum(1))
    rss, steps = [total], []
    if total <= 0:
        return [], _trace(rss, [1], steps), "The target is constant: the intercept says it all."
    search, counts = _Search(features, y, weights, space, limits), [1]
    while True:
        num_terms = 1 + len(search.terms)
        parent, choice, head = search.best()
        reason = _why_stop(limits, head.gain, num_terms, rss[-1], total)
        if reason:
            return search.terms, _trace(rss, counts, steps), reason
        term = search.parents[parent].term
        steps.append((term, *search.enter(parent, choice, head)))
        rss.append(max(rss[-1] - head.gain, 0.0))
        counts.append(1 + len(search.terms))
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


def _trace(rss: list[float], counts: list[int], steps: list[tuple]) -> ForwardTrace:
    parent, feature, knot = zip(*steps, strict=True) if steps else ((), (), ())
    return ForwardTrace(np.array(rss), np.array(counts), np.array(parent, int),
                        np.array(feature, int), np.array(knot, float))  # fmt: skip
