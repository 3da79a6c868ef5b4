"""What a run's files lack is named on the page, and the rest is shown."""

import json

import pytest

from spline_fc.report import text_table, write_report
from spline_fc.report.sections import SECTIONS
from tests.report.pages import plain, words

BROKEN = {
    "config.json": "config.json",
    "environment.json": "environment.json",
    "fits.json": "fits.json",
    "data/seed0.npz": "data/seed0.npz must be an NPZ file",
    "fits/spline-seed0.json": "fits/spline-seed0.json must hold JSON",
    "knots/spline-seed0.npz": "knots/spline-seed0.npz must be an NPZ file",
    "params/spline-seed0-best.npz": "params/spline-seed0-best.npz must be an NPZ file",
    "metrics/spline-seed0-lr0.01.jsonl": "metrics/spline-seed0-lr0.01.jsonl must",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_named_and_the_rest_is_shown(workdir, name):
    (workdir / name).write_bytes(b'{"half": \n{}')
    path = write_report(workdir)
    page = plain(path.read_text(encoding="utf-8"))
    assert BROKEN[name] in page and str(workdir) not in page
    said = words(path)
    assert set(said) == set(SECTIONS) and "He" in said["results"]
    assert "spline" in text_table(workdir)


def test_rows_of_the_wrong_kind_are_no_runs(workdir):
    runs = json.loads((workdir / "runs.json").read_text())
    odd = [1, {}, {"run": "x"}, dict(runs[0], run="odd", test_loss="high", scores=[1], seed=7)]
    (workdir / "runs.json").write_text(json.dumps(runs + odd))
    path = write_report(workdir)
    assert set(words(path)) == set(SECTIONS)
    assert "test_loss must be a number; got 'high'" in plain(path.read_text(encoding="utf-8"))


def test_networks_that_are_not_finite_are_named(workdir):
    import numpy as np

    file = workdir / "params" / "spline-seed0-best.npz"
    with np.load(file) as stored:
        params = dict(stored)
    params["Dense_0/kernel"][0, 0] = np.nan
    np.savez(file, **params)
    page = plain(write_report(workdir).read_text(encoding="utf-8"))
    assert "it was written; params/Dense_0/kernel must be finite" in page
