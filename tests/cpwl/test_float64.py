"""The NumPy twin of evaluate."""

import numpy as np
from hypothesis import given, settings

from spline_fc.cpwl import evaluate_float64
from tests.splines import plain_output, random_rows, random_spline, shapes


@settings(deadline=None, max_examples=50)
@given(shape=shapes())
def test_it_is_the_definition(shape):
    spline = random_spline(**shape)
    x = random_rows(features=spline.projection.shape[0], spread=2)
    found, expected = evaluate_float64(spline, x), plain_output(spline, x)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
