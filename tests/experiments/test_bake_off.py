"""The bake-off: a small one from end to end, and its arithmetic on curves made by hand."""

import json

import numpy as np
import pytest

from experiments import bake_off
from experiments.recipe_study import cells, compare, table
from spline_fc import training

CONFIG = {
    "contenders": {
        "recipe": {"start": "recipe", "options": {"max_terms": 7}, "refit": True},
        "he_normal": {"start": "he_normal", "refit": True},
    },
    "sets": {"diabetes": {"splits": 2, "batch_size": 64, "epochs": 3}},
    "learning_rates": (1e-3, 1e-2),
    "training": {"warmup_epochs": 1},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bake_off")
    bake_off.run_set(folder / "diabetes-16.json", "diabetes", 16, CONFIG)
    return folder


def test_a_cell_holds_every_split_and_the_table_tells_it(folder):
    record = json.loads((folder / "diabetes-16.json").read_text())
    ours = record["contenders"]["recipe"]
    assert [pair["split"] for pair in ours["pairs"]] == [0, 1]
    for pair in ours["pairs"]:
        assert len(pair["validation"]) == 4 and pair["terms"] <= 7
        assert pair["worst"] <= 1.02 + 1e-5
        assert min(pair["validation"]) == pair["validation"][pair["best_epoch"]]
        assert 0 < pair["test_rmse"] < 200
    shown = " ".join(table.markdown(compare.read(folder)).split())  # one blank between cells
    assert "| diabetes | 2 |" in shown and "not timed" in shown and "100% of 2" in shown


def test_finished_cells_are_not_run_again_and_times_are_added(folder, monkeypatch):
    def never(*_):
        raise AssertionError("ran a cell that is there")

    monkeypatch.setattr(cells, "run_cell", never)
    path = folder / "diabetes-16.json"
    before = path.read_text()
    bake_off.run_set(path, "diabetes", 16, CONFIG)
    assert path.read_text() == before
    other = {**CONFIG, "learning_rates": (1e-3,)}
    with pytest.raises(AssertionError, match="ran a cell"):
        bake_off.run_set(path, "diabetes", 16, other)


def test_refit_trains_on_the_validation_rows_with_what_was_chosen(folder):
    first, both = cells.dataset("diabetes", 1), cells.joined("diabetes", 1)
    assert len(both.train.x) == len(first.train.x) + len(first.validation.x)
    np.testing.assert_allclose(both.train.x.mean(0), 0, atol=1e-6)
    pair = json.loads((folder / "diabetes-16.json").read_text())["contenders"]["he_normal"]["pairs"]
    spec, key = {"start": "he_normal"}, cells._key(1)
    params = cells.make_start(spec, both.train, (16, 16), key).params
    config = {
        **CONFIG["training"],
        "batch_size": 64,
        "epochs": pair[1]["best_epoch"],
        "learning_rate": pair[1]["learning_rate"],
    }
    alone = training.train(params, both, config, seed=1)
    found = cells._unit(both) * np.sqrt(alone.history["test_loss"][-1])
    assert pair[1]["refit_rmse"] == pytest.approx(found, rel=1e-3)


def test_timing_counts_the_start_and_a_step():
    settings = {**CONFIG["training"], "batch_size": 64}
    spec = CONFIG["contenders"]["he_normal"]
    seconds = cells.time_cell("diabetes", (16, 16), spec, settings, repeats=1)
    assert set(seconds) == {"start_seconds", "step_seconds"} and min(seconds.values()) > 0


def _record(ours: list[list[float]], theirs: list[list[float]], **timing):
    def cell(curves):
        pairs = [
            {
                "validation": curve,
                "test_rmse": min(curve),
                "worst": max(curve) / curve[0],
                "start_rmse": curve[0],
                "terms": 5,
            }
            for curve in curves
        ]
        return {"steps_per_epoch": 10, "pairs": pairs, **timing}

    return {"set": "a", "width": 8, "contenders": {"recipe": cell(ours), "he_normal": cell(theirs)}}


def test_ratios_of_curves_made_by_hand():
    record = _record(
        [[1.0, 0.5, 0.2], [0.2, 0.3, 0.1], [1.0, 0.9, 0.8], [0.5, 0.4, 0.3]],
        [[4.0, 0.9, 0.5, 0.6], [4.0, 0.9, 0.5, 0.2], [4.0, 0.9, 0.5, 0.2], [0.5, 0.6, 0.7, 0.8]],
    )
    found = compare.compare(record, "he_normal")
    # reached at 1 of 2 epochs; before training; never; both are there at once
    np.testing.assert_allclose(found.steps_ratio, [0.5, 0.0, np.inf, 1.0])
    np.testing.assert_allclose(found.difference, [-0.3, -0.1, 0.6, -0.2])
    assert found.wins == 3 and np.isnan(found.time_ratio).all()


def test_seconds_count_the_start():
    record = _record([[1.0, 0.5, 0.2]], [[4.0, 0.9, 0.5]], start_seconds=1.0, step_seconds=0.1)
    # ours: 1 s and one epoch of ten steps; theirs: 1 s and two epochs
    np.testing.assert_allclose(compare.compare(record, "he_normal").time_ratio, [2 / 3])


def test_worse_needs_evidence():
    far = _record([[2.0], [2.1], [1.9], [2.0]], [[1.0], [1.1], [1.0], [1.0]])
    near = _record([[2.0], [0.1], [1.9], [0.2]], [[1.0], [1.1], [1.0], [1.0]])
    assert compare.is_worse(compare.compare(far, "he_normal"))
    assert not compare.is_worse(compare.compare(near, "he_normal"))
    assert not compare.is_worse(compare.compare(far, "recipe"))


def test_verdicts_count_broken_promises():
    record = _record([[1.0, 1.5, 0.2], [1.0, 1.01, 0.2]], [[4.0, 0.9], [4.0, 0.8]])
    promise, against_he = table.verdicts([record])
    assert "50% of 2" in promise
    assert "lower mean test error on 1 of 1 sets, significantly higher on 0" in against_he
