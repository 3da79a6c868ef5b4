"""MARS models of the really installed py-earth, and of R earth by way of JSON."""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import types

import jax
import numpy as np
import pytest
from pyearth import Earth

from spline_fc import cpwl
from spline_fc.cpwl import fit_pyearth, from_earth, from_pyearth

DOCS = pathlib.Path(__file__).parents[2] / "docs" / "foreign.md"
SHAPE = (150, 4)


def problem(seed=0, outputs=1):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=SHAPE)
    y = 2 * x[:, 0] + np.abs(x[:, 1]) + x[:, 2] * np.maximum(x[:, 3], 0)
    y = np.stack([y + k * np.abs(x[:, 3]) for k in range(outputs)], 1)
    return x, y + 0.1 * rng.normal(size=y.shape)


X, Y = problem()


def predict(fit, x):
    return np.asarray(cpwl.evaluate(fit, x))


def weighted_rss(values, y, weights=1.0):
    return float((weights * ((y - values) ** 2).sum(1)).sum())


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_additive_models_keep_their_function_everywhere(enable_x64, outputs, weighted):
    x, y = problem(outputs=outputs)
    weights = np.random.default_rng(1).integers(0, 3, len(x)) if weighted else np.ones(len(x))
    model = Earth(max_degree=1).fit(x, y, sample_weight=weights, linvars=[0])
    fit = from_pyearth(model, x, y, weights=weights)
    far = 1000 * np.random.default_rng(2).normal(size=SHAPE)
    for points in (x, far):
        theirs = model.predict(points).reshape(len(points), -1)
        np.testing.assert_allclose(predict(fit, points), theirs, rtol=1e-9, atol=1e-9)
    rss = weighted_rss(model.predict(x).reshape(len(x), -1), y, weights)
    assert fit.rss == pytest.approx(rss, rel=1e-9)
    assert "all additive" in fit.stop_reason and f"stays {rss:.6g}" in fit.stop_reason


def test_scores_of_an_additive_model_are_those_of_py_earth(enable_x64):
    model = Earth(max_degree=1, penalty=2.0).fit(X, Y)
    if not np.isfinite(model.gcv_):
        pytest.skip("py-earth's own scores are NaN here, seen with NumPy 2.5 on Python 3.13")
    fit = from_pyearth(model, X, Y)
    assert fit.gcv == pytest.approx(model.gcv_, rel=1e-9)
    assert fit.r2 == pytest.approx(model.rsq_, rel=1e-9)
    assert fit.penalty == 2.0


def test_a_linear_term_is_a_pair_of_hinges_about_the_mean():
    model = Earth(max_degree=1).fit(X, Y, linvars=[0, 1, 2, 3])
    fit = from_pyearth(model, X, Y)
    features, signs = np.asarray(fit.spline.feature)[:, 0], np.asarray(fit.spline.slope)[:, 0]
    for v in set(features.tolist()):
        assert sorted(signs[features == v]) == [-1, 1]
        knots = np.asarray(fit.spline.knot)[features == v, 0]
        np.testing.assert_allclose(knots, X[:, v].mean(), rtol=1e-5)
        assert np.asarray(fit.spline.coef)[features == v, 0].sum() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("degree", [2, 3])
def test_products_become_minima_with_least_squares_coefficients(enable_x64, outputs, degree):
    x, y = problem(outputs=outputs)
    weights = np.random.default_rng(3).uniform(0.5, 2, len(x))
    model = Earth(max_degree=degree).fit(x, y, sample_weight=weights)
    fit = from_pyearth(model, x, y, weights=weights)
    assert (np.asarray(fit.spline.slope)[:, 1:] != 0).any()
    residual = y - predict(fit, x)
    single = (np.asarray(fit.spline.slope) != 0).sum(1) == 1
    about_mean = np.isclose(
        fit.spline.knot[:, 0], np.average(x, 0, weights)[fit.spline.feature[:, 0]]
    )
    terms = np.asarray(cpwl.basis(fit.spline, x))[:, ~(single & about_mean)]
    columns = np.column_stack([np.ones(len(x)), x[:, [0]], terms])  # x0 enters linearly
    scale = np.linalg.norm(columns, axis=0)[:, None] * np.linalg.norm(y)
    assert np.abs(columns.T @ (weights[:, None] * residual) / scale).max() < 1e-9
    before = weighted_rss(model.predict(x).reshape(len(x), -1), y, weights)
    after = weighted_rss(predict(fit, x), y, weights)
    assert fit.rss == pytest.approx(after, rel=1e-9)
    assert f"went from {before:.6g} to {after:.6g} ({100 * (after / before - 1):+.1f} %)" in (
        fit.stop_reason
    )


