"""Standardisation of rows that come in chunks: one pass for the statistics, then as they come."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from spline_fc.checks import as_float_dtype, check, check_kind
from spline_fc.data.chunks import Chunk, Chunks, check_values
from spline_fc.data.records import Scaler
from spline_fc.data.scaling import NARROW, SAMPLE_ROWS, centre, tell_lost


class _Moments:
    """Mean, deviation and a sample of columns, gathered chunk by chunk (Chan et al. 1979)."""

    def __init__(self) -> None:
        self.count = 0
        self.every = 1  # so many rows are in between those of the sample

    def add(self, values: np.ndarray) -> None:
        """Rows (n, c), n > 0."""
        self._sample(values)
        values = values.astype(np.float64)
        count, mean = len(values), values.mean(0)
        least, most = values.min(0), values.max(0)
        if not self.count:
            self.mean, self.least, self.most, self.squares = mean, least, most, 0 * mean
        width = self.most - self.least
        self.least, self.most = np.minimum(self.least, least), np.maximum(self.most, most)
        # Squares are of shares of the width: those of tiny numbers themselves would be 0.
        wide = np.maximum(self.most - self.least, NARROW)
        away, total = mean - self.mean, self.count + count
        own = (((values - mean) / wide) ** 2).sum(0)
        between = (away / wide) ** 2 * (self.count * count / total)
        self.squares = self.squares * (width / wide) ** 2 + own + between
        self.mean = self.mean + away * (count / total)
        self.count = total

    def _sample(self, values: np.ndarray) -> None:
        """Keeps rows that are evenly spread over all that came, SAMPLE_ROWS at most."""
        some = values[-self.count % self.every :: self.every]
        self.rows = np.concatenate([self.rows, some]) if self.count else some.copy()
        while len(self.rows) > SAMPLE_ROWS:
            self.rows, self.every = self.rows[::2], 2 * self.every

    def unit(self) -> tuple[np.ndarray, np.ndarray]:
        """Shift and scale of every column; those of a constant one are its value and 1."""
        width = self.most - self.least
        deviation = width * np.sqrt(self.squares / self.count)
        narrow = width < NARROW
        return np.where(narrow, self.least, self.mean), np.where(narrow, 1.0, deviation)


def fit_chunk_scaler(source: Chunks) -> Scaler:
    """Measures mean and standard deviation (divisor n) of every column of x and y; one pass.

    Rows of weight 0 are left out; other weights do not count, as in `standardize`. Where that takes
    another shift than the mean, here it is that of SAMPLE_ROWS rows at most, of all chunks. A
    warning names the column of which float32 could not tell the values apart all the same.

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
    rows = both[0].rows
    x_shift, lost = centre(shift, scale, rows)
    tell_lost(lost, rows, tuple(f"x{j}" for j in range(len(lost))))
    return Scaler(x_shift, scale, *both[1].unit())


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
