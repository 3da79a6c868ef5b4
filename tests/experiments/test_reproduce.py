"""The reproduction: a small set from start to record, and tables from records."""

import numpy as np
import pytest

from experiments import reproduce, reproduce_cost, reproduce_table, sweep_cells
from experiments.sweep_progress import SweepProgress

CONFIG = """
from configs import reproduce

def get_config(mode=""):
    config = reproduce.get_config(mode)
    with config.unlocked():
        config.variants = {"masked": {"start": "spline", "training": {"keep_axes": True}}}
    config.data.name = FILE
    config.initialisations = ("spline", "masked", "he_normal")
    config.seeds, config.learning_rates, config.timing = 3, (1e-2,), False
    config.training.epochs, config.training.warmup_epochs = 3, 1
    config.network.hidden_sizes, config.fit.max_terms = (12, 12), 9
    return config.lock()

def sweep(add):
    add("small", {})
"""


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """The record of a set of 200 rows: a sum of two curves, a level of a word, and noise."""
    folder = tmp_path_factory.mktemp("reproduce")
    rng = np.random.default_rng(0)
    a, b, word = rng.uniform(-1, 1, 200), rng.uniform(-1, 1, 200), rng.integers(0, 2, 200)
    y = 3 * np.abs(a) + np.maximum(b, 0) + 2 * word + 0.1 * rng.normal(size=200)
    lines = [f"{u:.4f},{v:.4f},{'pq'[w]},{t:.4f}" for u, v, w, t in zip(a, b, word, y, strict=True)]
    (folder / "small.csv").write_text("\n".join(["a,b,word,y", *lines]))
    (folder / "config.py").write_text(f"FILE = {str(folder / 'small.csv')!r}\n{CONFIG}")
    (cell,) = sweep_cells.expand(str(folder / "config.py")).cells.values()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reproduce_cost, "REPEATS", 1)
        patch.setattr(reproduce_cost, "STEPS", 10)
        first = reproduce.record_of(folder / "runs", cell, SweepProgress([cell], stream=None))
        patch.setattr(reproduce_cost, "costs", None)  # what was measured is not measured again
        again = reproduce.record_of(folder / "runs", cell, SweepProgress([cell], stream=None))
    assert first == again
    return first


def test_a_record_holds_cost_convergence_and_readout(record):
    assert set(record["contenders"]) == {"spline", "masked", "he_normal"}
    assert all(len(c["pairs"]) == 3 for c in record["contenders"].values())
    for found in record["costs"].values():
        assert set(found) == {"cold_start", "compile", "start", "step"}
        assert all(0 < seconds[0] < 600 for seconds in found.values())


def test_an_additive_start_is_read_as_one(record):
    found = record["readout"]
    before, he = found["spline, before training"], found["he_normal"]
    assert min(before["additive"]) > 0.99 and set(before["agreement"]) == {1.0}
    assert set(before["on_axis"]) == {1.0} and set(before["drift"]) == {0.0}
    assert set(found["masked"]["on_axis"]) == {1.0} and np.mean(he["on_axis"]) < 0.5
    assert "drift" not in he and max(he["additive"]) < min(before["additive"])
    assert len(found["spline alone"]["terms"]) == 3
    alone = np.array(found["spline alone"]["rmse"])
    np.testing.assert_allclose(before["rmse"], alone, rtol=1e-3)
    tested = [pair["start_rmse"] for pair in record["contenders"]["spline"]["pairs"]]
    np.testing.assert_allclose(alone, tested, rtol=1e-3)


def test_tables_and_figures_come_from_records(record):
    text = reproduce_table.markdown([record])
    for words in ("He, trained", "trained on, masked", "Does training on pay at all?", "a step"):
        assert words in text
    assert len(reproduce_table.curves([record]).axes) == 2
    assert len(reproduce_table.additive([record]).axes) == 2


def made(validation):
    """A contender of one split and four steps an epoch."""
    return {"pairs": [{"validation": validation}], "steps_per_epoch": 4}


def test_steps_and_seconds_are_those_to_the_best_of_he():
    contenders = {"spline": made([0.9, 0.5]), "he_normal": made([3.0, 1.0, 0.6])}
    cost = {"cold_start": [5.0, 7.0, 6.0], "compile": [10.0, 11.0, 12.0]}
    costs = {"spline": {**cost, "start": [2.0], "step": [1.0]}}
    record = {"contenders": contenders, "costs": costs}
    ours, he = (reproduce_table.reached(record, name) for name in contenders)
    assert (ours.steps, he.steps) == ([4], [8]) and np.isnan(he.warm).all()
    assert ours.warm == [2 + 4] and ours.cold == [6 + 11 + 4]
    wider = reproduce_table.reached(record, "spline", 1.6)
    assert wider.steps == [0] and wider.warm == [2]


def test_a_folder_without_records_is_named(tmp_path):
    with pytest.raises(ValueError, match="--table must name a folder of records"):
        reproduce_table.read(tmp_path)
