"""The tables for the owner of the data: errors, classes, importance."""

import math
from collections.abc import Sequence

import numpy as np

from spline_fc.printing import one_line, significant
from spline_fc.report.answers import AFTER, BEFORE, Answers
from spline_fc.report.formats import NBSP, mean_error, percent
from spline_fc.report.rows import (
    ERRORS,
    MEAN_R2,
    MOST_NAMED,
    Row,
    shown_scores,
    target_scores,
)
from spline_fc.report.tables import Columns, Table, table_of

MOST_CLASSES = 10
MOST_FEATURES = 40  # lines of the table of importance


def error_table(baselines: Sequence[Row], rows: Sequence[Row], units: Sequence[str]) -> Table:
    """Sets the errors that the owner of the data asks for: of the mean, and of all that follows.

    `units` has that of every target, "" where it is not known.
    """
    every = [*baselines, *rows]
    named = [f"network from {row.name}" if row.init else row.name for row in every]
    columns: Columns = [("model", named)]
    shown, r2 = shown_scores(every, ERRORS), target_scores(every, "r2")
    if r2 and len(r2) <= MOST_NAMED:
        own = {name: f"{ERRORS['r2']}, {one_line(target)}" for name, target in r2.items()}
        shown = {key: title for key, title in shown.items() if key != "r2"} | own | {"r2": MEAN_R2}
    names = target_scores(every, "rmse") or {"rmse": ""}
    of_key = dict(zip(names, units, strict=False)) | ({"mae": units[0]} if units else {})
    for key, title in shown.items():
        title += f", {of_key[key]}" if of_key.get(key) else ""
        columns.append((title, [mean_error(row.scores.get(key, ())) for row in every]))
    seeds = max((row.seeds.size for row in every), default=0)
    notes = [f"Mean ± standard error over {seeds} seeds."] if seeds > 1 else []
    if any("log_loss" in row.scores for row in every):
        notes.append("The linear model is logistic regression; the mean is the share of a class.")
    return table_of(columns, notes)


def confusion_table(observed: np.ndarray, predicted: np.ndarray, classes: Sequence[str]) -> Table:
    """Counts test rows by their class and by the one that a network predicts."""
    if observed.shape[1] == 1:
        observed, predicted = (np.concatenate([1 - a, a], axis=1) for a in (observed, predicted))
    size = observed.shape[1]
    pairs = observed.argmax(axis=1) * size + predicted.argmax(axis=1)
    counts = np.bincount(pairs, minlength=size**2).reshape(size, size)
    shown = np.sort(np.argsort(-counts.sum(axis=1), kind="stable")[:MOST_CLASSES])
    names = [one_line(classes[i]) for i in shown]
    columns: Columns = [("test rows that are", names)]
    for j, name in zip(shown, names, strict=True):
        columns.append((f"predicted {name}", [f"{counts[i, j]:,}" for i in shown]))
    right = [percent(counts[i, i] / max(counts[i].sum(), 1)) for i in shown]
    notes = [] if size == len(shown) else [f"Of {size} classes the {len(shown)} most frequent."]
    return table_of([*columns, ("right", right)], notes)


def permutation_table(found: Answers, target: int, error: str, unit: str) -> Table:
    """Sets what shuffling each column of the file costs one of the targets, the dearest first."""
    importance = found.importance[target]
    mean = importance[AFTER].mean
    order = np.argsort(-mean, kind="stable")[:MOST_FEATURES]
    total = np.maximum(mean, 0).sum()
    columns: Columns = [("column", [one_line(found.columns[j].name) for j in order])]
    for name in (AFTER, BEFORE):
        one = importance[name]
        cells = [_with_deviation(one.mean[j], one.deviation[j]) for j in order]
        columns.append((name, cells))
    shares = [_share(max(mean[j], 0) / total) if total else "" for j in order]
    columns.append(("share", shares))
    over = "seeds" if len(found.seeds) > 1 else "shuffles"
    said = f"Rise of the test {error}{f', {unit}' if unit else ''}, with its standard deviation "
    notes = [f"{said}over {over}. Share: of the sum of what all columns cost the {AFTER}."]
    if len(order) < len(mean):
        notes.append(f"Left out here are {len(mean) - len(order)} columns that cost least.")
    return table_of(columns, notes)


def _share(share: float) -> str:
    """A share in per cent; small ones are noise, whose digits say nothing."""
    return percent(share) if share >= 0.001 else f"<{NBSP}{percent(0.001)}"


def _with_deviation(value: float, deviation: float) -> str:
    """A value and its deviation, with as many digits as this allows."""
    if not deviation > 0:
        return significant(value)
    digits = max(1 - math.floor(math.log10(deviation)), 0)
    if digits > 6:
        return significant(value)
    return f"{value:,.{digits}f}{NBSP}±{NBSP}{deviation:,.{digits}f}".replace("-", "−")
