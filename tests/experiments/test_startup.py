"""What every program does with its command line."""

import subprocess
import sys

import pytest

from experiments import config_files


def test_a_program_without_arguments_says_what_it_wants():
    command = [sys.executable, "-m", "experiments.report"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "WORKDIR must name at least one folder" in done.stdout + done.stderr


def test_a_sweep_refuses_the_flag_of_processes_that_know_of_each_other():
    command = [sys.executable, "-m", "experiments.sweep", "--coordinator=here:1"]
    done = subprocess.run([*command, "--table=results/bake_off"], capture_output=True, text=True)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "--coordinator must be left out here" in done.stderr and "here:1" in done.stderr


def test_a_config_is_found_from_any_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"did you mean \.\./.*configs/default\.py\?"):
        config_files.load("configs/default.py")
