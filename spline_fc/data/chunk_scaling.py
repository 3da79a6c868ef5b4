"""Standardisation of rows that come in chunks: one pass for the statistics, then as they come."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from spline_fc.checks import as_float_dtype, check, check_kind
from spline_fc.data.chunks import Chunk, Chunks, check_values
from spline_fc.data.records import Scaler
from spline_fc.data.scaling import NARROW, body, centre


class _Moments:
    """Mean and squared deviations of columns, gathered chunk by chunk (Chan et al. 1979)."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, values: np.ndarray) -> None:
        """Rows (n, c), n > 0."""
        values = values.astype(np.float64)
        count, mean = len(values), values.mean(0)
        squares, ends = ((values - mean) ** 2).sum(0), (values.min(0), values.max(0))
        if not self.count:
            self.body = body(values)  # of the first rows alone
            self.mean, self.squares, (self.least, self.most) = mean, squares, ends
        else:
            away, total = mean - self.mean, self.count + count
            self.mean = self.mean + away * (count / total)
            self.squares = self.squares + squares + away**2 * (self.count * count / total)
            self.least, self.most = np.minimum(self.least, ends[0]), np.maximum(self.most, ends[1])
        self.count += count

    def unit(self) -> tuple[np.ndarray, np.ndarray]:
        """Shift and scale of every column; those of a constant one are its value and 1."""
        narrow = self.most - self.least < NARROW
        deviation = np.sqrt(self.squares / self.count)
        return np.where(narrow, self.least, self.mean), np.where(narrow, 1.0, deviation)


def fit_chunk_scaler(source: Chunks) -> Scaler:
    """Measures mean and standard deviation (divisor n) of every column of x and y; one pass.

    Rows of weight 0 are left out; other weights do not count, as in `fit_scaler`. Where that takes
    a median for the shift, here it is the median of the first chunk.

    Raises:
      ValueError: no rows, values that are not finite, or weights that are negative or not finite.
      TypeError: no source of Chunks.
    """
    check_kind("source", source, Chunks, "a source of")
    both = _Moments(), _Moments()
    for chunk in source:
        check_values(chunk)
        kept = slice(None) if chunk.weights is None else chunk.weights > 0
        for moments, values in zip(both, chunk[:2], strict=True):
            if len(values[kept]):
                moments.add(values[kept])
    check(both[0].count > 0, f"{source.label} must have rows of weight above 0; got none.")
    shift, scale = both[0].unit()
    return Scaler(centre(shift, both[0].body), scale, *both[1].unit())


def scale_chunks(source: Chunks, scaler: Scaler, dtype: Any = np.float32) -> Chunks:
    """The same source in standardised units, scaled in float64 and cast as chunks are read.

    Args:
      source: in raw units. scaler: of the same columns.
      dtype: floating dtype of x and y.

    Raises:
      ValueError: a dtype that is not floating; when it is read, columns that are not those of the
        scaler.
      TypeError: no source of Chunks, or no Scaler.
    """
    check_kind("source", source, Chunks, "a source of")
    check_kind("scaler", scaler, Scaler)
    dtype = as_float_dtype(dtype)

    def scaled(chunk: Chunk) -> tuple[np.ndarray, ...]:
        widths, wanted = (chunk.x.shape[1], chunk.y.shape[1]), (len(scaler[0]), len(scaler[2]))
        check(
            widths == wanted,
            f"chunk {chunk.number} must have {wanted} columns of x and y, as the scaler has; got "
            f"{widths}.",
        )
        x, y = (chunk.x - scaler.x_shift) / scaler.x_scale, (chunk.y - scaler.y_shift)
        found = x.astype(dtype), (y / scaler.y_scale).astype(dtype)
        return found if chunk.weights is None else (*found, chunk.weights)

    def make() -> Iterator[tuple[np.ndarray, ...]]:
        return map(scaled, source)

    return dataclasses.replace(source, make=make)
