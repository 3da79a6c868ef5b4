"""Whatever people hand over, as NumPy: arrays, lists, series, data frames, sparse matrices.

Frames and sparse matrices are known by what they can do, so that no package is loaded for them.
"""

import decimal
import numbers as kinds
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from absl import logging

from spline_fc.checks import as_list, check, check_rank, shown
from spline_fc.printing import printed

MOST_CELLS = 10**8  # of a sparse matrix made dense: 0.8 GB
EXACT = 2.0**53  # up to here every whole number is a float64
MISSING = ("NoneType", "NAType", "NaTType")
ROUNDING = 16 * 2.0**-52  # of float64 within which two numbers are one that was computed twice
COUNTED_ROWS = 1 << 9  # whose distinct values are counted
# Share of them that may become equal to others unsaid: of so many values, evenly spread, no more do
# on 2560 places, which are enough for any fit.
FEW_LOST = 0.1


@printed
class Columns(NamedTuple):
    """A matrix and, where it was a table, the names of its columns."""

    values: np.ndarray  # (n, d), float32 or float64, native byte order
    names: tuple[str, ...] | None  # d names, None where there were none


def numbers(name: str, array: Any, told: list[str] | None = None) -> np.ndarray:
    """Takes real numbers of any kind and rank.

    Args:
      name: of the argument, for errors.
      array: array, list, series, data frame, sparse matrix; of floats, integers, booleans, or
        objects that are such; None, pd.NA and NaT among objects become NaN.
      told: as for `tell_merged`.

    Returns:
      NumPy array in native byte order: float32 for floats of at most 32 bits, else float64.

    Raises:
      ValueError: traced arrays, words, dates, complex numbers, masked values, ragged lists,
        a sparse matrix of more than `MOST_CELLS` cells.
    """
    check(
        not isinstance(array, jax.core.Tracer),
        f"{name} must be a concrete array, as its values are looked at; got a traced one (call "
        "this outside of jit, grad and vmap).",
    )
    check(array is not None, f"{name} must be an array of numbers; got None.")
    if _is_frame(array):
        return _frame(name, array, None, told).values
    array = _plain(name, array)
    kind = array.dtype.kind
    is_float = jax.dtypes.issubdtype(array.dtype, np.floating)
    if kind == "O":
        return _from_objects(name, array, told)
    check(is_float or kind in "biu", f"{name} must be an array of numbers; got {_kind(array)}.")
    narrow = is_float and array.dtype.itemsize <= 4
    with np.errstate(over="ignore"):  # a long double too large for float64 becomes infinite
        values = array.astype(np.float32 if narrow else np.float64, copy=False)
    if kind in "iu":
        tell_merged(name, array, values, told)
    return values


def tell_merged(
    name: str, exact: np.ndarray, values: np.ndarray, told: list[str] | None = None
) -> None:
    """Says so where whole numbers that differ became equal.

    Beyond 2**53 a float64 has no digits for them.

    Args:
      name: of the argument, for the line.
      exact: whole numbers of any shape, as integers or objects.
      values: the same as float64.
      told: names of which it was said before, of numbers that come piece by piece; where there is
        one, nothing more is said.
    """
    if told or values.size == 0 or np.abs(values).max() <= EXACT:
        return
    lost = len(set(exact.ravel().tolist())) - len(np.unique(values))
    if lost > 0:
        message = "%s: %d value(s) beyond 2**53 became equal to others, as float64 has no digits "
        logging.warning(message + "for them; subtract what all have in common.", name, lost)
        if told is not None:
            told.append(name)


def tell_order(name: str, x: Any, other_name: str, other: Any) -> None:
    """Says so where two tables have one index in two orders, as rows are paired by position."""
    index: Any = getattr(x, "index", None)
    found: Any = getattr(other, "index", None)
    if not (hasattr(index, "equals") and hasattr(found, "equals")) or index.equals(found):
        return
    if len(index) == len(found) and set(index) == set(found):
        message = "%s and %s have the same index in another order; rows are paired by position."
        logging.warning(message, name, other_name)


def numbers_float64(name: str, array: Any) -> np.ndarray:
    """Takes numbers as `numbers` does, in float64 whatever they were."""
    return numbers(name, array).astype(np.float64, copy=False)


