"""From matrices to a finished Dataset: the last step of every source, and a door for users."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from spline_fc.checks import (
    check,
    check_finite,
    check_not_empty,
    check_one_of,
    check_rank,
    check_same_length,
)
from spline_fc.data.encode import encode_targets
from spline_fc.data.records import (
    TASKS,
    Dataset,
    Part,
    Weights,
    check_dataset,
    identity_scaler,
)
from spline_fc.data.splits import Rows, split_in_order, split_rows, twin_groups


def from_arrays(
    x: Any,
    y: Any,
    *,
    task: str = "regression",
    test_fraction: float = 0.2,
    validation_fraction: float = 0.2,
    seed: int = 0,
    keep_twins_together: bool = True,
    shuffle: bool = True,
    name: str = "arrays",
    feature_names: Sequence[str] | None = None,
    target_names: Sequence[str] | None = None,
) -> Dataset:
    """Builds a Dataset from a matrix of features and its targets.

    Args:
      x: (n, d), numbers, finite.
      y: (n,) or (n, k) numbers for regression; (n,) labels of any kind for the other tasks; for
        multiclass also (n, k) one-hot.
      task: "regression", "binary" or "multiclass".
      test_fraction: share of all rows that goes to the test part.
      validation_fraction: share of the remaining rows that goes to the validation part.
      seed: of the random split.
      keep_twins_together: rows that agree exactly in x and y are never divided between two parts,
        so that no test row was seen in training; False splits row by row.
      shuffle: False splits in the given order (for rows ordered in time): training, validation,
        test. Twins are then not looked for.
      name: of the data set.
      feature_names: d names; None for x0, x1, ...
      target_names: k names; None for y, or y0, y1, ... where there are several, or y=level for
        labels.

    Returns:
      Dataset in raw units, float64.

    Raises:
      ValueError: wrong ranks or lengths, no rows, NaN or infinity, bad fractions, and whatever
        `check_dataset` refuses.
    """
    x = as_features(x)
    y, encoded_names = as_targets(y, task, "y")
    check_same_length("y", y, "x", x)
    check_finite("x", x)
    check_finite("y", y)
    rows = split(
        x,
        y,
        test_fraction=test_fraction,
        validation_fraction=validation_fraction,
        seed=seed,
        keep_twins_together=keep_twins_together,
        shuffle=shuffle,
    )
    names = feature_names or [f"x{j}" for j in range(x.shape[1])]
    return assemble(name, task, names, target_names or encoded_names, x, y, rows)


def as_features(x: Any) -> np.ndarray:
    """Returns x as a float64 matrix (n, d); raises ValueError on another rank, kind or no rows."""
    x = np.asarray(x)
    check_rank("x", x, 2, "(n, d)")
    check_not_empty("x", x)
    kind = x.dtype.kind
    check(kind in "fiub", f"x must hold real numbers; got dtype {x.dtype}.")
    return x.astype(np.float64)


def as_targets(y: Any, task: str, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Returns y as a float64 matrix (n, k) with k names; raises ValueError if the task forbids."""
    check_one_of("task", task, TASKS)
    y = np.asarray(y)
    check(y.ndim in (1, 2), f"y must have shape (n,) or (n, k); got {y.shape}.")
    check_not_empty("y", y)
    numeric = y.dtype.kind in "fiub"
    check(numeric or task != "regression", f"y must hold real numbers; got dtype {y.dtype}.")
    columns = y.reshape(len(y), -1)
    width = columns.shape[1]
    if task == "regression" or (task == "multiclass" and numeric and width > 1):
        names = (name,) if width == 1 else tuple(f"{name}{j}" for j in range(width))
        return columns.astype(np.float64), names
    y, names, _ = encode_targets([name], list(columns.T), task)
    return y, names


def split(
    x: np.ndarray,
    y: np.ndarray,
    *,
    test_fraction: float = 0.2,
    validation_fraction: float = 0.2,
    seed: int = 0,
    keep_twins_together: bool = True,
    shuffle: bool = True,
) -> Rows:
    """Splits the rows of x (n, d) and y (n, k) as `from_arrays` says."""
    fractions = {"test_fraction": test_fraction, "validation_fraction": validation_fraction}
    if not shuffle:
        return split_in_order(len(x), **fractions)
    groups = twin_groups(x, y) if keep_twins_together else np.arange(len(x))
    return split_rows(groups, seed=seed, **fractions)


def assemble(
    name: str,
    task: str,
    feature_names: Sequence[str],
    target_names: Sequence[str],
    x: np.ndarray,
    y: np.ndarray,
    rows: Rows,
    weights: np.ndarray | None = None,
) -> Dataset:
    """Cuts x (n, d), y (n, k) and weights (n,) into parts and checks the result."""
    train, validation, test = (Part(x[part], y[part]) for part in rows)
    cut = None if weights is None else Weights(*(weights[part] for part in rows))
    scaler = identity_scaler(x.shape[1], y.shape[1])
    names = tuple(feature_names), tuple(target_names)
    return check_dataset(Dataset(name, task, *names, train, validation, test, scaler, cut))
