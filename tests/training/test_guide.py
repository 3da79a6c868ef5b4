"""The guide's code blocks run, in order, and its table is that of the config."""

import ast
import dataclasses
import re

from spline_fc.training import LOSSES, OPTIMISERS, SCHEDULES, TrainingConfig
from tests import guides


def test_code_blocks_run():
    guides.run_blocks("training.md", at_least=8)


def test_table_holds_every_option_with_its_default():
    rows = re.findall(r"^\| `(\w+)` \| `(.+?)` \|", guides.read("training.md"), re.MULTILINE)
    found = {name: ast.literal_eval(default) for name, default in rows}
    assert found == {f.name: f.default for f in dataclasses.fields(TrainingConfig)}


def test_every_choice_is_named():
    text = guides.read("training.md")
    for name in (*LOSSES, *OPTIMISERS, *SCHEDULES):
        assert f'`"{name}"`' in text, name
