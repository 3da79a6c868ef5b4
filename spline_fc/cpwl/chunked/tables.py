"""Compiled sums over joint bins, and what entering hinges make of them.

Every column of an additive basis is a hinge relu(x_v - t) or relu(t - x_v) with t a candidate knot.
Its inner products with all candidates therefore follow from sums over the rows that are in bin a of
x_j and in bin b of x_v, of w, w o_v, w o_j and w o_j o_v with o the offsets from the bins' left
edges: one pass over the data for a column x_v, however many of its hinges enter.

Axis names below: D columns, K knots, k outputs, n rows of a block.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from spline_fc.cpwl import candidates as tables
from spline_fc.cpwl import moments
from spline_fc.cpwl.knots import Spans, leave_spans

Array = np.ndarray | jax.Array
KINDS = 4  # of sums over joint bins: w, w o_v, w o_j, w o_j o_v


class Placed(NamedTuple):
    """Rows of a block among the knots; those that fill it up have weight 0."""

    bin: Array  # (D, n) uint8 or int32, 0 to K - 1
    offset: Array  # (D, n) float64, from the left edge of the bin
    columns: Array  # (1 + k, n) float64, weights and weighted targets


class Start(NamedTuple):
    """What the tables of the constant begin with, apart from the sums."""

    knots: jax.Array  # (D, K) float64
    usable: Array  # (D, K) bool
    linear: Array  # (D,) bool
    spans: Spans


@partial(jax.jit, donate_argnames="sums")
def add_single(sums: jax.Array, placed: Placed) -> jax.Array:
    """Adds a block to the sums over bins of each column, (D, K, 2 (1 + k) + 1).

    These are, in order, of w and w y; of the same times o; of w o^2.
    """
    num_columns, num_bins, width = sums.shape

    def one(j, sums):
        offset = placed.offset[j]
        terms = jnp.concatenate([
            placed.columns, placed.columns * offset, placed.columns[:1] * offset**2,
        ])  # fmt: skip
        return sums.at[j * num_bins + placed.bin[j].astype(j.dtype)].add(terms.T)

    flat = jax.lax.fori_loop(0, num_columns, one, sums.reshape(-1, width))
    return flat.reshape(sums.shape)


@partial(jax.jit, donate_argnames="sums")
def add_joint(sums: jax.Array, placed: Placed, column: int) -> jax.Array:
    """Adds a block to the sums over joint bins with a column, (D, K, K, 4).

    The first K are the bins of any column, the second those of the one looked at.
    """
    num_columns, num_bins = sums.shape[:2]
    weights = placed.columns[0]
    inner, mine = placed.bin[column].astype(int), weights * placed.offset[column]

    def one(j, sums):
        index = (j * num_bins + placed.bin[j].astype(j.dtype)) * num_bins + inner
        other = placed.offset[j]
        terms = jnp.stack([weights, mine, weights * other, mine * other], axis=-1)
        return sums.at[index].add(terms)

    flat = jax.lax.fori_loop(0, num_columns, one, sums.reshape(-1, KINDS))
    return flat.reshape(sums.shape)


@partial(jax.jit, static_argnames="max_terms")
def start(
    sums: jax.Array, totals: jax.Array, given: Start, tolerance: float, *, max_terms: int
) -> tuple[tables.Candidates, tables.Choice]:
    """Tables of the constant once the intercept stands, and their best pair.

    Args:
      sums: of `add_single`. totals: (1 + k,), of the weights and the weighted targets.
    """
    outputs = len(totals) - 1
    count, first, squares = jnp.split(jnp.moveaxis(sums, -1, 0), (1 + outputs, 2 + 2 * outputs))
    gap = _gap(given.knots)
    both = moments.BinSums(count, first)
    products = moments.hinges(both, both, gap)
    ones = moments.BinSums(count[:1], first[:1])
    norm = moments.squared_hinges(ones, ones, (squares, squares), gap)[0]
    allowed = leave_spans(count[0], given.usable, given.spans)
    # Of linear columns the first knot alone: on the data its hinge is the linear term.
    varies = given.knots[:, :1] < given.knots[:, -1:]
    at_minimum = (jnp.arange(allowed.shape[1]) == 0) & varies
    allowed = jnp.where(given.linear[:, None], at_minimum, allowed & varies)
    every = jnp.arange(len(norm[0]), dtype=jnp.int32)
    target = jnp.moveaxis(products[1:], 0, -1)
    candidates = tables.start(norm, target, allowed, every, max_terms + 1)
    length = jnp.sqrt(totals[0])
    rows = jnp.zeros((1, max_terms + 1)).at[0, 0].set(length)
    effects = (totals[1:] / length)[None]
    candidates = tables.enter(candidates, products[:1], rows, effects, jnp.zeros((), jnp.int32))
    return candidates, tables.best_pair(candidates, tolerance, max_terms - 1)


@partial(jax.jit, donate_argnames="candidates", static_argnames="max_terms")
def advance(
    candidates: tables.Candidates, choice: tables.Choice, joint: jax.Array, knots: jax.Array,
    first: int, tolerance: float, *, max_terms: int,
) -> tuple[tables.Candidates, tables.Choice]:  # fmt: skip
    """Lets a pair of hinges enter.

    Args:
      joint: (D, K, K, 4), sums over joint bins with the column of the pair.
      first: index of the first new column.
    """
    knot = knots[choice.feature]
    distance = knot - knot[choice.knot]
    behind = jnp.arange(len(knot), dtype=choice.knot.dtype) >= choice.knot
    count, mine, other, product = jnp.moveaxis(joint, -1, 0)

    def sums_of(flipped) -> moments.BinSums:
        # In bin b the hinge is its value at the left edge, and the offset or less by the offset.
        inside = jnp.where(flipped, ~behind, behind)
        value = jnp.where(inside, abs(distance), 0)
        slope = jnp.where(inside, jnp.where(flipped, -1.0, 1.0), 0)
        return moments.BinSums(count @ value + mine @ slope, other @ value + product @ slope)

    pair = (sums_of(choice.flipped), sums_of(~choice.flipped))
    there = jnp.stack([jnp.ones((), bool), choice.paired])[:, None, None]
    sums = moments.BinSums(
        *(jnp.where(there, jnp.stack(part), 0) for part in zip(*pair, strict=True))
    )
    products = moments.hinges(sums, sums, _gap(knots))
    rows = tables.rows_of(choice, first)
    candidates = tables.enter(candidates, products, rows, choice.effect, first)
    places = max_terms - (first + choice.columns)
    return candidates, tables.best_pair(candidates, tolerance, places)


@jax.jit
def promises(candidates: tables.Candidates, tolerance: float) -> jax.Array:
    """What the best single hinge of every column gains, (D,)."""
    fresh = candidates.allowed & (candidates.remainder > tolerance * candidates.norm)
    gain = (candidates.residual**2).sum(-1) / jnp.where(fresh, candidates.remainder, jnp.inf)
    return gain.max((0, 2))


def _gap(knots: jax.Array) -> jax.Array:
    return jnp.diff(knots, axis=1, append=knots[:, -1:])
