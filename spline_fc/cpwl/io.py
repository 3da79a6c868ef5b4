"""Splines and whole fits as JSON files: readable, exact to the last bit, no pickle."""

import json
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import jax.numpy as jnp
import numpy as np

from spline_fc.checks import check, check_finite, check_one_of
from spline_fc.cpwl.fit import FitResult
from spline_fc.cpwl.forward import ForwardTrace
from spline_fc.cpwl.pruning import PruningPath
from spline_fc.cpwl.spline import Spline
from spline_fc.cpwl.terms import Term
from spline_fc.timing import Seconds

FORMAT = "spline_fc.spline/2"
FIT_FORMAT = "spline_fc.fit/2"
Record = TypeVar("Record", Spline, FitResult)
_DTYPES = ("bool", "int32", "int64", "float16", "bfloat16", "float32", "float64")
_PARTS = {"forward": ForwardTrace, "pruning": PruningPath, "seconds": Seconds}


def spline_to_dict(spline: Spline) -> dict:
    """A spline as plain lists and numbers; floats keep every digit of their dtype."""
    fields = {name: np.asarray(value).tolist() for name, value in spline._asdict().items()}
    # Shapes travel along: an empty list alone would forget its number of columns.
    shapes = {name: list(np.shape(value)) for name, value in spline._asdict().items()}
    return {"format": FORMAT, "dtype": str(spline.coef.dtype), **fields, "shapes": shapes}


def spline_from_dict(record: Mapping) -> Spline:
    """The inverse of `spline_to_dict`; the dtype is the saved one, float64 as NumPy arrays.

    Raises:
      ValueError: the record is not of this format, lacks a field, or its fields do not fit
        together.
    """
    _check_record(record, "spline", FORMAT, (*Spline._fields, "dtype", "shapes"))
    _check_fields(record["shapes"], "its shapes", Spline._fields)
    arrays: dict[str, Any] = {}
    for name in Spline._fields:
        dtype = "int32" if name == "feature" else record["dtype"]
        arrays[name] = _array(name, record[name], dtype, record["shapes"][name])
    _check_spline(arrays)
    if record["dtype"] != "float64":  # as of a fit, which JAX need not have enabled
        arrays = {name: jnp.asarray(array) for name, array in arrays.items()}
    return Spline(**arrays)


def save_spline(path: str | os.PathLike, spline: Spline) -> None:
    """Writes a spline to a JSON file."""
    _write(path, spline_to_dict(spline))


def load_spline(path: str | os.PathLike) -> Spline:
    """Reads a spline from a JSON file; ValueError names the file if it holds none."""
    return _load(path, "spline", spline_from_dict)


def fit_to_dict(fit: FitResult) -> dict:
    """A whole fit as plain lists, numbers and strings; infinities are spelled "inf" and "-inf"."""
    fields = {name: _encode(value) for name, value in fit._asdict().items()}
    fields["terms"] = [[list(factor) for factor in term.factors] for term in fit.terms]
    return {"format": FIT_FORMAT, **fields, "spline": spline_to_dict(fit.spline)}


def fit_from_dict(record: Mapping) -> FitResult:
    """The inverse of `fit_to_dict`: every number comes back as it was.

    Raises:
      ValueError: the record is not of this format, lacks a field, or its fields do not fit
        together.
    """
    _check_record(record, "fit", FIT_FORMAT, FitResult._fields)
    fields = {name: record[name] for name in FitResult._fields}
    for name, kind in _PARTS.items():
        _check_fields(fields[name], f"its {name}", kind._fields)
        parts = {part: _decode(f"{name}.{part}", fields[name][part]) for part in kind._fields}
        fields[name] = kind(**parts)
    fields["spline"] = spline_from_dict(record["spline"])
    fields["terms"] = _terms(record["terms"])
    fields["names"] = _names(record["names"])
    for name in set(fields) - {"spline", "terms", "names", *_PARTS}:
        fields[name] = _decode(name, fields[name])
    fit = FitResult(**fields)
    _check_fit(fit)
    return fit


def save_fit(path: str | os.PathLike, fit: FitResult) -> None:
    """Writes a whole fit to a JSON file, without pickle."""
    _write(path, fit_to_dict(fit))


def load_fit(path: str | os.PathLike) -> FitResult:
    """Reads a whole fit from a JSON file, every float as it was saved.

    Raises:
      ValueError: the file holds no fit or a damaged one; the sentence names it and the field.
    """
    return _load(path, "fit", fit_from_dict)


