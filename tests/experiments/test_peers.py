"""The table against the peers: the contenders that are everywhere, and a record as a table."""

import json
import pathlib
import subprocess
import sys

import pytest

from experiments import peers_child, peers_table
from experiments.peers_child import CONTENDERS, Contender

ROOT = pathlib.Path(__file__).parents[2]


@pytest.mark.parametrize("name, lower, upper", [("mean", 60, 100), ("linear", 40, 62)])
def test_a_contender_is_measured(name, lower, upper):
    found = peers_child.measure(CONTENDERS[name], "diabetes", seed=0)
    assert lower < found["rmse"] < upper and found["rows"] == [354, 88]
    assert found["seconds"] >= 0 and found["columns"] == 10


def test_who_is_not_installed_is_told():
    nobody = Contender("nobody", "no_such_package", lambda seed: None, "")
    assert peers_child.missing(nobody) == "no_such_package is not installed"
    assert peers_child.missing(CONTENDERS["linear"]) is None


def test_earth_predicts_by_columns_in_order():
    if peers_child.missing(CONTENDERS["earth"]):
        pytest.skip("R with the package earth is not installed")
    found = peers_child.measure(CONTENDERS["earth"], "diabetes", seed=0)
    assert 40 < found["rmse"] < 65


def test_a_run_goes_on_where_it_was_and_ends_with_its_table(tmp_path):
    path = tmp_path / "record.json"
    split = {"split": 0, "rows": [354, 88], "columns": 10, "rmse": 80.0, "seconds": 0.25}
    there = {"splits": [split | {"first_seconds": 3.0}, split | {"split": 1, "rmse": 82.0}]}
    path.write_text(json.dumps({"sets": {"diabetes": {"mean": there}}}))
    command = [sys.executable, "-m", "experiments.peers", "--sets=diabetes", "--splits=2"]
    command += [f"--output={path}", "--contenders=mean,linear", "--note=A test."]
    told = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert told.returncode == 0, told.stderr
    assert "diabetes, linear: test RMSE" in told.stdout and "A test." in told.stdout
    assert "diabetes, mean" not in told.stdout
    record = json.loads(path.read_text())
    linear = record["sets"]["diabetes"]["linear"]["splits"]
    assert [split["split"] for split in linear] == [0, 1] and linear[0]["rmse"] < 62
    lines = peers_table.table(record).splitlines()
    assert "diabetes, 442" in lines[0]
    assert "81±1" in lines[2] and "0.25" in lines[2]
    assert any("not run" in line for line in lines)
