"""One self-contained page about one run, rebuilt from its files."""

import math
import os
import pathlib
from collections.abc import Mapping

import numpy as np

from spline_fc.analysis import PairedRatio
from spline_fc.report import cautions, page
from spline_fc.report.formats import (
    MUCH,
    count,
    display_name,
    mean_error,
    share,
    significant,
)
from spline_fc.report.rows import Row, error_of
from spline_fc.report.study import Study, study
from spline_fc.threads import one_thread
from spline_fc.workdir import Workdir, read_workdir


def write_report(workdir: str | os.PathLike) -> pathlib.Path:
    """Writes report.html, and every figure as PNG and CSV under figures/, from a run's files.

    Args:
      workdir: the folder that a run wrote. What is missing or damaged in it is named on the page.

    Returns:
      The path of report.html.

    Raises:
      ValueError: the folder is no workdir.
      ImportError: a package of the extra "plots" is not installed.
    """
    page.check_packages()
    from spline_fc.report import sections  # draws by matplotlib, which takes a second to import

    with one_thread():
        found = study(read_workdir(workdir))
        parts = sections.build(found)
    work = found.work
    return page.write(
        work.path / "report.html",
        "run.html",
        title=title_of(work),
        status=work.status,
        facts=_facts(work),
        finding=finding(found),
        what=_what(work),
        tiles=_tiles(found),
        cautions=cautions.collect(found),
        sections=parts,
        folder=work.path.resolve().name,
    )


def title_of(work: Workdir) -> str:
    """What a run is called: its data set, else its folder."""
    about = work.config.get("data")
    name = about.get("name") if isinstance(about, Mapping) else None
    if isinstance(name, str) and name:
        name = pathlib.PurePath(name).stem if os.sep in name else name
        return name.replace("_", " ").capitalize()
    return work.path.resolve().name


def _facts(work: Workdir) -> list[str]:
    device = work.environment.get("device") or work.environment.get("platform")
    version = f"spline_fc {work.environment.get('spline_fc', '')}".strip()
    return [f"{fact}" for fact in (version, device, count(len(work.runs), "run")) if fact]


def _what(work: Workdir) -> str:
    """What was run, in one sentence; the whole config stands at the end of the page."""
    if not work.runs:
        return "No run has ended yet."
    rates = sorted({run["learning_rate"] for run in work.runs})
    seeds = len({run["seed"] for run in work.runs})
    names = ", ".join(display_name(init) for init in work.inits)
    grid = "learning rate " if len(rates) == 1 else "learning rates "
    grid += ", ".join(f"{rate:g}" for rate in rates)
    runs = f"{count(len(work.runs), 'run')}: {count(seeds, 'seed')}"
    pieces = [f"{runs} and {grid} from each start ({names})"]
    network, options = (work.config.get(key) or {} for key in ("network", "training"))
    if network.get("hidden_sizes"):
        pieces.append(f"hidden layers of {', '.join(map(str, network['hidden_sizes']))} units")
    if "epochs" in options:
        optimizer = options.get("optimizer", "")
        pieces.append(f"{options['epochs']} epochs of {optimizer}".removesuffix(" of "))
    return "; ".join(pieces) + "."


def finding(study: Study) -> str:
    """The result in two sentences: steps, seconds and test error, with their uncertainty."""
    row, reference = study.row, study.reference
    if row is None:
        return "No run that began at anything but the reference was found in this folder."
    against = row.against
    if reference is None or against is None or against.steps is None or not against.steps.pairs:
        return f"From the {row.name} start: best validation loss {mean_error(row.validation_loss)}."
    goal = f"the best validation loss of the {reference.name} start"
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


def _tiles(study: Study) -> list[tuple[str, str]]:
    """Key figures, at most six: (figure, what it is)."""
    tiles = []
    row, reference = study.row, study.reference
    if row is not None and row.against is not None and reference is not None:
        name = reference.name
        ratios = {"steps": row.against.steps, "seconds": row.against.seconds}
        for what, found in ratios.items():
            if found is not None and math.isfinite(found.median.value):
                said = f"of {name}'s {what} to {name}'s best loss"
                tiles.append((share(found.median.value), said))
    alone = [row for row in study.rows if not row.init][:1]
    for row in (*alone, study.row, reference):
        what, values = error_of(row) if row is not None else ("", np.zeros(0))
        if row is not None and np.isfinite(values).any():
            name = f"trained from {row.name}" if row.init else row.name
            tiles.append((significant(float(np.nanmean(values)), 3), f"{what}, {name}"))
    return tiles + _hinge_tile(study)


def _hinge_tile(study: Study) -> list[tuple[str, str]]:
    units = study.units.get(study.init or "")
    if units is None or not units.drift.began_on_axis.any():
        return []
    aligned = units.drift.aligned[1, units.drift.began_on_axis]
    said = f"of the spline's units on a feature are still on it, seed {study.seed}"
    return [(f"{aligned.sum()} of {aligned.size}", said)]
