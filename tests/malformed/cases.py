"""What a case is, how it is judged, and the small things that every kind of case needs."""

import hashlib
import json
import pathlib
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

SENTENCE, FALLBACK, RAW, WRONG = "one sentence", "fallback", "RAW", "WRONG"
REFUSALS = (ValueError, TypeError, OSError)
TOKENS = {"@nan": "NaN", "@inf": "-Infinity", "@huge": "1e999"}  # what strict JSON does not hold


class Case(NamedTuple):
    """A sound thing that was damaged, and what may come of using it."""

    what: str  # was done to it
    use: Callable[[], Any]
    named: Sequence[str]  # one of these must be in the sentence: arguments, fields, files
    right: Callable[[Any], bool] | None = None  # of what comes if it is taken; None: refuse it
    kept: Sequence[pathlib.Path] = ()  # files and folders that must stand as they were


class Verdict(NamedTuple):
    """How a case ended."""

    how: str  # SENTENCE, FALLBACK, RAW or WRONG
    told: str


def judge(case: Case) -> Verdict:
    """Uses the damaged thing and judges what came of it."""
    before = [digest(path) for path in case.kept]
    verdict = _judge(case)
    if [digest(path) for path in case.kept] != before:
        return Verdict(WRONG, f"{case.kept} did not stay as it was; {verdict.told}")
    return verdict


def _judge(case: Case) -> Verdict:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a warning from inside is no sentence of ours
        try:
            came = case.use()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is judged
            return _judge_refusal(case, error)
        if case.right is None:
            return Verdict(WRONG, f"taken, and gave {came!r:.100}")
        try:
            return Verdict(
                FALLBACK if case.right(came) else WRONG, f"taken, and gave {came!r:.100}"
            )
        except Exception as error:  # noqa: BLE001 - the result is of no use
            return Verdict(WRONG, f"taken, and gave {came!r:.100}, of which {error!r:.100}")


def _judge_refusal(case: Case, error: Exception) -> Verdict:
    text = str(error)
    ours = isinstance(error, OSError) or " must " in text
    fine = isinstance(error, REFUSALS) and ours and "\n" not in text
    named = "|".join(map(re.escape, case.named))
    fine = fine and re.search(rf"(?<!\w)({named})(?!\w)", text) is not None
    return Verdict(SENTENCE if fine else RAW, f"{type(error).__name__}: {text[:300]}")


def digest(path: pathlib.Path) -> str:
    """SHA-256 of a file, or of all names and files of a folder."""
    total = hashlib.sha256()
    for file in [path, *sorted(path.rglob("*"))] if path.is_dir() else [path]:
        total.update(file.relative_to(path.parent).as_posix().encode())
        if file.is_file():
            total.update(file.read_bytes())
    return total.hexdigest()


def pick(rng: np.random.Generator, items: Sequence) -> Any:
    """One of them."""
    return items[int(rng.integers(len(items)))]


def same(one: Any, other: Any) -> bool:
    """Whether two trees of records, lists, dicts, arrays and numbers are alike to the last bit."""
    if hasattr(one, "_asdict"):
        one, other = one._asdict(), getattr(other, "_asdict", dict)()
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if one is None or isinstance(one, str):
        return one == other
    one, other = np.asarray(one), np.asarray(other)
    return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


# ------------------------------------------------------------------ bytes


def damage_bytes(rng: np.random.Generator, data: bytes, flips: int | None = None) -> tuple:
    """(what was done, other bytes): cut short, emptied, of another kind, or a byte of it flipped.

    Flips are among the first `flips` bytes; None flips none, as where nobody could tell.
    """
    kinds = ["cut", "empty", "text", "zip", "foreign"] + ["flip"] * (3 * (flips is not None))
    kind = pick(rng, kinds)
    if kind == "cut":
        size = int(rng.integers(1, len(data) - 1))
        return f"cut to {size} of {len(data)} bytes", data[:size]
    if kind == "flip":
        place, bit = int(rng.integers(min(flips or 1, len(data)))), 1 << int(rng.integers(8))
        changed = bytearray(data)
        changed[place] ^= bit
        return f"byte {place} with {bit} flipped", bytes(changed)
    others = {"empty": b"", "text": b"1,2,3\n4,5,6\n", "zip": b"PK\x03\x04" + bytes(60)}
    return kind, others.get(kind, b"\xff\xfe\x00\x01" + bytes(range(256)))


# ------------------------------------------------------------------ JSON


def paths(value: Any, path: tuple = ()) -> list[tuple]:
    """The way to everything in nested dicts and lists."""
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else items
    for key, item in items:
        found += paths(item, (*path, key))
    return found


def damage_json(
    rng: np.random.Generator, record: Any, path: tuple, bounded: bool = True
) -> tuple[str, str]:
    """(what was done, other JSON): a value by a path is no longer of its kind, or is not there.

    Counts that nothing bounds may be of any size.
    """
    record = json.loads(json.dumps(record))
    *parents, last = path
    node = record
    for key in parents:
        node = node[key]
    value = node[last]
    new = pick(rng, [other for other in _others(value) if bounded or other != _HUGE])
    if new is _DROP:
        del node[last]
    elif new is _TWICE:
        text = json.dumps(record)
        return f"{path} twice", _twice(text, path)
    else:
        node[last] = new
    text = json.dumps(record)
    for mark, token in TOKENS.items():
        text = text.replace(f'"{mark}"', token)
    return (
        f"{'/'.join(map(str, path))}: {value!r:.40} -> {'gone' if new is _DROP else new!r:.40}",
        text,
    )


_DROP, _TWICE = object(), object()
_HUGE = 10**30
_NESTED = json.loads("[" * 60 + "]" * 60)


def _others(value: Any) -> list[Any]:
    """What can be told from a value of this kind."""
    always = [None, {}, {"a": 1}, _NESTED, _DROP]
    if isinstance(value, bool):
        return [*always, 2, "x", 0.5, [value], "@nan"]
    if isinstance(value, int):
        return [*always, -7, value + 0.5, _HUGE, True, str(value), "x", "@nan", [value], "@huge"]
    if isinstance(value, float):
        return [*always, True, repr(value), "x", "2020-01-01", "1+2j", "@nan", "@inf", "@huge", [1]]
    if isinstance(value, str):
        return [*always, 5, 0.5, True, [value], "@nan"]
    if isinstance(value, list):
        longer = [*value, *value[-1:]] if value else [1]
        return [*always, "x", 5, True, [value], longer, value[:-1] if value else "y", "@nan"]
    if isinstance(value, dict):
        return [None, [], "x", 5, True, _DROP, {**value, "more": 1}, "@nan", _TWICE]
    return [{}, "x", [1], True]


def _twice(text: str, path: tuple) -> str:
    """The record with one key of its top given twice."""
    key = json.dumps(path[0]) if isinstance(path[0], str) else '"a"'
    return f"{{{key}: 1, {text[1:]}" if text.startswith("{") else f'{{"a": 1, "a": {text}}}'
