"""The program from a shell: what it writes, what it says, how it ends."""

import csv
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import spline_fc as sfc
from spline_fc.command import main, program
from tests.model.houses import fitted, labelled, several, table

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module", autouse=True)
def no_cache():
    """Tests leave nothing in the user's cache of compiled programs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(program, "keep_compiled_programs", lambda: None)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory, no_cache):
    """Houses with gaps, and the model that the program makes of them."""
    folder = tmp_path_factory.mktemp("command")
    frame, y = table(150)
    frame["note"] = [f"house {i}" for i in range(len(frame))]
    frame.loc[3, "area"] = np.nan
    frame.assign(price=y).to_csv(folder / "houses.csv", index=False)
    words = f"fit {folder}/houses.csv --target price -o {folder}/m.npz --hidden 8 --epochs 2"
    assert main([*words.split(), "--readable", "--ignore", "note", "--seed", "1"]) == 0
    return folder


def read(path):
    with open(path, newline="") as file:
        return list(csv.reader(file))


def test_what_fit_leaves_is_a_model_with_its_scores(folder):
    model = sfc.load_model(folder / "m.npz")
    assert model.made["seed"] == 1 and model.made["hidden_sizes"] == [8]
    assert list(model.made["scores"]) == ["mean", "linear model", "spline alone", "network"]
    assert model.made["scores"]["network"]["rmse"] < model.made["scores"]["mean"]["rmse"] / 2
    assert model.spline.projection.shape[1] == 0 and "where" not in model.formula()
    assert abs(model.importance.sum() - 1) < 1e-9 and model.importance.argmax() == 0


def test_a_level_never_seen_is_told_and_a_column_that_lacks_is_an_error(folder, capsys):
    frame, _ = table(5, seed=2)
    frame.loc[0, "tree"] = "baobab"
    frame[["sold", "tree", "lit", "area"]].to_csv(folder / "new.csv", index=False)
    given = [f"{folder}/m.npz", f"{folder}/new.csv"]
    assert main(["predict", *given, "-o", f"{folder}/out.csv"]) == 0
    came = capsys.readouterr()
    assert came.err.count("note: ") == 1 and "'tree': 1 cell(s)" in came.err and not came.out
    expected = sfc.load_model(given[0]).predict(frame)
    head, *rows = read(folder / "out.csv")
    assert head == ["price"]
    np.testing.assert_allclose([float(v) for (v,) in rows], expected, rtol=1e-8)
    capsys.readouterr()
    assert main(["predict", *given]) == 0
    assert capsys.readouterr().out == (folder / "out.csv").read_text()
    frame.drop(columns="area").to_csv(folder / "lack.csv", index=False)
    assert main(["predict", given[0], f"{folder}/lack.csv", "-o", f"{folder}/none.csv"]) == 1
    came = capsys.readouterr()
    assert came.err.startswith("error: ") and "must have the column 'area'" in came.err
    assert came.err.count("\n") == 1 and not (folder / "none.csv").exists()


def test_explain_adds_up_and_show_writes_the_formula(folder, capsys):
    given = [f"{folder}/m.npz", f"{folder}/houses.csv"]
    assert main(["explain", *given, "--row", "4"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["row", "4", "value", "price"]
    *parts, total = [float(line.split()[-1]) for line in lines]
    np.testing.assert_allclose(sum(parts), total, rtol=1e-3)
    assert main(["show", given[0]]) == 0
    told = capsys.readouterr().out
    for words in ("regression of price", "linear model", "importance", "price =", "max(0, "):
        assert words in told


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_classes_and_their_probabilities(task, tmp_path, capsys):
    model, _ = fitted(task)
    model.save(tmp_path / "m.npz")
    labelled(task).to_csv(tmp_path / "rows.csv", index=False)
    given = [f"{tmp_path}/m.npz", f"{tmp_path}/rows.csv"]
    assert main(["predict", *given]) == 0
    head, *labels = capsys.readouterr().out.splitlines()
    assert head == "label" and labels == model.predict(labelled(task)).tolist()
    assert main(["predict", *given, "--proba"]) == 0
    head, *rows = csv.reader(capsys.readouterr().out.splitlines())
    assert tuple(head) == model.classes
    found = np.array(rows, float)
    np.testing.assert_allclose(found, model.predict_proba(labelled(task)), atol=1e-8)
    assert main(["explain", *given]) == 0
    told = capsys.readouterr().out
    assert "Contributions are to the logit" in told and "Probabilities: " in told


def test_intervals_and_sets_stand_beside_predictions(tmp_path, capsys):
    model, (frame, _) = several("regression"), table(7, seed=3)
    model.save(tmp_path / "m.npz")
    frame.to_csv(tmp_path / "rows.csv", index=False)
    given = ["predict", f"{tmp_path}/m.npz", f"{tmp_path}/rows.csv", "--interval", "0.8"]
    assert main([*given, "--method", "minmax"]) == 0
    head, *rows = csv.reader(capsys.readouterr().out.splitlines())
    assert head == ["price", "price lower", "price upper"]
    expected = [model.predict(frame), *model.predict_interval(frame, 0.8, "minmax")]
    np.testing.assert_allclose(np.array(rows, float), np.transpose(expected), rtol=1e-8)
    assert main([*given[:-1], "0.999"]) == 1
    assert "error: --interval must be at most 0.9" in capsys.readouterr().err
    model = several("multiclass")
    model.save(tmp_path / "m.npz")
    assert main([*given, "--method", "minmax"]) == 1
    assert "--method must be left out for classes" in capsys.readouterr().err
    assert main(given) == 0
    head, *rows = csv.reader(capsys.readouterr().out.splitlines())
    assert head == ["label", *model.classes]
    assert [row[0] for row in rows] == model.predict(frame).tolist()
    np.testing.assert_array_equal(
        [[cell == "1" for cell in row[1:]] for row in rows], model.predict_set(frame, 0.8)
    )


def test_export_names_what_it_wrote(folder, capsys):
    assert main(["export", f"{folder}/m.npz", "--format", "json"]) == 0
    assert (folder / "m.json").is_file() and "m.json" in capsys.readouterr().out
    assert main(["export", f"{folder}/m.npz", "--format", "python", "-o", f"{folder}/p.py"]) == 0
    assert "def predict" in (folder / "p.py").read_text()


@pytest.mark.parametrize(
    "words, told",
    [
        ("predict none.npz houses.csv", "none.npz: No such file or directory."),
        (
            "predict houses.csv houses.csv",
            "houses.csv must hold a saved model; it must be an NPZ file; ",
        ),
        ("predict m.npz none.csv", "none.csv does not exist."),
        ("predict m.npz houses.csv --proba", "--proba must be asked of a classification"),
        (
            "predict m.npz houses.csv --interval 0.9",
            "--interval must be asked of a model that has residuals of rows held out; m.npz has "
            "none (fit --members 8).",
        ),
        ("predict m.npz houses.csv --method minmax", "--method must come with --interval"),
        ("explain m.npz houses.csv --row 150", "error: --row must be one of the 150 there are"),
        ("export m.npz --format json -o nowhere/m.json", "must lie in a folder that exists"),
        ("export m.npz --format onnx -o m.npz", "must name another file than what is read"),
        ("predict m.npz houses.csv -o ./m.npz", "must name another file than what is read"),
        ("predict m.npz houses.csv -o houses.csv", "must name another file than what is read"),
        ("fit houses.csv --target price --ignore price", "error: --ignore must name no target"),
        ("fit houses.csv --target cost", "error: --target must be one of"),
        ("fit houses.csv --target price -o houses.csv", "must be new or an earlier model"),
        ("fit houses.csv --target price -o nowhere/m.npz", "must lie in a folder that exists"),
        ("fit houses.csv --kind tree", "--kind must be COLUMN=KIND; got 'tree'"),
        ("fit none.csv", "none.csv does not exist"),
    ],
)
def test_an_error_is_one_sentence_and_status_1(folder, words, told, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    before = [(folder / name).read_bytes() for name in ("m.npz", "houses.csv")]
    assert main(words.split()) == 1
    assert [(folder / name).read_bytes() for name in ("m.npz", "houses.csv")] == before
    came = capsys.readouterr()
    lines = [line for line in came.err.splitlines() if not line.startswith(("reading", "note: "))]
    (line,) = lines
    assert line.startswith("error: ") and told in line and not came.out


@pytest.mark.parametrize(
    "words",
    [
        "fit",
        "fit a.csv --epochs -1",
        "fit a.csv --hidden 8,x",
        f"fit a.csv --epochs {2**31}",
        "fit a.csv --members 0",
        "fit a.csv --extrapolate flat",
        "predict m.npz a.csv --proba --interval 0.9",
        "go",
    ],
)
def test_a_command_line_that_makes_no_sense_is_status_2(words, capsys):
    with pytest.raises(SystemExit) as caught:
        main(words.split())
    assert caught.value.code == 2 and "usage: spline_fc" in capsys.readouterr().err
    assert main([]) == 2


def test_it_works_outside_of_a_clone(folder, tmp_path, tmp_path_factory):
    command = [sys.executable, "-m", "spline_fc", "predict", f"{folder}/m.npz"]
    cache = str(tmp_path_factory.mktemp("cache"))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JAX_COMPILATION_CACHE_DIR": cache}
    done = subprocess.run(
        [*command, f"{folder}/houses.csv"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    (note,) = done.stderr.splitlines()  # rows that were tested on
    assert note.startswith("note: ") and "beyond the range of the training rows" in note
    assert len(done.stdout.splitlines()) == 151 and not list(tmp_path.iterdir())
