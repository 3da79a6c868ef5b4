"""What is told of several workdirs: in what they differ, their contenders, every chosen run."""

import collections
import csv
import io
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from spline_fc import files
from spline_fc.checks import check
from spline_fc.report.formats import mean_error
from spline_fc.report.page import written
from spline_fc.report.rows import Contest, Row, contests_of, error_of, main_rows, speeds_of
from spline_fc.report.run_page import title_of
from spline_fc.report.tables import Table, table_of
from spline_fc.workdir import Workdir, read_workdir

MOST_FIELDS = 4  # that have columns of their own
FAILED = "failed"
SECONDS = ("start_seconds", "train_seconds", "compile_seconds")


class Failure(NamedTuple):
    """A run that left no workdir."""

    name: str
    config: Mapping[str, Any]
    reason: str  # a sentence


class SweepStudy(NamedTuple):
    """Several workdirs, measured once; n of them."""

    names: list[str]  # (n,)
    works: list[Workdir]  # (n,)
    rows: list[list[Row]]  # (n,) contenders of each
    contests: list[Contest]  # of all, workdir by workdir
    failures: list[Failure]
    fields: dict[str, dict[str, str]]  # {path: {name: value}} of what differs, failures included


def read_sweep(
    workdirs: Sequence[str | os.PathLike] | Mapping[str, str | os.PathLike],
    failures: Sequence[Failure] = (),
) -> SweepStudy:
    """Reads and measures several workdirs.

    Args:
      workdirs: folders that runs wrote; or {name: folder}, else they are called by their data.
      failures: runs of the same sweep that left nothing but a reason.

    Returns:
      SweepStudy.

    Raises:
      ValueError: no workdir, or a folder that no run wrote.
    """
    check(len(workdirs) + len(failures) > 0, "workdirs must name at least one folder; got none.")
    named = isinstance(workdirs, Mapping)
    works = [read_workdir(path) for path in (workdirs.values() if named else workdirs)]
    names = list(workdirs) if named else _names(works)
    rows = [main_rows(work, speeds_of(work)) for work in works]
    contests = [
        contest
        for name, work, own in zip(names, works, rows, strict=True)
        for contest in contests_of(name, work, own)
    ]
    configs = dict(zip(names, (work.config for work in works), strict=True))
    configs |= {failure.name: failure.config for failure in failures}
    return SweepStudy(names, works, rows, contests, list(failures), _differing(configs))


def sweep_table(study: SweepStudy) -> Table:
    """Sets the test errors of all contenders side by side; the longer side goes down."""
    contenders = _contenders(study)
    cells = {
        name: {row.name: _error(row) for row in own}
        for name, own in zip(study.names, study.rows, strict=True)
    }
    errors = [next((error_of(row)[0] for row in own if row.seeds.size), "") for own in study.rows]
    one_error = len(set(errors)) <= 1
    note = f"{_error_words(study.names, errors)}: mean ± standard error over seeds; of the "
    note += "learning rate that validation rows chose for each seed."
    if _is_turned(study):
        columns = [("start", contenders)]
        columns += [(n, [cells[n].get(c, "") for c in contenders]) for n in study.names]
        return table_of(columns, [note])
    names = [*study.names, *(failure.name for failure in study.failures)]
    columns = [("cell", names), *_field_columns(study, names)]
    words = len(columns)
    if not one_error:
        columns.append(("error", [*errors, *[""] * len(study.failures)]))
        words += 1
    for contender in contenders:
        columns.append((contender, [cells.get(n, {}).get(contender, "") for n in names]))
    states = [_state(work) for work in study.works]
    states += [f"{FAILED}: {failure.reason}" for failure in study.failures]
    if set(states) != {"done"}:
        columns.append(("status", states))
    return table_of(columns, [note], words)


def _error_words(names: Sequence[str], errors: Sequence[str]) -> str:
    """What is measured, and where there are several measures, in which of the workdirs each."""
    found = [error for error in dict.fromkeys(errors) if error]
    if len(found) > 1:
        own = [[n for n, e in zip(names, errors, strict=True) if e == error] for error in found]
        found = [f"{error} of {', '.join(n)}" for error, n in zip(found, own, strict=True)]
        found = found if len(names) <= MOST_FIELDS else ["test error"]
    said = "; ".join(found) or "test error"
    return said[:1].upper() + said[1:]


def _contenders(study: SweepStudy) -> list[str]:
    return list(dict.fromkeys(row.name for own in study.rows for row in own))


def _is_turned(study: SweepStudy) -> bool:
    """Whether there are so many contenders that they go down, and the workdirs beside another."""
    return len(_contenders(study)) > max(len(study.names), MOST_FIELDS)


