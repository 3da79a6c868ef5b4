"""Directions where rows held out say that they pay, hinges on features alone where not."""

import math
import sys

import jax
import numpy as np
import pytest

from spline_fc import cpwl, network

KEY = jax.random.key(0)
SIZES = (24,)
HOME = sys.modules["spline_fc.network.spline_start"]  # its function has the same name
QUICK = {"max_terms": 21}


def rows(number=400, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(number, 4)), 0.1 * rng.normal(size=number)


def start(x, y, **options):
    return network.spline_start(KEY, x, y, SIZES, **{**QUICK, **options})


@pytest.fixture(scope="module")
def oblique():
    x, noise = rows()
    return x, np.abs(x @ [1, 1, 0, 0] - 0.3) + noise


@pytest.fixture(scope="module")
def additive():
    x, noise = rows()
    return x, np.abs(x[:, 0]) + np.sin(2 * x[:, 1]) + noise


@pytest.fixture(scope="module")
def chosen(oblique):
    return start(*oblique)


def test_an_oblique_target_is_bent_along_directions(chosen):
    choice = chosen.directions
    assert choice.taken and choice.error_with < 0.5 * choice.error_without
    assert chosen.fit.spline.projection.shape[1] > 0


def test_an_additive_target_keeps_to_its_features(additive):
    found = start(*additive)
    assert not found.directions.taken
    assert 0.05 < found.directions.error_without < 0.3  # of a deviation, as the noise is 0.1
    assert found.fit.spline.projection.shape == (4, 0)


def test_the_spline_is_that_of_the_same_directions_asked_for(oblique, additive, chosen):
    wanted = start(*oblique, directions=network.DIRECTIONS_OF["regression"])
    assert math.isnan(wanted.directions.error_with) and "asked for" in wanted.directions.reason
    jax.tree.map(np.testing.assert_array_equal, wanted.params, chosen.params)
    pair = (start(*additive, directions=own).params for own in ((), None))
    jax.tree.map(np.testing.assert_array_equal, *pair)


def test_one_key_one_choice_and_the_errors_are_of_the_draw(oblique, chosen):
    assert start(*oblique).directions == chosen.directions
    other = network.spline_start(1, *oblique, SIZES, **QUICK).directions
    assert other.taken and other.error_with != chosen.directions.error_with


def test_neither_units_nor_the_order_of_columns_decide(oblique, chosen):
    x, y = oblique
    order = [2, 0, 3, 1]
    for changed in (x[:, order], x * [1, 0.25, 8, 64]):
        found = start(changed, 4 * y - 32).directions
        assert found.taken
        np.testing.assert_allclose(found[1:3], chosen.directions[1:3], rtol=1e-2)


def test_a_weight_of_two_is_worth_a_copy(oblique):
    x, y = oblique
    weights = np.repeat([1, 2, 0], [200, 150, 50])
    copies = np.repeat(np.arange(400), weights)
    weighted = start(x, y, weights=weights).directions
    repeated = start(x[copies], y[copies]).directions
    np.testing.assert_allclose(weighted[1:3], repeated[1:3], rtol=0.1)
    assert weighted.taken and repeated.taken


def fits_of(monkeypatch, *data, **options):
    """(rows, directions, knots) of every fit that a start makes."""
    seen = []

    def spy(x, y, **given):
        seen.append((len(x), given["directions"], given.get("knots")))
        return cpwl.fit_mars(x, y, **given)

    monkeypatch.setattr(HOME, "fit_mars", spy)
    start(*data, **options)
    monkeypatch.undo()
    return seen


