"""Delimiter and header by a look at the cells; what cannot be told is refused by line."""

import datetime
from unittest import mock

import numpy as np
import pytest

from spline_fc import data
from spline_fc.data.cells import MISSING, is_number
from spline_fc.data.dates import as_number, match_date, read_moment
from spline_fc.data.dialect import is_header, sniff_delimiter
from spline_fc.data.tables import read_csv

NUMBERS = [str(i / 4) for i in range(12)]
WORDS = ["oak", "elm", "ash"] * 4
HEADERS = {
    "words above numbers": (["a", "b"], [NUMBERS, NUMBERS], True),
    "numbers above numbers": (["1", "2"], [NUMBERS, NUMBERS], False),
    "a word above words that repeat": (["tree", "wood"], [WORDS, WORDS], True),
    "a word of the column": (["oak", "wood"], [WORDS, WORDS], False),
    "words and numbers": (["oak", "3.5"], [WORDS, NUMBERS], False),
    "words over both": (["tree", "size"], [WORDS, NUMBERS], True),
    "sodium": (["Na", "NA"], [NUMBERS, NUMBERS], True),
    "a gap in the first row": (["NA", "3"], [NUMBERS, NUMBERS], False),
    "years": (["2019", "2020"], [NUMBERS, NUMBERS], True),
    "years here and there": (["1990", "2000"], [NUMBERS, NUMBERS], True),
    "months above numbers": (["tree", "2019-01", "2019-02"], [WORDS, NUMBERS, NUMBERS], True),
    "years above years": (["2019", "2020"], [["2021", "2018"], ["2000", "1999"]], False),
    "years beside a word": (["tree", "2019", "2020"], [WORDS, NUMBERS, NUMBERS], True),
    "counted above fractions": (["0", "1"], [["0.5", "0.25"], ["1.5", "2.5"]], True),
    "counted from 1": (["1", "2", "3"], [NUMBERS] * 3, True),
    "counted above counts": (["0", "1"], [["2", "4"], ["3", "5"]], False),
    "the index of pandas": (["", "0", "1"], [["0", "1"], ["2", "4"], ["3", "5"]], True),
    "dates above dates": (
        ["2020-01-01", "oak"],
        [["2020-01-02", "2020-01-03"], ["elm"] * 2],
        False,
    ),
}


@pytest.mark.parametrize("case", HEADERS)
def test_header_is_guessed(case):
    first, columns, wanted = HEADERS[case]
    assert is_header(first, columns) is wanted


