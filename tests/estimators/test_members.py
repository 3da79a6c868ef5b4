"""Estimators of several members: the same doors, and intervals."""

import pickle

import numpy as np
import pytest

import spline_fc as sfc
from tests.estimators.rows import SMALL, houses, numbers

MANY = {**SMALL, "members": 3, "learning_rate": 0.003}


@pytest.fixture(scope="module")
def many():
    return sfc.SplineFCRegressor(**MANY).fit(*houses())


def test_the_mean_of_the_members_predicts_and_bounds(many):
    frame, price = houses(seed=1)
    assert many.score(frame, price) > 0.9 and many.model_.held_out.num_members == 3
    found = many.predict(frame)
    lower, upper = many.predict_interval(frame)
    assert lower.shape == found.shape and (lower < found).all() and (found < upper).all()
    assert ((lower <= price) & (price <= upper)).mean() > 0.8
    narrow = many.predict_interval(frame, 0.5, "scaled")
    assert (narrow[1] - narrow[0]).mean() < (upper - lower).mean()


def test_other_doors_take_the_one_network_that_they_are(many, tmp_path):
    frame, _ = houses(20, seed=1)
    module, variables = many.to_linen()
    raw = sfc.encode(many.model_.encoding, many._rows(frame))
    came = np.asarray(module.apply(variables, raw))[:, 0]
    np.testing.assert_allclose(came, many.predict(frame), rtol=1e-4)
    again = pickle.loads(pickle.dumps(many))
    np.testing.assert_array_equal(again.predict_interval(frame), many.predict_interval(frame))
    many.model_.save(tmp_path / "m.npz")
    loaded = sfc.load_model(tmp_path / "m.npz")
    np.testing.assert_array_equal(loaded.predict_interval(frame), many.predict_interval(frame))
    assert "the mean of 3 (8)" in loaded.summary() and "test rows" not in loaded.summary()
    found = many.explain(frame, 3)
    total = found.reference_value + found.contribution.sum(axis=0)
    np.testing.assert_allclose(total, found.prediction)
    assert many.knots() and np.isfinite(many.gcv_)


def test_a_weight_of_two_is_two_copies_in_every_member():
    x, y = numbers()
    weight = np.random.default_rng(0).choice(3, len(y), p=[0.1, 0.6, 0.3])
    copies = np.random.default_rng(1).permutation(np.repeat(np.arange(len(y)), weight))
    weighted = sfc.SplineFCRegressor(**MANY).fit(x, y, weight)
    repeated = sfc.SplineFCRegressor(**MANY).fit(x[copies], y[copies])
    np.testing.assert_array_equal(weighted.predict(x), repeated.predict(x))
    np.testing.assert_array_equal(weighted.predict_interval(x), repeated.predict_interval(x))


def test_sets_hold_the_labels_that_are_predicted():
    x, y = numbers()
    labels = np.digitize(y, np.quantile(y, [1 / 3, 2 / 3]))
    fitted = sfc.SplineFCClassifier(**MANY).fit(x, labels)
    found = fitted.predict_set(x)
    assert found.shape == (len(x), 3) and found.any(axis=1).all()
    assert found[np.arange(len(x)), fitted.predict(x)].all()
    assert found[np.arange(len(x)), labels].mean() > 0.85
    assert fitted.score(x, labels) > 0.8


@pytest.mark.parametrize(
    "options, told",
    [
        ({"members": 0}, "members must be an integer >= 1; got 0"),
        ({"early_stopping": False}, "early_stopping must be True with 3 members"),
        ({"refit": True}, "refit must be False with 3 members"),
    ],
)
def test_options_that_do_not_go_together_are_named(options, told):
    with pytest.raises(ValueError, match=told):
        sfc.SplineFCRegressor(**{**MANY, **options}).fit(*numbers())


def test_few_rows_have_no_members():
    with pytest.raises(ValueError, match="X must have 40 distinct rows for members > 1; got 39"):
        sfc.SplineFCRegressor(**MANY).fit(*numbers(39))
