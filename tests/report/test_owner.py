"""What the page tells the owner of the data: errors, rows, formula, importance, shapes."""

import csv
import json
import re
import shutil

import numpy as np
import pytest

from spline_fc.network import apply_params
from spline_fc.report import answers, write_report
from spline_fc.report.answers import AFTER, BEFORE, is_comparable
from spline_fc.report.pictures_model import about_of, predicted
from spline_fc.report.study import study
from spline_fc.report.tables_model import confusion_table
from spline_fc.workdir import read_data, read_params, read_workdir
from tests.report.conftest import HEATING, TARGETS, let_diverge, make_houses
from tests.report.pages import headline, plain, words


@pytest.fixture(scope="module")
def houses(tmp_path_factory):
    """{target: a run on the houses}."""
    return {
        target: make_houses(tmp_path_factory.mktemp(target) / "run", target) for target in TARGETS
    }


@pytest.fixture(scope="module")
def said(houses):
    """What the sections of each page say."""
    return {target: words(write_report(run)) for target, run in houses.items()}


def test_the_page_begins_with_the_error_and_those_of_simpler_models(workdir):
    page = write_report(workdir)
    assert headline(page).startswith("The network predicts quality with a test RMSE of 1.")
    assert (
        "On the same rows: the spline alone 2.30, a linear model 3.10, the mean 5.00."
        in headline(page)
    )
    told = words(page)["errors"]
    lines = ("mean 5.000 ± 0 4.000 ± 0 −0.01", "linear model 3.100 ± 0", "spline alone 2.3")
    places = [told.index(line) for line in (*lines, "network from spline", "network from He")]
    assert places == sorted(places)
    assert "pulled in" not in told
    config = json.loads((workdir / "config.json").read_text())
    (workdir / "config.json").write_text(json.dumps({**config, "extrapolate": "clip"}))
    page = write_report(workdir)
    assert "test rows are pulled in to the range of the training rows" in words(page)["errors"]
    text = page.read_text(encoding="utf-8")
    assert "2026-11-26 12:00 UTC" in text
    assert "python -m experiments.train --config=x" in plain(text)
    sections = re.findall(r'<section id="([^"]+)"', text)
    assert sections[:5] == ["errors", "data", "formula", "importance", "shapes"]


def test_the_title_is_the_name_of_the_data_and_no_path(houses):
    page = write_report(houses["price"]).read_text(encoding="utf-8")
    assert "<h1>Houses of the town</h1>" in page


def test_rows_that_were_read_and_filled_are_counted(said):
    told = said["price"]["data"]
    assert "150 rows were read, none was dropped, 3 gaps filled by the median" in told
    assert "Of 150 rows, 96 train, 24 choose learning rate and step, 30 test." in told
    assert "area feature number 3 3 by the median" in told
    assert "heating feature category 4" in told and "sold ignored" in told


def test_dropped_rows_are_counted(houses, tmp_path):
    run = make_houses(tmp_path / "run", "price")
    file = run / "data" / "encoding-seed0.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"num_rows": 157, "missing": "drop"}))
    told = words(write_report(run))["data"]
    assert "157 rows were read, 7 rows with a gap dropped, no gap was filled." in told


def test_the_formula_is_in_raw_units_and_has_the_words_of_the_file(said):
    told = said["price"]["formula"]
    assert re.search(r"price = [\d.]+ .*\* max\(0, (area - |\d+ - area)", told)
    assert f"[heating = {HEATING[1]}]" in told
    assert "Its value is the logit of sold=slow: 0.69 more doubles" in said["sold"]["formula"]


def test_the_formula_tells_why_it_has_directions_or_none(houses, tmp_path):
    workdir = shutil.copytree(houses["price"], tmp_path / "run")
    file = workdir / "fits.json"
    fits = json.loads(file.read_text())
    why = ["Directions left out: on rows held out nothing.", "Directions taken: much."]
    for fit, reason in zip(fits, why, strict=True):
        fit |= {"directions_taken": "taken" in reason, "directions_why": reason}
    file.write_text(json.dumps(fits))
    assert f"{why[0]} Of 2 seeds, 1 took them." in words(write_report(workdir))["formula"]
    fits[1]["directions_taken"] = "yes"
    file.write_text(json.dumps(fits))
    damage = "directions_taken must be true or false, if it is there; got 'yes'"
    assert damage in plain(write_report(workdir).read_text(encoding="utf-8"))


def test_columns_of_the_file_are_ranked_and_levels_count_together(houses, said):
    found = study(read_workdir(houses["price"])).answers
    names = [column.name for column in found.columns]
    assert names == ["area", "heating", "garden", "number of rooms_with_windows_to_the_south"]
    (importance,) = found.importance
    assert found.seeds == (0, 1) and set(importance) == {BEFORE, AFTER}
    alone = dict(zip(names, importance[BEFORE].mean, strict=True))
    # In euros: areas spread by 46,000, and a quarter of the houses has 40,000 more for its heating.
    assert 5_000 < alone["heating"] < alone["area"] < 80_000
    assert alone["garden"] < 2_000
    told = said["price"]["importance"]
    assert "Rise of the test RMSE, €" in told and "heating=" not in told