def test_header_can_be_forced(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("oak,elm\n" + "".join(f"{i},{i * i}\n" for i in range(30)))
    assert data.load(path).feature_names == ("oak",)
    with pytest.raises(ValueError, match="line 1: column 'column_0' must hold numbers.*'oak'"):
        data.load(path, header=False)
    path.write_text("".join(f"{i},{i * i}\n" for i in range(30)))
    assert data.load(path, header=True).feature_names == ("0",)
    with pytest.raises(ValueError, match="header must be True or False"):
        data.load(path, header="yes")


DELIMITERS = {
    "1,5;2,5\n3,5;4,5\n": ";",
    "a;b;y\n1,2;3,4;5,6\n1,2;3,4;5,6\n": ";",
    "x;y,5\nz;w,6\n": ",",
    "2020-01-01 10:00,5\n2020-01-02 11:00,6\n": ",",
    "1,5 2,5\n3,5 4,5\n": " ",
    "New York\t5\nBad Ems\t6\n": "\t",
    "5 kg,1\n6 kg,2\n": ",",
    "a|b\n1|2\n": "|",
    '"a;b",1\n"c;d",2\n': ",",
    "alone\nhere\n": None,
}


@pytest.mark.parametrize("text", DELIMITERS)
def test_delimiter_is_the_one_that_leaves_numbers(text):
    assert sniff_delimiter(text) == DELIMITERS[text]


@pytest.mark.parametrize(
    "word", ["1_000", "0x1F", "infinity", "nan", "١٢", "1e", "1.2.3", "--1", ""]
)
def test_what_only_python_reads_is_no_number(word):
    assert not is_number(word)


def test_a_lone_negative_number_is_no_gap():
    assert not {"-999", "0", "Na", "+"} & MISSING


MOMENTS = {
    "2020-02-29": datetime.datetime(2020, 2, 29),
    "1900/1/2": datetime.datetime(1900, 1, 2),
    "2020-07": datetime.datetime(2020, 7, 1),
    "2020-02-29T23:59:59.5Z": datetime.datetime(2020, 2, 29, 23, 59, 59, 500_000),
    "2020-02-29 01:00+0130": datetime.datetime(2020, 2, 28, 23, 30),
    "3.4.2021": datetime.datetime(2021, 4, 3),
    "3/4/99 12:15 am": datetime.datetime(1999, 4, 3, 0, 15),
    "31 December 2019": datetime.datetime(2019, 12, 31),
    "Dec 31, 2019": datetime.datetime(2019, 12, 31),
    "31-Dec-68": datetime.datetime(2068, 12, 31),
}


@pytest.mark.parametrize("word", MOMENTS)
def test_dates_are_seconds_since_1970(word):
    moment = read_moment(match_date(word), "dmy")
    wanted = (MOMENTS[word] - datetime.datetime(1970, 1, 1)).total_seconds()
    assert as_number(moment, "seconds") == wanted
    assert as_number(moment, "days") == wanted / 86400


@pytest.mark.parametrize("word", ["2020-13-01", "30.02.2020", "2020-01-01 25:00", "12 Foo 2020"])
def test_a_day_that_does_not_exist_is_no_date(word):
    assert read_moment(match_date(word), "dmy") is None


def rows(*cells):
    """A table of 40 rows whose first column takes these cells in turn."""
    return "a;b;y\n" + "".join(f"{cells[i % len(cells)]};{i / 8};{i}\n" for i in range(40))


REFUSED = {
    "two decimal marks": (
        rows("1,5", "2.5"),
        "line 2: column 'a' must have one decimal mark.*'2.5'",
    ),
    "two currencies": (rows("$5", "€6"), "line 3: column 'a' must have one unit, as in '\\$5'"),
    "percent and shares": (rows("5%", "0.06"), "line 3: column 'a' must have one unit.*'0.06'"),
    "two orders": (rows("13/01/2020", "01/13/2020"), "line 3: .*one order of day and month"),
    "a word among dates": (
        rows(*["2020-01-01"] * 39, "soon"),
        "line 41: .*'a' must hold dates.*soon",
    ),
    "a zone here and there": (rows(*["2020-01-01 10:00Z"] * 19, "2020-01-01 10:00"), "with a zone"),
    "python's numbers": (rows(*range(39), "1_000"), "line 41: column 'a' must hold numbers.*1_000"),
    "beyond float64": (rows(*range(39), "1e999"), "line 41: column 'a' must be finite"),
    "a short first row": ("1;2\n" + rows(*"1234")[6:], "line 1: must have 3 cells; got 2"),
    "a short row": (rows("1") + "1;2\n", "line 42: must have 3 cells; got 2"),
    "a long header": ("a;b;y;z\n" + rows("1")[6:], "line 1: must have 3 cells; got 4"),
    "no text": (b"a;b\n1\x00;2\n", "must be UTF-8 text, or UTF-16"),
    "labels once each": (
        "a;y\n" + "".join(f"{i};0x{i:02X}\n" for i in range(40)),
        "target 'y' must hold numbers or labels; got 40 words",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_told_is_refused_by_line(case, tmp_path):
    content, pattern = REFUSED[case]
    path = tmp_path / "t.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=pattern) as caught:
        data.load(path)
    assert "\n" not in str(caught.value)


def load(path, text, **options):
    """What is read, and what is said."""
    path.write_text(text)
    with mock.patch("absl.logging.warning") as warning:
        found = data.load(path, **options)
    return found, "\n".join(call.args[0] % call.args[1:] for call in warning.call_args_list)


def test_guesses_are_said_and_can_be_overruled(tmp_path):
    path = tmp_path / "t.csv"
    three = "a;y\n" + "".join(f"1,{i + 100};{i * i}\n" for i in range(40))
    found, said = load(path, three)
    assert found.train.x[:, 0].max() < 2 and "a guess; decimal= says otherwise" in said
    found, said = load(path, three, decimal=".")
    assert found.train.x[:, 0].min() >= 1100 and "a guess" not in said
    dates = rows(*(f"0{i % 9 + 1}/02/2020" for i in range(40)))
    found, said = load(path, dates)
    assert np.ptp(found.train.x[:, 0]) > 200 and "month/day/year" in said and "a guess" in said
    found, said = load(path, dates, kinds={"a": "dmy"})
    assert np.ptp(found.train.x[:, 0]) <= 8 and "a guess" not in said
    with pytest.raises(ValueError, match=r"kinds\['a'\] must be one of .*mean 'number'"):
        load(path, dates, kinds={"a": "numbers"})
    with pytest.raises(ValueError, match="line 2: column 'a' must hold numbers, as kinds says"):
        load(path, dates, kinds={"a": "number"})


def test_a_number_that_never_repeats_is_no_id(tmp_path):
    path = tmp_path / "t.csv"
    for name in ("humid", "valid", "index_of_refraction", "size"):
        found, _ = load(path, rows(*range(40)).replace("a;", f"{name};", 1))
        assert found.feature_names == (name, "b")
    for name in ("id", "ID", "user_id", "PassengerId", "index", "Unnamed: 0", '""'):
        found, said = load(path, rows(*range(39, -1, -1)).replace("a;", f"{name};", 1))
        assert found.feature_names == ("b",) and "left out" in said
    found, _ = load(path, rows(*(f"{i}.5" for i in range(40))).replace("a;", "id;", 1))
    assert found.feature_names == ("id", "b")


def test_lines_of_errors_count_quoted_line_ends_and_comments(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('# made by hand\n\na,b\n"one\ntwo",1\n\nx,2\n')
    table = read_csv(path)
    assert [table.place(row).rpartition(" ")[2] for row in range(2)] == ["5", "7"]


def test_a_delimiter_divides_the_first_line_too():
    rows = "".join(f"2024-01-{i + 1:02} 00:00 here,{i}\n" for i in range(12))
    assert sniff_delimiter("when,y\n" + rows) == ","
    assert sniff_delimiter(rows) == " "
