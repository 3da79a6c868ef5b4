"""Random splines, the rows to try them on, and the NumPy evaluation they are compared with."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import strategies as st

from spline_fc.cpwl import Spline
from spline_fc.network import apply_params

TOLERANCE = {np.dtype(np.float32): 1e-6, np.dtype(np.float64): 1e-12}
FORWARD = jax.jit(apply_params)


def random_spline(
    seed=0, terms=10, degree=1, outputs=1, features=5, dtype=np.float32, few_knots=True
):
    """Terms on few knots share and repeat hinges; factors and whole terms may be absent."""
    rng = np.random.default_rng(seed)
    shape = (terms, degree)
    sign = rng.choice([-1.0, 1.0], shape)
    sign[rng.random(shape) < 0.2] = 0
    coef = rng.normal(size=(terms, outputs))
    coef[rng.random(terms) < 0.1] = 0
    knot = rng.normal(size=shape)
    return Spline(
        jnp.asarray(rng.normal(size=outputs), dtype),
        jnp.asarray(coef, dtype),
        jnp.asarray(rng.integers(0, features, shape), jnp.int32),
        jnp.asarray(sign, dtype),
        jnp.asarray(np.round(knot) if few_knots else knot, dtype),
    )


def random_rows(seed=0, count=40, features=5, spread=1.0, dtype=np.float32):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(count, features)) * spread).astype(dtype)


def oracle(spline, x):
    """The definition, in float64 NumPy, one term after the other; and the scale of its summands.

    A ReLU network takes min(a, b) as a - relu(a - b), so that where a is far above b it rounds at
    the size of a: the scale is the largest output or coefficient times hinge, whichever is larger.
    """
    intercept, coef, feature, sign, knot = (np.asarray(a, np.float64) for a in spline)
    x = np.asarray(x, np.float64)
    out = np.tile(intercept, (len(x), 1))
    scale = 0.0
    for m in range(len(coef)):
        hinges = [
            np.maximum(sign[m, r] * (x[:, int(feature[m, r])] - knot[m, r]), 0.0)
            for r in range(sign.shape[1])
            if sign[m, r]
        ]
        if hinges:
            out += np.min(hinges, axis=0)[:, None] * coef[m]
            scale = max(scale, np.max(hinges) * np.abs(coef[m]).max())
    return out, max(scale, np.abs(out).max())


def error(spline, params, features=5, seed=1):
    """Largest difference of network and spline over the scale of the output, in range and far."""
    dtype = np.asarray(spline.coef).dtype
    worst = 0.0
    for spread in (1.0, 1000.0):
        x = random_rows(seed, features=features, spread=spread, dtype=dtype)
        expected, scale = oracle(spline, x)
        worst = max(worst, np.abs(np.asarray(FORWARD(params, x)) - expected).max() / scale)
    return worst


def assert_equal(spline, params, features=5):
    came = error(spline, params, features)
    assert came <= TOLERANCE[np.asarray(spline.coef).dtype], came


@st.composite
def shapes(draw):
    """Arguments of `random_spline`, and a random architecture that holds any such spline."""
    arguments = {
        "seed": draw(st.integers(0, 10**6)),
        "terms": draw(st.integers(1, 40)),
        "degree": draw(st.integers(1, 4)),
        "outputs": draw(st.integers(1, 5)),
        "features": draw(st.integers(1, 6)),
        "few_knots": draw(st.booleans()),
    }
    return (
        arguments,
        draw(st.lists(st.integers(0, 9), min_size=6, max_size=6)),
        draw(st.integers(0, 5)),
    )
