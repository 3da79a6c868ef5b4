"""Rows that come in chunks, as often as they are asked for: data larger than memory.

A source is read from its first chunk to its last, pass after pass, and holds nothing between two
chunks. What is wrong with a chunk is told with its number, counted from 0.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from spline_fc.arrays import as_names, numbers
from spline_fc.checks import (
    as_list,
    check,
    check_finite,
    check_rank,
    check_same_length,
    check_size,
    shown,
)


class Chunk(NamedTuple):
    """Some rows; NumPy, float32 or float64."""

    x: np.ndarray  # (n, d)
    y: np.ndarray  # (n, k)
    weights: np.ndarray | None  # (n,)
    number: int  # in its source, empty ones counted


@dataclasses.dataclass(frozen=True, eq=False)
class Chunks:
    """A source of rows in chunks; iterating it is one pass over all of them.

    Made by `chunks_of`, `chunks_of_npy` or `chunks_of_parquet`.
    """

    label: str  # what it is, for errors and logs
    make: Callable[[], Iterable[Any]]  # begins a pass: chunks (x, y) or (x, y, weights)
    names: tuple[str, ...] | None = None  # of the columns of x
    num_rows: int | None = None  # where it is known without a pass
    _told: list[str] = dataclasses.field(default_factory=list, init=False, repr=False)

    def __iter__(self) -> Iterator[Chunk]:
        """Chunks with rows, in order; empty ones are left out, but counted.

        Raises:
          ValueError: a chunk that is no pair or triple of arrays of numbers, that has other columns
            or dtypes than those before it, or weights that are negative or not finite.
        """
        first: Chunk | None = None
        for number, came in enumerate(_begun(self)):
            chunk = _as_chunk(came, number, self._told)
            if first is None:
                first = chunk
            wanted, kind = _kind(first), _kind(chunk)
            check(
                kind == wanted,
                f"chunk {number} must have the columns and dtypes of those before, {wanted}; got "
                f"{kind}.",
            )
            if len(chunk.x):
                yield chunk

    def __repr__(self) -> str:
        rows = "" if self.num_rows is None else f", {self.num_rows} rows"
        return f"Chunks of {self.label}{rows}"


def _begun(source: Chunks) -> Iterator[Any]:
    begun = source.make()
    check(
        isinstance(begun, Iterable),
        f"make must return an iterable of chunks (x, y) or (x, y, weights); got {shown(begun)}.",
    )
    return iter(begun)


def _as_chunk(came: Any, number: int, told: list[str]) -> Chunk:
    pair = isinstance(came, (tuple, list)) and len(came) in (2, 3)
    check(pair, f"chunk {number} must be (x, y) or (x, y, weights); got {shown(came)}.")
    x, y = (
        numbers(f"{name} of chunk {number}", a, told) for name, a in zip("xy", came, strict=False)
    )
    check_rank(f"x of chunk {number}", x, 2, "(n, d)")
    check(x.shape[1] > 0, f"x of chunk {number} must have at least one column; got none.")
    check(
        y.ndim in (1, 2) and 0 not in y.shape[1:],
        f"y of chunk {number} must have shape (n,) or (n, k); got {y.shape}.",
    )
    check_same_length(f"x of chunk {number}", x, f"y of chunk {number}", y)
    y = y.reshape(len(y), y.shape[1] if y.ndim == 2 else 1)
    if len(came) == 2 or came[2] is None:
        return Chunk(x, y, None, number)
    name = f"weights of chunk {number}"
    weights = numbers(name, came[2], told)
    check_rank(name, weights, 1, "(n,)")
    check_same_length(name, weights, f"x of chunk {number}", x)
    if len(weights):
        check_finite(name, weights)
        check_size(name, weights)
        lowest = float(weights.min())
        check(lowest >= 0, f"{name} must not be negative; the smallest is {lowest}.")
    return Chunk(x, y, weights, number)


def check_values(chunk: Chunk) -> None:
    """Checks the numbers of a chunk with rows.

    Raises:
      ValueError: a row of weight above 0 whose numbers, or their squares, are not finite.
    """
    for name, array in zip("xy", chunk[:2], strict=True):
        name = f"{name} of chunk {chunk.number}"
        if chunk.weights is not None and not chunk.weights.all():
            # In place of those that do not count stands a 0, so that the index is the caller's.
            array = np.where(chunk.weights[:, None] > 0, array, 0)
        # Sums see NaN and infinity without another array; only where they do is one made.
        with np.errstate(invalid="ignore", over="ignore"):
            fine = np.isfinite(array.sum(dtype=np.float64))
        if not fine:
            check_finite(name, array)
        check_size(name, array)


def _kind(chunk: Chunk) -> str:
    """Columns and dtypes of a chunk, in words."""
    x, y, weights, _ = chunk
    more = "no weights" if weights is None else f"weights of {weights.dtype}"
    return f"x of {x.dtype} with {x.shape[1]}, y of {y.dtype} with {y.shape[1]} and {more}"


def chunks_of(make: Callable[[], Iterable[Any]], *, names: Sequence[str] | None = None) -> Chunks:
    """A source of one's own.

    Args:
      make: called at the beginning of each pass; returns an iterable of chunks (x, y) or
        (x, y, weights) of x (n, d), y (n,) or (n, k) and weights (n,) >= 0, the same at each call.
        The chunks may differ in their rows n.
      names: of the columns of x.

    Raises:
      ValueError: `make` cannot be called, as a generator that can be read once alone.
    """
    check(
        callable(make),
        "make must be a function that begins a new pass at each call, as data are read several "
        f"times; got {shown(make)}.",
    )
    label = f"the source {getattr(make, '__name__', type(make).__name__)}"
    listed = None if names is None else as_list("names", names, "words")
    found = None if listed is None else as_names("names", listed, len(listed))
    return Chunks(label, make, found)