def test_the_kept_terms_are_the_minima_of_the_kept_products(enable_x64):
    """Every hinge of a kept py-earth term is there, and every term of ours is made of them."""
    x, y = problem(4)
    model = Earth(max_degree=2, allow_linear=False, minspan=20, endspan=20).fit(x, y)
    fit = from_pyearth(model, x, y)

    def hinges_of(f):
        if type(f).__name__ == "ConstantBasisFunction":
            return frozenset()
        own = (f.get_variable(), -1.0 if f.get_reverse() else 1.0, f.get_knot())
        return hinges_of(f.get_parent()) | {own}

    kept = [hinges_of(f) for f in model.basis_ if not f.is_pruned() and f.degree() > 0]
    plain = {h for h in kept if len({v for v, _, _ in h}) == len(h)}  # no feature twice
    terms = cpwl.live_terms(fit.spline).terms
    ours = {frozenset(cpwl.hinge_of(factor) for factor in term.factors) for term in terms}
    assert any(len(h) == 2 for h in plain)
    assert plain <= ours


def test_the_result_works_as_one_of_fit_mars():
    x, y = problem(outputs=2)
    fit = fit_pyearth(x, y, max_terms=15, max_degree=2)
    names = ["a", "b", "c", "d"]
    assert "Selected" in cpwl.summarize(fit, names)
    assert cpwl.importance(fit).nsubsets.max() > 0
    again = cpwl.fit_from_dict(cpwl.fit_to_dict(fit))
    np.testing.assert_array_equal(predict(again, x), predict(fit, x))
    steps, subsets = fit.forward.rss, fit.pruning.rss
    assert (np.diff(steps) <= 1e-9 * steps[0]).all()
    assert steps[0] == pytest.approx(weighted_rss(y.mean(0), y)) == pytest.approx(subsets[-1])
    assert subsets[0] == pytest.approx(steps[-1], rel=1e-6)  # both with all terms
    assert fit.forward.num_terms[-1] == len(fit.terms) + 1 == len(fit.pruning.rss)
    assert fit.pruning.rss[fit.pruning.chosen] == fit.rss
    assert fit.spline.coef.dtype == np.float32


def test_fit_pyearth_is_py_earth_then_conversion(enable_x64):
    options = dict(max_degree=2, penalty=2.5, minspan=5, endspan=7, thresh=0.01)
    model = Earth(max_terms=18, allow_linear=False, **options).fit(X, Y, linvars=[0])
    expected = from_pyearth(model, X, Y)
    fit = fit_pyearth(X, Y, max_terms=20, max_degree=2, penalty=2.5, min_span=5, end_span=7,
                      threshold=0.01, allow_linear=False, linear=[0])  # fmt: skip
    assert fit.terms == expected.terms and fit.stop_reason == expected.stop_reason
    np.testing.assert_array_equal(fit.spline.coef, expected.spline.coef)
    assert fit.seconds.run > 0


@pytest.mark.parametrize("max_terms", [1, 2, 3, 4, 5, 8])
def test_fit_pyearth_keeps_to_max_terms(max_terms):
    for allow_linear in (True, False):
        fit = fit_pyearth(X, Y, max_terms=max_terms, threshold=0, allow_linear=allow_linear)
        assert len(fit.terms) + 1 <= max_terms
        if max_terms >= 4:
            assert len(fit.terms) + 1 >= max_terms - 1


def test_a_model_without_terms_is_the_mean():
    constant = np.full(len(X), 3.0)
    fit = from_pyearth(Earth().fit(X, constant), X, constant)
    np.testing.assert_allclose(predict(fit, X), 3.0, rtol=1e-6)
    assert len(fit.spline.coef) == 0 and fit.rss == pytest.approx(0, abs=1e-12)


