"""Properties of fit_mars as a whole: weights, symmetries, recovery, pruning, bad input."""

import types
import warnings

import jax
import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spline_fc.cpwl import (
    FIT_OPTIONS,
    Spline,
    basis,
    evaluate,
    fit_mars,
    gcv_score,
    hinge_of,
    live_terms,
)
from tests import oracles


def friedman(seed=0, n=200, d=5, noise=1.0):
    rng = np.random.default_rng(seed)
    x = rng.random((n, d))
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3]
    return x, y + noise * rng.normal(size=n)


def predict(fit, x):
    return np.asarray(evaluate(fit, x))


@pytest.mark.parametrize("max_degree", [1, 2])
@pytest.mark.parametrize("knots", ["all", 16])
def test_integer_weights_equal_duplicated_rows(enable_x64, max_degree, knots):
    x, y = friedman(n=120)
    weights = np.random.default_rng(1).integers(0, 4, len(y))
    options = dict(max_terms=15, max_degree=max_degree, threshold=0, knots=knots)
    weighted = fit_mars(x, y, weights=weights, **options)
    rows = np.repeat(np.arange(len(y)), weights)
    doubled = fit_mars(x[rows], y[rows], **options)
    np.testing.assert_allclose(weighted.forward.rss, doubled.forward.rss, rtol=1e-9)
    assert weighted.gcv == pytest.approx(doubled.gcv, rel=1e-9)
    np.testing.assert_allclose(predict(weighted, x), predict(doubled, x), atol=1e-7)


def test_weights_are_copies_of_rows_where_there_are_many(enable_x64, many_rows):
    test_integer_weights_equal_duplicated_rows(None, 2, 16)


def test_copies_of_an_output_get_equal_fits(enable_x64):
    x, y = friedman()
    one = fit_mars(x, y, max_terms=15)
    three = fit_mars(x, np.stack([y, y, y], 1), max_terms=15)
    np.testing.assert_allclose(predict(three, x), np.repeat(predict(one, x), 3, 1), atol=1e-9)


@given(st.integers(0, 1000))
@settings(max_examples=5, deadline=None)
def test_order_of_rows_and_features_does_not_matter(seed):
    with jax.enable_x64(True):
        x, y = friedman()
        rng = np.random.default_rng(seed)
        rows, columns = rng.permutation(len(y)), rng.permutation(x.shape[1])
        one = fit_mars(x, y, max_terms=15, max_degree=2)
        other = fit_mars(x[rows][:, columns], y[rows], max_terms=15, max_degree=2)
        np.testing.assert_allclose(predict(one, x), predict(other, x[:, columns]), atol=1e-7)


@pytest.mark.parametrize(("scale", "shift"), [(1e3, 0.0), (1.0, 1e3), (1e-3, -1e3)])
def test_float32_survives_scales_and_shifts(scale, shift):
    x, y = friedman(n=1000)
    x = np.round(x * 1024).astype(np.float32) / 8  # values that a shift does not round
    moved = x.copy()
    moved[:, 3] = moved[:, 3] * np.float32(scale) + np.float32(shift)
    one = fit_mars(x, y, max_terms=21)
    other = fit_mars(moved, y, max_terms=21)
    assert one.spline.coef.dtype == np.float32
    gap = np.abs(predict(one, x) - predict(other, moved)).max()
    # The shift itself rounds the feature when the scale is small; elsewhere it is exact.
    assert gap <= (1e-3 if scale >= 1 else 1e-2) * y.std()


@pytest.mark.parametrize("max_degree", [1, 2])
def test_noise_free_targets_are_recovered(enable_x64, max_degree):
    rng = np.random.default_rng(3)
    x = rng.random((300, 4))
    knot = np.sort(x, axis=0)[[100, 150, 200]]
    y = 3 * np.maximum(x[:, 0] - knot[0, 0], 0) - 2 * np.maximum(knot[1, 1] - x[:, 1], 0) + 1
    if max_degree == 2:
        scale = x.std(0)  # in which minima are formed
        y += np.minimum(
            np.maximum(x[:, 0] - knot[0, 0], 0) / scale[0],
            np.maximum(x[:, 2] - knot[2, 2], 0) / scale[2],
        )
    options = dict(min_span=1, end_span=1, threshold=0, knots="all", fast_k=None)
    fit = fit_mars(x, y, max_terms=101, max_degree=max_degree, **options)
    assert fit.rss < 1e-10 * ((y - y.mean()) ** 2).sum()


