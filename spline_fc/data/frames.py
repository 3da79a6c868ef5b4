"""Data frames and mappings of columns as tables; frames are known by what they can do."""

import datetime
import decimal
import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np
from absl import logging

from spline_fc.arrays import numbers_float64, tell_merged
from spline_fc.checks import check
from spline_fc.data.cells import Cells, Format, Read
from spline_fc.data.encoding import spell
from spline_fc.data.tables import Table

_DAY = 86400


def is_frame(x: Any) -> bool:
    """Says whether something is a data frame."""
    return hasattr(x, "columns") and hasattr(x, "to_numpy")


def frame_table(name: str, frame: Any) -> Table:
    """Reads a data frame of pandas, or a mapping of columns, as a table.

    Numbers, also nullable ones, and booleans are numbers; time stamps are days since 1970 where all
    of them are midnight, else seconds (UTC where they have a zone); durations are seconds; levels
    of a categorical are words. Text is read as that of a file is. Columns whose names are all
    numbers are called x0, x1 and so on, as those of an array.

    Args:
      name: of the argument, for errors.
      frame: the frame or mapping.

    Returns:
      Table.

    Raises:
      ValueError: no rows, names that repeat, columns of unequal length, or a column of periods,
        complex numbers or other objects.
    """
    import pandas as pd  # takes longer to import than all of this package

    if not isinstance(frame, pd.DataFrame):
        frame = _as_pandas(name, frame)
    numbered = all(isinstance(label, (int, np.integer)) for label in frame.columns)
    names = tuple(f"x{label}" if numbered else str(label) for label in frame.columns)
    doubled = sorted({n for n in names if names.count(n) > 1})
    check(not doubled, f"{name} must have distinct column names; got {doubled[:1]} twice.")
    check(len(frame) > 0 and len(names) > 0, f"{name} must have at least one row and column.")
    place = lambda row: f"{name}, row {row}"  # noqa: E731
    columns = tuple(_column(name, label, frame.iloc[:, j], place) for j, label in enumerate(names))
    return Table(name, names, columns, len(frame), place)


def _as_pandas(name: str, frame: Any) -> Any:
    import pandas as pd

    if hasattr(frame, "to_pandas"):  # polars, pyarrow
        return frame.to_pandas()
    check(isinstance(frame, Mapping), f"{name} must be a data frame or a mapping; got {frame!r}.")
    lengths = {str(k): np.shape(v)[:1] for k, v in frame.items()}
    flat = all(np.ndim(v) == 1 for v in frame.values())
    check(flat, f"{name} must have columns of one axis; got others.")
    check(
        len(set(lengths.values())) == 1 and () not in lengths.values(),
        f"{name} must have columns of one length; got "
        f"{', '.join(f'{k}: {v[0] if v else 1}' for k, v in lengths.items())}.",
    )
    # Series go by position, as rows and targets do, and not by their indexes.
    plain = {k: getattr(v, "array", v) for k, v in frame.items()}
    return pd.DataFrame({k: v if hasattr(v, "dtype") else list(v) for k, v in plain.items()})


def _column(argument: str, name: str, series: Any, place: Any) -> Cells | Read:
    """One column, by its dtype."""
    import pandas as pd

    types, dtype = pd.api.types, series.dtype
    wanted = f"{argument} column {name!r} must hold numbers, dates or words"
    if isinstance(dtype, pd.PeriodDtype) or types.is_complex_dtype(dtype):
        raise ValueError(f"{wanted}; got {dtype}.")
    if types.is_datetime64_any_dtype(dtype):
        return _time_stamps(name, series)
    if types.is_timedelta64_dtype(dtype):
        logging.warning("%s: column %s was taken for seconds.", argument, name)
        return Read(Format("number"), series.dt.total_seconds().to_numpy(np.float64))
    if isinstance(dtype, pd.CategoricalDtype):
        words = [_spell(level) for level in series.cat.categories] + [""]
        return Read(Format("category"), np.array(words, object)[series.cat.codes.to_numpy()])
    if types.is_bool_dtype(dtype) or types.is_numeric_dtype(dtype):
        values = series.to_numpy(np.float64, na_value=np.nan)
        if types.is_integer_dtype(dtype):
            present = ~np.isnan(values)
            exact = series[present].to_numpy()
            tell_merged(f"{argument} column {name!r}", exact, values[present])
        return Read(Format("number"), _finite(argument, name, values))
    return _objects(argument, name, series, wanted, place)


def _finite(argument: str, name: str, values: np.ndarray) -> np.ndarray:
    infinite = np.isinf(values)
    if infinite.any():
        row = int(np.argmax(infinite))
        raise ValueError(f"{argument}, row {row}: column {name!r} must be finite; got infinity.")
    return values


def _time_stamps(name: str, series: Any) -> Read:
    zoned = getattr(series.dtype, "tz", None) is not None
    plain = series.dt.tz_convert("UTC").dt.tz_localize(None) if zoned else series
    missing = plain.isna().to_numpy()
    stamps = plain.to_numpy("datetime64[us]")
    seconds = np.where(missing, np.nan, stamps.astype(np.int64) / 1e6)
    whole = not zoned and not np.any(seconds[~missing] % _DAY)
    unit = "days" if whole else "seconds"
    format = Format("date", unit=unit, order="ymd", zoned=zoned)
    return Read(format, seconds / _DAY if whole else seconds, f"dates, {unit} since 1970")


def _objects(argument: str, name: str, series: Any, wanted: str, place: Any) -> Cells | Read:
    """A column of objects: numbers, dates, or text; several of them as text, which is then read."""
    import pandas as pd

    missing = series.isna().to_numpy()
    values = series.to_numpy(object)
    present = values[~missing]
    for value in present:
        simple = isinstance(value, (str, bool, np.bool_, numbers.Real, decimal.Decimal))
        if not simple and not isinstance(value, datetime.date):
            raise ValueError(f"{wanted}; got {type(value).__name__}.")
    if len(present) and all(isinstance(v, datetime.date) for v in present):
        try:
            return _time_stamps(name, pd.to_datetime(series))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{wanted}; got dates that disagree ({error}).") from error
    if not any(isinstance(v, (str, datetime.date)) for v in present):
        found = np.full(len(values), np.nan)
        found[~missing] = numbers_float64(f"{argument} column {name!r}", present)
        return Read(Format("number"), _finite(argument, name, found))
    text = np.full(len(values), "", object)
    text[~missing] = [_spell(v) for v in present]
    codes, words = pd.factorize(text)
    return Cells(name, [str(w).strip() for w in words], codes, place)


def _spell(value: Any) -> str:
    real = isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_))
    try:
        return spell(float(value)) if real else str(value)
    except OverflowError:  # infinity, or a number beyond float64, which is refused as text
        return str(value)
