import io
import json
import sys

import numpy as np
import pytest

from spline_fc.training import (
    JsonlWriter,
    TensorboardWriter,
    TerminalWriter,
    make_writer,
    write_epochs,
    write_history,
)

HISTORY = {
    "train_loss": np.array([2.0, 1.0, np.nan, np.nan]),
    "validation_loss": np.array([3.0, 1.5, np.inf, np.nan]),
    "test_loss": np.array([np.nan, np.nan, np.nan, np.nan]),
}


def test_one_line_per_trained_epoch(tmp_path):
    path = tmp_path / "run.jsonl"
    writer = JsonlWriter(path)
    write_history(writer, HISTORY, steps_per_epoch=31)
    writer.close()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines == [
        {"epoch": 0, "step": 0, "train_loss": 2.0, "validation_loss": 3.0, "test_loss": None},
        {"epoch": 1, "step": 31, "train_loss": 1.0, "validation_loss": 1.5, "test_loss": None},
        {"epoch": 2, "step": 62, "train_loss": None, "validation_loss": None, "test_loss": None},
    ]


def test_first_epoch_skips_earlier_ones():
    stream = io.StringIO()
    write_history(TerminalWriter(stream, "he-seed0"), HISTORY, steps_per_epoch=31, first=2)
    assert stream.getvalue() == (
        "he-seed0  epoch 2  step 62  train_loss nan  validation_loss inf  test_loss nan\n"
    )


def test_callback_writes_every_epoch_once_also_when_it_joins_late():
    for calls in ([0, 1, 2, 3], [0, 3], [2, 3]):
        stream = io.StringIO()
        on_epochs = write_epochs(TerminalWriter(stream), steps_per_epoch=5)
        history = {"train_loss": np.arange(4.0)}
        for epoch in calls:
            on_epochs(epoch, {"train_loss": history["train_loss"][: epoch + 1]})
        assert stream.getvalue() == "".join(
            f"epoch {e}  step {5 * e}  train_loss {e}\n" for e in range(4)
        )


def test_tensorboard_writes_an_event_file(tmp_path):
    pytest.importorskip("tensorboardX")
    writer = TensorboardWriter(tmp_path)
    write_history(writer, {"train_loss": np.array([2.0, 1.0])}, steps_per_epoch=7)
    writer.close()
    (events,) = tmp_path.glob("events.out.tfevents.*")
    assert events.read_bytes().count(b"train_loss") == 2


def test_tensorboard_that_is_missing_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(
        ImportError, match=r"package tensorboardX; pip install 'spline_fc\[tensorboard\]'"
    ):
        TensorboardWriter(tmp_path)


def test_a_config_names_its_writers(tmp_path, capsys):
    metrics = {"train_loss": 2.0}
    for name, target in (("jsonl", tmp_path / "run.jsonl"), ("stdout", None)):
        writer = make_writer(name, target)
        writer.write(1, 7, metrics)
        writer.close()
    assert json.loads((tmp_path / "run.jsonl").read_text()) == {"epoch": 1, "step": 7, **metrics}
    assert capsys.readouterr().out == "epoch 1  step 7  train_loss 2\n"
    stream = io.StringIO()
    make_writer("stdout", stream).write(1, 7, metrics)
    assert stream.getvalue() == "epoch 1  step 7  train_loss 2\n"


@pytest.mark.parametrize(
    ("name", "target", "message"),
    [
        ("json", "a", "writer must be one of .*did you mean 'jsonl'"),
        ("jsonl", None, "target must be a path for the writer 'jsonl'; got None"),
        ("tensorboard", io.StringIO(), "target must be a path for the writer 'tensorboard'"),
        ("stdout", "a.txt", "target must be a stream for the writer 'stdout'; got 'a.txt'"),
    ],
)
def test_writers_that_do_not_fit_are_named(name, target, message):
    with pytest.raises(ValueError, match=message):
        make_writer(name, target)
