"""The folder that a run leaves: one versioned format, written and read here and nowhere else.

    workdir.json            the format and what wrote it
    config.json, environment.json, status
    data/seed0.npz          training rows of a seed, their names, the seed's own scaler
    data/encoding-seed0.json   how columns became features, where there were columns
    starts.json             seconds of the starts that are there
    fits.json, fits/spline-seed0.json   the spline of a seed: its scores; all of it
    params/spline-seed0-initial.npz, ...-best.npz
    runs.json               one row per (start, seed, learning rate)
    metrics/spline-seed0-lr0.001.jsonl
    knots/spline-seed0.npz  the way of the knots through training
    checkpoints/spline/     state of training, to go on from
    report.html, figures/

Where a run lives until all of this is there, `spline_fc.runs.place` says.
"""

import importlib.metadata
import json
import os
import pathlib
import platform
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from spline_fc import files
from spline_fc.analysis import KnotTrack
from spline_fc.analysis.convergence import History, read_history
from spline_fc.checks import check
from spline_fc.cpwl import FitResult, load_fit, save_fit
from spline_fc.data import Dataset, Encoding, Scaler, encoding_from_json
from spline_fc.network import Params
from spline_fc.network.structure import flatten, unflatten
from spline_fc.protocol import Start
from spline_fc.timing import Seconds

FORMAT = "spline_fc.workdir/2"
FOLDERS = ("data", "fits", "params", "metrics", "knots")
REPORT_ROWS = 2000  # training rows that are kept for the report
REFERENCE = "he_normal"


class Rows(NamedTuple):
    """Training rows of one seed, standardised, with what is needed to name and unscale them."""

    x: np.ndarray  # (n, d) float64
    y: np.ndarray  # (n, k) float64
    scaler: Scaler  # of this seed
    feature_names: tuple[str, ...]
    target_names: tuple[str, ...]
    task: str


class Workdir(NamedTuple):
    """What a report reads of a run, gathered once; large files are read by the functions below."""

    path: pathlib.Path
    config: dict[str, Any]
    environment: dict[str, Any]
    status: str  # running, interrupted, done, diverged, failed or unknown
    error: str  # the sentence beside the status
    runs: list[dict[str, Any]]
    fits: list[dict[str, Any]]
    histories: dict[str, History]  # by run name, for the runs whose metrics exist
    damage: tuple[str, ...]  # one sentence per file that is absent or cannot be read

    @property
    def inits(self) -> list[str]:
        """The starts, in the order in which they were run."""
        return list(dict.fromkeys(run["init"] for run in self.runs))

    @property
    def reference(self) -> str | None:
        """The start that others are compared with: He, if there is one."""
        he = [name for name in self.inits if name == REFERENCE or name.split("_")[0] == "he"]
        return REFERENCE if REFERENCE in he else next(iter(he), None)

    def chosen(self, init: str) -> list[dict[str, Any]]:
        """The runs of one start at the learning rate chosen for each seed, by seed."""
        runs = [run for run in self.runs if run["init"] == init and run.get("chosen")]
        return sorted(runs, key=lambda run: run["seed"])

    def curves(self, init: str) -> dict[int, History]:
        """{seed: History} of the chosen runs of one start that did not diverge."""
        return {
            run["seed"]: self.histories[run["run"]]
            for run in self.chosen(init)
            if run["run"] in self.histories and not run.get("diverged")
        }


def begin(folder: pathlib.Path, config: Mapping[str, Any], knot_every: int) -> int:
    """Makes the folders of a run and says what it is.

    Args:
      folder: exists, or will.
      config: plain, as `pipeline.run` checked it.
      knot_every: epochs from one record of the knots to the next.

    Returns:
      The spacing in force: a run that goes on keeps that with which it began.
    """
    for name in FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    about = {"format": FORMAT, "knot_every": knot_every}
    about |= _read_json(folder / "workdir.json", {})
    files.write_json(folder / "workdir.json", about)
    files.write_json(folder / "config.json", config)
    files.write_json(folder / "environment.json", environment())
    return about["knot_every"]


def write_status(folder: pathlib.Path, status: str, sentence: str = "") -> None:
    """Writes the one word that says where a run stands, and a sentence if there is more to say."""
    files.write_text(folder / "status", f"{status}\n{sentence}".rstrip() + "\n")


def environment() -> dict[str, Any]:
    """Versions and device, for the record beside every figure."""
    packages = ("spline_fc", "jax", "flax", "optax", "numpy", "scikit-learn")
    return {
        "python": platform.python_version(),
        **{name: _version(name) for name in packages},
        "platform": jax.default_backend(),
        "device": jax.devices()[0].device_kind,
        "num_devices": jax.device_count(),
        "machine": f"{platform.system()} {platform.machine()}",
        "cpu_count": os.cpu_count(),
    }


