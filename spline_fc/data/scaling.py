"""Standardisation: statistics of the training part alone, in float64, then cast."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from absl import logging

from spline_fc.arrays import COUNTED_ROWS, FEW_LOST, ROUNDING, distinct, share_lost
from spline_fc.checks import as_float_dtype, check, check_kind
from spline_fc.data.records import Dataset, Part, Scaler, as_dataset, check_dataset

EXTRAPOLATE = ("clip", "linear")  # what is made of rows beyond the training rows
QUARTILES = (0.25, 0.5, 0.75)
SAMPLE_ROWS = 1 << 12  # whose quartiles are looked at
LOST = 1e-3  # share of the interquartile range to which float32 may round the rows within it
PLACES = 16  # of a column, at which the centre of one that would lose more is sought
TOGETHER = 16  # columns that are measured at once
NARROW = 1e-300  # a column whose ends are no farther apart is constant: nothing divides by that


class Centred(NamedTuple):
    """Shifts of columns, and what float32 leaves of their values about them."""

    shift: np.ndarray  # (d,) float64
    lost: np.ndarray  # (d,) share of the distinct values of a sample that become equal to others


def fit_scaler(train: Part, task: str = "regression", *, shared_scale: bool = False) -> Scaler:
    """Measures the mean and standard deviation (divisor n) of every column.

    Where values lie so far that float32 could not tell the other rows of a feature apart about the
    mean, its shift lies amid these (see `centre`); its scale is the deviation all the same.
    A constant column gets scale 1 and becomes 0: its computed deviation may be rounding noise
    instead of 0, so its ends are asked, which are less than 1e-300 apart. Labels are never scaled.

    Args:
      train: x (n, d) and y (n, k), finite, of any float dtype.
      task: "regression", "binary" or "multiclass".
      shared_scale: all features get one scale, the root of their mean variance. A pixel that is lit
        in a few training images alone would lie at thousands of its own deviations in another.

    Returns:
      Scaler in float64.

    Raises:
      TypeError: no Part.
    """
    check_kind("train", train, Part)
    return _measured(train, task, shared_scale)[0]


def _measured(train: Part, task: str, shared_scale: bool) -> tuple[Scaler, np.ndarray, np.ndarray]:
    """The scaler, the features that are not centred at their means, and what each has lost."""
    mean, x_scale = _moments(np.asarray(train.x))
    x_shift, lost = centre(mean, x_scale, np.asarray(train.x))
    moved = np.flatnonzero(x_shift != mean)
    if shared_scale:
        varies = np.ptp(train.x, axis=0) >= NARROW
        squares = np.where(varies, x_scale, 0) ** 2
        x_scale = np.full(len(x_scale), np.sqrt(squares.mean()) if varies.any() else 1.0)
    num_targets = np.shape(train.y)[1]
    if task != "regression":
        return Scaler(x_shift, x_scale, np.zeros(num_targets), np.ones(num_targets)), moved, lost
    return Scaler(x_shift, x_scale, *_moments(np.asarray(train.y))), moved, lost


def standardize(dataset: Dataset, dtype: Any = np.float32) -> Dataset:
    """Scales every part by the statistics of the training part.

    Training rows of weight 0 are left out of them; other weights do not count.

    Args:
      dataset: in raw units, its scaler the identity.
      dtype: floating dtype of the returned x and y.

    Returns:
      Dataset with NumPy x and y of `dtype` and the fitted Scaler in float64; features that are
      constant in the training part are kept.

    Raises:
      ValueError: the data set is malformed or was standardised before, or the dtype is not
        floating.
    """
    check_dataset(dataset)
    dtype = as_float_dtype(dtype)
    s = dataset.scaler
    raw = not (np.any(s.x_shift) or np.any(s.y_shift))
    raw = raw and bool(np.all(np.asarray(s.x_scale) == 1) and np.all(np.asarray(s.y_scale) == 1))
    check(raw, f"dataset must be in raw units; got {dataset.name!r}, which is standardised.")
    counted = _counted(dataset)
    scaler, moved, lost = _measured(counted, dataset.task, dataset.shared_scale)
    if len(moved):
        _tell_far(counted.x, moved, scaler.x_shift, dataset.feature_names)
    if np.finfo(dtype).eps >= np.finfo(np.float32).eps:
        tell_lost(lost, counted.x, dataset.feature_names)
    train, validation, test = (
        Part(
            _scale_columns(np.asarray(part.x), scaler.x_shift, scaler.x_scale, dtype),
            _scale_columns(np.asarray(part.y), scaler.y_shift, scaler.y_scale, dtype),
        )
        for part in (dataset.train, dataset.validation, dataset.test)
    )
    return check_dataset(
        dataset._replace(train=train, validation=validation, test=test, scaler=scaler)
    )


def train_range(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Finds the least and the largest value of every column in the training rows that count.

    Args:
      dataset: in any units.

    Returns:
      low, high: (d,), of the dtype of x; rows of weight 0 have no say.
    """
    x = _counted(as_dataset(dataset)).x
    return x.min(axis=0), x.max(axis=0)


