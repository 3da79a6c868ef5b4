"""Oblique fits as networks on plain x."""

import numpy as np
import pytest

from spline_fc.cpwl import FitResult, ObliqueFit, Spline, evaluate_oblique
from spline_fc.data import Scaler
from spline_fc.network import apply_params, hinges, to_params_oblique

D, Q, K = 4, 2, 2


def oblique_fit(seed=0, terms=7, dtype=np.float64):
    """A random spline of degree 2 on [x, x projection]; no data are needed for it."""
    rng = np.random.default_rng(seed)
    shape = (terms, 2)
    sign = rng.choice([-1.0, 1.0], shape)
    sign[::3, 1] = 0
    arrays = (rng.normal(size=K), rng.normal(size=(terms, K)), rng.integers(0, D + Q, shape), sign,
              rng.normal(size=shape))  # fmt: skip
    spline = Spline(*(a.astype(np.int32 if a.dtype == int else dtype) for a in arrays))
    unused = dict.fromkeys(FitResult._fields)
    projection = rng.normal(size=(D, Q)).astype(dtype)
    return ObliqueFit(FitResult(**{**unused, "spline": spline}), projection, ("a", "b"))


def test_the_network_is_the_fit_on_and_far_off_the_data(enable_x64):
    for seed in range(5):
        oblique = oblique_fit(seed)
        params = to_params_oblique(oblique)
        assert params["Dense_0"]["kernel"].shape[0] == D
        x = np.random.default_rng(1).normal(size=(50, D)) * np.array([1, 10, 1000])[:, None, None]
        for points in x:
            expected = np.asarray(evaluate_oblique(oblique, points))
            gap = np.abs(np.asarray(apply_params(params, points)) - expected).max()
            assert gap < 1e-12 * np.abs(expected).max()


def test_float32_networks_agree_to_rounding():
    oblique = oblique_fit(dtype=np.float32)
    params = to_params_oblique(oblique)
    x = np.random.default_rng(1).normal(size=(100, D)).astype(np.float32)
    expected = np.asarray(evaluate_oblique(oblique, x))
    assert params["Dense_0"]["kernel"].dtype == np.float32
    np.testing.assert_allclose(apply_params(params, x), expected, atol=1e-5)


def test_units_are_the_hinges_with_their_directions(enable_x64):
    oblique = oblique_fit()
    table = hinges(oblique.fit.spline)
    columns = np.concatenate([np.eye(D), oblique.projection], axis=1)
    kernel = to_params_oblique(oblique)["Dense_0"]["kernel"]
    np.testing.assert_allclose(kernel, columns[:, table.feature] * table.sign, atol=1e-15)


def test_the_scaler_is_folded_in(enable_x64):
    rng = np.random.default_rng(2)
    oblique = oblique_fit()
    scaler = Scaler(5 * rng.normal(size=D), rng.uniform(0.1, 9, D), rng.normal(size=K),
                    rng.uniform(1, 3, K))  # fmt: skip
    raw = scaler.x_shift + scaler.x_scale * rng.normal(size=(50, D))
    standard = np.asarray(evaluate_oblique(oblique, (raw - scaler.x_shift) / scaler.x_scale))
    expected = scaler.y_shift + scaler.y_scale * standard
    np.testing.assert_allclose(apply_params(to_params_oblique(oblique, scaler), raw), expected,
                               atol=1e-10)  # fmt: skip
    with pytest.raises(ValueError, match="scaler must have 4 features"):
        to_params_oblique(oblique, scaler._replace(x_shift=np.ones(3), x_scale=np.ones(3)))
