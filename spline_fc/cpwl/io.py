"""Splines and whole fits as JSON files: readable, exact to the last bit, no pickle."""

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from spline_fc import files
from spline_fc.checks import check, check_known_keys, check_one_of, shown
from spline_fc.cpwl.checked import check_fit, check_spline
from spline_fc.cpwl.forward import ForwardTrace
from spline_fc.cpwl.pruning import PruningPath
from spline_fc.cpwl.result import FitResult
from spline_fc.cpwl.spline import Spline
from spline_fc.cpwl.terms import Term
from spline_fc.timing import Seconds

FORMAT = "spline_fc.spline/2"
FIT_FORMAT = "spline_fc.fit/3"
Record = TypeVar("Record", Spline, FitResult)
_FLOATS = ("float16", "bfloat16", "float32", "float64")
_DTYPES = ("bool", "int32", "int64", *_FLOATS)
_SPELLED = {"inf": math.inf, "-inf": -math.inf}  # in arrays and scores of a fit
_PARTS = {"forward": ForwardTrace, "pruning": PruningPath, "seconds": Seconds}


def spline_to_dict(spline: Spline) -> dict:
    """A spline as plain lists and numbers; floats keep every digit of their dtype.

    Raises:
      TypeError, ValueError: what `check_spline` refuses.
    """
    check_spline(spline)
    fields = {name: np.asarray(value).tolist() for name, value in spline._asdict().items()}
    # Shapes travel along: an empty list alone would forget its number of columns.
    shapes = {name: list(np.shape(value)) for name, value in spline._asdict().items()}
    return {"format": FORMAT, "dtype": str(spline.coef.dtype), **fields, "shapes": shapes}


def spline_from_dict(record: Mapping) -> Spline:
    """The inverse of `spline_to_dict`; the dtype is the saved one, float64 as NumPy arrays.

    Raises:
      ValueError: the record is not of this format, lacks a field or has one too many, or its fields
        do not fit together.
    """
    _check_record(record, "spline", FORMAT, (*Spline._fields, "dtype", "shapes"))
    check_one_of("dtype", record["dtype"], _FLOATS)
    _check_fields(record["shapes"], "its shapes", Spline._fields)
    arrays: dict[str, Any] = {}
    for name in Spline._fields:
        dtype = "int32" if name == "feature" else record["dtype"]
        arrays[name] = _array(name, record[name], dtype, record["shapes"][name])
    # As in `terms.as_spline`: JAX need not have float64 enabled.
    kept: dict[str, Any] = arrays if record["dtype"] == "float64" else jax.device_put(arrays)
    spline = Spline(*(kept[name] for name in Spline._fields))
    check_spline(spline)
    return spline


def save_spline(path: str | os.PathLike, spline: Spline) -> None:
    """Writes a spline to a JSON file of exactly this name.

    Raises:
      OSError: the file cannot be written.
      TypeError, ValueError: what `check_spline` refuses.
    """
    files.write_json(path, spline_to_dict(spline))


def load_spline(path: str | os.PathLike) -> Spline:
    """Reads a spline from a JSON file; ValueError names the file if it holds none."""
    return _load(path, "spline", spline_from_dict)


def fit_to_dict(fit: FitResult) -> dict:
    """A whole fit as plain lists, numbers and strings; infinities are spelled "inf" and "-inf".

    Raises:
      TypeError, ValueError: what `check_fit` refuses.
    """
    check_fit(fit)
    fields = {name: _encode(value) for name, value in fit._asdict().items()}
    fields["terms"] = [[list(factor) for factor in term.factors] for term in fit.terms]
    return {"format": FIT_FORMAT, **fields, "spline": spline_to_dict(fit.spline)}


def fit_from_dict(record: Mapping) -> FitResult:
    """The inverse of `fit_to_dict`: every number comes back as it was.

    Raises:
      ValueError: the record is not of this format, lacks a field or has one too many, or its fields
        do not fit together.
    """
    _check_record(record, "fit", FIT_FORMAT, FitResult._fields)
    fields = {name: record[name] for name in FitResult._fields}
    for name, kind in _PARTS.items():
        _check_fields(fields[name], f"its {name}", kind._fields)
        parts = {part: _decode(f"{name}.{part}", fields[name][part]) for part in kind._fields}
        fields[name] = kind(**parts)
    fields["spline"] = spline_from_dict(record["spline"])
    fields["terms"] = _terms(record["terms"])
    fields["names"] = _tuples(record["names"])
    for name in set(fields) - {"spline", "terms", "names", *_PARTS}:
        fields[name] = _decode(name, fields[name])
    fit = FitResult(**fields)
    check_fit(fit)
    return fit


def save_fit(path: str | os.PathLike, fit: FitResult) -> None:
    """Writes a whole fit to a JSON file of exactly this name, without pickle.

    Raises:
      OSError: the file cannot be written.
      TypeError, ValueError: what `check_fit` refuses.
    """
    files.write_json(path, fit_to_dict(fit))