def _write(path: str | os.PathLike, record: dict) -> None:
    """Writes beside the name and renames, so that no failure leaves half a file there."""
    path = pathlib.Path(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        text = json.dumps(record, indent=1, allow_nan=False) + "\n"
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _load(path: str | os.PathLike, kind: str, from_dict: Callable[[Mapping], Record]) -> Record:
    try:
        return from_dict(json.loads(pathlib.Path(path).read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{os.fspath(path)} must hold a saved {kind}; {error}") from error


def _check_record(record: Any, kind: str, wanted: str, fields) -> None:
    is_object = isinstance(record, Mapping)
    got = type(record).__name__
    check(is_object, f"a saved {kind} must be a JSON object; got {got}.")
    got = record.get("format")
    family = wanted.rpartition("/")[0]
    earlier = isinstance(got, str) and got.startswith(f"{family}/") and got < wanted
    hint = " of an earlier version, so fit again" if earlier else ""
    check(got == wanted, f"a saved {kind} must have format {wanted!r}; got {got!r}{hint}.")
    _check_fields(record, f"a saved {kind}", fields)


def _check_fields(record: Any, owner: str, fields) -> None:
    got = type(record).__name__
    check(isinstance(record, Mapping), f"{owner} must be a JSON object; got {got}.")
    missing = [name for name in fields if name not in record]
    check(not missing, f"{owner} must have all fields; {', '.join(missing)} missing.")


def _array(name: str, data: Any, dtype: Any, shape: Any) -> np.ndarray:
    """Data of a known dtype and shape; the error names the field."""
    check_one_of(f"dtype of {name}", dtype, _DTYPES)
    try:
        wide = np.array(
            data, np.float64 if "float" in dtype else np.int64
        )  # reads "inf", refuses text
        # jnp.dtype, as NumPy alone does not know bfloat16.
        return wide.astype(jnp.dtype(dtype)).reshape(shape)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"{name} must hold {dtype} numbers of shape {shape}; {error}.") from error


def _check_spline(arrays: Mapping[str, np.ndarray]) -> None:
    table, outputs = arrays["feature"].shape, arrays["intercept"].shape
    check(len(table) == 2, f"feature must have shape (m, R); got {table}.")
    check(len(outputs) == 1, f"intercept must have shape (k,); got {outputs}.")
    wanted = {"slope": table, "knot": table, "coef": (table[0], outputs[0])}
    for name, shape in wanted.items():
        got = arrays[name].shape
        check(got == shape, f"{name} must have shape {shape}, to fit the other fields; got {got}.")
    directions = arrays["projection"].shape
    check(len(directions) == 2, f"projection must have shape (d, q); got {directions}.")
    feature, last = arrays["feature"], sum(directions) - 1
    strange = feature[(feature < 0) | ((feature > last) & (arrays["slope"] != 0))]
    check(not strange.size, f"feature must name columns, 0 to {last}; got {strange[:1].tolist()}.")
    for name in ("intercept", "coef", "slope", "knot", "projection"):
        check_finite(name, arrays[name])


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
        return _array(name, value["data"], value["dtype"], value["shape"])
    return float(value) if value in ("inf", "-inf", "nan") else value


def _terms(rows: Any) -> tuple[Term, ...]:
    try:
        return tuple(Term(tuple((int(v), float(s), float(t)) for v, s, t in row)) for row in rows)
    except (ValueError, TypeError) as error:
        raise ValueError(f"terms must hold [column, slope, knot] triples; {error}.") from error


def _names(names: Any) -> tuple[str, ...]:
    is_list = isinstance(names, (list, tuple)) and all(isinstance(name, str) for name in names)
    check(is_list, f"names must be a list of texts; got {names!r}.")
    return tuple(names)


def _check_fit(fit: FitResult) -> None:
    for name in ("rss", "gcv", "r2", "num_rows", "penalty"):
        value = getattr(fit, name)
        check(isinstance(value, (int, float)), f"{name} must be a number; got {value!r}.")
    check(isinstance(fit.stop_reason, str), f"stop_reason must be text; got {fit.stop_reason!r}.")
    columns = sum(fit.spline.projection.shape)
    got = len(fit.names)
    check(got == columns, f"names must name the {columns} columns of the spline; got {got}.")
    reads = {v for term in fit.terms for v in term.features}
    check(reads <= set(range(columns)), f"terms must read columns 0 to {columns - 1}.")
    kept, chosen = fit.pruning.kept, fit.pruning.chosen
    sizes = (len(fit.terms) + 1, len(fit.terms))
    got = np.shape(kept)
    check(got == sizes, f"pruning.kept must have shape {sizes}, as there are terms; got {got}.")
    inside = isinstance(chosen, int) and 0 <= chosen < len(kept)
    check(inside, f"pruning.chosen must be a row of pruning.kept; got {chosen!r}.")
    for name in ("rss", "gcv"):
        got = np.shape(getattr(fit.pruning, name))
        check(got == sizes[:1], f"pruning.{name} must have shape {sizes[:1]}; got {got}.")
