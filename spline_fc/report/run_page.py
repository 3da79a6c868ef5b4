"""One self-contained page about one run, rebuilt from its files."""

import math
import os
import pathlib
from collections.abc import Mapping

import numpy as np

from spline_fc.printing import NONE, one_line, significant
from spline_fc.report import cautions, page
from spline_fc.report.formats import count, display_name, percent
from spline_fc.report.rows import ERRORS, MOST_NAMED, Row, target_scores
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
        title=title_of(work) if found.data is None else titled(found.data.name),
        status=work.status,
        facts=_facts(work),
        headline=headline(found),
        what=_what(work),
        command=str(work.environment.get("command", "")),
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
        return titled(pathlib.PurePath(name).name.split(".")[0] if os.sep in name else name)
    return work.path.resolve().name


def titled(name: str) -> str:
    """The name of a data set as a title: "wine_quality_red" as "Wine quality red"."""
    words = one_line(name).replace("_", " ")
    return words[:1].upper() + words[1:]


def _facts(work: Workdir) -> list[str]:
    date = work.environment.get("date")
    device = work.environment.get("device") or work.environment.get("platform")
    version = f"spline_fc {work.environment.get('spline_fc', '')}".strip()
    return [f"{fact}" for fact in (date, version, device, count(len(work.runs), "run")) if fact]


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


def headline(study: Study) -> str:
    """What the owner of the data asks first: the error, and those of simpler models."""
    row, target, key = study.row, study.target, study.error
    others = ", ".join(
        f"{name} {said}" for name, said in _errors_of_others(study, key) if said != NONE
    )
    beside = f" On the same rows: {others}." if others else ""
    if row is None or not row.seeds.size:
        why = "no run has ended yet" if not study.work.runs else "every chosen run diverged"
        return f"There is no trained network to tell of: {why}.{beside}"
    error = f"{_mean_score(row, key)} {_unit(study)}".strip()
    said = f"The network predicts {target} with a {_named(key)} of {error}"
    return f"{said}{_second(row, key)}.{beside}"


def _second(row: Row, key: str) -> str:
    """What is told in brackets behind an error: accuracy, R2, or R2 by target."""
    name = {"rmse": "r2", "log_loss": "accuracy"}.get(key, "")
    if name in row.scores:
        return f" ({ERRORS[name]} {_mean_score(row, name)})"
    each = target_scores([row], "r2") if key == "r2" else {}
    own = [f"{one_line(target)} {_mean_score(row, name)}" for name, target in each.items()]
    return f" ({', '.join(own)})" if 0 < len(own) <= MOST_NAMED else ""


def _unit(study: Study) -> str:
    """The unit of the error that is told first, "" where it has none or it is not known."""
    return study.targets[0][1] if study.error == "rmse" and len(study.targets) == 1 else ""


def _named(key: str) -> str:
    """What the error that is told first is called; R2 is told first of several targets alone."""
    return f"mean test {ERRORS[key]}" if key == "r2" else f"test {ERRORS[key]}"


def _errors_of_others(study: Study, key: str) -> list[tuple[str, str]]:
    """(what it is, its error) of the models that need no training."""
    alone = [row for row in study.rows if not row.init][:1]
    names = {"spline alone": "the spline alone", "linear model": "a linear model"}
    names["mean"] = "the mean"
    rows = [*alone, *reversed(study.baselines)]
    rows = [row for row in rows if key != "r2" or row.name != "mean"]  # whose R2 is 0
    return [(names.get(row.name, row.name), _mean_score(row, key)) for row in rows]


def _mean_score(row: Row, key: str) -> str:
    """A score over seeds: shares of 1 in per cent, all else as a number."""
    values = row.scores.get(key, np.zeros(0))
    known = values[~np.isnan(values)]
    mean = float(known.mean()) if known.size else math.nan
    return percent(mean) if key == "accuracy" else significant(mean, 3)


def _tiles(study: Study) -> list[tuple[str, str]]:
    """Key figures, at most six: (figure, what it is)."""
    row, key, unit = study.row, study.error, _unit(study)
    error = _named(key)
    tiles = []
    if row is not None and row.seeds.size:
        tiles.append((_mean_score(row, key), f"{error}{f', {unit}' if unit else ''}, network"))
        second = {"rmse": "r2", "log_loss": "accuracy"}.get(key, "")
        tiles.append((_mean_score(row, second), f"test {ERRORS.get(second, '')}, network"))
    tiles += [(said, f"{error}, {name}") for name, said in _errors_of_others(study, key)]
    if study.data is not None:
        tiles.append((f"{sum(study.data.sizes):,}", f"rows, {count(_columns(study), 'column')}"))
    return [(figure, what) for figure, what in tiles if figure != NONE]


def _columns(study: Study) -> int:
    """Columns of the file that are features."""
    if study.encoding is not None:
        return len(study.encoding.groups)
    return 0 if study.data is None else len(study.data.feature_names)
