"""What every program does with its command line."""

import subprocess
import sys


def test_a_program_without_arguments_says_what_it_wants():
    command = [sys.executable, "-m", "experiments.report"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "WORKDIR must name at least one folder" in done.stdout + done.stderr
