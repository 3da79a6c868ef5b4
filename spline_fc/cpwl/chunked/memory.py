"""How many bytes a fit of rows in chunks takes, told before it begins."""

import pathlib
from typing import Any

import numpy as np
from absl import logging

from spline_fc.checks import check
from spline_fc.cpwl.chunked.inputs import sample_rows
from spline_fc.cpwl.chunked.scaling import block_rows
from spline_fc.cpwl.chunked.search import HELD_BYTES
from spline_fc.cpwl.directions import most_directions
from spline_fc.data.chunks import Chunk, Chunks

_WAITING = 3  # blocks, and chunks: one in use, one that waits, one that is made
_COMPILER = 1 << 28  # bytes that XLA and what it leaves in the allocator take
TOLD_FROM = 1 << 28  # bytes beside the compiler's, below which nobody need be warned
_CGROUP = pathlib.Path("/sys/fs/cgroup")
_MEMINFO = pathlib.Path("/proc/meminfo")


def check_call(
    source: Chunks, max_terms: int, max_degree: int, screen: Any, directions: Any,
    num_directions: int, knots: Any,
) -> None:  # fmt: skip
    """Checks that options of `fit_mars` are such as rows in chunks can have; tells the memory.

    Nothing but the first chunk is read.

    Raises:
      ValueError: interactions, a screen, all data points as knots, a source without rows, or more
        memory than is free.
    """
    where = "for a source of chunks"
    check(max_degree == 1, f"max_degree must be 1 {where}; got {max_degree}.")
    check(screen is None, f"screen must be None {where}; got {screen}.")
    check(
        not isinstance(knots, str), f"knots must be a number or positions {where}; got {knots!r}."
    )
    first = next(iter(source), None)
    if first is None:
        raise ValueError(f"{source.label} must have rows; got none.")
    num_features = first.x.shape[1]
    most = most_directions(directions, num_features, first.y, num_directions)
    given = np.shape(directions) if np.ndim(directions) == 2 else (0, 0)
    tell_memory(source, first, num_features + max(most, given[1]), knots, max_terms)


def tell_memory(source: Chunks, chunk: Chunk, num_columns: int, knots: Any, max_terms: int) -> int:
    """Says how many bytes a fit will take at most, before any work.

    Of D columns of z, K knots and M terms, in float64, and of chunks and a sample of S rows of r
    bytes each (x, y and weights):

      3 chunks + 2 S (r + 8 D) + 3 * 21 D (rows of a block) + 40 M D K + 32 D K^2 (columns held)
      + 2^28 for the compiler

    Where it is known how many rows there are, K, M and the rows of a block are no more than these
    need. What is less than TOLD_FROM beside the compiler is told at the level of information.

    Args:
      source: and chunk, its first one.
      num_columns: D. knots: of `fit_mars`. max_terms: M.

    Returns:
      The bytes, beside those that the process holds already.

    Raises:
      ValueError: the machine has less memory free.
    """
    parts = _parts(chunk, source.num_rows, num_columns, _num_knots(knots), max_terms)
    total, free = sum(parts.values()), free_bytes()
    listed = ", ".join(f"{name} {in_words(size)}" for name, size in parts.items())
    rows = "rows" if source.num_rows is None else f"{source.num_rows} rows"
    if free is not None:
        check(
            total <= free,
            f"memory must hold {in_words(total)} for a fit of {source.label} ({listed}); "
            f"{in_words(free)} are free.",
        )
    tell_bytes(total - parts["compiler"], "%s: a fit of its %s takes at most %s of memory beside "
               "what is used: %s.", source.label, rows, in_words(total), listed)  # fmt: skip
    return total


def tell_bytes(size: int, message: str, *shown: Any) -> None:
    """A word on memory: a warning, as nothing below it is shown unasked, where it is much."""
    (logging.warning if size >= TOLD_FROM else logging.info)(message, *shown)


def _parts(
    chunk: Chunk, num_rows: int | None, num_columns: int, num_knots: int, max_terms: int
) -> dict[str, int]:
    size = sum(a.nbytes for a in chunk[:3] if a is not None)
    most = sample_rows(chunk.x.shape[1])
    block = block_rows(num_columns)
    if num_rows is not None:
        most, block = min(most, num_rows), min(block, num_rows)
        num_knots, max_terms = min(num_knots, _padded(num_rows)), min(max_terms, num_rows + 1)
    cells = num_columns * num_knots
    each = 32 * cells * num_knots
    held = min(max(1, HELD_BYTES // each), num_columns)
    return {
        "chunks": _WAITING * size,
        "sample": 2 * most * (size // len(chunk.x) + 8 * num_columns),
        "blocks": _WAITING * 21 * num_columns * block,
        "candidates": 40 * (max_terms + 1) * cells,
        "joint bins": held * each,
        "compiler": _COMPILER,
    }


def _num_knots(knots: Any) -> int:
    """Candidates of a column, at most, as the search makes room for them."""
    if isinstance(knots, (int, np.integer)):
        most = int(knots)
    else:
        most = max((np.size(row) + 1 for row in knots), default=1)
    return _padded(most)


def _padded(knots: int) -> int:
    return knots + -knots % 16


def free_bytes() -> int | None:
    """Memory that this process may still take; None where nothing tells."""
    found: list[int] = []
    if _MEMINFO.is_file():
        told = dict(line.split(":", 1) for line in _MEMINFO.read_text().splitlines())
        if "MemAvailable" in told:
            found.append(1024 * int(told["MemAvailable"].split()[0]))
    limit, used = _CGROUP / "memory.max", _CGROUP / "memory.current"
    if limit.is_file() and used.is_file() and limit.read_text().strip().isdigit():
        found.append(int(limit.read_text()) - int(used.read_text()))
    return min(found, default=None)


def in_words(size: int) -> str:
    """Bytes in MiB or GiB."""
    return f"{size / 2**30:.2f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"
