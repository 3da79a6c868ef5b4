"""What of a workdir is not as it was written: one sentence each, with file and field."""

import contextlib
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from spline_fc import files
from spline_fc.checks import check, check_known_keys

# The fields of every row of runs.json and fits.json; scores, which others are, may be null.
_KEYS = ("init", "seed", "run")
OR_ABSENT = ", if it is there"
NUMBER, SCORE = "a number", "a number or null"  # the first is null too where a run diverged
RUN_FIELDS = {
    **{"run": "text", "init": "text", "stop_reason": "text"},
    **dict.fromkeys(("seed", "epochs", "best_epoch", "best_step"), "an integer >= 0"),
    **dict.fromkeys(("chosen", "diverged"), "true or false"),
    **dict.fromkeys(("learning_rate", "best_validation_loss", "test_loss"), NUMBER),
}
BASELINE_FIELDS = {"init": "text", "seed": "an integer >= 0"}
FIT_FIELDS = {
    **{"init": "text", "stop_reason": "text"},
    **dict.fromkeys(("seed", "terms"), "an integer >= 0"),
    **dict.fromkeys(("rss", "r2", "validation_loss", "test_loss"), NUMBER),
    **{"directions_taken": f"true or false{OR_ABSENT}", "directions_why": f"text{OR_ABSENT}"},
}


def sound_rows(file: pathlib.Path, rows: Any, kinds: Mapping, damage: list[str]) -> list:
    """The rows of a table that name what they tell of; what else is damaged in them is None."""
    if not isinstance(rows, list):
        damage.append(f"{file} must hold a list of rows; got {type(rows).__name__}.")
        return []
    sound, seen = [], set()
    for number, row in enumerate(rows, start=1):
        where = f"row {number} of {file}"
        if not isinstance(row, dict):
            damage.append(f"{where} must be a JSON object; got {row!r}.")
            continue
        bad = [name for name in dict.fromkeys([*kinds, *row]) if not _is_kind(row, name, kinds)]
        told = [f"{name} must be {kinds.get(name, SCORE)}; got {row.get(name)!r}" for name in bad]
        if told:
            others = f" (and {len(told) - 2} more)" if len(told) > 2 else ""
            damage.append(f"{where}: {', '.join(told[:2])}{others}.")
        key = tuple(str(row.get(name)) for name in _KEYS)
        if key in seen:
            damage.append(f"{where} must tell of another run than those before; got {key}.")
        if key not in seen and not set(bad) & {"learning_rate", "best_step", *_KEYS}:
            sound.append({**row, **dict.fromkeys(bad)})
        seen.add(key)
    return sound


def _is_kind(row: Mapping[str, Any], name: str, kinds: Mapping[str, str]) -> bool:
    kind, value = kinds.get(name, SCORE), row.get(name)
    if kind.endswith(OR_ABSENT):
        kind = kind.removesuffix(OR_ABSENT)
        if name not in row:
            return True
    if name == "alone":  # seconds by name, of a run that was timed
        return isinstance(value, dict)
    whole = isinstance(value, int) and not isinstance(value, bool)
    number = whole or isinstance(value, float)
    return {
        "text": isinstance(value, str),
        "an integer >= 0": whole and value >= 0,
        "true or false": isinstance(value, bool),
        NUMBER: number or (value is None and row.get("diverged") is True),
        SCORE: number or (value is None and name in row),
    }[kind]


def read_record(file: pathlib.Path, default: Any) -> Any:
    """Reads a JSON file that an earlier process wrote whole, or not at all.

    Raises:
      ValueError: it is damaged, or holds another kind of thing than `default`.
    """
    if not file.is_file():
        return default
    found, wanted = files.read_json(file), type(default)
    check(isinstance(found, wanted), f"{file} must hold a JSON {wanted.__name__}.")
    return found


@contextlib.contextmanager
def naming(file: pathlib.Path) -> Iterator[None]:
    """What is wrong with the content of a file is told with its name."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{file} must be as it was written; {error}") from error


def check_arrays(
    arrays: Mapping[str, np.ndarray], shapes: Mapping[str, tuple], texts: Sequence[str] = ()
) -> None:
    """Raises ValueError unless the arrays are those, of numbers but for some of text."""
    check_known_keys("the file", arrays, shapes)
    for name, shape in shapes.items():
        array = arrays[name]
        check(array.shape == shape, f"{name} must have shape {shape}; got {array.shape}.")
        wanted = "text" if name in texts else "numbers"
        check((array.dtype.kind == "U") == (name in texts), f"{name} must hold {wanted}.")
