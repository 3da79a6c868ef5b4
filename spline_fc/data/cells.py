"""What the cells of one column are: numbers, also in a dress, dates, words, or nothing."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from spline_fc.checks import check, shown
from spline_fc.data.dates import (
    ORDERS,
    as_number,
    find_order,
    match_date,
    orders_differ,
    read_moment,
)
from spline_fc.data.dress import (
    GROUPED,
    INFINITE,
    Dressed,
    body_pattern,
    fitting,
    is_code,
    is_number,
    plain_numbers,
    undress,
    value_of,
)

# Spelled out, as "Na" is sodium in a header and "NaN" never is a name.
MISSING = frozenset(
    "|?|NA|na|N/A|n/a|N.A.|n.a.|#N/A|#N/A N/A|#NA|<NA>|NaN|nan|NAN|-NaN|-nan|NaT|NULL|Null|null|"
    "None|none|NONE|Missing|missing|MISSING|-|--|---|.|..|#DIV/0!|#REF!|#VALUE!|#NAME?|#NUM!|"
    "#NULL!|1.#IND|-1.#IND|1.#QNAN|-1.#QNAN|\\N|(null)|(blank)|nil|\u2013|\u2014".split("|")
)
KINDS = ("number", "category", "date", "dmy", "mdy")  # what a column can be made
# A column with this share of numbers is meant to be numeric, and its other cells are mistakes.
NUMERIC_SHARE = 0.9
_CODES = "codes that look like numbers, kept as words"


class Format(NamedTuple):
    """How the cells of a column become numbers, in plain types."""

    kind: str  # "number", "category", "date", or "time" (seconds since midnight)
    decimal: str = "."
    thousands: str = ""
    unit: str = ""  # the sign at a number, "%" or a currency; "days" or "seconds" of a date
    order: str = ""  # of a date: "ymd", "dmy" or "mdy"
    zoned: bool = False  # times of day have a zone, and are UTC once read


class Cells(NamedTuple):
    """A column of text, each distinct cell once."""

    name: str
    words: list[str]  # stripped
    codes: np.ndarray  # (n,) place in `words` of each row
    place: Callable[[int], str]  # "file, line 7" of a row


class Read(NamedTuple):
    """A column that is read."""

    format: Format
    values: np.ndarray  # (n,) float64 with NaN, of a category object with "", for missing
    note: str = ""  # what was guessed; "" where nothing was


class Hints(NamedTuple):
    """What is known of a column before its cells are looked at."""

    decimal: str | None = None  # "." or "," where the table or its reader knows
    comma_decides: bool = (
        False  # a comma before three digits, if nothing tells, is the decimal mark
    )
    kind: str | None = None  # one of KINDS where the reader says so


def missing_words(words: Sequence[str]) -> set[str]:
    """Which of the words of a column mean that there is nothing; beside "+" a "-" does not."""
    found = set(words) & MISSING
    return found - {"-"} if "+" in words else found


def interpret(cells: Cells, hints: Hints) -> Read:
    """Says what a column is, and reads it.

    Returns:
      Read: numbers or dates if all cells that are present are; else words.

    Raises:
      ValueError: most cells are numbers or dates, some are not, or they are of several forms; or
        the column is not of the kind that was asked for.
    """
    gaps = missing_words(cells.words)
    present = [w for w in cells.words if w not in gaps]
    if not present or hints.kind == "category":
        return Read(Format("category"), _words(cells, gaps))
    plain = plain_numbers(present) if hints.kind in (None, "number") else None
    if plain is not None:
        whole = [w for w in present if "." not in w]
        points = len(whole) < len(present)
        if hints.kind is None and any(map(is_code, whole)):
            return Read(Format("category"), _words(cells, gaps), _CODES)
        if hints.decimal != "," or not points:
            guessed = points and hints == Hints(None, True) and all(map(GROUPED.fullmatch, present))
            note = "numbers with a decimal point (a guess; decimal= says otherwise)" * guessed
            return _finite(cells, Read(Format("number"), _deal(cells, gaps, plain), note))
    for find, kinds in ((_find_numbers, ("number",)), (_find_dates, ("date", "dmy", "mdy"))):
        found = find(cells, present, gaps, hints) if hints.kind in (None, *kinds) else None
        if found is not None:
            return found
    if hints.kind is not None:
        good = is_number if hints.kind == "number" else match_date
        index = next((i for i, w in enumerate(cells.words) if w in present and not good(w)), 0)
        wanted = "numbers" if hints.kind == "number" else "dates"
        raise ValueError(_stray(cells, index, f"must hold {wanted}, as kinds says"))
    begun = _share(cells, present, lambda w: is_number(w) or undress(w[:1]) is not None)
    note = f"words, {begun:.0%} of which begin like numbers" if begun >= 0.2 else ""
    return Read(Format("category"), _words(cells, gaps), note)


def decimal_of(cells: Cells) -> str | None:
    """Returns the decimal mark that a column proves, None if it proves none."""
    gaps = missing_words(cells.words)
    present = [w for w in cells.words if w not in gaps]
    marks = set("".join(present))
    if not marks & set(",."):
        return None
    if not marks - set("0123456789.+-eE"):
        return None if all(map(GROUPED.fullmatch, present)) else "."
    dressed = [undress(w) for w in present]
    decimals = {decimal for decimal, _ in fitting([d for d in dressed if d is not None])}
    return decimals.pop() if None not in dressed and len(decimals) == 1 else None


def read_as(cells: Cells, format: Format) -> Read:
    """Reads a column in a format that is known.

    Raises:
      ValueError: a cell that is present is not of this format, with its place.
    """
    gaps = missing_words(cells.words)
    if format.kind == "category":
        return Read(format, _words(cells, gaps))
    if format.kind in ("date", "time"):
        return Read(format, _read_dates(cells, gaps, format))
    plain = plain_numbers([w for w in cells.words if w not in gaps])
    if format.decimal == "." and plain is not None:
        return _finite(cells, Read(format, _deal(cells, gaps, plain)))
    dressed = {w: d for w in cells.words if w not in gaps and (d := undress(w)) is not None}
    if any(d.unit == format.unit for d in dressed.values()):
        _one_unit(cells, dressed)  # 0.15 beside 15 % is no 0.15 %
    pattern = body_pattern(format.decimal, format.thousands)

    def number(word: str) -> float | None:
        found = dressed.get(word)
        if found is None or not pattern.fullmatch(found.body):
            return None
        known = found.unit in ("", format.unit)
        return value_of(found, format.decimal, format.thousands) if known else None

    return _finite(cells, Read(format, _spread(cells, gaps, number, _of_format(format))))


def describe_format(format: Format) -> str:
    """A word on how cells became numbers; "" for plain numbers and words."""
    if format.kind == "date":
        zone = " (UTC)" if format.zoned else ""
        order = {"dmy": "day/month/year, ", "mdy": "month/day/year, "}.get(format.order, "")
        return f"{order}{format.unit} since 1970{zone}"
    if format.kind == "time":
        return "seconds since midnight"
    marks = []
    if format.decimal == ",":
        marks.append("decimal comma")
    if format.thousands:
        marks.append(f"thousands divided by {format.thousands!r}")
    if format.unit:
        marks.append(f"in {format.unit}")
    return ", ".join(marks) if format.kind == "number" else ""


def _of_format(format: Format) -> str:
    how = describe_format(format)
    return f"{format.kind}s" + (f" ({how})" if how else "")


def _deal(cells: Cells, gaps: set[str], known: np.ndarray) -> np.ndarray:
    """Deals the values of the distinct words that are no gaps out to the rows, NaN for gaps."""
    if not gaps:
        return known[cells.codes]
    values = np.full(len(cells.words), np.nan)
    values[[w not in gaps for w in cells.words]] = known
    return values[cells.codes]


def _spread(
    cells: Cells,
    gaps: set[str],
    read: Callable[[str], float | None],
    wanted: str = "numbers",
) -> np.ndarray:
    """Reads each distinct word once and deals the values out to the rows, NaN for gaps."""
    values = [np.nan if w in gaps else read(w) for w in cells.words]
    for index, value in enumerate(values):
        if value is None:
            raise ValueError(_stray(cells, index, f"must hold {wanted}"))
    return np.array(values, np.float64)[cells.codes]


def _stray(cells: Cells, index: int, wanted: str) -> str:
    where = cells.place(int(np.argmax(cells.codes == index)))
    return f"{where}: column {cells.name!r} {wanted}; got {shown(cells.words[index])}."


def _finite(cells: Cells, read: Read) -> Read:
    infinite = np.isinf(read.values)
    if infinite.any():
        where = cells.place(int(np.argmax(infinite)))
        raise ValueError(f"{where}: column {cells.name!r} must be finite; got infinity.")
    return read


def _words(cells: Cells, gaps: set[str]) -> np.ndarray:
    return np.array(["" if w in gaps else w for w in cells.words], object)[cells.codes]


def _share(cells: Cells, present: list[str], good: Callable[[str], bool]) -> float:
    """The share of the rows with a present cell whose cell is good."""
    counts = np.bincount(cells.codes, minlength=len(cells.words))
    known = set(present)
    rows = sum(int(c) for w, c in zip(cells.words, counts, strict=True) if w in known)
    kept = (c for w, c in zip(cells.words, counts, strict=True) if w in known and good(w))
    return sum(int(c) for c in kept) / max(rows, 1)


def _find_numbers(cells: Cells, present: list[str], gaps: set[str], hints: Hints) -> Read | None:
    """Reads a column of numbers in a dress; None if it is none, an error if it nearly is."""
    unit = _measure(present)
    numeric = lambda w: bool(unit or INFINITE.fullmatch(w)) or is_number(w)  # noqa: E731
    if not all(map(numeric, present)):
        if _share(cells, present, numeric) < NUMERIC_SHARE:
            return None
        index = next(i for i, w in enumerate(cells.words) if w not in gaps and not numeric(w))
        wanted = "must hold numbers, as most of its rows do (or be a category in kinds=)"
        raise ValueError(_stray(cells, index, wanted))
    if any(map(INFINITE.fullmatch, present)):
        if all(map(INFINITE.fullmatch, present)):
            return None
        infinite = float  # the reader of plain numbers, whose infinity is then refused
        return _finite(cells, Read(Format("number"), _spread(cells, gaps, infinite)))
    dressed = {w: d for w in present if (d := undress(w)) is not None}
    if all(d.enclosed for d in dressed.values()):
        return None  # (1), (2), (3) count something and are no debts
    if hints.kind is None and any(is_code(d.body) for d in dressed.values()):
        return Read(Format("category"), _words(cells, gaps), _CODES)
    fits = fitting(list(dressed.values()))
    unit = unit or _one_unit(cells, dressed)
    check(
        len(fits) > 0,
        f"{cells.place(0)}: column {cells.name!r} must have one decimal mark in all its rows; got "
        f"{_unlike(dressed)}.",
    )
    format, guessed = _choose(fits, dressed, hints)
    format = format._replace(unit=unit)
    values = _spread(cells, gaps, lambda w: value_of(dressed[w], format.decimal, format.thousands))
    how = describe_format(format)
    note = f"numbers, {how}" + (" (a guess; decimal= says otherwise)" if guessed else "")
    return _finite(cells, Read(format, values, note if how else ""))


def _measure(present: list[str]) -> str:
    """The word, such as kg, that stands behind every number of a column; "" if there is none."""
    first = undress(present[0])
    if first is None or not first.measured:
        return ""
    dressed = [undress(w) for w in present]
    alike = all(d is not None and d.unit == first.unit and fitting([d]) for d in dressed)
    return first.unit if alike else ""


def _choose(
    fits: list[tuple[str, str]],
    dressed: dict[str, Dressed],
    hints: Hints,
) -> tuple[Format, bool]:
    """The first fitting format with the decimal mark of the table; whether that was a guess."""
    ambiguous = len({mark for mark, _ in fits}) == 2 and any(
        "," in d.body for d in dressed.values()
    )
    guessed, decimal = ambiguous and hints.decimal is None, hints.decimal
    if decimal is None:
        decimal = "," if ambiguous and hints.comma_decides else "."
    chosen = next((f for f in fits if f[0] == decimal), fits[0])
    return Format("number", *chosen), guessed


def _one_unit(cells: Cells, dressed: dict[str, Dressed]) -> str:
    """The sign that stands at the numbers; a bare number among percent is refused, 0 excepted."""
    units = {d.unit for d in dressed.values() if d.unit}
    bare = [w for w, d in dressed.items() if not d.unit and d.body.strip("0.,")]
    if len(units) > 1 or ("%" in units and bare):
        first = [next(w for w, d in dressed.items() if d.unit == u) for u in sorted(units)]
        index = cells.words.index((first[1:] + bare)[0])
        raise ValueError(_stray(cells, index, f"must have one unit, as in {first[0]!r}"))
    return units.pop() if units else ""


def _unlike(dressed: dict[str, Dressed]) -> str:
    """Two numbers of a column that agree in no decimal mark."""
    words = list(dressed)
    for word in words[1:]:
        if not fitting([dressed[words[0]], dressed[word]]):
            return f"{words[0]!r} and {word!r}"
    return f"{words[0]!r} and others"


def _find_dates(cells: Cells, present: list[str], gaps: set[str], hints: Hints) -> Read | None:
    """Reads a column of dates or times; None if it is none, an error if it nearly is."""
    if not any(map(match_date, present[:20])):
        return None
    matches = {w: m for w in present if (m := match_date(w)) is not None}
    if _share(cells, present, lambda w: w in matches) < NUMERIC_SHARE:
        return None
    both = orders_differ(matches)
    if both and hints.kind is None:
        index = cells.words.index(both)
        raise ValueError(_stray(cells, index, "must hold dates of one order of day and month"))
    order, guessed = find_order(list(matches.values()))
    if hints.kind in ORDERS and any(m.groupdict().get("first") for m in matches.values()):
        order, guessed = str(hints.kind), False
    moments = {w: read_moment(m, order) for w, m in matches.items()}
    good = {w: m for w, m in moments.items() if m is not None}
    if _share(cells, present, lambda w: w in good) < NUMERIC_SHARE:
        return None
    kind = "time" if all(m.day is None for m in good.values()) else "date"
    whole = all(m.second is None for m in good.values())
    unit = "days" if whole else "seconds"
    zoned = any(m.zoned for m in good.values())
    format = Format(kind, unit=unit, order=order if kind == "date" else "", zoned=zoned)
    note = f"{kind}s, {describe_format(format)}"
    note += f" (the order is a guess; kinds={{{cells.name!r}: ...}} says otherwise)" * guessed
    return Read(format, _read_dates(cells, gaps, format), note)


def _read_dates(cells: Cells, gaps: set[str], format: Format) -> np.ndarray:
    def number(word: str) -> float | None:
        match = match_date(word)
        moment = read_moment(match, format.order) if match else None
        if moment is None or (moment.day is None) != (format.kind == "time"):
            return None
        if moment.second is not None and moment.zoned != format.zoned:
            return None
        return as_number(moment, format.unit)

    wanted = f"{_of_format(format)}" + (" with a zone" if format.zoned else "")
    return _spread(cells, gaps, number, wanted)
