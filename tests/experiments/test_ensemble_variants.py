"""The table of what makes members differ: a variant is measured, a record makes a table."""

from experiments import ensemble_variants
from tests.ensemble.problems import table


def test_a_variant_is_measured(monkeypatch):
    monkeypatch.setattr(ensemble_variants, "SIZES", (8, 8))
    monkeypatch.setattr(ensemble_variants, "TRAINING", {"epochs": 3, "batch_size": 16})
    found = ensemble_variants.measure(table(), 0, {"members": 2})
    assert found["ensemble"] <= found["members"] and found["seconds"] > 0
    assert -1 <= found["correlation"] <= 1


def test_errors_are_told_over_those_of_the_first_variant():
    def run(error):
        return {"members": 2 * error, "correlation": 0.5, "ensemble": error, "seconds": 1.0}

    base = {variant: [run(0.1), run(0.2)] for variant in ensemble_variants.VARIANTS}
    record = {"sets": {"a": {**base, "He": [run(0.2), run(0.2)]}, "b": {**base}}}
    found = {variant: cells for variant, *cells in ensemble_variants.rows(record)}
    assert found["bootstrap rows"] == ["2.000", "0.50", "1.000", "1.000", "1.000"]
    assert found["He"] == ["2.378", "0.50", "1.189", "1.414", "1.000"]
