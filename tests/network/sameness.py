"""Whether a network is a spline, held against the spline's definition."""

import jax
import numpy as np

from spline_fc.cpwl import Spline
from spline_fc.network import Params, apply_params
from tests.splines import plain_output, random_rows, summand_size

FORWARD = jax.jit(apply_params)
ROUNDING = 32  # units in the last place of what is added up


def error(spline: Spline, params: Params, seed: int = 1) -> float:
    """Largest difference of network and spline over the size of their summands, near and far."""
    dtype = np.asarray(spline.coef).dtype
    worst = 0.0
    for spread in (1.0, 1000.0):
        x = random_rows(seed, features=len(spline.projection), spread=spread, dtype=dtype)
        gap = np.abs(np.asarray(FORWARD(params, x)) - plain_output(spline, x))
        worst = max(worst, float((gap / summand_size(spline, x)).max()))
    return worst


def assert_equal(spline: Spline, params: Params, seed: int = 1) -> None:
    """The network is the spline to rounding, on rows around zero and a thousand times farther."""
    came = error(spline, params, seed)
    assert came <= ROUNDING * np.finfo(np.asarray(spline.coef).dtype).eps, came
