"""The whole road in one call: data, spline, network, training on, report."""

import os
import pathlib
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from spline_fc import analysis, checks, cpwl, data, network, training, workdir

SECTIONS = (
    "data", "fit", "network", "training", "initialisations", "learning_rates", "seeds",
    "published_splits",
)  # fmt: skip
NETWORK_OPTIONS = ("hidden_sizes",)
RECORDS = 50  # of the knots in a run, at most
KNOT_ROWS = 500  # on which activation is counted


class Start(NamedTuple):
    """What one seed sets out from."""

    dataset: data.Dataset  # standardised
    fit: cpwl.ObliqueFit  # of the recipe: its coefficients are shrunk
    params: dict[str, Any]  # initialisation -> parameter tree


def run(config: Any, folder: str | os.PathLike, *, overwrite: bool = False) -> pathlib.Path:
    """Runs the road that a config describes and writes everything to a workdir.

    Args:
      config: mapping or ConfigDict with the sections of `configs/default.py`.
      folder: the workdir; created, and never overwritten unless asked.
      overwrite: replace the files of an earlier run.

    Returns:
      Path of the report.

    Raises:
      ValueError, FileNotFoundError: bad config, data or workdir. What fails before training leaves
        an existing workdir as it was.
    """
    config = _checked(config)
    datasets = [_dataset(config, seed) for seed in range(config["seeds"])]
    folder = workdir.prepare(folder, overwrite)
    workdir.write_json(folder / "config.json", config)
    workdir.write_json(folder / "environment.json", workdir.environment())
    workdir.write_status(folder, "running")
    try:
        diverged = _run(config, datasets, folder)
        workdir.write_status(folder, "diverged" if diverged else "done")  # the report tells it
        return analysis.write_report(folder)
    except BaseException as error:
        workdir.write_status(folder, "failed", f"{type(error).__name__}: {error}")
        raise


def _run(config: dict, datasets: list[data.Dataset], folder: pathlib.Path) -> bool:
    """Fits, trains and writes; True when a chosen run diverged."""
    workdir.write_data(folder, datasets[0])
    starts = []
    for seed, dataset in enumerate(datasets):
        _say(f"seed {seed}: fitting the spline")
        starts.append(_start(config, dataset, seed))
        _write_fit(folder, seed, starts[-1].fit)
    workdir.write_json(folder / "fits.json", [_fit_row(s, start) for s, start in enumerate(starts)])
    rows = []
    for name in config["initialisations"]:
        result = _train(config, name, starts)
        rows += _write_runs(config, folder, name, starts, result)
        workdir.write_json(folder / "runs.json", rows)
    _say("")
    return any(row["diverged"] for row in rows if row["chosen"])


def _checked(config: Any) -> dict[str, Any]:
    """The config as a plain dict, every section checked before anything is computed."""
    plain = config.to_dict() if hasattr(config, "to_dict") else dict(config)
    checks.check_known_keys("config", plain, SECTIONS)
    for section in SECTIONS:
        checks.check(section in plain, f"config must have a section {section}; it is missing.")
    checks.check_known_keys("config.network", plain["network"], NETWORK_OPTIONS)
    checks.check_integer("config.seeds", plain["seeds"], 1)
    training.as_config(plain["training"])
    rates = plain["learning_rates"]
    checks.check(len(rates) > 0, "config.learning_rates must name at least one rate; got none.")
    for rate in rates:
        checks.check_number("config.learning_rates", rate, above=0)
    for name in plain["initialisations"]:
        checks.check_one_of("config.initialisations", name, network.INITIALISERS)
    for width in plain["network"]["hidden_sizes"]:
        checks.check_integer("config.network.hidden_sizes", width, 1)
    return plain


def _dataset(config: Mapping, seed: int) -> data.Dataset:
    split = seed if config["published_splits"] else None
    return data.standardize(data.load(config["data"], seed=seed, split=split))


def _start(config: Mapping, dataset: data.Dataset, seed: int) -> Start:
    options = {k: v for k, v in config["fit"].items() if v is not None}
    x, y = jnp.asarray(dataset.train.x), jnp.asarray(dataset.train.y)
    hidden_sizes = tuple(config["network"]["hidden_sizes"])
    key = jax.random.key(seed)
    spline = network.spline_start(key, x, y, hidden_sizes, **options)
    params = {}
    for index, name in enumerate(config["initialisations"]):
        own = jax.random.fold_in(key, index)
        params[name] = spline.params if name == "spline" else network.init_params(
            name, own, x, y, hidden_sizes=hidden_sizes
        )  # fmt: skip
    return Start(dataset, spline.fit, params)


def _write_fit(folder: pathlib.Path, seed: int, found: cpwl.ObliqueFit) -> None:
    """The whole fit; the spline by itself if it is one of the features, else the directions."""
    cpwl.save_fit(folder / "fits" / f"seed{seed}.json", found.fit)
    if not found.names:
        cpwl.save_spline(folder / "splines" / f"seed{seed}.json", found.fit.spline)
        return
    (folder / "directions").mkdir(exist_ok=True)
    np.savez(folder / "directions" / f"seed{seed}.npz",
             projection=np.asarray(found.projection), names=np.array(found.names))  # fmt: skip


