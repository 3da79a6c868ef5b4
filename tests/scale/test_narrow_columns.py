"""Columns whose values hardly differ in their dtype are constant, wherever the rows are."""

import jax
import numpy as np
import pytest

import spline_fc as sfc
from spline_fc.sharding import shard_rows

ROWS = 300
RNG = np.random.default_rng(0)
X = RNG.uniform(size=(ROWS, 2))
Y = np.sin(6 * X[:, 0]) + X[:, 1]


def fits(x, y):
    """On the host, on a mesh of one device and from chunks."""
    options = {"max_terms": 9, "knots": 16}
    yield sfc.fit_mars(x, y, **options)
    with jax.enable_x64(x.dtype == np.float64):
        divided = shard_rows(jax.make_mesh((1,), ("rows",)), x, y)[:2]
        yield sfc.fit_mars(*divided, **options)
    yield sfc.fit_mars(sfc.chunks_of(lambda: [(x[:99], y[:99]), (x[99:], y[99:])]), **options)


@pytest.mark.parametrize(
    ("kind", "width"), [(np.float64, 1e-310), (np.float64, 1e-303), (np.float32, 1e-40)]
)
@pytest.mark.parametrize("far", [None, 1.0])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_narrow_column_is_constant(kind, width, far):
    x = X * [width, 1]
    if far is not None:
        x[0, 0] = far
    x, y = x.astype(kind), Y.astype(kind)
    alone = sfc.fit_mars(x[:, 1:], y, max_terms=9, knots=16)
    for fit in fits(x, y):
        assert fit.r2 == pytest.approx(alone.r2, abs=0.002)
        residual = y - sfc.evaluate(fit, x)[:, 0]
        assert 1 - (residual**2).mean() / y.var() == pytest.approx(fit.r2, abs=1e-5)


@pytest.mark.parametrize(("kind", "width"), [(np.float64, 1e-290), (np.float32, 1e-28)])
@pytest.mark.parametrize("far", [None, 1.0])
def test_a_column_that_is_a_little_wider_is_not(kind, width, far):
    """Not even beside a value that lies 1e290 times as far away."""
    x = X * [width, 1]
    if far is not None:
        x[0, 0] = far
    x, y = x.astype(kind), Y.astype(kind)
    for fit in fits(x, y):
        residual = y - sfc.evaluate(fit, x)[:, 0]
        assert 1 - (residual**2).mean() / y.var() == pytest.approx(fit.r2, abs=1e-5)
        assert fit.r2 > 0.98


def test_slopes_that_overflow_are_refused():
    x, y = (X * [1e-20, 1]).astype(np.float32), (1e25 * Y).astype(np.float32)
    with pytest.raises(
        ValueError, match=r"y must rise by less than 3.4e\+38 for 1 of x of float32"
    ):
        sfc.fit_mars(x, y, max_terms=9, knots=16)
