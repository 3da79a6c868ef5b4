"""The importance of features."""

import jax
import numpy as np
import pytest

from spline_fc.analysis.decomposition import component_values, decompose
from spline_fc.analysis.forward import output
from spline_fc.analysis.importance import (
    compare_importance,
    mean_contribution,
    permutation_importance,
    squared_error,
)
from spline_fc.cpwl import evaluate, fit_classes, fit_mars, importance
from spline_fc.network import to_params
from tests.analysis.splines import plain_output, random_network, random_spline

KEY = jax.random.key(3)


@pytest.fixture(scope="module")
def problem() -> tuple:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 3)).astype(np.float32)
    y = (3 * np.maximum(x[:, :1], 0) + np.abs(x[:, 1:2])).astype(np.float32)
    return x, y, fit_mars(x, y, max_terms=9)


def test_permutation_is_what_the_error_rises_by(problem):
    x, y, _ = problem
    params, x = random_network((3, 5, 1), 0), np.asarray(x, np.float64)
    found = permutation_importance(params, x, y, key=KEY, repeats=3)
    assert found.baseline == squared_error(y, output(params, x))
    assert found.values.shape == (3, 3) and (found.deviation > 0).all()
    np.testing.assert_allclose(found.mean, found.values.mean(axis=0))
    # For shuffles that are independent of the rest the rise has a known mean: all pairs of rows.
    every = np.empty(3)
    for j in range(3):
        moved = np.repeat(x[None], 300, axis=0)
        moved[:, :, j] = x[:, j][:, None]
        errors = (output(params, moved.reshape(-1, 3)).reshape(300, 300) - y[:, 0]) ** 2
        every[j] = errors.mean() - found.baseline
    many = permutation_importance(params, x, y, key=KEY, repeats=100)
    assert (np.abs(many.mean - every) < 4 * many.deviation / 10).all()
    assert (np.abs(many.mean - every) < 0.1).all() and np.abs(every).max() > 1


def test_a_key_repeats_its_shuffles_and_an_unread_column_has_none(problem):
    x, y, _ = problem
    spline = random_spline(0, d=3, degree=2, k=1)
    spline = spline._replace(feature=np.minimum(spline.feature, 1))
    one, same, other = (
        permutation_importance(spline, x, y, key=k, repeats=2)
        for k in (KEY, KEY, jax.random.key(4))
    )
    np.testing.assert_array_equal(one.values, same.values)
    assert (one.values[:, :2] != other.values[:, :2]).any()
    np.testing.assert_array_equal(one.values[:, 2], 0)


def test_any_metric_and_any_function_will_do(problem):
    x, y, fit = problem

    def worst(wanted, given):
        return np.abs(wanted - given).max()

    found = permutation_importance(
        lambda rows: np.asarray(evaluate(fit.spline, rows.astype(np.float32)))[:, 0],
        x,
        y,
        key=KEY,
        metric=worst,
    )
    same = permutation_importance(fit.spline, x, y, key=KEY, metric=worst)
    np.testing.assert_allclose(found.values, same.values, atol=1e-5)
    assert same.mean[0] > same.mean[1] > 0.1


def test_a_spline_of_classes_is_judged_by_its_log_loss(problem):
    x, y, _ = problem
    labels = (y > 1).astype(np.float64)
    fit = fit_classes(x, labels, max_terms=5, passes=0)
    found = permutation_importance(fit, x, labels, key=KEY, repeats=1)
    p = 1 / (1 + np.exp(-np.asarray(evaluate(fit, x), np.float64)))
    wanted = -np.mean(np.where(labels == 1, np.log(p), np.log(1 - p)))
    np.testing.assert_allclose(found.baseline, wanted, rtol=1e-5)
    models = {"spline": fit, "network": to_params(fit)}
    table = compare_importance(models, x, labels, key=KEY, fit=fit, repeats=1)
    np.testing.assert_allclose(table.value[:, 0], found.mean)
    np.testing.assert_allclose(table.value[:, 2], found.mean, atol=1e-5)


def test_contributions_of_an_additive_model_are_its_centred_shapes():
    spline, x = random_spline(1, degree=1), np.random.default_rng(1).normal(size=(60, 4))
    found = decompose(spline, x)
    values = dict(zip(found.components, component_values(found, x).swapaxes(0, 1), strict=True))
    contributions = mean_contribution(spline, x, points=60)
    for j in range(4):
        wanted = np.abs(values.get((j,), np.zeros((60, 2)))).mean(axis=0)
        np.testing.assert_allclose(contributions[j], wanted, atol=1e-12)


