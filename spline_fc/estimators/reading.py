"""From what people pass to `fit` to matrices, parts of rows, and rows that were seen before."""

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import _safe_indexing, check_X_y
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from spline_fc import data
from spline_fc.arrays import MISSING, as_names, numbers, numbers_float64, tell_order
from spline_fc.checks import (
    check,
    check_finite,
    check_mapping,
    check_number,
    check_one_of,
    check_rank,
    check_same_length,
    shown,
)
from spline_fc.data import Dataset, Encoding, Part, Weights
from spline_fc.data.arrays import assemble
from spline_fc.data.encoding import FEATURE, TARGET, ColumnEncoding
from spline_fc.data.frames import frame_table, is_frame
from spline_fc.data.matrices import Encoded, fill_medians
from spline_fc.data.splits import Rows

NUMBERS = {"multi_output": True, "y_numeric": True}  # how scikit-learn checks such targets
_ROUND = 128  # rows of small data come in multiples of this
_MOST_ROUNDED = 4096
_HEAVIEST = 1e30  # of a row, so that float32 holds sums over the rows


class Known(NamedTuple):
    """The rows of a fit, each once."""

    encoded: Encoded  # x finite, y, and the encoding of the columns
    weights: np.ndarray  # (n,) > 0
    classes: np.ndarray | None  # labels in order
    vector: bool  # targets came as (n,)


def read(
    estimator: BaseEstimator,
    X: Any,
    y: Any,
    sample_weight: Any = None,
    *,
    labels: bool = False,
    class_weight: Any = None,
) -> Known:
    """Checks and encodes the rows of a fit as scikit-learn and the data room want it.

    Data frames are read column by column: words, booleans, categories, dates, gaps. Gaps get the
    median, or are a level of their own. Rows that agree in everything become one that weighs as
    much as they do, in an order that depends on nothing but the rows: a weight of 2 is two copies,
    to the last bit, in every step that follows.

    Args:
      estimator: gets `n_features_in_` and, of a frame, `feature_names_in_`.
      X: (n, d) array, without words, or a data frame.
      y: (n,) or (n, k) numbers, or (n,) labels.
      sample_weight: (n,), >= 0; rows of weight 0 are left out.
      labels: y holds labels of any kind.
      class_weight: factors on the weights of rows by label, "balanced" or None.

    Returns:
      Known.

    Raises:
      ValueError: what scikit-learn's checks and `data.from_arrays` refuse, fewer than two classes.
    """
    for argument, given in (("X", X), ("y", y)):
        _check_rows(argument, given)
    tell_order("X", X, "y", y)
    tell_order("X", X, "sample_weight", sample_weight)
    name = _name(X, y)
    X, y, sample_weight = _counted(X, y, sample_weight)
    if labels and y is not None:
        y = _as_labels(y)
    if not labels and y is not None and not _is_complex(y):
        y = numbers("y", y)
    with _one_sentence("X must be rows of numbers, and y a target for each"):
        X, y = _checked(estimator, X, y, {} if labels else NUMBERS)
    weights = _weights(sample_weight, len(X))
    vector, classes, task = y.ndim == 1, None, "regression"
    if labels:
        with _one_sentence("y must hold labels"):
            check_classification_targets(y)
        classes, y = np.unique(y, return_inverse=True)
        check(
            len(classes) > 1, f"y must have at least 2 classes; got 1 class, {shown(classes[0])}."
        )
        task = "binary" if len(classes) == 2 else "multiclass"
        weights = weights * _class_weights(class_weight, classes, y, weights)
    X = frame_table("X", X) if is_frame(X) else X
    encoded = data.encode_arrays(X, _named(y, name), task=task, missing="median")
    encoded, weights = _each_once(encoded, weights)
    encoded = fill_medians(encoded, np.arange(len(encoded.x)), "X")
    if classes is not None:
        encoded = encoded._replace(encoding=_with_labels(encoded.encoding, classes))
    return Known(encoded, weights, classes, vector)


