"""The figures of the guide to intervals: an ensemble makes a row, rows make a table."""

import numpy as np

import spline_fc as sfc
from experiments import intervals


def row(coverage, width):
    methods = {"cv+": 1.0, "minmax": 1.0, "scaled": coverage}
    own = {m: {"coverage": share, "width": width} for m, share in methods.items()}
    errors = {"rmse_out_of_fold": 2.0, "rmse_members": 2.5, "rmse": 2.25, "rmse_capped": 1.9}
    return {"set": "a", "split": 0, "rows": 10, **errors, "methods": own}


def test_an_ensemble_makes_a_row_in_the_units_of_the_target():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (150, 3))
    y = 50 * np.maximum(x[:, 0], 0) + rng.normal(0, 5, 150)
    dataset = sfc.from_arrays(x, y)
    options = {"members": 2, "training_config": {"epochs": 2}, "learning_rates": (0.003,)}
    found = intervals.interval_row(sfc.train_ensemble(0, dataset, (8,), **options), dataset)
    assert found["rows"] == len(dataset.test.x) and found["known"] == 150 - found["rows"]
    assert 3 < found["rmse_out_of_fold"] < 15 and 3 < found["rmse"] < found["rmse_members"] < 15
    assert 3 < found["rmse_capped"] <= 1.1 * found["rmse_out_of_fold"]
    for own in found["methods"].values():
        assert 0.7 < own["coverage"] <= 1 and 10 < own["width"] < 60


def test_a_table_has_a_line_for_each_set():
    rows = [row(0.8, 6.0), row(0.9, 7.0), row(1.0, 8.0)]
    cells = intervals.line("a", rows)
    assert cells[:2] == ["a", "3, 30"] and cells[2] == "100.0 ± 0.0, 1.06"
    assert cells[4] == "90.0 ± 5.8, 1.06"  # 0.1 / sqrt(3); 7 / (2 * 1.645 * 2)
    assert cells[5:] == ["0.80", "0.90", "0.950"]
    assert intervals.line("a", rows[1:2])[4] == "90.0 ± 9.5, 1.06"  # sqrt(0.9 * 0.1 / 10)
