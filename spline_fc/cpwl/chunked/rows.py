"""Least squares on rows that come in chunks: a pass over the data for each question."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from spline_fc.cpwl.chunked.inputs import ChunkedData
from spline_fc.cpwl.chunked.scaling import Block as Scaled
from spline_fc.cpwl.chunked.scaling import ScaledChunks, in_blocks
from spline_fc.cpwl.inputs import CHUNK_ROWS
from spline_fc.cpwl.products import Products
from spline_fc.cpwl.rows import Block, HostRows
from spline_fc.cpwl.terms import Term, term_values
from spline_fc.threads import ahead


class ChunkedRows(HostRows):
    """What a refit asks of rows that are read a chunk at a time."""

    def __init__(self, data: ChunkedData) -> None:
        self.data, self.weight = data, data.weight
        self.mean, self.square = data.mean, data.square

    def blocks(self) -> Iterator[Block]:
        """All rows, some at a time."""
        return self._read(0.0, 1.0)

    def blocks_with(self, y: Any) -> Iterator[Block]:
        """All rows, their targets less the mean and in their unit."""
        return self._read(self.data.mean, self.data.unit)

    def _read(self, mean: np.ndarray | float, unit: float) -> Iterator[Block]:
        for x, y, weights in ahead(in_blocks(self.data.rows(), CHUNK_ROWS)):
            yield Block(x, (y.astype(np.float64) - mean) / unit, weights)


def products_of(columns: ScaledChunks, terms: Sequence[Term], num_folds: int) -> Products:
    """Products of an intercept and some terms on scaled columns, which alone are read.

    Row i of those that count belongs to fold i modulo num_folds.
    """
    used = sorted(set().union(*(term.features for term in terms)))
    place = {v: i for i, v in enumerate(used)}
    own = [Term(tuple((place[v], s, t) for v, s, t in term.factors)) for term in terms]
    columns = columns.taken(np.array(used, int))

    def made(block: Scaled) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """[1 B], y and weights (n, 1)."""
        values = term_values(block.columns.T, own)
        design = np.concatenate([np.ones((len(values), 1)), values], axis=1)
        return design, block.y, block.weights[:, None]

    def squares(change: np.ndarray | None) -> np.ndarray:
        found: Any = [0.0] * num_folds
        before = 0
        for design, y, weights in columns.blocks(made):
            z = np.concatenate([design if change is None else design @ change, y], axis=1)
            for f in range(num_folds):
                own = slice((f - before) % num_folds, None, num_folds)
                found[f] = found[f] + (weights[own] * z[own]).T @ z[own]
            before += len(z)
        return np.stack(found)

    def residuals(coef: np.ndarray) -> tuple[np.ndarray, float]:
        products, rss = np.zeros(coef.shape), 0.0
        for design, y, weights in columns.blocks(made):
            residual = y - design @ coef
            weighted = weights * residual
            products += design.T @ weighted
            rss += float((weighted * residual).sum())
        return products, rss

    return Products(squares, residuals)
