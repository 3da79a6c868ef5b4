"""Tables over all candidates of one parent, and the best pair among them.

With Q the orthonormal basis so far and r = y - QQ'y, a reflected pair of candidates lowers the
residual sum of squares by what two Gram-Schmidt steps say. All that is needed per candidate c are
<c, q_j>, |c|^2 and <c, r>; when a column enters they are updated by algebra on the tables, and only
<c, raw new column> costs a pass over the data. No n-vector is ever orthogonalised.

Axis names below: two signs (0 is relu(x - t), 1 is relu(t - x)), d features that may join the
parent, K knots, k outputs, M columns.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

TIE = 1e-10  # relative difference of gains that is rounding


class Candidates(NamedTuple):
    """Everything known of the candidates of one parent; all float64 where enabled."""

    projection: jax.Array  # (M, 2, d, K), <c, q_j>; 0 beyond the columns in use
    norm: jax.Array  # (2, d, K), |c|^2
    remainder: jax.Array  # (2, d, K), |c - QQ'c|^2
    cross: jax.Array  # (d, K), <c_0, (I - QQ') c_1> of a reflected pair
    residual: jax.Array  # (2, d, K, k), <c, r>
    allowed: jax.Array  # (d, K) bool, knots that spans and constraints leave
    features: jax.Array  # (d,) int32, columns of x that the tables are about, ascending


class Head(NamedTuple):
    """What the host has to know of a choice, brought over in one transfer."""

    gain: float  # reduction of the residual sum of squares; <= 0 when none is left
    feature: int
    knot: int  # index of the knot
    flipped: bool  # the left hinge enters first
    paired: bool  # the second hinge is independent of the first


class Choice(NamedTuple):
    """The best reflected pair of one parent, with all that its entry into the basis takes."""

    head: jax.Array  # (5,), the fields of Head
    feature: jax.Array  # () int32, column of x
    knot: jax.Array  # () int32, index of the knot
    flipped: jax.Array  # () bool, the left hinge enters first
    paired: jax.Array  # () bool, the second hinge is independent of the first
    projection: jax.Array  # (2, M), <c, q_j> of first and second
    norm: jax.Array  # (2,), length of each after orthogonalisation
    effect: jax.Array  # (2, k), <y, q> of each new orthonormal column

    @property
    def columns(self) -> jax.Array:
        """() int, how many columns enter: 1 or 2."""
        return 1 + self.paired.astype(int)


def _pair_gains(candidates: Candidates, tolerance: float, places: jax.Array | int):
    """Gain (d, K) of every pair, which sign enters first, and whether the second is independent.

    The better conditioned hinge enters first; where one place is left, the one that gains more, if
    they differ, enters alone.
    """
    relative = candidates.remainder / jnp.where(candidates.norm > 0, candidates.norm, 1)
    independent = relative > tolerance
    alone = (candidates.residual**2).sum(-1) / jnp.where(independent, candidates.remainder, jnp.inf)
    better = jnp.abs(alone[1] - alone[0]) > 1e-6 * jnp.maximum(alone[0], alone[1])
    flipped = jnp.where((places < 2) & better, alone[1] > alone[0], relative[1] > relative[0])
    usable = candidates.allowed & jnp.where(flipped, independent[1], independent[0])
    first, second = (
        jnp.where(flipped, candidates.remainder[1 - s], candidates.remainder[s]) for s in (0, 1)
    )
    r_first, r_second = (
        jnp.where(flipped[..., None], candidates.residual[1 - s], candidates.residual[s])
        for s in (0, 1)
    )
    second_norm = jnp.where(flipped, candidates.norm[0], candidates.norm[1])
    safe_first = jnp.where(usable, first, 1)
    slope = candidates.cross / safe_first
    second = second - slope * candidates.cross
    paired = usable & (second > tolerance * second_norm) & (second_norm > 0) & (places > 1)
    safe_second = jnp.where(paired, second, 1)
    r_second = r_second - slope[..., None] * r_first
    gain = (r_first**2).sum(-1) / safe_first
    gain = gain + jnp.where(paired, (r_second**2).sum(-1) / safe_second, 0)
    return jnp.where(usable, gain, 0), flipped, paired


def best_pair(candidates: Candidates, tolerance: float, places: jax.Array | int) -> Choice:
    """Finds the reflected pair that lowers the residual sum of squares most.

    Args:
      candidates: tables of one parent.
      tolerance: a candidate whose squared remainder is below this share of its squared norm counts
        as already in the span.
      places: () int, free places among the terms; for a single one the best hinge is sought.
    """
    gain, flipped, paired = _pair_gains(candidates, tolerance, places)
    # Of gains that agree to rounding the first is taken, on every processor.
    ties = gain.reshape(-1) >= (1 - TIE) * gain.max()
    place = ties.argmax().astype(jnp.uint32)  # unsigned: no code for negative ones

    def at(table):
        flat = table.reshape(*table.shape[:-2], -1)
        return jax.lax.dynamic_index_in_dim(flat, place, -1, keepdims=False)

    gain, flip, is_paired = at(gain), at(flipped), at(paired)
    projection, remainder, residual = (
        jnp.where(flip, table[::-1], table)
        for table in (
            at(candidates.projection).T,
            at(candidates.remainder),
            at(jnp.moveaxis(candidates.residual, -1, 1)),
        )
    )
    cross = at(candidates.cross)
    first = jnp.sqrt(jnp.where(gain > 0, remainder[0], 1))
    second = jnp.where(is_paired, remainder[1] - (cross / first) ** 2, 1)
    second = jnp.sqrt(jnp.maximum(second, jnp.finfo(second.dtype).tiny))
    effect_first = residual[0] / first
    effect_second = (residual[1] - cross / first * effect_first) / second
    knots = jnp.uint32(candidates.cross.shape[1])
    feature = jax.lax.dynamic_index_in_dim(candidates.features, place // knots, keepdims=False)
    knot = (place % knots).astype(jnp.int32)
    fields = (gain, feature, knot, flip, is_paired)
    return Choice(
        jnp.stack([field.astype(gain.dtype) for field in fields]),
        feature,
        knot,
        flip,
        is_paired,
        projection,
        jnp.stack([first, second]),
        jnp.stack([effect_first, jnp.where(is_paired, effect_second, 0)]),
    )


def enter(candidates: Candidates, raw, rows, effects, first) -> Candidates:
    """Lets some columns enter: q_i = (c_i - sum_j rows[i, j] q_j) / rows[i, first + i].

    Args:
      candidates: tables of any parent, up to date with the columns before.
      raw: (b, 2, d, K), <candidate, c_i>.
      rows: (b, M), of the triangle in c_i = sum_j rows[i, j] q_j; for a column that is not there,
        of the identity, its raw products and effect 0.
      effects: (b, k), <y, q_i>.
      first: () int32, index of the first of them; first + b must not exceed M.
    """
    count, shape = len(raw), raw.shape[1:]
    # Places for columns that are yet to come hold 0 in the tables.
    size = len(candidates.projection)
    known = (rows @ candidates.projection.reshape(size, -1)).reshape(raw.shape)
    block = jax.lax.dynamic_slice_in_dim(rows, first, count, axis=1)
    entries: list[jax.Array] = []
    for i in range(count):
        among = sum(
            (block[i, j] * entry for j, entry in enumerate(entries)), jnp.zeros(shape, raw.dtype)
        )
        entries.append((raw[i] - known[i] - among) / block[i, i])
    entry = jnp.stack(entries)
    return candidates._replace(
        projection=jax.lax.dynamic_update_slice_in_dim(candidates.projection, entry, first, 0),
        remainder=candidates.remainder - (entry**2).sum(0),
        cross=candidates.cross - (entry[:, 0] * entry[:, 1]).sum(0),
        residual=candidates.residual - jnp.einsum("b...,bk->...k", entry, effects),
    )


def read_heads(heads: Sequence[jax.Array] | jax.Array) -> list[Head]:
    """Brings the heads (5,) of choices to the host together, and waits for them if need be."""
    return [
        Head(float(gain), int(feature), int(knot), bool(flipped), bool(paired))
        for gain, feature, knot, flipped, paired in jax.device_get(heads)
    ]


def rows_of(choice: Choice, first) -> jax.Array:
    """Rows (2, M) of the triangle for the columns of a choice; see `enter`."""
    size = choice.projection.shape[1]
    second = choice.projection[1].at[first].set(second_on_first(choice)).at[first + 1]
    second = second.set(choice.norm[1])
    identity = jnp.zeros(size).at[first + 1].set(1)
    second = jnp.where(choice.paired, second, identity)
    return jnp.stack([choice.projection[0].at[first].set(choice.norm[0]), second])


def second_on_first(choice: Choice) -> jax.Array:
    """<second raw hinge, first new orthonormal column>.

    The pair's supports are disjoint, so the raw inner product is 0 and only what both have in the
    span remains.
    """
    return -(choice.projection[0] @ choice.projection[1]) / choice.norm[0]


def start(norm, target, allowed, features, size: int) -> Candidates:
    """Makes the tables of a parent before any column has entered.

    Args:
      norm: (2, d, K), |candidate|^2.
      target: (2, d, K, k), <candidate, y>.
      allowed: (d, K) bool.
      features: (d,) int32, columns of x that the candidates are about.
      size: M, places for columns.
    """
    return Candidates(
        projection=jnp.zeros((size, *norm.shape)),
        norm=norm,
        remainder=norm,
        cross=jnp.zeros(norm.shape[1:]),  # the supports of a pair are disjoint
        residual=target,
        allowed=allowed & (norm > 0).any(0),
        features=features,
    )
