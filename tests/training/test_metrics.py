import io
import json

import numpy as np

from spline_fc.training import JsonlWriter, TerminalWriter, write_history

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
    write_history(TerminalWriter(stream), HISTORY, steps_per_epoch=31, first=2)
    assert stream.getvalue() == (
        "epoch 2  step 62  train_loss nan  validation_loss inf  test_loss nan\n"
    )
