"""Two processes of two devices each agree with one; if one dies, the other ends."""

import ast
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from configs import friedman1
from spline_fc import pipeline, train
from tests.scale import in_processes
from tests.scale.test_devices import check_same

ROOT = pathlib.Path(__file__).parents[2]
FLAGS = "--xla_force_host_platform_device_count=2 --xla_backend_optimization_level=0"
LIMIT = 240  # seconds for both processes; a few on a quiet machine
RUN = ["--config=configs/friedman1.py:smoke", "--config.checkpoint_every=1", "--config.seeds=3",
       "--config.data.num_train=200", "--config.data.num_validation=50",
       "--config.data.num_test=50", "--config.training.epochs=20",
       "--config.initialisations=('spline',)"]  # fmt: skip


def begun(module, words_of):
    """Starts two processes of a module; `words_of` makes words of (process, port)."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = str(probe.getsockname()[1])
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": ROOT}
    environment = {**os.environ, "PYTHONPATH": ".", "XLA_FLAGS": FLAGS}
    return [
        subprocess.Popen(
            [sys.executable, "-m", module, *words_of(number, port)], env=environment, **pipes
        )
        for number in "01"
    ]


def ended(processes):
    """Return codes, and what each has said on both streams."""
    ends = time.monotonic() + LIMIT
    try:
        said = [p.communicate(timeout=max(1, ends - time.monotonic())) for p in processes]
    finally:
        for process in processes:
            process.kill()
    return [process.returncode for process in processes], said


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What both processes measured, by rows that are divided over them."""
    folder = str(tmp_path_factory.mktemp("run") / "checkpoints")
    codes, said = ended(begun("tests.scale.in_processes", lambda i, port: [i, port, folder]))
    assert codes == [0, 0], said[0][1][-3000:]
    first, second = (json.loads(out.splitlines()[-1]) for out, _ in said)
    assert first == second
    return first


def test_two_processes_fit_what_one_fits(found):
    fitted = found["fitted"]
    check_same(fitted["fit"])
    assert abs(fitted["evaluated"]) < 1e-4
    assert "same columns and dtypes in every process" in fitted["unlike"]


def test_two_processes_go_on_from_a_checkpoint_and_train_as_one_device(found):
    assert found["trained"]["began"] == 3
    x, y, _ = in_processes.rows(count=in_processes.COUNT)
    expected = train(in_processes.PARAMS, in_processes.dataset((x, y)), in_processes.CONFIG)
    losses = expected.history["train_loss"]
    np.testing.assert_allclose(found["trained"]["history"], losses, rtol=1e-5)


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A run of the program whose first process is killed amid; and how it ends when begun again."""
    folder = tmp_path_factory.mktemp("run") / "run"

    def words(number, port):
        joined = [f"--coordinator=localhost:{port}", f"--process_id={number}", "--num_processes=2"]
        return [*RUN, f"--workdir={folder}", *joined]

    processes = begun("experiments.train", words)
    saved = folder.with_name("run.partial").glob("checkpoints/*/epochs/*")
    while not any(saved) and processes[0].poll() is None:
        time.sleep(0.05)
        saved = folder.with_name("run.partial").glob("checkpoints/*/epochs/*")
    processes[0].send_signal(signal.SIGKILL)
    return folder, ended(processes), ended(begun("experiments.train", words))


def test_where_a_process_of_a_run_dies_the_other_ends_and_says_so(killed):
    _, (codes, said), _ = killed
    assert codes[0] == -signal.SIGKILL and codes[1] not in (0, None)
    # Either the exchange says so first, or the service that watches over all.
    told = said[1][1]
    assert "another process of this run has ended" in told or "another task died" in told, told


def test_the_run_goes_on_and_ends_as_that_of_one_process(killed, tmp_path):
    folder, _, (codes, said) = killed
    assert codes == [0, 0], said[0][1][-3000:]
    assert "report:" in said[0][0] and "report:" not in said[1][0]  # one process tells and writes
    config = friedman1.get_config("smoke")
    for flag in RUN[1:]:
        field, _, value = flag.removeprefix("--config.").partition("=")
        config.update_from_flattened_dict({field: ast.literal_eval(value)})
    pipeline.run(config, tmp_path / "one", page=False)
    both, one = (json.loads((f / "runs.json").read_text()) for f in (folder, tmp_path / "one"))
    assert [run["run"] for run in both] == [run["run"] for run in one] and len(one) == 3
    for name in ("best_validation_loss", "start_rmse", "test_rmse"):
        values = [[run[name] for run in runs] for runs in (both, one)]
        np.testing.assert_allclose(*values, rtol=1e-5)
