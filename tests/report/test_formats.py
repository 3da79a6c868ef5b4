"""How numbers and names are written."""

import numpy as np
import pytest

from spline_fc.analysis import Interval, paired_ratio
from spline_fc.printing import one_line, significant
from spline_fc.report.formats import (
    NBSP,
    interval,
    mean_error,
    mean_interval,
    percent,
    ratio,
    share,
)


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([1.0, 2.0, 3.0], "2.00 ± 0.58"),
        ([0.1234], "0.1234"),
        ([float("nan")], "–"),
        ([1234.0, 1250.0], "1,242.0 ± 8.0"),
    ],
)
def test_mean_and_error_show_as_many_digits_as_they_know(values, shown):
    assert mean_error(values).replace(NBSP, " ") == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0"), (1234.5, "1,234"), (-0.01234, "−0.0123"), (1e-9, "1.00e−09"), (float("inf"), "∞")],
)
def test_significant_digits(value, shown):
    assert significant(value) == shown


def test_spaces_within_numbers_do_not_break_and_those_before_intervals_do():
    assert mean_error([1.0, 2.0, 3.0]).split(" ") == [f"2.00{NBSP}±{NBSP}0.58"]
    assert interval(Interval(1.0, 0.5, 1.5)).split(" ") == ["1.0", f"[0.5,{NBSP}1.5]"]
    assert percent(0.123) == f"12{NBSP}%" and share(4.61) == f"4.6{NBSP}times"


def test_fewer_than_three_values_have_no_interval():
    assert mean_interval([1.0, 2.0]) == "1.500"
    assert "[" in mean_interval([1.0, 2.0, 4.0])
    assert ratio(paired_ratio([1.0, 1.0], [4.0, 2.0])) == "0.38"
    assert "[" in ratio(paired_ratio(np.ones(3), [4.0, 2.0, 1.0]))


def test_names_are_set_on_one_line():
    assert one_line("a\nb\t\x00 c") == "a b c" and one_line("日本 $x$") == "日本 $x$"
