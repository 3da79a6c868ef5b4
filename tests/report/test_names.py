"""Names from files are text wherever they stand: in HTML, in SVG, in figures."""

import csv
import json
import warnings

import numpy as np
import pytest

from spline_fc.report import read_sweep, write_report, write_sweep
from tests.report.pages import Balance, figures

RENDERED = True  # see tests/conftest.py
NAMES = (
    "cost_$_usd_$",
    "one $ and \\\\frac{",
    'a"><script>alert(1)</script> & <b>b</b>',
    "first\nsecond 日本語 $x_{1}^2$",
)


@pytest.fixture
def odd(workdir):
    """The workdir with such names for columns, target, data set and starts' runs."""
    with np.load(workdir / "data" / "seed0.npz") as stored:
        data = dict(stored)
    data["feature_names"], data["target_names"] = np.array(NAMES), np.array(["y_$ <i>"])
    np.savez(workdir / "data" / "seed0.npz", **data)
    config = {"data": {"name": "</title><script>alert(2)</script>", "$": "<script>3</script>"}}
    (workdir / "config.json").write_text(json.dumps(config))
    return workdir


def test_names_are_text_on_the_page_and_in_figures(odd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path = write_report(odd)
    page = path.read_text(encoding="utf-8")
    assert "<script" not in page and "&lt;script&gt;alert(2)" in page
    tags = Balance()
    tags.check(page)
    assert not {"script", "b-", "i"} & tags.seen
    drawn = " ".join(figures(path).values())
    assert "cost_$_usd_$" in drawn and "one $ and" in drawn
    assert "&lt;script&gt;" in drawn and "<script" not in drawn
    assert "first second" in drawn and "日本" in drawn
    with (odd / "figures" / "knot_drift.csv").open(newline="", encoding="utf-8") as file:
        assert NAMES[0] in {line["feature_name"] for line in csv.DictReader(file)}


def test_names_are_text_on_the_page_over_several_runs(odd, tmp_path):
    page = write_sweep(read_sweep([odd]), tmp_path / "sweep").read_text(encoding="utf-8")
    assert "<script" not in page and "cript&gt;" in page
    Balance().check(page)
