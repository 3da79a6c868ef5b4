"""Splines of classes: logits in a given basis, and the search that sees the log loss."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spline_fc.cpwl import (
    evaluate_float64,
    fit_classes,
    fit_from_dict,
    fit_logits,
    fit_mars,
    fit_to_dict,
    likelihood,
    probabilities_of,
)
from spline_fc.cpwl.inputs import checked_data
from spline_fc.cpwl.likelihood import RIDGES, refit_logits
from spline_fc.cpwl.rows import HostRows
from tests import oracles

N = 400
OPTIONS = {"max_terms": 9, "penalty": 3.0}


def rows(classes=2, n=N, seed=0, dtype=np.float64):
    """Features, and labels drawn from logits that bend: (n, 1), or (n, classes) above two."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3)) * [1.0, 5.0, 0.1] + [0.0, 100.0, 0.0]
    bend = np.maximum(x[:, 0], 0) * 3 - 1 + 0.3 * (x[:, 1] - 100)
    if classes == 2:
        y = (rng.logistic(size=n) < bend)[:, None]
    else:
        scores = np.stack([bend, 5 * np.abs(x[:, 2]) / 0.1 - 4, np.zeros(n)], axis=1)
        y = np.eye(3)[(scores + rng.gumbel(size=(n, 3))).argmax(axis=1)]
    return x.astype(dtype), y.astype(dtype)


def standardised(fit, x, y, weights):
    """Ones and the terms of a fit, centred and of unit deviation."""
    values = HostRows(checked_data(x, y, None)).regressors(fit.spline).values(x)
    share = weights / weights.sum()
    values = values - share @ values
    return np.column_stack([np.ones(len(x)), values / np.sqrt(share @ values**2)])


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("ridge", [1e-1, 1e-4])
@pytest.mark.parametrize("linear", [(), (1,)])
def test_logits_are_those_of_newton_on_the_whole_hessian(enable_x64, classes, ridge, linear):
    x, y = rows(classes)
    weights = np.random.default_rng(1).uniform(0.5, 2, N)
    fit = fit_mars(x, y, weights=weights, linear=linear, **OPTIONS)
    found = fit_logits(fit, x, y, weights=weights, ridge=ridge)
    design = standardised(fit, x, y, weights)
    charge = np.full(design.shape[1], ridge if classes == 2 else 2 * ridge)
    charge[0] = 0
    coef, loss = oracles.logistic(design, y, weights, charge)
    logits = design @ coef
    mine = evaluate_float64(found.spline, x)
    assert design.shape[1] > 3
    np.testing.assert_allclose(probabilities_of(mine), probabilities_of(logits), atol=1e-6)
    np.testing.assert_allclose(found.log_loss, loss, rtol=1e-8)
    if classes == 3:
        np.testing.assert_allclose(mine.sum(axis=1), 0, atol=1e-8)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("is_sorted", [False, True])
