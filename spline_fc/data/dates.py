"""Dates and times as people write them, as days or seconds since 1970."""

import datetime
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

ORDERS = ("ymd", "dmy", "mdy")
_EPOCH = datetime.date(1970, 1, 1).toordinal()
_DAY = 86400
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}(?:\.\d+)?))?"
_HALF = r"(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?"
_ZONE = r"(?:\s*(?P<zone>Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?))?"
_DATES = (
    r"(?P<y>\d{4})(?P<s>[-/.])(?P<m>\d{1,2})(?P=s)(?P<d>\d{1,2})",
    r"(?P<y>\d{4})-(?P<m>\d{2})(?P<d>)",
    r"(?P<first>\d{1,2})(?P<s>[-/.])(?P<other>\d{1,2})(?P=s)(?P<y>\d{4})",
    r"(?P<first>\d{1,2})(?P<s>[/.])(?P<other>\d{1,2})(?P=s)(?P<y>\d{2})",
    r"(?P<d>\d{1,2})\.?[- ](?P<month>[A-Za-z]{3,9})\.?,?[- ](?P<y>\d{4}|\d{2})",
    r"(?P<month>[A-Za-z]{3,9})\.? (?P<d>\d{1,2}),? (?P<y>\d{4})",
)
_PATTERNS = tuple(
    re.compile(rf"{date}(?:(?:[T ]|, ?){_CLOCK}{_HALF}{_ZONE})?", re.ASCII) for date in _DATES
) + (re.compile(_CLOCK + _HALF + r"(?P<zone>)", re.ASCII),)


class Moment(NamedTuple):
    """One date, time or both, read; parts that were not there are None."""

    day: int | None  # days since 1970
    second: float | None  # of the day; with a zone, of the day in UTC
    zoned: bool


def match_date(word: str) -> re.Match[str] | None:
    """Finds the form of a date, a time or both; None if the word has none of them."""
    if not word[:1].isalnum() or not any(c.isdigit() for c in word):
        return None
    return next(filter(None, (pattern.fullmatch(word) for pattern in _PATTERNS)), None)


def find_order(matches: Sequence[re.Match[str]]) -> tuple[str, bool]:
    """Says in which order the parts of a column of dates stand.

    A number above 12 tells days from months. Where none does, slashes are read as
    month/day/year and points or hyphens as day first.

    Returns:
      "ymd", "dmy" or "mdy", and whether it had to be guessed.
    """
    groups = [m.groupdict() for m in matches]
    numeric = [g for g in groups if g.get("first")]
    if not numeric:
        return "ymd", False
    if any(int(g["first"]) > 12 for g in numeric):
        return "dmy", False
    if any(int(g["other"]) > 12 for g in numeric):
        return "mdy", False
    return ("mdy" if numeric[0]["s"] == "/" else "dmy"), True


def orders_differ(matches: Mapping[str, re.Match[str]]) -> str:
    """Returns a word whose order of day and month cannot be that of the others; "" without one."""
    day_first, month_first = (
        [w for w, m in matches.items() if int(m.groupdict().get(group) or 0) > 12]
        for group in ("first", "other")
    )
    return (day_first + month_first)[-1] if day_first and month_first else ""


def read_moment(match: re.Match[str], order: str) -> Moment | None:
    """Reads what `match_date` found; None for a day or an hour that does not exist."""
    g = match.groupdict()
    day = None
    if "y" in g:
        try:
            day = datetime.date(*_year_month_day(g, order)).toordinal() - _EPOCH
        except ValueError:
            return None
    if g["hour"] is None:
        return Moment(day, None, False)
    hour, minute, second = int(g["hour"]), int(g["minute"]), float(g["second"] or 0)
    if g["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if g["half"].lower() == "p" else 0)
    if hour > 23 or minute > 59 or second >= 61:
        return None
    zone = g["zone"] or ""
    return Moment(day, 3600 * hour + 60 * minute + second - _offset(zone), bool(zone))


def as_number(moment: Moment, unit: str) -> float:
    """Days or seconds since 1970; of a time alone, seconds since midnight."""
    seconds = _DAY * (moment.day or 0) + (moment.second or 0)
    return seconds / _DAY if unit == "days" else float(seconds)


def _year_month_day(g: dict[str, str | None], order: str) -> tuple[int, int, int]:
    year = int(g["y"] or 0)
    if len(g["y"] or "") == 2:
        year += 1900 if year > 68 else 2000  # as POSIX has it
    if g.get("first"):
        first, other = int(g["first"] or 0), int(g["other"] or 0)
        month, day = (other, first) if order == "dmy" else (first, other)
        return year, month, day
    if g.get("month"):
        name = (g["month"] or "").lower()
        full = [i for i, short in enumerate(_MONTHS, start=1) if name.startswith(short)]
        return year, full[0] if full else 0, int(g["d"] or 0)
    return year, int(g["m"] or 0), int(g["d"] or 1)


def _offset(zone: str) -> int:
    """Seconds by which a zone is ahead of UTC."""
    if not zone.startswith(("+", "-")):
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    ahead = 3600 * int(digits[:2]) + 60 * int(digits[2:])
    return -ahead if zone[0] == "-" else ahead
