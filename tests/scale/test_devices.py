"""Eight devices agree with one, and exchange sums alone."""

import json
import os
import pathlib
import re
import subprocess
import sys

import jax
import numpy as np
import pytest

from spline_fc.sharding import placement_of, shard_rows

ROOT = pathlib.Path(__file__).parents[2]
# Compiling is nearly all that the children do.
FLAGS = "--xla_force_host_platform_device_count=8 --xla_backend_optimization_level=0"
ROWS = 13003  # of the child


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """What a child with eight devices says, by name, and the programs it compiled for it."""
    folder = tmp_path_factory.mktemp("programs")
    flags = f"{FLAGS} --xla_dump_hlo_as_text --xla_dump_to={folder}"
    where = {"cwd": ROOT, "env": {**os.environ, "PYTHONPATH": ".", "XLA_FLAGS": flags}}
    names = ("started", "interactions", "classes", "members")
    command = [sys.executable, "-m", "tests.scale.on_devices", str(folder), *names]
    done = subprocess.run(command, capture_output=True, text=True, **where)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    found = {}
    for name in names:
        texts = {}
        for file in told[name]["programs"]:
            program = file.split(".")[1].removeprefix("jit_")
            texts[program] = texts.get(program, "") + (folder / file).read_text()
        found[name] = told[name]["found"], texts
    return found


@pytest.fixture(scope="module")
def started(measured):
    return measured["started"]


def check_same(found):
    assert found["same_terms"] and found["same_knots"] and found["rows"] == 0
    assert found["coefficients"] < 1e-6 and found["rss"] < 1e-6 and found["path"] < 1e-5


def test_a_start_is_the_same_on_eight_devices(started):
    found, _ = started
    check_same(found["fit"])
    assert found["params"] < 1e-6 and found["outputs"] < 1e-6 and found["outputs_on"] == 8


def test_training_is_the_same_on_eight_devices(started):
    found, _ = started
    assert max(found["history"].values()) < 1e-5
    assert found["fell"] < 1  # it was trained at all


def test_every_device_draws_its_share_of_the_rows(started):
    drawn = started[0]["drawn"]
    assert len(set(drawn["rows"])) == 8 * 15 and drawn["devices"] == 8
    assert drawn["rows"] == drawn["targets"] == sorted(drawn["rows"])
    assert [int(row // 50) for row in drawn["rows"]] == sorted([*range(8)] * 15)


def test_a_step_of_the_search_is_one_all_reduce(started):
    text = started[1]["advance_additive"]
    assert len(re.findall(r" all-reduce(?:-start)?\(", text)) == 1
    assert not re.search("all-to-all|collective-permute|all-gather", text)


def test_no_program_gathers_rows_but_that_of_samples(started):
    gathered = []
    for name, text in started[1].items():
        for shape in re.findall(r"= \(?\w+\[([\d,]*)\][^=]* all-gather(?:-start)?\(", text):
            gathered.append((name, max(map(int, shape.split(",")))))
        assert not re.search(" all-to-all|collective-permute", text), name
    rest = [size for name, size in gathered if name != "taken"]  # here all rows are few enough
    assert len(rest) < len(gathered) and max(rest, default=0) < ROWS, gathered


def test_minima_are_the_same_on_eight_devices(measured):
    found, _ = measured["interactions"]
    check_same(found["fit"])
    assert found["degree"] == 2


def test_classes_are_the_same_on_eight_devices(measured):
    found, _ = measured["classes"]
    check_same(found["fit"])
    assert found["log_loss"] < 1e-6 and found["params"] < 1e-6
    assert found["refused"] == "y must hold 0 and 1 for classes; got others."


def test_members_are_the_same_on_eight_devices_which_do_not_wait_for_each_other(measured):
    found, texts = measured["members"]
    assert found["loss"] < 1e-5 and found["same_rate"] and found["same_epochs"]
    assert found["fell"] < 0.99
    assert "num_partitions=8" in texts["advance"]
    assert not re.search("all-reduce|all-to-all|collective-permute|all-gather", texts["advance"])


def test_rows_are_padded_with_weight_0():
    mesh = jax.make_mesh((1,), ("rows",))
    x, weights = shard_rows(mesh, np.arange(6.0).reshape(3, 2), weights=[1, 0, 2])
    assert placement_of(x) is None  # one device is no division
    np.testing.assert_array_equal(weights, [1, 0, 2])


@pytest.mark.parametrize("change, sentence", [
    ({"axes": ["columns"]}, "axes must be among those of the mesh"),
    ({"weights": [1.0]}, "weights must have"),
])  # fmt: skip
def test_bad_divisions_are_named(change, sentence):
    mesh = jax.make_mesh((1,), ("rows",))
    with pytest.raises(ValueError, match=sentence):
        shard_rows(mesh, np.zeros((3, 2)), **change)
    with pytest.raises(TypeError, match="mesh must be"):
        shard_rows(None, np.zeros((3, 2)))
