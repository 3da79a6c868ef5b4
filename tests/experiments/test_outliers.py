"""Rows beyond the training rows, and the distance of a network from its spline."""

import numpy as np
import pytest

import spline_fc as sfc
from experiments import equivalence, outliers


def test_rows_beyond_are_told_apart_and_pulled_in(monkeypatch):
    monkeypatch.setattr(outliers, "SIZES", (8, 8))
    monkeypatch.setattr(outliers, "STEPS", 3)
    load = sfc.load("friedman1", seed=0, num_train=120, num_validation=40, num_test=50)
    x = load.test.x.copy()
    x[:2, 0], x[2, 1] = 1e4, -1e4  # features of these lie between 0 and 1
    far = load._replace(test=load.test._replace(x=x))
    monkeypatch.setattr(outliers.sfc, "load", lambda source, seed: far)
    found = outliers.measure("diamonds", 0)
    rows = load.train.x
    near = ((x >= rows.min(axis=0)) & (x <= rows.max(axis=0))).all(axis=1)
    assert found["rows"] == 50 and found["beyond"] == 50 - near.sum() >= 3
    for errors in found["starts"].values():
        assert errors["all"] > 10 * errors["pulled in"] and errors["within"] < errors["all"]
        widths = list(errors["test"].values())
        assert widths[0] == errors["pulled in"] and widths[1] < widths[-1] == errors["all"]


def test_ratios_are_of_mean_errors_and_absent_ones_are_shown_as_such():
    def split(ours, his, within):
        told = [{"all": error, "within": within, "pulled in": error / 2} for error in (ours, his)]
        for one in told:
            one["validation"] = {str(margin): 4.0 for margin in outliers.MARGINS[:-1]}
            one["validation"] |= {"0.1": 1.0 + (ours == 2.0), outliers.STRAIGHT: 4.0}
        return {"rows": 10, "beyond": 3, "starts": dict(zip(outliers.STARTS, told, strict=True))}

    record = {
        "sets": {"a": [split(1.0, 2.0, 1.0), split(2.0, 1.0, 1.0)], "b": [split(3.0, 1.0, None)]},
        "date": "2026-01-01",
        "processor": "abacus",
        "environment": dict.fromkeys(("jax", "flax", "optax", "numpy", "cpu_count"), "1"),
    }
    assert outliers.ratio(record, "a", "all") == 1 and np.isnan(
        outliers.ratio(record, "b", "within")
    )
    text = outliers.table(record)
    assert "| a | 10 | 3 | 1.000 | 1.000 | 1.000 | 0.500 (0.500 to 0.500) |" in text
    assert "| b | 10 | 3 | 3.000 | - | 3.000 |" in text
    assert "| 10 % | 0.306 | 0.500 | 0.306 | 0.500 |" in text
    assert "| 5 % | 1.000 | 1.000 |" in text


def test_a_network_is_as_near_its_spline_as_rounding_lets_it(monkeypatch):
    monkeypatch.setattr(equivalence, "SHAPES", ((16, 8),))
    found = equivalence.measure("diabetes", 0)
    (cell,) = found["shapes"]
    assert found["rows"] == 442 and cell["terms"] > 1
    assert 0 < cell["network"] < 1e-5 and 0 < cell["spline"] < 1e-5
    record = {"sets": {"diabetes": [found]}}
    assert equivalence.worst(record) == cell["network"]


def test_a_network_that_is_another_function_is_seen(monkeypatch):
    monkeypatch.setattr(equivalence, "SHAPES", ((16, 8),))
    apply = sfc.apply_params
    monkeypatch.setattr(equivalence.sfc, "apply_params", lambda p, x: apply(p, x) + 1e-2)
    (cell,) = equivalence.measure("diabetes", 0)["shapes"]
    assert cell["network"] == pytest.approx(1e-2, rel=1e-2)