def _state(work: Workdir) -> str:
    """The status of a workdir, with the reason why a chosen run of it diverged."""
    lost = [run for run in work.runs if run.get("chosen") and run.get("diverged")]
    return f"{work.status}: {lost[0].get('stop_reason')}" if lost else work.status


def _error(row: Row) -> str:
    return mean_error(error_of(row)[1]) + f" ({row.failed} diverged)" * bool(row.failed)


def fields_table(study: SweepStudy) -> Table | None:
    """In what the runs differ, where `sweep_table` does not say it."""
    names = [*study.names, *(failure.name for failure in study.failures)]
    columns = [("cell", names), *_field_columns(study, names)]
    if len(columns) == 1 or not _is_turned(study):
        return None
    return table_of(columns, [], len(columns))


def write_csv(study: SweepStudy, path: pathlib.Path) -> None:
    """Writes a line per chosen run and spline, and one per failure: every number unrounded.

    Args:
      study: of all workdirs.
      path: of the file, e.g. "sweep.csv".
    """
    lines: list[dict[str, Any]] = []
    for name, work in zip(study.names, study.works, strict=True):
        fixed = {"cell": name, "status": work.status, **_values_of(study, name)}
        lines += [{**fixed, **line} for line in [*_spline_lines(work), *_run_lines(work)]]
    for failure in study.failures:
        fixed = {"cell": failure.name, "status": FAILED, **_values_of(study, failure.name)}
        lines.append({**fixed, "reason": failure.reason})
    columns = dict.fromkeys(key for line in lines for key in line)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(columns), restval="")
    writer.writeheader()
    writer.writerows(lines)
    files.write_text(path, text.getvalue())


def _spline_lines(work: Workdir) -> list[dict[str, Any]]:
    """The splines alone, which take no steps and have no rate."""
    return [
        _line(
            {
                **fit,
                "init": f"{fit['init']}, spline alone",
                "best_validation_loss": fit.get("validation_loss"),
                "start_seconds": fit.get("seconds_run"),
                "compile_seconds": fit.get("seconds_compile"),
            },
            0,
        )
        for fit in work.fits
    ]


def _run_lines(work: Workdir) -> list[dict[str, Any]]:
    chosen = [(run, work.histories.get(run["run"])) for run in work.runs if run.get("chosen")]
    return [_line(run, int(history.step[-1]) if history else None) for run, history in chosen]


def _line(row: Mapping[str, Any], steps: int | None) -> dict[str, Any]:
    """What the CSV tells of a row of runs.json or fits.json."""
    scores = {key: value for key, value in row.items() if key.startswith("test_")}
    return {
        "start": row["init"],
        "seed": row["seed"],
        "learning_rate": row.get("learning_rate"),
        "best_validation_loss": row.get("best_validation_loss"),
        **scores,
        "steps": steps,
        **{key: row.get(key) for key in ("best_step", *SECONDS, "diverged")},
        "reason": row.get("stop_reason"),
    }


def _names(works: Sequence[Workdir]) -> list[str]:
    """What the workdirs are called; the folder is added where several have the same data."""
    titles = [title_of(work) for work in works]
    return [
        title if titles.count(title) == 1 else f"{title} ({work.path.resolve().name})"
        for title, work in zip(titles, works, strict=True)
    ]


def _differing(configs: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """{field: {name: its value}} of the fields in which some configs differ."""
    flat = {name: _flat(config) for name, config in configs.items()}
    fields = dict.fromkeys(field for values in flat.values() for field in values)
    found = {f: {name: written(v.get(f)) for name, v in flat.items()} for f in fields}
    return {field: values for field, values in found.items() if len(set(values.values())) > 1}


def _flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in config.items():
        nested = isinstance(value, Mapping)
        flat |= _flat(value, f"{prefix}{key}.") if nested else {f"{prefix}{key}": value}
    return flat


def _values_of(study: SweepStudy, name: str) -> dict[str, str]:
    return {field: values[name] for field, values in study.fields.items()}


def _field_columns(study: SweepStudy, names: Sequence[str]) -> list[tuple[str, list[str]]]:
    """A column per field, or one for all where they are many."""
    last = [field.rpartition(".")[2] for field in study.fields]
    short = [w if last.count(w) == 1 else f for f, w in zip(study.fields, last, strict=True)]
    columns = [[values[n] for n in names] for values in study.fields.values()]
    if len(columns) <= MOST_FIELDS:
        return list(zip(short, columns, strict=True))
    usual = [_usual(column) for column in columns]
    said = [
        ", ".join(
            f"{word} {value}"
            for word, value, most in zip(short, line, usual, strict=True)
            if value != most
        )
        for line in zip(*columns, strict=True)
    ]
    return [("differs in", said)]


def _usual(values: Sequence[str]) -> str | None:
    """What more than half of the values are, which goes without saying."""
    value, times = collections.Counter(values).most_common(1)[0]
    return value if 2 * times > len(values) else None
