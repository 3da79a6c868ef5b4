"""Cost as the data grow: what is timed, and what a table makes of steps and seconds."""

import json

import numpy as np
import pytest

from experiments import growth, growth_child, growth_table, sweep_cells
from experiments.growth_table import Growth, Records

SMOKE = "configs/growth.py:smoke"
TINY = {"data.num_train": 200, "data.num_validation": 200, "data.num_test": 50}


def contender(validation, seeds=3):
    settings = {"learning_rates": [0.001, 0.003, 0.01, 0.03]}
    pair = {"validation": validation, "start_rmse": 3.0, "test_rmse": 2.0, "learning_rate": 0.03}
    pair["best_epoch"] = int(np.argmin(validation))
    return {"pairs": [pair] * seeds, "steps_per_epoch": 100, "settings": settings}


def spent(*seconds):
    return [{"processor": value, "clock": 9.0} for value in seconds]


def made():
    """A set of 8,000 rows: He takes 4 epochs to 0.5, the spline 1, from 0.6."""
    cell = {
        "contenders": {
            "spline": contender([0.6, 0.5, 0.4]),
            "he_normal": contender([2.0, 1.0, 0.55, 0.52, 0.5, 0.51]),
        },
        "date": "2026-01-01",
        "processor": "abacus",
        "environment": dict.fromkeys(("jax", "flax", "optax", "numpy", "cpu_count"), "1"),
    }
    ours = {"start": spent(1.0, 0.1, 0.1), "training": spent(2.3, 0.3, 0.3)}
    theirs = {"start": spent(0.5, 0.0, 0.0), "training": spent(0.3, 0.3, 0.3)}
    timed = [{"contenders": {"spline": ours, "he_normal": theirs}, "steps": 300}]
    return Records({"friedman1-8000": cell}, {"cells": {"friedman1-8000": timed}})


def test_steps_and_seconds_are_told_over_those_of_he():
    (found,) = growth_table.growths(made())
    assert (found.set, found.rows, found.name, found.rates) == ("friedman1", 8000, "spline", 4)
    np.testing.assert_array_equal(found.reference, [[400, 300, 200]] * 3)  # to 0.5, 0.525, 0.6
    np.testing.assert_allclose(found.ratio(), [[1 / 4, 1 / 3, 0]] * 3)
    np.testing.assert_array_equal(found.head_start, [200] * 3)  # to 0.6
    assert found.step == pytest.approx(1e-3) and found.epoch == 100
    np.testing.assert_allclose(found.seconds()[0], [0.2 / 0.4, 0.2 / 0.3, 0.1 / 0.2])
    np.testing.assert_allclose(found.seconds("cold")[0, 0], 3.1 / 2.9)
    np.testing.assert_allclose(found.seconds("warm", 4)[0, 0], 0.5 / 1.6)


def test_a_target_that_is_not_reached_is_never_and_two_that_begin_there_are_even():
    steps, his = np.array([[np.inf, 0]]), np.array([[9, 0]])
    one = Growth("a", 1, "b", steps, his, np.array([1]), 1, {}, {}, 1.0, 1, {})
    np.testing.assert_array_equal(one.ratio(), [[np.inf, 1]])


def test_the_tables_say_what_was_wanted_and_mark_rates_at_an_edge():
    text = growth_table.markdown(made())
    assert "steps 0.25, 0.33, 0.00 (wanted: at most 0.10 at He's best, MISSED)" in text
    assert "seconds 0.50, 0.67, 0.50 (wanted: at most 0.33 at He's best, MISSED)" in text
    assert (
        "| friedman1 | 8,000 | spline | 3 | 3 ± 0 | 2 ± 0 | 2 ± 0 | 4 to 4 of 5 | 0.03* |" in text
    )
    assert "| 0.1 | 3 | 1 | 1000 | 0.4 | 0.50 | 0.67 | 0.50 | 1.07 | 0.31 |" in text
    figure = growth_table.figure(made())
    (steps,) = (line for line in figure.axes[0].lines if line.get_marker() == "o")
    np.testing.assert_allclose(steps.get_xydata(), [[8000, 0.25]])


def test_records_are_read_in_the_order_of_rows(tmp_path):
    (tmp_path / "cells").mkdir()
    for name in ("friedman1-50000", "diamonds-2000", "friedman1-8000"):
        (tmp_path / "cells" / f"{name}.json").write_text("{}")
    (tmp_path / "seconds.json").write_text('{"cells": {}}')
    found = list(growth_table.read(tmp_path).cells)
    assert found == ["friedman1-8000", "friedman1-50000", "diamonds-2000"]


def test_starts_and_trainings_are_timed_cold_and_warm(monkeypatch, capsys):
    small = sweep_cells.expand(SMOKE, TINY)
    monkeypatch.setattr(growth_child.sweep_cells, "expand", lambda config: small)
    monkeypatch.setattr(growth_child, "STEPS", 5)
    growth_child.main("friedman1-2000", 1, "spline", "he_normal")
    found = json.loads(capsys.readouterr().out)
    assert list(found["contenders"]) == ["spline", "he_normal"] and found["load_average"] >= 0
    assert found["steps"] == 6  # two epochs of three batches
    for told in found["contenders"].values():
        for what in ("start", "training"):
            assert [set(spent) for spent in told[what]] == [{"clock", "processor"}] * 2


def test_the_spline_and_he_share_a_process_and_others_have_their_own(monkeypatch):
    monkeypatch.setattr(growth, "_child", lambda *asked: asked)
    found = growth.timed("a", ["spline", "tenth", "he_normal"], 5)
    assert found == [("a", 5, ["spline", "he_normal"]), ("a", 5, ["tenth"])]
