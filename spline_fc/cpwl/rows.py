"""What refits ask of the rows, wherever these lie; here on the host, all in float64."""

import abc
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from spline_fc.cpwl.evaluation import evaluate_float64
from spline_fc.cpwl.inputs import CheckedData, chunks
from spline_fc.cpwl.refit import solve_triangle, triangle
from spline_fc.cpwl.regressors import Regressors, regressors_of
from spline_fc.cpwl.spline import Spline
from spline_fc.cpwl.terms import Term, raw_columns, term_values

ROUNDING = float(np.finfo(np.float64).eps)


class Block(NamedTuple):
    """Some rows."""

    x: np.ndarray  # (n, d)
    y: np.ndarray  # (n, k) float64
    weights: np.ndarray  # (n,) float64


class Basis(NamedTuple):
    """Columns [1, B join] of rows, B being terms in raw units."""

    terms: Sequence[Term]  # m of them, on columns of z
    linear: frozenset[int]  # columns that are meant as they are, less the knot
    projection: np.ndarray  # (d, q)
    join: np.ndarray  # (m, p)


class Rows(abc.ABC):
    """n rows of d features, k targets and a weight."""

    weight: float  # the sum of the weights
    mean: np.ndarray  # (k,), weighted, of the targets
    square: float  # weighted sum of squares of the targets about their mean

    @abc.abstractmethod
    def spread(self, projection: np.ndarray) -> np.ndarray:
        """Standard deviations (d + q,) of the columns z = [x, x projection]."""

    @abc.abstractmethod
    def triangle(self, columns: Regressors) -> np.ndarray:
        """R of the QR decomposition of [1, p regressors, y - mean], rows times root of share."""

    @abc.abstractmethod
    def mean_residual(self, columns: Regressors, coef: np.ndarray) -> np.ndarray:
        """Weighted mean (k,) of y less the regressors times coefficients (p, k)."""

    @abc.abstractmethod
    def rss(self, spline: Spline) -> float:
        """Weighted residual sum of squares, of the spline as it will be evaluated."""

    @abc.abstractmethod
    def least_squares(self, basis: Basis, y: Any) -> np.ndarray:
        """Coefficients (1 + p, k) of a basis, the intercept first.

        Args:
          basis: of m terms, joined to p columns.
          y: (n, k) float64, in place of the targets.
        """

    @abc.abstractmethod
    def rss_of(self, basis: Basis, coef: np.ndarray, y: Any) -> float:
        """Weighted RSS of coefficients (1 + p, k), as `least_squares` has them.

        Every residual counts as large as rounding in float64 may make it, in whatever order terms
        are summed: of slopes that cancel at 1e20, one order may by chance leave 0, others 1e4.
        """

    def regressors(self, spline: Spline) -> Regressors:
        """The regressors of a spline, their columns measured on the rows."""
        return regressors_of(spline, self.spread(np.asarray(spline.projection, np.float64)))


class HostRows(Rows):
    """Rows that are NumPy arrays."""

    def __init__(self, data: CheckedData) -> None:
        wide = (a.astype(np.float64, copy=False) for a in (data.y, data.weights))
        self.x, self.y, self.weights = data.x, *wide
        self.weight = float(self.weights.sum())
        self.mean = self.weights @ self.y / self.weight
        self.square = float((self.weights @ (self.y - self.mean) ** 2).sum())

    def blocks(self) -> Iterator[Block]:
        """All rows, some at a time."""
        return self.blocks_with(self.y)

    def blocks_with(self, y: Any) -> Iterator[Block]:
        """All rows with other targets (n, k), some at a time."""
        return (Block(self.x[r], y[r], self.weights[r]) for r in chunks(len(self.x)))

    def spread(self, projection: np.ndarray) -> np.ndarray:
        """See `Rows`."""

        def mean(of: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
            parts = (
                b.weights / self.weight @ of(raw_columns(b.x, projection)) for b in self.blocks()
            )
            return np.sum(list(parts), axis=0)

        middle = mean(lambda z: z)
        return np.sqrt(mean(lambda z: (z - middle) ** 2))

    def triangle(self, columns: Regressors) -> np.ndarray:
        """See `Rows`."""

        def block(b: Block) -> np.ndarray:
            ones, root = np.ones((len(b.x), 1)), np.sqrt(b.weights / self.weight)[:, None]
            return root * np.hstack([ones, columns.values(b.x), b.y - self.mean])

        return triangle(map(block, self.blocks()))

    def mean_residual(self, columns: Regressors, coef: np.ndarray) -> np.ndarray:
        """See `Rows`."""
        parts = (
            b.weights / self.weight @ (b.y - columns.values(b.x) @ coef) for b in self.blocks()
        )
        return np.sum(list(parts), axis=0)

    def rss(self, spline: Spline) -> float:
        """See `Rows`."""
        parts = (b.weights @ (b.y - evaluate_float64(spline, b.x)) ** 2 for b in self.blocks())
        return float(sum(part.sum() for part in parts))

    def least_squares(self, basis: Basis, y: Any) -> np.ndarray:
        """See `Rows`."""

        def block(b: Block) -> np.ndarray:
            return np.sqrt(b.weights)[:, None] * np.concatenate([_design(basis, b.x), b.y], axis=1)

        found = triangle(map(block, self.blocks_with(y)))
        return solve_triangle(found, 1 + basis.join.shape[1])

    def rss_of(self, basis: Basis, coef: np.ndarray, y: Any) -> float:
        """See `Rows`."""

        def part(b: Block) -> float:
            values = _design(basis, b.x)
            rounded = ROUNDING * (np.abs(values) @ np.abs(coef))
            return float((b.weights @ (np.abs(b.y - values @ coef) + rounded) ** 2).sum())

        return sum(map(part, self.blocks_with(y)))


def _design(basis: Basis, x: np.ndarray) -> np.ndarray:
    z = raw_columns(x, basis.projection)
    values = term_values(z, basis.terms)
    for m, term in enumerate(basis.terms):
        if term.features & basis.linear:
            ((column, slope, knot),) = term.factors
            values[:, m] = slope * (z[:, column] - knot)
    return np.concatenate([np.ones((len(z), 1)), values @ basis.join], axis=1)