def _version(package: str) -> str:
    """The installed version; a bare clone has none of its own."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def write_data(folder: pathlib.Path, seed: int, dataset: Dataset) -> None:
    """Writes what a report needs of the data of one seed."""
    arrays = {
        "x": np.asarray(dataset.train.x)[:REPORT_ROWS],
        "y": np.asarray(dataset.train.y)[:REPORT_ROWS],
        "feature_names": np.array(dataset.feature_names, dtype=str),
        "target_names": np.array(dataset.target_names, dtype=str),
        "task": np.array(dataset.task),
        **{name: np.asarray(value) for name, value in dataset.scaler._asdict().items()},
    }
    files.write_npz(folder / "data" / f"seed{seed}.npz", arrays)
    if dataset.encoding is not None:
        encoding = dataset.encoding.to_json()
        files.write_json(folder / "data" / f"encoding-seed{seed}.json", encoding)


def read_data(work: Workdir, seed: int) -> Rows | None:
    """Reads the training rows of one seed; None without the file.

    Raises:
      ValueError: the file is damaged; so for all readers below.
    """
    file = work.path / "data" / f"seed{seed}.npz"
    stored = _read_npz(file, ("x", "y", "task", "feature_names", "target_names", *Scaler._fields))
    if stored is None:
        return None
    return Rows(
        x=stored["x"].astype(np.float64),
        y=stored["y"].astype(np.float64),
        scaler=Scaler(*(stored[field].astype(np.float64) for field in Scaler._fields)),
        feature_names=tuple(stored["feature_names"].tolist()),
        target_names=tuple(stored["target_names"].tolist()),
        task=str(stored["task"]),
    )


def read_encoding(work: Workdir, seed: int) -> Encoding | None:
    """Reads how the table of one seed was encoded, for `data.encode`; None without the file."""
    file = work.path / "data" / f"encoding-seed{seed}.json"
    try:
        stored = _read_json(file, None)
        return None if stored is None else encoding_from_json(stored)
    except ValueError as error:
        raise ValueError(f"{file} must hold an encoding; {_sentence(error)}") from error


def write_start(folder: pathlib.Path, name: str, start: Start) -> None:
    """Writes what a seed of a contender sets out from.

    Args:
      folder: the workdir.
      name: "<start>-seed<s>".
      start: in standardised units; its seconds are written last and say that all of it is there.
    """
    if start.fit is not None:
        save_fit(folder / "fits" / f"{name}.json", start.fit)
    write_params(folder, f"{name}-initial", start.params)
    found = _read_json(folder / "starts.json", {})
    files.write_json(folder / "starts.json", {**found, name: start.seconds})


def read_start(folder: pathlib.Path, name: str) -> Start | None:
    """Reads a start, every number as it was; None where it was not written to its end."""
    seconds = _read_json(folder / "starts.json", {}).get(name)
    params = read_params(folder, f"{name}-initial")
    if seconds is None or params is None:
        return None
    file = folder / "fits" / f"{name}.json"
    fit = load_fit(file) if file.is_file() else None
    return Start(jax.tree.map(jax.numpy.asarray, params), fit, Seconds(*seconds))


def finished_rows(folder: pathlib.Path, init: str, epochs: int) -> list[dict[str, Any]]:
    """Reads the rows of runs.json of a start that was trained for so many epochs; else none."""
    rows = [row for row in _read_json(folder / "runs.json", []) if row.get("init") == init]
    return rows if all(row.get("epochs") == epochs for row in rows) else []


def read_fit(work: Workdir, init: str, seed: int) -> FitResult | None:
    """Reads the whole fit of one seed, in standardised units; None without the file."""
    file = work.path / "fits" / f"{init}-seed{seed}.json"
    return load_fit(file) if file.is_file() else None


def write_params(folder: pathlib.Path, name: str, params: Params) -> None:
    """Writes one parameter tree to params/NAME.npz."""
    arrays = {path: np.asarray(leaf) for path, leaf in flatten(params).items()}
    files.write_npz(folder / "params" / f"{name}.npz", arrays)


def read_params(folder: pathlib.Path, name: str) -> Params | None:
    """Reads one parameter tree of NumPy arrays; None without the file."""
    stored = _read_npz(folder / "params" / f"{name}.npz", ())
    return None if stored is None else unflatten(stored)


def write_knots(
    folder: pathlib.Path, name: str, track: KnotTrack, flips: Mapping[str, np.ndarray]
) -> None:
    """Writes the way of the knots of one run to knots/NAME.npz, small.

    Args:
      folder: the workdir.
      name: "<start>-seed<s>".
      track: in raw units.
      flips: (records, units) per hidden layer, shares of rows whose activation flipped.
    """
    arrays = {**track._asdict(), **{f"flips/{layer}": share for layer, share in flips.items()}}
    small = {key: a.astype(np.float32) if a.dtype == np.float64 else a for key, a in arrays.items()}
    files.write_npz(folder / "knots" / f"{name}.npz", small, compressed=True)


def read_knots(work: Workdir, init: str, seed: int) -> tuple[KnotTrack, dict[str, Any]] | None:
    """Reads the way of the knots of one chosen run, and its activation flips.

    Returns:
      KnotTrack in raw units and {"Dense_0": (r, h0), ...} shares of rows; None without the file.
    """
    stored = _read_npz(work.path / "knots" / f"{init}-seed{seed}.npz", KnotTrack._fields)
    if stored is None:
        return None
    wide = {key: a.astype(np.float64) if a.dtype == np.float32 else a for key, a in stored.items()}
    flips = {key.removeprefix("flips/"): a for key, a in wide.items() if key.startswith("flips/")}
    return KnotTrack(*(wide[field] for field in KnotTrack._fields)), flips


def scores_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The scores of the test part in a row of fits.json or runs.json, by their names."""
    found = {key.removeprefix("test_"): v for key, v in row.items() if key.startswith("test_")}
    return {name: value for name, value in found.items() if name != "loss"}


