"""The contenders of a run, measured over seeds: the spline alone, every start, the baselines."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from spline_fc.analysis import Comparison, Reach, Speed, compare, compare_speed, relative_targets
from spline_fc.printing import one_line
from spline_fc.report.formats import display_name
from spline_fc.workdir import Workdir, scores_of

SPLINE_ALONE = "spline alone"
MULTIPLES = (2.0, 1.2, 1.0)  # of the reference's best loss: the targets of the speed table
ERRORS = {
    "rmse": "RMSE",
    "mae": "MAE",
    "r2": "R²",
    "log_loss": "log loss",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "auc": "AUC",
    "brier": "Brier score",
    "calibration_error": "calibration error",
}  # what the owner of the data is told of
SCORES = {key: f"test {said}" for key, said in ERRORS.items() if key not in ("mae", "r2")}
MEAN_R2 = "mean R²"  # over targets
MOST_NAMED = 3  # targets of which more than the RMSE is told
LOSS, LOG_LOSS = "loss", "log loss"  # that was trained on


class Row(NamedTuple):
    """One contender: arrays have one entry per seed that ran."""

    name: str
    init: str  # key of the initialisation; empty for the spline alone
    seeds: np.ndarray  # (s,)
    start_loss: np.ndarray  # (s,) validation loss before training
    validation_loss: np.ndarray  # (s,) best
    test_loss: np.ndarray  # (s,) at the best validation step
    scores: dict[str, np.ndarray]  # (s,) each, of the test part in raw units
    failed: int = 0  # chosen runs that diverged
    learning_rates: tuple[float, ...] = ()  # chosen, distinct
    reach: Reach | None = None  # of the reference's best validation loss
    against: Comparison | None = None  # with the reference, by shared seed


class Contest(NamedTuple):
    """One start against the reference in one workdir."""

    title: str
    start: str
    reference: str
    error: np.ndarray  # (s,) test errors of the start
    reference_error: np.ndarray  # (r,)
    against: Comparison


def contests_of(title: str, work: Workdir, rows: Sequence[Row]) -> list[Contest]:
    """Compares every start of a workdir, and the spline alone, with its reference if it has one.

    Args:
      title: of the workdir.
      work: that is looked at.
      rows: of its contenders, from `main_rows`.
    """
    reference = row_of(rows, work.reference)
    if reference is None:
        return []
    name, error = reference.name, error_of(reference)[1]
    return [
        Contest(title, row.name, name, error_of(row)[1], error, row.against)
        for row in rows
        if row.against is not None
    ]


def main_rows(work: Workdir, speeds: Sequence[Speed]) -> list[Row]:
    """Measures every contender of a workdir: splines alone, then the starts in run order."""
    found = {speed.init: speed for speed in speeds}
    measured = [_init_row(work, init, found.get(init)) for init in work.inits]
    fits: dict[str, list[Mapping[str, Any]]] = {}
    for fit in work.fits:
        if isinstance(fit, Mapping):
            fits.setdefault(str(fit.get("init", "")), []).append(fit)
    alone = [
        _untrained_row(own, SPLINE_ALONE if len(fits) == 1 else f"{display_name(init)} alone")
        for init, own in fits.items()
    ]
    reference = row_of(measured, work.reference)
    return [_against(row, reference) for row in alone + measured]


def baseline_rows(work: Workdir) -> list[Row]:
    """What any model must beat: the mean, and a linear model."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in work.baselines:
        found.setdefault(row["init"], []).append(row)
    return [_untrained_row(own, name) for name, own in found.items()]


def row_of(rows: Sequence[Row], init: str | None) -> Row | None:
    """The row of a start, if it has one."""
    return next((row for row in rows if row.init and row.init == init), None)


def speeds_of(work: Workdir) -> list[Speed]:
    """Compares the chosen runs of a workdir; the last target is the reference's best loss.

    There is one Speed per initialisation with a run that has metrics and did not diverge.
    """
    best = _reference_targets(work)
    named = f"{display_name(work.reference)}'s best" if work.reference else "best"
    targets = relative_targets(best, MULTIPLES, named) if best else {}
    curves = {init: curves for init in work.inits if (curves := work.curves(init))}
    reference = work.reference if work.reference in curves else None
    return compare_speed(curves, targets, reference)


