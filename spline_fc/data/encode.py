"""From named columns to matrices: categories, labels, missing values."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from absl import logging

from spline_fc.checks import check, check_finite, check_integer, check_one_of
from spline_fc.data.records import TASKS
from spline_fc.data.tables import Table, select_columns

MISSING_POLICIES = ("drop", "median")
MAX_LEVELS = 100  # above this a column of words is an identifier or a date, not a category
_MISSING_LEVEL = "missing"


class Encoded(NamedTuple):
    """A table as matrices."""

    x: np.ndarray  # (n, d) float64
    y: np.ndarray  # (n, k) float64
    feature_names: tuple[str, ...]
    target_names: tuple[str, ...]
    task: str
    weights: np.ndarray | None  # (n,) float64


def encode_table(
    table: Table,
    *,
    target: str | int | Sequence[str | int] = -1,
    ignore: Sequence[str | int] = (),
    task: str | None = None,
    missing: str = "drop",
    weights: str | int | None = None,
) -> Encoded:
    """Turns a table into x and y.

    A category of two levels becomes one 0/1 column named "column=level", one of more levels becomes
    one such column per level. Rows whose target is missing are always dropped, with a warning.

    Args:
      table: named columns.
      target: name or number of the target column; several for regression on several targets.
      ignore: names or numbers of columns that are neither feature nor target.
      task: "regression", "binary" or "multiclass"; None for regression on numbers and, on words,
        binary or multiclass by the number of levels.
      missing: "drop" leaves out rows with a missing feature, with a warning that counts them;
        "median" keeps NaN in numeric features for `impute_median` and makes a level of its own for
        a missing category.
      weights: name or number of a column of row weights, which is no feature then; a row without
        one is dropped.

    Returns:
      Encoded.

    Raises:
      ValueError: unknown column, task or policy, no feature left, too many levels, no row left,
        weights that are words.
    """
    check_one_of("missing", missing, MISSING_POLICIES)
    several = isinstance(target, Sequence) and not isinstance(target, str)
    chosen: Sequence[str | int] = target if several else (target,)
    targets = tuple(_resolve(table, "target", t) for t in chosen)
    weighing = () if weights is None else (_resolve(table, "weights", weights),)
    ignored = {*weighing, *(_resolve(table, "ignore", i) for i in ignore)}
    features = tuple(n for n in table.names if n not in ignored and n not in targets)
    check(len(features) > 0, f"{table.path} must have at least one feature column; got none.")
    check(len(targets) > 0, "target must name at least one column; got none.")
    wanted = targets + weighing + (() if missing == "median" else features)
    keep = ~np.any([_is_missing(c) for c in select_columns(table, wanted)], axis=0)
    dropped = int((~keep).sum())
    if dropped:
        message = "%s: dropped %d of %d rows with a missing value."
        logging.warning(message, table.path, dropped, len(keep))
    check(bool(keep.any()), f"{table.path} must have a row without missing values; got none.")
    blocks, names = [], []
    for name, column in zip(features, select_columns(table, features), strict=True):
        block, block_names = encode_feature(name, column[keep])
        blocks.append(block)
        names += block_names
    columns = [c[keep] for c in select_columns(table, targets)]
    y, target_names, task = encode_targets(targets, columns, task)
    values = None
    for name, column in zip(weighing, select_columns(table, weighing), strict=True):
        numeric = np.issubdtype(column.dtype, np.number)
        check(numeric, f"weights must name a column of numbers; got words in {name!r}.")
        values = column[keep].astype(np.float64)
    x = np.concatenate(blocks, axis=1)
    return Encoded(x, y, tuple(names), target_names, task, values)


def encode_feature(name: str, column: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Encodes one feature column (n,) as (n, c) float64 with c names."""
    if np.issubdtype(column.dtype, np.number):
        return column.astype(np.float64)[:, None], [name]
    column = np.where(column == "", _MISSING_LEVEL, column)
    levels = np.unique(column)
    check(
        len(levels) <= MAX_LEVELS,
        f"feature {name!r} must have at most {MAX_LEVELS} levels to be encoded; got {len(levels)} "
        "(leave the column out with ignore=).",
    )
    if len(levels) == 2:
        levels = levels[1:]
    return (column[:, None] == levels).astype(np.float64), [f"{name}={level}" for level in levels]


def encode_targets(
    names: Sequence[str], columns: Sequence[np.ndarray], task: str | None
) -> tuple[np.ndarray, tuple[str, ...], str]:
    """Encodes target columns, k arrays (n,), by task.

    Returns:
      y (n, k) float64, target names, task.

    Raises:
      ValueError: unknown task, words where numbers are needed, several label columns, one level.
    """
    if task is not None:
        check_one_of("task", task, TASKS)
    words = [n for n, c in zip(names, columns, strict=True) if not _is_numeric(c)]
    if task == "regression" or (task is None and not words):
        check(not words, f"target {words[:1]} must hold numbers for regression; got words.")
        y = np.stack([np.asarray(c, np.float64) for c in columns], axis=1)
        return y, tuple(names), "regression"
    check(len(columns) == 1, f"target must be one column of labels; got {len(columns)} columns.")
    column = np.asarray(columns[0])
    if _is_numeric(column):
        check_finite("y", column)
    levels = np.unique(column)
    task = task or ("binary" if len(levels) == 2 else "multiclass")
    check(
        len(levels) == 2 if task == "binary" else 2 <= len(levels) <= MAX_LEVELS,
        f"y must have {'2' if task == 'binary' else f'2 to {MAX_LEVELS}'} levels for task "
        f"{task!r}; got {len(levels)}.",
    )
    if task == "binary":
        levels = levels[1:]
    y = (column[:, None] == levels).astype(np.float64)
    return y, tuple(f"{names[0]}={_level(level)}" for level in levels), task


def impute_median(x: np.ndarray, train: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Fills NaN with the median of the training rows, column by column.

    Args:
      x: (n, d), NaN where missing.
      train: row numbers of the training part.
      names: d feature names, for the error.

    Returns:
      (n, d), finite.

    Raises:
      ValueError: a column has no value at all in the training part.
    """
    x = x.copy()
    for j in map(int, np.flatnonzero(np.isnan(x).any(axis=0))):
        known = x[train, j][~np.isnan(x[train, j])]
        check(known.size > 0, f"feature {names[j]!r} must have a value in training; got none.")
        x[np.isnan(x[:, j]), j] = np.median(known)
    return x


def _resolve(table: Table, argument: str, column: str | int) -> str:
    if isinstance(column, str):
        check_one_of(argument, column, table.names)
        return column
    check_integer(argument, column, -len(table.names))
    check(
        column < len(table.names),
        f"{argument} must be a column below {len(table.names)}; got {column}.",
    )
    return table.names[column]


def _is_missing(column: np.ndarray) -> np.ndarray:
    return np.isnan(column) if np.issubdtype(column.dtype, np.number) else column == ""


def _is_numeric(column: np.ndarray) -> bool:
    return np.asarray(column).dtype.kind in "fiub"


def _level(level: object) -> str:
    return f"{level:g}" if isinstance(level, (int, float, np.number)) else str(level)