def test_steps_that_begin_on_some_rows_end_on_all(enable_x64, monkeypatch, classes, is_sorted):
    monkeypatch.setattr(likelihood, "MANY_ROWS", 200)
    counts, optimum = [], likelihood._optimum
    monkeypatch.setattr(
        likelihood, "_optimum", lambda rows, *a: counts.append(len(rows.y)) or optimum(rows, *a)
    )
    x, y = rows(classes)
    if is_sorted:
        order = np.argsort(y @ np.arange(y.shape[1]) if classes > 2 else y[:, 0], kind="stable")
        x, y = x[order], y[order]
    fit = fit_mars(x, y, **OPTIONS)
    found = fit_logits(fit, x, y, ridge=1e-3)
    assert counts == [N // likelihood.EVERY, N]
    design = standardised(fit, x, y, np.ones(N))
    charge = np.full(design.shape[1], 1e-3 if classes == 2 else 2e-3)
    charge[0] = 0
    coef, loss = oracles.logistic(design, y, np.ones(N), charge)
    mine = probabilities_of(evaluate_float64(found.spline, x))
    np.testing.assert_allclose(mine, probabilities_of(design @ coef), atol=1e-6)
    np.testing.assert_allclose(found.log_loss, loss, rtol=1e-7)


def test_an_order_of_the_rows_that_repeats_itself_has_no_say():
    count = likelihood.MANY_ROWS
    rng = np.random.default_rng(0)
    y = (np.arange(count) % likelihood.EVERY == 0).astype(float)
    x = rng.normal(size=(count, 2)) + 1.5 * y[:, None]
    order = rng.permutation(count)
    fit = fit_mars(x, y, max_terms=5)
    losses = [fit_logits(fit, x[o], y[o], ridge=1e-3).log_loss for o in (np.arange(count), order)]
    np.testing.assert_allclose(*losses, rtol=1e-6)
    assert losses[0] < 0.3  # that of the rate alone is 0.377


def test_what_the_record_says_holds_of_its_own_spline():
    x, y = rows(3)
    fit = fit_classes(x, y, **OPTIONS)
    mean = probabilities_of(evaluate_float64(fit.spline, x))
    rss, total = ((y - mean) ** 2).sum(), ((y - y.mean(0)) ** 2).sum()
    assert fit.link == "softmax"
    np.testing.assert_allclose(fit.log_loss, -np.log(mean[y == 1]).mean(), rtol=1e-9)
    np.testing.assert_allclose([fit.rss, fit.r2], [rss, 1 - rss / total], rtol=1e-9)
    again = fit_from_dict(fit_to_dict(fit))
    assert (again.link, again.log_loss) == ("softmax", fit.log_loss)
    assert "log loss" in str(fit)


def test_softmax_of_two_classes_is_logistic(enable_x64):
    x, y = rows()
    fit = fit_mars(x, y, **OPTIONS)
    both = np.concatenate([1 - y, y], axis=1)
    spline = fit.spline
    wide = fit._replace(
        spline=spline._replace(
            coef=np.concatenate([-spline.coef, spline.coef], axis=1),
            intercept=np.concatenate([-spline.intercept, spline.intercept]),
        )
    )
    for ridge in (None, 1e-3):
        one, two = fit_logits(fit, x, y, ridge=ridge), fit_logits(wide, x, both, ridge=ridge)
        first, second = evaluate_float64(one.spline, x), evaluate_float64(two.spline, x)
        np.testing.assert_allclose(second[:, 1:] - second[:, :1], first, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(one.log_loss, two.log_loss, rtol=1e-9)


@pytest.mark.parametrize("classes", [2, 3])
def test_weights_are_copies_of_rows(enable_x64, classes):
    x, y = rows(classes, n=200)
    weights = np.random.default_rng(2).integers(0, 4, len(x)).astype(float)
    many = np.repeat(np.arange(len(x)), weights.astype(int))
    one = fit_classes(x, y, weights=weights, **OPTIONS)
    other = fit_classes(x[many], y[many], **OPTIONS)
    first, second = (evaluate_float64(fit.spline, x) for fit in (one, other))
    np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-4)
    assert one.num_rows == other.num_rows == weights.sum()


def test_every_output_has_the_basis_of_all_and_its_own_coefficients(enable_x64):
    """Several regressions, where the basis is fixed, are single ones."""
    x, y = rows(3)
    fit = fit_mars(x, y, **OPTIONS)
    design = standardised(fit, x, y, np.ones(N))
    for j in range(3):
        alone = np.linalg.lstsq(design, y[:, j], rcond=None)[0]
        np.testing.assert_allclose(evaluate_float64(fit.spline, x)[:, j], design @ alone, atol=1e-9)


def test_units_do_not_matter(enable_x64):
    x, y = rows()
    scale, shift = np.array([1e3, 0.01, 7.0]), np.array([5e3, -1.0, 3.0])
    one, other = fit_classes(x, y, **OPTIONS), fit_classes(x * scale + shift, y, **OPTIONS)
    first = evaluate_float64(one.spline, x)
    second = evaluate_float64(other.spline, x * scale + shift)
    np.testing.assert_allclose(first, second, rtol=1e-6, atol=1e-6)


def test_classes_that_can_be_told_apart_get_finite_logits():
    x = np.linspace(-1, 1, 60)[:, None]
    y = x > 0
    fit = fit_classes(x, y, **OPTIONS)
    logits = evaluate_float64(fit.spline, x)
    assert ((logits > 0) == y).all() and np.abs(logits).max() < 1e3 and fit.log_loss < 0.1


def test_a_pass_on_the_log_loss_is_taken_where_it_pays():
    """A rare class, most of whose log loss lies where the labels are nearly all alike."""
    rng = np.random.default_rng(3)
    x = rng.uniform(-1, 1, (4000, 2))
    logit = -5 + 4 * np.maximum(x[:, 0], 0) + 8 * np.maximum(-0.5 - x[:, 1], 0)
    y = (rng.logistic(size=4000) < logit)[:, None].astype(float)
    few = {"max_terms": 4, "penalty": 3.0}
    without, with_one = fit_classes(x, y, passes=0, **few), fit_classes(x, y, **few)
    assert with_one.log_loss <= without.log_loss
    truth = 1 / (1 + np.exp(-logit))[:, None]
    errors = [
        np.abs(probabilities_of(evaluate_float64(f.spline, x)) - truth).mean()
        for f in (without, with_one)
    ]
    assert errors[1] < errors[0]


def test_a_search_among_noise_is_charged_for():
    """Few rows, many columns that say nothing: what was searched is better on its rows alone."""
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=(4150, 25)), rng.logistic(size=(4150, 1))
    y = (noise < x[:, :1]).astype(float)
    few = slice(0, 150)
    fit = fit_mars(x[few], y[few], max_terms=31, penalty=0.0)
    data = checked_data(x[few], y[few], None).widened()
    chosen, other = (refit_logits(fit._replace(penalty=p), data, None)[0] for p in (2.0, 0.0))
    assert chosen.log_loss > other.log_loss
    means = [probabilities_of(evaluate_float64(f.spline, x[150:])) for f in (chosen, other)]
    losses = [-np.log(np.where(y[150:] == 1, m, 1 - m)).mean() for m in means]
    assert losses[0] < 0.8 < losses[1]


