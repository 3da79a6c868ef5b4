"""Two dozen rows in the dress of two dozen programs and habits, and the frame they must become.

Every table tells of the same rows; only the writing differs. A table is its bytes, the options it
is read with, and for each column what it must become: an array of numbers, a list of words, or None
where it must be left out.
"""

import bz2
import datetime
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

N = 24
ROW = np.arange(N)
PRICE = np.round(731.25 * (1 + ROW * 7 % 11) + 0.5 * ROW, 2)  # 731.25 to 8055.25
WHOLE = 1000 + 977 * (ROW * 5 % 13)
SHARE = np.round(0.37 * (ROW * 3 % 17), 2) - 1.5
CITY = [("Aachen", "Bonn", "Celle")[i % 3] for i in range(N)]
FLAG = [("no", "yes")[i * 5 % 7 > 3] for i in range(N)]
DAYS = 17_897 + 9 * ROW  # from 2019-01-01 on
DATES = [datetime.date(1970, 1, 1) + datetime.timedelta(int(day)) for day in DAYS]
Y = np.round(SHARE**2 + ROW / 10, 3)


class Messy(NamedTuple):
    """A table, and what it must become."""

    content: bytes
    columns: dict[str, Any]  # features and what is left out, in order
    y: Any = Y  # numbers, or words
    options: dict[str, Any] = {}
    said: str = ""  # a word that must be in what is said
    suffix: str = ".csv"


def comma(value: float, digits: int = 2) -> str:
    """1234.5 as 1.234,50."""
    return f"{value:,.{digits}f}".translate(str.maketrans(",.", ".,"))


def write(
    header: list[str] | None,
    *columns: Iterable[Any],
    sep: str = ",",
    end: str = "\n",
    form: Callable[[Any], str] = str,
) -> bytes:
    """The text of a table, UTF-8."""
    lines = [header] if header else []
    lines += [[form(cell) for cell in row] for row in zip(*columns, strict=True)]
    return "".join(sep.join(line) + end for line in lines).encode()


