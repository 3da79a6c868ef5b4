"""Fits one contender to splits of one data set on one core, told as lines of JSON.

    python -m experiments.peers_child CONTENDER SET SPLITS

Everything that takes part is made here: estimators at their defaults, all of which see the same
numbers, columns of words as 0 and 1 per level. A line on standard output is a split: its test
error in the units of the target, and the seconds of processor that the fit took.
"""

import importlib
import importlib.util
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import warnings
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

_EARTH = pathlib.Path(__file__).with_name("peers_earth.R")


class Contender(NamedTuple):
    """An estimator, where it comes from, and what a reader gets to see of it."""

    label: str
    module: str  # that must be importable; "Rscript" for a program
    make: Callable[[int], Any]  # from a seed to something with fit and predict
    shows: str  # what can be read off
    compiles: bool = False  # its first fit of a shape takes longer than the next


def _sklearn(seed: int, name: str) -> Any:
    """Of scikit-learn; the network sees standardised columns and targets, as it says it must."""
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.dummy import DummyRegressor
    from sklearn.linear_model import LinearRegression
    from sklearn.neural_network import MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if name == "mlp":
        warnings.filterwarnings("ignore", "Stochastic Optimizer: Maximum iterations")
        network = make_pipeline(StandardScaler(), MLPRegressor(random_state=seed))
        return TransformedTargetRegressor(network, transformer=StandardScaler())
    return LinearRegression() if name == "linear" else DummyRegressor()


class _Aplr:
    def __init__(self, seed: int) -> None:
        self._model = importlib.import_module("aplr").APLRRegressor(random_state=seed, n_jobs=1)

    def fit(self, x: np.ndarray, y: np.ndarray) -> "_Aplr":
        self._model.fit(x, y)
        return self

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(self._model.predict(x))


class _Earth:
    """R's earth, additive by default; `seconds` are those of its own call, without R's start."""

    def fit(self, x: np.ndarray, y: np.ndarray) -> "_Earth":
        self._folder = pathlib.Path(tempfile.mkdtemp())
        weakref.finalize(self, shutil.rmtree, self._folder)
        self._save("x", x)
        self._save("y", y)
        self.seconds = float(self._run("fit"))
        return self

    def predict(self, x: np.ndarray) -> np.ndarray:
        self._save("x_new", x)
        self._run("predict")
        return np.fromfile(self._folder / "predictions.f64")

    def _save(self, name: str, array: np.ndarray) -> None:
        np.asarray(array, np.float64).T.tofile(self._folder / f"{name}.f64")

    def _run(self, what: str) -> str:
        command = ["Rscript", str(_EARTH), what, str(self._folder)]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def _ours(seed: int, name: str, **options: Any) -> Any:
    import spline_fc as sfc

    return getattr(sfc, name)(random_state=seed, **options)


def _lazy(module: str, name: str, **options: Any) -> Callable[[int], Any]:
    """Makes an estimator whose seed is called random_state."""
    return lambda seed: getattr(importlib.import_module(module), name)(random_state=seed, **options)


_FORMULA = "formula of hinges"
_NOTHING = "nothing"
_TREES = "importance, SHAP values"
CONTENDERS = {
    "mean": Contender("mean", "sklearn", lambda seed: _sklearn(seed, "mean"), "-"),
    "linear": Contender(
        "linear model", "sklearn", lambda seed: _sklearn(seed, "linear"), "slopes"
    ),
    "spline": Contender(
        "ours, MARSRegressor",
        "spline_fc",
        lambda seed: _ours(seed, "MARSRegressor"),
        f"{_FORMULA}; equals a network",
        compiles=True,
    ),
    "network": Contender(
        "ours, SplineFCRegressor",
        "spline_fc",
        lambda seed: _ours(seed, "SplineFCRegressor"),
        "its spline, moved knots, exact shapes",
        compiles=True,
    ),
    "members": Contender(
        "ours, members=8",
        "spline_fc",
        lambda seed: _ours(seed, "SplineFCRegressor", members=8),
        "as above, of each; intervals",
        compiles=True,
    ),
    "earth": Contender("R earth", "Rscript", lambda seed: _Earth(), _FORMULA),
    "ebm": Contender(
        "EBM (interpret)",
        "interpret",
        _lazy("interpret.glassbox", "ExplainableBoostingRegressor", n_jobs=1),
        "curve per column, map per pair",
    ),
    "aplr": Contender("APLR", "aplr", _Aplr, "formula of hinges, products"),
    "xgboost": Contender("XGBoost", "xgboost", _lazy("xgboost", "XGBRegressor", n_jobs=1), _TREES),
    "catboost": Contender(
        "CatBoost",
        "catboost",
        _lazy("catboost", "CatBoostRegressor", thread_count=1, logging_level="Silent",
              allow_writing_files=False),
        _TREES,
    ),
    "mlp": Contender(
        "MLP (scikit-learn)", "sklearn", lambda seed: _sklearn(seed, "mlp"), _NOTHING
    ),
}  # fmt: skip


def missing(contender: Contender) -> str | None:
    """Says why a contender cannot take part on this machine, or None."""
    if contender.module != "Rscript":
        found = importlib.util.find_spec(contender.module)
        return None if found else f"{contender.module} is not installed"
    if shutil.which("Rscript") is None:
        return "Rscript was not found"
    told = subprocess.run(["Rscript", "-e", "library(earth)"], capture_output=True)
    return None if told.returncode == 0 else "the R package earth is not installed"


def main(name: str, data: str, splits: int) -> None:
    """Fits and tells of each split."""
    for seed in range(splits):
        print(json.dumps(measure(CONTENDERS[name], data, seed)), flush=True)


def measure(contender: Contender, data: str, seed: int) -> dict[str, Any]:
    """Fits to all but the test rows of one split, and scores on those."""
    import spline_fc as sfc

    dataset = sfc.data.join_validation(sfc.load(data, seed=seed))
    (x, y), (x_test, y_test) = dataset.train, dataset.test
    contender.make(seed)  # imports, which no fit is to pay for

    def fit() -> tuple[float, Any]:
        before = _used()
        model = contender.make(seed).fit(x, y.ravel())
        return getattr(model, "seconds", _used() - before), model

    first, model = fit()
    again = fit()[0] if contender.compiles else first
    error = np.sqrt(np.mean((np.ravel(model.predict(x_test)) - y_test.ravel()) ** 2))
    return {
        "split": seed,
        "rows": [len(x), len(x_test)],
        "columns": x.shape[1],
        "rmse": float(error),
        "seconds": again,
        "first_seconds": first,
    }


def _used() -> float:
    """Seconds of processor that this process has had, all its threads together."""
    return sum(resource.getrusage(resource.RUSAGE_SELF)[:2])


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):  # threads that a library starts all the same share it
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
