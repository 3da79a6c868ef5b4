"""The door for data: arrays of numbers, checked, of one length, as NumPy arrays."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from absl import logging

from spline_fc import arrays, checks
from spline_fc.arrays import numbers

PRUNE_METHODS = ("gcv", "cv", "none")
CHUNK_ROWS = 1 << 14
# Compiled steps take seconds to begin. Additive, they then take half as long as NumPy on so many
# rows; with interactions NumPy is as quick or quicker up to so many numbers in z.
FEW_ROWS, FEW_NUMBERS = 1 << 13, 1 << 20
FAINT = 1e-8  # share of the weights below which sums over all rows lose what the others say
LEAST_COUNT = 16  # a sum of weights below leaves nothing to end spans and GCV


def is_small(num_rows: int, num_columns: int, max_degree: int) -> bool:
    """Whether a search goes without a compiler, whose first fit takes longer than many others."""
    if max_degree == 1:
        return num_rows <= FEW_ROWS
    return num_rows * num_columns <= FEW_NUMBERS


class CheckedData(NamedTuple):
    """Data that every part of the room may rely on: finite, of n rows, each of some weight."""

    x: np.ndarray  # (n, d), float32 or float64 as it came
    y: np.ndarray  # (n, k), float32 or float64
    weights: np.ndarray  # (n,), float32 or float64, > 0
    dtype: np.dtype  # in which JAX computes with x: float64 if x is and JAX has it enabled

    @property
    def num_rows(self) -> int:
        """How many rows there are."""
        return len(self.x)

    @property
    def weight(self) -> float:
        """The sum of the weights."""
        return float(self.weights.sum(dtype=float))

    def sample(self, most: int | None = None) -> "CheckedData":
        """At most so many rows, evenly spread and in order; or all."""
        step = 1 if most is None else -(-len(self.x) // most)
        return CheckedData(self.x[::step], self.y[::step], self.weights[::step], self.dtype)

    def widened(self) -> "CheckedData":
        """The same in float64; arrays that are so already are not copied."""
        x, y, weights = (array.astype(np.float64, copy=False) for array in self[:3])
        return CheckedData(x, y, weights, self.dtype)


def checked_data(
    x: Any, y: Any, weights: Any, expected: Sequence[str] | None = None
) -> CheckedData:
    """Checks data, and leaves out the rows of weight 0, whatever stands in them.

    Weights count rows. If they sum to less than LEAST_COUNT and to less than the number of rows, as
    weights that were normalised do, no term could be charged for: they are then scaled to a mean of
    1, with a word.

    Args:
      x: (n, d), finite. y: (n,) or (n, k), finite. weights: (n,), >= 0, or None for ones.
      expected: names of the features wanted, by which columns of a data frame are taken.

    Raises:
      ValueError: no numbers, traced arrays, wrong rank, no rows, lengths that differ, values that
        are not finite or whose squares are not, negative or all-zero weights.
    """
    x, y = arrays.columns("x", x, expected).values, numbers("y", y)
    checks.check(y.ndim in (1, 2), f"y must have shape (n,) or (n, k); got {y.shape}.")
    checks.check_not_empty("x", x)
    checks.check_not_empty("y", y)
    checks.check_same_length("y", y, "x", x)
    y = y.reshape(len(y), -1)
    dtype = computed_in(x)
    weights = np.ones(len(x), dtype) if weights is None else _checked_weights(weights, x, dtype)
    counts = weights > 0
    for name, array in (("x", x), ("y", y)):
        # In place of those that do not count stands a 0, so that the index named is the caller's.
        counted = array if counts.all() else np.where(counts[:, None], array, 0)
        checks.check_finite(name, counted)
        checks.check_size(name, counted)
    if not counts.all():
        x, y, weights = x[counts], y[counts], weights[counts]
    return CheckedData(x, y, weights, dtype)


def computed_in(x: np.ndarray | jax.Array) -> np.dtype:
    """The dtype in which JAX computes with x: float64 if x is and JAX has it enabled."""
    wide = np.dtype(jax.dtypes.canonicalize_dtype(np.float64))
    return wide if x.dtype == np.float64 else np.dtype(np.float32)


def _checked_weights(weights: Any, x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Weights (n,) >= 0; normalised ones become counts."""
    weights = numbers("weights", weights)
    checks.check_rank("weights", weights, 1, "(n,)")
    checks.check_same_length("weights", weights, "x", x)
    checks.check_finite("weights", weights)
    lowest, largest = float(weights.min()), float(weights.max())
    checks.check(lowest >= 0, f"weights must not be negative; the smallest is {lowest}.")
    checks.check(largest > 0, "weights must not all be zero; got only zeros.")
    limit = float(np.finfo(dtype).max) / len(weights)
    checks.check(largest <= limit, f"weights must be within {limit:g}; got {largest}.")
    return as_counts(weights)


