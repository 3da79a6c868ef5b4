"""Standardisation: statistics of the training part alone, in float64, then cast."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spline_fc.checks import as_float_dtype, check, check_kind
from spline_fc.data.records import Dataset, Part, Scaler, as_dataset, check_dataset

EXTRAPOLATE = ("clip", "linear")  # what is made of rows beyond the training rows
TOGETHER = 16  # columns that are measured at once
NARROW = 1e-300  # a column whose ends are no farther apart is constant: nothing divides by that


def fit_scaler(train: Part, task: str = "regression", *, shared_scale: bool = False) -> Scaler:
    """Measures the mean and standard deviation (divisor n) of every column.

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
    x_shift, x_scale = _moments(np.asarray(train.x))
    if shared_scale:
        varies = np.ptp(train.x, axis=0) >= NARROW
        squares = np.where(varies, x_scale, 0) ** 2
        x_scale = np.full(len(x_scale), np.sqrt(squares.mean()) if varies.any() else 1.0)
    num_targets = np.shape(train.y)[1]
    if task != "regression":
        return Scaler(x_shift, x_scale, np.zeros(num_targets), np.ones(num_targets))
    return Scaler(x_shift, x_scale, *_moments(np.asarray(train.y)))


def standardize(dataset: Dataset, dtype: Any = np.float32) -> Dataset:
    """Scales every part by the statistics of the training part.

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
    scaler = fit_scaler(dataset.train, dataset.task, shared_scale=dataset.shared_scale)
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
    x = np.asarray(as_dataset(dataset).train.x)
    if dataset.weights is not None:
        x = x[np.asarray(dataset.weights.train) > 0]
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
