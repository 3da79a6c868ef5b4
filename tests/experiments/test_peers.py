"""The table against the peers: the contenders that are everywhere, and a record as a table."""

import json
import pathlib
import subprocess
import sys

import pytest

from experiments import peers, peers_child
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
    command = [sys.executable, "-m", "experiments.peers", "--sets=diabetes", "--splits=2"]
    command += [f"--output={path}", "--contenders=mean", "--note=A test."]
    told = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert told.returncode == 0, told.stderr
    assert "diabetes, mean: test RMSE" in told.stdout and "A test." in told.stdout
    record = json.loads(path.read_text())
    assert [split["split"] for split in record["sets"]["diabetes"]["mean"]["splits"]] == [0, 1]
    again = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert again.returncode == 0 and "diabetes, mean: test RMSE" not in again.stdout
    lines = peers.table(record).splitlines()
    assert "diabetes, 442 rows" in lines[0] and "not run" in lines[3] and "±" in lines[2]
