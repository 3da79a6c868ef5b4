"""The six jobs under docs/tutorials: short, and they do what they say."""

import ast
import os
import pathlib
import re
import runpy
import subprocess
import sys

import numpy as np
import pytest

import spline_fc as sfc
from tests.guides import DOCS, ROOT

FOLDER = DOCS / "tutorials"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py"))


def python(folder, *words):
    """Runs a Python of its own in a folder, on this very spline_fc."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    given = {"capture_output": True, "text": True, "cwd": folder, "env": environment}
    told = subprocess.run([sys.executable, *words], **given)
    assert told.returncode == 0, told.stderr
    return told


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tutorials")


@pytest.fixture
def run(folder, monkeypatch, capsys):
    """Runs a script in one folder for all, from a clean namespace; returns what it prints."""
    monkeypatch.chdir(folder)

    def run_it(name):
        runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
        return capsys.readouterr().out

    return run_it


@pytest.fixture(scope="module")
def fitted(folder):
    """What fit_a_table.py prints, once for all that need its model."""
    told = python(folder, str(FOLDER / "fit_a_table.py"))
    assert "'district': 1 cell" in told.stderr  # a level that the model has never seen
    return told.stdout


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_short_and_says_what_it_is_for(name):
    tree = ast.parse((FOLDER / f"{name}.py").read_text("utf-8"))
    assert ast.get_docstring(tree).count("\n") == 0
    body = [s for s in tree.body[1:] if not isinstance(s, (ast.Import, ast.ImportFrom))]
    assert sum(s.end_lineno - s.lineno + 1 for s in body) <= 10
    assert f"({name}.py)" in (FOLDER / "README.md").read_text("utf-8")


def test_a_table_is_fitted_and_its_formula_found(fitted):
    formula = fitted.partition("price =")[2]
    knots = {name: float(at) for name, at in re.findall(r"max\(0, (\w+) - ([\d.]+)\)", formula)}
    assert abs(knots["year"] - 1990) < 10
    lift = float(re.search(r"\+([\d.]+) \* \[lift = yes\]", formula)[1])
    assert abs(lift - 15) < 5
    predicted = np.array(fitted.partition("[")[2].rpartition("[")[2].rstrip("]\n").split(), float)
    assert predicted.shape == (6,) and (predicted > 150).all() and (predicted < 600).all()


def test_one_prediction_is_explained(fitted, run):
    told = run("explain_a_prediction")
    price, average = map(float, re.search(r"price ([\d.]+), average row ([\d.]+)", told).groups())
    parts = [float(value) for value in re.findall(r"([+-][\d.]+)$", told, re.MULTILINE)]
    assert len(parts) == 5 and average + sum(parts) == pytest.approx(price, abs=1e-2)


def test_a_model_predicts_without_jax(fitted, run, folder):
    inputs = run("export_to_onnx").splitlines()[1:]
    script = f"import runpy, sys; runpy.run_path({str(FOLDER / 'predict_without_jax.py')!r}); "
    script += "assert not {'jax', 'spline_fc'} & set(sys.modules)"
    told = python(folder, "-c", script)
    model = sfc.load_model(folder / "houses.npz")
    assert [line.strip() for line in inputs] == list(model.feature_names)
    row = {"area": [65], "year": [1975], "district": ["gardens"], "lift": ["no"]}
    expected = model.predict(row | {"km_to_station": [0.4]})[0]
    assert told.stdout == f"price: {expected:.1f}\n"


def test_starts_are_compared(run):
    told = run("compare_starts")
    assert {"He", "SWIM"} & set(told.replace(",", " ").split()) and "spline alone" in told
    assert pathlib.Path(told.rpartition("report: ")[2].strip()).is_file()


def test_a_head_is_replaced(run):
    before, after = map(float, re.findall(r"mean square ([\d.]+)", run("replace_head")))
    assert after < 0.6 < before


def test_moved_knots_are_named(run):
    lines = run("moved_knots").splitlines()
    assert len(lines) == 5
    for line in lines:
        assert re.fullmatch(r"[\w=]+( \w+)?: [\d.-]+ -> [\d.-]+, active on \d+% of the rows", line)