def test_degrees_of_freedom_of_two_classes_are_those_of_one_logit(enable_x64):
    x, y = rows()
    design = standardised(fit_mars(x, y, **OPTIONS), x, y, np.ones(N))
    share, mean = np.full(N, 1 / N), np.clip(y + np.sin(x[:, :1]) / 3, 0.2, 0.8)
    both = np.concatenate([1 - mean, mean], axis=1)
    one, two = (
        likelihood._freedom(likelihood._Rows(design, m, share), m, 0.01) for m in (mean, both)
    )
    assert 0 < one < design.shape[1] and one == pytest.approx(two)


def test_directions_keep_their_names_and_their_place():
    x, y = rows()
    fit = fit_classes(x, y, directions=("ols", "phd"), **OPTIONS)
    assert fit.names[3] == "ols 1" and len(fit.names) == 3 + fit.spline.projection.shape[1]


def test_the_spline_keeps_the_dtype_of_x():
    x, y = rows(dtype=np.float32)
    assert fit_classes(jnp.asarray(x), y, **OPTIONS).spline.coef.dtype == np.float32


@settings(max_examples=10, deadline=None)
@given(st.integers(2, 4), st.integers(8, 40), st.integers(0, 1000))
def test_a_smaller_ridge_never_fits_the_rows_worse(classes, n, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    y = np.eye(classes)[np.arange(n) % classes]
    y = y[:, 1:] if classes == 2 else y
    fit = fit_mars(x, y, max_terms=min(7, n))
    losses = [fit_logits(fit, x, y, ridge=ridge).log_loss for ridge in RIDGES[::3]]
    entropy = -(y.mean(0) * np.log(y.mean(0))).sum()
    if classes == 2:
        entropy -= (1 - y.mean()) * np.log(1 - y.mean())
    assert (np.diff([entropy + 1e-9, *losses]) <= 1e-7).all()


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (np.full(N, 1.0), "y must hold rows of two classes"),
        (np.arange(N) % 3, "y must hold 0 and 1"),
        (np.ones((N, 2)), "y must hold one-hot rows"),
        (np.full(N, np.nan), "y must be finite"),
    ],
)
def test_labels_that_are_none_are_named(y, words):
    with pytest.raises(ValueError, match=words):
        fit_classes(rows()[0], y)


def test_options_out_of_range_are_named():
    x, y = rows(n=50)
    with pytest.raises(ValueError, match="passes must be an integer"):
        fit_classes(x, y, passes=-1)
    with pytest.raises(ValueError, match="ridge must be"):
        fit_classes(x, y, ridge=0)
    with pytest.raises(ValueError, match="y must have 1 columns"):
        fit_logits(fit_mars(x, y), x, np.eye(2)[y[:, 0].astype(int)])