def target_scores(rows: Sequence[Row], key: str) -> dict[str, str]:
    """{score: target} of a score that each of several targets has; empty for one target."""
    names, begin = dict.fromkeys(name for row in rows for name in row.scores), f"{key} "
    return {name: name.removeprefix(begin) for name in names if name.startswith(begin)}


def shown_scores(rows: Sequence[Row], titles: Mapping[str, str]) -> dict[str, str]:
    """{score: heading}; of several targets one error each, as no number may mix their units."""
    names = dict.fromkeys(name for row in rows for name in row.scores)
    targets = target_scores(rows, "rmse")
    if targets:
        found = {name: f"{titles['rmse']}, {one_line(t)}" for name, t in targets.items()}
        return found | {name: MEAN_R2 for name in names if name == "r2"}
    return {name: title for name, title in titles.items() if name in names}


def error_of(row: Row) -> tuple[str, np.ndarray]:
    """The name and (s,) values of the test error that contenders are compared by.

    RMSE or log loss; of several targets, whose units differ, the loss in units of the training.
    """
    several = bool(target_scores([row], "rmse"))
    for key in ("log_loss", "rmse"):
        if key in row.scores and not several:
            return SCORES[key], row.scores[key]
    return "standardised test loss" if several else "test loss", row.test_loss


def loss_word(work: Workdir, rows: Sequence[Row]) -> str:
    """What losses are called: the cross-entropy of labels is the log loss."""
    training = work.config.get("training")
    loss = training.get("loss") if isinstance(training, Mapping) else None
    entropy = loss is None or str(loss).endswith("cross_entropy")  # None: as the task has it
    labels = any("log_loss" in row.scores for row in rows)
    return LOG_LOSS if labels and entropy else LOSS


def _reference_targets(work: Workdir) -> dict[int, float]:
    """The target of each seed: the reference's best validation loss over its whole grid."""
    targets: dict[int, float] = {}
    for run in work.runs:
        loss = number(run.get("best_validation_loss"))
        if run["init"] == work.reference and math.isfinite(loss):
            targets[run["seed"]] = min(loss, targets.get(run["seed"], math.inf))
    return targets


def _untrained_row(found: Sequence[Mapping[str, Any]], name: str) -> Row:
    loss = _column(found, "validation_loss")
    return Row(
        name=name,
        init="",
        seeds=_column(found, "seed"),
        start_loss=loss,
        validation_loss=loss,
        test_loss=_column(found, "test_loss"),
        scores=_scores(found),
    )


def _init_row(work: Workdir, init: str, speed: Speed | None) -> Row:
    runs = work.chosen(init)
    good = [run for run in runs if not run.get("diverged")]
    histories = [work.histories.get(run["run"]) for run in good]
    return Row(
        name=display_name(init),
        init=init,
        seeds=np.array([run["seed"] for run in good]),
        failed=len(runs) - len(good),
        learning_rates=tuple(sorted({run["learning_rate"] for run in good})),
        start_loss=np.array([h.validation_loss[0] if h else math.nan for h in histories]),
        validation_loss=_column(good, "best_validation_loss"),
        test_loss=_column(good, "test_loss"),
        scores=_scores(good),
        reach=speed.reaches[-1] if speed is not None and speed.reaches else None,
    )


def _against(row: Row, reference: Row | None) -> Row:
    if reference is None or row.init == reference.init:
        return row
    shared = np.intersect1d(row.seeds, reference.seeds)
    (name, ours), (other, theirs) = error_of(row), error_of(reference)
    if name != other:  # of another unit
        ours, theirs = row.test_loss, reference.test_loss
    found = compare(ours[np.isin(row.seeds, shared)], theirs[np.isin(reference.seeds, shared)])
    if row.reach is not None:
        found = found._replace(steps=row.reach.step_ratio, seconds=row.reach.second_ratio)
    return row._replace(against=found)


def _scores(rows: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    found = [scores_of(row) for row in rows]
    return {name: _column(found, name) for name in dict.fromkeys(k for s in found for k in s)}


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> np.ndarray:
    return np.array([number(row.get(name)) for row in rows])


def number(value: Any) -> float:
    """A number from a file; nan for what is none."""
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if known else math.nan