def test_backward_pass_is_greedy_least_squares(enable_x64):
    x, y = friedman(n=80)
    fit = fit_mars(x, y, max_terms=11, max_degree=2, threshold=0)
    columns = [oracles.term_column(x, term.factors) for term in fit.terms]
    np.testing.assert_allclose(
        fit.pruning.rss, oracles.backward_rss(columns, y[:, None]), rtol=1e-8
    )
    sizes = 1 + fit.pruning.kept.sum(1)
    expected = gcv_score(fit.pruning.rss, sizes, len(y), 3.0)
    np.testing.assert_allclose(fit.pruning.gcv, expected)
    assert fit.gcv == pytest.approx(expected.min(), rel=1e-9)


def test_cross_validation_is_that_of_separate_fits(enable_x64):
    x, y = friedman(n=90)
    fit = fit_mars(x, y, max_terms=9, prune="cv", num_folds=3, threshold=0)
    columns = [oracles.term_column(x, term.factors) for term in fit.terms]
    fold = np.arange(len(y)) % 3
    expected = 0.0
    for f in range(3):  # all terms: the first subset of every fold's path
        coef, _ = oracles.least_squares([c[fold != f] for c in columns], y[fold != f, None])
        design = np.column_stack([np.ones(len(y)), *columns])[fold == f]
        expected += ((y[fold == f, None] - design @ coef) ** 2).sum()
    assert fit.pruning.cv_rss[0] == pytest.approx(expected, rel=1e-8)
    assert fit.pruning.chosen == np.argmin(fit.pruning.cv_rss)


@pytest.mark.parametrize("cap", [0, 3, 7])
def test_cap_on_hinges_holds(cap):
    x, y = friedman()
    fit = fit_mars(x, y, max_terms=25, max_degree=2, max_hinges=cap)
    terms = live_terms(fit.spline).terms
    assert len({hinge_of(factor) for term in terms for factor in term.factors}) <= cap


def test_a_linear_feature_counts_as_two_hinges():
    x, y = friedman()
    fit = fit_mars(x, y, max_terms=9, linear=range(5), max_hinges=4)
    assert len(fit.spline.coef) == 4  # two linear terms


def test_linear_features_are_linear_everywhere():
    x, y = friedman()
    fit = fit_mars(x, y, max_terms=15, linear=[3])
    far = np.zeros((3, x.shape[1]), np.float32)
    far[:, 3] = [-100.0, 0.0, 100.0]
    low, middle, high = predict(fit, far)[:, 0]
    assert high - middle == pytest.approx(middle - low, rel=1e-4)
    assert abs(high - middle) > 100


def test_allowed_interactions_are_kept_to():
    x, y = friedman(n=400)
    fit = fit_mars(x, y, max_terms=25, max_degree=2, allowed=[[0, 1], [2, 3]], prune="none")
    pairs = {tuple(sorted(term.features)) for term in fit.terms if len(term.factors) == 2}
    assert pairs and pairs <= {(0, 1), (2, 3)}


def test_few_rows_are_fitted_without_a_compiler():
    x, y = friedman(n=150)
    jax.clear_caches()
    assert fit_mars(x.astype(float), y, max_terms=11, max_degree=2).seconds.compile == 0


def test_second_fit_of_a_shape_compiles_nothing(many_rows):
    x, y = friedman(n=150)
    options = dict(max_terms=11, max_degree=2, threshold=0, knots=16)
    jax.clear_caches()
    first = fit_mars(x, y, **options)
    fit_mars(x[::-1].copy(), y, **options)  # parents with many rows, and with few
    again = fit_mars(x, y[::-1].copy(), **options)
    assert first.seconds.compile > 0 and again.seconds.compile == 0


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (np.ones((30, 2)), np.arange(30.0), "No candidate"),
        (np.random.default_rng(0).random((30, 2)), np.ones(30), "constant"),
        (np.r_[np.zeros(29), 1.0][:, None], np.arange(30.0), "No candidate"),
        (np.random.default_rng(0).random((5, 9)), np.arange(5.0), "No candidate"),
    ],
)
def test_degenerate_input_returns_the_best_it_can(x, y, words):
    fit = fit_mars(x, y, max_terms=5)
    assert words in fit.stop_reason
    assert np.isfinite(predict(fit, x)).all()


