"""Tables over all candidates of one parent, and the best pair among them.

With Q the orthonormal basis so far and r = y - QQ'y, a reflected pair of candidates lowers the
residual sum of squares by what two Gram-Schmidt steps say. All that is needed per candidate c are
<c, q_j>, |c|^2 and <c, r>; when a column enters they are updated by algebra on the tables, and only
<c, raw new column> costs a pass over the data . No n-vector is ever
orthogonalised.

Axis names below: two signs (0 is relu(x - t), 1 is relu(t - x)), d features that may join the
parent, K knots, k outputs, M columns.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp


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
    feature, knot = jnp.unravel_index(jnp.argmax(gain), gain.shape)
    flip = flipped[feature, knot]
    signs = jnp.where(flip, jnp.array([1, 0]), jnp.array([0, 1]))
    projection = candidates.projection[:, signs, feature, knot].T
    remainder = candidates.remainder[signs, feature, knot]
    residual = candidates.residual[signs, feature, knot]
    cross = candidates.cross[feature, knot]
    gain, is_paired = gain[feature, knot], paired[feature, knot]
    first = jnp.sqrt(jnp.where(gain > 0, remainder[0], 1))
    second = jnp.where(is_paired, remainder[1] - (cross / first) ** 2, 1)
    second = jnp.sqrt(jnp.maximum(second, jnp.finfo(second.dtype).tiny))
    effect_first = residual[0] / first
    effect_second = (residual[1] - cross / first * effect_first) / second
    fields = (gain, candidates.features[feature], knot, flip, is_paired)
    return Choice(
        jnp.stack([field.astype(gain.dtype) for field in fields]),
        candidates.features[feature], knot.astype(jnp.int32), flip, is_paired,
        projection, jnp.stack([first, second]),
        jnp.stack([effect_first, jnp.where(is_paired, effect_second, 0)]),
    )  # fmt: skip


def _enter(candidates: Candidates, raw, coefficients, length, effect, column) -> Candidates:
    """Lets one orthonormal column enter: q = (c - sum_j coefficients[j] q_j) / length."""
    known = jnp.einsum("m,m...->...", coefficients, candidates.projection)
    entry = (raw - known) / length  # (2, d, K), <candidate, q>
    return candidates._replace(
        projection=candidates.projection.at[column].set(entry),
        remainder=candidates.remainder - entry**2,
        cross=candidates.cross - entry[0] * entry[1],
        residual=candidates.residual - entry[..., None] * effect,
    )


def read_heads(heads: Sequence[jax.Array] | jax.Array) -> list[Head]:
    """Brings the heads (5,) of choices to the host together, and waits for them if need be."""
    return [
        Head(float(gain), int(feature), int(knot), bool(flipped), bool(paired))
        for gain, feature, knot, flipped, paired in jax.device_get(heads)
    ]


def advance(
    candidates: Candidates, choice: Choice, raw: jax.Array, column: jax.Array
) -> Candidates:
    """Updates the tables for the one or two columns of a choice.

    Args:
      candidates: tables of any parent.
      choice: the pair that enters.
      raw: (2, 2, d, K), <candidate, raw hinge> of first and second; the second is not read unless
        the choice is paired.
      column: () int32, index of the first new column.
    """
    coefficients = choice.projection.at[1, column].set(second_on_first(choice))

    def enter(i, tables):
        return _enter(tables, raw[i], coefficients[i], choice.norm[i], choice.effect[i], column + i)

    return jax.lax.fori_loop(0, choice.columns, enter, candidates)


def second_on_first(choice: Choice) -> jax.Array:
    """<second raw hinge, first new orthonormal column>.

    The pair's supports are disjoint, so the raw inner product is 0 and only what both have in the
    span remains.
    """
    return -(choice.projection[0] @ choice.projection[1]) / choice.norm[0]


def start(
    raw: jax.Array, effects: jax.Array, triangle: jax.Array, norm: jax.Array, target: jax.Array,
    allowed: jax.Array, features: jax.Array,
) -> Candidates:  # fmt: skip
    """Makes the tables of a new parent against a basis that already stands.

    Args:
      raw: (M, 2, d, K), <candidate, raw column j>; 0 beyond the columns in use.
      effects: (M, k), <y, q_j>; 0 beyond.
      triangle: (M, M) lower triangular, raw_i = sum_j triangle[i, j] q_j; the identity beyond.
      norm: (2, d, K), |candidate|^2.
      target: (2, d, K, k), <candidate, y>.
      allowed: (d, K) bool.
      features: (d,) int32, columns of x that the candidates are about.
    """
    flat = jax.scipy.linalg.solve_triangular(triangle, raw.reshape(raw.shape[0], -1), lower=True)
    projection = flat.reshape(raw.shape)
    return Candidates(
        projection=projection,
        norm=norm,
        remainder=norm - (projection**2).sum(0),
        cross=-(projection[:, 0] * projection[:, 1]).sum(0),
        residual=target - jnp.einsum("m...,mk->...k", projection, effects),
        allowed=allowed & (norm > 0).any(0),
        features=features,
    )