def test_of_many_features_the_first_have_curves(houses, tmp_path, monkeypatch):
    monkeypatch.setattr(answers, "MOST_CURVES", 2)
    workdir = shutil.copytree(houses["price"], tmp_path / "run")
    found = study(read_workdir(workdir)).answers
    first = found.columns[int(found.ranking.argmax())]
    assert {curve.feature for one in found.shapes[AFTER] for curve in one.curves} >= {
        place for place in first.places if len(first.places) == 1
    }
    assert found.num_drawn <= max(2, len(first.places))
    count = sum(len(column.places) for column in found.columns)
    told = words(write_report(workdir))["shapes"]
    assert f"the curves of the first {found.num_drawn} of {count} features" in told


def test_a_class_has_probabilities_counts_and_no_line_from_0_to_1(houses, said):
    told = said["sold"]["errors"]
    scores = "log loss accuracy balanced accuracy AUC Brier score calibration error"
    assert scores in told
    assert "predicted fast predicted slow right" in told
    assert "logistic regression" in told
    shown = study(read_workdir(houses["sold"])).answers
    assert set(shown.shapes) == {BEFORE, AFTER}
    fit = study(read_workdir(houses["sold"])).fit
    squares = fit._replace(link="identity")  # which do not compare with logits
    assert not is_comparable(squares, "sigmoid_cross_entropy")
    assert is_comparable(squares, "huber") and not is_comparable(fit, "huber")
    predicted = shown.predicted[AFTER]
    assert (
        (0 <= predicted).all() and (predicted <= 1).all() and np.isin(shown.observed, (0, 1)).all()
    )
    for target in ("price", "sold"):
        numbers, levels = (
            (houses[target] / "figures" / f"{name}.csv").read_text()
            for name in ("shapes", "categories")
        )
        assert "area" in numbers and "heating" not in numbers
        assert "heating=oil" in levels and "area" not in levels


def test_probabilities_have_a_diagram_of_their_calibration(houses, said):
    for target in ("sold", "heating"):
        told = said[target]["errors"]
        assert "Calibration. Test rows of one seed in 15 equal bins of the confidence" in told
        lines = (houses[target] / "figures" / "calibration.csv").read_text().splitlines()
        assert lines[0] == "model,bin,rows,confidence,right" and len(lines) == 1 + 2 * 15
        rows = [line.split(",") for line in lines[1:] if line.startswith(AFTER)]
        found = study(read_workdir(houses[target])).answers
        assert sum(float(row[2]) for row in rows) == len(found.observed)
    assert "calibration" not in said["price"]["errors"].lower()


def test_effects_on_a_class_are_told_to_be_on_the_logit(houses, said):
    for target in ("sold", "heating"):
        told = said[target]["shapes"]
        assert "All effects are on the logit of a class" in told
    assert (
        "Effect on the logit of sold=slow, where 0.69 more doubles the odds"
        in said["sold"]["shapes"]
    )
    assert f"Effect on the logit of {HEATING[3]}" in said["heating"]["shapes"]
    for target in ("price", "both"):
        assert "logit" not in " ".join(said[target].values())


def test_several_targets_have_a_column_and_a_figure_each(houses, said):
    page = houses["both"] / "report.html"
    each = (
        r"mean test R² of −0.\d+ \(price −0.\d+, area −0.\d+\)\. On the same rows: the spline alone"
    )
    assert re.match(f"The network predicts 2 targets with a {each} −0", headline(page))
    told = said["both"]
    assert "model RMSE, price, € RMSE, area R², price R², area mean R² mean" in told["errors"]
    assert "term price area constant" in told["formula"]
    assert "Rise of the test RMSE of price, €, with" in told["importance"]
    assert "Rise of the test RMSE of area, with" in told["importance"]
    assert "Effect on price, €, centred" in told["shapes"]
    assert "Effect on area, centred" in told["shapes"]
    assert re.search(r"of the prediction [\d.]+ % \(price\), [\d.]+ % \(area\)", told["shapes"])
    assert "standardised test loss less He's" in told["results"]
    assert "test RMSE, price test RMSE, area" in told["results"]
    figures = houses["both"] / "figures"
    for name in ("shapes", "categories", "importance"):
        first, second = (
            np.array([line.rsplit(",", 1)[1] for line in lines[1:]], float)
            for lines in (
                (figures / f"{name}{end}.csv").read_text().splitlines() for end in ("", "_2")
            )
        )
        assert np.abs(first).max() > 100 * np.abs(second).max() > 0  # euros, and square metres
    assert len((figures / "predicted.csv").read_text().splitlines()) == 1 + 4 * len(
        study(read_workdir(houses["both"])).answers.observed
    )


