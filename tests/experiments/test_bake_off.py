"""The bake-off: a small one from end to end, and its arithmetic on curves made by hand."""

import json
import pathlib
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest

import spline_fc as sfc
from experiments import bake_off_table, classes_table, sweep_cells, sweep_records, sweep_run
from spline_fc import data, pipeline, protocol, training
from spline_fc.runs.plan import read_plan
from tests.small_runs import small

SIZES = ("data.num_train", "data.num_validation", "data.num_test")  # of generated data alone
ROOT = pathlib.Path(__file__).parents[2]
SWEEP = """
from configs import default

def get_config(mode=""):
    config = default.get_config()
    config.data.name = "diabetes"
    with config.unlocked():
        config.variants = {"recipe": {"start": "spline", "fit": {"max_terms": 7}}}
    config.initialisations = ("recipe", "he_normal")
    config.refit, config.timing, config.seeds = True, True, 2
    config.training.epochs, config.training.warmup_epochs = 3, 1
    config.learning_rates = (1e-3, 1e-2)
    return default.finish(config, mode)

def sweep(add):
    add("diabetes-16", {"network.hidden_sizes": (16, 16)})
"""


@pytest.fixture(scope="module")
def cell(tmp_path_factory):
    """A finished cell and its record."""
    folder = tmp_path_factory.mktemp("bake_off")
    (folder / "sweep.py").write_text(SWEEP)
    config = sweep_cells.expand(str(folder / "sweep.py")).cells["diabetes-16"].config
    pipeline.run(config, folder / "run", page=False)
    return config, sweep_records.of_run(folder / "run"), folder


def test_a_record_holds_every_split_and_the_table_tells_it(cell, tmp_path):
    _, record, _ = cell
    assert (record["set"], record["width"]) == ("diabetes", 16)
    ours = record["contenders"]["recipe"]
    assert [pair["split"] for pair in ours["pairs"]] == [0, 1]
    for pair in ours["pairs"]:
        assert len(pair["validation"]) == 4 and pair["terms"] <= 7
        assert pair["worst"] <= 1.02 + 1e-5
        assert min(pair["validation"]) == pair["validation"][pair["best_epoch"]]
        assert 0 < pair["test_rmse"] < 200 and 0 < pair["refit_rmse"] < 200
    assert min(ours["start_seconds"], ours["step_seconds"]) > 0
    assert sweep_records.said(record).startswith("test RMSE of recipe ")
    (tmp_path / "diabetes-16.json").write_text(json.dumps(record))
    shown = " ".join(bake_off_table.markdown(bake_off_table.read(tmp_path)).split())
    assert "| diabetes | 2 |" in shown and "100% of 2" in shown and "not timed" not in shown


def test_cells_of_one_set_are_joined_unless_they_share_a_contender(cell, tmp_path):
    _, record, _ = cell
    for name in ("recipe", "he_normal"):
        one = {**record, "contenders": {name: record["contenders"][name]}}
        (tmp_path / f"{name}.json").write_text(json.dumps(one))
    (joined,) = bake_off_table.read(tmp_path)
    assert joined["contenders"] == record["contenders"]
    (tmp_path / "third.json").write_text(json.dumps(record))
    assert [r["set"] for r in bake_off_table.read(tmp_path)] == ["diabetes", "third"]


def test_refit_trains_on_the_validation_rows_with_what_was_chosen(cell):
    config, record, _ = cell
    plan = read_plan(config)
    raw = data.load(plan.data, seed=1)
    both = data.standardize(data.join_validation(raw))
    assert len(both.train.x) == len(raw.train.x) + len(raw.validation.x)
    pair = record["contenders"]["he_normal"]["pairs"][1]
    he = plan.contenders[1]
    start = protocol.make_start(protocol.key_of(1, he), he, both, (16, 16))
    settings = {"warmup_epochs": 1, "epochs": pair["best_epoch"],
                "learning_rate": pair["learning_rate"]}  # fmt: skip
    alone = sfc.train(start.params, both, settings, seed=1).last_params
    x, y = both.test
    error = np.asarray(sfc.apply_params(alone, jnp.asarray(x))) - y
    found = both.scaler.y_scale[0] * np.sqrt(np.mean(error**2))
    assert pair["refit_rmse"] == pytest.approx(found, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("bake_off", 8),
        ("ablation_recipe", 8),
        ("ablation_directions", 7),
        ("ablation_directions_classes", 2),
        ("classes", 5),
    ],
)
def test_every_cell_of_the_sweeps_is_a_plan(name, least):
    cells = sweep_cells.expand(f"configs/{name}.py:smoke").cells.values()
    assert len(cells) >= least and all(cell.plan.seeds == 1 for cell in cells)


