"""From matrices and data frames to a finished Dataset: the last step of every source."""

import numbers
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from spline_fc.arrays import as_names, columns, tell_order
from spline_fc.arrays import numbers as as_numbers
from spline_fc.checks import (
    check,
    check_finite,
    check_not_empty,
    check_one_of,
    shown,
)
from spline_fc.data.cells import Format, Read
from spline_fc.data.encode import encode_table
from spline_fc.data.encoding import Encoding
from spline_fc.data.frames import frame_table, is_frame
from spline_fc.data.matrices import Encoded, fill_medians, target_matrix
from spline_fc.data.records import TASKS, Dataset, Part, Weights, check_dataset, identity_scaler
from spline_fc.data.splits import Rows, first_rows, split_in_order, split_rows, twin_groups
from spline_fc.data.tables import Table
from spline_fc.data.targets import target_columns


class Targets(NamedTuple):
    """Targets as columns of a table."""

    names: tuple[str, ...]
    reads: tuple[Read, ...]


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
    num_train: int | None = None,
    name: str = "arrays",
    feature_names: Sequence[str] | None = None,
    target_names: Sequence[str] | None = None,
    missing: str | None = None,
    kinds: Mapping[str, str] | None = None,
) -> Dataset:
    """Builds a Dataset from a matrix or data frame of features and its targets.

    Args:
      x: (n, d) numbers, finite; or a data frame, whose words, dates and gaps are treated as those
        of a file (see `load`).
      y: (n,) or (n, k) numbers for regression; (n,) labels, all words or all numbers, for the other
        tasks; for multiclass also (n, k) one-hot. Arrays, series or frames, without gaps.
      task: "regression", "binary" or "multiclass".
      test_fraction: share of all rows that goes to the test part.
      validation_fraction: share of the remaining rows that goes to the validation part.
      seed: of the random split.
      keep_twins_together: rows that agree exactly in x and y are never divided between two parts,
        so that no test row was seen in training; False splits row by row.
      shuffle: False splits in the given order (for rows ordered in time): training, validation,
        test. Twins are then not looked for.
      num_train: training rows to keep, drawn by seed, twins together (with shuffle=False the last);
        None for all. The other parts stay as they are.
      name: of the data set.
      feature_names: d names; None for those of the frame, or x0, x1, ...
      target_names: k names; None for that of the series, y, or y0, y1, ... where there are several,
        or y=level for labels.
      missing: "drop" leaves out rows with a gap, "median" fills it, as in `load`; None is "drop"
        for a frame, and refuses gaps in an array.
      kinds: of a frame's columns, as in `load`.

    Returns:
      Dataset in raw units, float64, with its encoding.

    Raises:
      ValueError: wrong ranks or lengths, no rows, NaN or infinity, bad fractions, labels of
        mixed kinds, num_train beyond the training part, and whatever `check_dataset` refuses.
    """
    encoded = encode_arrays(
        x, y, task=task, feature_names=feature_names, missing=missing, kinds=kinds
    )
    return finish(
        name,
        encoded,
        target_names=as_names("target_names", target_names, encoded.y.shape[1]),
        test_fraction=test_fraction,
        validation_fraction=validation_fraction,
        seed=seed,
        keep_twins_together=keep_twins_together,
        shuffle=shuffle,
        num_train=num_train,
    )


def encode_arrays(
    x: Any,
    y: Any,
    *,
    task: str = "regression",
    feature_names: Sequence[str] | None = None,
    missing: str | None = None,
    kinds: Mapping[str, str] | None = None,
) -> Encoded:
    """Turns features and targets into matrices, before any split; arguments as in `from_arrays`.

    x may be a Table, too, which knows by itself what its owner calls it.

    Returns:
      Encoded; with missing="median" every row is there, and NaN stands in x for a gap of numbers
      until `fill_medians`.

    Raises:
      ValueError: wrong ranks or lengths, no rows, infinity, labels of mixed kinds.
    """
    check_one_of("task", task, TASKS)
    tell_order("x", x, "y", y)
    table = _table(x, feature_names, missing)
    targets = read_targets("y", y, task)
    rows, wanted = len(targets.reads[0].values), table.num_rows
    check(rows == wanted, f"y must have {wanted} rows, as x has; got {rows}.")
    framed = is_frame(x) or isinstance(x, (Mapping, Table))
    own = set(targets.names) & set(table.names)
    if own and targets.names != ("y",):
        raise ValueError(f"x must not hold the target; got {sorted(own)[0]!r} in both x and y.")
    names = tuple("target" if name in own else name for name in targets.names)
    table = table._replace(names=(*table.names, *names), columns=(*table.columns, *targets.reads))
    return encode_table(
        table,
        target=range(-len(names), 0),
        task=task,
        missing=missing or "drop",
        kinds=kinds if framed else dict.fromkeys(table.names[: -len(names)], "number"),
    )


def read_targets(name: str, y: Any, task: str) -> Targets:
    """Reads targets (n,) or (n, k) as columns: numbers, or for labels numbers or words.

    Raises:
      ValueError: another rank, no rows, gaps, infinity, words in a regression, labels of which some
        are words and others are not.
    """
    if task == "regression":
        values = as_numbers(name, y)
    else:
        values = _labels(name, y)
    check(values.ndim in (1, 2), f"{name} must have shape (n,) or (n, k); got {values.shape}.")
    check_not_empty(name, values)
    if values.dtype != object:
        values = values.astype(np.float64)
        check_finite(name, values)
    width = 1 if values.ndim == 1 else values.shape[1]
    numbered = (name,) if width == 1 else tuple(f"{name}{j}" for j in range(width))
    kind = Format("category" if values.dtype == object else "number")
    reads = tuple(Read(kind, column) for column in values.reshape(len(values), -1).T)
    return Targets(_own_names(y) or numbered, reads)


