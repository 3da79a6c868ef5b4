"""Our fits against R earth 5.3.2: the given terms to 1e-9, the end of the search within 1 %.

All cases are of degree 1, where both programs mean the same terms.
"""

import json
import os
import pathlib

import numpy as np
import pytest

from spline_fc.cpwl import evaluate, fit_mars, from_earth

CASES = {
    "f1_n200_d1": ("default", "exact", "exact_thresh0"),
    "abs1d_n60": ("default", "exact", "exact_thresh0"),
    "lin_n100": ("default", "exact", "exact_thresh0", "exact_nolin"),
}
WIDTH = 20  # more than the terms of any reference fit
NAMES = [f"{case}__{variant}" for case, variants in CASES.items() for variant in variants]


@pytest.fixture(scope="module")
def folder() -> pathlib.Path:
    """The folder of reference fits, beside that of the data; its absence is a failure in CI."""
    data = os.environ.get("SPLINE_FC_DATA")
    found = pathlib.Path(data or "data").resolve().parent / "reference"
    if data and found.is_dir():
        return found
    message = f"R earth's fits must lie in reference/ beside SPLINE_FC_DATA = {data!r}."
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(params=NAMES)
def reference(request, folder, enable_x64):
    """What earth made of one case, and its data x (n, d) and y (n, 1)."""
    document = json.loads((folder / f"{request.param}.json").read_text())
    table = np.genfromtxt(folder / document["data_csv"], delimiter=",", names=True)
    x = np.stack([table[name] for name in document["predictors"]], 1)
    y = np.stack([table[name] for name in document["responses"]], 1)
    return document, x, y


def term_columns(document, x, places):
    """Values of earth's terms, (n, terms); the intercept is left out."""
    columns = []
    for place in places:
        value = np.ones(len(x))
        for factor in document["forward_terms"][place - 1]["factors"]:
            column = x[:, factor["var0"]]
            if factor["sign"]:
                column = np.maximum(factor["sign"] * (column - factor["knot"]), 0)
            value = value * column
        columns.append(value)
    return np.stack(columns, 1)


def fit_given(columns, y, **options):
    """fit_mars on term values that may enter only linearly: least squares on the given terms."""
    filled = np.pad(columns, ((0, 0), (0, WIDTH - columns.shape[1])))  # one shape, one compilation
    return fit_mars(filled, y, max_terms=WIDTH, linear=range(WIDTH), threshold=0, **options)


def test_given_terms_have_earths_coefficients_rss_and_gcv(reference):
    document, x, y = reference
    columns = term_columns(document, x, document["selected_terms"][1:])
    fit = fit_given(columns, y, penalty=document["settings"]["penalty"], prune="none")
    units = np.concatenate([np.zeros((1, WIDTH)), np.eye(WIDTH)])[: 1 + columns.shape[1]]
    values = np.asarray(evaluate(fit.spline, units))[:, 0]
    coef = np.concatenate([values[:1], values[1:] - values[0]])
    np.testing.assert_allclose(coef, np.ravel(document["coefficients"]), rtol=1e-9)
    assert fit.rss == pytest.approx(document["rss"], rel=1e-9)
    assert fit.gcv == pytest.approx(document["gcv"], rel=1e-9)
    assert fit.r2 == pytest.approx(document["rsq"], rel=1e-9)


def test_the_backward_pass_is_earths(reference):
    """earth keeps the best subset that it met of each size, which is not always the greedy one."""
    document, x, y = reference
    columns = term_columns(document, x, range(2, len(document["forward_terms"]) + 1))
    fit = fit_given(columns, y, penalty=document["settings"]["penalty"])
    place = np.array([2 + term.factors[0][0] for term in fit.terms])
    kept = [[1, *sorted(place[subset].tolist())] for subset in fit.pruning.kept[::-1]]
    same = np.array(
        [ours == sorted(s) for ours, s in zip(kept, document["prune_terms"], strict=True)]
    )
    assert same.mean() >= 0.5 and kept[-1 - fit.pruning.chosen] == document["selected_terms"]
    rss, gcv = fit.pruning.rss[::-1], fit.pruning.gcv[::-1]
    expected_rss, expected_gcv = (np.array(document[f"{s}_per_subset"]) for s in ("rss", "gcv"))
    np.testing.assert_allclose(rss[same], expected_rss[same], rtol=1e-9)
    np.testing.assert_allclose(gcv[same], expected_gcv[same], rtol=1e-9)
    assert (rss >= expected_rss * (1 - 1e-9)).all()


def test_from_earth_is_the_same_model(reference):
    document, x, y = reference
    fit = from_earth(document, x, y)
    predicted = np.asarray(evaluate(fit.spline, x))
    np.testing.assert_allclose(predicted[:5], document["fitted_first5"], rtol=1e-9)
    for name, field in (("rss", "rss"), ("gcv", "gcv"), ("r2", "rsq")):
        assert getattr(fit, name) == pytest.approx(document[field], rel=1e-9)
    assert fit.pruning.rss[[0, -1]] == pytest.approx(
        [document["rss_per_subset"][s] for s in (-1, 0)], rel=1e-9
    )


def test_the_search_ends_no_worse_than_earths(reference):
    """And begins with the same step where spans of 1 leave both programs the same candidates."""
    document, x, y = reference
    settings, spans = document["settings"], {}
    if settings["minspan_arg"]:
        spans = dict(min_span=settings["minspan_arg"], end_span=settings["endspan_arg"])
    fit = fit_mars(x, y, max_terms=settings["nk"], max_degree=settings["degree"], knots="all",
                   penalty=settings["penalty"], threshold=settings["thresh"], **spans)  # fmt: skip
    assert fit.gcv <= 1.01 * document["gcv"]
    if spans:
        factor = document["forward_terms"][1]["factors"][0]
        assert fit.forward.feature[0] == factor["var0"]
        if factor["sign"]:
            assert fit.forward.knot[0] == pytest.approx(factor["knot"], rel=1e-9)
