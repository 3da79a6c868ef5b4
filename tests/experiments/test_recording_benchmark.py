"""The benchmark of recording runs end to end on a tiny problem; no second is looked at."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from configs import friedman1
from experiments.benchmarks import machine, recording

ROOT = pathlib.Path(__file__).parents[2]
ROUNDS = 3


@pytest.fixture(scope="module")
def problem():
    config = friedman1.get_config()
    with config.unlocked():
        config.training.epochs, config.data.num_train = 5, 150
        config.network.hidden_sizes = (16, 16)
        config.learning_rates = (1e-3, 1e-2)
    return recording.prepare(config, seeds=2, records=3)


def test_both_train_the_same_networks_and_one_of_them_records(problem, tmp_path):
    lines = []
    found = recording.report(problem, ROUNDS, 40, lines.append)
    assert [line.partition(":")[0] for line in lines] == [
        "grid, round 1",
        "grid, round 2",
        "grid, round 3",
        "grid",
        "alone, round 1",
        "alone, round 2",
        "alone, round 3",
        "alone",
        "knots and flips of one run, afterwards",
    ]
    floats = 10 * 16 + 16 + 16 * 16 + 16 + 16 + 1
    for name, replicas in (("grid", 4), ("alone", 1)):
        measured = found[name]
        assert measured["same_bits"] and measured["records"] == 3  # of epochs 0, 2 and 4
        assert measured["trace_bytes"] == replicas * 3 * 4 * (floats + 1)
        for kind in ("without", "with"):
            assert all(len(seconds) == ROUNDS for seconds in measured[kind].values())
        pairs = np.divide(measured["with"]["wall"], measured["without"]["wall"])
        assert measured["share"]["wall"][1] == pytest.approx(np.median(pairs) - 1)
    assert found["study"]["rows"] == 40 and found["study"]["wall"] > 0
    machine.write(tmp_path / "found.json", found)
    assert json.loads((tmp_path / "found.json").read_text())["grid"]["records"] == 3


def test_a_share_above_the_aim_is_told():
    measured = {
        "share": {"wall": [0.05, 0.12, 0.2], "processor": [0.0, 0.02, 0.03]},
        "same_bits": False,
        "records": 3,
        "trace_bytes": 2_500_000,
    }
    line = recording.verdict("grid", measured)
    assert "adds 12.0% (5.0% to 20.0%) to the seconds and 2.0%" in line
    assert "aim of 10% missed; 3 records, 2.5 MB; bits of training differ" in line
    measured["share"]["wall"][1] = 0.1
    assert "aim of 10% met" in recording.verdict("grid", measured)


def test_wrong_flags_are_named():
    command = [sys.executable, "-m", "experiments.benchmarks.recording", "--repeats=0"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1 and "flag --repeats=0" in done.stderr
