"""The guide's code blocks run, in order."""

import pathlib
import re

GUIDE = pathlib.Path(__file__).parents[2] / "docs" / "network.md"


def test_code_blocks_run():
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 6
    names = {}
    for block in blocks:
        exec(compile(block, str(GUIDE), "exec"), names)
