"""What refits ask of the rows, wherever these lie; here on the host, all in float64."""

import abc
from collections.abc import Sequence
from typing import Any

import numpy as np

from spline_fc.cpwl.evaluation import evaluate_float64
from spline_fc.cpwl.inputs import CheckedData, chunks
from spline_fc.cpwl.refit import solve_triangle, triangle
from spline_fc.cpwl.regressors import Regressors, regressors_of
from spline_fc.cpwl.spline import Spline
from spline_fc.cpwl.terms import Term, raw_columns, term_values


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
    def least_squares(
        self, terms: Sequence[Term], linear: frozenset[int], projection: np.ndarray, y: Any
    ) -> tuple[np.ndarray, float]:
        """Coefficients of an intercept and some terms in raw units.

        Args:
          terms: m terms on columns of z.
          linear: columns that are meant as they are, less the knot.
          projection: (d, q).
          y: (n, k) float64, in place of the targets.

        Returns:
          coefficients (1 + m, k), intercept first, and the weighted residual sum of squares.
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
        self.share = self.weights / self.weights.sum()

    def spread(self, projection: np.ndarray) -> np.ndarray:
        """See `Rows`."""
        x, share, rows = self.x, self.share, list(chunks(len(self.x)))
        mean = sum(share[r] @ raw_columns(x[r], projection) for r in rows)
        return np.sqrt(sum(share[r] @ (raw_columns(x[r], projection) - mean) ** 2 for r in rows))

    def triangle(self, columns: Regressors) -> np.ndarray:
        """See `Rows`."""
        x, y = self.x, self.y
        root = np.sqrt(self.share)[:, None]

        def block(r: slice) -> np.ndarray:
            ones = np.ones((len(x[r]), 1))
            return root[r] * np.hstack([ones, columns.values(x[r]), y[r] - self.mean])

        return triangle(map(block, chunks(len(x))))

    def mean_residual(self, columns: Regressors, coef: np.ndarray) -> np.ndarray:
        """See `Rows`."""
        x, y = self.x, self.y
        parts = (self.share[r] @ (y[r] - columns.values(x[r]) @ coef) for r in chunks(len(x)))
        return np.sum(list(parts), axis=0)

    def rss(self, spline: Spline) -> float:
        """See `Rows`."""
        squares = (self.y - evaluate_float64(spline, self.x)) ** 2
        return float((self.weights @ squares).sum())

    def least_squares(
        self, terms: Sequence[Term], linear: frozenset[int], projection: np.ndarray, y: np.ndarray
    ) -> tuple[np.ndarray, float]:
        """See `Rows`."""
        x, weights = self.x, self.weights
        straight = [m for m, term in enumerate(terms) if term.features & linear]

        def design(r: slice) -> np.ndarray:
            z = raw_columns(x[r], projection)
            values = term_values(z, terms)
            for m in straight:
                ((column, slope, knot),) = terms[m].factors
                values[:, m] = slope * (z[:, column] - knot)
            return np.concatenate([np.ones((len(z), 1)), values], axis=1)

        def block(r: slice) -> np.ndarray:
            return np.sqrt(weights[r])[:, None] * np.concatenate([design(r), y[r]], axis=1)

        every = list(chunks(len(y)))
        coef = solve_triangle(triangle(map(block, every)), 1 + len(terms))
        parts = (weights[r] @ (y[r] - design(r) @ coef) ** 2 for r in every)
        return coef, float(sum(part.sum() for part in parts))