def load_fit(path: str | os.PathLike) -> FitResult:
    """Reads a whole fit from a JSON file, every float as it was saved.

    Raises:
      ValueError: the file holds no fit or a damaged one; the sentence names it and the field.
    """
    return _load(path, "fit", fit_from_dict)


def _load(path: str | os.PathLike, kind: str, from_dict: Callable[[Mapping], Record]) -> Record:
    record = files.read_json(path)
    try:
        return from_dict(record)
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{os.fspath(path)} must hold a saved {kind}; {error}") from error


def _check_record(record: Any, kind: str, wanted: str, fields: Iterable[str]) -> None:
    is_object = isinstance(record, Mapping)
    got = type(record).__name__
    check(is_object, f"a saved {kind} must be a JSON object; got {got}.")
    got = record.get("format")
    family = wanted.rpartition("/")[0]
    earlier = isinstance(got, str) and got.startswith(f"{family}/") and got < wanted
    hint = " of an earlier version, so fit again" if earlier else ""
    check(got == wanted, f"a saved {kind} must have format {wanted!r}; got {got!r}{hint}.")
    _check_fields(record, f"a saved {kind}", (*fields, "format"))


def _check_fields(record: Any, owner: str, fields: Iterable[str]) -> None:
    got = type(record).__name__
    check(isinstance(record, Mapping), f"{owner} must be a JSON object; got {got}.")
    missing = [name for name in fields if name not in record]
    check(not missing, f"{owner} must have all fields; {', '.join(missing)} missing.")
    check_known_keys(owner, record, fields)


def _array(name: str, data: Any, dtype: Any, shape: Any) -> np.ndarray:
    """Data of a known dtype and shape, exactly; the error names the field."""
    check_one_of(f"dtype of {name}", dtype, _DTYPES)
    sizes = isinstance(shape, list) and all(type(size) is int and size >= 0 for size in shape)
    check(sizes, f"shape of {name} must list integers >= 0; got {shape!r}.")
    try:
        wide = np.array(
            [_number(item, dtype) for item in _items(data, shape)],
            np.float64 if "float" in dtype else np.int64,
        )
        with np.errstate(over="ignore"):
            # jnp.dtype, as NumPy alone does not know bfloat16.
            array = wide.astype(jnp.dtype(dtype)).reshape(shape)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"{name} must hold {dtype} numbers of shape {shape}; {error}.") from error
    lost = array.ravel().astype(wide.dtype) != wide
    check(not lost.any(), f"{name} must hold {dtype} numbers; got {wide[lost][:1].tolist()}.")
    return array


def _items(data: Any, shape: list[int]) -> Iterator[Any]:
    """What nested lists of a shape hold, in order."""
    if not shape:
        yield data
        return
    if not isinstance(data, list) or len(data) != shape[0]:
        raise ValueError(f"got {shown(data)}")
    for item in data:
        yield from _items(item, shape[1:])


def _number(item: Any, dtype: str) -> Any:
    """A number that strict JSON can hold, or the spelling of infinity; nothing is converted."""
    kinds = {"bool": (bool,), "int": (int,), "float": (int, float)}
    wanted = next(kinds[kind] for kind in kinds if kind in dtype)
    if "float" in dtype and isinstance(item, str):
        item = _SPELLED.get(item, item)
    if type(item) not in wanted:
        raise ValueError(f"got {item!r}")
    return item


def _encode(value: Any) -> Any:
    """Records, arrays and scalars as JSON; strict JSON has no infinity, so it becomes a string."""
    if hasattr(value, "_asdict"):
        return {name: _encode(part) for name, part in value._asdict().items()}
    if isinstance(value, np.ndarray):
        data = [_encode(number) for number in value.ravel().tolist()]
        return {"dtype": str(value.dtype), "shape": list(value.shape), "data": data}
    if isinstance(value, np.generic):
        value = value.item()
    return str(value) if isinstance(value, float) and not np.isfinite(value) else value


def _decode(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        _check_fields(value, name, ("dtype", "shape", "data"))
        return _flat_array(name, **value)
    return _SPELLED.get(value, value) if isinstance(value, str) else value


def _flat_array(name: str, dtype: Any, shape: Any, data: Any) -> np.ndarray:
    """An array that was written as one list."""
    is_list = isinstance(data, list)
    flat = _array(name, data, dtype, [len(data) if is_list else 0])
    sizes = isinstance(shape, list) and all(type(size) is int and size >= 0 for size in shape)
    fits = sizes and math.prod(shape) == len(data)
    check(fits, f"{name} must hold the numbers of shape {shape!r}; got {len(data)}.")
    return flat.reshape(shape)


def _terms(rows: Any) -> Any:
    """Lists as tuples; `check_fit` sees whether these are terms."""
    rows = _tuples(rows)
    return tuple(map(Term, rows)) if isinstance(rows, tuple) else rows


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
