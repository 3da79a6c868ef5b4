"""The table of what makes members differ: a variant is measured, a record makes a table."""

import types

import numpy as np

import spline_fc as sfc
from experiments import ensemble_variants
from spline_fc.ensemble import ErrorParts
from spline_fc.timing import Seconds


def test_a_variant_is_measured_with_its_options(monkeypatch):
    given = {}

    def train(seed, dataset, sizes, **options):
        given.update(options, seed=seed)
        return types.SimpleNamespace(seconds=Seconds(1.0, 2.0))

    parts = ErrorParts(np.array([1.0, 3.0]), 0.5, 1.5)
    monkeypatch.setattr(sfc, "train_ensemble", train)
    monkeypatch.setattr(sfc, "error_parts", lambda ensemble, x, y: parts)
    found = ensemble_variants.measure(sfc.load("diabetes", seed=0), 2, {"members": 16})
    assert found == {"members": 2.0, "correlation": 0.5, "ensemble": 1.5, "seconds": 3.0}
    assert given["members"] == 16 and given["seed"] == 2
    assert given["training_config"] == ensemble_variants.TRAINING


def test_errors_are_told_over_those_of_the_first_variant():
    def run(error):
        return {"members": 2 * error, "correlation": 0.5, "ensemble": error, "seconds": 1.0}

    base = {variant: [run(0.1), run(0.2)] for variant in ensemble_variants.VARIANTS}
    record = {"sets": {"a": {**base, "He": [run(0.2), run(0.2)]}, "b": {**base}}}
    found = {variant: cells for variant, *cells in ensemble_variants.rows(record)}
    assert found["bootstrap rows"] == ["2.000", "0.50", "1.000", "1.000", "1.000"]
    assert found["He"] == ["2.378", "0.50", "1.189", "1.414", "1.000"]


def test_sets_that_others_are_drawn_of():
    dataset = ensemble_variants.rows_of("friedman2", 1)
    assert [len(part.x) for part in (dataset.train, dataset.validation, dataset.test)] == [
        500,
        100,
        1000,
    ]
    assert set(ensemble_variants.DRAWN) <= set(ensemble_variants.VARIANTS)
    assert not set(ensemble_variants.OTHERS) & set(ensemble_variants.SETS)
