"""Saved splines and fits come back to the last bit; damaged files are refused by name."""

import functools
import json

import jax
import numpy as np
import pytest

from spline_fc.cpwl import (
    Spline,
    evaluate,
    fit_mars,
    fit_to_dict,
    load_fit,
    load_spline,
    save_fit,
    save_spline,
)


@functools.cache
def plain_fit():
    """One fit, shared by all tests that only look at its file."""
    return some_fit()[0]


def some_fit(num_outputs=1, dtype=np.float32, **options):
    rng = np.random.default_rng(0)
    x = rng.random((60, 3)).astype(dtype)
    y = (np.abs(x[:, :1] - 0.4) + x[:, 1:2] * np.arange(1, num_outputs + 1)).astype(dtype)
    y += 0.1 * rng.normal(size=y.shape).astype(dtype)
    return fit_mars(x, y, max_terms=7, **options), x


def assert_same(first, second):
    leaves, structure = jax.tree.flatten(first)
    others, other_structure = jax.tree.flatten(second)
    assert structure == other_structure
    for one, other in zip(leaves, others, strict=True):
        assert type(one) is type(other)
        assert np.asarray(one).dtype == np.asarray(other).dtype
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_outputs": 2, "weights": np.linspace(0, 2, 60)},
        {"max_degree": 2, "prune": "cv", "linear": (1,)},
        {"directions": ("ols",), "names": ("weight", "größe", "x 3")},
    ],
)
def test_a_fit_comes_back_exactly(tmp_path, options):
    fit, x = some_fit(**options)
    save_fit(tmp_path / "fit.json", fit)
    loaded = load_fit(tmp_path / "fit.json")
    assert_same(fit, loaded)
    np.testing.assert_array_equal(evaluate(fit.spline, x), evaluate(loaded.spline, x))


def test_a_float64_fit_comes_back_exactly(tmp_path, enable_x64):
    fit, _ = some_fit(dtype=np.float64)
    save_fit(tmp_path / "fit.json", fit)
    assert_same(fit, load_fit(tmp_path / "fit.json"))


def test_infinite_scores_survive_in_strict_json(tmp_path):
    fit = plain_fit()
    gcv = fit.pruning.gcv.copy()
    gcv[0] = np.inf
    fit = fit._replace(gcv=np.inf, pruning=fit.pruning._replace(gcv=gcv))
    save_fit(tmp_path / "fit.json", fit)
    json.loads((tmp_path / "fit.json").read_text(), parse_constant=pytest.fail)
    assert_same(fit, load_fit(tmp_path / "fit.json"))


def test_a_fit_without_terms_comes_back(tmp_path):
    fit = fit_mars(np.ones((5, 2), np.float32), np.ones(5, np.float32), max_terms=3)
    save_fit(tmp_path / "fit.json", fit)
    assert_same(fit, load_fit(tmp_path / "fit.json"))


def test_a_spline_comes_back_exactly(tmp_path):
    spline = plain_fit().spline
    save_spline(tmp_path / "spline.json", spline)
    assert_same(spline, load_spline(tmp_path / "spline.json"))


def set_field(record, *path, value):
    *parents, last = path
    for name in parents:
        record = record[name]
    record[last] = value


