"""What a sweep keeps of a cell: small enough to be committed, enough for every table."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.benchmarks.machine import stamp
from spline_fc import workdir
from spline_fc.report.formats import NBSP, display_name, mean_error
from spline_fc.training import CLASS_SCORES, LINEAR
from spline_fc.workdir import Workdir, scores_of


def of_run(folder: str | os.PathLike) -> dict[str, Any]:
    """Makes the record of one workdir.

    Args:
      folder: a finished run.

    Returns:
      {"cell": name of the folder, "set", "width", "contenders": {name: {"pairs": one dict per
      split, "steps_per_epoch", "settings", "start_seconds" and "step_seconds"}}, "linear": scores
      of a linear model per split} with a stamp.
    """
    work = workdir.read_workdir(folder)
    config = work.config
    contenders = {name: _contender(work, name) for name in work.inits}
    return {
        "cell": work.path.name,
        "set": config["data"]["name"],
        "width": _width(config["network"]["hidden_sizes"]),
        "contenders": contenders,
        "linear": _linear(work),
        **stamp(),
    }


def said(record: Mapping[str, Any]) -> str:
    """The test error of every contender in a few words, for the terminal."""
    words = []
    for name, contender in record["contenders"].items():
        pairs = contender["pairs"]
        score = next((s for s in ("log_loss", "rmse") if f"test_{s}" in pairs[0]), None)
        values = [pair[f"test_{score}"] if score else min(pair["validation"]) for pair in pairs]
        words.append(f"{display_name(name)} {mean_error(values)}")
    title = {"rmse": "test RMSE", "log_loss": "test log loss", None: "validation loss"}[score]
    ends = [p for one in record["contenders"].values() for p in one["pairs"] if p["diverged"]]
    reason = f"; {ends[0]['stop_reason'].rstrip('.')}" if ends else ""
    return f"{title} of {', '.join(words)}{reason}".replace(NBSP, " ")


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
        "steps_per_epoch": int(steps[1] - steps[0]) if len(steps) > 1 else None,
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
    return {"start_seconds": start, "step_seconds": trained / max(steps, 1), "timed_alone": False}


def _pair(work: Workdir, run: dict[str, Any]) -> dict[str, Any]:
    """One split: the curve at the rate chosen on validation, and the end of every rate."""
    rates = [r for r in work.runs if (r["init"], r["seed"]) == (run["init"], run["seed"])]
    of_classes = "test_log_loss" in run
    scores = CLASS_SCORES if of_classes else ("rmse",)
    names = scores if f"test_{scores[0]}" in run else ()  # units of several targets do not mix
    history = work.histories[run["run"]]
    kept = history.validation_loss[np.isfinite(history.validation_loss)]
    fits = [f for f in work.fits if (f["init"], f["seed"]) == (run["init"], run["seed"])]
    pair = {
        "split": run["seed"],
        "terms": fits[0]["terms"] if fits else None,
        "learning_rate": run["learning_rate"],
        "best_epoch": run["best_epoch"],
        **{f"{when}_{name}": run[f"{when}_{name}"] for when in ("test", "start") for name in names},
        "worst": float(kept.max() / kept[0]) if kept.size else None,
        "validation_by_rate": _short([r["best_validation_loss"] for r in rates]),
        **{
            f"test_{name}_by_rate": _short([r[f"test_{name}"] for r in rates]) for name in names[:1]
        },
        "validation": _short(kept),
        "stop_reason": run["stop_reason"],
        "diverged": run["diverged"],
    }
    if of_classes:
        pair["validation_accuracy"] = _short(history.validation_accuracy[: kept.size])
    refits = {f"refit_{name}": run.get(f"refit_{name}") for name in names[:1]}
    return {**pair, **{name: value for name, value in refits.items() if value is not None}}


def _short(values: Any) -> list[float | None]:
    """Five significant digits: curves are for reading, not for resuming."""
    return [None if value is None else float(f"{value:.5g}") for value in values]
