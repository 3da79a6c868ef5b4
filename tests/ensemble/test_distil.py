"""A small network in place of a wide one: what it returns, and what it is trained on."""

import jax
import numpy as np
import pytest
from scipy.spatial import KDTree

import spline_fc as sfc
from spline_fc import data, ensemble, network
from spline_fc.analysis.forward import output
from spline_fc.data import Weights
from spline_fc.ensemble.distil import JUDGED_ON, rows_between
from spline_fc.network.structure import from_layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 3))
DATASET = data.standardize(sfc.from_arrays(X, 40 + 8 * np.abs(X[:, :1]), seed=0))
OPTIONS = {
    "hidden_sizes": (8, 8),
    "rows": 256,
    "training_config": {"epochs": 12, "warmup_epochs": 1},
    "learning_rates": (3e-3, 1e-2),
}


def members(outputs, seed=0):
    """Four stacked networks whose outputs are of no unit scale."""
    rng = np.random.default_rng(seed)
    first = rng.normal(size=(4, 3, 6)), rng.normal(size=(4, 6))
    last = 30 * rng.normal(size=(4, 6, outputs)), 900 + rng.normal(size=(4, outputs))
    return from_layers([first, last], np.float32)


@pytest.fixture(scope="module")
def distilled():
    teacher = network.merge_params(members(1))
    return teacher, ensemble.distil_network(0, teacher, DATASET, **OPTIONS)


def test_the_student_returns_what_the_teacher_returns(distilled):
    teacher, found = distilled
    assert network.layer_sizes(found.params) == (3, 8, 8, 1)
    wanted, came = (output(params, DATASET.test.x) for params in (teacher, found.params))
    assert ((came - wanted) ** 2).mean() < 0.05 * wanted.var()
    assert found.error.shape == (1,) and 0 < found.error[0] < 0.05
    began = found.result.history["validation_loss"][0, :, 0].min()
    assert found.error[0] < began
    assert found.learning_rate in OPTIONS["learning_rates"]
    assert found.fit is not None and "lacks" in str(found)


def test_the_error_is_that_on_the_rows_it_was_judged_on(distilled):
    teacher, found = distilled
    best = found.result.history["validation_loss"].min()
    assert np.isclose(found.error[0], best, rtol=0.05)  # outputs have deviation 1, about


def test_targets_and_test_rows_have_no_say(distilled):
    teacher, found = distilled
    blind = DATASET._replace(
        train=DATASET.train._replace(y=np.zeros_like(DATASET.train.y)),
        test=DATASET.validation,
    )
    again = ensemble.distil_network(0, teacher, blind, **OPTIONS)
    jax.tree.map(np.testing.assert_array_equal, again.params, found.params)


def test_drawn_rows_lie_about_known_ones():
    rng = np.random.default_rng(0)
    x = np.concatenate([RNG.normal(size=(40, 2)), 1000 + RNG.normal(size=(40, 2))])
    x = np.column_stack([x, np.repeat([0.0, 1.0], 40)])  # a column that neighbours share
    drawn = rows_between(rng, x, 500)
    assert drawn.shape == (500, 3)
    assert np.isin(drawn[:, 2], (0, 1)).all()
    np.testing.assert_array_equal(drawn[:, 2], drawn[:, 0] > 500)
    usual = KDTree(x).query(x, 7)[0][:, -1].max()
    assert KDTree(x).query(drawn)[0].max() <= 2 * usual
    assert len(np.unique(drawn, axis=0)) > 300


def test_rows_are_drawn_as_often_as_their_weights_say():
    x = np.array([[0.0], [0.0], [10.0], [20.0]])
    drawn = rows_between(np.random.default_rng(0), x, 200, np.array([1.0, 1.0, 0.0, 0.0]))
    assert ((drawn >= -20) & (drawn <= 20)).all() and drawn.mean() < 5
    count = JUDGED_ON
    ones = rows_between(np.random.default_rng(1), x, count)
    heavy = rows_between(np.random.default_rng(1), x, count, np.array([0.0, 0.0, 1.0, 9.0]))
    assert heavy.mean() > ones.mean() + 5


def test_rows_of_weight_zero_are_no_centre():
    held = DATASET._replace(
        weights=Weights(*(np.r_[1.0, np.zeros(len(part.x) - 1)] for part in DATASET[4:7]))
    )
    teacher = network.merge_params(members(1))
    found = ensemble.distil_network(0, teacher, held, **OPTIONS)
    assert found.error[0] < 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"teacher": members(1)}, r"params/Dense_0/kernel must have shape"),
        ({"teacher": network.merge_params(members(2))}, "dataset must have 2 targets, as the tea"),
        ({"rows": 0}, "rows must be"),
        ({"seed": -1}, "seed must be"),
        ({"start": "nothing"}, "start must be one of"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    call = {"seed": 0, "teacher": network.merge_params(members(1)), "dataset": DATASET, **OPTIONS}
    with pytest.raises(ValueError, match=message):
        ensemble.distil_network(**{**call, **change})


def test_one_row_and_constant_teachers_are_named():
    with pytest.raises(ValueError, match="x must have two distinct rows at least; got 1"):
        rows_between(np.random.default_rng(0), np.ones((5, 2)), 3)
    silent = jax.tree.map(np.zeros_like, network.merge_params(members(1)))
    with pytest.raises(ValueError, match="teacher must return outputs that vary"):
        ensemble.distil_network(0, silent, DATASET, **OPTIONS)
    with pytest.raises(TypeError, match="dataset"):
        ensemble.distil_network(0, silent, X, **OPTIONS)