def as_targets(y: Any, task: str, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Returns y as a float64 matrix (n, k) with k names; raises ValueError if the task forbids."""
    targets = read_targets(name, y, task)
    found, task = target_columns(targets.names, targets.reads, task)
    encoding = Encoding(tuple(found.values()), task, "drop", targets.names)
    reads = dict(zip(targets.names, targets.reads, strict=True))
    return target_matrix(encoding, reads, name), encoding.target_names


def finish(
    name: str,
    encoded: Encoded,
    *,
    target_names: Sequence[str] | None = None,
    path: object = None,
    **options: Any,
) -> Dataset:
    """Splits, fills and checks what was encoded.

    Args:
      name: of the data set.
      encoded: as `encode_table` returns it.
      target_names: k names in the place of the encoding's.
      path: of the table, for the line that counts what was filled; None for the name.
      **options: of `split`.

    Raises:
      ValueError: bad fractions, and whatever `check_dataset` refuses.
    """
    rows = split(encoded.x, encoded.y, **options)
    if encoded.encoding.missing == "median":
        encoded = fill_medians(encoded, rows.train, path or name)
    encoding = encoded.encoding
    if target_names is not None:
        encoding = encoding._replace(shown_targets=tuple(target_names))
    names = encoding.feature_names, encoding.target_names
    found = assemble(name, encoding.task, *names, encoded.x, encoded.y, rows, encoded.weights)
    return check_dataset(found._replace(encoding=encoding))


def _table(x: Any, feature_names: Sequence[str] | None, missing: str | None) -> Table:
    """Features as a table: a frame column by column, anything else as columns of numbers."""
    if is_frame(x) or isinstance(x, (Mapping, Table)):
        table = x if isinstance(x, Table) else frame_table("x", x)
        names = as_names("feature_names", feature_names, len(table.names)) or table.names
        return table._replace(names=names)
    values, named = columns("x", x)
    check_not_empty("x", values)
    count = values.shape[1]
    names = as_names("feature_names", feature_names, count) or named
    if missing is None:
        check_finite("x", values)
    check(not np.isinf(values).any(), "x must not hold infinity; got some.")
    reads = tuple(Read(Format("number"), column.astype(np.float64)) for column in values.T)
    place = lambda row: f"x, row {row}"  # noqa: E731
    return Table("x", names or tuple(f"x{j}" for j in range(count)), reads, len(values), place)


def _own_names(y: Any) -> tuple[str, ...]:
    """The names that a series or a frame of targets brings; () where it has none."""
    if is_frame(y):
        numbered = all(isinstance(c, (int, np.integer)) for c in y.columns)
        return () if numbered else tuple(map(str, y.columns))
    label = getattr(y, "name", None) if hasattr(y, "to_numpy") else None
    return () if label in (None, "") else (str(label),)


def _labels(name: str, y: Any) -> np.ndarray:
    """Labels as float64, or as objects that are words; of one kind and without gaps."""
    check(not np.ma.is_masked(y), f"{name} must have no masked values; got some.")
    y = np.array(y, object) if isinstance(y, (list, tuple)) else y
    kept = np.asarray(y.to_numpy() if hasattr(y, "to_numpy") else y)
    one_hot = kept.ndim == 2 and kept.shape[1] > 1
    if kept.dtype.kind in "fiu" or (kept.dtype.kind == "b" and one_hot):
        return _exact(name, y, kept)
    wanted = f"{name} must hold labels, all words or all numbers"
    check(kept.dtype.kind in "OUSTb", f"{wanted}; got {kept.dtype} values.")
    values = np.char.decode(kept) if kept.dtype.kind == "S" else kept.astype(object)
    flat = values.astype(object).ravel()
    words = [isinstance(v, (str, bool, np.bool_)) for v in flat]
    if not any(words):
        real = [isinstance(v, numbers.Real) and v == v for v in flat]
        came = "" if all(real) else shown(flat[real.index(False)])
        check(all(real), f"{wanted}; got {came}.")
        return _exact(name, values, flat)
    other = next((v for v, word in zip(flat, words, strict=True) if not word), "")
    check(
        all(words),
        f"{wanted}; got {shown(other)} beside {shown(flat[words.index(True)])}.",
    )
    return np.array([str(v) for v in flat], object).reshape(values.shape)


def _exact(name: str, y: Any, kept: np.ndarray) -> np.ndarray:
    """Labels that are numbers, as floats that differ wherever the labels do."""
    values = as_numbers(name, y)
    merged = kept.dtype.kind != "f" and len(set(kept.ravel().tolist())) > len(np.unique(values))
    check(not merged, f"{name} must hold labels that differ as float64; got some that do not.")
    return values


def split(
    x: np.ndarray,
    y: np.ndarray,
    *,
    test_fraction: float = 0.2,
    validation_fraction: float = 0.2,
    seed: int = 0,
    keep_twins_together: bool = True,
    shuffle: bool = True,
    num_train: int | None = None,
) -> Rows:
    """Splits the rows of x (n, d) and y (n, k) as `from_arrays` says."""
    fractions = {"test_fraction": test_fraction, "validation_fraction": validation_fraction}
    if not shuffle:
        return split_in_order(len(x), num_train=num_train, **fractions)
    groups = twin_groups(x, y) if keep_twins_together else np.arange(len(x))
    rows = split_rows(groups, seed=seed, **fractions)
    if num_train is None:
        return rows
    return rows._replace(train=first_rows(groups, rows.train, num_train))


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
