"""One page over several workdirs: data sets or settings side by side."""

import os
import pathlib
from collections.abc import Sequence

from spline_fc.analysis import Interval
from spline_fc.checks import check
from spline_fc.report import page
from spline_fc.report.formats import count, interval, mean_error, ratio
from spline_fc.report.page import Block, Section, Words
from spline_fc.report.rows import Contest, contests_of
from spline_fc.report.run_page import title_of
from spline_fc.report.tables import Table
from spline_fc.workdir import Workdir, read_workdir


def write_sweep(workdirs: Sequence[str | os.PathLike], folder: str | os.PathLike) -> pathlib.Path:
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
    return page.write(
        folder / "report.html",
        "sweep.html",
        finding=_finding(contests),
        warnings=_warnings(names, works),
        sections=[Section("results", "Results", _results(contests, folder))],
        runs=_links(names, works, folder),
    )


def sweep_table(contests: Sequence[Contest]) -> Table:
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
    header = ["workdir", "start", "seeds", "test error", f"of {names}", "difference, %"]
    header += ["seeds better", "ratio of steps", "ratio of seconds"]
    note = (
        f"Test error: RMSE of the raw target or log loss, of several targets the loss that was "
        f"trained on; mean ± standard error over seeds. Difference: to {names}, in per cent of its "
        f"mean, by shared seed; below 0 is better. Ratios: of what it took to reach {names}'s best "
        f"validation loss, medians over paired seeds. In brackets 95 % bootstrap intervals, from "
        f"three seeds on."
    )
    return Table(header, body, [note], words=2)


def _finding(contests: Sequence[Contest]) -> str:
    """How often each start ended below the reference, with how often that is no chance."""
    sentences = []
    for start in dict.fromkeys(c.start for c in contests):
        own = [c for c in contests if c.start == start]
        lower = sum(c.against.relative.value < 0 for c in own)
        verdicts = [c.against.verdict for c in own]
        sentences.append(
            f"{start[0].upper()}{start[1:]}: a lower mean test error than {own[0].reference} in "
            f"{lower} of {count(len(own), 'workdir')}, clearly lower in {verdicts.count('lower')}, "
            f"clearly higher in {verdicts.count('higher')}."
        )
    if not sentences:
        return "No workdir has a reference to compare with."
    return " ".join(sentences) + " Clearly: a paired t test over at least three seeds says so."


def _results(contests: Sequence[Contest], folder: pathlib.Path) -> list[Block]:
    if not contests:
        return [Words("No workdir holds finished runs and a reference.", "note")]
    page.check_packages()
    from spline_fc.report import figures, pictures_training  # as in `write_report`

    return [
        Words(
            "The figure and the table set every start against the reference, workdir by workdir."
        ),
        figures.place(folder, pictures_training.sweep, contests),
        sweep_table(contests),
    ]


def _names(works: Sequence[Workdir]) -> list[str]:
    """What the workdirs are called; the folder is added where several have the same data."""
    titles = [title_of(work) for work in works]
    return [
        title if titles.count(title) == 1 else f"{title} ({work.path.resolve().name})"
        for title, work in zip(titles, works, strict=True)
    ]


def _warnings(names: Sequence[str], works: Sequence[Workdir]) -> list[str]:
    found = []
    for name, work in zip(names, works, strict=True):
        diverged = sum(bool(run.get("diverged")) for run in work.runs)
        if work.status != "done":
            found.append(f"{name}: the status is “{work.status}”.")
        if diverged:
            found.append(f"{name}: {diverged} of {count(len(work.runs), 'run')} diverged.")
        if work.damage:
            found.append(f"{name}: {count(len(work.damage), 'file')} cannot be read.")
    return found


def _links(
    names: Sequence[str], works: Sequence[Workdir], folder: pathlib.Path
) -> list[tuple[str, str, str]]:
    """(address, name, what it is) of every workdir's own report."""
    links = []
    for name, work in zip(names, works, strict=True):
        path = os.path.relpath(work.path.resolve() / "report.html", folder.resolve())
        seeds = len({run["seed"] for run in work.runs})
        said = f"{count(len(work.runs), 'run')}, {count(seeds, 'seed')}, {work.status}"
        links.append((pathlib.Path(path).as_posix(), name, said))
    return links
