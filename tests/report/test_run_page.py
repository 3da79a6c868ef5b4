"""The report and its table, from a workdir made by hand."""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from spline_fc.cpwl import Spline, fit_mars, save_fit
from spline_fc.report import text_table, write_report
from spline_fc.report.rows import main_rows, speeds_of
from spline_fc.report.sections import SECTIONS
from spline_fc.workdir import read_workdir
from tests.analysis.splines import normal_rows
from tests.report.pages import Balance, with_scores, words

PLACES = ("warnings", *SECTIONS)


def measured(workdir):
    work = read_workdir(workdir)
    return main_rows(work, speeds_of(work))


def test_table_holds_spline_alone_and_every_start(workdir):
    rows = {row.name: row for row in measured(workdir)}
    assert list(rows) == ["spline alone", "spline", "He"]
    assert rows["He"].learning_rates == (0.001, 0.01)
    assert rows["spline"].start_loss.tolist() == [0.2, 0.2]
    # He's target is its own best, so it arrives at its best step.
    chosen = read_workdir(workdir).chosen("he_normal")
    assert rows["He"].reach.steps.tolist() == [run["best_step"] for run in chosen]
    assert rows["He"].reach.step_ratio is None
    spline = rows["spline"].reach
    assert (spline.steps / rows["He"].reach.steps < 1).all() and spline.step_ratio.wins == 2
    # 1.7 s of fitting and 4 s of training over 200 steps.
    assert spline.seconds == pytest.approx(1.7 + 4.0 * spline.steps / 200)
    expected = rows["spline"].scores["rmse"] - rows["He"].scores["rmse"]
    assert rows["spline"].against.difference == pytest.approx(expected)
    assert rows["spline"].against.wins == 2 and rows["He"].against is None


def test_text_table_is_aligned_and_complete(workdir):
    lines = text_table(workdir).splitlines()
    rule = next(i for i, line in enumerate(lines) if line.startswith("---"))
    assert [line.split("  ")[0] for line in lines[rule + 1 : rule + 4]] == [
        "spline alone",
        "spline",
        "He",
    ]
    assert "test RMSE" in lines[rule - 1] and "seconds to He's" in "\n".join(lines[:rule])


def test_report_escapes_names_and_closes_its_tags(workdir):
    page = write_report(workdir).read_text(encoding="utf-8")
    assert "<b>SO2" not in page and "&lt;b&gt;SO2" in page
    Balance().check(page)


def test_every_section_begins_with_a_sentence_and_tells_the_figures(workdir):
    said = words(write_report(workdir))
    for key, (name, _) in SECTIONS.items():
        assert re.match(r"[A-Z][^.]*\w[^.]*\.", said[key].removeprefix(name).strip()), key
    assert (
        "6 of the 6 first-layer units began as hinges of the spline, each on one feature."
        in (said["knots"])
    )
    assert "% in hidden layer 1" in said["regions"]
    assert "of the variance of the prediction" in said["shapes"]
    assert "column network spline alone share" in said["importance"]
    assert "test RMSE less He's" in said["results"]
    assert "ratio of steps to He's seconds ratio of seconds to He's" in said["convergence"]


def test_hinges_on_directions_are_counted_and_not_averaged_in(workdir):
    file = workdir / "params" / "spline-seed0-initial.npz"
    with np.load(file) as stored:
        params = dict(stored)
    direction = np.array([0.5, -1.0, 2.0, 0.25])
    params["Dense_0/kernel"][:, 5] = -3 * direction
    np.savez(file, **params)
    found = fit_mars(normal_rows(), normal_rows()[:, :2].prod(axis=1), max_terms=5, max_degree=2)
    projection = np.stack([np.ones(4), direction], axis=1).astype(np.float32)
    spline = found.spline._replace(projection=projection)
    names = (*found.names, "ols 1", "sir 1")
    save_fit(workdir / "fits" / "spline-seed0.json", found._replace(spline=spline, names=names))
    said = words(write_report(workdir))
    assert (
        "5 on one feature and 1 on a direction that mixes features (offered were ols 1, sir"
        in (said["knots"])
    )
    assert "Of the 5 units on a feature" in said["knots"] and "on a direction" in said["knots"]
    units = (workdir / "figures" / "knot_drift.csv").read_text().splitlines()
    assert len(units) == 1 + 5


def test_a_network_without_any_unit_on_an_axis_has_all_sections(workdir):
    for moment in ("initial", "best"):
        file = workdir / "params" / f"spline-seed0-{moment}.npz"
        with np.load(file) as stored:
            params = dict(stored)
        params["Dense_0/kernel"] += 1.0
        np.savez(file, **params)
    said = words(write_report(workdir))
    assert "All 6 first-layer units began with random directions" in said["knots"]
    assert "turned by, degrees" in said["knots"] and set(said) == set(SECTIONS)


