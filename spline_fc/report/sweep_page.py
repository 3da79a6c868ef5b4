"""One page over several workdirs: data sets or settings side by side, and all of it as CSV."""

import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from spline_fc.analysis import Interval
from spline_fc.checks import check
from spline_fc.report import page
from spline_fc.report.formats import count, interval, mean_error, ratio
from spline_fc.report.page import Block, Section, Words
from spline_fc.report.rows import Contest
from spline_fc.report.sweep_study import SweepStudy, fields_table, sweep_table, write_csv
from spline_fc.report.tables import Table

MOST_WARNINGS = 12
MOST_TOLD = 3  # starts that have a sentence each; more have a table
CLEARLY = "Clearly: a paired t test over at least three seeds says so."
TALL = 30  # rows of a table that are more than a look; they scroll, or are folded away


def write_sweep(study: SweepStudy, folder: str | os.PathLike) -> pathlib.Path:
    """Writes one page that sets several workdirs side by side, its figure, and sweep.csv.

    Args:
      study: of the workdirs, from `read_sweep`.
      folder: where report.html, sweep.csv and figures/ go; created. It must be no workdir.

    Returns:
      The path of report.html.

    Raises:
      ValueError: `folder` is a workdir itself.
    """
    folder = pathlib.Path(folder)
    is_run = (folder / "runs.json").is_file() or (folder / "status").is_file()
    check(not is_run, f"folder must not be a workdir, whose report it would replace; got {folder}.")
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(study, folder / "sweep.csv")
    sections = [
        Section("sides", "Side by side", _sides(study)),
        Section("results", "Against the reference", _results(study.contests, folder)),
    ]
    shared = _shared(study)
    if shared:
        sections.append(Section("shared", "What all share", [page.groups(shared, "run")]))
    return page.write(
        folder / "report.html",
        "sweep.html",
        title=folder.resolve().name,
        finding=_finding(study.contests),
        warnings=_warnings(study),
        sections=sections,
        runs=_links(study, folder),
    )


def contest_table(contests: Sequence[Contest]) -> Table:
    """Sets contests in strings, one line each."""
    body = [
        [
            c.title,
            c.start,
            str(c.error.size),
            mean_error(c.error),
            mean_error(c.reference_error),
            interval(Interval(*(100 * v for v in c.against.relative))),
            f"{c.against.wins} of {c.against.difference.size}",
            ratio(c.against.steps),
            ratio(c.against.seconds),
        ]
        for c in contests
    ]
    names = ", ".join(dict.fromkeys(c.reference for c in contests))
    header = ["cell", "start", "seeds", "test error", f"of {names}", "difference, %"]
    header += ["seeds better", "ratio of steps", "ratio of seconds"]
    note = (
        f"Test error: RMSE of the raw target or log loss, of several targets the loss that was "
        f"trained on; mean ± standard error over seeds. Difference: to {names}, in per cent of its "
        f"mean, by shared seed; below 0 is better. Ratios: of what it took to reach {names}'s best "
        f"validation loss, medians over paired seeds. In brackets 95 % bootstrap intervals, from "
        f"three seeds on."
    )
    folded = f"All {len(body)} lines" if len(body) > TALL else ""
    return Table(header, body, [note], words=2, folded=folded)


def _finding(contests: Sequence[Contest]) -> str:
    """How often each start ended below the reference; of many starts the table tells it."""
    if not contests:
        return "No cell has a reference to compare with."
    body = verdict_table(contests).body
    reference = contests[0].reference
    if len(body) > MOST_TOLD:
        least = [row[0] for row in body if row[1] == row[2]]
        where = f"in every cell: {', '.join(least)}" if least else "in every cell: none"
        return f"Of {len(body)} starts, a lower mean test error than {reference} {where}."
    sentences = [
        f"{start[0].upper()}{start[1:]}: a lower mean test error than {reference} in "
        f"{lower} of {count(int(cells), 'cell')}, clearly lower in {clearly}, clearly higher in "
        f"{higher}."
        for start, cells, lower, clearly, higher in body
    ]
    return " ".join(sentences) + f" {CLEARLY}"


def verdict_table(contests: Sequence[Contest]) -> Table:
    """Counts, start by start, in how many cells it ended below or above the reference."""
    body = []
    for start in dict.fromkeys(c.start for c in contests):
        own = [c for c in contests if c.start == start]
        lower = sum(c.against.relative.value < 0 for c in own)
        verdicts = [c.against.verdict for c in own]
        counts = (len(own), lower, verdicts.count("lower"), verdicts.count("higher"))
        body.append([start, *map(str, counts)])
    header = ["start", "cells", "lower", "clearly lower", "clearly higher"]
    return Table(header, body, [CLEARLY])


def _sides(study: SweepStudy) -> list[Block]:
    """All contenders of all runs, and in what the runs differ."""
    found: list[Block] = [sweep_table(study)]
    fields = fields_table(study)
    return found if fields is None else [*found, Words("In what they differ:"), fields]


def _results(contests: Sequence[Contest], folder: pathlib.Path) -> list[Block]:
    if not contests:
        return [Words("No cell holds finished runs and a reference.", "note")]
    page.check_packages()
    from spline_fc.report import figures, pictures_training  # as in `write_report`

    many = len({contest.start for contest in contests}) > MOST_TOLD
    return [
        Words("Every start against the reference of the same cell."),
        *([verdict_table(contests)] if many else []),
        figures.place(folder, pictures_training.sweep, contests),
        contest_table(contests),
    ]


def _shared(study: SweepStudy) -> dict[str, Any]:
    """The fields of the configs in which no two differ, nested as they are."""
    if len(study.works) < 2:
        return {}
    return _without(study.works[0].config, set(study.fields))


def _without(config: Mapping[str, Any], fields: set[str], prefix: str = "") -> dict[str, Any]:
    kept = {}
    for key, value in config.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping):
            kept[key] = _without(value, fields, f"{path}.")
        elif value is not None and path not in fields:
            kept[key] = value
    return kept


def _warnings(study: SweepStudy) -> list[str]:
    found = [f"{failure.name} failed: {failure.reason}" for failure in study.failures]
    for name, work in zip(study.names, study.works, strict=True):
        diverged = sum(bool(run.get("diverged")) for run in work.runs)
        if work.status not in ("done", "diverged"):
            found.append(f"{name}: the status is “{work.status}”.")
        if diverged:
            found.append(f"{name}: {diverged} of {count(len(work.runs), 'run')} diverged.")
        if work.damage:
            found.append(f"{name}: {count(len(work.damage), 'file')} cannot be read.")
    more = len(found) - MOST_WARNINGS
    return found if more <= 0 else [*found[:MOST_WARNINGS], f"{more} more, as sweep.csv tells."]


def _links(study: SweepStudy, folder: pathlib.Path) -> list[tuple[str, str, str]]:
    """(address, name, what it is) of every workdir; no address where it has no page."""
    links = []
    for name, work in zip(study.names, study.works, strict=True):
        report = work.path.resolve() / "report.html"
        path = os.path.relpath(report, folder.resolve()) if report.is_file() else ""
        seeds = len({run["seed"] for run in work.runs})
        said = f"{count(len(work.runs), 'run')}, {count(seeds, 'seed')}, {work.status}"
        links.append((pathlib.Path(path).as_posix() if path else "", name, said))
    return links
