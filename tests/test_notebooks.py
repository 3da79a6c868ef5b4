"""The notebooks: built from their texts, run from start to end, installed from where they lie."""

import json
import re
import tomllib

import jupytext
import nbclient
import nbformat
import pytest

from tests.guides import ROOT

FOLDER = ROOT / "notebooks"
TEXTS = sorted(FOLDER.glob("*.py"))
URLS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"].get("urls", {})


def cell_with(path, words):
    """The source of the one code cell of a notebook that holds some words."""
    cells = [cell.source for cell in jupytext.read(path).cells if cell.cell_type == "code"]
    (found,) = [source for source in cells if words in source]
    return found


def test_there_are_two():
    assert [path.stem for path in TEXTS] == ["reproduce", "your_table"]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_a_notebook_is_its_text_without_outputs(path):
    built = nbformat.read(path.with_suffix(".ipynb"), as_version=4)
    nbformat.validate(built)
    pairs = [[(c.cell_type, c.source) for c in b.cells] for b in (built, jupytext.read(path))]
    assert pairs[0] == pairs[1], "run `make notebooks`"
    code = [cell for cell in built.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_start_to_end(path, monkeypatch):
    monkeypatch.setenv("SPLINE_FC_NOTEBOOK", "smoke")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # nothing is fetched in a test
    # Compiling is much of what it does.
    monkeypatch.setenv("XLA_FLAGS", "--xla_backend_optimization_level=0")
    notebook = nbformat.read(path.with_suffix(".ipynb"), as_version=4)
    place = {"metadata": {"path": str(FOLDER)}}
    nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3", resources=place).execute()
    drawing = [c for c in notebook.cells if c.cell_type == "code" and "sfc.plots." in c.source]
    assert len(drawing) >= 2
    for cell in drawing:  # every picture stands below the cell that draws it
        shown = [output for output in cell.outputs if "image/png" in output.get("data", {})]
        assert bool(shown) == ("_ = sfc.plots." in cell.source), cell.source
    text = json.dumps([c.outputs for c in notebook.cells if c.cell_type == "code"])
    assert "Traceback" not in text


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_it_is_installed_from_a_clone_an_address_or_an_upload(path, tmp_path, monkeypatch):
    names = {}
    exec(cell_with(path, "def find_source"), names)  # spline_fc is there: nothing is installed
    monkeypatch.chdir(FOLDER)
    assert names["find_source"]("git+https://example.org/x") == ROOT.as_uri()
    monkeypatch.chdir(tmp_path)
    assert names["find_source"]("git+https://example.org/x") == "git+https://example.org/x"
    with pytest.raises(SystemExit, match="Set ADDRESS above, or upload a zip file"):
        names["find_source"]("")
    (tmp_path / "spline_fc-main.zip").touch()
    assert names["find_source"]("") == (tmp_path / "spline_fc-main.zip").as_uri()


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_its_address_is_that_of_the_project(path):
    given = re.fullmatch(r'ADDRESS = "(.*)"  #.*', cell_with(path, "ADDRESS ="))[1]
    badge = re.search(r"colab-badge\.svg\)\]\((.*?)\)", path.read_text("utf-8"))[1]
    repository = URLS.get("Repository")
    if repository is None:  # no public address is known: the notebook is uploaded by hand
        assert (given, badge) == ("", "https://colab.research.google.com/")
        return
    assert given == f"git+{repository}"
    owner = repository.removeprefix("https://github.com/")
    place = f"blob/main/notebooks/{path.stem}.ipynb"
    assert badge == f"https://colab.research.google.com/github/{owner}/{place}"
