"""The compiled steps of the forward pass: how columns enter tables, and how tables begin."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from spline_fc.cpwl import candidates as tables
from spline_fc.cpwl import moments
from spline_fc.cpwl.knots import Spans, leave_spans
from spline_fc.sharding import summed

BURST = 16  # steps of an additive fit between two looks by the host
BATCH = 4  # columns that enter the tables of a parent together


class Data(NamedTuple):
    """Device arrays that every step reads."""

    features: jax.Array  # (d, n), x transposed: contiguous columns
    weights: jax.Array  # (n,)
    knots: jax.Array  # (d, K), units of x
    gap: jax.Array  # (d, K) float64, distance to the next knot
    usable: jax.Array  # (d, K) bool, knots that are no padding
    grouping: moments.Grouping  # by the bins of the d features


class Basis(NamedTuple):
    """The basis so far, as far as the tables of other parents need it (not kept for degree 1)."""

    targets: jax.Array  # (k, n) float, weighted
    columns: jax.Array  # (M, n) float, weighted raw columns; 0 beyond those in use
    raw: jax.Array  # (M, 2, d, K), <hinge of x, raw column>; 0 beyond
    triangle: jax.Array  # (M, M), raw_i = sum_j triangle[i, j] q_j; the identity beyond
    effects: jax.Array  # (M, k), <y, q_j>; 0 beyond
    target: jax.Array  # (2, d, K, k), <hinge of x, y>


class Parent(NamedTuple):
    """A term that may be multiplied out further, and where its minima with other hinges bend."""

    column: jax.Array  # (n,) float, its values B
    right: moments.Grouping  # x - B, of the f features that may join
    left: moments.Grouping  # x + B
    plain: moments.Grouping | None  # x itself where only rows with B > 0 are grouped, else None


def capacity(max_terms: int) -> int:
    """Places for columns: those beyond max_terms let a batch end anywhere."""
    return max_terms + BATCH


def _hinge_products(data: Data, columns: jax.Array) -> jax.Array:
    """<hinge of x, z> for both signs and c columns z, (c, 2, d, K)."""
    sums = moments.bin_sums(data.grouping, data.knots.shape[1], columns)
    return moments.hinges(sums, sums, data.gap)


def _minimum_products(data: Data, parent: Parent, hinges, columns, count=None) -> jax.Array:
    """<min(B, hinge), z> for both signs and c columns z, (c, 2, f, K).

    min(B, relu(x - t)) = relu(x - t) - relu(x - B - t), and the mirrored hinge likewise; `hinges`
    (c, 2, d, K) has the products of the first part. Columns from number `count` on are zero.
    """
    right, left = (
        moments.bin_sums(positions, data.knots.shape[1], columns, count)
        for positions in (parent.right, parent.left)
    )
    joining = parent.right.which
    gap = data.gap[joining]
    if parent.plain is None:
        return hinges[:, :, joining] - moments.hinges(right, left, gap)
    plain = moments.bin_sums(parent.plain, data.knots.shape[1], columns, count)
    right, left = (
        moments.BinSums(plain.count - part.count, plain.first - part.first)
        for part in (right, left)
    )
    return moments.hinges(right, left, gap)


def _pair(data: Data, parent_column: jax.Array, choice: tables.Choice) -> jax.Array:
    """Raw columns of the first and, if there is one, the second hinge, (2, n)."""
    distance = data.features[choice.feature] - data.knots[choice.feature, choice.knot]
    distance = jnp.where(choice.flipped, -distance, distance)
    second = jnp.where(choice.paired, jnp.minimum(jax.nn.relu(-distance), parent_column), 0)
    return jnp.stack([jnp.minimum(jax.nn.relu(distance), parent_column), second])


def _enter(candidates, choice, data: Data, columns, first, tolerance, max_terms: int):
    """Lets a choice enter the tables of the constant; its products and rows of the triangle."""
    products, rows = _hinge_products(data, columns), tables.rows_of(choice, first)
    candidates = tables.enter(candidates, products, rows, choice.effect, first)
    places = max_terms - (first + choice.columns)
    return candidates, tables.best_pair(candidates, tolerance, places), products, rows


@partial(jax.jit, donate_argnames=("candidates", "basis"), static_argnames="max_terms")
def advance(
    candidates, choice, parent_column, data: Data, basis: Basis, first, tolerance, *, max_terms: int
) -> tuple[tables.Candidates, tables.Choice, Basis, jax.Array]:
    """Lets a choice enter the basis and the tables of the constant.

    Args:
      candidates: tables of the constant.
      choice: the best pair of some parent, whose values are `parent_column` (n,).
      first: () int, index of its first column.

    Returns:
      The tables, their best pair, the basis, and the new columns without weights, (2, n).
    """
    values = _pair(data, parent_column, choice)
    columns = values * data.weights
    candidates, following, products, rows = _enter(
        candidates, choice, data, columns, first, tolerance, max_terms
    )
    basis = basis._replace(
        columns=jax.lax.dynamic_update_slice_in_dim(basis.columns, columns, first, 0),
        raw=jax.lax.dynamic_update_slice_in_dim(basis.raw, products, first, 0),
        triangle=jax.lax.dynamic_update_slice_in_dim(basis.triangle, rows, first, 0),
        effects=jax.lax.dynamic_update_slice_in_dim(basis.effects, choice.effect, first, 0),
    )
    return candidates, following, basis, values


@partial(jax.jit, donate_argnames="candidates", static_argnames="max_terms")
def advance_additive(
    candidates, choice, data: Data, first, rss, least_gain, floor, tolerance, *, max_terms: int
) -> tuple[tables.Candidates, tables.Choice, jax.Array, jax.Array]:
    """Takes up to BURST steps in which the constant is the only parent, without asking the host.

    Args:
      candidates, choice: tables of the constant, and what enters first.
      first: () int, the first new column.
      rss, least_gain, floor: () float; a choice enters while the residual sum of squares is above
        `floor` and its gain is positive and no less than `least_gain`.

    Returns:
      tables, next choice, heads (BURST, 5) of the choices that entered, and how many did.
    """
    everywhere = jnp.full(data.features.shape[1], jnp.inf, data.features.dtype)

    def goes_on(state):
        _, choice, first, rss, _, taken = state
        gain = choice.head[0]
        worth = (rss > floor) & (gain > 0) & (gain >= least_gain)
        return (taken < BURST) & (first < max_terms) & worth

    def step(state):
        candidates, choice, first, rss, heads, taken = state
        columns = _pair(data, everywhere, choice) * data.weights
        candidates, following, *_ = _enter(
            candidates, choice, data, columns, first, tolerance, max_terms
        )
        heads = heads.at[taken].set(choice.head)
        first = first + choice.columns
        return candidates, following, first, rss - choice.head[0], heads, taken + 1

    heads = jnp.zeros((BURST, len(choice.head)), choice.head.dtype)
    state = (candidates, choice, first, rss, heads, jnp.zeros((), int))
    candidates, choice, _, _, heads, taken = jax.lax.while_loop(goes_on, step, state)
    return candidates, choice, heads, taken


@partial(jax.jit, donate_argnames="candidates", static_argnames="max_terms")
def catch_up(
    candidates, parent: Parent, data: Data, basis: Basis, known, now, tolerance, *, max_terms: int
) -> tuple[tables.Candidates, tables.Choice]:
    """Lets the columns known, ..., now - 1 enter the tables of a parent term."""

    def batch(i, candidates):
        first = known + i * BATCH
        columns, raw, rows, effects = (
            jax.lax.dynamic_slice_in_dim(part, first, BATCH)
            for part in (basis.columns, basis.raw, basis.triangle, basis.effects)
        )
        products = _minimum_products(data, parent, raw, columns, jnp.minimum(now - first, BATCH))
        return tables.enter(candidates, products, rows, effects, first)

    candidates = jax.lax.fori_loop(0, -(-(now - known) // BATCH), batch, candidates)
    return candidates, tables.best_pair(candidates, tolerance, max_terms - now)


@jax.jit
def prepare(features, weights, knots, usable, grouping) -> Data:
    """The arrays that every step reads; arguments as of Data."""
    edges = knots.astype(float)
    gap = jnp.diff(edges, axis=1, append=edges[:, -1:])
    return Data(features, weights, knots, gap, usable, grouping)


@partial(jax.jit, static_argnames=("max_terms", "alone"))
def start_constant(
    data: Data,
    y: jax.Array,
    varies,
    linear,
    spans: Spans,
    tolerance,
    *,
    max_terms: int,
    alone: bool,
) -> tuple[tables.Candidates, tables.Choice, Basis]:
    """Tables of the constant once the intercept stands, and the basis of the intercept alone.

    Args:
      varies, linear: (d,) bool, columns that are not constant, and those that enter linearly.
      alone: there will be no other parent: no place for columns is made.
    """
    size, num_outputs, wide = capacity(max_terms), y.shape[1], data.gap.dtype
    places = 1 if alone else size
    targets = (y * data.weights[:, None]).T
    columns = jnp.concatenate([data.weights[None], targets])
    sums, squares = moments.bin_sums_and_squares(data.grouping, data.knots.shape[1], columns)
    products = moments.hinges(sums, sums, data.gap)
    ones, squares = jax.tree.map(lambda a: a[:1], (sums, squares))
    norm = moments.squared_hinges(ones, ones, (squares, squares), data.gap)[0]
    totals = summed(columns.sum(1, dtype=wide), data.grouping.axes)
    length = jnp.sqrt(totals[0])
    target = jnp.moveaxis(products[1:], 0, -1)
    basis = Basis(
        targets=targets,
        columns=jnp.zeros((places, len(y)), y.dtype).at[0].set(data.weights),
        raw=jnp.zeros((places, *norm.shape), wide).at[0].set(products[0]),
        triangle=jnp.eye(size, dtype=wide).at[0, 0].set(length),
        effects=jnp.zeros((size, num_outputs), wide).at[0].set(totals[1:] / length),
        target=target,
    )
    allowed = leave_spans(ones.count[0], data.usable, spans)
    # Of linear columns the first knot alone: on the data its hinge is the linear term.
    at_minimum = (jnp.arange(allowed.shape[1]) == 0) & varies[:, None]
    allowed = jnp.where(linear[:, None], at_minimum, allowed)
    candidates = tables.start(norm, target, allowed, data.grouping.which, size)
    first = jnp.zeros((), jnp.int32)
    candidates = tables.enter(
        candidates, basis.raw[:1], basis.triangle[:1], basis.effects[:1], first
    )
    return candidates, tables.best_pair(candidates, tolerance, max_terms - 1), basis


@jax.jit
def start_parent(
    data: Data, basis: Basis, column, joining, spans: Spans, groupings
) -> tuple[tables.Candidates, Parent]:
    """Tables of a new parent term before any column has entered.

    Args:
      column: (n,) float, its values.
      joining: (f,) int32, the features that may join.
      groupings: of their positions less the column, plus the column, and perhaps as they are.
    """
    right, left, plain = groupings
    parent = Parent(column, right, left, plain)
    gap = data.gap[joining]
    active = jnp.where(column > 0, data.weights, 0)
    both = jnp.stack([active, column * data.weights])
    hinge_sums, hinge_squares = moments.bin_sums_and_squares(
        data.grouping, data.knots.shape[1], active[None]
    )
    allowed = leave_spans(hinge_sums.count[0], data.usable, spans)[joining]
    # min(B, h)^2 = h^2 - relu(h - B)^2 - 2 B relu(h - B), summed over the rows with B > 0 alone.
    hinge = moments.squared_hinges(hinge_sums, hinge_sums, (hinge_squares,) * 2, data.gap)[0]
    hinge = hinge[:, joining]
    (right_sums, right_squares), (left_sums, left_squares) = (
        moments.bin_sums_and_squares(positions, data.knots.shape[1], both)
        for positions in (right, left)
    )
    squares = (right_squares, left_squares)
    taken = moments.squared_hinges(right_sums, left_sums, squares, gap)[0]
    twice = 2 * moments.hinges(right_sums, left_sums, gap)[1]
    norm = jnp.maximum(hinge - taken - twice, 0)
    hinges = jnp.moveaxis(basis.target, -1, 0)
    target = jnp.moveaxis(_minimum_products(data, parent, hinges, basis.targets), 0, -1)
    candidates = tables.start(norm, target, allowed, joining, len(basis.raw))
    return candidates, parent


class Steps(NamedTuple):
    """The compiled functions of a search, for rows that lie in one way or another."""

    prepare: Callable
    start_constant: Callable
    start_parent: Callable
    advance: Callable
    advance_additive: Callable
    catch_up: Callable


ON_ONE_DEVICE = Steps(prepare, start_constant, start_parent, advance, advance_additive, catch_up)
