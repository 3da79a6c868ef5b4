"""The files of a run: what pipeline.run writes, and nothing else writes."""

import importlib.metadata
import json
import os
import pathlib
import platform
import shutil
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from spline_fc.checks import check
from spline_fc.data import Dataset

STATUSES = ("running", "done", "diverged", "failed")
REPORT_ROWS = 2000


def prepare(workdir: str | os.PathLike, overwrite: bool) -> pathlib.Path:
    """Makes an empty workdir.

    Raises:
      ValueError: it holds files already and `overwrite` is not set, or it holds files that no run
        wrote (those are never deleted).
    """
    folder = pathlib.Path(workdir)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        check(
            overwrite,
            f"workdir must be a new or empty folder, or --overwrite be given; got {workdir}, "
            f"which holds files.",
        )
        check(
            (folder / "status").is_file() and (folder / "config.json").is_file(),
            f"workdir must be the folder of an earlier run to be overwritten; got {workdir}, "
            f"which has no status and config.json.",
        )
        shutil.rmtree(folder)
    for name in ("metrics", "params", "splines", "fits", "knots"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    return folder


def write_json(path: pathlib.Path, value: Any) -> None:
    """Writes a JSON file; NumPy numbers become plain ones."""
    path.write_text(json.dumps(value, indent=1, default=lambda v: np.asarray(v).tolist()) + "\n")


def write_status(folder: pathlib.Path, status: str, sentence: str = "") -> None:
    """Writes the one word that says where a run stands, and a sentence if it failed."""
    folder.joinpath("status").write_text(f"{status}\n{sentence}".rstrip() + "\n")


def environment() -> dict[str, Any]:
    """Versions and device, for the record beside every figure."""
    packages = ("jax", "flax", "optax", "numpy", "scikit-learn")
    return {
        "spline_fc": importlib.metadata.version("spline_fc"),
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in packages},
        "platform": jax.default_backend(),
        "device": jax.devices()[0].device_kind,
        "num_devices": jax.device_count(),
        "machine": f"{platform.system()} {platform.machine()}",
        "cpu_count": os.cpu_count(),
    }


def flatten_params(params: Mapping[str, Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """Parameters by path, "Dense_0/kernel" and so on, as an NPZ file takes them."""
    return {f"{layer}/{name}": np.asarray(leaf) for layer, leaves in params.items()
            for name, leaf in leaves.items()}  # fmt: skip


def write_params(folder: pathlib.Path, name: str, params: Mapping) -> None:
    """Writes one parameter tree to params/NAME.npz."""
    np.savez(folder / "params" / f"{name}.npz", **flatten_params(params))


def write_knots(folder: pathlib.Path, name: str, track: Mapping, flips: Mapping) -> None:
    """Writes the way of the knots of one run to knots/NAME.npz, small.

    Args:
      folder: the workdir.
      name: "<init>-seed<s>".
      track: the fields of an `analysis.KnotTrack`, in raw units.
      flips: (records, units) per hidden layer, shares of rows whose activation flipped.
    """
    arrays = {**track, **{f"flips/{layer}": share for layer, share in flips.items()}}
    small = {key: a.astype(np.float32) if a.dtype == np.float64 else a for key, a in arrays.items()}
    np.savez_compressed(folder / "knots" / f"{name}.npz", **small)


def write_data(folder: pathlib.Path, dataset: Dataset) -> None:
    """Writes what a report needs of the data: some training rows, the scaler, the names."""
    np.savez(
        folder / "data.npz",
        x=np.asarray(dataset.train.x)[:REPORT_ROWS],
        y=np.asarray(dataset.train.y)[:REPORT_ROWS],
        feature_names=np.array(dataset.feature_names, dtype=str),
        target_names=np.array(dataset.target_names, dtype=str),
        **{name: np.asarray(value) for name, value in dataset.scaler._asdict().items()},
    )
