"""Argument checks, one voice for every error: the argument, what was wanted, what came.

Shapes are checked everywhere; values only outside of jit, where they exist. Every check returns
nothing and raises ValueError (TypeError for a wrong kind of object).
"""

import difflib
import reprlib
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import numpy as np

MOST_SHOWN = 80  # characters of a value in a sentence


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


_short = reprlib.Repr()
_short.maxstring = _short.maxother = _short.maxlong = MOST_SHOWN


def check(condition: bool, message: str) -> None:
    """Raises ValueError(message) unless `condition` holds."""
    if not condition:
        raise ValueError(message)


def check_rank(name: str, array: Any, rank: int, wanted: str) -> None:
    """Raises ValueError unless `array` has `rank` axes; `wanted` names the shape, e.g. "(n, d)"."""
    shape = np.shape(array)
    check(len(shape) == rank, f"{name} must have shape {wanted}; got {shape}.")


def check_same_length(name: str, array: Any, other_name: str, other: Any) -> None:
    """Raises ValueError unless both arrays have equally many rows."""
    rows, wanted = len(array), len(other)
    check(rows == wanted, f"{name} must have {wanted} rows, as {other_name} has; got {rows}.")


def check_not_empty(name: str, array: Any) -> None:
    """Raises ValueError if the array holds no element."""
    check(
        np.size(array) > 0, f"{name} must have at least one row and column; got {np.shape(array)}."
    )


def check_finite(name: str, array: Any) -> None:
    """Raises ValueError if a concrete array holds NaN or infinity; traced arrays pass unseen."""
    if isinstance(array, jax.core.Tracer):
        return
    finite = np.isfinite(np.asarray(array))
    if not finite.all():
        where = tuple(int(i) for i in np.argwhere(~finite)[0])
        bad = int(finite.size - finite.sum())
        value = np.asarray(array)[where]
        raise ValueError(
            f"{name} must be finite; got {bad} non-finite value(s), the first {value} at index "
            f"{where}."
        )


def check_one_of(name: str, value: Any, known: Iterable[Any]) -> None:
    """Raises ValueError unless `value` is one of `known`; suggests the closest name."""
    known = tuple(known)
    if value not in known:
        close = difflib.get_close_matches(str(value), [str(k) for k in known], n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        listed = ", ".join(repr(k) for k in known)
        raise ValueError(f"{name} must be one of {listed}; got {value!r}{hint}.")


def check_integer(name: str, value: Any, at_least: int) -> None:
    """Raises ValueError unless `value` is an integer >= `at_least` (booleans are refused)."""
    is_integer = isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_))
    check(
        is_integer and bool(value >= at_least),
        f"{name} must be an integer >= {at_least}; got {value!r}.",
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
    """Raises ValueError unless `value` is a finite real number within the given bounds."""
    real = isinstance(value, (int, float, np.integer, np.floating)) and np.isfinite(value)
    inside = real and not (
        (above is not None and not value > above)
        or (at_least is not None and not value >= at_least)
        or (at_most is not None and not value <= at_most)
        or (below is not None and not value < below)
    )
    limits = ((">", above), (">=", at_least), ("<=", at_most), ("<", below))
    bounds = [f"{sign} {bound}" for sign, bound in limits if bound is not None]
    wanted = "a finite number" + (" " + " and ".join(bounds) if bounds else "")
    check(inside, f"{name} must be {wanted}; got {value!r}.")


def check_known_keys(name: str, mapping: Mapping[str, Any], known: Iterable[str]) -> None:
    """Raises ValueError on the first key of `mapping` that is not in `known`."""
    for key in mapping:
        check_one_of(f"a field of {name}", key, known)


def as_key(key: Any) -> jax.Array:
    """Takes a JAX key, or makes one of an integer seed.

    Args:
      key: a typed or raw JAX key, returned as it is, or an integer >= 0.

    Raises:
      ValueError: it is neither.
    """
    if isinstance(key, jax.Array) and (
        jax.dtypes.issubdtype(key.dtype, jax.dtypes.prng_key) or key.dtype == np.uint32
    ):
        return key
    check_integer("key", key, 0)
    return jax.random.key(int(key))


def check_boolean(name: str, value: Any) -> None:
    """Raises ValueError unless `value` is True or False."""
    check(isinstance(value, (bool, np.bool_)), f"{name} must be True or False; got {value!r}.")


def check_mapping(name: str, value: Any) -> None:
    """Raises ValueError unless `value` is a mapping."""
    check(isinstance(value, Mapping), f"{name} must be a mapping; got {value!r}.")
