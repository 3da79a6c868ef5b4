"""README and guides: every command that they show is one that there is."""

import json
import re
import subprocess
import sys
import tomllib

from tests import guides

PAGES = ["../README.md", *sorted(str(p.relative_to(guides.DOCS)) for p in guides.DOCS.glob("*.md"))]
EXTRAS = tomllib.loads((guides.ROOT / "pyproject.toml").read_text("utf-8"))["project"][
    "optional-dependencies"
]
# Parses the flags of experiments.NAME as that program does, and ends there.
PARSE = """
import json, runpy, sys
from absl import app, flags
from experiments import startup
app.run = lambda main: flags.FLAGS(sys.argv)
for sys.argv in json.loads(sys.argv[1]):
    before = set(flags.FLAGS)
    runpy.run_module(sys.argv[0], run_name="__main__")
    for name in set(flags.FLAGS) - before:  # two programs may have flags of one name
        delattr(flags.FLAGS, name)
    flags.FLAGS.unparse_flags()
"""


def shown():
    """Every command line of the pages, once."""
    found = {tuple(words) for page in PAGES for words in guides.commands(page)}
    return sorted(found)


def modules(commands):
    """What stands behind `python -m`."""
    return [list(c[2:]) for c in commands if c[0].endswith("python") and c[1] == "-m"]


def test_every_guide_with_code_is_run_by_a_test():
    tests = "".join(path.read_text("utf-8") for path in (guides.ROOT / "tests").rglob("test_*.py"))
    for page in PAGES[1:]:
        assert "```python" not in guides.read(page) or f'"{page}"' in tests, page


def test_there_are_commands():
    assert len(shown()) >= 10


def test_every_command_is_of_a_kind_that_is_tried_below():
    for command in shown():
        program = command[0].rpartition("/")[2]
        if program == "python" and command[1] == "-m":
            assert command[2].split(".")[0] in ("experiments", "pip", "spline_fc"), command
        elif program == "python":
            assert (guides.ROOT / command[1]).is_file(), command
        else:
            assert program in ("make", "pip", "spline_fc"), command


def test_programs_take_their_flags():
    calls = [words for words in modules(shown()) if words[0].startswith("experiments.")]
    assert len(calls) >= 5
    told = subprocess.run(
        [sys.executable, "-c", PARSE, json.dumps(calls)],
        capture_output=True,
        text=True,
        cwd=guides.ROOT,
    )
    assert told.returncode == 0, told.stderr


def test_make_has_its_targets():
    makefile = (guides.ROOT / "Makefile").read_text("utf-8")
    targets = set(re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split())
    wanted = {word for c in shown() if c[0] == "make" for word in c[1:] if "=" not in word}
    assert {"run", "test"} <= wanted <= targets


def test_what_pip_is_asked_for_is_there():
    lines = [c for c in shown() if c[0].endswith("pip") or c[1:3] == ("-m", "pip")]
    for words in lines:
        assert "install" in words
        for word in words[words.index("install") + 1 :]:
            extras = re.search(r"\[(.*)\]", word)
            assert not extras or set(extras[1].split(",")) <= set(EXTRAS), word
            if words[words.index(word) - 1] == "-r":
                assert (guides.ROOT / word).is_file(), word