def test_smoothed_and_missing_value_terms_are_refused_by_name():
    with pytest.raises(ValueError, match=r"no smoothed terms.*smooth=True.*got the term C\(x"):
        from_pyearth(Earth(smooth=True).fit(X, Y), X, Y)
    holes = X.copy()
    holes[:60, 0] = np.nan
    model = Earth(allow_missing=True).fit(holes, Y)
    with pytest.raises(ValueError, match=r"no missing-value terms.*got the term (present|missing)"):
        from_pyearth(model, X, Y)


MODEL = Earth(max_degree=1).fit(X, Y)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((object(), X, Y), "fitted_model must be a pyearth.Earth; got object"),
        ((Earth(), X, Y), "fitted_model must be fitted"),
        ((MODEL, X[:, :3], Y), "x must have the 4 columns that the model was fitted on; got 3"),
        ((MODEL, X, np.hstack([Y, Y])), r"y must have the 1 output\(s\) of the model; got 2"),
        ((MODEL, X, Y[:9]), "y must have 150 rows"),
        ((MODEL, X[:0], Y[:0]), "x must have at least one row"),
        ((MODEL, np.where(X == X[2, 1], np.nan, X), Y), "x must be finite"),
    ],
)
def test_bad_models_and_data_are_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        from_pyearth(*arguments)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (dict(max_terms=0), "max_terms must be an integer >= 1"),
        (dict(max_degree=0), "max_degree must be an integer >= 1"),
        (dict(penalty=-1.0), "penalty must be"),
        (dict(min_span=0), "min_span must be an integer >= 1"),
        (dict(end_span=-1), "end_span must be an integer >= 0"),
        (dict(threshold=1.0), "threshold must be"),
        (dict(linear=[4]), "linear must name columns of x, 0 to 3; got 4"),
        (dict(weights=-np.ones(150)), "weights must not be negative"),
        (dict(weights=np.zeros(150)), "weights must not all be zero"),
    ],
)
def test_bad_options_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        fit_pyearth(X, Y, **options)


