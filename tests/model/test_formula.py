"""The formula is the spline: what it says, evaluated, is what the spline gives."""

import datetime
import re

import numpy as np
import pandas as pd
import pytest

import spline_fc as sfc
from spline_fc.data.cells import Format
from spline_fc.model.columns import number_word
from spline_fc.model.formula import raw_spline
from tests.model.houses import fitted, table

EPOCH = datetime.date(1970, 1, 1)


def evaluate_text(formula, row):
    """Evaluates the lines of a formula of one output as arithmetic."""

    def value(text):
        text = re.sub(r"\[(\w+) = (\w+)\]", lambda m: str(float(str(row[m[1]]) == m[2])), text)
        text = re.sub(
            r"\d{4}-\d\d-\d\d",
            lambda m: str((datetime.date.fromisoformat(m[0]) - EPOCH).days),
            text,
        )
        text = re.sub(r" in days since 1970", "", text)
        return eval(text.replace("direction ", "direction"), {**numbers})

    numbers = {"max": max, "min": min, "area": row["area"]}
    numbers["sold"] = (row["sold"].date() - EPOCH).days
    body, _, where = formula.partition("\nwhere\n")
    for line in where.splitlines():
        name, _, text = line.strip().partition(" = ")
        numbers[name.replace(" ", "")] = value(text)
    head, *terms = body.splitlines()
    assert head == "price ="
    return sum(value(term.strip()) for term in terms)


def test_the_formula_evaluates_to_the_prediction():
    model, _ = fitted("regression", ("spline",))
    frame, _ = table()
    formula = model.formula(None)
    for kind in ("min(", "where", "[tree = ", "* (sold - 2024-", "direction 1 - ", " - sold)"):
        assert kind in formula, formula
    found = model.predict(frame)
    for row in range(0, 120, 7):
        # Six digits are written, and dates are 20,000 days.
        assert abs(evaluate_text(formula, frame.iloc[row]) - found[row]) < 0.02


def test_a_raw_spline_is_the_same_function_in_other_units():
    model, dataset = fitted("multiclass", ("spline",))
    scale = np.array([2.0, 0.5, 7.0])
    scaler = dataset.scaler._replace(y_shift=3 * scale, y_scale=scale)
    raw = raw_spline(model.spline, scaler)
    x = dataset.test.x.astype(np.float64)
    wanted = sfc.evaluate(model.spline, x) * scale + 3 * scale
    came = sfc.evaluate(raw, sfc.data.unscale_x(scaler, x))
    np.testing.assert_allclose(came, wanted, rtol=1e-9)


@pytest.mark.parametrize(
    ("kind", "unit", "value", "decimals", "word"),
    [
        ("date", "days", 19783.0, 6, "2024-03-01"),
        ("date", "seconds", 86400 * 19783 + 0.25, 6, "2024-03-01 00:00:00.25"),
        ("date", "seconds", 86400 * 19783 + 0.25, 0, "2024-03-01 00:00:00"),
        ("time", "seconds", 3600.5, 1, "01:00:00.5"),
        ("time", "seconds", 3600.0, 6, "01:00:00"),
        ("time", "seconds", -1.0, 6, "-1"),
    ],
)
def test_moments_are_written_as_far_as_they_are_known(kind, unit, value, decimals, word):
    assert number_word(Format(kind, unit=unit), value, decimals) == word


def test_knots_within_a_second_are_told_apart():
    moments = pd.Timestamp("2024-03-01") + pd.to_timedelta(np.linspace(0, 1, 200), "s")
    y = np.abs(np.linspace(-1, 1, 200))
    fit = sfc.MARSRegressor(max_terms=5).fit(pd.DataFrame({"sold": moments}), y)
    assert re.search(r"sold - 2024-03-01 00:00:00\.[45]", fit.model_.formula())


def test_a_network_alone_has_no_formula_but_a_summary():
    model, _ = fitted("regression", ("params",))
    with pytest.raises(ValueError, match="must have a spline; it is a network alone"):
        model.formula()
    text = model.summary()
    assert "regression of price" in text and "network" in text and "importance" in text
    assert "max(0" in fitted("binary")[0].summary()
