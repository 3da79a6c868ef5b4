"""The formula is the spline: what it says, evaluated, is what the spline gives."""

import datetime
import re

import numpy as np
import pytest

import spline_fc as sfc
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


def test_a_network_alone_has_no_formula_but_a_summary():
    model, _ = fitted("regression", ("params",))
    with pytest.raises(ValueError, match="must have a spline; it is a network alone"):
        model.formula()
    text = model.summary()
    assert "regression of price" in text and "network" in text and "importance" in text
    assert "max(0" in fitted("binary")[0].summary()
