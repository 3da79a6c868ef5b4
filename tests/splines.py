"""Random splines, rows to try them on, and their definition in NumPy, for all rooms."""

import numpy as np
from hypothesis import strategies as st

from spline_fc.cpwl import Spline
from spline_fc.data import Scaler


def random_spline(
    seed: int = 0,
    *,
    terms: int = 10,
    degree: int = 1,
    outputs: int = 1,
    features: int = 5,
    directions: int = 0,
    slopes: bool = True,
    few_knots: bool = True,
    dtype: type = np.float32,
) -> Spline:
    """A spline of NumPy arrays whose terms and factors are absent now and then.

    On few knots its terms share and repeat hinges, with `slopes` at different gains in minima.
    """
    rng = np.random.default_rng(seed)
    shape = (terms, degree)
    slope = rng.choice([-1.0, 1.0], shape)
    slope[rng.random(shape) < 0.2] = 0
    if slopes:
        is_minimum = (slope != 0).sum(axis=1, keepdims=True) > 1
        slope *= np.where(is_minimum, np.exp(rng.normal(size=shape)), 1)
    coef = rng.normal(size=(terms, outputs))
    coef[rng.random(terms) < 0.1] = 0
    knot = rng.normal(size=shape)
    return Spline(
        intercept=rng.normal(size=outputs).astype(dtype),
        coef=coef.astype(dtype),
        feature=rng.integers(0, features + directions, shape).astype(np.int32),
        slope=slope.astype(dtype),
        knot=(np.round(knot) if few_knots else knot).astype(dtype),
        projection=rng.normal(size=(features, directions)).astype(dtype),
    )


def random_rows(
    seed: int = 0,
    count: int = 40,
    *,
    features: int = 5,
    spread: float = 1,
    dtype: type = np.float32,
) -> np.ndarray:
    """Rows (count, features) from a normal distribution of that deviation."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(count, features)) * spread).astype(dtype)


def random_scaler(seed: int, features: int = 5, outputs: int = 1) -> Scaler:
    """Shifts and scales of quite different sizes."""
    rng = np.random.default_rng(seed)
    ends = (features, features, outputs, outputs)
    x_shift, x_scale, y_shift, y_scale = (rng.normal(size=size) for size in ends)
    return Scaler(x_shift, np.exp(2 * x_scale), y_shift, np.exp(y_scale))


def factors_of(spline: Spline, m: int) -> list[tuple[int, float, float]]:
    """The factors (column of z, slope, knot) of term m that are there."""
    tables = (spline.feature[m], spline.slope[m], spline.knot[m])
    return [(int(v), float(s), float(t)) for v, s, t in zip(*tables, strict=True) if s != 0]


def plain_output(spline: Spline, x: np.ndarray) -> np.ndarray:
    """The definition in float64, term by term and hinge by hinge: (n, d) to (n, k)."""
    x = np.asarray(x, np.float64)
    z = np.hstack([x, x @ np.asarray(spline.projection, np.float64)])
    out = np.tile(np.asarray(spline.intercept, np.float64), (len(x), 1))
    for m, coef in enumerate(np.asarray(spline.coef, np.float64)):
        values = [np.maximum(s * (z[:, v] - t), 0) for v, s, t in factors_of(spline, m)]
        if values:
            out += np.min(values, axis=0)[:, None] * coef
    return out


def summand_size(spline: Spline, x: np.ndarray) -> np.ndarray:
    """How much is added up for each row (n, 1), with all signs positive: rounding goes by that.

    A ReLU network takes min(a, b) as a - relu(a - b), so all hinges of a minimum count.
    """
    x = np.abs(np.asarray(x, np.float64))
    z = np.hstack([x, x @ np.abs(np.asarray(spline.projection, np.float64))])
    size = np.full(len(x), np.abs(np.asarray(spline.intercept, np.float64)).max())
    for m, coef in enumerate(np.asarray(spline.coef, np.float64)):
        for v, s, t in factors_of(spline, m):
            size += abs(s) * (z[:, v] + abs(t)) * np.abs(coef).max()
    return size[:, None]


@st.composite
def shapes(draw: st.DrawFn) -> dict:
    """Arguments of `random_spline`; on a single feature every direction would be that feature."""
    features = draw(st.integers(1, 6))
    return {
        "seed": draw(st.integers(0, 10**6)),
        "terms": draw(st.integers(1, 40)),
        "degree": draw(st.integers(1, 4)),
        "outputs": draw(st.integers(1, 5)),
        "features": features,
        "directions": draw(st.integers(0, 3)) if features > 1 else 0,
        "slopes": draw(st.booleans()),
        "few_knots": draw(st.booleans()),
    }
