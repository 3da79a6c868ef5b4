"""The result of comparing starts, in sentences: steps, seconds and test error."""

import math

import numpy as np

from spline_fc.analysis import PairedRatio
from spline_fc.report.formats import MUCH, count, mean_error, share
from spline_fc.report.rows import Row, error_of
from spline_fc.report.study import Study


def finding(study: Study) -> str:
    """The result in two sentences: steps, seconds and test error, with their uncertainty."""
    row, reference = study.row, study.reference
    if row is None:
        return "No run that began at anything but the reference was found in this folder."
    against = row.against
    if not row.seeds.size:
        return f"From the {row.name} start every chosen run diverged."
    if reference is None or against is None or against.steps is None or not against.steps.pairs:
        best = mean_error(row.validation_loss)
        return f"From the {row.name} start: best validation {study.loss_word} {best}."
    goal = f"the best validation {study.loss_word} of the {reference.name} start"
    return f"{_arrival(row, goal, against.steps, against.seconds)} {_error(row, reference)}"


def _arrival(row: Row, goal: str, steps: PairedRatio, seconds: PairedRatio | None) -> str:
    """What it took the start to reach the reference's best, over what it took the reference."""
    began, ratios = f"From the {row.name} start, the", steps.ratio[~np.isnan(steps.ratio)]
    if math.isinf(steps.median.value):
        arrived = int(np.isfinite(ratios).sum())
        return f"{began} network reached {goal} in only {arrived} of {count(ratios.size, 'seed')}."
    if seconds is not None and not (seconds.pairs and math.isfinite(seconds.median.value)):
        seconds = None  # not measured
    if steps.median.value == 0:
        at_once = f"{int((ratios == 0).sum())} of {count(ratios.size, 'seed')}"
        said = f"{began} network is at or below {goal} before its first step in {at_once}"
        if seconds is None:
            return f"{said}."
        taken = _share(seconds.median.value, "seconds")
        return f"{said}; the start included, that takes {taken}{_range([seconds])}."
    said = f"{began} same network reached {goal} in {_share(steps.median.value, 'steps')}"
    if seconds is None:
        return f"{said}{_range([steps])}."
    taken = _share(seconds.median.value, "seconds")
    return f"{said} and, the start included, {taken}{_range([steps, seconds])}."


def _share(ratio: float, of: str) -> str:
    """ "12 % of the steps" or "4.6 times the seconds"."""
    return f"{share(ratio)} {'of the' if ratio < MUCH else 'the'} {of}"


def _range(ratios: list[PairedRatio]) -> str:
    """How many seeds there are, and the intervals if these are enough."""
    pairs = ratios[0].pairs
    if any(math.isnan(end) for found in ratios for end in found.median):
        return (
            " (one seed)" if pairs == 1 else f" (median of {pairs} seeds, too few for an interval)"
        )
    ends = [f"{share(low)} to {share(high)}" for _, low, high in (r.median for r in ratios)]
    kind = "interval" if len(ends) == 1 else "intervals"
    return f" (median of {pairs} seeds; 95 % {kind} {' and '.join(ends)})"


def _error(row: Row, reference: Row) -> str:
    """Whose test error is lower, and whether that may be chance."""
    against = row.against
    if against is None or not against.difference.size:
        return ""
    name, other = error_of(row)[0], f"that of the {reference.name} start"
    wins = f"({against.wins} of {count(against.difference.size, 'seed')} better)"
    if math.isnan(against.mean.low):
        side = "lower than" if against.mean.value < 0 else "not lower than"
        return f"Its {name} is {side} {other} {wins}; so few seeds cannot tell chance apart."
    claim = f"is {against.verdict} than" if against.verdict else "does not clearly differ from"
    return f"Its {name} {claim} {other} {wins}."
