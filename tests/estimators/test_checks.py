"""scikit-learn's own checks of all four, their counts told in the log."""

import collections

import pytest
from sklearn.utils.estimator_checks import check_estimator

import spline_fc as sfc

# No check is expected to fail. Weights and repeated rows give the same bits though networks are
# trained in random batches, as rows that are equal become one before anything else is done.
SMALL = {"hidden_sizes": (8,), "max_terms": 5, "directions": ()}
ESTIMATORS = [
    sfc.MARSRegressor(max_terms=5),
    sfc.MARSTransformer(max_terms=5),
    sfc.SplineFCRegressor(**SMALL, epochs=5),
    sfc.SplineFCClassifier(**SMALL, epochs=5, refit=False),
]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_checks_of_scikit_learn(estimator, capsys):
    found = check_estimator(estimator, on_skip=None, on_fail=None)
    counts = collections.Counter(check["status"] for check in found)
    told = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    with capsys.disabled():
        print(f"\ncheck_estimator({type(estimator).__name__}): {told}", end="")
    failed = {c["check_name"]: repr(c["exception"]) for c in found if c["status"] == "failed"}
    assert not failed
    assert counts["passed"] > 50
