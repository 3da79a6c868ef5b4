"""Contributions sum to the prediction, and are what shape functions say where there are some."""

import numpy as np
import pytest

import spline_fc as sfc
from spline_fc import analysis
from spline_fc.model.explanation import Explanation
from tests.model.houses import additive, fitted, table


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
def test_contributions_sum_to_the_prediction(task):
    model, _ = fitted(task)
    frame, _ = table()
    for row in (0, 7):
        found = model.explain(frame, row)
        assert found.columns == ("area", "tree", "lit", "sold")
        total = found.reference_value + found.contribution.sum(axis=0)
        np.testing.assert_allclose(total, found.prediction, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(found.prediction, model.outputs(frame)[row], rtol=1e-12)
    assert found.scale == ("target units" if task == "regression" else "logit")


def test_contributions_of_an_additive_model_are_differences_of_its_shapes():
    model = additive(fitted("regression", ("spline",))[0])
    frame, _ = table()
    found, x = model.explain(frame, 3), sfc.encode(model.encoding, frame)[3]
    mean = model.scaler.x_shift.copy()
    for column, contribution in zip(model.columns(), found.contribution[:, 0], strict=True):
        moved, places = mean.copy(), list(column.places)
        moved[places] = x[places]
        pair = model._replace(encoding=None).predict(np.stack([moved, mean]))
        np.testing.assert_allclose(contribution, pair[0] - pair[1], atol=1e-4)


def test_a_row_is_told_as_people_write_it_and_clipped_where_it_was():
    model, _ = fitted("regression", extrapolate="clip")
    frame, _ = table()
    row = {"area": 1e3, "tree": "fir", "lit": "no", "sold": frame["sold"][0]}
    found = model.explain(row)
    day = str(frame["sold"][0].date())
    assert found.values == ("1000", "(none of its levels)", "no", day)
    assert found.clipped == ("area",) and not model.explain(frame).clipped
    assert model.explain(frame.iloc[0]).values == model.explain(frame).values
    with pytest.raises(ValueError, match="row must be one of the 120 there are, from 0; got 120"):
        model.explain(frame, 120)


def test_columns_are_ranked_by_their_share_in_each_output():
    found = Explanation(
        *(("a", "b", "c"), ("1", "2", "3"), ("euros", "metres"), "target units"),
        *(np.zeros(2), np.zeros(2), np.array([[500.0, 0.1], [-900, 0.2], [10, -4]]), ()),
    )
    assert found.order().tolist() == [2, 1, 0]  # c moves the metres by 93 %, b the euros by 64 %
    assert [line.split()[0] for line in str(found).splitlines()[2:]] == ["c", "b", "a"]


def test_the_way_from_the_reference_is_integrated_exactly():
    sizes = {"hidden_sizes": (8, 8), "key": 0}
    x = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    params = sfc.init_params("he_normal", sizes["key"], x, x[:, :2], sizes["hidden_sizes"])
    found = analysis.explain_difference(params, x[0], reference=x[1])
    steps = (np.arange(20_000) + 0.5) / 20_000
    path = x[1] + steps[:, None] * (x[0] - x[1]).astype(np.float64)
    for j in range(3):
        step = np.zeros(3)
        step[j] = 1e-5
        slope = (network_output(params, path + step) - network_output(params, path - step)) / 2e-5
        wanted = (x[0, j] - x[1, j]) * slope.mean(axis=0)
        np.testing.assert_allclose(found.contribution[j], wanted, atol=1e-3)
    total = found.reference_value + found.contribution.sum(axis=0)
    np.testing.assert_allclose(total, found.prediction, atol=1e-12)
    linear = {"Dense_0": {"kernel": np.array([[2.0], [3.0]]), "bias": np.array([1.0])}}
    assert analysis.explain_difference(linear, [1.0, 2.0]).contribution.tolist() == [[2.0], [6.0]]


def network_output(params, x):
    return analysis.forward.output(params, x)
