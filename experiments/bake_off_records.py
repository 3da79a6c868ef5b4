"""What the bake-off keeps of a run: small enough to be committed, enough for every table."""

import json
import os
import pathlib
from typing import Any

import numpy as np

from experiments.benchmarks.machine import stamp
from spline_fc import workdir
from spline_fc.training import CLASS_SCORES, LINEAR
from spline_fc.workdir import Workdir, scores_of


def of_run(folder: str | os.PathLike) -> dict[str, Any]:
    """Makes the record of one workdir.

    Args:
      folder: a finished run.

    Returns:
      {"set", "width", "contenders": {name: {"pairs": one dict per split, "steps_per_epoch",
      "settings", "start_seconds" and "step_seconds"}}, "linear": scores of a linear model per
      split} with a stamp.
    """
    work = workdir.read_workdir(folder)
    config = work.config
    contenders = {name: _contender(work, name) for name in work.inits}
    return {
        "set": config["data"]["name"],
        "width": _width(config["network"]["hidden_sizes"]),
        "contenders": contenders,
        "linear": _linear(work),
        **stamp(),
    }


def joined(path: pathlib.Path, record: dict[str, Any]) -> dict[str, Any]:
    """The record with the contenders that a file of earlier cells holds beside its own."""
    if not path.is_file():
        return record
    earlier = json.loads(path.read_text(encoding="utf-8"))
    return {**record, "contenders": {**earlier["contenders"], **record["contenders"]}}


def _width(sizes: list[int]) -> int | str:
    """The width of the hidden layers, or all of them where they differ."""
    return sizes[0] if len(set(sizes)) == 1 and len(sizes) == 2 else "x".join(map(str, sizes))


def _contender(work: Workdir, name: str) -> dict[str, Any]:
    chosen = work.chosen(name)
    steps = work.histories[chosen[0]["run"]].step
    config = work.config
    settings = {
        "contender": config["variants"].get(name, {"start": name}),
        "fit": config["fit"],
        "training": config["training"],
        "splits": len(chosen),
        "learning_rates": config["learning_rates"],
    }
    return {
        "pairs": [_pair(work, run) for run in chosen],
        "steps_per_epoch": int(steps[1] - steps[0]),
        "settings": settings,
        **_costs(chosen, int(steps[-1])),
    }


def _linear(work: Workdir) -> list[dict[str, float]]:
    """Scores of the linear model on the test part, split by split."""
    rows = [row for row in work.baselines if row["init"] == LINEAR]
    return [scores_of(row) for row in sorted(rows, key=lambda row: row["seed"])]


def _costs(chosen: list[dict[str, Any]], steps: int) -> dict[str, Any]:
    """Seconds of a start and of a step: of one run alone, else as they were within the sweep."""
    if "alone" in chosen[0]:
        return chosen[0]["alone"]
    start, trained = (
        float(np.median([run[field] for run in chosen]))
        for field in ("start_seconds", "train_seconds")
    )
    return {"start_seconds": start, "step_seconds": trained / steps, "timed_alone": False}


def _pair(work: Workdir, run: dict[str, Any]) -> dict[str, Any]:
    """One split: the curve at the rate chosen on validation, and the end of every rate."""
    rates = [r for r in work.runs if (r["init"], r["seed"]) == (run["init"], run["seed"])]
    of_classes = "test_log_loss" in run
    names = CLASS_SCORES if of_classes else ("rmse",)
    if f"test_{names[0]}" not in run:
        wanted = "a bake-off must be of classes or of regressions of one target"
        raise ValueError(f"{wanted}; {work.path} scores no RMSE.")
    history = work.histories[run["run"]]
    kept = history.validation_loss[np.isfinite(history.validation_loss)]
    fits = [f for f in work.fits if (f["init"], f["seed"]) == (run["init"], run["seed"])]
    pair = {
        "split": run["seed"],
        "terms": fits[0]["terms"] if fits else None,
        "learning_rate": run["learning_rate"],
        "best_epoch": run["best_epoch"],
        **{f"{when}_{name}": run[f"{when}_{name}"] for when in ("test", "start") for name in names},
        "worst": float(kept.max() / kept[0]),
        "validation_by_rate": _short([r["best_validation_loss"] for r in rates]),
        f"test_{names[0]}_by_rate": _short([r[f"test_{names[0]}"] for r in rates]),
        "validation": _short(kept),
        "stop_reason": run["stop_reason"],
    }
    if of_classes:
        pair["validation_accuracy"] = _short(history.validation_accuracy[: kept.size])
    refit = run.get(f"refit_{names[0]}")
    return pair if refit is None else {**pair, f"refit_{names[0]}": refit}


def _short(values: Any) -> list[float | None]:
    """Five significant digits: curves are for reading, not for resuming."""
    return [None if value is None else float(f"{value:.5g}") for value in values]
