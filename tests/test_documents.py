"""README and guides: commands, links, names and tables are those that there are."""

import importlib
import json
import re
import subprocess
import sys
import tomllib

import pytest

from experiments import tables
from spline_fc.command.program import command_line
from tests import guides

PAGES = [
    "../README.md",
    "../results/README.md",
    *sorted(str(p.relative_to(guides.DOCS)) for p in guides.DOCS.glob("*.md")),
]
EXTRAS = tomllib.loads((guides.ROOT / "pyproject.toml").read_text("utf-8"))["project"][
    "optional-dependencies"
]
# Parses the flags of experiments.NAME as that program does, and ends there.
PARSE = """
import json, runpy, sys
from absl import app, flags
from experiments import cluster, startup  # whose flags several programs have
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
    for page in PAGES[2:]:
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


def test_the_program_of_the_shell_takes_its_arguments():
    calls = [list(c[1:]) for c in shown() if c[0].rpartition("/")[2] == "spline_fc"]
    calls += [words[1:] for words in modules(shown()) if words[0] == "spline_fc"]
    assert len(calls) >= 5
    for words in calls:
        try:
            command_line().parse_args(words)
        except SystemExit as ended:  # 0 after --help, 2 for what it does not know
            assert ended.code == 0, words


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


def test_a_page_holds_the_tables_of_its_records():
    for page in sorted({table.page for table in tables.TABLES}):
        text = (guides.ROOT / page).read_text("utf-8")
        assert tables.rebuilt(page, text) == text, f"{page}: run `make tables`"


def test_a_table_without_a_place_is_an_error():
    with pytest.raises(ValueError, match="one place for the table 'bake-off'"):
        tables.rebuilt("docs/recipe.md", "A page without marks.")


def test_blocks_of_the_readme_run(monkeypatch):
    monkeypatch.chdir(guides.ROOT)
    guides.run_blocks("../README.md", at_least=2)


def test_the_readme_is_short():
    words = [word for word in guides.read("../README.md").split() if re.search(r"\w", word)]
    assert len(words) < 900


def test_links_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\((?!http)([^)#]+)", guides.read(page)):
            assert ((guides.DOCS / page).parent / target).exists(), f"{page}: {target}"


def test_the_guide_to_extending_names_what_there_is():
    guides.run_blocks("extending.md", at_least=1)
    text = guides.read("extending.md")
    rows = re.findall(r"^\| .* \| `([\w/]+)\.py` \| (.*) \|$", text, re.MULTILINE)
    assert len(rows) >= 12
    for path, names in rows:
        module = importlib.import_module(path.replace("/", "."))
        for name in re.findall(r"`(\w+)`", names):
            assert hasattr(module, name), f"{path}.py has no {name}"
    for path in re.findall(r"`((?:tests|configs|spline_fc)/[\w/]*(?:\.py)?)`", text):
        assert (guides.ROOT / path).exists(), path
