"""Argument checks, one voice for every error: the argument, what was wanted, what came.

Shapes are checked everywhere; values only outside of jit, where they exist. Every check returns
nothing and raises ValueError (TypeError for a wrong kind of object).
"""

import contextlib
import difflib
import importlib
import math
import numbers
import re
import reprlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

MOST_SHOWN = 80  # characters of a value in a sentence
LARGEST = 1e150  # of a number in data: its square is finite


class _Short(reprlib.Repr):
    """As reprlib has it, arrays within lists and mappings by kind and shape."""

    def repr1(self, x: Any, level: int) -> str:
        shape = getattr(x, "shape", None)
        is_array = isinstance(shape, tuple) and len(shape) > 0
        return f"<{type(x).__name__} {shape}>" if is_array else super().repr1(x, level)


@contextlib.contextmanager
def named_by(name: Callable[[str], str | None]) -> Iterator[None]:
    """Lets errors of what a door calls name the arguments of the door.

    A sentence "knots must ..." comes from another function, whose argument the caller never gave.

    Args:
      name: from the argument that an error begins with to that of the door; None leaves it.
    """
    try:
        yield
    except ValueError as error:
        found = re.match(r"([\w.]+)(?=(\[\d+\])? must )", str(error))
        own = None if found is None or type(error) is not ValueError else name(found[1])
        if own is None or found is None or own == found[1]:
            raise
        raise ValueError(own + str(error)[len(found[1]) :]) from error


_short = _Short()
_short.maxstring = _short.maxother = _short.maxlong = MOST_SHOWN


def shown(value: Any) -> str:
    """A value as a sentence quotes it: one short line, arrays and tables by kind and shape."""
    if isinstance(value, jax.core.Tracer):
        return f"a traced array of shape {value.shape}"
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, int) and value.bit_length() > 128:  # repr raises beyond 4,300 digits
        return f"an integer of {int(value.bit_length() * 0.30103) + 1} digits"
    shape = getattr(value, "shape", ())
    if isinstance(shape, tuple) and len(shape) > 0:
        kind = getattr(value, "dtype", None)
        of = "" if kind is None else f" of {kind}"
        return f"a {type(value).__name__}{of} with shape {shape}"
    line = " ".join(_short.repr(value).split())
    return line if len(line) <= MOST_SHOWN else line[: MOST_SHOWN - 3] + "..."


def check(condition: bool, message: str) -> None:
    """Raises ValueError(message) unless `condition` holds."""
    if not condition:
        raise ValueError(message)


def check_rank(name: str, array: Any, rank: int, wanted: str) -> None:
    """Raises ValueError unless `array` has `rank` axes; `wanted` names the shape, e.g. "(n, d)"."""
    shape = _shape(name, array, f"have shape {wanted}")
    check(len(shape) == rank, f"{name} must have shape {wanted}; got {shape}.")


def check_same_length(name: str, array: Any, other_name: str, other: Any) -> None:
    """Raises ValueError unless both arrays have equally many rows."""
    rows, wanted = (
        len(a) if hasattr(a, "__len__") and np.ndim(a) else None for a in (array, other)
    )
    check(wanted is not None, f"{other_name} must have rows; got {shown(other)}.")
    came = shown(array) if rows is None else rows
    check(rows == wanted, f"{name} must have {wanted} rows, as {other_name} has; got {came}.")


def check_not_empty(name: str, array: Any) -> None:
    """Raises ValueError if the array holds no element."""
    shape = _shape(name, array, "have at least one row and column")
    check(0 not in shape, f"{name} must have at least one row and column; got {shape}.")


def _shape(name: str, array: Any, wanted: str) -> tuple[int, ...]:
    try:
        return np.shape(array)
    except ValueError as error:
        raise ValueError(f"{name} must {wanted}; got rows of unlike length.") from error