def columns(name: str, x: Any, expected: Sequence[str] | None = None) -> Columns:
    """Takes a matrix of features, a row for each example.

    Args:
      name: of the argument, for errors.
      x: (n, d) array, list, data frame or sparse matrix, or a series, which is one column.
      expected: names of the columns that are wanted. Those of a frame are put in this order by
        name and others left out; arrays are taken by position, and so is a frame where the fit
        knew no names (x0, x1, ...).

    Raises:
      ValueError: what `numbers` refuses (a frame's columns by name), another rank, names that
        occur twice, a column that is missing, another number of columns than expected.
    """
    expected = None if expected is None else tuple(expected)
    if _is_frame(x):
        return _frame(name, x, expected)
    label = getattr(x, "name", None) if _is_series(x) else None
    names = None if label in (None, "") else (str(label),)
    values = numbers(name, x)
    values = values[:, None] if _is_series(x) else values
    check_rank(name, values, 2, "(n, d)")
    order = _order(name, names, values.shape[1], expected)
    return Columns(values, names) if order is None else Columns(values[:, order], expected)


def as_names(argument: str, names: Any, count: int) -> tuple[str, ...] | None:
    """Takes `count` names as a list, tuple, array or pandas Index; None stays None.

    Raises:
      ValueError: a single word, a set, something that is no name, another number of names, a
        name that occurs twice.
    """
    if names is None:
        return None
    names = as_list(argument, names, f"{count} names")
    for name in names:
        named = isinstance(name, (str, int, np.integer)) and not isinstance(name, bool)
        check(named and name != "", f"{argument} must hold words only; got {shown(name)}.")
    names = tuple(map(str, names))
    check(
        len(names) == count,
        f"{argument} must be {count}, one for each column; got {len(names)}: {shown(names)}.",
    )
    _check_distinct(argument, names)
    return names


def _is_frame(x: Any) -> bool:
    return hasattr(x, "columns") and (hasattr(x, "iloc") or hasattr(x, "to_pandas"))


def _is_series(x: Any) -> bool:
    return hasattr(x, "to_numpy") and not hasattr(x, "columns") and len(np.shape(x)) == 1


def _frame(
    name: str, frame: Any, expected: tuple[str, ...] | None, told: list[str] | None = None
) -> Columns:
    """The wanted columns of a frame, one by one, so that an error names the column."""
    if not hasattr(frame, "iloc"):
        frame = frame.to_pandas()
    labels = list(frame.columns)
    numbered = all(isinstance(label, (int, np.integer)) for label in labels)
    names = tuple(map(str, labels))
    _check_distinct(f"the columns of {name}", names)
    order = _order(name, None if numbered else names, len(names), expected)
    taken = [
        numbers(f"column {names[j]!r} of {name}", frame.iloc[:, j], told)
        for j in (range(len(names)) if order is None else order)
    ]
    values = np.stack(taken, axis=1) if taken else np.zeros(frame.shape)
    return Columns(values, (None if numbered else names) if order is None else expected)


def _plain(name: str, array: Any) -> np.ndarray:
    """Sparse, masked, listed: as a plain NumPy array, of whatever its elements are."""
    if hasattr(array, "todense"):
        cells = int(np.prod(array.shape, dtype=float))
        check(
            cells <= MOST_CELLS,
            f"{name} must be dense, or sparse with at most {MOST_CELLS:,} cells; got "
            f"{cells:,} cells.",
        )
        logging.warning("%s is sparse and was made dense: %s.", name, tuple(array.shape))
        array = array.todense()
    elif hasattr(array, "to_numpy"):
        array = array.to_numpy()
    parts = array if isinstance(array, (list, tuple)) else [array]
    masked = sum(
        int(np.ma.getmaskarray(p).sum()) for p in parts if isinstance(p, np.ma.MaskedArray)
    )
    check(masked == 0, f"{name} must have no masked values; got {masked} (fill or drop them).")
    try:
        return np.asarray(array)
    except (TypeError, ValueError, RuntimeError) as error:
        ragged = "inhomogeneous" in str(error)
        came = "rows of unlike length" if ragged else f"{shown(array)} ({shown(str(error))})"
        raise ValueError(f"{name} must be an array of numbers; got {came}.") from error


