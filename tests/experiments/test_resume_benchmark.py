"""Killing and comparing, tried on a small program that goes on where it was killed."""

import json
import sys

import numpy as np
import pytest

from experiments.benchmarks import resume

# A chain of numbers, its state renamed into place at every step, and ten files at the end.
PROGRAM = """
import json, os, pathlib, sys, time

folder = pathlib.Path(sys.argv[1])
partial = folder.with_name(folder.name + ".partial")
partial.mkdir(exist_ok=True)

def write(name, value):
    (partial / "beside").write_text(json.dumps(value))
    os.replace(partial / "beside", partial / name)

state = partial / "state.json"
step, number = json.loads(state.read_text()) if state.exists() else (0, 1)
while step < 40:
    step, number = step + 1, (number * 48271 + CARELESS) % 2147483647
    write("state.json", [step, number])
    time.sleep(0.001)
for index in range(10):
    write(f"{index}.json", {"number": number, "run_seconds": time.time()})
    time.sleep(0.001)
state.unlink()
partial.rename(folder)
"""


def command(tmp_path, careless="0"):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.replace("CARELESS", careless))
    return lambda workdir: [sys.executable, str(program), str(workdir)]


def killed(run, tmp_path, kills=8):
    unbroken = tmp_path / "unbroken"
    seconds = resume.finish(run, unbroken)
    given = list(resume.kill_repeatedly(run, tmp_path, unbroken, kills, 1, seconds))
    runs = [tmp_path / str(number) for number in range(given[-1].run + 1)]
    return given, [resume.differences(unbroken, workdir) for workdir in runs]


def test_killed_runs_come_to_the_same_end(tmp_path):
    given, found = killed(command(tmp_path), tmp_path)
    assert len(given) == 8 and any(kill.while_writing for kill in given)
    assert all(kill.files <= 10 for kill in given)
    assert found == [[]] * (1 + given[-1].run)


def test_a_run_that_is_not_the_same_twice_is_seen(tmp_path):
    _, found = killed(command(tmp_path, careless="os.getpid()"), tmp_path, kills=1)
    assert found[0] == [f"{index}.json" for index in range(10)]


def test_a_run_that_fails_is_told(tmp_path):
    with pytest.raises(RuntimeError, match="exit code 3"):
        resume.finish(lambda _: [sys.executable, "-c", "raise SystemExit(3)"], tmp_path / "run")


def _workdir(folder, bit=0, second_loss=0.5, seconds=1.0):
    folder.mkdir()
    kernel = np.arange(6, dtype=np.float32).reshape(2, 3)
    kernel.view(np.uint32)[1, 2] ^= bit
    np.savez(folder / "best.npz", kernel=kernel, bias=np.zeros(3, np.float32))
    lines = [{"epoch": 0, "loss": 1.0}, {"epoch": 1, "loss": second_loss}]
    (folder / "run.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    rows = [{"run": "a", "best": float("nan"), "train_seconds": seconds}]
    (folder / "runs.json").write_text(json.dumps(rows))
    (folder / "report.html").write_text(f"{seconds} s")
    (folder / "status").write_text("done\n")
    return folder


def test_a_single_bit_is_seen_and_seconds_are_not(tmp_path):
    one = _workdir(tmp_path / "one")
    assert resume.differences(one, _workdir(tmp_path / "two", seconds=2.0)) == []
    other = _workdir(tmp_path / "three", bit=1, second_loss=0.25)
    (other / "status").write_text("failed\n")
    (other / "left over").touch()
    found = ["best.npz: kernel", "left over", "run.jsonl: line 2", "status"]
    assert resume.differences(one, other) == found