def check_finite(name: str, array: Any) -> None:
    """Raises ValueError unless a concrete array holds finite numbers; traced ones pass unseen."""
    if isinstance(array, jax.core.Tracer):
        return
    masked = int(np.ma.getmaskarray(array).sum()) if isinstance(array, np.ma.MaskedArray) else 0
    check(masked == 0, f"{name} must be finite; got {masked} masked value(s).")
    array = np.asarray(array)
    kind = array.dtype.kind
    if kind in "iub":
        return
    if kind == "O":
        bad = np.array([not _is_finite_number(value) for value in array.flat], bool)
        finite = ~bad.reshape(array.shape)
    else:
        is_number = jax.dtypes.issubdtype(array.dtype, np.inexact)
        check(is_number, f"{name} must hold finite numbers; got {array.dtype} values.")
        finite = np.isfinite(array)
    if not finite.all():
        where = tuple(int(i) for i in np.argwhere(~finite)[0])
        bad = int(finite.size - finite.sum())
        value = array[where]
        raise ValueError(
            f"{name} must be finite; got {bad} non-finite value(s), the first {shown(value)} at "
            f"index {where}."
        )


def check_size(name: str, array: np.ndarray) -> None:
    """Raises ValueError unless the squares of all numbers of an array are finite."""
    low, high = float(array.min()), float(array.max())
    if max(-low, high) > LARGEST:
        place = array.argmax() if high > -low else array.argmin()
        where = tuple(int(i) for i in np.unravel_index(place, array.shape))
        raise ValueError(
            f"{name} must be within {LARGEST:g}; got {float(array[where])} at index {where}."
        )