def test_of_many_outputs_the_first_are_shown(workdir):
    for file in (workdir / "params").glob("*.npz"):
        with np.load(file) as stored:
            params = dict(stored)
        params["Dense_1/kernel"] = np.repeat(params["Dense_1/kernel"], 5, axis=1)
        params["Dense_1/bias"] = np.repeat(params["Dense_1/bias"], 5)
        np.savez(file, **params)
    with np.load(workdir / "data" / "seed0.npz") as stored:
        data = dict(stored)
    for key in ("y_shift", "y_scale", "target_names"):
        data[key] = np.repeat(data[key], 5)
    data["y"], data["test_y"] = (np.repeat(data[key], 5, axis=1) for key in ("y", "test_y"))
    np.savez(workdir / "data" / "seed0.npz", **data)
    said = words(write_report(workdir))
    assert "Shown are the first 4 of 5 outputs." in said["shapes"]
    assert "RMSE of standardised targets" in said["importance"]  # of so many not one by one


def test_the_strongest_interaction_is_what_no_curve_carries(workdir, spline_params):
    assert not (write_report(workdir).parent / "figures" / "interaction.csv").exists()
    # 3 min(relu(x0), relu(x2)), then 0.1 min(relu(x1), relu(x3)).
    spline = Spline(
        np.zeros(1, np.float32),
        np.float32([[3.0], [0.1]]),
        np.int32([[0, 2], [1, 3]]),
        np.ones((2, 2), np.float32),
        np.zeros((2, 2), np.float32),
        np.zeros((4, 0), np.float32),
    )
    fit = fit_mars(normal_rows(), normal_rows()[:, 0], max_terms=5)
    save_fit(workdir / "fits" / "spline-seed0.json", fit._replace(spline=spline))
    flat = {
        f"{layer}/{leaf}": value
        for layer, leaves in spline_params.items()
        for leaf, value in leaves.items()
    }
    np.savez(workdir / "params" / "spline-seed0-best.npz", **flat)  # additive
    assert "What alcohol and free" in words(write_report(workdir))["shapes"]
    lines = (workdir / "figures" / "interaction.csv").read_text().splitlines()
    first, second, before, after = np.array([line.split(",") for line in lines[1:]], float).T
    assert np.abs(after).max() < 1e-9
    side = 25
    x0, x2 = (first - 10) / 2, (second + 5) / 0.1
    wanted = 5 * 3 * np.minimum(np.maximum(x0, 0), np.maximum(x2, 0)).reshape(side, side)

    def mixed(surface):  # differences along both features at once: the curves drop out
        return np.diff(np.diff(surface, axis=0), axis=1)

    np.testing.assert_allclose(mixed(before.reshape(side, side)), mixed(wanted), atol=1e-3)


def test_starts_that_share_a_fault_share_a_sentence(workdir):
    page = write_report(workdir).read_text(encoding="utf-8")
    assert "Chosen was the largest learning rate of the grid (0.01) by spline in 2 of 2" in page
    runs = json.loads((workdir / "runs.json").read_text())
    for run in runs:
        run["best_epoch"] = 20
    (workdir / "runs.json").write_text(json.dumps(runs))
    page = write_report(workdir).read_text(encoding="utf-8")
    assert "last epoch: spline in 2 of 2 seeds, He in 2 of 2 seeds; a longer" in page


def test_dead_units_of_any_layer_are_named(workdir):
    file = workdir / "params" / "he_normal-seed0-best.npz"
    with np.load(file) as stored:
        params = dict(stored)
    params["Dense_0/bias"][:2] = -1e3
    np.savez(file, **params)
    page = write_report(workdir).read_text(encoding="utf-8")
    assert "He, seed 0, after training, on the training rows: 2 never active of the 6 units" in page


def test_identifiers_are_unique_and_every_reference_resolves(workdir):
    page = write_report(workdir).read_text(encoding="utf-8")
    identifiers = re.findall(r'\sid="([^"]+)"', page)
    assert len(identifiers) == len(set(identifiers))
    assert set(re.findall(r'(?:url\(|href=")#([^")]+)', page)) <= set(identifiers)


def test_warnings_name_diverged_runs_and_few_seeds(workdir):
    page = write_report(workdir).read_text(encoding="utf-8")
    assert "1 run of 8 diverged: he_normal-seed1-lr0.01." in page
    assert "Few seeds (2 for" in page