def pull_in(dataset: Dataset) -> Dataset:
    """Pulls validation and test rows in to the range of the training rows, column by column.

    Hinges go on in a straight line where no training row lies, and one cell that was mistyped can
    then decide an error. What this does to data is in docs/growth.md.

    Args:
      dataset: in any units; a category's 0/1 columns are columns as others are, so that a level
        that no training row has becomes none of the levels.

    Returns:
      Dataset with x = min(max(x, low), high) in both parts, ends from `train_range`.

    Raises:
      ValueError: the data set is malformed.
    """
    ends = train_range(check_dataset(dataset))
    validation, test = (
        part._replace(x=np.clip(np.asarray(part.x), *ends))
        for part in (dataset.validation, dataset.test)
    )
    return dataset._replace(validation=validation, test=test)


def scale_x(scaler: Scaler, x: Any) -> Any:
    """Takes features (..., d) from raw to standardised units, in the array kind and dtype of x."""
    return _scale(x, scaler.x_shift, scaler.x_scale)


def scale_y(scaler: Scaler, y: Any) -> Any:
    """Takes targets (..., k) from raw to standardised units, in the array kind and dtype of y."""
    return _scale(y, scaler.y_shift, scaler.y_scale)


def unscale_x(scaler: Scaler, x: Any) -> Any:
    """Takes features (..., d) from standardised to raw units, in the array kind and dtype of x."""
    return _unscale(x, scaler.x_shift, scaler.x_scale)


def unscale_y(scaler: Scaler, y: Any) -> Any:
    """Takes targets (..., k) from standardised to raw units, in the array kind and dtype of y."""
    return _unscale(y, scaler.y_shift, scaler.y_scale)


