"""Splits into training, validation and test rows."""

from typing import NamedTuple

import numpy as np

from spline_fc.checks import check, check_integer, check_number


class Rows(NamedTuple):
    """Row numbers of the three parts."""

    train: np.ndarray  # (n_train,), int64
    validation: np.ndarray  # (n_validation,), int64
    test: np.ndarray  # (n_test,), int64


def twin_groups(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Numbers the groups of rows that agree exactly in x and y.

    Args:
      x: (n, d).
      y: (n, k).

    Returns:
      (n,) int64, equal for twins; groups are numbered by first appearance.
    """
    # Adding 0 turns -0 into 0: the two are equal, but their bytes are not.
    pairs = zip(x + x.dtype.type(0), y + y.dtype.type(0), strict=True)
    seen: dict[bytes, int] = {}
    keys = (row.tobytes() + target.tobytes() for row, target in pairs)
    return np.array([seen.setdefault(key, len(seen)) for key in keys], np.int64)


def split_rows(
    groups: np.ndarray,
    *,
    test_fraction: float = 0.2,
    validation_fraction: float = 0.2,
    seed: int = 0,
) -> Rows:
    """Splits rows at random, whole groups at a time.

    The sizes of the parts depend on the fractions alone, never on the seed (as long as there are
    enough groups of one row to fill up with), so splits of several seeds can be stacked.

    Args:
      groups: (n,) group number of each row; rows of one group stay together.
      test_fraction: share of all rows that goes to the test part.
      validation_fraction: share of the remaining rows that goes to the validation part.
      seed: of the draw.

    Returns:
      Rows, each in random order.

    Raises:
      ValueError: a fraction is not inside (0, 1), or a part would have no row.
    """
    check_number("test_fraction", test_fraction, above=0, below=1)
    check_integer("seed", seed, 0)
    rest, test = _take(groups, test_fraction, "test_fraction", np.random.default_rng([seed, 0]))
    train, validation = split_validation(groups, rest, validation_fraction, seed)
    return Rows(train, validation, test)


def split_validation(
    groups: np.ndarray, rows: np.ndarray, validation_fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Takes a validation part out of the given training rows, whole groups at a time.

    Args:
      groups: (n,) group number of each row of the data set.
      rows: (m,) row numbers to divide.
      validation_fraction: share of `rows` that is taken.
      seed: of the draw.

    Returns:
      (training rows, validation rows), each in random order.

    Raises:
      ValueError: the fraction is not inside (0, 1), or a part would have no row.
    """
    check_number("validation_fraction", validation_fraction, above=0, below=1)
    check_integer("seed", seed, 0)
    rng = np.random.default_rng([seed, 1])
    kept, taken = _take(groups[rows], validation_fraction, "validation_fraction", rng)
    return rows[kept], rows[taken]


def split_in_order(
    num_rows: int, *, test_fraction: float = 0.2, validation_fraction: float = 0.2
) -> Rows:
    """Splits rows that are ordered in time: training first, then validation, the last are test.

    Args:
      num_rows: number of rows.
      test_fraction: share of all rows that goes to the test part.
      validation_fraction: share of the remaining rows that goes to the validation part.

    Returns:
      Rows, each in the order of the file.

    Raises:
      ValueError: a fraction is not inside (0, 1), or a part would have no row.
    """
    check_number("test_fraction", test_fraction, above=0, below=1)
    check_number("validation_fraction", validation_fraction, above=0, below=1)
    num_test = _size(num_rows, test_fraction, "test_fraction")
    rest = num_rows - num_test
    num_train = rest - _size(rest, validation_fraction, "validation_fraction")
    train, validation, test = np.split(np.arange(num_rows), [num_train, rest])
    return Rows(train, validation, test)


def _size(num_rows: int, fraction: float, name: str) -> int:
    size = round(fraction * num_rows)
    check(
        0 < size < num_rows,
        f"{name} must leave at least one row on each side; got {fraction} of {num_rows} row(s).",
    )
    return size


def _take(
    groups: np.ndarray, fraction: float, name: str, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Positions of `groups` left and taken; a group too large for the room left is passed over."""
    room = _size(len(groups), fraction, name)
    present, member, counts = np.unique(groups, return_inverse=True, return_counts=True)
    chosen = np.zeros(len(present), bool)
    for group in rng.permutation(len(present)):
        if counts[group] <= room:
            chosen[group] = True
            room -= counts[group]
    order = rng.permutation(len(groups))
    taken = chosen[member][order]
    check(
        bool(taken.any()) and not taken.all(),
        f"{name} must leave at least one row on each side; got {fraction} of {len(groups)} row(s) "
        f"in {len(present)} group(s) of equal rows.",
    )
    return order[~taken], order[taken]