def test_another_package_of_that_name_is_told_apart(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyearth", types.ModuleType("pyearth"))
    for call in (lambda: fit_pyearth(X, Y), lambda: from_pyearth(MODEL, X, Y)):
        with pytest.raises(ImportError, match=r"'spline_fc\[pyearth\]' brings \(the PyPI"):
            call()


# What R earth 5.3.2 makes of `earth_problem` by the lines in the documentation, with linpreds = 1.
EARTH_RSS = 0.17110831583020791
EARTH = """{"forward_terms":[{"factors":[]},{"factors":[{"var0":0,"sign":0,"knot":0.0131556}]},
{"factors":[{"var0":1,"sign":1,"knot":0.367532368147135}]},
{"factors":[{"var0":1,"sign":-1,"knot":0.367532368147135}]},
{"factors":[{"var0":1,"sign":1,"knot":0.367532368147135},
{"var0":2,"sign":1,"knot":0.353829072479577}]},
{"factors":[{"var0":1,"sign":1,"knot":0.367532368147135},
{"var0":2,"sign":-1,"knot":0.353829072479577}]}],"selected_terms":[1,2,3,5,6],
"coefficients":[[-0.00308825420767669],[2.97090453646855],[0.287231468864648],[5.64337842503122],
[-0.916628553798036]],"settings":{"penalty":3}}"""
EARTH_DATA = """
i <- 1:80
x <- cbind((i * 0.6180339887498949) %% 1, (i * 0.4142135623730951) %% 1,
           (i * 0.7320508075688772) %% 1)
y <- 3 * x[, 1] + 6 * pmax(0, x[, 2] - 0.4) * pmax(0, x[, 3] - 0.3) + 0.05 * sin(37 * i)
"""


def earth_problem():
    i = np.arange(1.0, 81)
    x = np.outer(i, [0.6180339887498949, 0.4142135623730951, 0.7320508075688772]) % 1
    product = np.maximum(0, x[:, 1] - 0.4) * np.maximum(0, x[:, 2] - 0.3)
    return x, 3 * x[:, 0] + 6 * product + 0.05 * np.sin(37 * i)


def test_earth_products_become_minima(enable_x64):
    x, y = earth_problem()
    fit = from_earth(EARTH, x, y)
    single = np.maximum(x[:, 1] - 0.367532368147135, 0)
    first = single / x[:, 1].std()  # in a minimum, hinges are weighed by the deviations
    right = np.maximum(x[:, 2] - 0.353829072479577, 0) / x[:, 2].std()
    left = np.maximum(0.353829072479577 - x[:, 2], 0) / x[:, 2].std()
    minima = np.minimum(first, right), np.minimum(first, left)
    design = np.column_stack([np.ones(80), x[:, 0], single, *minima])
    coef = np.linalg.lstsq(design, y, rcond=None)[0]
    np.testing.assert_allclose(predict(fit, x)[:, 0], design @ coef, atol=1e-10)
    assert f"from {EARTH_RSS:.6g} to {((y - design @ coef) ** 2).sum():.6g}" in fit.stop_reason
    assert fit.stop_reason.startswith("From an R earth model; 5 of 6 terms kept, 2 product(s)")


def test_earth_is_read_from_text_mapping_and_file(tmp_path):
    x, y = earth_problem()
    path = tmp_path / "earth.json"
    path.write_text(EARTH)
    fits = [from_earth(form, x, y) for form in (EARTH, json.loads(EARTH), path, str(path))]
    for fit in fits[1:]:
        np.testing.assert_array_equal(fit.spline.coef, fits[0].spline.coef)


def test_order_of_selected_terms_is_that_of_the_coefficients(enable_x64):
    x, y = earth_problem()
    document = json.loads(EARTH)
    document["selected_terms"] = [3, 1, 2]
    document["coefficients"] = [[5.0], [1.0], [2.0]]
    fit = from_earth(document, x, y)
    expected = 1 + 2 * x[:, 0] + 5 * np.maximum(x[:, 1] - 0.367532368147135, 0)
    np.testing.assert_allclose(predict(fit, x)[:, 0], expected, atol=1e-12)


def test_a_term_that_is_listed_twice_counts_twice(enable_x64):
    x, y = earth_problem()
    hinge = {"factors": [{"var0": 1, "sign": 1, "knot": 0.25}]}
    document = {"forward_terms": [{"factors": []}, hinge, hinge], "selected_terms": [1, 2, 3],
                "coefficients": [0.0, 1.0, 2.0]}  # fmt: skip
    fit = from_earth(document, x, y)
    np.testing.assert_allclose(predict(fit, x)[:, 0], 3 * np.maximum(x[:, 1] - 0.25, 0), atol=1e-12)


def test_products_on_one_feature_and_with_linear_factors(enable_x64):
    x, y = earth_problem()
    a = float(np.average(x, axis=0, weights=np.ones(80))[0])
    products = {
        ((1, 1, 0.2), (1, 1, 0.5)): [((1, 1, 0.5),)],
        ((1, -1, 0.8), (1, -1, 0.3)): [((1, -1, 0.3),)],
        ((1, 1, 0.6), (1, -1, 0.4)): [],  # zero everywhere
        ((1, 1, 0.2), (1, -1, 0.7)): [((1, 1, 0.2), (1, -1, 0.7))],
        ((0, 0, 0), (2, 1, 0.3)): [((0, 1, a), (2, 1, 0.3)), ((0, -1, a), (2, 1, 0.3)),
                                   ((2, 1, 0.3),)],
    }  # fmt: skip
    document = {
        "forward_terms": [{"factors": []}] + [
            {"factors": [dict(zip(("var0", "sign", "knot"), f, strict=True)) for f in product]}
            for product in products
        ],
        "selected_terms": [1, 2, 3, 4, 5, 6],
        "coefficients": [0.0, 1.0, 1.0, 1.0, 1.0, 1.0],
    }  # fmt: skip
    fit = from_earth(document, x, y)
    found = [tuple(map(cpwl.hinge_of, term.factors)) for term in fit.terms]
    expected = sum(products.values(), [])
    assert [len(term) for term in found] == [len(term) for term in expected]
    np.testing.assert_allclose(np.concatenate(found), np.concatenate(expected), rtol=1e-12)
    for term in fit.terms:
        for column, slope, _ in term.factors:
            wanted = 1 / x[:, column].std() if len(term.factors) > 1 else 1.0
            assert abs(slope) == pytest.approx(wanted)
    assert len(fit.spline.coef) == 6


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (dict(coefficients=None), "must have coefficients; got none"),
        (dict(forward_terms=[{"factors": [{"var0": 0, "sign": 0}]}]), "begin with the intercept"),
        (dict(selected_terms=[2, 3, 4, 5, 6]), "selected_terms must be places from 1 to 6"),
        (dict(selected_terms=[1, 2, 2, 5, 6]), "selected_terms must be places from 1 to 6"),
        (dict(selected_terms=[1, 2, 3, 5, 7]), "selected_terms must be places from 1 to 6"),
        (dict(selected_terms=[1, 2]), "coefficients must have 2 rows"),
        (dict(coefficients=[["NA"]] * 5), "coefficients must be numbers"),
        (dict(coefficients=[[1.0, 2.0]] * 5), r"y must have the 2 output\(s\)"),
        (dict(settings={"penalty": "many"}), "penalty must be"),
        (dict(forward_terms=[{}]), r'forward_terms\[0\] must be \{"factors"'),
        (dict(factor={"var0": 0}), r"factors of forward_terms\[1\] must have var0 and sign"),
        (dict(factor={"var0": 3, "sign": 0}), r"var0 of forward_terms\[1\] must be a column of x"),
        (dict(factor={"var0": 0, "sign": 2}), r"sign of forward_terms\[1\] must be 1, -1 or 0"),
        (dict(forward_terms=5), "forward_terms must be a list; got 5"),
        (dict(settings=[1]), r"settings must be an object; got \[1\]"),
        (dict(selected_terms="12"), "selected_terms must be places from 1 to 6"),
        (dict(selected_terms=[1, [2]]), "selected_terms must be places from 1 to 6"),
        (dict(factor={"var0": "0", "sign": 0}), r"var0 of forward_terms\[1\] must be a column"),
        (dict(factor={"var0": 0, "sign": [1]}), r"sign of forward_terms\[1\] must be 1, -1 or 0"),
        (dict(factor={"var0": 0, "sign": 1}), r"knot of forward_terms\[1\] must be a finite"),
    ],
)
def test_bad_documents_are_named(changes, words):
    x, y = earth_problem()
    document = json.loads(EARTH)
    if "factor" in changes:
        document["forward_terms"][1]["factors"] = [changes.pop("factor")]
    document.update(changes)
    document = {field: value for field, value in document.items() if value is not None}
    with pytest.raises(ValueError, match=words):
        from_earth(document, x, y)


