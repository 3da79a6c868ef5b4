"""A run killed with SIGKILL leaves the same bits; experiments.check_resume kills it ten times."""

import json
import shutil

import numpy as np
import pytest

from experiments.resume_check import kills, program

EPOCHS, EVERY = 30, 2


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    program.run(folder, EPOCHS, EVERY)
    return folder


def test_two_kills_leave_the_same_bits(tmp_path, whole):
    killed = tmp_path / "killed"
    found = list(kills.kill_repeatedly(killed, EPOCHS, EVERY, kills=2, seed=1))
    assert 0 < found[0].checkpoint < found[1].checkpoint < EPOCHS
    assert not (killed / "result.npz").exists()
    program.run(killed, EPOCHS, EVERY)
    assert kills.differences(whole, killed) == {"result": [], "state": [], "metrics": []}
    lines = (killed / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == list(range(EPOCHS + 1))


def test_a_single_bit_is_seen(tmp_path, whole):
    other = tmp_path / "other"
    shutil.copytree(whole, other)
    with np.load(other / "result.npz") as arrays:
        changed = dict(arrays)
    kernel = changed["last/Dense_0/kernel"]
    kernel.view(np.uint32)[0, 0] ^= 1
    np.savez(other / "result.npz", **changed)
    lines = (other / "metrics.jsonl").read_text().splitlines(keepends=True)
    (other / "metrics.jsonl").write_text("".join(lines[:4] + lines[5:]))
    found = kills.differences(whole, other)
    assert found["result"] == ["last/Dense_0/kernel"]
    assert found["state"] == []
    assert found["metrics"][0] == "line 5" and found["metrics"][-1] == "31 and 30 lines"


def test_the_state_holds_the_optimiser_and_the_trace(whole):
    shapes = {leaf.shape for leaf in kills.last_state(whole).values()}
    assert (32,) in shapes and (3, EPOCHS + 1) in shapes  # digest, history
    kernels = [leaf for leaf in kills.last_state(whole).values() if leaf.shape == (10, 32)]
    assert len(kernels) == 5  # parameters, average, best, two moments of Adam
