"""Runs the code blocks of a guide under docs/."""

import pathlib
import re

DOCS = pathlib.Path(__file__).parents[1] / "docs"


def read(name: str) -> str:
    """The text of a guide."""
    return (DOCS / name).read_text(encoding="utf-8")


def run_blocks(name: str, at_least: int) -> None:
    """Runs a guide's python blocks in order and in one namespace, as a reader would.

    An error shows the line of the guide. A guide with fewer than `at_least` blocks fails, so that
    a change of the fences cannot make the test pass by running nothing.
    """
    text = read(name)
    blocks = list(re.finditer(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))
    assert len(blocks) >= at_least, f"{name} has {len(blocks)} python blocks"
    names = {"__name__": name}
    for block in blocks:
        above = "\n" * text.count("\n", 0, block.start(1))
        exec(compile(above + block[1], str(DOCS / name), "exec"), names)