def _from_objects(name: str, array: np.ndarray, told: list[str] | None) -> np.ndarray:
    """Objects that are real numbers, one by one, in float64."""
    values = np.empty(array.size)
    for i, value in enumerate(array.flat):
        scalar = value.item() if getattr(value, "shape", None) == () else value
        if type(scalar).__name__ in MISSING:
            scalar = np.nan
        real = isinstance(scalar, (kinds.Real, decimal.Decimal, np.bool_))
        check(real, f"{name} must be an array of numbers; got {shown(value)}.")
        try:
            values[i] = float(scalar)
        except (OverflowError, ValueError) as error:
            raise ValueError(
                f"{name} must be an array of numbers within float64; got {shown(value)}."
            ) from error
    if all(isinstance(value, (int, np.integer)) for value in array.flat):
        tell_merged(name, array, values, told)
    return values.reshape(array.shape)


def _kind(array: np.ndarray) -> str:
    """What an array of no numbers holds, in words."""
    words = {"U": "words", "S": "bytes", "T": "words", "M": "dates", "m": "times", "V": "records"}
    kind = words.get(array.dtype.kind, f"{array.dtype} values")
    first = f", the first {shown(array.flat[0])}" if array.size else ""
    return kind + first


def _order(
    name: str, names: tuple[str, ...] | None, width: int, expected: tuple[str, ...] | None
) -> list[int] | None:
    """Positions of the expected columns, None where they stand in order already.

    By name where the table and the fit have names, else by position.
    """
    if expected is None or names == expected:
        return None
    nameless = expected == tuple(f"x{j}" for j in range(len(expected)))
    if names is None or (nameless and not set(expected) & set(names)):
        wanted = f"{len(expected)} columns, as the fit has"
        check(width == len(expected), f"{name} must have {wanted}; got {width}.")
        return None
    missing = [column for column in expected if column not in names]
    check(
        not missing,
        f"{name} must have the columns of the fit; got none named "
        f"{', '.join(map(repr, missing[:5]))} among {shown(list(names))}.",
    )
    return [names.index(column) for column in expected]


def _check_distinct(argument: str, names: tuple[str, ...]) -> None:
    """Raises ValueError if a name occurs twice."""
    if len(set(names)) < len(names):
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        raise ValueError(f"{argument} must differ from each other; got {shown(twice)} twice.")


def distinct(column: np.ndarray) -> np.ndarray:
    """Distinct numbers in order, float64; of those that are one but for its rounding the first."""
    values = np.unique(column).astype(np.float64)
    apart = np.diff(values) > ROUNDING * np.abs(values[1:])
    return values[np.append(True, apart)[: len(values)]]


def share_lost(values: np.ndarray) -> float:
    """The share of ascending distinct numbers (n,) that are equal to others in float32."""
    with np.errstate(over="ignore"):
        found = values.astype(np.float32)
    found[np.abs(found) < np.finfo(np.float32).tiny] = 0  # as devices have it
    return float((found[1:] == found[:-1]).sum() / len(values))


def tell_narrowed(name: str, rows: np.ndarray, dtype: Any) -> None:
    """A word about the column of which most is lost, if JAX takes float64 in float32.

    Args:
      name: of the rows. rows: (n, d), at most COUNTED_ROWS of them are looked at, evenly spread.
      dtype: in which it computes.
    """
    if rows.dtype != np.float64 or dtype != np.float32 or not rows.size:
        return
    some = rows[:: -(-len(rows) // COUNTED_ROWS)]
    lost = np.array([share_lost(distinct(column)) for column in some.T])
    if lost.max() <= FEW_LOST:
        return
    worst = int(lost.argmax())
    logging.warning(
        "%s should have values that float32 tells apart: column %d has some from %.3g to %.3g, of "
        "which %.0f %% become equal to others. Subtract their offset in float64, as "
        "data.standardize does, or enable jax_enable_x64.",
        name, worst, rows[:, worst].min(), rows[:, worst].max(), 100 * lost[worst],
    )  # fmt: skip
