"""Two processes of two devices each agree with one; if one dies, the other ends."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from spline_fc import train
from tests.scale import in_processes
from tests.scale.test_devices import check_same

ROOT = pathlib.Path(__file__).parents[2]
FLAGS = "--xla_force_host_platform_device_count=2 --xla_backend_optimization_level=0"
LIMIT = 240  # seconds for both processes; a few on a quiet machine


def both(name, folder, **more):
    """Return codes of two processes, what they print, and the errors of the first."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = str(probe.getsockname()[1])
    environment = {**os.environ, "PYTHONPATH": ".", "XLA_FLAGS": FLAGS, **more}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.scale.in_processes", name, number, port, str(folder)],
            env=environment,
            cwd=ROOT,
            **pipes,
        )
        for number in "01"
    ]
    ends = time.monotonic() + LIMIT
    try:
        said = [p.communicate(timeout=max(1, ends - time.monotonic())) for p in processes]
    finally:
        for process in processes:
            process.kill()
    lines = [out.splitlines() for out, _ in said]
    found = [json.loads(line[-1]) if line and line[-1][0] == "{" else None for line in lines]
    return [process.returncode for process in processes], found, said[0][1]


def test_two_processes_fit_what_one_fits(tmp_path):
    codes, found, errors = both("fitted", tmp_path)
    assert codes == [0, 0], errors[-3000:]
    assert found[0] == found[1]
    check_same(found[0]["fit"])
    assert abs(found[0]["evaluated"]) < 1e-4
    assert "same columns and dtypes in every process" in found[0]["unlike"]


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "checkpoints"
    return both("trained", folder, DIES="1"), both("trained", folder)


def test_where_one_process_dies_the_other_ends_and_says_so(killed):
    (codes, found, errors), _ = killed
    assert codes[0] not in (0, None) and found[0] is None
    assert "peer" in errors or "heartbeat" in errors or "UNAVAILABLE" in errors, errors[-3000:]


def test_the_run_goes_on_from_its_checkpoint_and_ends_as_on_one_device(killed):
    _, (codes, found, errors) = killed
    assert codes == [0, 0], errors[-3000:]
    assert found[0] == found[1] and found[0]["began"] >= 1
    x, y, _ = in_processes.rows(count=in_processes.COUNT)
    expected = train(in_processes.PARAMS, in_processes.dataset((x, y)), in_processes.CONFIG)
    np.testing.assert_allclose(
        found[0]["history"], expected.history["train_loss"], rtol=1e-5
    )  # fmt: skip
