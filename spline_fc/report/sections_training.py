"""Sections of the page that speak of training: results, convergence, what was run."""

from typing import Any

from spline_fc.analysis import html
from spline_fc.analysis.formats import significant
from spline_fc.analysis.study import Study
from spline_fc.analysis.tables import Table, main_table, shape_table, speed_table


def results(study: Study) -> list[str]:
    """The main table, with bootstrap intervals."""
    if not study.rows:
        return [html.note("No finished run yet.")]
    return [
        html.paragraph(
            "The table sets the starts side by side: the spline without any training, then the "
            "same network trained from each start."
        ),
        html.table(main_table(study.work, intervals=True)),
    ]


def convergence(study: Study) -> list[str]:
    """Curves over steps and seconds, then what it took to reach targets."""
    if not study.work.histories:
        return [html.note("No metrics yet.")]
    from spline_fc.analysis import plots_training

    parts = [
        html.paragraph(
            "The curves show how the validation loss falls from each start: the lower and the "
            "further left, the better."
        ),
        html.picture(study.work.path, plots_training.convergence, study.work, study.rows),
    ]
    if any(speed.reaches for speed in study.speeds):
        parts += ["<h3>Steps and seconds to a target</h3>",
                  html.table(speed_table(study.work, study.speeds), "text")]  # fmt: skip
    parts += ["<h3>Whole curves</h3>", html.table(shape_table(study.speeds, study.work.reference))]
    return parts


def setup(study: Study) -> list[str]:
    """Config, versions, device, spline fits."""
    work = study.work
    parts = [
        html.paragraph("This is the configuration of the runs, with the versions and the machine."),
        html.groups(work.config, "run") if work.config else html.note("config.json is missing."),
    ]
    if work.environment:
        parts += [html.groups({"versions and device": work.environment}, "")]
    if work.fits:
        parts += ["<h3>Spline fits</h3>", html.table(_fits_table(work.fits), "text")]
    return parts


def _fits_table(fits: list[dict[str, Any]]) -> Table:
    def cell(fit: dict[str, Any], key: str) -> str:
        value = fit.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value) if isinstance(value, int) else significant(value, 3)
        return "–" if value is None else str(value)

    keys = ("seed", "stop_reason", "terms", "gcv", "r2", "seconds_compile", "seconds_run")
    header = ["seed", "why the search stopped", "terms", "GCV", "R²", "s to compile", "s to fit"]
    return Table(header, [[cell(fit, key) for key in keys] for fit in fits], [])
