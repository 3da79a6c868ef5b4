"""The page over several runs."""

import csv
import json
import shutil

import pytest

from spline_fc.report import Failure, read_sweep, set_text, sweep_table, write_sweep
from spline_fc.report.sweep_study import fields_table
from tests.report.pages import Balance, words


def test_a_sweep_sets_workdirs_side_by_side(workdir, tmp_path):
    other = tmp_path / "second"
    shutil.copytree(workdir, other)
    runs = json.loads((other / "runs.json").read_text())
    for run in runs:
        run["test_rmse"] *= 2.0 if run["init"] == "spline" else 1.0
    (other / "runs.json").write_text(json.dumps(runs))
    (other / "report.html").touch()
    path = write_sweep(read_sweep([workdir, other]), tmp_path / "sweep")
    page = path.read_text(encoding="utf-8")
    said = words(path)["results"]
    assert "Friedman1 (quickstart)" in said and "Friedman1 (second)" in said
    # 0.05 to 0.1 of loss: RMSE lower by 29 %; twice that is higher by 41 %.
    lines = (tmp_path / "sweep" / "figures" / "sweep.csv").read_text().splitlines()
    found = {tuple(line.split(",")[:2]): float(line.split(",")[2]) for line in lines[1:]}
    assert found["Friedman1 (quickstart)", "spline"] == pytest.approx(-29, abs=3)
    assert found["Friedman1 (second)", "spline"] == pytest.approx(41, abs=5)
    assert "Spline: a lower mean test error than He in 1 of 2 cells" in page
    assert 'href="../second/report.html"' in page and "1 of 8 runs diverged" in page
    Balance().check(page)


def test_a_sweep_refuses_nothing_and_the_folder_of_a_run(workdir):
    with pytest.raises(ValueError, match="workdirs must name at least one folder"):
        write_sweep(read_sweep([]), workdir / "sweep")
    with pytest.raises(ValueError, match="folder must not be a workdir"):
        write_sweep(read_sweep([workdir]), workdir)


def test_a_sweep_without_a_reference_says_so(workdir, tmp_path):
    runs = [r for r in json.loads((workdir / "runs.json").read_text()) if r["init"] == "spline"]
    (workdir / "runs.json").write_text(json.dumps(runs))
    page = write_sweep(read_sweep([workdir]), tmp_path / "sweep").read_text(encoding="utf-8")
    assert "No cell has a reference" in page


def copies(workdir, tmp_path, count):
    """So many workdirs that differ in their number of terms."""
    found = {}
    for k in range(count):
        folder = tmp_path / f"terms{k}"
        shutil.copytree(workdir, folder, ignore=shutil.ignore_patterns("params", "knots", "fits"))
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, "fit": {"max_terms": k}}))
        found[folder.name] = folder
    return found


def test_every_chosen_run_and_every_failure_is_a_line(workdir, tmp_path):
    config = {**json.loads((workdir / "config.json").read_text()), "fit": {"max_terms": 9}}
    failure = Failure("lost", config, "data file a.csv does not exist.")
    study = read_sweep(copies(workdir, tmp_path, 2), [failure])
    page = write_sweep(study, tmp_path / "sweep").read_text(encoding="utf-8")
    lines = list(csv.DictReader((tmp_path / "sweep" / "sweep.csv").read_text().splitlines()))
    assert [line["cell"] for line in lines] == ["terms0"] * 6 + ["terms1"] * 6 + ["lost"]
    assert [line["fit.max_terms"] for line in lines] == ["0"] * 6 + ["1"] * 6 + ["9"]
    runs = json.loads((workdir / "runs.json").read_text())
    chosen = next(run for run in runs if run["chosen"])
    told = next(line for line in lines if line["start"] == chosen["init"])
    assert float(told["test_rmse"]) == chosen["test_rmse"]
    assert float(told["learning_rate"]) == chosen["learning_rate"] and int(told["steps"]) > 0
    assert lines[-1]["status"] == "failed" and lines[-1]["reason"] == failure.reason
    assert f"lost failed: {failure.reason}" in page
    shown = set_text(sweep_table(study)).splitlines()
    assert shown[2].split()[:2] == ["terms0", "0"] and shown[4].endswith(failure.reason)


def test_many_workdirs_stay_readable(workdir, tmp_path):
    study = read_sweep(copies(workdir, tmp_path, 31))
    path = write_sweep(study, tmp_path / "sweep")
    page = path.read_text(encoding="utf-8")
    assert 'class="table tall"' in page and "<summary>All 62 lines</summary>" in page
    assert "The share of the cells" in page
    Balance().check(page)


def test_the_longer_side_goes_down(workdir, tmp_path):
    runs = json.loads((workdir / "runs.json").read_text())
    more = [
        {**run, "init": f"other{k}"} for k in range(6) for run in runs if run["init"] != "spline"
    ]
    (workdir / "runs.json").write_text(json.dumps(runs + more))
    study = read_sweep(copies(workdir, tmp_path, 2))
    assert sweep_table(study).header == ["start", "terms0", "terms1"]
    assert fields_table(study).body == [["terms0", "0"], ["terms1", "1"]]
