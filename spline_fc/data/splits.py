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
    wide, own = x.shape[1] * x.itemsize, y.shape[1] * y.itemsize
    cells = np.empty((len(x), wide + own), np.uint8)
    # Adding 0 turns -0 into 0: the two are equal, but their bytes are not.
    np.add(x, x.dtype.type(0), out=cells[:, :wide].view(x.dtype))
    np.add(y, y.dtype.type(0), out=cells[:, wide:].view(y.dtype))
    keys = cells.view(f"V{wide + own}")[:, 0]
    order = keys.argsort(kind="stable")
    ranked = keys[order]
    begins = np.append(True, ranked[1:] != ranked[:-1])[: len(x)]
    first = order[begins]  # of twins the first row, as the order is stable
    number = np.empty(len(first), np.int64)
    number[first.argsort()] = np.arange(len(first))
    groups = np.empty(len(x), np.int64)
    groups[order] = number[begins.cumsum() - 1]
    return groups


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


def first_rows(groups: np.ndarray, train: np.ndarray, num_train: int) -> np.ndarray:
    """Keeps the first training rows of a random split, whole groups at a time.

    Their order is random by the seed of the split already. Where no two rows are equal, fewer rows
    lie within more.

    Args:
      groups: (n,) group number of each row of the data set.
      train: (m,) row numbers.
      num_train: how many to keep.

    Returns:
      (num_train,) row numbers in the order of `train`, fewer where groups do not fill the number.

    Raises:
      ValueError: num_train is not an integer in 1..m, or every group is larger.
    """
    check_integer("num_train", num_train, 1)
    check(num_train <= len(train), f"num_train must be at most {len(train)}; got {num_train}.")
    _, first, member = np.unique(groups[train], return_index=True, return_inverse=True)
    chosen = _fill(np.bincount(member), np.argsort(first), num_train)
    check(bool(chosen.any()), f"num_train must hold a group of equal rows; got {num_train}.")
    return train[chosen[member]]


def split_in_order(
    num_rows: int,
    *,
    test_fraction: float = 0.2,
    validation_fraction: float = 0.2,
    num_train: int | None = None,
) -> Rows:
    """Splits rows that are ordered in time: training first, then validation, the last are test.

    Args:
      num_rows: number of rows.
      test_fraction: share of all rows that goes to the test part.
      validation_fraction: share of the remaining rows that goes to the validation part.
      num_train: training rows to keep, the last of them; None for all.

    Returns:
      Rows, each in the order of the file.

    Raises:
      ValueError: a fraction is not inside (0, 1), a part would have no row, or num_train is not an
        integer from 1 to the number of training rows.
    """
    check_number("test_fraction", test_fraction, above=0, below=1)
    check_number("validation_fraction", validation_fraction, above=0, below=1)
    num_test = _size(num_rows, test_fraction, "test_fraction")
    rest = num_rows - num_test
    given = rest - _size(rest, validation_fraction, "validation_fraction")
    train, validation, test = np.split(np.arange(num_rows), [given, rest])
    if num_train is not None:
        check_integer("num_train", num_train, 1)
        check(num_train <= given, f"num_train must be at most {given}; got {num_train}.")
        train = train[-num_train:]
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
    """Positions of `groups` left and taken, in random order."""
    room = _size(len(groups), fraction, name)
    present, member, counts = np.unique(groups, return_inverse=True, return_counts=True)
    chosen = _fill(counts, rng.permutation(len(present)), room)
    order = rng.permutation(len(groups))
    taken = chosen[member][order]
    check(
        bool(taken.any()) and not taken.all(),
        f"{name} must leave at least one row on each side; got {fraction} of {len(groups)} row(s) "
        f"in {len(present)} group(s) of equal rows.",
    )
    return order[~taken], order[taken]


def _fill(counts: np.ndarray, order: np.ndarray, room: int) -> np.ndarray:
    """Which groups fill the room, in their order; one too large for what is left is passed over."""
    chosen = np.zeros(len(counts), bool)
    for group in order:
        if counts[group] <= room:
            chosen[group] = True
            room -= counts[group]
    return chosen