def test_text_that_is_no_json_is_named(tmp_path):
    with pytest.raises(ValueError, match="must hold JSON; got damage"):
        from_earth("{broken", *earth_problem())
    (tmp_path / "list.json").write_text("[1]")
    with pytest.raises(ValueError, match="must be a JSON object or its path; got list"):
        from_earth(tmp_path / "list.json", *earth_problem())


def documented_lines() -> str:
    return re.search(r"```r\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL).group(1)


def _has_earth() -> bool:
    if shutil.which("Rscript") is None:
        return False
    call = ["Rscript", "-e", "library(earth); library(jsonlite)"]
    return subprocess.run(call, capture_output=True, check=False).returncode == 0


def test_the_documented_lines_of_r_write_what_from_earth_reads(tmp_path):
    if not _has_earth():
        pytest.skip("R with the packages earth and jsonlite is not installed.")
    lines = documented_lines().replace("degree = 2", "degree = 2, linpreds = 1")
    (tmp_path / "write.R").write_text(EARTH_DATA + lines + "cat(format(fit$rss, digits = 17))\n")
    ran = subprocess.run(
        ["Rscript", "write.R"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    x, y = earth_problem()
    with jax.enable_x64(True):
        fit = from_earth(tmp_path / "earth.json", x, y)
    assert f"went from {float(ran.stdout.split()[-1]):.6g} to" in fit.stop_reason
    assert "2 product(s)" in fit.stop_reason


def test_what_is_told_is_that_of_coefficients_as_they_are_stored():
    """In float32 an intercept near 1e8 is rounded to 8."""
    x, y = X.astype(np.float32), Y + 1e8 + 3
    fit = from_pyearth(Earth(max_degree=1).fit(X, y), x, y)
    assert fit.rss == pytest.approx(weighted_rss(cpwl.evaluate(fit, X), y), rel=1e-3)
    assert fit.r2 < 0.5
