"""One page over several workdirs: data sets or settings side by side."""

import os
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from spline_fc.analysis import html
from spline_fc.analysis.convergence import Interval, PairedRatio, bootstrap
from spline_fc.analysis.formats import (
    count,
    display_name,
    interval,
    mean_error,
    ratio,
)
from spline_fc.analysis.report import title_of
from spline_fc.analysis.tables import Row, Table, error_of, main_rows
from spline_fc.analysis.workdir import Workdir, read_workdir
from spline_fc.checks import check


class Contest(NamedTuple):
    """One start against the reference in one workdir."""

    title: str
    start: str
    reference: str
    error: np.ndarray  # (s,) test errors of the start
    reference_error: np.ndarray  # (r,)
    relative: Interval  # test error less the reference's over the reference's mean, shared seeds
    better: tuple[int, int]  # seeds that are better, of so many
    steps: PairedRatio | None  # to the reference's best validation loss
    seconds: PairedRatio | None


def write_sweep(workdirs: Sequence[Any], folder: Any) -> pathlib.Path:
    """Writes one page that sets several workdirs side by side, and its figure as PNG and CSV.

    Args:
      workdirs: folders that runs wrote, e.g. one per data set.
      folder: where report.html and figures/ go; created. It must be none of the workdirs.

    Returns:
      The path of report.html.

    Raises:
      ValueError: no workdir, a folder that no run wrote, or `folder` is a workdir itself.
    """
    check(len(workdirs) > 0, "workdirs must name at least one folder; got none.")
    folder = pathlib.Path(folder)
    is_run = (folder / "runs.json").is_file() or (folder / "status").is_file()
    check(not is_run, f"folder must not be a workdir, whose report it would replace; got {folder}.")
    works = [read_workdir(path) for path in workdirs]
    names = _names(works)
    contests = [c for name, work in zip(names, works, strict=True) for c in contests_of(name, work)]
    folder.mkdir(parents=True, exist_ok=True)
    header = "<h1>Sweep</h1>" + html.paragraph(_finding(contests), "lede") + _warnings(names, works)
    parts = [html.section("results", "Results", *_results(contests, folder)),
             html.section("runs", "Runs", _links(names, works, folder))]  # fmt: skip
    footer = "Rebuilt from the files of the runs. The numbers of the figure lie in figures/ as CSV."
    return html.write(folder / "report.html", html.page("Sweep", header, parts, footer))


def contests_of(title: str, work: Workdir) -> list[Contest]:
    """Compares every start of a workdir, and the spline alone, with its reference.

    Args:
      title: what the workdir is called.
      work: from `read_workdir`.

    Returns:
      One Contest per start other than the reference; none without a reference.
    """
    rows = main_rows(work)
    reference = next((row for row in rows if row.init and row.init == work.reference), None)
    if reference is None:
        return []
    return [_contest(title, row, reference) for row in rows if row is not reference]


def sweep_table(contests: Sequence[Contest]) -> Table:
    """Sets contests in strings, one line each."""
    body = [
        [c.title, c.start, str(c.error.size), mean_error(c.error), mean_error(c.reference_error),
         interval(Interval(*(100 * v for v in c.relative))), f"{c.better[0]} of {c.better[1]}",
         ratio(c.steps), ratio(c.seconds)]
        for c in contests
    ]  # fmt: skip
    names = ", ".join(dict.fromkeys(c.reference for c in contests))
    header = ["workdir", "start", "seeds", "test error", f"of {names}", "difference, %",
              "seeds better", "ratio of steps", "ratio of seconds"]  # fmt: skip
    return Table(header, body, [
        f"Test error: RMSE in raw units, else the loss; mean ± standard error over seeds. "
        f"Difference: to {names}, in per cent of its mean, by shared seed; below 0 is better. "
        f"Ratios: of what it took to reach {names}'s best validation loss, medians over paired "
        f"seeds. In brackets 95 % bootstrap intervals."
    ])  # fmt: skip


def _contest(title: str, row: Row, reference: Row) -> Contest:
    known = row.difference[~np.isnan(row.difference)]
    level = float(np.nanmean(error_of(reference))) if reference.seeds.size else float("nan")
    return Contest(
        title=title,
        start=row.name,
        reference=display_name(reference.init),
        error=error_of(row),
        reference_error=error_of(reference),
        relative=bootstrap(known / level),
        better=(int((known < 0).sum()), known.size),
        steps=row.reach.step_ratio if row.reach is not None else None,
        seconds=row.reach.second_ratio if row.reach is not None else None,
    )


def _finding(contests: Sequence[Contest]) -> str:
    """How often each start ended below the reference, with how often that is no chance."""
    sentences = []
    for start in dict.fromkeys(c.start for c in contests):
        own = [c for c in contests if c.start == start]
        lower = sum(c.relative.value < 0 for c in own)
        clear = [c for c in own if c.better[1] > 1]
        below = sum(c.relative.high < 0 for c in clear)
        above = sum(c.relative.low > 0 for c in clear)
        sentences.append(
            f"{start.capitalize()}: a lower mean test error than {own[0].reference} in {lower} of "
            f"{count(len(own), 'workdir')}, clearly lower in {below}, clearly higher in {above}."
        )
    return " ".join(sentences) or "No workdir has a reference to compare with."


def _results(contests: Sequence[Contest], folder: pathlib.Path) -> list[str]:
    if not contests:
        return [html.note("No workdir holds finished runs and a reference.")]
    from spline_fc.analysis import plots_training

    return [
        html.paragraph(
            "The figure and the table set every start against the reference, workdir by workdir."
        ),
        html.picture(folder, plots_training.sweep, contests),
        html.table(sweep_table(contests), "text"),
    ]


def _names(works: Sequence[Workdir]) -> list[str]:
    """What the workdirs are called; the folder is added where several have the same data."""
    titles = [title_of(work) for work in works]
    return [
        title if titles.count(title) == 1 else f"{title} ({work.path.resolve().name})"
        for title, work in zip(titles, works, strict=True)
    ]


def _warnings(names: Sequence[str], works: Sequence[Workdir]) -> str:
    found = []
    for name, work in zip(names, works, strict=True):
        diverged = sum(bool(run.get("diverged")) for run in work.runs)
        if work.status != "done":
            found.append(f"{name}: the status is “{work.status}”.")
        if diverged:
            found.append(f"{name}: {diverged} of {count(len(work.runs), 'run')} diverged.")
    items = "".join(f'<li class="bad">{html.text(sentence)}</li>' for sentence in found)
    return f'<h3 id="warnings">Warnings</h3><ul class="warnings">{items}</ul>' if found else ""


def _links(names: Sequence[str], works: Sequence[Workdir], folder: pathlib.Path) -> str:
    """One line per workdir, with a link to its own report."""
    items = []
    for name, work in zip(names, works, strict=True):
        path = os.path.relpath(work.path.resolve() / "report.html", folder.resolve())
        address = html.text(pathlib.Path(path).as_posix())
        seeds = len({run["seed"] for run in work.runs})
        said = f"{count(len(work.runs), 'run')}, {count(seeds, 'seed')}, {work.status}"
        items.append(f'<li><a href="{address}">{html.text(name)}</a>: {html.text(said)}</li>')
    return f"<ul>{''.join(items)}</ul>"
