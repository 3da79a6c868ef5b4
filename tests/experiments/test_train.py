"""The program as it is typed: sentences, exit statuses, what is shown."""

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


@pytest.mark.parametrize(
    ("flag", "sentence"),
    [
        ("--config.training.epoch=3", "epoch"),
        ("--config.data.name=friedmann1", "did you mean 'friedman1'"),
        ("--config.training.optimizer=adamm", "did you mean 'adam'"),
        ("--config.data.name=missing/file.csv", "missing/file.csv"),
        ("--config.data.target=oops", "target must be left out for 'friedman1'"),
        ("--config.fit.directions=oops", "directions must be one of"),
        ("--nonsense", "nonsense"),
    ],
)
def test_a_bad_command_line_ends_in_one_sentence(tmp_path, flag, sentence):
    done = run(tmp_path / "run", flag)
    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert any(sentence in line for line in done.stderr.splitlines()), done.stderr
    assert not (tmp_path / "run").exists() and not (tmp_path / "run.partial").exists()


@pytest.mark.parametrize(
    ("config", "sentence"),
    [("configs/friedman.py", "did you mean configs/friedman1.py?"),
     ("configs/friedman1.py:oops", "must be 'smoke' or left out")],
)  # fmt: skip
def test_a_wrong_config_ends_in_one_sentence(tmp_path, config, sentence):
    done = run(tmp_path / "run", config=config)
    assert done.returncode != 0 and sentence in done.stderr.splitlines()[-1]
    assert len(done.stderr.splitlines()) == 1, done.stderr


def test_the_target_and_other_fields_of_a_table_are_set_by_flags(tmp_path):
    path = tmp_path / "table.csv"
    rows = [f"{i},{i % 7},{i % 5},{(i % 5) ** 2 + i % 7},{1 + i % 2}" for i in range(120)]
    path.write_text("\n".join(["id,a,b,y,count", *rows]))
    flags = [f"--config.data.name={path}", "--config.data.target=y", "--config.data.ignore=id",
             "--config.data.weights=count", "--config.fit.knots=all"]  # fmt: skip
    done = run(tmp_path / "run", *flags, config="configs/default.py:smoke")
    assert done.returncode == 0, done.stderr


def test_all_fields_are_shown():
    done = run("", "--show_config")
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
