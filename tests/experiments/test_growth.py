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


def timing(start, cold_start, compiling):
    spent = lambda seconds: {"processor": seconds, "clock": 9.0}  # noqa: E731
    warm = {"start": [spent(start)] * 3, "training": [spent(0.3)] * 3, "steps": 300}
    cold = {"start": [spent(cold_start)], "training": [spent(0.3 + compiling)], "steps": 300}
    return warm, cold


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
    ours, theirs = timing(0.1, 1.0, 2.0), timing(0.0, 0.5, 2.0)
    names = ("spline", "he_normal")
    timed = {
        "warm": dict(zip(names, (ours[0], theirs[0]), strict=True)),
        "cold": dict(zip(names, (ours[1], theirs[1]), strict=True)),
    }
    return Records({"friedman1-8000": cell}, {"cells": {"friedman1-8000": timed}})


def test_steps_and_seconds_are_told_over_those_of_he():
    (found,) = growth_table.growths(made())
    assert (found.set, found.rows, found.name, found.rates) == ("friedman1", 8000, "spline", 4)
    np.testing.assert_array_equal(found.reference, [[400, 300, 200]] * 3)  # to 0.5, 0.525, 0.6
    np.testing.assert_allclose(found.ratio(), [[1 / 4, 1 / 3, 0]] * 3)
    assert found.step == pytest.approx(1e-3)
    np.testing.assert_allclose(found.seconds()[0], [0.2 / 0.4, 0.2 / 0.3, 0.1 / 0.2])
    np.testing.assert_allclose(found.seconds("cold")[0, 0], 3.1 / 2.9)
    np.testing.assert_allclose(found.seconds("warm", 4)[0, 0], 0.5 / 1.6)


def test_a_target_that_is_not_reached_is_never_and_two_that_begin_there_are_even():
    one = Growth("a", 1, "b", np.array([[np.inf, 0]]), np.array([[9, 0]]), {}, {}, 1.0, 1, {})
    np.testing.assert_array_equal(one.ratio(), [[np.inf, 1]])


def test_the_tables_say_what_was_wanted_and_mark_rates_at_an_edge():
    text = growth_table.markdown(made())
    assert "steps 0.25, 0.33, 0.00 (wanted: at most 0.10 at He's best, MISSED)" in text
    assert "seconds 0.50, 0.67, 0.50 (wanted: at most 0.33 at He's best, MISSED)" in text
    assert (
        "| friedman1 | 8,000 | spline | 3 | 3 ± 0 | 2 ± 0 | 2 ± 0 | 4 to 4 of 5 | 0.03* |" in text
    )
    assert "| 0.1 | 3 | 1000 | 0.4 | 0.50 | 0.67 | 0.50 | 1.07 | 0.31 |" in text
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


@pytest.mark.parametrize("rounds, names", [(0, ["he_normal"]), (1, ["spline", "he_normal"])])
def test_starts_and_trainings_are_timed_apart(rounds, names, monkeypatch, capsys):
    small = sweep_cells.expand(SMOKE, TINY)
    monkeypatch.setattr(growth_child.sweep_cells, "expand", lambda config: small)
    monkeypatch.setattr(growth_child, "STEPS", 5)
    growth_child.main("friedman1-2000", rounds, *names)
    found = json.loads(capsys.readouterr().out)
    assert list(found["contenders"]) == names and found["load_average"] >= 0
    for told in found["contenders"].values():
        assert told["steps"] == 6  # two epochs of three batches
        for what in ("start", "training"):
            assert [set(spent) for spent in told[what]] == [{"clock", "processor"}]


def test_each_contender_is_timed_cold_by_itself_and_warm_with_the_others(monkeypatch):
    calls = []

    def child(cell, rounds, names):
        calls.append((cell, rounds, names))
        return {"contenders": {name: rounds for name in names}, "load_average": 2.0}

    monkeypatch.setattr(growth, "_child", child)
    found = growth.timed("a", ["spline", "he_normal"], 5)
    assert calls == [
        ("a", 0, ["spline"]),
        ("a", 0, ["he_normal"]),
        ("a", 5, ["spline", "he_normal"]),
    ]
    assert found["cold"] == {"spline": 0, "he_normal": 0}
    assert found["warm"] == {"spline": 5, "he_normal": 5} and found["load_average"] == 2.0
