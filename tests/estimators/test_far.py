"""One value that lies far from all others of its column does not take these from a model."""

import numpy as np
import pytest

from spline_fc.estimators import MARSRegressor, SplineFCClassifier, SplineFCRegressor, notes

X = np.random.default_rng(0).uniform(size=(500, 3))
Y = np.sin(6 * X[:, 0]) + X[:, 1]


@pytest.mark.parametrize(("kind", "far"), [("mars", 1e20), ("network", 1e10), ("network", -1e20)])
def test_a_far_value_leaves_the_others_theirs(kind, far, caplog, monkeypatch):
    monkeypatch.setattr(notes, "_told", set())
    x = X.copy()
    x[0, 0] = far
    options = dict(hidden_sizes=(32,), directions=(), epochs=3, learning_rate=1e-3, max_terms=21)
    model = MARSRegressor() if kind == "mars" else SplineFCRegressor(**options)
    model.fit(x, Y)
    residual = (Y - model.predict(x))[1:]
    assert (residual**2).mean() < 0.01 * Y.var()
    assert "column 'x0' has values as far as" in caplog.text


@pytest.mark.parametrize("kind", [MARSRegressor, SplineFCRegressor, SplineFCClassifier])
def test_half_a_column_far_off_leaves_the_other_half_its_say(kind, caplog, monkeypatch):
    """Its quartiles span both halves, and about its mean float32 knows two values."""
    monkeypatch.setattr(notes, "_told", set())
    x = X.copy()
    x[::2, 0] = 1e9
    near = np.arange(len(x)) % 2 == 1
    y = np.where(near, np.sin(6 * X[:, 0]), 0) + X[:, 1]
    options = dict(hidden_sizes=(32,), directions=(), epochs=3, learning_rate=1e-3, max_terms=21)
    if kind is SplineFCClassifier:
        y = y > np.where(near, 0.5 + 0.05, 0.5)
        model = kind(**options).fit(x, y)
        assert min(model.score(x[part], y[part]) for part in (near, ~near)) > 0.9
    else:
        model = kind(**({} if kind is MARSRegressor else options)).fit(x, y)
        for part in (near, ~near):
            residual = (y - model.predict(x))[part]
            assert (residual**2).mean() < 0.05 * y[part].var()
    assert "column 'x0' has values as far as" in caplog.text


def test_modules_that_cannot_tell_rows_far_from_zero_apart_say_so(caplog):
    """Predictions subtract first; layers of raw rows in float32 have nothing left to subtract."""
    near, far = (MARSRegressor().fit(x, Y) for x in (X, X + (0, 1e8, 0)))
    caplog.clear()
    for hand_out in (near.to_linen, near.to_nnx, near.model_.network, far.model_.network):
        hand_out()
    near.model_.network(np.float32)
    assert not caplog.records
    for hand_out in (far.to_linen, far.to_nnx, lambda: far.model_.network(np.float32)):
        hand_out()
        assert "column 'x1' lies about 1e+08, 3." in caplog.records[-1].message
        assert "layers in float32" in caplog.records[-1].message
    assert len(caplog.records) == 3