def test_a_page_is_written_where_every_run_diverged(workdir):
    runs = json.loads((workdir / "runs.json").read_text())
    (workdir / "runs.json").write_text(json.dumps([run | {"diverged": True} for run in runs]))
    assert set(words(write_report(workdir))) == set(SECTIONS)


@pytest.mark.parametrize(
    "missing",
    ["config.json", "environment.json", "fits.json", "data", "fits", "params", "metrics", "status"],
)
def test_report_bears_any_missing_optional_file(workdir, missing):
    target = workdir / missing
    shutil.rmtree(target) if target.is_dir() else target.unlink()
    page = write_report(workdir).read_text(encoding="utf-8")
    assert all(f'id="{key}"' in page for key in PLACES)


def test_a_failed_run_says_why(workdir):
    (workdir / "runs.json").unlink()
    (workdir / "status").write_text("failed\ny must be finite; got 3 non-finite value(s).\n")
    assert "y must be finite; got 3" in write_report(workdir).read_text(encoding="utf-8")


def test_a_run_without_reference_or_test_error_still_has_a_table(workdir):
    runs = [r for r in json.loads((workdir / "runs.json").read_text()) if r["init"] == "spline"]
    runs = [with_scores(run, {}) for run in runs]
    (workdir / "runs.json").write_text(json.dumps(runs))
    (workdir / "fits.json").unlink()
    table = text_table(workdir)
    assert "test loss" in table and "ratio" not in table
    write_report(workdir)


def test_wrong_folders_are_refused(tmp_path):
    with pytest.raises(ValueError, match="workdir must be a folder"):
        write_report(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="workdir must be of format"):
        write_report(tmp_path)


def test_command_rebuilds_and_refuses_in_one_sentence(workdir, tmp_path):
    command = [sys.executable, "-m", "experiments.report"]
    done = subprocess.run([*command, str(workdir)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "report.html" in done.stdout and "spline alone" in done.stdout
    refused = subprocess.run([*command, str(tmp_path / "no")], capture_output=True, text=True)
    assert refused.returncode == 1 and "Traceback" not in refused.stderr
    assert "workdir must be a folder" in refused.stderr


def test_the_finding_tells_steps_and_seconds_and_no_interval_of_two_seeds(workdir):
    said = words(write_report(workdir))["results"].split(" The table sets")[0]
    said = said.removeprefix(f"{SECTIONS['results'][0]} ")
    steps, seconds = said.split(" of the steps and, the start included, ")
    assert re.fullmatch(r"From the spline start, .* reached the best .* He start in \d+ %", steps)
    few = r"\(median of 2 seeds, too few for an interval\)"
    assert re.match(rf"\d+ % of the seconds {few}\.", seconds)
    assert "Its test RMSE is lower than" in said and "cannot tell chance apart" in said
    assert "interval" not in said.replace("too few for an interval", "")


def test_from_three_seeds_on_there_are_intervals(workdir):
    for name in ("runs", "fits"):
        rows = json.loads((workdir / f"{name}.json").read_text())
        third = [dict(row, seed=2) for row in rows if row["seed"] == 0]
        (workdir / f"{name}.json").write_text(json.dumps(rows + third))
    said = words(write_report(workdir))["results"]
    assert "(median of 3 seeds; 95 % intervals " in said
    assert re.search(r"\[[\d.]+, [\d.]+\]", said)


def test_scores_are_those_of_the_task_and_units_are_never_mixed(workdir):
    def scored(scores):
        for name in ("runs", "fits", "baselines"):
            file = workdir / f"{name}.json"
            rows = [with_scores(row, scores) for row in json.loads(file.read_text())]
            file.write_text(json.dumps(rows))
        config = {"training": {"loss": "softmax_cross_entropy"}} if "log_loss" in scores else {}
        (workdir / "config.json").write_text(json.dumps(config))
        page = words(write_report(workdir))
        return page["results"], (text_table(workdir), page["errors"])

    results, others = scored(
        {"log_loss": 0.41, "accuracy": 0.82, "auc": 0.9, "calibration_error": 0.031}
    )
    assert "test log loss less He's" in results and "test accuracy" in results
    assert "best validation log loss" in results and "the best validation log loss that" in results
    for said in others:
        head = " ".join(said.split())
        assert "0.410" in head and "0.031" in head and "AUC" in head and "RMSE" not in head
    targets = {"r2": 0.5, "rmse heat": 0.5, "rmse cool $": 78.5, "mae heat": 0.4}
    results, others = scored(targets | {"rmse": 55.5, "mae": 3.0})  # as versions before had them
    assert "standardised test loss less He's" in results
    for said in others:
        head = " ".join(said.split())
        assert "55.5" not in head and "78.5" in head
    assert "RMSE, heat RMSE, cool $ mean R²" in others[1]
