"""The bake-off's records of classifications as markdown: every start, and ours against each other.

Log loss and accuracy before training and at the best validation step, the steps to the accuracy
with which the spline start sets out, and the ratios of losses and costs pair by pair.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from experiments import bake_off_table
from experiments.bake_off_table import OURS, REFERENCE, first, mean_error, median, seconds
from experiments.benchmarks import machine, tables
from spline_fc.analysis import Interval, bootstrap


def markdown(records: Sequence[Mapping[str, Any]]) -> str:
    """Makes all tables of a bake-off of classifications.

    Args:
      records: from `bake_off_table.read`; those without our recipe and the reference are left out.

    Returns:
      Markdown.
    """
    complete = [one_pace(r) for r in records if {OURS, REFERENCE} <= set(r["contenders"])]
    if not complete:
        return "No set has both our recipe and the reference yet."
    parts = [machine.sentence(max(complete, key=lambda r: r["date"]))]
    for width in sorted({r["width"] for r in complete}):
        own = sorted((r for r in complete if r["width"] == width), key=_size)
        lines = "\n".join(f"* {line}" for line in bake_off_table.verdicts(own))
        heading = f"### Hidden sizes ({width}, {width})"
        parts += [heading, _starts(own), _curves(own), _contests(own), lines]
    return "\n\n".join(parts)


def one_pace(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record with one cost of a step for all: networks of one shape differ by noise alone."""
    cells = record["contenders"]
    pace = float(np.median([cell["step_seconds"] for cell in cells.values()]))
    return {**record, "contenders": {n: {**c, "step_seconds": pace} for n, c in cells.items()}}


def _size(record: Mapping[str, Any]) -> int:
    """Rows that are trained on, about."""
    cell = record["contenders"][OURS]
    return cell["steps_per_epoch"] * cell["settings"]["training"]["batch_size"]


def _starts(records: Sequence[Mapping[str, Any]]) -> str:
    body = []
    for r in records:
        ours = r["contenders"][OURS]
        seeds = str(len(ours["pairs"]))
        alone = [mean_error(ours, f"start_{name}") for name in _SHOWN]
        linear = {"pairs": [{f"test_{name}": row[name] for name in _SHOWN} for row in r["linear"]]}
        below = [mean_error(linear, f"test_{name}") for name in _SHOWN]
        body.append([r["set"], seeds, "logistic regression", *below, "-", "-"])
        body.append([r["set"], seeds, "spline alone", *alone, "-", "-"])
        for name in (OURS, *bake_off_table.others_of([r])):
            cell = r["contenders"][name]
            scores = [mean_error(cell, f"test_{score}") for score in _SHOWN]
            start = f"{_mean(cell, 'start_log_loss'):.3f}, {_mean(cell, 'start_accuracy'):.3f}"
            body.append([r["set"], str(len(cell["pairs"])), name, *scores, start, _rates(cell)])
    return tables.markdown(
        ["set", "seeds", "start", *(_SHOWN[s] for s in _SHOWN), "before training", "rates"],
        body,
        "Test part at the best validation step, mean and standard error over seeds; log loss and "
        "accuracy before the first step; the learning rates that validation chose, those at an "
        "edge of the grid with a star.",
    )


_SHOWN = {"log_loss": "log loss", "accuracy": "accuracy", "calibration_error": "calibration error"}


def _mean(cell: Mapping[str, Any], field: str) -> float:
    return float(np.mean([pair[field] for pair in cell["pairs"]]))


def _rates(cell: Mapping[str, Any]) -> str:
    grid = cell["settings"]["learning_rates"]
    chosen = [pair["learning_rate"] for pair in cell["pairs"]]
    edges = (min(grid), max(grid))
    return ", ".join(
        f"{rate:g}{'*' if rate in edges else ''} x {chosen.count(rate)}"
        for rate in sorted(set(chosen))
    )


def _curves(records: Sequence[Mapping[str, Any]]) -> str:
    """What it takes to be as accurate on validation rows as the spline start is at step 0."""
    others = bake_off_table.others_of(records)
    body = []
    for r in records:
        ours = r["contenders"][OURS]
        row = [r["set"], _seconds(ours, 0)]
        for name in others:
            cell = r["contenders"].get(name)
            row.append("-" if cell is None else _reached(cell, ours))
        body.append(row)
    return tables.markdown(
        ["set", f"{OURS}: seconds", *(f"{name}: steps, seconds" for name in others)],
        body,
        "To the validation accuracy with which our recipe sets out, median over seeds: it takes "
        "the seconds of the start and no step; the others train, to the end of an epoch (warm; the "
        "median cost of a step over the starts).",
    )


def _reached(cell: Mapping[str, Any], ours: Mapping[str, Any]) -> str:
    epochs = np.array(
        [
            first(-np.array(theirs["validation_accuracy"]), -own["validation_accuracy"][0])
            for theirs, own in zip(cell["pairs"], ours["pairs"], strict=False)
        ]
    )
    middle = float(np.median(epochs))
    if np.isinf(middle):
        return f"never ({np.isfinite(epochs).sum()} of {epochs.size})"
    return f"{middle * cell['steps_per_epoch']:.0f}, {_seconds(cell, middle)}"


def _seconds(cell: Mapping[str, Any], epochs: float) -> str:
    value = seconds(cell, epochs)
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def _contests(records: Sequence[Mapping[str, Any]]) -> str:
    body = []
    for r in records:
        for name in bake_off_table.others_of([r]):
            found = bake_off_table.contest(r, name)
            ratio = _ratio(r, name)
            worse = " (worse)" if found.is_worse else ""
            body.append(
                [
                    r["set"],
                    name,
                    f"{found.errors.wins} of {len(found.errors.difference)}",
                    f"{ratio.value:.3f} [{ratio.low:.3f}, {ratio.high:.3f}]",
                    f"{found.errors.p_value:.2g}{worse}",
                    median(found.steps_ratio),
                    median(found.time_ratio),
                ]
            )
    return tables.markdown(
        ["set", "against", "wins", "log loss over theirs", "p", "steps", "time"],
        body,
        "Our recipe against each other start, seed by seed: wins and ratio of the mean test log "
        "loss with its bootstrap interval, p of a paired t test; steps and seconds with the start "
        "included to the other's best validation log loss, median ratios.",
    )


def _ratio(record: Mapping[str, Any], theirs: str) -> Interval:
    """Our mean test log loss over theirs; seeds are drawn, never the two sides apart."""
    pairs = zip(*(record["contenders"][name]["pairs"] for name in (OURS, theirs)), strict=False)
    losses = np.array([[pair["test_log_loss"] for pair in both] for both in pairs])

    def ratio(seeds: np.ndarray, axis: int) -> np.ndarray:
        ours, others = np.moveaxis(losses[seeds.astype(int)].mean(axis=axis), -1, 0)
        return ours / others

    return bootstrap(np.arange(len(losses)), ratio)
