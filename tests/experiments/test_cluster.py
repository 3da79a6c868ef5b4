"""Which process this one is, and what all of one run must have in common."""

from types import SimpleNamespace

import jax
import numpy as np
import pytest
from jax.experimental import multihost_utils

from experiments import cluster
from spline_fc import data, runs

FLAGS = {"process_id": "PROCESS", "num_processes": "COUNT", "coordinator": "COORDINATOR"}
STEP = {"SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "2"}


def own(environment, monkeypatch, **flags):
    for name in sum(cluster._LAUNCHERS, ()):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for name, variable in FLAGS.items():
        monkeypatch.setattr(cluster, variable, SimpleNamespace(value=flags.get(name)))
    return cluster.own()


@pytest.mark.parametrize(
    ("environment", "process"),
    [
        ({}, (0, 1)),
        (STEP, (1, 2)),
        ({**STEP, "SLURM_STEP_NUM_TASKS": "1"}, (0, 1)),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "2"}, (0, 1)),  # a batch script, or salloc's shell
        ({"OMPI_COMM_WORLD_RANK": "3", "OMPI_COMM_WORLD_SIZE": "4"}, (3, 4)),
        ({"TPU_WORKER_ID": "0", "TPU_WORKER_HOSTNAMES": "a,b"}, (0, 2)),
        ({"TPU_WORKER_ID": "0", "TPU_WORKER_HOSTNAMES": "localhost"}, (0, 1)),
    ],
)
def test_a_launcher_tells_which_process_this_is(monkeypatch, environment, process):
    assert own(environment, monkeypatch) == process


def test_flags_come_first(monkeypatch):
    assert own(STEP, monkeypatch, process_id=0, num_processes=3) == (0, 3)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ({"process_id": 1}, "must be given together; got --process_id alone"),
        ({"num_processes": 2}, "must be given together; got --num_processes alone"),
        ({"process_id": 2, "num_processes": 2}, "from 0 to --num_processes - 1; got 2 of 2"),
        ({"process_id": 0, "num_processes": 0}, "from 0 to --num_processes - 1; got 0 of 0"),
        ({"coordinator": "host:1"}, "--coordinator must come with --process_id"),
        ({"coordinator": "host", "process_id": 0, "num_processes": 2}, "HOST:PORT; got 'host'"),
    ],
)
def test_flags_that_do_not_go_together_are_named(monkeypatch, flags, sentence):
    with pytest.raises(ValueError, match=sentence):
        own({}, monkeypatch, **flags)


def test_one_process_alone_says_that_it_asks_no_coordinator(monkeypatch, capsys):
    given = {"process_id": 0, "num_processes": 1}
    own({}, monkeypatch, **given)
    assert cluster.join() == (0, 1) and not capsys.readouterr().err
    own({}, monkeypatch, **given, coordinator="host:1")
    assert cluster.join() == (0, 1)
    assert "alone, so --coordinator=host:1 is not used" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"config": {"seeds": 2}}, "the same config; got another in process 1 than"),
        (
            {"dtype": np.float64},
            "the same rows; got others in process 1 .* 7 of 2 columns, float64",
        ),
        ({"columns": 3}, "the same rows; got others in process 1 .* 7 of 3 columns, float32"),
    ],
)
def test_processes_that_read_other_rows_are_told_so(monkeypatch, change, sentence):
    def read(config=None, dtype=np.float32, columns=2):
        x = np.arange(7 * columns, dtype=dtype).reshape(7, columns)
        parts = dict.fromkeys(("train", "validation", "test"), data.Part(x, x[:, :1]))
        plan = runs.read_plan({"data": {"name": "friedman1"}, **(config or {})})
        return plan, [data.from_arrays(np.arange(9.0)[:, None], np.arange(9.0))._replace(**parts)]

    told = []
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(multihost_utils, "process_allgather", lambda own: told.append(own) or told)
    runs.check_read(*read())
    told[1:] = []
    with pytest.raises(ValueError, match=sentence):
        runs.check_read(*read(**change))
