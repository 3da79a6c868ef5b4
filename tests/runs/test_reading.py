"""What is said of a table is said once, however many seeds read it."""

import logging
from unittest import mock

from spline_fc import data, runs


def test_every_seed_is_read_and_the_table_told_of_once(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a;y\n" + "".join(f"{i},5;{i % 7}\n" for i in range(60)))
    plan = runs.read_plan({"data": {"name": str(path)}, "seeds": 3})
    logger = logging.getLogger("absl")
    before = logger.level
    logger.setLevel(logging.WARNING + 1)  # as a program may have chosen
    runs.load_seeds(plan)
    assert logger.level == logging.WARNING + 1
    logger.setLevel(before)
    with mock.patch("absl.logging.ABSLLogger.handle") as handle:
        found = runs.load_seeds(plan)
    said = [call.args[0].getMessage() for call in handle.call_args_list]
    assert sum("decimal comma" in line and "columns" not in line for line in said) == 1
    wanted = [data.load(path, seed=seed).train.x.tolist() for seed in range(3)]
    assert [dataset.train.x.tolist() for dataset in found] == wanted