DAMAGES = {
    "no pruning": (lambda r: r.pop("pruning"), "pruning missing"),
    "no gcv in the path": (lambda r: r["pruning"].pop("gcv"), "gcv missing"),
    "seconds gone": (lambda r: set_field(r, "seconds", value=None), "its seconds must be"),
    "another format": (lambda r: set_field(r, "format", value="x"), "must have format"),
    "text for a number": (
        lambda r: set_field(r, "rss", value="much"),
        "rss must be a finite number >= 0",
    ),
    "text in an array": (
        lambda r: set_field(r, "forward", "rss", "data", 0, value="?"),
        "forward.rss must hold float64 numbers",
    ),
    "a dtype of objects": (
        lambda r: set_field(r, "pruning", "rss", "dtype", value="object"),
        "dtype of pruning.rss must be one of",
    ),
    "an array too short": (lambda r: r["pruning"]["rss"]["data"].pop(), "pruning.rss must hold"),
    "a term too few": (lambda r: r["terms"].pop(), "pruning.kept must have shape"),
    "a factor too short": (lambda r: r["terms"][0][0].pop(), "terms must hold"),
    "no such subset": (
        lambda r: set_field(r, "pruning", "chosen", value=99),
        "pruning.chosen must be a row",
    ),
    "a shape missing": (lambda r: r["spline"]["shapes"].pop("knot"), "knot missing"),
    "a coefficient too few": (lambda r: r["spline"]["coef"].pop(), "coef must hold"),
    "a coefficient of infinity": (
        lambda r: set_field(r, "spline", "coef", 0, 0, value="inf"),
        "coef must be finite",
    ),
    "a coefficient that its dtype cannot hold": (
        lambda r: set_field(r, "spline", "dtype", value="float16"),
        "must hold float16 numbers; got",
    ),
    "coefficients of whole numbers": (
        lambda r: set_field(r, "spline", "dtype", value="int32"),
        "dtype must be one of 'float16'",
    ),
    "a number as text": (
        lambda r: set_field(r, "spline", "coef", 0, 0, value="0.5"),
        "coef must hold float32 numbers",
    ),
    "a fraction of a column": (
        lambda r: set_field(r, "terms", 0, 0, 0, value=0.5),
        "a column of terms must be an integer >= 0; got 0.5",
    ),
    "a field of nobody": (lambda r: set_field(r, "rsss", value=1), "did you mean 'rss'"),
    "an earlier format": (
        lambda r: set_field(r, "format", value="spline_fc.fit/2"),
        "must have format 'spline_fc.fit/3'; got 'spline_fc.fit/2' of an earlier version",
    ),
    "a slope of infinity": (
        lambda r: set_field(r, "spline", "slope", 0, 0, value="-inf"),
        "slope must be finite",
    ),
    "a name too few": (lambda r: r["names"].pop(), "names must name the 3 columns"),
    "names of numbers": (lambda r: set_field(r, "names", value=[1, 2]), "names must be a list"),
    "a column too many": (
        lambda r: set_field(r, "spline", "feature", 0, 0, value=3),
        "feature must be a column of z, 0 to 2",
    ),
    "a negative column": (
        lambda r: set_field(r, "spline", "feature", 0, 0, value=-1),
        "feature must be a column of z",
    ),
}


@pytest.fixture(scope="module")
def saved():
    return json.dumps(fit_to_dict(plain_fit()))


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_fit_is_refused_by_name(tmp_path, saved, name):
    damage, sentence = DAMAGES[name]
    record = json.loads(saved)
    damage(record)
    path = tmp_path / "damaged.json"
    path.write_text(json.dumps(record))
    with pytest.raises(ValueError, match=sentence) as caught:
        load_fit(path)
    assert str(caught.value).startswith(f"{path} must hold a saved fit; ")


@pytest.mark.parametrize("content", [b"", b"[]", b'{"format": ', b"\xff\xfe\x00", b"null"])
def test_files_of_something_else_are_refused_by_name(tmp_path, content):
    path = tmp_path / "other.json"
    path.write_bytes(content)
    for load in (load_fit, load_spline):
        with pytest.raises(ValueError, match=r"other\.json must hold (a saved|JSON)"):
            load(path)


def test_a_spline_whose_fields_disagree_is_refused(tmp_path):
    tables = (np.zeros((3, 1), int), *(np.zeros((3, 1)),) * 2)
    spline = Spline(np.zeros(2), np.zeros((3, 1)), *tables, np.zeros((1, 0)))
    with pytest.raises(ValueError, match=r"intercept must have shape \(1,\); got \(2,\)"):
        save_spline(tmp_path / "spline.json", spline)
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_earlier_file(tmp_path, monkeypatch):
    path = tmp_path / "fit.json"
    save_fit(path, plain_fit())
    before = path.read_bytes()

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="no space"):
        save_fit(path, plain_fit()._replace(stop_reason="Another."))
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
