"""What is fitted: the cases, their data, and the files through which contenders share it."""

import json
import pathlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from spline_fc.data.generated import friedman1

TEST_ROWS = 10_000
FEW_ROWS = 4000  # where quantile knots are the default already


class Case(NamedTuple):
    """One line of the benchmark, and what it is to show."""

    name: str
    num_rows: int
    num_features: int
    max_terms: int
    max_degree: int
    target: str  # a key of TARGETS
    earth_options: str  # further arguments of R earth, as R text
    wanted: str  # key of the result compared with `bound`: "ratio", "cold" or "weights"
    bound: float  # at least (ratio), seconds at most (cold), ratio at most (weights)


class FitData(NamedTuple):
    """float32 numbers; contenders that work in float64 get the very same ones."""

    x: np.ndarray  # (n, d)
    y: np.ndarray  # (n,), noise included
    weights: np.ndarray  # (n,), uniform on [0.5, 1.5]
    x_test: np.ndarray  # (TEST_ROWS, d)
    y_test: np.ndarray  # (TEST_ROWS,), noise included
    truth_test: np.ndarray  # (TEST_ROWS,), no noise


CASES = {
    case.name: case
    for case in (
        Case("n1e4", 10_000, 10, 61, 1, "friedman1", "", "ratio", 15),
        Case("n1e5", 100_000, 10, 61, 1, "friedman1", "", "ratio", 40),
        Case("n1e6", 1_000_000, 10, 41, 1, "friedman1", "", "ratio", 40),
        Case("d100", 10_000, 100, 101, 1, "additive", "fast.k=0", "ratio", 10),
        Case("degree2", 100_000, 10, 61, 2, "friedman1", "", "ratio", 20),
        Case("cold", 1_000, 10, 61, 1, "friedman1", "", "cold", 3),
        Case("weights", 100_000, 10, 61, 1, "friedman1", "", "weights", 1.1),
    )
}


def additive(x: np.ndarray) -> np.ndarray:
    """A sum of 25 sines of growing frequency and falling size, one per feature; x (n, >= 25)."""
    j = np.arange(25)
    return (5 / np.sqrt(1 + j) * np.sin(np.pi * (1 + j % 3) * x[:, :25])).sum(1)


TARGETS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "friedman1": friedman1,
    "additive": additive,
}


def draw(case: Case, seed: int = 0) -> FitData:
    """Draws x uniform on [0, 1] and y with standard normal noise.

    Args:
      case: sizes and target.
      seed: of everything random.

    Returns:
      FitData, float32; y is computed from the rounded x.
    """
    for_train, for_test, for_weights = np.random.default_rng(seed).spawn(3)
    x, y, _ = _part(case, for_train, case.num_rows)
    weights = for_weights.uniform(0.5, 1.5, case.num_rows).astype(np.float32)
    return FitData(x, y, weights, *_part(case, for_test, TEST_ROWS))


def _part(case: Case, rng: np.random.Generator, rows: int):
    x = rng.random((rows, case.num_features), np.float32)
    truth = TARGETS[case.target](x.astype(np.float64))
    y = truth + rng.normal(size=rows)
    return x, y.astype(np.float32), truth.astype(np.float32)


def write(folder: pathlib.Path, case: Case, data: FitData) -> None:
    """Writes a case for other processes.

    NAME.f32 holds rows after rows for Python; x.f64, y.f64 and x_test.f64 the same numbers column
    after column for R's readBin.
    """
    (folder / "case.json").write_text(json.dumps(case._asdict()))
    for name, array in data._asdict().items():
        array.tofile(folder / f"{name}.f32")
    for name in ("x", "y", "x_test"):
        getattr(data, name).T.astype(np.float64).tofile(folder / f"{name}.f64")


def read(folder: pathlib.Path) -> tuple[Case, FitData]:
    """Reads what `write` wrote; leaves no temporary copies behind that would blur memory."""
    case = Case(**json.loads((folder / "case.json").read_text()))
    arrays = [np.fromfile(folder / f"{name}.f32", np.float32) for name in FitData._fields]
    data = FitData(*arrays)
    shape = (-1, case.num_features)
    return case, data._replace(x=data.x.reshape(shape), x_test=data.x_test.reshape(shape))
