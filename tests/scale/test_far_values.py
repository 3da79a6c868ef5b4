"""What a fit tells of values that lie far is what its spline does, wherever the rows are."""

import jax
import numpy as np
import pytest

import spline_fc as sfc
from spline_fc.sharding import shard_rows

ROWS = 600
OPTIONS = {"max_terms": 15, "knots": 24}
FAR = [1e8, 1e10, 1e12]


def table(kind, *far):
    """A wave along a column whose first rows have far values."""
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(ROWS, 3))
    y = np.sin(6 * x[:, 0]) + x[:, 1] + 0.3 * rng.normal(size=ROWS)
    x[: len(far), 0] = far
    return x.astype(kind), y.astype(kind)


def fit_of(way, x, y):
    if way == "host":
        return sfc.fit_mars(x, y, **OPTIONS)
    if way == "chunks":
        cuts = [slice(i, i + 250) for i in range(0, ROWS, 250)]
        return sfc.fit_mars(sfc.chunks_of(lambda: ((x[c], y[c]) for c in cuts)), **OPTIONS)
    with jax.enable_x64(x.dtype == np.float64):
        return sfc.fit_mars(*shard_rows(jax.make_mesh((1,), ("rows",)), x, y)[:2], **OPTIONS)


def explained(fit, x, y):
    residual = y.astype(float) - np.asarray(sfc.evaluate(fit, x), float)[:, 0]
    return 1 - (residual**2).sum() / ((y - y.mean(dtype=float)) ** 2).sum()


@pytest.mark.parametrize("way", ["host", "mesh", "chunks"])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("sides", [(1,), (-1,), (1, -1)], ids=["above", "below", "both"])
def test_the_spline_as_it_is_stored_explains_what_is_told(way, kind, sides, caplog):
    wanted = fit_of("host", *table(kind)).r2
    for far in FAR:
        x, y = table(kind, *(side * far for side in sides))
        fit = fit_of(way, x, y)
        assert fit.r2 == pytest.approx(explained(fit, x, y), abs=1e-3)
        assert fit.r2 > wanted - 0.01
    assert "lose digits" not in caplog.text


@pytest.mark.parametrize("way", ["host", "mesh", "chunks"])
def test_what_cannot_be_held_is_told_of_its_column(way, caplog):
    """Far beyond the digits of float64 on both sides, slopes can cancel on one of them alone."""
    x, y = table(np.float64, 1e20, -1e20)
    fit = fit_of(way, x, y)
    assert fit.r2 == pytest.approx(explained(fit, x, y), abs=1e-3) and fit.r2 < 0.5
    assert "column 'x0' has values as far as" in caplog.text


def test_slopes_turn_away_from_the_farther_side():
    x, y = table(np.float64, 1e20, -999)
    fit = fit_of("host", x, y)
    assert fit.r2 == pytest.approx(explained(fit, x, y), abs=1e-3)
    assert fit.r2 > fit_of("host", *table(np.float64)).r2 - 0.01


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_jax_and_networks_in_float32_keep_what_is_told_of_one_side(kind):
    """No slopes have to cancel at the far value, as they would by chance in float64 alone."""
    for far in (1e6, 1e8, 1e9, 1e10, 1e12):
        x, y = table(kind, far)
        fit = fit_of("host", x, y)
        for found in (
            sfc.evaluate(fit, jax.numpy.asarray(x)),
            sfc.apply_params(sfc.to_params(fit), x),
        ):
            residual = y.astype(float) - np.asarray(found, float)[:, 0]
            assert 1 - (residual**2).mean() / y.var() == pytest.approx(fit.r2, abs=1e-3)


@pytest.mark.parametrize("way", ["host", "mesh", "chunks"])
def test_an_intercept_that_float32_rounds_is_counted(way, caplog):
    """Targets of float64 far from 0, and columns of float32, whose dtype the spline has."""
    x, _ = table(np.float32)
    y = table(np.float64)[1] + 1e8
    if way == "mesh":
        with jax.enable_x64(True):
            x, z = shard_rows(jax.make_mesh((1,), ("rows",)), x, y)[:2]
            fit = sfc.fit_mars(x, z, **OPTIONS)
    else:
        fit = fit_of(way, x, y)
    exact = explained(fit, np.asarray(x, float), y)
    assert fit.r2 == pytest.approx(exact, abs=1e-3) and fit.r2 < 0.5
    assert "coefficients of y, which lies about 1e+08, lose digits in float32" in caplog.text