def read_workdir(path: str | os.PathLike) -> Workdir:
    """Reads a workdir; what is absent or damaged is named in `damage`, and the rest is there.

    Args:
      path: the folder that a run wrote, or its unfinished run, `<workdir>.partial`.

    Returns:
      Workdir.

    Raises:
      ValueError: the folder does not exist, is no workdir, or is of another format.
    """
    path = pathlib.Path(path)
    unfinished = path.with_name(f"{path.name}.partial")
    hint = f" (its unfinished run is {unfinished})" if unfinished.is_dir() else ""
    check(path.is_dir(), f"workdir must be a folder that a run wrote; got {str(path)!r}{hint}.")
    damage: list[str] = []
    about = _rows_of(path / "workdir.json", dict, damage)
    found = about.get("format")
    check(
        found == FORMAT or (path / "status").is_file() and found is None,
        f"workdir must be of format {FORMAT!r}; {str(path)!r} is of {found!r}.",
    )
    rows = _rows_of(path / "runs.json", list, damage)
    runs = [run for run in rows if _is_run(run)]
    if len(runs) < len(rows):
        damage.append(
            f"{path / 'runs.json'} must tell run, start, seed and rate in every row; "
            f"{len(rows) - len(runs)} of {len(rows)} do not."
        )
    status, _, sentence = _status(path / "status", damage).partition("\n")
    return Workdir(
        path=path,
        config=_rows_of(path / "config.json", dict, damage),
        environment=_rows_of(path / "environment.json", dict, damage),
        status=status.strip(),
        error=sentence.strip(),
        runs=runs,
        fits=_rows_of(path / "fits.json", list, damage),
        histories=_histories(path, runs, damage),
        damage=tuple(damage),
    )


def _histories(path: pathlib.Path, runs: Sequence[Mapping], damage: list[str]) -> dict:
    histories = {}
    for run in runs:
        try:
            histories[run["run"]] = read_history(path / "metrics" / f"{run['run']}.jsonl")
        except (OSError, ValueError) as error:
            damage.append(_sentence(error))
    return histories


def _is_run(run: Any) -> bool:
    if not isinstance(run, dict):
        return False
    kinds = {"run": str, "init": str, "seed": int, "learning_rate": float, "best_step": int}
    return all(isinstance(run.get(name), kind) for name, kind in kinds.items())


def _status(file: pathlib.Path, damage: list[str]) -> str:
    try:
        return file.read_text(encoding="utf-8") or "unknown"
    except (OSError, ValueError) as error:
        damage.append(_sentence(error))
        return "unknown"


def _read_json(file: pathlib.Path, default: Any) -> Any:
    """The content of a JSON file that an earlier process wrote whole, or not at all."""
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else default


def _rows_of(file: pathlib.Path, kind: type, damage: list[str]) -> Any:
    """The content of a JSON file, empty where it is absent or no such thing."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        check(isinstance(found, kind), f"{file} must hold a JSON {kind.__name__}.")
        return found
    except (OSError, ValueError) as error:
        damage.append(f"{file} must hold JSON; {_sentence(error)}")
        return kind()


def _sentence(error: Exception) -> str:
    return f"{error}".splitlines()[0].rstrip(".") + "."


def _read_npz(file: pathlib.Path, fields: Sequence[str]) -> dict[str, np.ndarray] | None:
    """All arrays of an NPZ file, fields it must have among them; None without the file."""
    if not file.is_file():
        return None
    try:
        with np.load(file, allow_pickle=False) as stored:
            arrays = {key: stored[key] for key in stored.files}
    except Exception as error:  # noqa: BLE001 - zipfile, zlib and NumPy each raise their own
        raise ValueError(f"{file} must be an NPZ file; {_sentence(error)}") from error
    missing = [field for field in fields if field not in arrays]
    check(not missing, f"{file} must hold {', '.join(fields)}; {', '.join(missing)} missing.")
    return arrays
