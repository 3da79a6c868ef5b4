"""The records this room hands on, and the one place where a finished Dataset is checked."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from spline_fc.checks import (
    as_list,
    check,
    check_finite,
    check_kind,
    check_not_empty,
    check_one_of,
    check_rank,
    check_same_length,
    check_size,
    shown,
)
from spline_fc.data.encoding import Encoding
from spline_fc.printing import printed

TASKS = ("regression", "binary", "multiclass")
PARTS = ("train", "validation", "test")


@printed
class Part(NamedTuple):
    """One part of a data set."""

    x: np.ndarray  # (n, d), float
    y: np.ndarray  # (n, k), float


@printed
class Scaler(NamedTuple):
    """An affine map per column: standardised = (raw - shift) / scale, scale > 0."""

    x_shift: np.ndarray  # (d,), float64
    x_scale: np.ndarray  # (d,), float64
    y_shift: np.ndarray  # (k,), float64
    y_scale: np.ndarray  # (k,), float64


@printed
class Weights(NamedTuple):
    """What the rows of each part count, >= 0; of the training part at least one is above 0."""

    train: np.ndarray  # (n,) float64
    validation: np.ndarray
    test: np.ndarray


@printed
class Dataset(NamedTuple):
    """Three parts of one data set, their names, and how they were scaled.

    Targets: regression (n, k) in any unit, binary (n, 1) of 0 and 1, multiclass (n, k) one-hot.
    """

    name: str
    task: str  # one of TASKS
    feature_names: tuple[str, ...]  # d names
    target_names: tuple[str, ...]  # k names
    train: Part
    validation: Part
    test: Part
    scaler: Scaler  # the identity until standardize()
    weights: Weights | None = None  # fits and training count rows by them; None for all alike
    encoding: Encoding | None = None  # how columns became x and y; None where there were none
    shared_scale: bool = False  # all features are of one unit, as pixels are: one scale for all

    def _sentence(self) -> str:
        d, k = len(self.feature_names), len(self.target_names)
        rows = ", ".join(f"{getattr(self, part).x.shape[-2]} {part}" for part in PARTS)
        return f"Dataset {self.name}: {self.task}, {d} features, {k} target(s); rows: {rows}"


def identity_scaler(num_features: int, num_targets: int) -> Scaler:
    """Returns the Scaler that changes nothing, float64."""
    return Scaler(
        np.zeros(num_features), np.ones(num_features), np.zeros(num_targets), np.ones(num_targets)
    )


def as_dataset(dataset: Any, name: str = "dataset") -> Dataset:
    """Returns it; TypeError that names the argument if it is a matrix, a path or anything else."""
    check_kind(name, dataset, Dataset)
    return dataset


def check_dataset(dataset: Dataset) -> Dataset:
    """Checks a finished data set; every door of this room passes through here.

    Args:
      dataset: parts with x (n, d) and y (n, k), names, task and scaler.

    Returns:
      The same data set, so that a call can stand in a return statement.

    Raises:
      ValueError: unknown task, a wrong rank or number of columns, an empty part, NaN, infinity or a
        number beyond 1e150, only constant features, a constant target, labels that are not 0/1 or
        one-hot, a scaler or weights whose shapes or signs are wrong.
      TypeError: no Dataset.
    """
    check_one_of("task", as_dataset(dataset).task, TASKS)
    for name in PARTS:
        _check_part(dataset, name)
    _check_variation(dataset)
    if dataset.task != "regression":
        _check_labels(dataset)
    _check_scaler(dataset)
    _check_weights(dataset)
    if dataset.encoding is not None:
        for field in ("feature_names", "target_names"):
            wanted, came = getattr(dataset, field), getattr(dataset.encoding, field)
            check(wanted == came, f"encoding.{field} must be {wanted!r}; got {came!r}.")
    return dataset


def stack(datasets: Sequence[Dataset]) -> Dataset:
    """Stacks data sets of equal shapes (one per seed or split) along a new leading axis.

    Args:
      datasets: S data sets with equal names, task and part sizes.

    Returns:
      A Dataset whose arrays, the scaler's included, have the leading axis S; without an encoding
      where theirs differ.

    Raises:
      ValueError: there is none, or they differ in names, task or shapes.
      TypeError: one that is no Dataset.
    """
    datasets = as_list("datasets", datasets, "data sets")
    check(len(datasets) > 0, "datasets must hold at least one data set; got none.")
    datasets = [as_dataset(one, f"datasets[{index}]") for index, one in enumerate(datasets)]
    first = datasets[0]
    for index, other in enumerate(datasets):
        for field in ("task", "feature_names", "target_names"):
            wanted, came = getattr(first, field), getattr(other, field)
            check(wanted == came, f"datasets[{index}].{field} must be {wanted!r}; got {came!r}.")
        for part in PARTS:
            wanted, came = getattr(first, part).x.shape, getattr(other, part).x.shape
            where = f"datasets[{index}].{part}.x"
            check(wanted == came, f"{where} must have shape {wanted}; got {came}.")
    train, validation, test = (
        Part(*(np.stack(a) for a in zip(*(getattr(d, part) for d in datasets), strict=True)))
        for part in PARTS
    )
    scaler = Scaler(*(np.stack(a) for a in zip(*(d.scaler for d in datasets), strict=True)))
    weights = [d.weights for d in datasets if d.weights is not None]
    count = len(weights)
    check(count in (0, len(datasets)), f"datasets must all have weights or none; {count} have.")
    stacked = Weights(*(np.stack(a) for a in zip(*weights, strict=True))) if weights else None
    encoding = first.encoding if all(d.encoding == first.encoding for d in datasets) else None
    return first._replace(
        train=train,
        validation=validation,
        test=test,
        scaler=scaler,
        weights=stacked,
        encoding=encoding,
    )


def join_validation(dataset: Dataset) -> Dataset:
    """Puts the validation rows into the training part, to train once more on all of them.

    The validation part repeats the training part then: there is nothing left to choose by it.

    Args:
      dataset: in raw units.

    Returns:
      Dataset with the test part as it was.

    Raises:
      TypeError: no Dataset.
    """
    dataset = as_dataset(dataset)
    parts = zip(dataset.train, dataset.validation, strict=True)
    both, weights = Part(*map(np.concatenate, parts)), dataset.weights
    if weights is not None:
        joined = np.concatenate([weights.train, weights.validation])
        weights = weights._replace(train=joined, validation=joined)
    return dataset._replace(train=both, validation=both, weights=weights)


def _check_part(dataset: Dataset, name: str) -> None:
    part = getattr(dataset, name)
    check(
        isinstance(part, (tuple, list)) and len(part) == 2,
        f"dataset.{name} must be a Part with x and y; got {shown(part)}.",
    )
    x, y = part
    check_rank(f"{name} x", x, 2, "(n, d)")
    check_rank(f"{name} y", y, 2, "(n, k)")
    check_same_length(f"{name} y", y, f"{name} x", x)
    check_not_empty(f"{name} x", x)
    check_not_empty(f"{name} y", y)
    for label, array, names in (("x", x, dataset.feature_names), ("y", y, dataset.target_names)):
        check(
            array.shape[1] == len(names),
            f"{name} {label} must have {len(names)} columns, one per name; got {array.shape[1]}.",
        )
        check(
            np.issubdtype(array.dtype, np.floating),
            f"{name} {label} must hold floats; got {array.dtype}.",
        )
        check_finite(f"{name} {label}", array)
        check_size(f"{name} {label}", np.asarray(array))


def _check_variation(dataset: Dataset) -> None:
    x, y = np.asarray(dataset.train.x), np.asarray(dataset.train.y)
    rows = len(x)
    check(
        bool((x.max(axis=0) > x.min(axis=0)).any()),
        f"x must vary in at least one feature; got {x.shape[1]} constant feature(s) in the {rows} "
        "training row(s).",
    )
    constant = y.max(axis=0) == y.min(axis=0)
    # A class that has no training row is poor but usable; one class alone is not.
    if constant.all() if dataset.task == "multiclass" else constant.any():
        index = int(np.argmax(constant))
        raise ValueError(
            f"y must vary in the training part; got the constant {y[0, index]:g} in "
            f"{dataset.target_names[index]!r}, {rows} row(s)."
        )


def _check_labels(dataset: Dataset) -> None:
    binary = dataset.task == "binary"
    for name in PARTS:
        y = np.asarray(getattr(dataset, name).y)
        if binary:
            check(y.shape[1] == 1, f"{name} y must have shape (n, 1) for binary; got {y.shape}.")
        zero_one = bool(np.isin(y, (0, 1)).all())
        wanted = "0 and 1 only" if binary else "one-hot rows"
        good = zero_one and (binary or (y.shape[1] > 1 and bool((y.sum(axis=1) == 1).all())))
        check(good, f"{name} y must hold {wanted} for task {dataset.task!r}; got others.")


def _check_scaler(dataset: Dataset) -> None:
    d, k = len(dataset.feature_names), len(dataset.target_names)
    for field, array, size in zip(Scaler._fields, dataset.scaler, (d, d, k, k), strict=True):
        shape = np.shape(array)
        check(shape == (size,), f"scaler.{field} must have shape ({size},); got {shape}.")
        check_finite(f"scaler.{field}", array)
        if field.endswith("scale"):
            low = float(np.min(np.asarray(array)))
            check(low > 0, f"scaler.{field} must be positive; got {low:g}.")


def _check_weights(dataset: Dataset) -> None:
    if dataset.weights is None:
        return
    for name, weights in zip(PARTS, dataset.weights, strict=True):
        check_same_length(f"{name} weights", weights, f"{name} x", getattr(dataset, name).x)
        check_finite(f"{name} weights", weights)
        low = float(np.min(weights))
        check(low >= 0, f"{name} weights must not be negative; got {low:g}.")
    most = float(np.max(dataset.weights.train))
    check(most > 0, "train weights must not all be zero; got only zeros.")