def body(x: np.ndarray) -> np.ndarray:
    """Quartiles (3, d) of columns (n, d), float64, of at most SAMPLE_ROWS rows evenly spread.

    Where the outer two are one, as of a count that is mostly zero, those of all that is not.
    """
    found, x = np.empty((3, x.shape[1])), x[:: -(-len(x) // SAMPLE_ROWS)]
    for j in range(x.shape[1]):
        column = x[:, j].astype(np.float64)
        found[:, j] = low, middle, high = np.quantile(column, QUARTILES)
        others = column[column != middle] if low == high else column[:0]
        if len(others):
            low, _, high = np.quantile(others, QUARTILES)
            found[:, j] = min(low, middle), middle, max(high, middle)
    return found


def centre(mean: np.ndarray, scale: np.ndarray, x: np.ndarray) -> Centred:
    """The shifts of columns: their means, unless the mean takes the digits of other values.

    About 0 a float keeps its digits however small it is. So a column of which a few values lie far
    is centred at its median. Where quartiles tell nothing, as of a column one half of which lies at
    1e9 and the other near 0, distinct values are counted: if more than FEW_LOST of those of a
    sample would be equal in float32, the shift is the one of PLACES quantiles of them, from the
    middle outwards, about which most stay apart.

    Args:
      mean, scale: (d,) float64.
      x: (n, d), of which at most SAMPLE_ROWS rows are looked at and at most COUNTED_ROWS counted,
        evenly spread.
    """
    low, median, high = body(x)
    rounded = np.finfo(np.float32).eps * np.abs(mean - median)
    # Quartiles that differ by rounding alone are one number, computed twice.
    wide = high - low > np.maximum(NARROW, ROUNDING * np.abs(median))
    shift = np.where((rounded > LOST * (high - low)) & wide, median, mean)
    lost = np.zeros(len(shift))
    places = (np.arange(PLACES) + 0.5) / PLACES
    places = places[np.argsort(np.abs(places - 0.5), kind="stable")]
    some = x[:: -(-len(x) // COUNTED_ROWS)]
    for j in range(len(shift)):
        values = distinct(some[:, j])
        lost[j] = share_lost((values - shift[j]) / scale[j])
        if lost[j] > FEW_LOST:
            others = np.quantile(values, places, method="nearest")
            found = [share_lost((values - other) / scale[j]) for other in others]
            best = int(np.argmin(found))
            if found[best] < lost[j]:
                shift[j], lost[j] = others[best], found[best]
    return Centred(shift, lost)


def tell_lost(lost: np.ndarray, x: np.ndarray, names: Sequence[str]) -> None:
    """A word about the feature of which float32 loses most, if it is more than FEW_LOST.

    Args:
      lost: (d,), as of `centre`. x: (n, d), rows of the features. names: (d,) of them.
    """
    many = int((lost > FEW_LOST).sum())
    if not many:
        return
    worst = int(lost.argmax())
    column = np.asarray(x[:, worst])
    logging.warning(
        "column %r has values from %.3g to %.3g, and float32 cannot tell %.0f %% of them from "
        "others%s: nothing can be fitted to what is between those. Take its logarithm, or make a "
        "column of its own of every kind of value.",
        names[worst], column.min(), column.max(), 100 * lost[worst],
        f" ({many - 1} more like it)" if many > 1 else "",
    )  # fmt: skip


def _counted(dataset: Dataset) -> Part:
    """The training rows of weight above 0."""
    train = Part(*map(np.asarray, dataset.train))
    if dataset.weights is None:
        return train
    counts = np.asarray(dataset.weights.train) > 0
    return train if counts.all() else Part(train.x[counts], train.y[counts])


def _tell_far(x: np.ndarray, moved: np.ndarray, shift: np.ndarray, names: Sequence[str]) -> None:
    """A word about the feature of the farthest value, of those not centred at their means."""
    x, shift = x[:, moved].astype(np.float64), shift[moved]
    low, _, high = body(x)
    away = np.abs(x - shift)
    worst = int((away.max(0) / (high - low)).argmax())
    logging.warning(
        "column %r has values as far as %.3g beside others about %.3g, to which its mean would "
        "leave few digits: it is centred at those%s. Such a value may mean a missing one, which a "
        "table leaves empty.",
        names[moved[worst]], x[away[:, worst].argmax(), worst], shift[worst],
        f" ({len(moved) - 1} more like it)" if len(moved) > 1 else "",
    )  # fmt: skip


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation per column in float64, few columns at a time to keep memory low."""
    shift, scale = np.zeros(values.shape[1]), np.ones(values.shape[1])
    for first in range(0, values.shape[1], TOGETHER):
        # Rows lie one after another: a column by itself would be read from all over the memory.
        some = np.ascontiguousarray(values[:, first : first + TOGETHER].T, np.float64)
        for j, column in enumerate(some, first):
            low, width = column.min(), np.ptp(column)
            if width < NARROW:
                shift[j] = low
                continue
            # On the unit interval neither a far offset nor a tiny scale costs digits.
            unit = (column - low) / width
            shift[j], scale[j] = low + width * unit.mean(), width * unit.std()
    return shift, scale


def _scale_columns(values: np.ndarray, shift: Any, scale: Any, dtype: Any) -> np.ndarray:
    """The whole matrix scaled in float64 and cast column by column."""
    out = np.empty(values.shape, dtype)
    for j in range(values.shape[1]):
        out[:, j] = (values[:, j].astype(np.float64) - shift[j]) / scale[j]
    return out


def _scale(values: Any, shift: Any, scale: Any) -> Any:
    if isinstance(values, jax.Array):
        return (values - jnp.asarray(shift, values.dtype)) / jnp.asarray(scale, values.dtype)
    values = np.asarray(values)
    out = (values.astype(np.float64) - np.asarray(shift)) / np.asarray(scale)
    return out.astype(np.result_type(values.dtype, np.float32))


def _unscale(values: Any, shift: Any, scale: Any) -> Any:
    if isinstance(values, jax.Array):
        return values * jnp.asarray(scale, values.dtype) + jnp.asarray(shift, values.dtype)
    values = np.asarray(values)
    out = values.astype(np.float64) * np.asarray(scale) + np.asarray(shift)
    return out.astype(np.result_type(values.dtype, np.float32))
