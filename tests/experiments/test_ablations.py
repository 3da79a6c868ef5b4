"""Ablations: every cell is a plan, records come from runs, and the table from records."""

import pathlib

import numpy as np
import pytest

from configs import ablation_sets
from experiments import ablations_records, ablations_table, sweep_cells
from spline_fc import pipeline, workdir
from tests.small_runs import small

ROOT = pathlib.Path(__file__).parents[2]
NAMES = sorted(path.stem for path in (ROOT / "configs").glob("ablation_*.py"))
OTHERS = {"sets", "widening_others", "recipe", "directions", "directions_classes"}
ON_FOUR = [name for name in NAMES if name.removeprefix("ablation_") not in OTHERS]


@pytest.mark.parametrize("name", ON_FOUR)
def test_every_cell_is_a_plan_for_one_of_the_four_sets(name):
    for mode in ("", ":smoke"):
        cells = sweep_cells.expand(f"configs/{name}.py{mode}").cells
        assert {cell.partition("-")[0] for cell in cells} == set(ablation_sets.SETS)
        for cell in cells.values():
            plan = cell.plan
            assert plan.contenders[0].name == ablation_sets.RECIPE
            assert plan.seeds == (1 if mode else 5)
            trained = [c._replace(name="") for c in plan.contenders]
            assert all(one not in trained[:i] for i, one in enumerate(trained))


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """A cell of three starts, without its page, and its record."""
    folder = tmp_path_factory.mktemp("ablation")
    config = small(**{"learning_rates": (1e-2,)})
    with config.unlocked():
        shuffled = {"control": "shuffled_coefficients", "noise": 0.1}
        config.variants = {"recipe": {"start": "spline"}, "shuffled": shuffled}
    config.initialisations = ("recipe", "he_normal", "shuffled")
    pipeline.run(config, folder / "friedman1-300_rows", page=False)
    return folder, ablations_records.of_sweep(folder)


def test_a_record_holds_what_the_runs_say(record):
    folder, found = record
    (cell,) = found["cells"]
    assert (cell["set"], cell["label"], cell["score"]) == ("friedman1", "300_rows", "rmse")
    work = workdir.read_workdir(folder / "friedman1-300_rows")
    he = work.chosen("he_normal")
    for name in ("recipe", "he_normal", "shuffled"):
        own, chosen = cell["contenders"][name], work.chosen(name)
        np.testing.assert_allclose(own["test"], [run["test_rmse"] for run in chosen], rtol=1e-4)
        np.testing.assert_allclose(own["start"], [run["start_rmse"] for run in chosen], rtol=1e-4)
        for reached, run, target in zip(own["reached"], chosen, he, strict=True):
            losses = work.histories[run["run"]].validation_loss
            below = losses <= target["best_validation_loss"]
            assert (reached is None) == (not below.any())
            assert reached is None or (below[reached] and not below[:reached].any())
    assert cell["contenders"]["he_normal"]["terms"] == [None, None]
    assert found["command"] and found["date"]


def test_a_control_and_noise_change_what_a_run_begins_with(record):
    _, found = record
    ours, theirs = (found["cells"][0]["contenders"][n]["start"] for n in ("recipe", "shuffled"))
    assert min(theirs) > 1.5 * max(ours)


def _made_up():
    def contender(test, start, reached):
        return {"test": test, "start": start, "terms": [3] * 3, "rate": [0.1] * 3,
                "epoch": [10] * 3, "reached": reached}  # fmt: skip

    contenders = {
        "recipe": contender([2.0, 2.1, 1.9], [4.0] * 3, [0, 1, 2]),
        "he_normal": contender([4.0, 4.0, 4.0], [8.0] * 3, [10] * 3),
        "worse": contender([2.0, 2.0, 2.9], [4.0] * 3, [5, None, None]),
    }
    cell = {"set": "friedman1", "label": "", "score": "rmse", "contenders": contenders}
    return {"cells": [cell]}


def test_the_arithmetic_of_the_table_on_numbers_made_by_hand(monkeypatch):
    monkeypatch.setattr(ablations_table.machine, "sentence", lambda record: "A machine.")
    lines = ablations_table.table(_made_up()).splitlines()
    assert lines[0] == "A machine."
    rows = {
        line.split("|")[1].strip(): [c.strip() for c in line.split("|")[2:-1]] for line in lines[4:]
    }
    assert rows["recipe"] == ["2 ± 0.06", "1.00", "-", "2.00", "0.10"]
    assert rows["he normal"] == ["**2.000** ± 0.03", "2.00", "0 of 3", "4.00", "1.00"]
    assert rows["spline alone"][:4] == ["**2.000** ± 0.03", "2.00", "0 of 3", "2.00"]
    assert rows["worse"] == ["1.150 ± 0.2", "1.15", "1 of 3", "2.00", "never"]


def test_labels_are_sorted_by_their_numbers_and_a_spline_stands_once(monkeypatch):
    monkeypatch.setattr(ablations_table.machine, "sentence", lambda record: "A machine.")
    (cell,) = _made_up()["cells"]
    labels = ("batch_16", "batch_256", "batch_64")
    table = ablations_table.table({"cells": [{**cell, "label": label} for label in labels]})
    titles = [line.split("|")[1].strip() for line in table.splitlines()[4:]]
    first = ["batch 16, recipe", "batch 16, spline alone", "batch 16, he normal"]
    assert titles[:4] == ["batch 64, recipe", *first]
    assert titles[5:] == ["batch 64, he normal", "batch 64, worse"] + [
        f"batch 256, {name}" for name in ("recipe", "he normal", "worse")
    ]
    assert "| over He |" in table and "| 0.50 (3 of 3) |" in table


def test_a_folder_without_finished_runs_is_refused(tmp_path):
    with pytest.raises(ValueError, match="finished runs"):
        ablations_records.of_sweep(tmp_path)
