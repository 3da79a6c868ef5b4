"""Records made by hand, and what their columns are called."""

import numpy as np
from matplotlib.figure import Figure

from spline_fc.analysis import History, Interval, ShapeFunctions, knot_drift, shape_functions
from spline_fc.analysis.shapes import Curve
from spline_fc.data import Scaler
from spline_fc.plots import About
from spline_fc.timing import Seconds
from spline_fc.training import TrainResult
from tests.analysis.splines import hinge_network, normal_rows, random_network

SCALER = Scaler(
    np.array([10.0, 0, -5, 1]), np.array([2.0, 1, 0.1, 3]), np.array([7.0]), np.array([5.0])
)
ABOUT = About(("alcohol", "pH", "price $ and $", "sugar"), ("quality",), SCALER, x=normal_rows())


def moved_network(seed: int = 0) -> dict:
    """The network of hinges after a training that never was."""
    rng = np.random.default_rng(seed)
    return {
        layer: {name: leaf + 0.1 * rng.normal(size=leaf.shape) for name, leaf in leaves.items()}
        for layer, leaves in hinge_network().items()
    }


def history(end: float, epochs: int = 6) -> History:
    """Losses from 1 to `end` at 10 steps an epoch, 0.5 s each."""
    epoch = np.arange(epochs + 1.0)
    loss = end + (1 - end) * np.exp(-epoch)
    return History(epoch, 10 * epoch, *[loss] * 3, *[1 - loss / 2] * 3, 1 + epoch / 2)


def trained(ends: np.ndarray) -> TrainResult:
    """A training, of replicas if `ends` has axes."""
    loss = np.moveaxis(ends[..., None] + np.exp(-np.arange(5.0)), 0, 0)
    losses = {f"{part}_loss": loss for part in ("train", "validation", "test")}
    params, seconds = hinge_network(), Seconds(0.0, 0.0)
    best = np.full(ends.shape, 4)
    return TrainResult(params, params, losses, best, 10, None, seconds, "done", best < 0)


def drift():
    """A track of two records, in raw units."""
    return knot_drift(hinge_network(), moved_network(), normal_rows(), scaler=SCALER)


def shapes(seed: int | None = None) -> ShapeFunctions:
    """Shape functions in raw units."""
    network = hinge_network() if seed is None else moved_network(seed)
    return shape_functions(network, normal_rows(), scaler=SCALER)


def line(feature: int, *values: float) -> Curve:
    """A curve over 0 and 1."""
    return Curve(feature, np.array([0.0, 1.0]), np.array(values)[:, None], exact=True)


def two_outputs() -> dict:
    """A network of four features and two outputs."""
    return random_network((4, 5, 2), seed=3)


def interval(value: float) -> Interval:
    """A number that is known to a tenth."""
    return Interval(value, value - 0.1, value + 0.1)


def axes(count: int) -> list:
    """Axes that pyplot knows nothing of."""
    return Figure(figsize=(10, 8)).subplots(1, count, squeeze=False).ravel().tolist()
