"""The program as it is typed: sentences, exit statuses, what is shown."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).parents[2]
SMALL = ["--config.data.num_train=200", "--config.data.num_validation=50",
         "--config.data.num_test=50"]  # fmt: skip


def command(workdir, *flags, config="configs/friedman1.py:smoke"):
    return [sys.executable, "-m", "experiments.train", f"--config={config}",
            f"--workdir={workdir}", *flags]  # fmt: skip


def run(*arguments, **options):
    return subprocess.run(
        command(*arguments, **options), capture_output=True, text=True, cwd=ROOT, env=os.environ
    )


def test_a_run_prints_its_table_and_says_its_phases(tmp_path):
    done = run(tmp_path / "run", *SMALL)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"report: {tmp_path / 'run' / 'report.html'}"
    assert "spline alone" in done.stdout
    lines = done.stderr.splitlines()
    phases = ["reading", "fitting", "compiling spline", "training", "measuring spline",
              "writing the report"]  # fmt: skip
    places = [lines.index(phase) for phase in phases]
    assert places == sorted(places) and "Traceback" not in done.stderr
    again = run(tmp_path / "run", *SMALL)
    assert again.returncode == 0 and again.stdout == done.stdout and again.stderr == ""


BAD_FLAGS = {
    "--config.training.epoch=3": "epoch",
    "--config.data.name=friedmann1": "did you mean 'friedman1'",
    "--config.training.optimizer=adamm": "did you mean 'adam'",
    "--config.data.name=missing/file.csv": "missing/file.csv",
    "--config.data.target=oops": "target must be left out for 'friedman1'",
    "--config.fit.directions=oops": "directions must be one of",
    "--nonsense": "nonsense",
}
BAD_CONFIGS = {
    "configs/friedman.py": "did you mean configs/friedman1.py?",
    "configs/friedman1.py:oops": "must be 'smoke' or left out",
}
# The program from its first line to its end, in a process forked from one that has read what the
# program imports: it is that which takes seconds.
FORKS = """
import json, os, runpy, sys
from experiments import cluster, startup
from spline_fc import pipeline, report, runs

folder = sys.argv[1]
for number, words in enumerate(json.loads(sys.argv[2])):
    if not (child := os.fork()):
        for stream in (1, 2):
            os.dup2(os.open(f"{folder}/{number}.{stream}", os.O_CREAT | os.O_WRONLY), stream)
        sys.argv = ["experiments.train", *words]
        runpy.run_module("experiments.train", run_name="__main__", alter_sys=True)
        sys.exit()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """How the program ends and what it says, by what is wrong with its command line."""
    folder = tmp_path_factory.mktemp("forks")
    calls = {flag: command(folder / "run", flag) for flag in BAD_FLAGS}
    calls |= {config: command(folder / "run", config=config) for config in BAD_CONFIGS}
    calls["--show_config"] = command("", "--show_config")
    words = json.dumps([call[3:] for call in calls.values()])
    forks = [sys.executable, "-c", FORKS, str(folder), words]
    told = subprocess.run(forks, capture_output=True, text=True, cwd=ROOT)
    assert told.returncode == 0, told.stderr
    statuses = map(int, told.stdout.split())
    said = [[(folder / f"{i}.{s}").read_text() for s in (1, 2)] for i in range(len(calls))]
    assert not (folder / "run").exists() and not (folder / "run.partial").exists()
    return {
        call: subprocess.CompletedProcess(call, status, *streams)
        for call, status, streams in zip(calls, statuses, said, strict=True)
    }


@pytest.mark.parametrize("flag", BAD_FLAGS)
def test_a_bad_command_line_ends_in_one_sentence(ended, flag):
    done = ended[flag]
    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert any(BAD_FLAGS[flag] in line for line in done.stderr.splitlines()), done.stderr


@pytest.mark.parametrize("config", BAD_CONFIGS)
def test_a_wrong_config_ends_in_one_sentence(ended, config):
    done = ended[config]
    assert done.returncode != 0 and BAD_CONFIGS[config] in done.stderr.splitlines()[-1]
    assert len(done.stderr.splitlines()) == 1, done.stderr


def test_the_target_and_other_fields_of_a_table_are_set_by_flags(tmp_path):
    path = tmp_path / "table.csv"
    rows = [f"{i},{i % 7},{i % 5},{(i % 5) ** 2 + i % 7},{1 + i % 2}" for i in range(120)]
    path.write_text("\n".join(["id,a,b,y,count", *rows]))
    flags = [f"--config.data.name={path}", "--config.data.target=y", "--config.data.ignore=id",
             "--config.data.weights=count", "--config.fit.knots=all"]  # fmt: skip
    done = run(tmp_path / "run", *flags, config="configs/default.py:smoke")
    assert done.returncode == 0, done.stderr


def test_all_fields_are_shown(ended):
    done = ended["--show_config"]
    assert done.returncode == 0 and done.stderr == ""
    for field in ("group_rates", "num_slices", "keep_twins_together", "checkpoint_every"):
        assert field in done.stdout


def test_an_interrupt_ends_in_one_sentence_and_the_same_command_goes_on(tmp_path):
    flags = [*SMALL, "--config.training.epochs=3000", "--config.checkpoint_every=10"]
    process = subprocess.Popen(
        command(tmp_path / "run", *flags), cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    partial = tmp_path / "run.partial"
    while not any(partial.glob("checkpoints/*/epochs/*")) and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)  # what a cluster sends; Ctrl-C takes the same way
    told = process.communicate(timeout=120)[1]
    assert process.returncode == 130 and told.splitlines()[-1].startswith("interrupted")
    assert "Traceback" not in told
    assert (partial / "status").read_text().startswith("interrupted")