def as_counts(weights: np.ndarray, to: str = "charge any term for") -> np.ndarray:
    """Weights (n,) >= 0 that count rows; if they are too light, scaled to a mean of 1, with a word.

    Rows of weight 0 are not among those that the mean is of.

    Args:
      to: what they are too light to do, for that word.
    """
    total, rows = float(weights.sum(dtype=np.float64)), int((weights > 0).sum())
    if not is_too_light(total, rows):
        return weights
    tell_scaled(total, rows, to)
    share = weights / weights.max()
    return share * (rows / share.sum(dtype=np.float64))


def is_too_light(total: float, num_rows: int) -> bool:
    """Whether weights of so many rows sum to too little to charge any term for."""
    return total < 0.999 * min(LEAST_COUNT, num_rows)


def tell_scaled(total: float, num_rows: int, to: str = "charge any term for") -> None:
    """Says that weights are scaled to a mean of 1."""
    logging.warning(
        "weights sum to %.3g, too little to %s; they are scaled to sum to their %d rows.",
        total, to, num_rows,
    )  # fmt: skip


def tell_heavy(weights: np.ndarray, max_terms: int) -> None:
    """Warns of fewer rows than terms that outweigh all others by more than the search can see.

    Coefficients, rss and r2 are those of weighted least squares all the same.
    """
    rest = np.sort(weights.astype(float))[: max(0, len(weights) - max_terms)]
    share = float(rest.sum() / weights.sum(dtype=float))
    if 0 < share < FAINT:
        logging.warning(
            "weights of at most %d rows are all but %.1g of the sum: terms are chosen by what these"
            " rows leave to the others, of which few digits are known.",
            len(weights) - len(rest), share,
        )  # fmt: skip


def chunks(num_rows: int) -> Iterator[slice]:
    """Rows in chunks that a cache can hold."""
    return (slice(i, i + CHUNK_ROWS) for i in range(0, num_rows, CHUNK_ROWS))


def column_set(name: str, columns: Any, names: Sequence[str]) -> frozenset[int]:
    """Columns of z given by number or by one of their names; ValueError unless they are such."""
    listed = isinstance(columns, Iterable) and not isinstance(columns, (str, bytes))
    last = len(names) - 1
    checks.check(listed, f"{name} must list columns, 0 to {last}; got {columns!r}.")
    found = []
    for column in columns:
        if isinstance(column, str):
            checks.check_one_of(f"a column of {name}", column, names)
            column = list(names).index(column)
        is_integer = isinstance(column, (int, np.integer)) and not isinstance(column, bool)
        checks.check(
            is_integer and 0 <= int(column) <= last,
            f"{name} must name columns of x, 0 to {last}; got {column!r}.",
        )
        found.append(int(column))
    return frozenset(found)


def column_groups(name: str, groups: Any, names: Sequence[str]) -> tuple[frozenset[int], ...]:
    """Groups of columns of z; ValueError unless it is a list of lists of columns."""
    listed = isinstance(groups, Iterable) and not isinstance(groups, (str, bytes))
    checks.check(listed, f"{name} must list groups of columns; got {groups!r}.")
    return tuple(column_set(f"each group of {name}", group, names) for group in groups)


def check_search_options(
    max_terms: Any,
    max_degree: Any,
    penalty: Any,
    threshold: Any,
    min_span: Any,
    end_span: Any,
    fast_k: Any = None,
    screen: Any = None,
) -> None:
    """Raises ValueError on the first option of a MARS search that is out of its range."""
    checks.check_integer("max_terms", max_terms, 1)
    checks.check_integer("max_degree", max_degree, 1)
    if penalty is not None:
        checks.check_number("penalty", penalty, at_least=-1)
        checks.check(
            penalty == -1 or penalty >= 0, f"penalty must be -1 or a number >= 0; got {penalty}."
        )
    checks.check_number("threshold", threshold, at_least=0, below=1)
    if min_span is not None:
        checks.check_integer("min_span", min_span, 1)
    if end_span is not None:
        checks.check_integer("end_span", end_span, 0)
    if fast_k is not None:
        checks.check_integer("fast_k", fast_k, 1)
    if screen is not None:
        checks.check_integer("screen", screen, 0)


def check_pruning_options(prune: Any, num_folds: Any, max_hinges: Any) -> None:
    """Raises ValueError on the first option of the backward pass that is out of its range."""
    checks.check_one_of("prune", prune, PRUNE_METHODS)
    if prune == "cv":
        checks.check_integer("num_folds", num_folds, 2)
    if max_hinges is not None:
        checks.check_integer("max_hinges", max_hinges, 0)


def check_rows(num_rows: int, max_terms: int, end_span: int | None, num_folds: int) -> None:
    """Raises ValueError if the rows are too few for an option."""
    checks.check(
        max_terms - 1 <= num_rows,
        f"max_terms must not exceed the number of rows of x by more than 1 ({num_rows} rows); "
        f"got {max_terms}.",
    )
    checks.check(
        end_span is None or 2 * end_span < num_rows,
        f"end_span must leave rows for knots, below half of {num_rows}; got {end_span}.",
    )
    checks.check(
        num_folds <= max(num_rows, 2),
        f"num_folds must not exceed the {num_rows} rows of x; got {num_folds}.",
    )
