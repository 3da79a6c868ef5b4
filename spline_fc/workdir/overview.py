"""What a report reads of a run, gathered once, whatever is damaged in it."""

import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from spline_fc import files
from spline_fc.analysis.convergence import History, read_history
from spline_fc.checks import check
from spline_fc.workdir.damage import (
    BASELINE_FIELDS,
    FIT_FIELDS,
    RUN_FIELDS,
    read_record,
    sound_rows,
)

FORMAT = "spline_fc.workdir/3"
REFERENCE = "he_normal"


class Workdir(NamedTuple):
    """What a report reads of a run, gathered once; large files are read by the functions below."""

    path: pathlib.Path
    config: dict[str, Any]
    environment: dict[str, Any]
    status: str  # running, interrupted, done, diverged, failed or unknown
    error: str  # the sentence beside the status
    runs: list[dict[str, Any]]
    fits: list[dict[str, Any]]
    baselines: list[dict[str, Any]]
    histories: dict[str, History]  # by run name, for the runs whose metrics exist
    damage: tuple[str, ...]  # one sentence per file that is absent or cannot be read

    @property
    def inits(self) -> list[str]:
        """The starts, in the order in which they were run."""
        return list(dict.fromkeys(run["init"] for run in self.runs))

    @property
    def reference(self) -> str | None:
        """The start that others are compared with: He, if there is one."""
        he = [name for name in self.inits if name == REFERENCE or name.split("_")[0] == "he"]
        return REFERENCE if REFERENCE in he else next(iter(he), None)

    def chosen(self, init: str) -> list[dict[str, Any]]:
        """The runs of one start at the learning rate chosen for each seed, by seed."""
        runs = [run for run in self.runs if run["init"] == init and run.get("chosen")]
        return sorted(runs, key=lambda run: run["seed"])

    def curves(self, init: str) -> dict[int, History]:
        """{seed: History} of the chosen runs of one start that did not diverge."""
        return {
            run["seed"]: self.histories[run["run"]]
            for run in self.chosen(init)
            if run["run"] in self.histories and not run.get("diverged")
        }


def read_workdir(path: str | os.PathLike) -> Workdir:
    """Reads a workdir; what is absent or damaged is named in `damage`, and the rest is there.

    Args:
      path: the folder that a run wrote, or its unfinished run, `<workdir>.partial`.

    Returns:
      Workdir.

    Raises:
      ValueError: the folder does not exist, is no workdir, or is of another format.
    """
    path = files.as_path(path)
    unfinished = path.with_name(f"{path.name}.partial")
    hint = f" (its unfinished run is {unfinished})" if unfinished.is_dir() else ""
    check(path.is_dir(), f"workdir must be a folder that a run wrote; got {str(path)!r}{hint}.")
    damage: list[str] = []
    about = _rows_of(path / "workdir.json", dict, damage)
    found = about.get("format")
    check(
        found == FORMAT or (path / "status").is_file() and found is None,
        f"workdir must be of format {FORMAT!r}; {str(path)!r} is of {found!r}.",
    )
    tables = {}
    fields = {"runs.json": RUN_FIELDS, "fits.json": FIT_FIELDS, "baselines.json": BASELINE_FIELDS}
    for name, kinds in fields.items():
        tables[name] = sound_rows(path / name, _rows_of(path / name, list, damage), kinds, damage)
    runs = tables["runs.json"]
    status, _, sentence = _status(path / "status", damage).partition("\n")
    return Workdir(
        path=path,
        config=_rows_of(path / "config.json", dict, damage),
        environment=_rows_of(path / "environment.json", dict, damage),
        status=status.strip(),
        error=sentence.strip(),
        runs=runs,
        fits=tables["fits.json"],
        baselines=tables["baselines.json"],
        histories=_histories(path, runs, status.strip() in ("done", "diverged"), damage),
        damage=tuple(damage),
    )


def _histories(
    path: pathlib.Path, runs: Sequence[Mapping], finished: bool, damage: list[str]
) -> dict[str, History]:
    histories = {}
    for run in runs:
        file = path / "metrics" / f"{run['run']}.jsonl"
        try:
            histories[run["run"]] = read_history(file)
            whole = not finished or file.read_bytes().endswith(b"\n")
            check(whole, f"{file} must end with a whole line, as the run has ended.")
        except (OSError, ValueError) as error:
            damage.append(files.sentence(error))
    return histories


def _status(file: pathlib.Path, damage: list[str]) -> str:
    try:
        return file.read_text(encoding="utf-8") or "unknown"
    except (OSError, ValueError) as error:
        damage.append(files.sentence(error))
        return "unknown"


def _rows_of(file: pathlib.Path, kind: type, damage: list[str]) -> Any:
    """The content of a JSON file, empty where it is absent or no such thing."""
    try:
        check(file.is_file(), f"{file} must be there.")
        return read_record(file, kind())
    except (OSError, ValueError) as error:
        damage.append(files.sentence(error))
        return kind()


def scores_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The scores of the test part in a row of fits.json or runs.json, by their names."""
    found = {key.removeprefix("test_"): v for key, v in row.items() if key.startswith("test_")}
    return {name: value for name, value in found.items() if name != "loss"}
