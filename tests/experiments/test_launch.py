"""The scripts of launch/: their syntax, and the command lines that they come to."""

import os
import pathlib
import re
import shlex
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
LAUNCH = ROOT / "launch"
SCRIPTS = sorted(path for path in LAUNCH.iterdir() if path.suffix in (".sh", ".sbatch"))
# Stand-ins: srun runs what it is given, the others note what they were called with.
SRUN = '#!/bin/sh\nwhile [ "${1#--}" != "$1" ]; do shift; done\nexec "$@"\n'
NOTE = '#!/bin/sh\necho "$(basename "$0") $*" >> "$CALLS"\n'
SLURM = {
    "SLURM_JOB_ID": "7",
    "SLURM_NTASKS": "2",
    "SLURM_PROCID": "1",
    "SLURM_ARRAY_TASK_ID": "2",
    "SLURM_ARRAY_TASK_COUNT": "4",
}
PYTHON = '#!/bin/sh\necho "python $*" >> "$CALLS"\nexit {status}\n'


@pytest.fixture
def machine(tmp_path):
    """A function that runs a script where the tools of a cluster are stand-ins."""
    for name, text in (("srun", SRUN), ("scontrol", NOTE), ("gcloud", NOTE)):
        _program(tmp_path / name, text)

    def run(script, *words, status=None, **more):
        python = sys.executable
        if status is not None:
            python = str(_program(tmp_path / "python", PYTHON.format(status=status)))
        environment = {
            **os.environ,
            **SLURM,
            **more,
            "PYTHON": python,
            "CALLS": f"{tmp_path}/calls",
        }
        environment["PATH"] = f"{tmp_path}:{os.environ['PATH']}"
        command = ["bash", str(LAUNCH / script), *words]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
        calls = tmp_path / "calls"
        return done, calls.read_text().splitlines() if calls.exists() else []

    return run


def _program(path, text):
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_there_is_a_script_for_every_place_and_a_word_on_each():
    told = (LAUNCH / "README.md").read_text("utf-8")
    assert len(SCRIPTS) == 4
    for path in SCRIPTS:
        assert path.name in told
        for flag in re.findall(r"^#SBATCH (--[\w-]+)", path.read_text("utf-8"), re.MULTILINE):
            assert f"`{flag}" in told, f"{path.name}: {flag}"


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_bash(path):
    done = subprocess.run(["bash", "-n", str(path)], capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr


def test_a_task_of_an_array_runs_its_share(machine, tmp_path):
    config = "--config=configs/ablation_controls.py:smoke"
    done, _ = machine("slurm_array.sbatch", config, f"--workdir={tmp_path / 'run'}", "--dry_run")
    assert done.returncode == 0, done.stderr
    assert "california_housing" in done.stdout and "1 cell of 4" in done.stdout


@pytest.mark.parametrize(("status", "again"), [(0, False), (1, False), (130, True)])
def test_what_the_time_limit_cut_off_is_queued_again(machine, status, again):
    done, calls = machine("slurm_array.sbatch", "--config=a b.py", status=status, SHARES="9")
    assert done.returncode == status
    assert calls[0] == "python -m experiments.sweep --config=a b.py --only=2/9"
    assert calls[1:] == ["scontrol requeue 7"] * again


def test_processes_of_many_hosts_find_their_shares(machine, tmp_path):
    words = (
        "sweep",
        "--config=configs/ablation_controls.py:smoke",
        f"--workdir={tmp_path / 'run'}",
    )
    step = {"SLURM_STEP_NODELIST": "node[1-2]"}
    done, _ = machine("slurm_multi_host.sbatch", *words, "--dry_run", **step)
    assert done.returncode == 0, done.stderr
    assert "2 cells of 4" in done.stdout and "california_housing" not in done.stdout
    done, calls = machine("slurm_multi_host.sbatch", "train", "--config=a b.py", status=130)
    assert done.returncode == 130
    assert calls == ["python -m experiments.train --config=a b.py", "scontrol requeue 7"]


def test_one_gpu_runs_a_program(machine):
    done, calls = machine("single_gpu.sh", "sweep", "--config=a b.py", status=0)
    assert done.returncode == 0 and calls == ["python -m experiments.sweep --config=a b.py"]
    done, _ = machine("single_gpu.sh")
    assert done.returncode != 0 and "train or sweep" in done.stderr


@pytest.mark.parametrize("program", ["train", "sweep"])
def test_workers_of_a_tpu_do_their_part_of_what_was_typed(machine, program):
    words = ("name", "zone", program, "--config=a b.py", "--grid=seeds=1,2")
    done, calls = machine("tpu_vm.sh", *words, WORKERS="3")
    assert done.returncode == 0, done.stderr
    *asked, called = "\n".join(calls).split("gcloud compute tpus tpu-vm ")[1:]
    assert len(asked) == (program == "train")  # where the first worker is
    assert called.startswith("ssh name --zone=zone --worker=all --command=")
    typed = shlex.split(called.partition(f"experiments.{program} ")[2].partition(" > ")[0])
    assert typed[:2] == ["--config=a b.py", "--grid=seeds=1,2"]
    assert typed[-2:] == ["--process_id=$worker", "--num_processes=3"]
    assert ("--coordinator=:8476" in typed) == (program == "train")
    done, _ = machine("tpu_vm.sh", "name", "zone", "tune")
    assert done.returncode == 2 and "setup, train or sweep; got tune" in done.stderr
