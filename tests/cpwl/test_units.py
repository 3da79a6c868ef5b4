"""No fit depends on the units of the features, of no degree, along no directions."""

import jax
import numpy as np
import pytest

from spline_fc.cpwl import evaluate, fit_mars, live_terms

SCALES = np.array([1e4, 0.05, 1.0, 300.0, 7.0])  # of a set like real ones: unlike, skewed, ties


def problem(n=400):
    rng = np.random.default_rng(4)
    base = rng.normal(size=(n, 5))
    base[:, 1] = np.exp(base[:, 1])
    base[:, 3] = np.round(2 * base[:, 3])
    x = base * SCALES + [5e4, 0.0, -3.0, 0.0, 20.0]
    y = np.abs(base[:, 0]) + np.minimum(np.maximum(base[:, 2], 0), np.maximum(base[:, 4], 0))
    y += 0.5 * base[:, 1] * (base[:, 3] > 0) + 0.2 * rng.normal(size=n)
    return x, 40 * y + 7


X, Y = problem()
UNITS = {
    "standardised": ((X - X.mean(0)) / X.std(0)),
    "thousands": X * 1e3 + 1e3,
    "one feature": X * [1.0, 1e3, 1.0, 1.0, 1.0],
}


@pytest.mark.parametrize("directions", [(), ("ols", "phd")])
@pytest.mark.parametrize("max_degree", [1, 2, 3])
@pytest.mark.parametrize(("wide", "tolerance"), [(False, 1e-3), (True, 1e-9)])
def test_predictions_are_those_of_the_raw_features(max_degree, directions, wide, tolerance):
    options = dict(max_terms=13, max_degree=max_degree, directions=directions, knots=24)
    with jax.enable_x64(wide):
        raw = fit_mars(X, Y, **options)
        wanted = np.asarray(evaluate(raw, X))
        assert wanted.dtype == np.float64
        assert raw.r2 == pytest.approx(1 - ((Y - wanted[:, 0]) ** 2).mean() / Y.var(), abs=1e-5)
        for name, x in UNITS.items():
            fit = fit_mars(x, Y, **options)
            gap = np.abs(np.asarray(evaluate(fit, x)) - wanted).max()
            assert gap <= tolerance * Y.std(), name


def test_knots_are_data_values_and_slopes_are_signs_or_scales(enable_x64):
    fit = fit_mars(X, Y, max_terms=13, max_degree=2, directions=("ols",), knots=24)
    z = np.concatenate([X, X @ np.asarray(fit.spline.projection)], axis=1)
    scale, seen = z.std(0), set()
    for term in (*fit.terms, *live_terms(fit.spline).terms):
        seen.add(len(term.factors))
        for column, slope, knot in term.factors:
            wanted = 1.0 if len(term.factors) == 1 else 1 / scale[column]
            assert abs(slope) == pytest.approx(wanted, rel=1e-9)
            if column < X.shape[1]:
                assert knot in z[:, column]
            else:
                assert np.abs(z[:, column] - knot).min() < 1e-9 * scale[column]
    assert seen == {1, 2}
    features = fit.forward.feature < X.shape[1]
    steps = zip(fit.forward.feature[features], fit.forward.knot[features], strict=True)
    assert all(knot in X[:, column] for column, knot in steps)


def test_explicit_knots_are_in_raw_units(enable_x64):
    positions = [[4e4, 5e4, 6e4], [0.05], [-3.0], [0.0], [20.0]]
    fit = fit_mars(X, Y, max_terms=9, knots=positions, min_span=1, end_span=0, threshold=0)
    assert len(fit.terms) > 3
    assert all(t in positions[v] for term in fit.terms for v, _, t in term.factors)


@pytest.mark.parametrize("offset", [0.0, 1e9])
def test_data_far_from_zero_keep_their_digits(offset):
    """float64 numbers are centred before they are narrowed."""
    time = 1.7e9 + np.arange(400.0)[:, None]
    wave = np.sin(np.arange(400) / 40)
    near = fit_mars(time - time[0], wave, max_terms=15)
    far = fit_mars(time, wave + offset, max_terms=15)
    assert near.r2 > 0.9 and far.r2 == pytest.approx(near.r2, abs=1e-5)


def test_one_far_outlier_does_not_take_the_digits_of_the_others():
    x = np.r_[1e20, np.linspace(0, 6, 499)].astype(np.float32)[:, None]
    y = np.sin(x[:, 0]) * (x[:, 0] < 10)
    assert fit_mars(x, y, max_terms=15, end_span=5).r2 > 0.9
