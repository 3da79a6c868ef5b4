"""Runs the code blocks of README and guides, each by itself, and tries their commands.

A block starts from a clean namespace. One that others build upon says so to the reader and to this
module in its first line, SETUP; the blocks below it start from the names it leaves, each from a
copy of its own.
"""

import pathlib
import re
import shlex
import sys

ROOT = pathlib.Path(__file__).parents[1]
DOCS = ROOT / "docs"
SETUP = "# The blocks below start from these names.\n"
_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PROGRAMS = ("make", "pip", "python", ".venv/bin/python", ".venv/bin/pip", "spline_fc")


def read(name: str) -> str:
    """The text of a guide, by its path from docs/."""
    return (DOCS / name).read_text(encoding="utf-8")


def run_blocks(name: str, at_least: int) -> None:
    """Runs a guide's python blocks, each by itself.

    An error shows the line of the guide. A guide with fewer than `at_least` blocks fails, so that
    a change of the fences cannot make the test pass by running nothing.
    """
    text = read(name)
    blocks = [block for block in _FENCED.finditer(text) if block[1] == "python"]
    assert len(blocks) >= at_least, f"{name} has {len(blocks)} python blocks"
    shared = {"__name__": name}
    for block in blocks:
        above = "\n" * text.count("\n", 0, block.start(2))
        names = dict(shared)
        exec(compile(above + block[2], str(DOCS / name), "exec"), names)
        if block[2].startswith(SETUP):
            shared = names
    if "matplotlib.pyplot" in sys.modules:  # what blocks draw would stay open for other tests
        sys.modules["matplotlib.pyplot"].close("all")


def commands(name: str) -> list[list[str]]:
    """The command lines of a guide: those of its plain blocks, and those within sentences."""
    text = read(name)
    blocks = [block[2] for block in _FENCED.finditer(text) if block[1] in ("", "sh")]
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    lines += re.findall(r"`((?:python -m|make|spline_fc) [^`]+)`", text.replace("\n", " "))
    found = [shlex.split(line, comments=True) for line in lines if line.split(" ")[0] in PROGRAMS]
    return [words for words in found if words]