def _train(config: Mapping, name: str, starts: list[Start]) -> training.TrainResult:
    """All seeds and learning rates of one initialisation, as one vmapped computation."""
    epochs = training.as_config(config["training"]).epochs
    every = max(1, -(-epochs // RECORDS))
    return training.train_replicas(
        jax.tree.map(lambda *leaves: jnp.stack(leaves), *(start.params[name] for start in starts)),
        data.stack([start.dataset for start in starts]),
        config["training"],
        learning_rates=config["learning_rates"],
        seeds=range(len(starts)),
        recorder=training.network_recorder(every) if name == "spline" else None,
        on_epochs=lambda epoch, _: _say(f"{name}: epoch {epoch} of {epochs}"),
    )


def _raw_rmse(loss: float, dataset: data.Dataset) -> float:
    """Root mean square error in target units, from a mean square in standardised ones."""
    return float(np.sqrt(loss) * np.sqrt(np.mean(np.asarray(dataset.scaler.y_scale) ** 2)))


def _mean_square(fit: cpwl.ObliqueFit, part: data.Part) -> float:
    residual = np.asarray(part.y) - np.asarray(cpwl.evaluate_oblique(fit, jnp.asarray(part.x)))
    return float(np.mean(residual.astype(np.float64) ** 2))


def _fit_row(seed: int, start: Start) -> dict[str, Any]:
    """The spline alone, as a row of fits.json."""
    fit, dataset = start.fit.fit, start.dataset
    test = _mean_square(start.fit, dataset.test)
    return {
        "seed": seed, "terms": 1 + len(fit.spline.coef), "rss": fit.rss, "gcv": fit.gcv,
        "r2": fit.r2, "seconds_compile": fit.seconds.compile, "seconds_run": fit.seconds.run,
        "stop_reason": fit.stop_reason, "test_loss": test,
        "validation_loss": _mean_square(start.fit, dataset.validation),
        "test_rmse": _raw_rmse(test, dataset),
    }  # fmt: skip


def _write_runs(config, folder, name, starts, result) -> list[dict[str, Any]]:
    """Metrics and parameters of all replicas of one initialisation; their rows of runs.json."""
    rates, rows = list(config["learning_rates"]), []
    is_spline = name == "spline"
    seconds = _seconds_per_epoch(result)
    compiling = result.seconds.compile
    if is_spline:  # later seeds find the fit compiled
        compiling += max(start.fit.fit.seconds.compile for start in starts)
    for s, start in enumerate(starts):
        losses = [_best_validation_loss(result, s, r) for r in range(len(rates))]
        chosen = int(np.argmin(losses))
        _write_chosen(folder, f"{name}-seed{s}", start, start.params[name], result, (s, chosen))
        fit_seconds = start.fit.fit.seconds.run if is_spline else 0.0
        for r, rate in enumerate(rates):
            run_name = f"{name}-seed{s}-lr{rate:g}"
            history = {key: value[s, r] for key, value in result.history.items()}
            epochs = _write_metrics(folder, run_name, history, result, fit_seconds, seconds)
            epoch = int(result.best_epoch[s, r])
            test = float(history["test_loss"][epoch])
            rows.append({
                "run": run_name, "init": name, "seed": s, "learning_rate": rate,
                "chosen": r == chosen, "best_epoch": epoch,
                "best_step": epoch * result.steps_per_epoch,
                "best_validation_loss": losses[r], "test_loss": test,
                "test_rmse": _raw_rmse(test, start.dataset),
                "stop_reason": result.stop_reason[s, r], "diverged": bool(result.diverged[s, r]),
                "fit_seconds": fit_seconds, "train_seconds": seconds * epochs,
                "compile_seconds": compiling,
            })  # fmt: skip
    return rows


def _write_chosen(folder, stem: str, start: Start, initial, result, where) -> None:
    """Parameters of the run that was chosen for a seed, and the way of its knots if recorded."""
    best = jax.tree.map(lambda leaf: leaf[where], result.params)
    workdir.write_params(folder, f"{stem}-initial", initial)
    workdir.write_params(folder, f"{stem}-best", best)
    if result.trace is not None:
        trace = jax.tree.map(lambda leaf: leaf[where], result.trace)
        x = np.asarray(start.dataset.train.x)
        rows = x[:: -(-len(x) // KNOT_ROWS)]
        track = analysis.knot_track(trace, rows, scaler=start.dataset.scaler)
        flips = analysis.flips_per_layer(trace, rows)
        workdir.write_knots(folder, stem, track._asdict(), flips)


def _write_metrics(folder, run_name: str, history, result, fit_seconds, seconds) -> int:
    """Writes the metrics file of a run; returns how many epochs it was trained."""
    trained = ~np.all([np.isnan(values) for values in history.values()], axis=0)
    # What the replica cost alone is not known: all share the time of their computation evenly.
    clock = np.where(trained, fit_seconds + seconds * np.arange(trained.size), np.nan)
    writer = training.JsonlWriter(folder / "metrics" / f"{run_name}.jsonl")
    training.write_history(writer, {**history, "seconds": clock}, result.steps_per_epoch)
    writer.close()
    return int(np.flatnonzero(trained).max(initial=0))


def _seconds_per_epoch(result: training.TrainResult) -> float:
    """Time of one epoch of one replica, without compilation."""
    loss = result.history["train_loss"]  # (S, L, epochs + 1)
    epochs = np.flatnonzero(np.isfinite(loss).any(axis=(0, 1))).max(initial=1)
    return result.seconds.run / (max(epochs, 1) * loss.shape[0] * loss.shape[1])


def _best_validation_loss(result: training.TrainResult, s: int, r: int) -> float:
    loss = float(result.history["validation_loss"][s, r, result.best_epoch[s, r]])
    return loss if np.isfinite(loss) else np.inf


def _say(line: str) -> None:
    """Shows where a run stands, on a terminal only; an empty line clears it."""
    if sys.stderr.isatty():
        print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
