"""Records print themselves in a few lines, whatever they hold."""

import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import spline_fc as sfc
from spline_fc.printing import printed, summary

ROOMS = ("data", "cpwl", "network", "training", "analysis")
SCALARS = {int, float, str, bool}
OWN_TABLE = {"Dataset", "FitResult", "ImportanceTable", "TrainResult"}  # made below
PLAIN = {"Checkpoints", "Recorder", "Term"}  # a path; functions; a few numbers


def records():
    """The public records that hold more than numbers and words, by name."""
    found = {}
    for room in ROOMS:
        module = importlib.import_module(f"spline_fc.{room}")
        for name in module.__all__:
            public = getattr(module, name)
            fields = getattr(public, "_fields", None)
            if isinstance(public, type) and fields and name not in PLAIN:
                if set(public.__annotations__.values()) - SCALARS:
                    found[name] = public
    return found


def check_brief(record):
    text = repr(record)
    assert len(text.splitlines()) <= 20 and len(text) <= 2000, text
    assert type(record).__name__ in text
    page = record._repr_html_()
    assert len(page) <= 6000 and "\n" not in page and page.startswith("<div><p>")


def test_the_search_finds_records():
    assert {"Spline", "FitResult", "TrainResult", "Dataset", "KnotTrack"} <= set(records())


@pytest.mark.parametrize("name", sorted(set(records()) - OWN_TABLE))
def test_no_record_dumps_its_arrays(name):
    kind = records()[name]
    array = np.random.default_rng(0).normal(size=(1000, 30))
    for value in (array, jnp.asarray(array), [array] * 1000, {str(i): array for i in range(1000)}):
        check_brief(kind(*[value] * len(kind._fields)))


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 30))
    y = np.sin(2 * x[:, :25]) @ rng.normal(size=(25, 3))
    return x, y, sfc.fit_mars(x, y, max_terms=61, names=[f"<b>{j}" for j in range(30)])


def test_large_fits_and_data(fitted):
    x, y, fit = fitted
    check_brief(fit)
    assert "&lt;b&gt;" in fit._repr_html_() and "<b>" not in fit._repr_html_()
    assert "more" in repr(fit) and f"R2 {fit.r2:.4f}" in repr(fit)
    check_brief(sfc.from_arrays(x, y, name="<script>"))
    assert "<script>" not in sfc.from_arrays(x, y, name="<script>")._repr_html_()
    columns = tuple(f"model {i}" for i in range(40))
    table = records()["ImportanceTable"](fit.names, columns, np.zeros((30, 40)))
    check_brief(table)


def test_training_of_many_replicas():
    losses = np.full((40, 5, 2001), 0.5)
    reasons = np.full((40, 5), "All <2000> epochs were done.", object)
    result = sfc.TrainResult(
        {}, {}, {"validation_loss": losses}, np.ones((40, 5), int), 10, None,
        sfc.fit_mars(np.arange(9.0)[:, None], np.arange(9.0), max_terms=3).seconds, reasons,
        np.zeros((40, 5), bool),
    )  # fmt: skip
    check_brief(result)
    assert "&lt;2000&gt;" in result._repr_html_()


def test_traced_and_empty_records_print(fitted):
    spline = fitted[2].spline
    seen = []
    jax.jit(lambda one: seen.append(repr(one)) or one.coef)(spline)
    check_brief(jax.tree.map(lambda leaf: None, spline))
    assert "coef" in seen[0] and len(seen[0]) < 500


def test_what_a_field_says():
    assert summary(np.array([1.0, np.nan])) == "float64[2] 1, nan"
    assert summary(np.arange(10)) == "int64[10] 0 to 9"
    assert summary(np.append(np.arange(10.0), np.inf)) == "float64[11] 0 to 9, 1 not finite"
    assert summary(jnp.zeros((3, 2))) == "float32[3, 2]"
    assert summary(0.123456789) == "0.123457"
    assert summary(("a", "b")) == "2: a, b"
    assert summary({"Dense_0": 1}) == "{Dense_0}"


def test_a_decorated_record_keeps_its_fields():
    from typing import NamedTuple

    @printed
    class Pair(NamedTuple):
        first: int
        second: str

    assert Pair(1, "<i>") == (1, "<i>") and repr(Pair(1, "<i>")).splitlines()[1].split() == [
        "first",
        "1",
    ]
    assert "&lt;i&gt;" in Pair(1, "<i>")._repr_html_()