def test_bands_hold_nine_tenths_of_the_validation_rows(houses, said):
    found = study(read_workdir(houses["price"])).answers
    assert found.band.num_rows == 24 and found.band.coverage.shape == (2, 1)
    one, work = houses["price"], read_workdir(houses["price"])
    rows = read_data(work, 0)
    network = read_params(one, "spline-seed0-best")
    errors = np.abs(np.asarray(apply_params(network, rows.validation_x)) - rows.validation_y)
    reach = np.sort(errors[:, 0])[22] * rows.scaler.y_scale[0]  # the 23rd: 0.9 * 25 rounded up
    np.testing.assert_allclose(found.band.upper - found.predicted[AFTER], reach, rtol=1e-4)
    np.testing.assert_allclose(found.predicted[AFTER] - found.band.lower, reach, rtol=1e-4)
    within = np.abs(found.predicted[AFTER] - found.observed) <= reach
    assert found.band.coverage[0, 0] == within.mean() > 0.5
    shares = 100 * found.band.coverage[:, 0]
    words = f"over seeds {shares.mean():.1f} ± {shares.std(ddof=1) / 2**0.5:.1f} % of the test rows"
    assert words in said["price"]["errors"] and "24 validation rows" in said["price"]["errors"]
    for target, told in said.items():
        is_class = study(read_workdir(houses[target])).answers.band is None
        assert is_class == (target in ("sold", "heating")) == ("Bars of the" not in told["errors"])


def test_bands_stand_in_the_table_of_their_figure(houses):
    found = study(read_workdir(houses["price"])).answers
    with open(houses["price"] / "figures" / "predicted.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    ends = {
        name: [row[name] for row in rows if row["model"] == AFTER] for name in ("lower", "upper")
    }
    np.testing.assert_allclose(np.array(ends["lower"], float), found.band.lower[:, 0])
    np.testing.assert_allclose(np.array(ends["upper"], float), found.band.upper[:, 0])
    others = [row for row in rows if row["model"] != AFTER]
    assert len(others) == len(found.observed)
    assert {row[name] for row in others for name in ends} == {""}
    sold = (houses["sold"] / "figures" / "predicted.csv").read_text().splitlines()[0]
    assert sold == "model,target,observed,predicted"  # probabilities have no band


def test_models_are_compared_on_the_same_scale(houses):
    work = read_workdir(houses["price"])
    found, about = study(work).answers, about_of(study(work), read_data(work, 0))
    drawn = predicted(found.predicted, found.observed, about, found.band).figure
    first, second = drawn.axes[:2]
    assert first.get_xlim() == first.get_ylim() == second.get_xlim() == second.get_ylim()
    low, high = first.get_ylim()
    every = [*found.predicted.values(), found.observed, found.band.lower, found.band.upper]
    assert low <= min(map(np.min, every)) and high >= max(map(np.max, every))


def test_a_run_that_kept_no_validation_rows_has_no_bands(workdir):
    assert read_data(read_workdir(workdir), 0).validation_x.shape == (0, 4)
    assert study(read_workdir(workdir)).answers.band is None


def test_every_class_has_a_column_of_the_formula_and_a_figure(houses, said):
    assert "term " + " ".join(sorted(HEATING)) in said["heating"]["formula"]
    files = {file.name for file in (houses["heating"] / "figures").glob("shapes*.csv")}
    assert files == {"shapes.csv", "shapes_2.csv", "shapes_3.csv", "shapes_4.csv"}
    predicted = (houses["heating"] / "figures" / "predicted.csv").read_text()
    assert all(name in predicted for name in HEATING)


def test_classes_are_counted_as_they_were_predicted():
    observed = np.array([[0.0], [0], [1], [1], [1]])
    predicted = np.array([[0.2], [0.7], [0.6], [0.9], [0.4]])
    table = confusion_table(observed, predicted, ("no", "yes"))
    assert [row[1:3] for row in table.body] == [["1", "1"], ["1", "2"]]
    assert table.header == ["test rows that are", "predicted no", "predicted yes", "right"]
    three = confusion_table(np.eye(3)[[0, 1, 2, 2]], np.eye(3)[[0, 2, 2, 2]], ("a", "b", "c"))
    assert [row[1:4] for row in three.body] == [["1", "0", "0"], ["0", "0", "1"], ["0", "0", "2"]]


def test_a_run_that_diverged_says_so_and_tells_of_the_spline(workdir):
    page = write_report(let_diverge(workdir))
    told = words(page)
    assert headline(page).startswith(
        "There is no trained network to tell of: every chosen run diverged."
    )
    assert "the spline alone 2.30, a linear model 3.10" in headline(page)
    for key in ("importance", "shapes"):
        assert "Every chosen run diverged: there is no trained network to ask." in told[key]
    assert "From the spline start every chosen run diverged." in told["results"]
    assert "Every chosen run diverged" in told["convergence"]
    text = plain(page.read_text(encoding="utf-8"))
    assert "Still improving" not in text and "Few seeds (0" not in text


def test_an_encoding_of_other_columns_is_named(houses, tmp_path):
    run = make_houses(tmp_path / "run", "price")
    file = run / "data" / "encoding-seed0.json"
    record = json.loads(file.read_text())
    record["columns"][0]["name"] = "volume"
    file.write_text(json.dumps(record))
    assert "their encoding must have the features" in plain(
        write_report(run).read_text(encoding="utf-8")
    )
