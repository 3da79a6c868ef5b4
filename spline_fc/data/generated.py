"""Embedded data: targets whose truth is known, drawn from a seed.

Friedman's three targets: Friedman (1991), Multivariate Adaptive Regression Splines, Ann. Statist.
19(1), sections 4.3 and 4.4; the sizes of the noise are those of Breiman (1996), Bagging Predictors.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from spline_fc.checks import check_integer, check_number, check_one_of
from spline_fc.data.records import Dataset, Part, check_dataset, identity_scaler
from spline_fc.printing import printed


@printed
class CpwlTarget(NamedTuple):
    """The truth behind the source "cpwl", field for field as a Spline of one factor per term.

    f(x) = intercept + sum_m coef[m] * relu(slope[m] * (x[feature[m]] - knot[m])), in raw units.
    """

    intercept: np.ndarray  # (1,), float64
    coef: np.ndarray  # (m, 1), float64
    feature: np.ndarray  # (m, 1), int32
    slope: np.ndarray  # (m, 1), +1 or -1
    knot: np.ndarray  # (m, 1), float64
    projection: np.ndarray  # (6, 0), no directions


class Source(NamedTuple):
    """One embedded source: how x is drawn, the noiseless target, and the default noise."""

    low: tuple[float, ...]  # (d,), lower ends of the uniform distributions of the features
    high: tuple[float, ...]  # (d,), upper ends
    target: Callable[[np.ndarray], np.ndarray]  # (n, d) -> (n,)
    noise: float  # standard deviation, in target units


def cpwl_target() -> CpwlTarget:
    """Returns the fixed target of the source "cpwl": five hinges on four of its six features.

    Features 4 and 5 are irrelevant. x is uniform on [0, 1]; no seed changes the target.
    """
    return CpwlTarget(
        intercept=np.array([1.0]),
        coef=np.array([[4.0], [-6.0], [5.0], [3.0], [-4.0]]),
        feature=np.array([[0], [0], [1], [2], [3]], np.int32),
        slope=np.array([[1.0], [1.0], [-1.0], [1.0], [-1.0]]),
        knot=np.array([[0.2], [0.65], [0.5], [0.35], [0.8]]),
        projection=np.zeros((6, 0)),
    )


def evaluate_cpwl(target: CpwlTarget, x: np.ndarray) -> np.ndarray:
    """Evaluates a CpwlTarget at x (n, d); returns (n,)."""
    hinge = np.maximum(target.slope[:, 0] * (x[:, target.feature[:, 0]] - target.knot[:, 0]), 0)
    return target.intercept[0] + hinge @ target.coef[:, 0]


def friedman1(x: np.ndarray) -> np.ndarray:
    """Friedman (1991): 10 sin(pi x0 x1) + 20 (x2 - 1/2)^2 + 10 x3 + 5 x4; (n, >=5)."""
    wave = 10 * np.sin(np.pi * x[:, 0] * x[:, 1])
    return wave + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]


def friedman2(x: np.ndarray) -> np.ndarray:
    """Friedman (1991): impedance of a circuit, sqrt(x0^2 + (x1 x2 - 1 / (x1 x3))^2); (n, 4)."""
    return np.hypot(x[:, 0], x[:, 1] * x[:, 2] - 1 / (x[:, 1] * x[:, 3]))


def friedman3(x: np.ndarray) -> np.ndarray:
    """Friedman (1991): its phase, arctan((x1 x2 - 1 / (x1 x3)) / x0); (n, 4)."""
    return np.arctan2(x[:, 1] * x[:, 2] - 1 / (x[:, 1] * x[:, 3]), x[:, 0])


_CIRCUIT_LOW = (0.0, 40 * np.pi, 0.0, 1.0)
_CIRCUIT_HIGH = (100.0, 560 * np.pi, 1.0, 11.0)

SOURCES = {
    "friedman1": Source((0.0,) * 10, (1.0,) * 10, friedman1, 1.0),
    "friedman2": Source(_CIRCUIT_LOW, _CIRCUIT_HIGH, friedman2, 125.0),
    "friedman3": Source(_CIRCUIT_LOW, _CIRCUIT_HIGH, friedman3, 0.1),
    "cpwl": Source((0.0,) * 6, (1.0,) * 6, lambda x: evaluate_cpwl(cpwl_target(), x), 0.1),
}


def generate(
    name: str,
    *,
    seed: int = 0,
    num_train: int = 2000,
    num_validation: int = 1000,
    num_test: int = 2000,
    noise: float | None = None,
) -> Dataset:
    """Draws an embedded data set.

    Every part has its own random stream, so the test part does not depend on `num_train`, and a
    larger part begins with the rows of a smaller one.

    Args:
      name: "friedman1" (d=10), "friedman2" (d=4), "friedman3" (d=4) or "cpwl" (d=6).
      seed: of x and of the noise.
      num_train: rows of the training part.
      num_validation: rows of the validation part.
      num_test: rows of the test part.
      noise: standard deviation of the normal noise on every part, in target units; None for the
        source's own: 1, 125, 0.1 and 0.1.

    Returns:
      Dataset in raw units, float64, y (n, 1).

    Raises:
      ValueError: unknown name, a part without rows, negative noise, a constant target.
    """
    check_one_of("name", name, SOURCES)
    check_integer("seed", seed, 0)
    source = SOURCES[name]
    noise = source.noise if noise is None else noise
    check_number("noise", noise, at_least=0)
    sizes = {"num_train": num_train, "num_validation": num_validation, "num_test": num_test}
    for argument, size in sizes.items():
        check_integer(argument, size, 1)
    streams = np.random.SeedSequence(seed).spawn(3)
    train, validation, test = (
        _draw(source, stream, size, noise)
        for stream, size in zip(streams, sizes.values(), strict=True)
    )
    d = len(source.low)
    names, scaler = tuple(f"x{j}" for j in range(d)), identity_scaler(d, 1)
    return check_dataset(
        Dataset(name, "regression", names, ("y",), train, validation, test, scaler)
    )


def _draw(source: Source, stream: np.random.SeedSequence, size: int, noise: float) -> Part:
    for_x, for_noise = (np.random.default_rng(s) for s in stream.spawn(2))
    x = for_x.uniform(source.low, source.high, (size, len(source.low)))
    y = source.target(x) + noise * for_noise.standard_normal(size)
    return Part(x, y[:, None])