def test_two_fits_more_and_those_are_of_few_rows(monkeypatch, oblique):
    wanted = network.DIRECTIONS_OF["regression"]
    told = fits_of(monkeypatch, *oblique)
    assert told == [(267, (), 32), (267, wanted, 32), (400, wanted, None)]
    assert fits_of(monkeypatch, *oblique, directions=()) == [(400, (), None)]
    monkeypatch.setattr(network.choice, "MOST_ROWS", 90)
    assert [n for n, *_ in fits_of(monkeypatch, *oblique)] == [60, 60, 400]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (dict(screen=0), "other options"),
        (dict(linear=("ols 1",)), "other options"),
        (dict(allowed=((0, 4),)), "other options"),
    ],
)
def test_options_that_speak_of_directions_have_them(oblique, options, why):
    choice = start(*oblique, **options).directions
    assert choice.taken and why in choice.reason


def test_options_of_features_are_held_to_those_alone(oblique):
    choice = start(*oblique, linear=("x3",), allowed=((0, "x1"),)).directions
    assert choice.taken and choice.error_with < choice.error_without


def test_of_many_columns_nobody_reads_the_shapes(monkeypatch):
    x = np.random.default_rng(0).normal(size=(300, network.choice.MOST_COLUMNS + 1))
    seen = fits_of(monkeypatch, x, np.abs(x[:, 0]), max_terms=3)
    assert [directions for _, directions, _ in seen] == [network.DIRECTIONS_OF["regression"]]


@pytest.mark.parametrize("number", [10, 25, 40])
def test_too_few_rows_to_ask_keep_to_the_features(number):
    x, noise = rows(number)
    choice = start(x, np.abs(x @ [1, 1, 0, 0]) + noise).directions
    assert not choice.taken and "too few rows" in choice.reason


def test_copies_are_no_rows_to_ask():
    x, noise = rows(40)
    x, y = np.tile(x, (5, 1)), np.tile(np.abs(x @ [1, 1, 0, 0]) + noise, 5)
    assert "too few rows" in start(x, y).directions.reason


def test_one_row_far_off_does_not_decide(additive):
    x, y = additive
    losses = np.full(100, 1.0), np.full(100, 1.0)
    losses[0][7] = 500.0  # features alone go wild on one row
    judge = network.choice._judged
    assert not judge(*losses, np.ones(100), "regression").taken
    assert judge(losses[1], 0.8 * losses[1], np.ones(100), "regression").taken
    assert not judge(losses[1], 0.95 * losses[1], np.ones(100), "regression").taken  # 2.5 % in RMSE


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_classes_are_asked_by_their_log_loss(task):
    x, noise = rows(600)
    labels = np.array([0, 1, 0] if task == "binary" else [0, 1, 2, 0])  # bands across
    for values, taken in ((x @ [0.6, -0.6, 0.6, 0], True), (x[:, 0], False)):
        label = labels[np.digitize(values + noise, [0, 0.8, 1.6][: labels.size - 1])]
        choice = start(x, np.eye(3)[label] if task == "multiclass" else label, task=task).directions
        assert choice.taken == taken and "log loss" in choice.reason
        assert choice.error_with < 0.7


def test_a_class_of_one_row_stays_in_the_fits():
    x, noise = rows(200)
    y = np.eye(3)[np.digitize(x[:, 0] + noise, [0.2])]
    y[0] = [0, 0, 1]
    assert start(x, y, task="multiclass").directions.error_without < 1.0


def test_it_says_what_was_decided_and_why(chosen):
    assert repr(chosen.directions).startswith("Directions taken: on rows held out the RMSE")
    assert "5%" in chosen.directions.reason and "Directions taken" in repr(chosen)


def test_a_head_has_directions_without_asking(monkeypatch, oblique):
    x, y = oblique
    params = network.init_params("he_normal", 0, x, y[:, None], SIZES)
    seen = []

    def spy(*arguments, **options):
        seen.append(options["directions"])
        return network.spline_start(*arguments, **options)

    monkeypatch.setattr(sys.modules["spline_fc.network.head"], "spline_start", spy)
    network.replace_head(params, "", x, y[:, None], 0, **QUICK)
    network.replace_head(params, "", x, y[:, None], 0, directions=(), **QUICK)
    assert seen == [network.DIRECTIONS_OF["regression"], ()]
