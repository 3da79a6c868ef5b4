"""The units of a fit, and the scaled columns of rows that come in chunks; see `cpwl.scaling`."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from spline_fc.cpwl import scaling
from spline_fc.cpwl.chunked.inputs import ChunkedData, Rows
from spline_fc.cpwl.inputs import CheckedData
from spline_fc.cpwl.scaling import ScaledColumns, per_unit
from spline_fc.cpwl.terms import raw_columns
from spline_fc.threads import ahead

BLOCK_ROWS, BLOCK_CELLS = 1 << 14, 1 << 20  # that are worked on at once, at most
Work = TypeVar("Work")


class Block(NamedTuple):
    """Rows in the units of the fit, float64."""

    columns: np.ndarray  # (D, n), contiguous
    y: np.ndarray  # (n, k), less the mean, in units of the targets
    weights: np.ndarray  # (n,)


@dataclasses.dataclass(frozen=True)
class ScaledChunks:
    """Columns of z as the search works on them; they are made anew at every pass."""

    data: ChunkedData
    projection: np.ndarray  # (d, q) float64
    which: np.ndarray  # (D,) int, columns of z
    reach: np.ndarray  # (2, d + q) float64, ends beyond which values are pulled in
    shift: np.ndarray  # (d + q,)
    scale: np.ndarray  # (d + q,)

    def __len__(self) -> int:
        return len(self.which)

    def taken(self, kept: np.ndarray) -> "ScaledChunks":
        """Some of the columns."""
        return dataclasses.replace(self, which=self.which[kept])

    def scaled(self, x: np.ndarray) -> np.ndarray:
        """The columns (D, n) of some rows, as `cpwl.scaling` makes them of all rows."""
        num_features = x.shape[1]
        columns = np.empty((len(self.which), len(x)))
        own = self.which < num_features
        columns[own] = x[:, self.which[own]].T
        for place in np.flatnonzero(~own):
            direction = self.projection[:, self.which[place] - num_features]
            columns[place] = x.astype(np.float64, copy=False) @ direction
        low, high, shift, scale = (
            part[self.which][:, None] for part in (*self.reach, self.shift, self.scale)
        )
        np.clip(columns, low, high, out=columns)
        columns -= shift
        columns *= per_unit(scale)
        return columns

    @property
    def block_rows(self) -> int:
        """Rows of a block; the last one may have fewer."""
        return block_rows(len(self.which))

    def blocks(self, work: Callable[[Block], Work]) -> Iterator[Work]:
        """One pass: what is made of every block, read, scaled and made ahead of its use."""
        return ahead(map(work, self._blocks()))

    def _blocks(self) -> Iterator[Block]:
        for rows in in_blocks(self.data.rows(), self.block_rows):
            y = (rows.y.astype(np.float64) - self.data.mean) / self.data.unit
            yield Block(self.scaled(rows.x), y, rows.weights)


def block_rows(num_columns: int) -> int:
    """Rows of a block of so many columns, a power of 2."""
    room = max(1, BLOCK_CELLS // max(num_columns, 1))
    return min(BLOCK_ROWS, 1 << (room.bit_length() - 1))


def in_blocks(chunks: Iterator[Rows], size: int) -> Iterator[Rows]:
    """Rows of chunks of any length in blocks of one, but for the last."""
    rest: list[Rows] = []
    held = 0
    for chunk in chunks:
        start = 0
        while held + len(chunk.x) - start >= size:
            stop = start + size - held
            rest.append(Rows(*(part[start:stop] for part in chunk)))
            yield _joined(rest)
            rest, held, start = [], 0, stop
        rest.append(Rows(*(part[start:] for part in chunk)))
        held += len(chunk.x) - start
    if held:
        yield _joined(rest)


def _joined(parts: Sequence[Rows]) -> Rows:
    parts = [part for part in parts if len(part.x)]
    return parts[0] if len(parts) == 1 else Rows(*map(np.concatenate, zip(*parts, strict=True)))


def scaled_columns(
    data: ChunkedData, projection: np.ndarray, choices: Sequence, end_span: int,
    linear: frozenset[int],
) -> ScaledColumns:  # fmt: skip
    """Does what `cpwl.scaling.scaled_columns` does, from the sample and the ends of all columns.

    Where all rows are in the sample the candidates are those of a fit in memory, to the last bit.
    """
    z, weights = raw_columns(data.x, projection), data.weights
    if not data.is_whole:  # two rows more, so that no value lies before the first knot
        ends = _ends(data, projection)
        z = np.concatenate([z, ends])
        weights = np.concatenate([weights, np.full(2, weights.min())])
    some = CheckedData(z, np.zeros((len(z), 1)), weights, np.dtype(np.float64))
    width = z.shape[1]
    rest = (choices, end_span, linear, width, data.x.dtype)
    found = scaling.scaled_columns(some, np.zeros((width, 0)), *rest)
    units = found.units
    made = (np.arange(width), units.reach.T, units.middle, units.scale)
    columns: Any = ScaledChunks(data, projection, *made)
    return found._replace(columns=columns)


def _ends(data: ChunkedData, projection: np.ndarray) -> np.ndarray:
    """Least and largest value of every column of z, (2, d + q); a pass if there are directions."""
    ends = np.stack([data.least, data.most]).astype(np.float64)
    if not projection.shape[1]:
        return ends
    along = np.array([np.full(projection.shape[1], end) for end in (np.inf, -np.inf)])
    for rows in in_blocks(data.rows(), BLOCK_ROWS):
        z = rows.x.astype(np.float64, copy=False) @ projection
        along = np.stack([np.minimum(along[0], z.min(0)), np.maximum(along[1], z.max(0))])
    return np.concatenate([ends, along], axis=1)
