"""Numbers in a dress: signs, currencies, percent, units, and marks between digits."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

CURRENCY = (
    r"(?:US|A|C|HK|R)?\$|[€£¥₹₽₩₺₪฿]|USD|EUR|GBP|CHF|JPY|CNY|INR|SEK|NOK|DKK|PLN|CZK|BRL|CAD|AUD|"
    r"Fr\.|kr|zł|Rs\.?"
)
_UNIT = r"\s[A-Za-z°µ²³/]{1,8}|°[CF]?|[mk]?g|lbs?|oz|[kcm]m|m?s|min|mph|kWh?|[MG]B"
_PLAIN = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
INFINITE = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE)
_DRESSED = re.compile(
    rf"(?P<open>\()?\s*(?P<sign>[+-])?\s*(?P<before>{CURRENCY})?\s*(?P<inner>[+-])?"
    r"(?P<body>[0-9.,](?:[0-9.,' ]*[0-9.,])?(?:[eE][+-]?[0-9]+)?)"
    rf"(?P<after>\s*(?:{CURRENCY}|%)|{_UNIT})?\s*(?P<close>\))?"
)
_DIGITS = b"0123456789.+-eE"
GROUPED = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:\.[0-9]{3})*")
# A leading zero, a mantissa of several digits without a point, a long number with a plus: no
# program writes a number like that, but shops, towns and telephones do.
_CODE = re.compile(r"[+-]?0[0-9]+|[0-9]{2,}[eE][0-9]+|\+[0-9]{7,}")
_LONG = re.compile(r"[+-]?[0-9]{16,}")
_LOOKS = str.maketrans({"\u2212": "-", "\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2019": "'"})
_SEPARATORS = ((".", ""), (",", ""), (".", ","), (",", "."))
_SEPARATORS += tuple((decimal, mark) for mark in (" ", "'") for decimal in ".,")


class Dressed(NamedTuple):
    """A number and what stands around it."""

    body: str
    negative: bool
    enclosed: bool  # in parentheses
    unit: str
    measured: bool  # the unit is a word, such as kg


def plain_numbers(words: Sequence[str]) -> np.ndarray | None:
    """Values (n,) of words that all are plain numbers; None where one is not."""
    if (
        "".join(words).encode(errors="replace").translate(None, _DIGITS)
    ):  # float() reads 1_000, nan and others too
        return None
    try:
        return np.fromiter(map(float, words), np.float64, len(words))
    except ValueError:
        return None


def is_number(word: str, *, measured: bool = False) -> bool:
    """Says whether a word is a number, plain or with a currency, percent or (measured) a unit."""
    if _PLAIN.fullmatch(word):
        return True
    dressed = undress(word)
    return dressed is not None and dressed.measured <= measured and bool(fitting([dressed]))


def is_code(word: str) -> bool:
    """Says whether digits are a code rather than a number, or too many for a float64."""
    if _CODE.fullmatch(word):
        return True
    return _LONG.fullmatch(word) is not None and int(float(word)) != int(word)


def undress(word: str) -> Dressed | None:
    """Takes signs, currency, percent and parentheses off a number; None if it is none."""
    match = _DRESSED.fullmatch(word.translate(_LOOKS))
    if match is None:
        return None
    g = match.groupdict()
    signs = (g["sign"] or "") + (g["inner"] or "")
    enclosed = g["open"] is not None
    odd = enclosed != (g["close"] is not None) or (enclosed and signs)
    if odd or len(signs) > 1 or (g["before"] and g["after"]):
        return None
    unit = (g["before"] or g["after"] or "").strip()
    measured = unit != "%" and re.fullmatch(CURRENCY, unit) is None and unit != ""
    return Dressed(g["body"], signs == "-" or enclosed, enclosed, unit, measured)


def body_pattern(decimal: str, thousands: str) -> re.Pattern[str]:
    """What the digits of a number look like between these marks."""
    d, t = re.escape(decimal), re.escape(thousands)
    plain = rf"[0-9]+(?:{d}[0-9]*)?|{d}[0-9]+"
    grouped = rf"[1-9][0-9]{{0,2}}(?:{t}[0-9]{{3}})+(?:{d}[0-9]*)?|" if thousands else ""
    if thousands == ",":  # lakhs and crores
        grouped += rf"[1-9][0-9]?(?:,[0-9]{{2}})+,[0-9]{{3}}(?:{d}[0-9]*)?|"
    return re.compile(rf"(?:{grouped}{plain})(?:[eE][+-]?[0-9]+)?")


def fitting(dressed: Sequence[Dressed]) -> list[tuple[str, str]]:
    """All (decimal mark, mark between thousands) in which every number can be read."""
    marks = {c for d in dressed for c in d.body if c in " ,.'"}
    return [
        (decimal, thousands)
        for decimal, thousands in _SEPARATORS
        if (not thousands or thousands in marks)
        and all(body_pattern(decimal, thousands).fullmatch(d.body) for d in dressed)
    ]


def value_of(dressed: Dressed, decimal: str, thousands: str) -> float:
    """The number, once its marks are known."""
    body = dressed.body.replace(thousands, "") if thousands else dressed.body
    value = float(body.replace(decimal, "."))
    return -value if dressed.negative else value
