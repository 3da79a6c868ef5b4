"""The rows of fits.json and runs.json: what a run says of one spline, and of one training."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from spline_fc import protocol, training
from spline_fc.cpwl import FitResult, evaluate_float64
from spline_fc.data import Dataset, Part
from spline_fc.ensemble import of_validation
from spline_fc.model import Model, make_model
from spline_fc.network import DirectionsChoice, Params
from spline_fc.protocol import Contender, Start, Verdict
from spline_fc.runs.plan import Plan
from spline_fc.runs.watch import Watch
from spline_fc.training import TrainResult


def fit_rows(
    plan: Plan, starts: Mapping[str, Sequence[Start]], datasets: Sequence[Dataset]
) -> list[dict[str, Any]]:
    """The splines alone: seconds are of all that a start took, scores are of the test part.

    Args:
      plan: with the contenders.
      starts: of every contender, one per seed.
      datasets: one per seed, standardised.

    Returns:
      The rows of fits.json.
    """
    return [
        _fit_row(contender, seed, start.fit, start, dataset)
        for contender in plan.contenders
        for seed, (start, dataset) in enumerate(zip(starts[contender.name], datasets, strict=True))
        if start.fit is not None
    ]


def baseline_rows(datasets: Sequence[Dataset]) -> list[dict[str, Any]]:
    """The rows of baselines.json: scores on the test part of what is no start, seed by seed."""
    return [
        {"init": name, "seed": seed, **_flat("test", scores)}
        for seed, dataset in enumerate(datasets)
        for name, scores in training.baselines(dataset).items()
    ]


def _fit_row(
    contender: Contender, seed: int, fit: FitResult, start: Start, dataset: Dataset
) -> dict[str, Any]:
    loss = contender.training.loss_of(dataset.task)
    return {
        "init": contender.name,
        "seed": seed,
        "terms": fit.num_terms,
        "rss": fit.rss,
        "gcv": fit.gcv,
        "r2": fit.r2,
        "stop_reason": fit.stop_reason,
        "seconds_compile": start.seconds.compile,
        "seconds_run": start.seconds.run,
        "validation_loss": _mean_loss(fit, dataset.validation, loss),
        "test_loss": _mean_loss(fit, dataset.test, loss),
        **_flat("test", protocol.score(fit, dataset, loss)),
        **_directions(start.directions),
    }


def _directions(choice: DirectionsChoice | None) -> dict[str, Any]:
    if choice is None:
        return {}
    told = {"taken": choice.taken, "why": choice.reason}
    errors = {"error_with": choice.error_with, "error_without": choice.error_without}
    return _flat("directions", {**told, **errors})


def _mean_loss(fit: FitResult, part: Part, loss: str) -> float:
    """The mean loss of a spline on the rows of one part, as training counts it."""
    outputs = jnp.asarray(evaluate_float64(fit.spline, part.x), part.y.dtype)
    return float(np.mean(training.loss_per_row(loss, outputs, jnp.asarray(part.y))))


def run_rows(
    contender: Contender,
    names: Sequence[Sequence[str]],
    learning_rates: Sequence[float],
    starts: Sequence[Start],
    result: TrainResult,
    verdict: Verdict,
    watch: Watch,
) -> list[dict[str, Any]]:
    """All replicas of one contender, seed after seed.

    Args:
      contender: who trained.
      names: of the runs, [S][L].
      learning_rates: (L,).
      starts: (S,).
      result: with the axes (S, L).
      verdict: on it.
      watch: who measured the seconds.

    Returns:
      S * L rows of runs.json.
    """
    rows = []
    for s, start in enumerate(starts):
        for r, rate in enumerate(learning_rates):
            epoch = int(result.best_epoch[s, r])
            trained = np.isfinite(result.history["train_loss"][s, r])
            row = {
                "run": names[s][r],
                "init": contender.name,
                "seed": s,
                "learning_rate": rate,
                "epochs": contender.training.epochs,  # that were asked for
                "chosen": bool(r == verdict.chosen[s]),
                "best_epoch": epoch,
                "best_step": epoch * result.steps_per_epoch,
                "best_validation_loss": verdict.best_loss[s, r],
                "test_loss": result.history["test_loss"][s, r, epoch],
                **_flat("test", verdict.scores[s][r]),
                **_flat("start", verdict.start_scores[s]),
                "stop_reason": result.stop_reason[s, r],
                "diverged": bool(result.diverged[s, r]),
                "start_seconds": start.seconds.run,
                "train_seconds": watch.seconds_at(np.flatnonzero(trained).max(initial=0)),
                "compile_seconds": start.seconds.compile + result.seconds.compile,
            }
            rows.append(row)
    return rows


def _flat(when: str, scores: Mapping[str, Any]) -> dict[str, Any]:
    """Scores as columns: rows of these files are the rows of a table."""
    return {f"{when}_{name}": value for name, value in scores.items()}


def chosen_model(
    plan: Plan,
    contender: Contender,
    start: Start,
    dataset: Dataset,
    seed: int,
    rate: int,
    params: Params,
) -> Model:
    """The run that was chosen for a seed, with all that it takes to predict new rows.

    Its intervals are those of the validation rows that it was chosen by, see `of_validation`.

    Args:
      plan: of which the config is kept.
      contender, start, dataset: that were trained; the data set is standardised.
      seed: of the run.
      rate: index of the learning rate that was chosen.
      params: the network at its best validation loss.

    Returns:
      Model; nothing in it depends on the time of day, so that a run that goes on ends at its bits.
    """
    made = {
        "seed": seed,
        "start": contender.name,
        "learning_rate": plan.learning_rates[rate],
        "config": plan.config,
    }
    if start.directions is not None:
        made["directions"] = start.directions.reason
    loss = contender.training.loss_of(dataset.task)
    held_out = of_validation(params, dataset, loss)
    return make_model(
        dataset,
        spline=start.fit,
        params=params if held_out is None else None,
        loss=loss,
        extrapolate=plan.extrapolate,
        made=made,
        held_out=held_out,
    )