def _counted(X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
    """Leaves out the rows of weight 0 before anything else looks at what stands in them."""
    if sample_weight is None or np.isscalar(sample_weight):
        return X, y, sample_weight
    rows = _rows_of(X)
    if not rows or rows != _rows_of(y):
        return X, y, sample_weight
    weights = _weights(sample_weight, *rows)
    kept = np.flatnonzero(weights)
    if len(kept) == len(weights):
        return X, y, weights
    return _safe_indexing(X, kept), _safe_indexing(y, kept), weights[kept]


def _rows_of(given: Any) -> tuple[int, ...]:
    """The number of rows, () of what has none; lists may be ragged here."""
    if isinstance(given, (list, tuple)):
        return (len(given),)
    return (given if hasattr(given, "shape") else np.asarray(given)).shape[:1]


def _as_labels(y: Any) -> Any:
    """Labels as they came; of lists and objects, which NumPy would mix, once they are of one kind.

    Raises:
      ValueError: a row has no label, or words stand beside numbers.
    """
    listed = isinstance(y, (list, tuple))
    values = np.array(y, object) if listed else np.asarray(y)
    if values.dtype != object or values.ndim != 1:
        return y
    found = values.tolist()
    gaps = [i for i, v in enumerate(found) if type(v).__name__ in MISSING or v != v]
    first = f"the first is row {gaps[0]}" if gaps else ""
    check(not gaps, f"y must have a label in every row; {len(gaps)} have none, {first}.")
    kinds = {isinstance(label, str) for label in found}
    check(len(kinds) < 2, "y must hold words or numbers; got both.")
    return y if kinds == {True} and not listed else np.array(found)


def _class_weights(
    given: Any, classes: np.ndarray, y: np.ndarray, weights: np.ndarray
) -> np.ndarray | float:
    """Factors (n,) of rows by class; "balanced" lets all classes count alike, and n rows as n."""
    if given is None:
        return 1.0
    if isinstance(given, str):
        check_one_of("class_weight", given, ("balanced",))
        sums = np.bincount(y, weights, minlength=len(classes))
        return (weights.sum() / (len(classes) * sums))[y]
    check_mapping("class_weight", given)
    known = {
        label.item() if isinstance(label, np.generic) else label: j
        for j, label in enumerate(classes)
    }
    factors = np.ones(len(classes))
    for label, factor in given.items():
        check_one_of("a label of class_weight", label, list(known))
        check_number(f"class_weight[{label!r}]", factor, above=0)
        factors[known[label]] = factor
    return factors[y]


def read_again(estimator: BaseEstimator, features: np.ndarray, X: Any) -> Any:
    """Checks rows as scikit-learn wants it; returns them as the model wants them.

    Args:
      estimator: that was fitted.
      features: from `are_features`.
      X: as in `read`.
    """
    _check_rows("X", X)
    if is_frame(X):
        return frame_table("X", validate_data(estimator, X, reset=False, skip_check_array=True))
    with _one_sentence("X must be rows of numbers"):
        rows = validate_data(estimator, X, reset=False, ensure_all_finite="allow-nan")
    return rows[:, features]


def are_labels(y: Any) -> bool:
    """Whether targets are words or truths among other things, and not numbers alone."""
    _check_rows("y", y)
    with _one_sentence("y must hold a target for each row"):
        values = np.asarray(y).ravel().tolist()
    return any(isinstance(value, (str, bool)) for value in values)


def are_features(encoding: Encoding, columns: int) -> np.ndarray:
    """Which of the columns of X became features: (columns,) bool; the others were left out."""
    return np.array([column.role == FEATURE for column in encoding.columns[:columns]])


def parts(known: Known, name: str, fraction: float, seed: int) -> Dataset:
    """Holds rows out for choices; the test part is the validation part, for what is told of both.

    Args:
      known: from `read`.
      name: of the data set.
      fraction: of the rows, of every class alike and never its last one; 0 holds none out, and
        all parts are all rows.
      seed: of the draw.

    Returns:
      Dataset, in raw units.
    """
    encoded, rows = known.encoded, np.arange(len(known.encoded.x))
    held = rows[:0] if fraction == 0 else _drawn(known, fraction, seed)
    left, held = (np.setdiff1d(rows, held), held) if held.size else (rows, rows)
    counted = bool((known.weights != 1).any())
    encoding = encoded.encoding
    found = assemble(
        name,
        encoding.task,
        encoding.feature_names,
        encoding.target_names,
        encoded.x,
        encoded.y,
        Rows(left, held, held),
        known.weights if counted else None,
    )
    return found._replace(encoding=encoding)


def rounded(standard: Dataset) -> Dataset:
    """Brings the number of training rows to a round one, so that compiled code is met again.

    Folds of one table differ by a few rows, and every number of rows compiles its own training,
    which takes longer than small data take. Some rows, evenly spread, become two of half the weight
    each, which does not change what training minimises.
    """
    x, y = standard.train
    n = len(x)
    step = max(_ROUND, 1 << max(n.bit_length() - 5, 0))
    wanted = -(-n // step) * step
    if n > _MOST_ROUNDED or wanted == n:
        return standard
    copies = np.full(n, wanted // n)
    copies[np.linspace(0, n - 1, wanted % n).astype(int)] += 1
    weights = np.ones(n) if standard.weights is None else standard.weights.train
    part = Part(np.repeat(x, copies, axis=0), np.repeat(y, copies, axis=0))
    held = np.ones(len(standard.validation.x))
    weights = Weights(np.repeat(weights / copies, copies), held, held)
    return standard._replace(train=part, weights=weights)


def _checked(estimator: BaseEstimator, X: Any, y: Any, of_y: dict[str, bool]) -> tuple[Any, Any]:
    if not is_frame(X):
        return validate_data(
            estimator, X, y, ensure_min_samples=2, ensure_all_finite="allow-nan", **of_y
        )
    X, y = validate_data(estimator, X, y, skip_check_array=True)
    X = X if hasattr(X, "iloc") else X.to_pandas()
    return X, check_X_y(
        np.zeros((len(X), 1)), y, ensure_min_samples=2, estimator=estimator, **of_y
    )[1]


def _is_complex(y: Any) -> bool:
    """Whether these are complex numbers, which scikit-learn wants to refuse in its own words."""
    return getattr(getattr(y, "dtype", None), "kind", "") == "c"


def _check_rows(name: str, given: Any) -> None:
    """Refuses what has no rows, names that occur twice, and masked values.

    scikit-learn would take the last for what lies below the mask; y of None it refuses itself.
    """
    if is_frame(given):
        as_names(f"the columns of {name}", given.columns, len(given.columns))
        return
    is_array = hasattr(given, "__array__") or hasattr(given, "todense")
    absent = given is None and name == "y"
    listed = is_array or absent or isinstance(given, (list, tuple))
    check(listed, f"{name} must have rows; got {shown(given)}.")
    masked = int(np.ma.getmaskarray(given).sum()) if isinstance(given, np.ma.MaskedArray) else 0
    check(masked == 0, f"{name} must have no masked values; got {masked} (fill or drop them).")


@contextlib.contextmanager
def _one_sentence(wanted: str) -> Iterator[None]:
    """Puts the argument before what scikit-learn says, on one line."""
    try:
        yield
    except (ValueError, TypeError, OverflowError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{wanted}: {' '.join(str(error).split())}") from error


def _weights(given: Any, rows: int) -> np.ndarray:
    """What the rows count, (rows,) float64; one number counts for all."""
    if given is None or np.isscalar(given):
        given = np.full(rows, 1.0 if given is None else given)
    weights = numbers_float64("sample_weight", given)
    check_rank("sample_weight", weights, 1, "(n,)")
    check_same_length("sample_weight", weights, "X", np.zeros(rows))
    check_finite("sample_weight", weights)
    low, high = float(weights.min()), float(weights.max())
    check(low >= 0, f"sample_weight must not be negative; the smallest is {low:g}.")
    check(high > 0, "sample_weight must have an entry above 0; got only zeros.")
    check(high <= _HEAVIEST, f"sample_weight must be within {_HEAVIEST:g}; got {high:g}.")
    return weights


def _name(X: Any, y: Any) -> Any:
    """The name or names of the targets, if they have any that X has not."""
    taken = set(map(str, X.columns)) if is_frame(X) else set()
    if is_frame(y):
        names = list(map(str, y.columns))
        return names if not taken & set(names) else None
    own = getattr(y, "name", None)
    return own if isinstance(own, str) and own not in taken else None


def _named(y: np.ndarray, name: Any) -> Any:
    """Targets with their names; NumPy where there are none."""
    import pandas as pd

    if name is None:
        return y
    return pd.DataFrame(y, columns=name) if y.ndim == 2 else pd.Series(y, name=name)


def _each_once(encoded: Encoded, weights: np.ndarray) -> tuple[Encoded, np.ndarray]:
    """Joins the rows that agree in x and y, and puts all in the order of their bytes."""
    # Adding 0 turns -0 into 0: the two are equal, but their bytes are not.
    table = np.ascontiguousarray(np.hstack([encoded.x, encoded.y]) + 0.0)
    keys = table.view(f"V{table.shape[1] * table.itemsize}").ravel()
    _, first, member = np.unique(keys, return_index=True, return_inverse=True)
    total = np.bincount(member, weights)
    return encoded._replace(x=encoded.x[first], y=encoded.y[first]), total


def _with_labels(encoding: Encoding, classes: np.ndarray) -> Encoding:
    """The encoding of codes 0, 1, ... with the labels that they stand for."""
    numeric = classes.dtype.kind in "iuf"
    levels = tuple(float(c) if numeric else str(c) for c in classes)

    def told(column: ColumnEncoding) -> ColumnEncoding:
        if column.role != TARGET:
            return column
        kind = "number" if numeric else "category"
        return column._replace(levels=levels, format=column.format._replace(kind=kind))

    return encoding._replace(columns=tuple(map(told, encoding.columns)))


def _drawn(known: Known, fraction: float, seed: int) -> np.ndarray:
    """Row numbers to hold out."""
    rng, y = np.random.default_rng(seed), known.encoded.y
    labels = np.zeros(len(y), int) if known.classes is None else _codes(y)
    drawn = []
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        drawn.append(rng.permutation(own)[: min(round(fraction * len(own)), len(own) - 1)])
    return np.sort(np.concatenate(drawn))


def _codes(y: np.ndarray) -> np.ndarray:
    return y[:, 0].astype(int) if y.shape[1] == 1 else y.argmax(axis=1)
