"""The figures of the guide to estimators: a case is fitted and scored, a record makes a table."""

import pandas as pd
import pytest

import spline_fc as sfc
from experiments import estimators
from experiments.estimators import Case, Rows
from tests.estimators.rows import houses


@pytest.fixture(scope="module")
def rows():
    frame, price = houses(160)
    return Rows(frame[:120], price[:120], frame[120:], price[120:])


def test_a_case_is_fitted_to_the_rows_that_were_drawn_and_makes_a_line(rows):
    case = Case("houses", "MARSRegressor", 80, 1, {"max_terms": 5})
    found = estimators.measure(case, rows)
    assert found["rows"] == [80, 40] and 0.5 < found["scores"]["R2"] < 1 and found["seconds"] > 0
    other = estimators.measure(case._replace(seed=2), rows)
    assert other["scores"] != found["scores"]
    cells = estimators.line(found | {"seconds": 2.4, "scores": {"R2": 0.9, "MAE": 314.2}})
    assert cells[:2] == ["houses, drawn by seed 1", "80, 40"]
    assert cells[2:] == ["`MARSRegressor(max_terms=5)`", "R2 0.900, MAE 314", "2"]


def test_classes_are_scored_by_their_probabilities(rows):
    class Known:
        classes_ = ["cheap", "dear"]

        def predict_proba(self, x):
            return pd.DataFrame({"cheap": 0.25, "dear": 0.75}, index=x.index).to_numpy()

        def score(self, x, y):
            return 0.5

    labels = rows.y_test.gt(rows.y_test.median()).map({True: "dear", False: "cheap"})
    found = estimators.scores(Known(), rows._replace(y_test=labels))
    assert found["AUC"] == 0.5 and found["accuracy"] == 0.5
    assert found["log loss"] == pytest.approx(0.837, abs=0.001)


def test_the_cases_name_estimators_and_their_options():
    for case in estimators.CASES:
        assert set(case.options) <= set(getattr(sfc, case.estimator)().get_params())