def test_the_recorded_results_make_their_tables():
    command = [sys.executable, "-m", "experiments.sweep", "--table=results/bake_off"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert "### Hidden sizes (128, 128)" in told and "uci_protein" in told


def _record(ours, theirs, **timing):
    def contender(curves):
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

    contenders = {"recipe": contender(ours), "he_normal": contender(theirs)}
    return {"set": "a", "width": 8, "contenders": contenders}


def test_ratios_of_curves_made_by_hand():
    record = _record(
        [[1.0, 0.5, 0.2], [0.2, 0.3, 0.1], [1.0, 0.9, 0.8], [0.5, 0.4, 0.3]],
        [[4.0, 0.9, 0.5, 0.6], [4.0, 0.9, 0.5, 0.2], [4.0, 0.9, 0.5, 0.2], [0.5, 0.6, 0.7, 0.8]],
    )
    found = bake_off_table.contest(record, "he_normal")
    # reached at 1 of 2 epochs; before training; never; both are there at once
    np.testing.assert_allclose(found.steps_ratio, [0.5, 0.0, np.inf, 1.0])
    np.testing.assert_allclose(found.errors.difference, [-0.3, -0.1, 0.6, -0.2])
    assert found.errors.wins == 3 and np.isnan(found.time_ratio).all() and not found.is_worse


def test_seconds_count_the_start():
    record = _record([[1.0, 0.5, 0.2]], [[4.0, 0.9, 0.5]], start_seconds=1.0, step_seconds=0.1)
    # ours: 1 s and one epoch of ten steps; theirs: 1 s and two epochs
    np.testing.assert_allclose(bake_off_table.contest(record, "he_normal").time_ratio, [2 / 3])


def test_worse_needs_evidence():
    steady = _record([[1.0, 0.5 + 0.001 * i] for i in range(5)], [[1.0, 0.4]] * 5)
    assert bake_off_table.contest(steady, "he_normal").is_worse
    chance = _record([[1.0, 0.5], [1.0, 0.3], [1.0, 0.45]], [[1.0, 0.4]] * 3)
    assert not bake_off_table.contest(chance, "he_normal").is_worse


def _class_record(ours, theirs):
    """Curves of the validation part: (log losses, accuracies) of each seed."""

    def contender(curves):
        pairs = [
            {
                "validation": losses,
                "validation_accuracy": accuracies,
                "learning_rate": rate,
                "diverged": False,
                "worst": max(losses) / losses[0],
                **{f"test_{score}": min(losses) for score in training.CLASS_SCORES},
                **{f"start_{score}": losses[0] for score in training.CLASS_SCORES},
            }
            for (losses, accuracies), rate in zip(curves, (0.1, 0.2, 0.3), strict=True)
        ]
        settings = {"learning_rates": [0.1, 0.2, 0.3], "training": {"batch_size": 5}}
        alone = {"start_seconds": 1.0, "step_seconds": 0.1}
        return {"steps_per_epoch": 10, "pairs": pairs, "settings": settings, **alone}

    contenders = {"recipe": contender(ours), "he_normal": contender(theirs)}
    stamp = {"date": "2026-11-26", "device": "a machine", "versions": {}}
    linear = [dict.fromkeys(training.CLASS_SCORES, 0.5)] * 3
    return {"set": "a", "width": 8, "contenders": contenders, "linear": linear, **stamp}


def test_classes_are_judged_by_log_loss_and_by_steps_to_an_accuracy(monkeypatch):
    monkeypatch.setattr(classes_table.machine, "sentence", lambda record: record["device"])
    ours = [([0.3, 0.2], [0.9, 0.95])] * 3
    theirs = [
        ([0.7, 0.3, 0.25], [0.5, 0.8, 0.9]),  # as accurate as ours was after two epochs
        ([0.7, 0.3, 0.25], [0.5, 0.9, 0.9]),  # after one
        ([0.7, 0.3, 0.15], [0.5, 0.8, 0.8]),  # never
    ]
    record = _class_record(ours, theirs)
    assert sweep_records.said(record).startswith("test log loss of recipe 0.2")
    shown = classes_table.markdown([record])
    assert "| a | 3 | logistic regression | 0.5 ± 0 | 0.5 ± 0 | 0.5 ± 0 |" in shown
    assert "| a | 3 | spline alone | 0.3 ± 0 | 0.3 ± 0 | 0.3 ± 0 |" in shown
    assert "0.1* x 1, 0.2 x 1, 0.3* x 1" in shown
    assert "| a | 1 | 20, 3 |" in shown  # the median: two epochs of ten steps, 1 s + 20 * 0.1 s
    assert "| a | he_normal | 2 of 3 | 0.923 [" in shown
    record["contenders"]["he_normal"]["pairs"][0]["validation_accuracy"] = [0.5, 0.6, 0.7]
    assert "| a | 1 | never (1 of 3) |" in classes_table.markdown([record])


def test_scores_of_two_kinds_have_no_table(tmp_path):
    curves = [([0.3, 0.2], [0.9, 0.95])] * 3
    for name, record in [
        ("a", _class_record(curves, curves)),
        ("b", {**_record([[1.0, 0.5]], [[1.0, 0.4]]), "set": "b"}),
    ]:
        (tmp_path / f"{name}.json").write_text(json.dumps(record))
    with pytest.raises(ValueError, match="all of regressions of one target"):
        sweep_run.tables(tmp_path)


def test_a_classification_becomes_a_record(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    np.savez(tmp_path / "a.npz", x=x, y=(x[:, 0] > rng.normal(size=200) / 2).astype(float))
    changes = {"data.name": str(tmp_path / "a.npz"), "data.task": "binary", "seeds": 1}
    changes |= {"initialisations": ("spline",), "learning_rates": (1e-3,), "training.epochs": 2}
    pipeline.run(small(**changes, **dict.fromkeys(SIZES)), tmp_path / "run", page=False)
    record = sweep_records.of_run(tmp_path / "run")
    cell = record["contenders"]["spline"]
    (pair,) = cell["pairs"]
    assert len(pair["validation_accuracy"]) == len(pair["validation"]) == 3
    assert pair["start_accuracy"] > 0.7 and 0 < pair["test_log_loss"] < pair["start_log_loss"] + 0.1
    assert "test_log_loss_by_rate" in pair and "test_rmse" not in pair
    assert len(record["linear"]) == 1 and 0 < record["linear"][0]["log_loss"] < 0.7
    assert cell["timed_alone"] is False and min(cell["start_seconds"], cell["step_seconds"]) > 0