X, Y = friedman(n=50)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (dict(x=X[:, 0]), r"x must have shape \(n, d\)"),
        (dict(x=X[:0], y=Y[:0]), "x must have at least one row"),
        (dict(y=Y[:7]), "y must have 50 rows"),
        (dict(y=np.where(np.arange(50) == 4, np.nan, Y)), "y must be finite"),
        (dict(x=np.where(X == X[3, 2], np.inf, X)), "x must be finite"),
        (dict(weights=-np.ones(50)), "weights must not be negative"),
        (dict(weights=np.zeros(50)), "weights must not all be zero"),
        (dict(weights=np.ones(3)), "weights must have 50 rows"),
        (dict(weights=np.full(50, 1e300)), r"weights must be within 6.*e.36; got 1e.300"),
        (dict(max_terms=99), "max_terms must not exceed"),
        (dict(max_degree=0), "max_degree must be an integer >= 1"),
        (dict(allowed=[[0, 9]]), "allowed must name columns of x"),
        (dict(linear=[5]), "linear must name columns of x"),
        (dict(end_span=30), "end_span must leave rows"),
        (dict(min_span=0), "min_span must be an integer >= 1"),
        (dict(knots="some"), 'knots must be "all"'),
        (dict(knots=[[0.5]]), "knots must hold one array per feature and direction, 5; got 1"),
        (dict(prune="bic"), "prune must be one of"),
        (dict(prune="cv", num_folds=1), "num_folds must be an integer >= 2"),
        (dict(penalty=-2), "penalty must be"),
        (dict(threshold=1.0), "threshold must be"),
        (dict(linear=5), "linear must list columns, 0 to 4; got 5"),
        (dict(linear=[True]), "linear must name columns of x, 0 to 4; got True"),
        (dict(allowed=[0, 1]), "each group of allowed must list columns, 0 to 4; got 0"),
        (dict(allowed=3), "allowed must list groups of columns; got 3"),
        (dict(knots=2.5), 'knots must be "all", an integer or one array of positions.*got 2.5'),
        (dict(knots=np.array([0.5, 0.6])), "knots must be .*one array of positions per column"),
        (dict(knots=[["a"]] * 5), r"knots\[0\] must be an array of numbers"),
        (dict(weights="abc"), "weights must be an array of numbers"),
        (dict(x=X.astype(str)), "x must be an array of numbers"),
        (dict(x=X.astype(complex)), "x must be an array of numbers; got complex128 values"),
        (dict(y=1e200 * Y), "y must be within 1e.150; got"),
        (dict(linear=["x9"]), "a column of linear must be one of 'x0'"),
        (dict(names=["a", "b"]), "names must be 5, one for each column; got 2"),
    ],
)
def test_bad_input_is_named(changes, words):
    arguments = {"x": X, "y": Y, "max_terms": 9, **changes}
    with pytest.raises(ValueError, match=words):
        fit_mars(arguments.pop("x"), arguments.pop("y"), **arguments)


def test_traced_data_are_refused_in_a_sentence():
    with pytest.raises(ValueError, match="x must be a concrete array.*outside of jit"):
        jax.jit(lambda x: fit_mars(x, Y).spline)(X)


def test_options_are_refused_before_data_are_looked_at():
    with pytest.raises(ValueError, match="max_terms must be an integer"):
        fit_mars(np.full((9, 2), np.nan), np.zeros(3), max_terms=0)


def test_fit_options_are_the_keywords():
    assert {"max_terms", "directions", "names", "on_step"} <= set(FIT_OPTIONS)
    assert "x" not in FIT_OPTIONS and len(FIT_OPTIONS) == len(set(FIT_OPTIONS))


@pytest.mark.parametrize("dtype", [">f8", np.longdouble, np.float16, np.int64, object])
def test_numbers_of_any_kind_are_taken(dtype):
    x, y = np.round(16 * X).astype(dtype), Y
    plain = fit_mars(np.round(16 * X), y, max_terms=9, max_degree=2)
    assert fit_mars(x, y, max_terms=9, max_degree=2).rss == pytest.approx(plain.rss, rel=1e-5)


