"""Reads what a run left behind; most of it may be missing."""

import json
import pathlib
from typing import Any, NamedTuple

import numpy as np

from spline_fc.analysis.convergence import History, read_history
from spline_fc.analysis.knot_track import KnotTrack
from spline_fc.checks import check
from spline_fc.cpwl import FitResult, Spline, load_fit, load_spline

REFERENCE = "he_normal"


class Scaling(NamedTuple):
    """The scaler as stored: standardised = (raw - shift) / scale."""

    x_shift: np.ndarray  # (d,)
    x_scale: np.ndarray  # (d,)
    y_shift: np.ndarray  # (k,)
    y_scale: np.ndarray  # (k,)


class Rows(NamedTuple):
    """Training rows of seed 0, standardised, with what is needed to name and unscale them."""

    x: np.ndarray  # (n, d) float64
    y: np.ndarray  # (n, k) float64
    scaler: Scaling
    feature_names: tuple[str, ...]
    target_names: tuple[str, ...]


class Directions(NamedTuple):
    """Projections of the features that a spline stands on beside the features themselves."""

    projection: np.ndarray  # (d, q)
    names: tuple[str, ...]  # (q,)


class Workdir(NamedTuple):
    """Everything a report reads, gathered once."""

    path: pathlib.Path
    config: dict[str, Any]
    environment: dict[str, Any]
    status: str  # running, done, diverged, failed or unknown
    error: str  # the sentence of a failed run
    runs: list[dict[str, Any]]
    fits: list[dict[str, Any]]
    histories: dict[str, History]  # by run name, for the runs whose metrics exist
    rows: Rows | None

    @property
    def inits(self) -> list[str]:
        """The initialisations, in the order in which they were run."""
        return list(dict.fromkeys(run["init"] for run in self.runs))

    @property
    def reference(self) -> str | None:
        """The initialisation that others are compared with: He, if there is one."""
        he = [name for name in self.inits if name == REFERENCE or name.split("_")[0] == "he"]
        return REFERENCE if REFERENCE in he else next(iter(he), None)

    def curves(self, init: str) -> dict[int, History]:
        """{seed: History} of the chosen runs of one initialisation that did not diverge."""
        return {
            run["seed"]: self.histories[run["run"]]
            for run in self.chosen(init)
            if run["run"] in self.histories and not run.get("diverged")
        }

    def chosen(self, init: str) -> list[dict[str, Any]]:
        """The runs of one initialisation at the learning rate chosen for each seed, by seed."""
        runs = [run for run in self.runs if run["init"] == init and run.get("chosen")]
        return sorted(runs, key=lambda run: run["seed"])


def read_workdir(path: Any) -> Workdir:
    """Reads a workdir.

    Args:
      path: the folder a run wrote.

    Returns:
      Workdir; missing optional files give empty fields.

    Raises:
      ValueError: the folder does not exist, holds neither runs.json nor a status, or a file in it
        is malformed.
    """
    path = pathlib.Path(path)
    check(path.is_dir(), f"workdir must be a folder that a run wrote; got {str(path)!r}.")
    known = (path / "runs.json").is_file() or (path / "status").is_file()
    check(known, f"workdir must hold runs.json or status; {str(path)!r} holds neither.")
    runs = _read_json(path / "runs.json", [])
    metrics = ((run, path / "metrics" / f"{run['run']}.jsonl") for run in runs)
    status, _, error = (_read_text(path / "status") or "unknown").partition("\n")
    return Workdir(
        path=path,
        config=_read_json(path / "config.json", {}),
        environment=_read_json(path / "environment.json", {}),
        status=status.strip(),
        error=error.strip(),
        runs=runs,
        fits=_read_json(path / "fits.json", []),
        histories={run["run"]: _history(run, file) for run, file in metrics if file.is_file()},
        rows=_read_rows(path / "data.npz"),
    )


