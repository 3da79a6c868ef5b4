"""Sections of the page that speak of training: results, convergence, what was run."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spline_fc.report import page
from spline_fc.report import pictures_training as pictures
from spline_fc.report.figures import place
from spline_fc.report.finding import finding
from spline_fc.report.formats import significant
from spline_fc.report.page import Block, Heading, Words
from spline_fc.report.study import Study
from spline_fc.report.tables import Table, arrival_table, curve_table, score_table, speed_table


def results(study: Study) -> list[Block]:
    """Losses and test scores with bootstrap intervals, and what it took to reach the best."""
    if not study.rows:
        return [Words("No finished run yet.", "note")]
    reference = study.work.reference
    parts: list[Block] = [
        Words(finding(study)),
        Words(
            "The table sets the starts side by side: the spline without any training, then the "
            "same network trained from each start."
        ),
        score_table(study.rows, reference, study.loss_word),
    ]
    if reference and any(row.reach for row in study.rows):
        table = arrival_table(study.rows, reference, study.loss_word)
        parts += [Heading("Steps and seconds"), table]
    return parts


def convergence(study: Study) -> list[Block]:
    """Curves over steps and seconds, then what it took to reach targets."""
    if not study.work.histories:
        return [Words("No metrics yet.", "note")]
    if not any(study.work.curves(init) for init in study.work.inits):
        return [Words("Every chosen run diverged: there is no curve to draw.", "note")]
    work, word = study.work, study.loss_word
    parts: list[Block] = [
        Words(
            f"The curves show how the validation {word} falls from each start: the lower and the "
            f"further left, the better."
        ),
        place(work.path, pictures.convergence, work, study.rows, word),
    ]
    if any(np.isfinite(one.validation_accuracy).any() for one in work.histories.values()):
        parts.append(place(work.path, pictures.accuracy, work, study.rows))
    if any(speed.reaches for speed in study.speeds):
        parts += [Heading("Steps and seconds to a target"), speed_table(work, study.speeds, word)]
    if study.speeds:
        parts += [Heading("Whole curves"), curve_table(study.speeds, work.reference, word)]
    return parts


def setup(study: Study) -> list[Block]:
    """Config, versions, device, spline fits."""
    work = study.work
    parts: list[Block] = [
        Words("This is the configuration of the runs, with the versions and the machine."),
        page.groups(work.config, "run")
        if work.config
        else Words("config.json is missing.", "note"),
    ]
    if work.environment:
        told = ("date", "command")  # at the top
        made = {key: value for key, value in work.environment.items() if key not in told}
        parts.append(page.groups({"versions and device": made}, ""))
    if work.fits:
        parts += [Heading("Spline fits"), _fits_table(work.fits)]
    return parts


def _fits_table(fits: Sequence[Mapping[str, Any]]) -> Table:
    def cell(fit: Mapping[str, Any], key: str) -> str:
        value = fit.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value) if isinstance(value, int) else significant(value, 3)
        return "–" if value is None else str(value)

    keys = ("seed", "stop_reason", "terms", "gcv", "r2", "seconds_compile", "seconds_run")
    header = ["seed", "why the search stopped", "terms", "GCV", "R²", "s to compile", "s to fit"]
    return Table(header, [[cell(fit, key) for key in keys] for fit in fits], [], words=2)