def test_callbacks_run_under_the_settings_of_their_owner():
    seen = []
    fit_mars(X, Y, max_terms=9, on_step=lambda *_: seen.append(jax.numpy.ones(1).dtype))
    assert seen and set(seen) == {np.dtype(np.float32)}
    assert not jax.config.jax_enable_x64


def test_no_filter_of_warnings_is_left_behind_nor_old_ones_shown_again():
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("default")
        before = list(warnings.filters)
        for _ in range(3):
            warnings.warn("once per place", stacklevel=1)
            fit_mars(X, Y, max_terms=5)
        assert warnings.filters == before
    assert len(shown) == 1


def test_a_fill_value_of_weight_zero_does_no_harm():
    fill = np.full((1, 5), 9.96921e36)
    weights = np.r_[np.ones(50), 0]
    padded = fit_mars(np.r_[X, fill], np.r_[Y, 1e30], weights=weights, max_terms=9)
    plain = fit_mars(X, Y, max_terms=9)
    assert padded.rss == pytest.approx(plain.rss, rel=1e-5)


def test_evaluate_wants_the_columns_of_the_spline_and_skips_absent_factors():
    spline = Spline(
        np.zeros(1),
        np.ones((1, 1)),
        np.array([[3, 0]], np.int32),
        np.array([[1.0, 0.0]]),
        np.array([[0.5, 0.0]]),
        np.zeros((5, 0)),
    )
    for columns in (3, 6):
        with pytest.raises(ValueError, match=f"x must have 5 columns.*got {columns}"):
            evaluate(spline, np.ones((2, columns)))
    np.testing.assert_allclose(basis(spline, X)[:, 0], np.maximum(X[:, 3] - 0.5, 0), rtol=1e-6)
    empty = spline._replace(slope=np.zeros((1, 2)))
    assert not np.asarray(basis(empty, X)).any()


def test_evaluate_takes_what_holds_a_spline():
    fit = fit_mars(X, Y, max_terms=5)
    holder = types.SimpleNamespace(fit=fit)
    for fitted in (fit.spline, fit, holder):
        np.testing.assert_array_equal(evaluate(fitted, X), evaluate(fit.spline, X))
    with pytest.raises(TypeError, match="spline must be a Spline or a FitResult.*got dict"):
        evaluate({}, X)


def test_frames_bring_names_and_are_evaluated_by_them():
    frame = pandas.DataFrame(X, columns=list("abcde"))
    fit = fit_mars(frame, pandas.Series(Y), max_terms=9, linear=["d"], allowed=[["a", "b"]])
    plain = fit_mars(X, Y, max_terms=9, linear=[3], allowed=[[0, 1]])
    assert fit.names == tuple("abcde") and fit.rss == plain.rss
    turned = frame[list("ecabd")].assign(extra=0.0)
    for x in (frame, turned, X.tolist()):
        np.testing.assert_array_equal(evaluate(fit, x), evaluate(plain, X))
    with pytest.raises(ValueError, match="x must have the columns of the fit.*'c'"):
        evaluate(fit, frame.drop(columns="c"))


def test_evaluation_follows_what_is_given():
    wide, narrow = fit_mars(X, Y, max_terms=9), fit_mars(X.astype(np.float32), Y, max_terms=9)
    for fit, x, dtype in [
        (wide, X, np.float64),
        (wide, X.astype(np.float32), np.float64),
        (narrow, X, np.float64),
        (narrow, X.astype(np.float32), np.float32),
        (narrow, np.round(X).astype(int), np.float64),
    ]:
        found = evaluate(fit, x)
        assert isinstance(found, np.ndarray) and found.dtype == dtype
        compiled = jax.jit(lambda x, fit=fit: evaluate(fit.spline, x))(jax.numpy.asarray(x))
        assert compiled.dtype == np.float32
        np.testing.assert_allclose(compiled, found, rtol=1e-4, atol=1e-4)
    total = jax.grad(lambda coef: evaluate(narrow.spline._replace(coef=coef), X).sum())
    slope = total(narrow.spline.coef)
    np.testing.assert_allclose(slope[:, 0], np.asarray(basis(narrow.spline, X)).sum(0), rtol=1e-4)