def read_params(work: Workdir, init: str, seed: int) -> tuple[dict, dict] | None:
    """Reads the parameters of one chosen run before and after training.

    Args:
      work: from `read_workdir`.
      init: name of the initialisation.
      seed: of the run.

    Returns:
      (initial, best) parameter trees, or None unless both files exist.
    """
    files = [work.path / "params" / f"{init}-seed{seed}-{kind}.npz" for kind in ("initial", "best")]
    if not all(file.is_file() for file in files):
        return None
    initial, best = (_read_tree(file) for file in files)
    return initial, best


def read_track(work: Workdir, init: str, seed: int) -> tuple[KnotTrack, dict] | None:
    """Reads the way of the knots of one chosen run, and its activation flips.

    Args:
      work, init, seed: as in `read_params`.

    Returns:
      KnotTrack in raw units and {"Dense_0": (r, h0), ...} shares of rows; None without the file.
    """
    file = work.path / "knots" / f"{init}-seed{seed}.npz"
    if not file.is_file():
        return None
    with np.load(file, allow_pickle=False) as stored:
        flips = {key.removeprefix("flips/"): stored[key].astype(np.float64)
                 for key in stored.files if key.startswith("flips/")}  # fmt: skip
        return KnotTrack(*(_widened(stored[field]) for field in KnotTrack._fields)), flips


def read_spline(work: Workdir, seed: int) -> Spline | None:
    """Reads the fitted spline of one seed, in standardised units; None without the file."""
    file = work.path / "splines" / f"seed{seed}.json"
    return load_spline(file) if file.is_file() else None


def read_directions(work: Workdir, seed: int) -> Directions | None:
    """Reads the directions under the spline of one seed; None where it stands on features alone."""
    file = work.path / "directions" / f"seed{seed}.npz"
    if not file.is_file():
        return None
    with np.load(file, allow_pickle=False) as stored:
        return Directions(
            stored["projection"].astype(np.float64), tuple(str(name) for name in stored["names"])
        )


def read_fit(work: Workdir, seed: int) -> FitResult | None:
    """Reads the whole fit of one seed, with its pruning path; None without the file."""
    file = work.path / "fits" / f"seed{seed}.json"
    return load_fit(file) if file.is_file() else None


def _history(run: dict[str, Any], file: pathlib.Path) -> History:
    """The curves of a run; runs of earlier versions spread their seconds evenly over steps."""
    history = read_history(file)
    if np.isfinite(history.seconds).any() or not history.step[-1] > 0:
        return history
    seconds = float(run.get("train_seconds") or np.nan) * history.step / history.step[-1]
    return history._replace(seconds=float(run.get("fit_seconds") or 0.0) + seconds)


def _widened(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float64) if array.dtype == np.float32 else array


def _read_tree(file: pathlib.Path) -> dict[str, dict[str, np.ndarray]]:
    tree: dict[str, dict[str, np.ndarray]] = {}
    with np.load(file, allow_pickle=False) as stored:
        for key in stored.files:
            layer, _, leaf = key.partition("/")
            tree.setdefault(layer, {})[leaf] = stored[key]
    return tree


def _read_rows(file: pathlib.Path) -> Rows | None:
    if not file.is_file():
        return None
    with np.load(file, allow_pickle=False) as stored:
        return Rows(
            x=stored["x"].astype(np.float64),
            y=stored["y"].astype(np.float64),
            scaler=Scaling(*(stored[field].astype(np.float64) for field in Scaling._fields)),
            feature_names=tuple(str(name) for name in stored["feature_names"]),
            target_names=tuple(str(name) for name in stored["target_names"]),
        )


def _read_json(file: pathlib.Path, default: Any) -> Any:
    text = _read_text(file)
    if text is None:
        return default
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{file} must hold JSON; {error}.") from None


def _read_text(file: pathlib.Path) -> str | None:
    return file.read_text() if file.is_file() else None