def _is_finite_number(value: Any) -> bool:
    if not isinstance(value, (numbers.Real, np.bool_)):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def check_one_of(name: str, value: Any, known: Iterable[Any]) -> None:
    """Raises ValueError unless `value` is one of `known`; suggests the closest name."""
    known = tuple(known)
    if not any(_is_same(value, k) for k in known):
        word = value if isinstance(value, str) else ""
        close = difflib.get_close_matches(word[:MOST_SHOWN], [str(k) for k in known], n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        listed = ", ".join(repr(k) for k in known)
        raise ValueError(f"{name} must be one of {listed}; got {shown(value)}{hint}.")


def _is_same(value: Any, known: Any) -> bool:
    """Whether they are equal; True is no 1, and an array is no word."""
    if np.ndim(known) == 0 and (hasattr(value, "__array__") and getattr(value, "ndim", 0)):
        return False
    return _is_boolean(value) == _is_boolean(known) and bool(value == known)


def _is_boolean(value: Any) -> bool:
    return isinstance(value, (bool, np.bool_))


def check_integer(name: str, value: Any, at_least: int) -> None:
    """Raises ValueError unless `value` is an integer >= `at_least` (booleans are refused)."""
    is_integer = isinstance(value, (int, np.integer)) and not _is_boolean(value)
    check(
        is_integer and bool(value >= at_least),
        f"{name} must be an integer >= {at_least}; got {shown(value)}.",
    )


def check_number(
    name: str,
    value: Any,
    *,
    above: float | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
) -> None:
    """Raises ValueError unless `value` is a finite real number, no boolean, within the bounds."""
    real = isinstance(value, (int, float, np.integer, np.floating)) and not _is_boolean(value)
    inside = (
        real
        and _is_finite_number(value)
        and not (
            (above is not None and not value > above)
            or (at_least is not None and not value >= at_least)
            or (at_most is not None and not value <= at_most)
            or (below is not None and not value < below)
        )
    )
    limits = ((">", above), (">=", at_least), ("<=", at_most), ("<", below))
    bounds = [f"{sign} {bound}" for sign, bound in limits if bound is not None]
    wanted = "a finite number" + (" " + " and ".join(bounds) if bounds else "")
    check(inside, f"{name} must be {wanted}; got {shown(value)}.")


def check_known_keys(name: str, mapping: Mapping[str, Any], known: Iterable[str]) -> None:
    """Raises ValueError on the first key of `mapping` that is not in `known`."""
    known = tuple(known)
    for key in mapping:
        check_one_of(f"a field of {name}", key, known)


def as_list(name: str, values: Any, wanted: str) -> list[Any]:
    """Takes anything that has an order, as a list; `wanted` names its members, e.g. "integers".

    Raises:
      ValueError: a single value, a word, a mapping or a set.
    """
    unordered = isinstance(values, (str, bytes, Mapping, set, frozenset))
    scalar = getattr(values, "shape", None) == ()
    listed = isinstance(values, Iterable) and not unordered and not scalar
    check(listed, f"{name} must be a list of {wanted}; got {shown(values)}.")
    return list(values)


def check_kind(name: str, value: Any, kind: type, article: str = "a") -> None:
    """Raises TypeError unless `value` is an instance of `kind`."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be {article} {kind.__name__}; got {shown(value)}.")


def as_sizes(name: str, sizes: int | Sequence[int], *, at_least: int = 1) -> tuple[int, ...]:
    """Takes the widths of layers: a list or array of integers, or one integer for one layer.

    Args:
      name: of the argument, for errors.
      sizes: positive integers, in order.
      at_least: how many layers there must be.

    Raises:
      ValueError: a width that is no positive integer, something without an order, too few layers.
    """
    if isinstance(sizes, (int, np.integer)):
        sizes = (sizes,)
    sizes = as_list(name, sizes, "integers >= 1, or one integer")
    wanted = f"{name} must name at least {at_least} layer{'s' * (at_least > 1)}"
    check(len(sizes) >= at_least, f"{wanted}; got {len(sizes) or 'none'}.")
    for i, size in enumerate(sizes):
        check_integer(f"{name}[{i}]" if len(sizes) > 1 else name, size, 1)
    return tuple(map(int, sizes))


def as_float_dtype(dtype: Any) -> np.dtype:
    """Takes the name of a floating dtype, or what NumPy and JAX have for it.

    Raises:
      ValueError: it is none, as that of integers, which would cut numbers off.
    """
    try:
        found = None if dtype is None else np.dtype(dtype)
    except (TypeError, ValueError):
        found = None
    if found is None or not jax.dtypes.issubdtype(found, np.floating):
        raise ValueError(f"dtype must be a floating one, as float32; got {shown(dtype)}.")
    return found


def as_key(key: Any) -> jax.Array:
    """Takes a JAX key, or makes one of an integer seed.

    Args:
      key: one typed or raw JAX key, returned as it is, or an integer from 0 to 2**32 - 1 (JAX
        itself would take larger ones and forget their upper half).

    Raises:
      ValueError: it is neither.
    """
    if isinstance(key, jax.Array):
        typed = jax.dtypes.issubdtype(key.dtype, jax.dtypes.prng_key)
        if key.ndim == (0 if typed else 1) and (typed or key.dtype == np.uint32):
            return key
    is_seed = isinstance(key, (int, np.integer)) and not _is_boolean(key)
    check(
        is_seed and 0 <= int(key) < 2**32,
        f"key must be a JAX key or an integer >= 0 and < 2**32; got {shown(key)}.",
    )
    return jax.random.key(int(key))


def check_boolean(name: str, value: Any) -> None:
    """Raises ValueError unless `value` is True or False."""
    check(_is_boolean(value), f"{name} must be True or False; got {shown(value)}.")


def check_mapping(name: str, value: Any) -> None:
    """Raises ValueError unless `value` is a mapping."""
    check(isinstance(value, Mapping), f"{name} must be a mapping; got {shown(value)}.")


def as_options(name: str, value: Any) -> dict[str, Any]:
    """Options by name in a new dict, none for None; ValueError for what is no mapping."""
    if value is None:
        return {}
    check_mapping(name, value)
    return dict(value)


def optional(module: str, extra: str) -> Any:
    """Imports a module of a package that not every user has, where it is needed.

    Args:
      module: its full name.
      extra: of pyproject.toml, which brings the package.

    Raises:
      ImportError: the package is not installed; one sentence names the extra.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(
            f"This needs the package {package}; pip install 'spline_fc[{extra}]' brings it."
        ) from error
