"""Tries an installed spline_fc in an environment that holds nothing else (`make wheel`).

    python tests/smoke.py [EXTRA...]

The extras that are named must work; the others, whose packages are not there, must say so in a
sentence that names the extra. It is no test of pytest's, which such an environment need not have.
"""

import importlib.util
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Callable

import jax
import numpy as np

import spline_fc as sfc
from spline_fc import network, pipeline, training

ROWS = {"num_train": 200, "num_validation": 60, "num_test": 60}
PACKAGES = {  # extra: the package that tells whether it is installed
    "export": "onnx",
    "plots": "matplotlib",
    "tensorboard": "tensorboardX",
    "pyearth": "pyearth",
}


def main(extras: list[str]) -> None:
    """Walks the road from data to a saved network, then tries the extras."""
    assert "site-packages" in pathlib.Path(sfc.__file__).parts, f"a clone: {sfc.__file__}"
    folder = pathlib.Path(tempfile.mkdtemp())
    dataset = sfc.standardize(sfc.load("friedman1", **ROWS))
    fit = sfc.fit_mars(*dataset.train, max_terms=11, max_degree=2)
    params = sfc.reshape(sfc.to_params(fit), (16, 16), key=0)
    difference = sfc.apply_params(params, dataset.test.x) - sfc.evaluate(fit, dataset.test.x)
    assert abs(difference).max() < 1e-4
    result = sfc.train(params, dataset, {"epochs": 3, "warmup_epochs": 0})
    assert result.history["validation_loss"].shape == (4,)
    sfc.save_fit(folder / "fit.json", fit)
    assert sfc.load_fit(folder / "fit.json").names == fit.names
    network.save_npz(folder / "network.npz", result.params)
    again = network.load_npz(folder / "network.npz")
    jax.tree.map(np.testing.assert_array_equal, again, result.params)

    for extra, call in doors(folder, dataset, params).items():
        there = importlib.util.find_spec(PACKAGES[extra]) is not None
        assert there or extra not in extras, f"{extra} was to be installed"
        attempt(extra, call, there)
    command = [sys.executable, "-m", "spline_fc", "--help"]
    told = subprocess.run(command, capture_output=True, text=True)
    assert told.returncode == 0 and "predict" in told.stdout, told.stderr
    print(f"smoke test passed: Python {sys.version.split()[0]}, jax {jax.__version__}", *extras)


def doors(
    folder: pathlib.Path, dataset: sfc.Dataset, params: network.Params
) -> dict[str, Callable[[], object]]:
    """One call for each extra."""
    config = {
        "data": {"name": "friedman1", **ROWS},
        "initialisations": ("spline",),
        "training": {"epochs": 2, "warmup_epochs": 1},
        "learning_rates": (1e-3,),
        "seeds": 1,
    }
    return {
        "export": lambda: network.save_onnx(folder / "network.onnx", params),
        "plots": lambda: pipeline.run(config, folder / "run"),  # with the templates of the report
        "tensorboard": lambda: training.TensorboardWriter(folder / "events").close(),
        "pyearth": lambda: sfc.fit_pyearth(*dataset.train, max_terms=7),
    }


def attempt(extra: str, call: Callable[[], object], is_there: bool) -> None:
    """Calls a door: it works, or names its extra."""
    try:
        call()
    except ImportError as error:
        assert not is_there and f"spline_fc[{extra}]" in str(error), error
    else:
        assert is_there, f"{extra} works without its package"


if __name__ == "__main__":
    main(sys.argv[1:])
