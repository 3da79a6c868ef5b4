"""The guide's code blocks run, in order, and its table is that of the config."""

import ast
import dataclasses
import pathlib
import re

from spline_fc.training import LOSSES, OPTIMISERS, SCHEDULES, TrainingConfig

GUIDE = pathlib.Path(__file__).parents[2] / "docs" / "training.md"
TEXT = GUIDE.read_text(encoding="utf-8")


def test_code_blocks_run():
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len(blocks) >= 8
    names = {}
    for block in blocks:
        exec(compile(block, str(GUIDE), "exec"), names)


def test_table_holds_every_option_with_its_default():
    rows = re.findall(r"^\| `(\w+)` \| `(.+?)` \|", TEXT, re.MULTILINE)
    found = {name: ast.literal_eval(default) for name, default in rows}
    assert found == {f.name: f.default for f in dataclasses.fields(TrainingConfig)}


def test_every_choice_is_named():
    for name in (*LOSSES, *OPTIMISERS, *SCHEDULES):
        assert f'`"{name}"`' in TEXT, name