def test_contributions_are_against_the_feature_redrawn_from_its_column():
    spline, x = random_spline(2, degree=2), np.random.default_rng(1).normal(size=(40, 4))
    x[:, 3] = x[:, 3] > 0  # two values: any number of points takes both with their frequencies
    found = mean_contribution(spline, x, points=40)
    given = plain_output(spline, x)
    for j in range(4):
        moved = np.repeat(x[None], 40, axis=0)
        moved[:, :, j] = x[:, j][:, None]
        mean = plain_output(spline, moved.reshape(-1, 4)).reshape(40, 40, 2).mean(axis=0)
        np.testing.assert_allclose(found[j], np.abs(given - mean).mean(axis=0), atol=1e-12)
    coarse = mean_contribution(spline, x, points=8)
    np.testing.assert_allclose(coarse[3], found[3], atol=1e-12)
    np.testing.assert_allclose(coarse, found, rtol=0.15, atol=0.02)


def test_spline_and_its_network_stand_side_by_side_with_the_fit(problem):
    x, y, fit = problem
    models = {"spline": fit.spline, "network": to_params(fit)}
    found = compare_importance(models, x, y, key=KEY, fit=fit, feature_names=["a", "b", "c"])
    assert found.columns == (
        "spline: permutation",
        "spline: contribution",
        "network: permutation",
        "network: contribution",
        "nsubsets",
        "gcv",
        "rss",
    )
    np.testing.assert_allclose(found.value[:, :2], found.value[:, 2:4], atol=1e-5)
    np.testing.assert_array_equal(found.value[:, 4:], np.stack(importance(fit), axis=1))
    assert list(np.argsort(-found.value[:, 0])[:2]) == [0, 1]
    lines = str(found).splitlines()
    assert "network: contribution" in lines[1] and lines[2].split()[0] == "a"


def test_levels_of_one_column_count_together():
    rng = np.random.default_rng(2)
    level, other, worth = rng.integers(0, 3, 200), rng.normal(size=200), np.array([0.0, 1, 5])
    x = np.column_stack([np.eye(3)[level], other])
    y, groups = worth[level] + other, {"kind": [0, 1, 2], "other": [3]}

    def model(rows):
        return rows[:, :3] @ worth + rows[:, 3]

    def by_level(rows):  # the same function of two columns
        return worth[rows[:, 0].astype(int)] + rows[:, 1]

    plain = np.column_stack([level, other])
    found = permutation_importance(model, x, y, key=KEY, groups=groups)
    wanted = permutation_importance(by_level, plain, y, key=KEY)
    np.testing.assert_allclose(found.values, wanted.values)
    np.testing.assert_allclose(
        mean_contribution(model, x, groups=groups), mean_contribution(by_level, plain)
    )
    table = compare_importance({"m": model}, x, y, key=KEY, groups=groups)
    assert table.feature_names == ("kind", "other") and table.value.shape == (2, 2)
    for wrong in (
        {"kind": [0, 1]},
        {"kind": [0, 1, 2, 3], "none": []},
        {"a": [0, 1], "b": [1, 2, 3]},
    ):
        with pytest.raises(ValueError, match="groups must name each of 4 columns once"):
            permutation_importance(model, x, y, key=KEY, groups=wrong)


def test_wrong_arguments_are_named(problem):
    x, y, fit = problem
    with pytest.raises(ValueError, match="y must have 300 rows, as x has; got 299"):
        permutation_importance(fit.spline, x, y[1:], key=KEY)
    with pytest.raises(ValueError, match=r"y must have shape \(300, 1\)"):
        permutation_importance(fit.spline, x, np.hstack([y, y]), key=KEY)
    with pytest.raises(ValueError, match="y must be finite"):
        permutation_importance(fit.spline, x, y * np.nan, key=KEY)
    with pytest.raises(ValueError, match="x must be finite"):
        mean_contribution(fit.spline, x * np.inf)
    with pytest.raises(ValueError, match="x must have at least one row"):
        mean_contribution(fit.spline, x[:0])
    with pytest.raises(ValueError, match="x must have 3 columns"):
        mean_contribution(random_network((3, 4, 1), 0), x[:, :2])
    with pytest.raises(ValueError, match="repeats must be an integer >= 1"):
        permutation_importance(fit.spline, x, y, key=KEY, repeats=0)
    with pytest.raises(ValueError, match="models must hold at least one model"):
        compare_importance({}, x, y, key=KEY)
    with pytest.raises(ValueError, match="feature_names must be 3, one for each column; got 1"):
        compare_importance({"s": fit.spline}, x, y, key=KEY, repeats=1, feature_names=["a"])
    with pytest.raises(ValueError, match="output must be below 1; got 1"):
        compare_importance({"s": fit.spline}, x, y, key=KEY, repeats=1, output=1)
    with pytest.raises(ValueError, match="model must return"):
        mean_contribution(lambda rows: rows[:3], x)
