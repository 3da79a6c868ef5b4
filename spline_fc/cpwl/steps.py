"""The compiled steps of the forward pass: how columns enter tables, and how tables begin."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from spline_fc.cpwl import candidates as tables
from spline_fc.cpwl import moments

BURST = 16  # steps of an additive fit between two looks by the host


class Data(NamedTuple):
    """Device arrays that every step reads."""

    features: jax.Array  # (d, n), x transposed: contiguous columns
    weights: jax.Array  # (n,)
    knots: jax.Array  # (d, K), units of x
    gap: jax.Array  # (d, K) float64, distance to the next knot
    grouping: moments.Grouping  # of the d features


class Basis(NamedTuple):
    """The basis so far, as far as the tables of a new parent need it (not kept for degree 1)."""

    columns: jax.Array  # (k + M, n + 1) float, weighted targets and raw columns, the last place 0
    raw: jax.Array  # (M, 2, d, K), <hinge of x, raw column>
    triangle: np.ndarray  # (M, M) float64, raw_i = sum_j triangle[i, j] q_j
    effects: np.ndarray  # (M, k) float64, <y, q_j>
    target: jax.Array  # (2, d, K, k), <hinge of x, y>


def _hinge_products(data: Data, columns: jax.Array, count=None) -> jax.Array:
    """<hinge of x, z> for both signs and the first `count` columns z, (c, 2, d, K)."""
    sums = moments.bin_sums(data.grouping, columns, data.gap.shape, count)
    return moments.hinges(sums, sums, data.gap)


def _minimum_products(grouping, whole, hinges, gap: jax.Array, columns: jax.Array, count):
    """<min(B, hinge), z> for both signs and the first `count` columns z, (c, 2, f, K).

    min(B, relu(x - t)) = relu(x - t) - relu(x - B - t), and the mirrored hinge likewise. Where only
    the rows with B > 0 are grouped, the first part comes from them too; else it is `hinges`.
    """
    sums = moments.bin_sums(grouping, columns, (3 * len(gap), gap.shape[1]), count)
    plain, right, left = zip(*(jnp.split(a, 3, axis=1) for a in sums), strict=True)
    right, left = (
        moments.BinSums(*(a - b for a, b in zip(plain, shifted, strict=True)))
        for shifted in (right, left)
    )
    return jnp.where(whole, hinges, 0) + moments.hinges(right, left, gap)


def _pair_columns(data: Data, parent_column: jax.Array, choice: tables.Choice) -> jax.Array:
    """Weighted raw columns of the first and, if there is one, the second hinge, (2, n + 1)."""
    distance = data.features[choice.feature] - data.knots[choice.feature, choice.knot]

    def put(i, columns):
        hinge = jax.nn.relu(jnp.where(choice.flipped == (i == 1), distance, -distance))
        return columns.at[i, :-1].set(jnp.minimum(hinge, parent_column) * data.weights)

    nothing = jnp.zeros((2, len(distance) + 1), distance.dtype)
    return jax.lax.fori_loop(0, choice.columns, put, nothing)


def _enter(candidates, choice, products, column, tolerance):
    """Tables after the entry of a choice as columns `column` and following, and the next choice."""
    candidates = tables.advance(candidates, choice, products, column)
    places = len(candidates.projection) - (column + choice.columns)
    return candidates, tables.best_pair(candidates, tolerance, places)


def _enter_constant(candidates, choice, parent_column, data: Data, column, tolerance):
    columns = _pair_columns(data, parent_column, choice)
    products = _hinge_products(data, columns, choice.columns)
    return *_enter(candidates, choice, products, column, tolerance), columns, products


@partial(jax.jit, donate_argnames="candidates")
def advance_constant(
    candidates, choice, parent_column, data: Data, column, tolerance
) -> tuple[tables.Candidates, tables.Choice, jax.Array, jax.Array]:
    """Lets a choice enter the tables of the constant parent; hands on what the others need."""
    return _enter_constant(candidates, choice, parent_column, data, column, tolerance)


@partial(jax.jit, donate_argnames="candidates")
def advance_parent(
    candidates, choice, columns, hinges, grouping, whole, gap, column, tolerance
) -> tuple[tables.Candidates, tables.Choice]:
    """Lets a choice enter the tables of a parent term."""
    joining = candidates.features
    products = _minimum_products(
        grouping, whole, hinges[:, :, joining], gap[joining], columns, choice.columns
    )
    return _enter(candidates, choice, products, column, tolerance)


@partial(jax.jit, donate_argnames="candidates")
def advance_additive(
    candidates, choice, data: Data, column, rss, least_gain, floor, tolerance
) -> tuple[tables.Candidates, tables.Choice, jax.Array, jax.Array]:
    """Takes up to BURST steps in which the constant is the only parent, without asking the host.

    Args:
      candidates, choice: tables of the constant, and what enters first.
      column: () int, the first new column.
      rss, least_gain, floor: () float; a choice enters while the residual sum of squares is above
        `floor` and its gain is positive and no less than `least_gain`.

    Returns:
      tables, next choice, heads (BURST, 5) of the choices that entered, and how many did.
    """
    everywhere = jnp.full(data.features.shape[1], jnp.inf, data.features.dtype)

    def goes_on(state):
        candidates, choice, column, rss, _, taken = state
        gain, room = choice.head[0], len(candidates.projection) - column
        worth = (rss > floor) & (gain > 0) & (gain >= least_gain)
        return (taken < BURST) & (room > 0) & worth

    def step(state):
        candidates, choice, column, rss, heads, taken = state
        candidates, following, *_ = _enter_constant(
            candidates, choice, everywhere, data, column, tolerance
        )
        heads = heads.at[taken].set(choice.head)
        column = column + choice.columns
        return candidates, following, column, rss - choice.head[0], heads, taken + 1

    heads = jnp.zeros((BURST, len(choice.head)), choice.head.dtype)
    state = (candidates, choice, column, rss, heads, jnp.zeros((), int))
    candidates, choice, _, _, heads, taken = jax.lax.while_loop(goes_on, step, state)
    return candidates, choice, heads, taken


@partial(jax.jit, donate_argnames=("columns", "raw"))
def remember(columns, raw, new_columns, new_raw, place) -> tuple[jax.Array, jax.Array]:
    """Puts one or two new columns and their products in their places."""
    places = place + jnp.arange(2)
    after_targets = places + len(columns) - len(raw)
    return (
        columns.at[after_targets].set(new_columns, mode="drop"),
        raw.at[places].set(new_raw, mode="drop"),
    )


@partial(jax.jit, static_argnames="max_terms")
def start_constant(
    data: Data, y: jax.Array, allowed: jax.Array, tolerance, *, max_terms: int
) -> tuple[tables.Candidates, tables.Choice, jax.Array, jax.Array]:
    """Tables of the constant parent once the intercept stands."""
    weighted = jnp.concatenate([jnp.ones_like(y[:, :1]), y], axis=1) * data.weights[:, None]
    columns = moments.pad(weighted.T)
    wide = data.gap.dtype
    sums, squares = moments.bin_sums_and_squares(data.grouping, columns, data.gap.shape)
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
    return candidates, tables.best_pair(candidates, tolerance, max_terms - 1), target, intercept


@jax.jit
def start_parent(
    data: Data,
    parent_column,
    grouping,
    whole,
    basis: Basis,
    num_columns,
    allowed,
    joining,
    tolerance,
) -> tuple[tables.Candidates, tables.Choice]:
    """Tables of a new parent term against the basis so far, for the features that may join it."""
    gap, num_outputs = data.gap[joining], basis.effects.shape[1]
    hinges = jnp.concatenate([jnp.moveaxis(basis.target, -1, 0), basis.raw])[:, :, joining]
    count = num_outputs + num_columns
    products = _minimum_products(grouping, whole, hinges, gap, basis.columns, count)
    in_use = jnp.arange(len(products)) < count
    products = jnp.where(in_use[:, None, None, None], products, 0)
    candidates = tables.start(
        products[num_outputs:],
        jnp.asarray(basis.effects),
        jnp.asarray(basis.triangle),
        _minimum_norms(data, parent_column, grouping, joining),
        jnp.moveaxis(products[:num_outputs], 0, -1),
        allowed[joining],
        joining,
    )
    places = len(basis.triangle) - num_columns
    return candidates, tables.best_pair(candidates, tolerance, places)


def _minimum_norms(data: Data, parent_column: jax.Array, grouping, joining) -> jax.Array:
    """|min(B, hinge)|^2 for both signs and the features that may join, (2, f, K).

    min(B, h)^2 = h^2 - relu(h - B)^2 - 2 B relu(h - B), summed over the rows with B > 0 alone and
    in the wide type, because the first two nearly cancel where B is small.
    """
    gap, num_bins = data.gap[joining], data.gap.shape[1]
    active = jnp.where(parent_column > 0, data.weights, 0)
    columns = moments.pad(jnp.stack([active, parent_column * data.weights]).astype(gap.dtype))
    plain, squares = moments.bin_sums_and_squares(data.grouping, columns[:1], data.gap.shape)
    hinge = moments.squared_hinges(plain, plain, (squares, squares), data.gap)[0][:, joining]
    shape = (3 * len(gap), num_bins)
    sums, squares = moments.bin_sums_and_squares(grouping, columns, shape)
    (_, *counts), (_, *firsts), (_, *squares) = (jnp.split(a, 3, axis=1) for a in (*sums, squares))
    right, left = (moments.BinSums(*pair) for pair in zip(counts, firsts, strict=True))
    taken = moments.squared_hinges(right, left, (squares[0], squares[1]), gap)[0]
    twice = 2 * moments.hinges(right, left, gap)[1]
    return jnp.maximum(hinge - taken - twice, 0)


@jax.jit
def active_counts(data: Data, parent_column: jax.Array) -> jax.Array:
    """Weight of the rows with B > 0 in every bin, (d, K)."""
    active = jnp.where(parent_column > 0, data.weights, 0)
    return moments.bin_sums(data.grouping, moments.pad(active)[None], data.gap.shape).count[0]
