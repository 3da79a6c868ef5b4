"""Least squares on rows that lie on several devices: targets, residuals and orthogonal factors."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec

from spline_fc.cpwl.chunked.inputs import ChunkedData
from spline_fc.cpwl.chunked.rows import ChunkedRows
from spline_fc.cpwl.refit import solve_triangle
from spline_fc.cpwl.regressors import Regressors
from spline_fc.cpwl.rows import ROUNDING, Basis, HostRows, Rows
from spline_fc.cpwl.sharded.inputs import AnyData, ShardedData
from spline_fc.cpwl.spline import Spline, basis
from spline_fc.cpwl.targets import centred_targets
from spline_fc.cpwl.terms import Term, as_spline
from spline_fc.sharding import Axes, over_rows, summed

WHOLE = PartitionSpec()


class Part(NamedTuple):
    """The rows of one device, or of all."""

    x: jax.Array  # (n, d)
    y: jax.Array  # (n, k)
    weights: jax.Array  # (n,)


class Design(NamedTuple):
    """Columns [1, B join] of rows, B being the terms of a spline."""

    spline: Spline  # float64; its coefficients are not read
    join: np.ndarray | jax.Array  # (m, p) float64


def rows_of(data: AnyData) -> Rows:
    """What refits ask of some rows, where these are."""
    if isinstance(data, ChunkedData):
        return ChunkedRows(data)
    return DeviceRows(data) if isinstance(data, ShardedData) else HostRows(data)


class DeviceRows(Rows):
    """What a refit asks of rows on several devices; computed in float64."""

    def __init__(self, data: ShardedData) -> None:
        self.data, self.weight = data, data.weight
        with jax.enable_x64(True):
            centred, mean = centred_targets(data.y, data.weights)
            square = data.weights.astype(float) @ (centred**2).sum(1)
        self.mean, self.square = np.asarray(mean), float(square)

    def spread(self, projection: np.ndarray) -> np.ndarray:
        """See `Rows`."""
        with jax.enable_x64(True):
            return np.asarray(_spread(self.data.x, self.data.weights, projection))

    def triangle(self, columns: Regressors) -> np.ndarray:
        """See `Rows`."""
        found = self._triangle(self._design(columns), self.data.y, self.mean)
        return found / np.sqrt(self.weight)

    def mean_residual(self, columns: Regressors, coef: np.ndarray) -> np.ndarray:
        """See `Rows`."""
        table = np.concatenate([np.zeros((1, coef.shape[1])), coef])
        return self._residuals(self._design(columns), self.data.y, table)[0] / self.weight

    def rss(self, spline: Spline) -> float:
        """See `Rows`."""
        wide = _widened(spline)
        table = np.concatenate([wide.intercept[None], np.eye(len(wide.intercept))])
        found = self._residuals(Design(wide, wide.coef), self.data.y, table)
        return float(found[1].sum())

    def least_squares(self, basis: Basis, y: jax.Array) -> np.ndarray:
        """See `Rows`."""
        found = self._triangle(_joined(basis, y), y, np.zeros(y.shape[1]))
        return solve_triangle(found, 1 + basis.join.shape[1])

    def rss_of(self, basis: Basis, coef: np.ndarray, y: jax.Array) -> float:
        """See `Rows`."""
        part = Part(self.data.x, y, self.data.weights)
        return float(self._run(_largest_rss, _joined(basis, y), part, coef))

    def _design(self, columns: Regressors) -> Design:
        count, place = len(columns.live.terms), np.arange(len(columns.first))
        join = np.zeros((count, len(place)))
        join[columns.first, place] = 1 / columns.size
        for one, other in columns.second.items():
            join[other] = -join[one]
        outputs = np.zeros((1, columns.coef.shape[1]))
        terms = columns.live.terms
        made = (outputs[0], outputs[:0], columns.projection, np.float64, _size(terms))
        return Design(as_spline(terms, *made), join)

    def _run(self, function, *arguments):
        place = self.data.place
        rows: Any = place.rows
        inputs = (WHOLE, Part(rows, rows, rows), WHOLE)
        run = over_rows(function, place, inputs, WHOLE)
        with jax.enable_x64(True):
            found = run(*arguments, axes=place.axes, most=place.sizes.chunk)
            return jax.tree.map(np.asarray, found)

    def _triangle(self, design: Design, y: jax.Array, shift: np.ndarray) -> np.ndarray:
        return self._run(_triangle, design, Part(self.data.x, y, self.data.weights), shift)

    def _residuals(self, design: Design, y: jax.Array, coef: np.ndarray):
        return self._run(_residuals, design, Part(self.data.x, y, self.data.weights), coef)


def _size(terms: Sequence[Term]) -> tuple[int, int]:
    return len(terms), max((len(term.factors) for term in terms), default=1)


def _joined(basis: Basis, y: jax.Array) -> Design:
    """A design whose linear terms are pairs of hinges."""
    terms, outputs = basis.terms, np.zeros((1, y.shape[1]))
    straight = [m for m, term in enumerate(terms) if term.features & basis.linear]
    every = [*terms, *(Term(tuple((v, -s, t) for v, s, t in terms[m].factors)) for m in straight)]
    made = (outputs[0], outputs[:0], basis.projection, np.float64, _size(every))
    return Design(as_spline(every, *made), np.concatenate([basis.join, -basis.join[straight]]))


def _widened(spline: Spline) -> Spline:
    tables: Any = (np.asarray(array) for array in spline)
    return Spline(*(a if a.dtype.kind == "i" else a.astype(np.float64) for a in tables))


@jax.jit
def _spread(x: jax.Array, weights: jax.Array, projection: jax.Array) -> jax.Array:
    x, share = x.astype(float), weights.astype(float) / weights.sum(dtype=float)
    z = jnp.concatenate([x, x @ projection], axis=1)
    return jnp.sqrt(share @ (z - share @ z) ** 2)


def _chunks(part: Part, most: int) -> tuple[int, int]:
    """Rows per chunk, `most` at most, and how many chunks there are; they overlap little."""
    count = -(-len(part.x) // most)
    return -(-len(part.x) // count), count


def _chunk(i: jax.Array, size: int, design: Design, part: Part):
    """[1, B join], y and weights (size, 1) of chunk i; rows of an earlier one get weight 0."""
    start = jnp.minimum(i * size, len(part.x) - size)
    x, y, weights = (jax.lax.dynamic_slice_in_dim(a, start, size).astype(float) for a in part)
    weights = jnp.where(start + jnp.arange(size) >= i * size, weights, 0)
    values = basis(design.spline, x) @ design.join
    return jnp.concatenate([jnp.ones((size, 1)), values], axis=1), y, weights[:, None]


def _triangle(design: Design, part: Part, shift: jax.Array, *, axes: Axes, most: int) -> jax.Array:
    """R of the QR decomposition of sqrt(weight) [1, B join, y - shift]; what devices find meets."""
    size, count = _chunks(part, most)
    width = 1 + design.join.shape[1] + part.y.shape[1]

    def add(i, found):
        values, y, weights = _chunk(i, size, design, part)
        block = jnp.sqrt(weights) * jnp.concatenate([values, y - shift], axis=1)
        return jnp.linalg.qr(jnp.concatenate([found, block]), mode="r")

    found = jax.lax.fori_loop(0, count, add, jnp.zeros((width, width)))
    return jnp.linalg.qr(jax.lax.all_gather(found, tuple(axes), tiled=True), mode="r")


def _residuals(design: Design, part: Part, coef: jax.Array, *, axes: Axes, most: int):
    """Weighted sums (k,) of the residuals y - [1, B join] coef, and of their squares."""
    size, count = _chunks(part, most)

    def add(i, sums):
        values, y, weights = _chunk(i, size, design, part)
        residual = y - values @ coef
        return sums + jnp.stack([weights * residual, weights * residual**2]).sum(1)

    return summed(jax.lax.fori_loop(0, count, add, jnp.zeros((2, part.y.shape[1]))), axes)


def _largest_rss(design: Design, part: Part, coef: jax.Array, *, axes: Axes, most: int):
    """Weighted sum of squares of residuals that are as large as rounding may make them."""
    size, count = _chunks(part, most)

    def add(i, total):
        values, y, weights = _chunk(i, size, design, part)
        residual = abs(y - values @ coef) + ROUNDING * (abs(values) @ abs(coef))
        return total + (weights * residual**2).sum()

    return summed(jax.lax.fori_loop(0, count, add, jnp.zeros(())), axes)
