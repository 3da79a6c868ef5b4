"""One value that lies far from all others of its column does not take these from a model."""

import numpy as np
import pytest

from spline_fc.estimators import MARSRegressor, SplineFCRegressor, notes

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
