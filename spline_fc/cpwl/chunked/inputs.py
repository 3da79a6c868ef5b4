"""The door for rows in chunks: one pass that checks, counts, and takes a sample."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from spline_fc import checks
from spline_fc.cpwl.inputs import CheckedData, is_too_light, tell_scaled
from spline_fc.data.chunks import Chunk, Chunks, check_values

# Rows from which knots, units and directions are found: so many, fewer of wide data; or all.
SAMPLE_ROWS, SAMPLE_CELLS, LEAST_SAMPLE = 1 << 16, 1 << 24, 1 << 13
SEED = 0  # of the draw of the sample


class Digest(NamedTuple):
    """By which a chunk is known again."""

    rows: int
    total: int  # of the bits of x, y and weights, modulo 2**64


class Rows(NamedTuple):
    """Rows of a chunk that count."""

    x: np.ndarray  # (n, d)
    y: np.ndarray  # (n, k)
    weights: np.ndarray  # (n,) float64, > 0


def sample_rows(num_features: int) -> int:
    """How many rows a sample has at most."""
    return min(SAMPLE_ROWS, max(LEAST_SAMPLE, SAMPLE_CELLS // num_features))


class ChunkedData(NamedTuple):
    """Data that every part of the room may rely on; rows of weight 0 are left out.

    Of x and y only the sample is here, of at most `sample_rows` rows, each as likely as any other.
    """

    source: Chunks
    digests: tuple[Digest, ...]  # of the chunks, in order
    x: np.ndarray  # (m, d), of the sample
    y: np.ndarray  # (m, k)
    weights: np.ndarray  # (m,) float64, > 0
    num_rows: int
    total: float  # sum of the weights as they came
    factor: float  # that they are to be multiplied by
    least: np.ndarray  # (d,) of all rows
    most: np.ndarray  # (d,)
    mean: np.ndarray  # (k,) float64, weighted, of the targets
    square: float  # weighted sum of squares of the targets about their mean
    unit: float  # a power of 2 that no target less its mean exceeds twice
    dtype: np.dtype = np.dtype(np.float64)  # in which the search computes

    @property
    def weight(self) -> float:
        """The sum of the weights."""
        return self.total * self.factor

    @property
    def is_whole(self) -> bool:
        """Whether all rows are in the sample."""
        return len(self.x) == self.num_rows

    def sample(self, most: int | None = None) -> CheckedData:
        """At most so many rows of the sample, evenly spread and in order; or all of it."""
        return CheckedData(self.x, self.y, self.weights, self.dtype).sample(most)

    def rows(self) -> Iterator[Rows]:
        """One pass over the rows that count.

        Raises:
          ValueError: the source is not what it was when it was checked.
        """
        wanted = f"{self.source.label} must be the same at every pass"
        passed = 0
        for passed, chunk in enumerate(self.source, start=1):
            known = self.digests[passed - 1] if passed <= len(self.digests) else Digest(0, 0)
            came = _digest(chunk)
            checks.check(
                came == known,
                f"{wanted}; chunk {chunk.number} had {known.rows} rows, and now has {came.rows}"
                f"{' with other values' * (came.rows == known.rows)}.",
            )
            rows = _counted(chunk)
            if len(rows.x):
                yield rows._replace(weights=rows.weights * self.factor)
        checks.check(
            passed == len(self.digests),
            f"{wanted}; a later one ended after {passed} of {len(self.digests)} chunks, as that of "
            "a generator does which can be read once alone.",
        )


def checked_chunks(source: Chunks) -> ChunkedData:
    """Checks all chunks of a source, and takes a sample of their rows.

    Raises:
      ValueError: no rows, values that are not finite or too large (with their chunk, and their row
        in it), negative or all-zero weights.
    """
    seen = _Seen()
    for chunk in source:
        seen.look(chunk)
    checks.check(bool(seen.digests), f"{source.label} must have rows; got none.")
    checks.check(seen.count > 0, "weights must not all be zero; got only zeros.")
    light = is_too_light(seen.total, seen.count)
    if light:
        tell_scaled(seen.total, seen.count)
    factor = seen.count / seen.total if light else 1.0
    offset = seen.first / seen.total
    mean, square = seen.start + offset, float((seen.second - seen.total * offset**2).sum())
    largest = float(np.maximum(seen.highest - mean, mean - seen.lowest).max())
    x, y, weights = seen.sample.rows()
    return ChunkedData(
        source=source,
        digests=tuple(seen.digests),
        x=x,
        y=y,
        weights=weights * factor,
        num_rows=seen.count,
        total=seen.total,
        factor=factor,
        least=seen.least,
        most=seen.most,
        mean=mean,
        square=max(square, 0.0) * factor,
        unit=float(2 ** np.floor(np.log2(largest))) if largest > 0 else 1.0,
    )


class _Seen:
    """What is known of the chunks looked at."""

    def __init__(self) -> None:
        self.digests: list[Digest] = []
        self.count, self.total = 0, 0.0

    def look(self, chunk: Chunk) -> None:
        """Checks a chunk with rows, and counts it in."""
        check_values(chunk)
        self.digests.append(_digest(chunk))
        rows = _counted(chunk)
        if not len(rows.x):
            return
        y = rows.y.astype(np.float64, copy=False)
        ends = (rows.x.min(0), rows.x.max(0), y.min(0), y.max(0))
        if not self.count:
            # From a value amid them: a far offset costs no digits, and a constant comes out as 0.
            self.start = np.clip(np.median(y, axis=0), y.min(0), y.max(0))
            self.first, self.second = np.zeros((2, y.shape[1]))
            self.least, self.most, self.lowest, self.highest = ends
            self.sample = _Sample(sample_rows(rows.x.shape[1]))
        self.first += rows.weights @ (y - self.start)
        self.second += rows.weights @ (y - self.start) ** 2
        self.count += len(y)
        self.total += float(rows.weights.sum())
        self.least, self.lowest = np.minimum(self.least, ends[0]), np.minimum(self.lowest, ends[2])
        self.most, self.highest = np.maximum(self.most, ends[1]), np.maximum(self.highest, ends[3])
        self.sample.add(rows)


class _Sample:
    """A sample without replacement in one pass, whatever the chunks: every row draws a number.

    The rows with the smallest ones are kept, in order. Two such samples can be merged.
    """

    def __init__(self, size: int) -> None:
        self.size, self.rng = size, np.random.default_rng(SEED)
        self.parts: list[tuple[np.ndarray, Rows]] = []
        self.limit, self.held = 2.0, 0  # no number is above 1

    def add(self, rows: Rows) -> None:
        """Rows of a chunk, some of which may be kept."""
        drawn = self.rng.random(len(rows.x))
        kept = drawn < self.limit
        self.parts.append((drawn[kept], Rows(*(part[kept] for part in rows))))
        self.held += int(kept.sum())
        if self.held > 2 * self.size:
            self._cut()

    def rows(self) -> Rows:
        """The sample."""
        if self.held > self.size:
            self._cut()
        _, rows = self._joined()
        return rows

    def _joined(self) -> tuple[np.ndarray, Rows]:
        drawn, rows = zip(*self.parts, strict=True)
        return np.concatenate(drawn), Rows(*map(np.concatenate, zip(*rows, strict=True)))

    def _cut(self) -> None:
        drawn, rows = self._joined()
        self.limit = float(np.partition(drawn, self.size)[self.size])
        kept = drawn < self.limit
        self.parts = [(drawn[kept], Rows(*(part[kept] for part in rows)))]
        self.held = int(kept.sum())


def _counted(chunk: Chunk) -> Rows:
    """The rows of weight above 0."""
    x, y, weights, _ = chunk
    if weights is None:
        return Rows(x, y, np.ones(len(x)))
    weights = weights.astype(np.float64, copy=False)
    counts = weights > 0
    return Rows(x, y, weights) if counts.all() else Rows(x[counts], y[counts], weights[counts])


def _digest(chunk: Chunk) -> Digest:
    """Sums of bits cost what reading the chunk from memory does."""
    total = 0
    for array in chunk[:3]:
        if array is not None:
            bits = np.ascontiguousarray(array).view(f"u{array.dtype.itemsize}")
            total = (31 * total + int(bits.sum(dtype=np.uint64))) % 2**64
    return Digest(len(chunk.x), total)
