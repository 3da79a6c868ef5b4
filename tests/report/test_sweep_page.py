"""The page over several runs."""

import json
import shutil

import pytest

from spline_fc.report import write_sweep
from tests.report.pages import Balance, words


def test_a_sweep_sets_workdirs_side_by_side(workdir, tmp_path):
    other = tmp_path / "second"
    shutil.copytree(workdir, other)
    runs = json.loads((other / "runs.json").read_text())
    for run in runs:
        run["test_rmse"] *= 2.0 if run["init"] == "spline" else 1.0
    (other / "runs.json").write_text(json.dumps(runs))
    path = write_sweep([workdir, other], tmp_path / "sweep")
    page = path.read_text(encoding="utf-8")
    said = words(path)["results"]
    assert "Friedman1 (quickstart)" in said and "Friedman1 (second)" in said
    # 0.05 to 0.1 of loss: RMSE lower by 29 %; twice that is higher by 41 %.
    lines = (tmp_path / "sweep" / "figures" / "sweep.csv").read_text().splitlines()
    found = {tuple(line.split(",")[:2]): float(line.split(",")[2]) for line in lines[1:]}
    assert found["Friedman1 (quickstart)", "spline"] == pytest.approx(-29, abs=3)
    assert found["Friedman1 (second)", "spline"] == pytest.approx(41, abs=5)
    assert "Spline: a lower mean test error than He in 1 of 2 workdirs" in page
    assert 'href="../second/report.html"' in page and "1 of 8 runs diverged" in page
    Balance().check(page)


def test_a_sweep_refuses_nothing_and_the_folder_of_a_run(workdir):
    with pytest.raises(ValueError, match="workdirs must name at least one folder"):
        write_sweep([], workdir / "sweep")
    with pytest.raises(ValueError, match="folder must not be a workdir"):
        write_sweep([workdir], workdir)


def test_a_sweep_without_a_reference_says_so(workdir, tmp_path):
    runs = [r for r in json.loads((workdir / "runs.json").read_text()) if r["init"] == "spline"]
    (workdir / "runs.json").write_text(json.dumps(runs))
    page = write_sweep([workdir], tmp_path / "sweep").read_text(encoding="utf-8")
    assert "No workdir has a reference" in page
