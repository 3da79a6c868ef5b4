"""What is fitted: the cases, their data, and the files through which contenders share it."""

import json
import pathlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from spline_fc.data import Part, join_validation, load
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
    target: str  # a key of TARGETS, or of TABLES
    earth_options: str  # further arguments of R earth, as R text
    wanted: str  # key of the result compared with `bound`: "ratio", "cold" or "weights"
    bound: float  # at least (ratio), seconds at most (cold), ratio at most (weights)
    threshold: float = 0.0  # of both contenders
    clock: str = "seconds"  # what is compared; "processor_seconds" where both use one thread


class FitData(NamedTuple):
    """float32 numbers; contenders that work in float64 get the very same ones."""

    x: np.ndarray  # (n, d)
    y: np.ndarray  # (n,), noise included
    weights: np.ndarray  # (n,), uniform on [0.5, 1.5]
    x_test: np.ndarray  # (TEST_ROWS, d); of a table its test part
    y_test: np.ndarray  # (TEST_ROWS,), noise included
    truth_test: np.ndarray  # (TEST_ROWS,), no noise; of a table y_test again


# Of real tables: what they are called by `load`, and rows and columns that are fitted.
TABLES = {
    "abalone": ({"name": "abalone"}, 3342, 10),
    "wine_red": ({"name": "wine_quality_red"}, 1279, 11),
    "wine_white": ({"name": "wine_quality_white"}, 3918, 11),
    "concrete": ({"name": "uci_concrete"}, 824, 8),
    "energy": ({"name": "uci_energy"}, 614, 8),
    "kin8nm": ({"name": "uci_kin8nm"}, 5000, 8),
    "power": ({"name": "uci_power"}, 5000, 4),
    "diamonds": ({"name": "diamonds/diamonds.csv", "target": "price"}, 5000, 26),
}
EARTH_THRESHOLD = 0.001  # its default


def _real(degree: int, bound: float) -> list[Case]:
    """The real tables at one degree, with the settings that R earth has by default."""
    rest = (EARTH_THRESHOLD, "processor_seconds")
    return [
        Case(f"{name}_{degree}", rows, columns, 61, degree, name, "", "ratio", bound, *rest)
        for name, (_, rows, columns) in TABLES.items()
    ]


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
        Case("alike", 10_000, 20, 41, 2, "alike", "", "ratio", 3),
        *_real(1, 5),
        *_real(2, 3),
    )
}


def additive(x: np.ndarray) -> np.ndarray:
    """A sum of 25 sines of growing frequency and falling size, one per feature; x (n, >= 25)."""
    j = np.arange(25)
    return (5 / np.sqrt(1 + j) * np.sin(np.pi * (1 + j % 3) * x[:, :25])).sum(1)


def alike(x: np.ndarray) -> np.ndarray:
    """Friedman-1 on every fourth of 20 columns, the others of which are nearly its likes."""
    return friedman1(x[:, ::4])


TARGETS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "friedman1": friedman1,
    "additive": additive,
    "alike": alike,
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
    weights = for_weights.uniform(0.5, 1.5, case.num_rows).astype(np.float32)
    if case.target in TABLES:
        x, y, *test = _of_table(case, seed)
        return FitData(x, y, weights[: len(x)], *test)
    x, y, _ = _part(case, for_train, case.num_rows)
    return FitData(x, y, weights, *_part(case, for_test, TEST_ROWS))


def _of_table(case: Case, seed: int) -> list[np.ndarray]:
    """The first rows of training and validation part, and the test part; y standardised."""
    options = TABLES[case.target][0]
    dataset = join_validation(load(options, seed=seed))
    train, test = (Part(*(a[:rows] for a in part)) for part, rows in (
        (dataset.train, case.num_rows), (dataset.test, TEST_ROWS)))  # fmt: skip
    middle, unit = train.y.mean(), train.y.std()
    y, y_test = ((part.y[:, 0] - middle) / unit for part in (train, test))
    return [a.astype(np.float32) for a in (train.x, y, test.x, y_test, y_test)]


def _part(case: Case, rng: np.random.Generator, rows: int):
    x = rng.random((rows, case.num_features), np.float32)
    if case.target == "alike":  # every column but each fourth is the one before it and some noise
        for j in range(case.num_features):
            if j % 4:
                x[:, j] = x[:, j - 1] + 1e-3 * x[:, j]
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