def with_gaps(cells: list[Any], gaps: list[str]) -> list[str]:
    """Every fifth cell is one of the gaps."""
    return [gaps[i // 5 % len(gaps)] if i % 5 == 2 else str(c) for i, c in enumerate(cells)]


def zipped(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("inside.csv", content)
    return buffer.getvalue()


GAP = ROW % 5 == 2
PLAIN = {"price": PRICE, "city": CITY}
PLAIN_TEXT = write(["price", "city", "y"], PRICE, CITY, Y)
EURO_Y = [comma(v, 3) for v in Y]
EURO = write(["Preis", "Anteil", "y"], map(comma, PRICE), map(comma, SHARE), EURO_Y, sep=";")
EURO_COLUMNS = {"Preis": PRICE, "Anteil": SHARE}
TABLES = {
    "decimal comma and thousands": Messy(EURO, EURO_COLUMNS, said="decimal comma"),
    "decimal comma without header": Messy(
        write(None, [comma(v, 1) for v in SHARE], [comma(v) for v in PRICE], EURO_Y, sep="\t"),
        {"column_0": np.round(SHARE, 1), "column_1": PRICE},
    ),
    "decimal comma between spaces": Messy(
        write(
            ["a", "b", "y"],
            [str(v).replace(".", ",") for v in SHARE],
            WHOLE,
            [str(v).replace(".", ",") for v in Y],
            sep="   ",
        ),
        {"a": SHARE, "b": WHOLE},
    ),
    "thousands without a decimal": Messy(
        write(["n", "city", "y"], [f'"{v:,}"' for v in WHOLE], CITY, Y),
        {"n": WHOLE, "city": CITY},
        said="thousands",
    ),
    "thousands by spaces and apostrophes": Messy(
        write(
            ["a", "b", "y"],
            [f"{v:,}".replace(",", "\u202f") for v in WHOLE],
            [f"{v:,.2f}".replace(",", "'") for v in PRICE],
            Y,
            sep=";",
        ),
        {"a": WHOLE, "b": PRICE},
    ),
    "currency, percent, debts": Messy(
        write(
            ["cost", "rate", "balance", "y"],
            [f'"${v:,.2f}"' for v in PRICE],
            [f"{v} %" for v in SHARE],
            [f"(€{-v:.2f})" if v < 0 else f"€{v:.2f}" for v in SHARE],
            Y,
        ),
        {"cost": PRICE, "rate": SHARE, "balance": SHARE},
        said="in %",
    ),
    "numbers in a dress as target": Messy(
        write(["city", "share", "y"], CITY, SHARE, [f'"${v:,.2f}"' for v in PRICE]),
        {"city": CITY, "share": SHARE},
        y=PRICE,
    ),
    "gaps of all spellings": Messy(
        write(
            ["a", "b", "city", "y"],
            with_gaps(list(PRICE), ["NA", "n/a", "None", "-", "#DIV/0!"]),
            with_gaps(list(WHOLE), ["null", "NaN", ".", "--", "?"]),
            with_gaps(CITY, ["missing", "N/A", "", "#N/A", "NULL"]),
            Y,
        ),
        {
            "a": np.where(GAP, np.median(PRICE[~GAP]), PRICE),
            "b": np.where(GAP, np.median(WHOLE[~GAP]), WHOLE),
            "city": ["missing" if gap else c for gap, c in zip(GAP, CITY, strict=True)],
        },
        options={"missing": "median"},
    ),
    "a number for missing is a number": Messy(
        write(["a", "b", "y"], np.where(GAP, -999, WHOLE), SHARE, Y),
        {"a": np.where(GAP, -999, WHOLE), "b": SHARE},
    ),
    "dates by ISO": Messy(
        write(["day", "price", "y"], DATES, PRICE, Y),
        {"day": DAYS, "price": PRICE},
        said="days since 1970",
    ),
    "times with a zone": Messy(
        write(
            ["when", "clock", "y"],
            [f"{d}T12:30:15+02:00" for d in DATES],
            [f"{h}:05" for h in ROW],
            Y,
        ),
        {"when": DAYS * 86400 + 10.5 * 3600 + 15, "clock": ROW * 3600 + 300},
        said="UTC",
    ),
    "days before months": Messy(
        write(
            ["Tag", "Preis", "y"],
            [d.strftime("%d.%m.%Y") for d in DATES],
            map(comma, PRICE),
            EURO_Y,
            sep=";",
        ),
        {"Tag": DAYS, "Preis": PRICE},
        said="day/month/year",
    ),
    "months before days, with hours": Messy(
        write(["when", "price", "y"], [d.strftime("%m/%d/%y 3:30 PM") for d in DATES], PRICE, Y),
        {"when": DAYS * 86400 + 15.5 * 3600, "price": PRICE},
        said="month/day/year",
    ),
    "codes that look like numbers": Messy(
        write(
            ["zip", "part", "run", "bits", "y"],
            [f"{i % 3 + 7:03}" for i in ROW],
            [("12E3", "12F3", "7A")[i % 3] for i in ROW],
            [f"10_{i % 2 + 1}" for i in ROW],
            [("0x1F", "0x2A")[i % 2] for i in ROW],
            Y,
        ),
        {
            "zip": [f"{i % 3 + 7:03}" for i in ROW],
            "part": [("12E3", "12F3", "7A")[i % 3] for i in ROW],
            "run": [f"10_{i % 2 + 1}" for i in ROW],
            "bits": [("0x1F", "0x2A")[i % 2] for i in ROW],
        },
        said="codes",
    ),
    "a delimiter at the end of lines": Messy(
        b"price,city,y\r\n" + write(None, PRICE, CITY, Y, end=",\r\n"), PLAIN
    ),
    "the index of pandas": Messy(
        write(["", "price", "city", "y"], ROW, PRICE, CITY, Y),
        {"column_0": None, **PLAIN},
        said="index",
    ),
    "names of rows by R": Messy(
        write(['"price"', '"city"', '"y"'], [f'"{i + 1}"' for i in ROW], PRICE, CITY, Y, sep=" "),
        {"column_0": None, **PLAIN},
    ),
    "ids of two kinds": Messy(
        write(
            ["CustomerId", "name", "price", "city", "y"],
            9000 - 3 * ROW,
            [f"Person {i}" for i in ROW],
            PRICE,
            CITY,
            Y,
        ),
        {"CustomerId": None, "name": None, **PLAIN},
        said="ids",
    ),
    "names that repeat": Messy(
        write(["a", "a", "y"], PRICE, WHOLE, Y), {"a": PRICE, "a.1": WHOLE}, said="repeat"
    ),
    "words only": Messy(
        write(["city", "open", "class"], CITY, FLAG, ["ab"[i % 2] for i in ROW]),
        {"city": CITY, "open": FLAG},
        y=["ab"[i % 2] for i in ROW],
    ),
    "words only, no header": Messy(
        write(None, CITY, FLAG, ["ab"[i % 2] for i in ROW]),
        {"column_0": CITY, "column_1": FLAG},
        y=["ab"[i % 2] for i in ROW],
    ),
    "numbers only, no header": Messy(
        write(None, WHOLE, ROW % 7, Y, sep="|"), {"column_0": WHOLE, "column_1": ROW % 7}
    ),
    "years as names": Messy(
        write(["2019", "2020", "2021"], PRICE, WHOLE, Y), {"2019": PRICE, "2020": WHOLE}
    ),
    "comments, quotes and blank lines": Messy(
        b"# made by hand\r\n# in two hours\r\n"
        + write(
            ["price", "city", "y"], PRICE, [f'"{c},\nGermany"' for c in CITY], Y, end="\r\n\r\n"
        ),
        {"price": PRICE, "city": [f"{c},\nGermany" for c in CITY]},
    ),
    "comment as header": Messy(
        b"# " + write(["price", "b", "y"], PRICE, WHOLE, Y, sep=" "), {"price": PRICE, "b": WHOLE}
    ),
    "a hint for Excel, UTF-16": Messy(
        b"\xff\xfe" + ("sep=;\n" + EURO.decode()).encode("utf-16-le"), EURO_COLUMNS
    ),
    "letters of Windows": Messy(
        write(["Größe", "Straße", "y"], PRICE, ["Köln", "Bonn"] * 12, Y).decode().encode("cp1252"),
        {"Größe": PRICE, "Straße": ["Köln", "Bonn"] * 12},
        said="Windows-1252",
    ),
    "units and lakhs": Messy(
        write(
            ["mass", "cost", "y"],
            [f"{v} kg" for v in SHARE],
            ['"12,34,567"' if i % 2 else "5000" for i in ROW],
            [f"{v}°C" for v in Y],
        ),
        {"mass": SHARE, "cost": np.where(ROW % 2, 1234567, 5000)},
        said="in kg",
    ),
    "truth": Messy(
        write(["a", "b", "y"], [str(f == "yes") for f in FLAG], FLAG, Y),
        {"a": [str(f == "yes") for f in FLAG], "b": FLAG},
    ),
    "an empty column": Messy(
        write(["price", "note", "city", "y"], PRICE, [""] * N, CITY, Y),
        {"price": PRICE, "note": None, "city": CITY},
        said="no value",
    ),
    "kinds by force": Messy(
        write(
            ["id", "month", "when", "zip", "y"],
            ROW,
            ROW % 3,
            [f"0{i % 9 + 1}/05/2020" for i in ROW],
            [f"0{i % 4}" for i in ROW],
            Y,
        ),
        {
            "id": ROW,
            "month": [str(i % 3) for i in ROW],
            "when": 18383 + ROW % 9,  # from 2020-05-01 on
            "zip": ROW % 4,
        },
        options={"kinds": {"id": "number", "month": "category", "when": "dmy", "zip": "number"}},
    ),
    "gzip": Messy(gzip.compress(PLAIN_TEXT), PLAIN, suffix=".csv.gz"),
    "bzip2": Messy(bz2.compress(PLAIN_TEXT), PLAIN, suffix=".csv.bz2"),
    "xz": Messy(lzma.compress(PLAIN_TEXT), PLAIN, suffix=".csv.xz"),
    "zip": Messy(zipped(PLAIN_TEXT), PLAIN, suffix=".csv.zip"),
    "old Macintosh": Messy(PLAIN_TEXT.replace(b"\n", b"\r"), PLAIN),
}
