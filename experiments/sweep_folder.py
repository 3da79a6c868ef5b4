"""The folder of a sweep: whose it is, who is at which cell, and how far every cell is.

    sweep.json        the config that all cells share, and in what each differs
    NAME/             the run of a cell; NAME.partial while it is not finished
    failures/NAME.txt why a cell failed: a sentence, and where in the code
    records/          what tables need of every cell, small
    sweep.csv, report.html, figures/

A cell is lent to one process at a time, so that any number of them may share the folder.
"""

import contextlib
import os
import pathlib
import traceback
from collections.abc import Iterator
from typing import Any

import filelock

from experiments.sweep_cells import Cell, Sweep
from spline_fc import files, runs
from spline_fc.checks import check
from spline_fc.runs import differences

FORMAT = "spline_fc.sweep/1"
LOCKS = ".locks"  # empty files; one that is deleted could be held by two processes
PATIENCE = 0.5  # seconds; who asks whether a cell is lent holds its lock for a moment
DONE, DIVERGED = "done", "diverged"  # how far a cell is
FAILED, PARTIAL, RUNNING, MISSING = "failed", "partial", "running", "missing"
ENDED = (DONE, DIVERGED)


class SweepFolder:
    """Files of a sweep.

    Args:
      path: of the folder; it need not exist.
      sweep: that is run in it.
      records: where the records of its cells go; "records" in the folder by default.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        sweep: Sweep,
        records: str | os.PathLike | None = None,
    ) -> None:
        self.path, self.sweep = pathlib.Path(path), sweep
        self.records = self.path / "records" if records is None else pathlib.Path(records)

    def check(self) -> None:
        """Refuses a folder of another sweep.

        Raises:
          ValueError: the folder is none of a sweep, or of another one; the sentence says what
            differs. A sweep to which cells have been added is the same.
        """
        about = self.path / "sweep.json"
        if not about.is_file():
            check(
                not self.path.exists() or self.path.is_dir(),
                f"--workdir must be a folder; got the file {self.path}.",
            )
            there = sorted(path.name for path in self.path.iterdir()) if self.path.is_dir() else []
            strange = [name for name in there if not name.startswith(".")]  # of one cut off
            check(
                not strange,
                f"--workdir must be a new folder or that of an earlier sweep; {self.path} holds "
                f"{strange[0] if strange else ''} and no sweep.json.",
            )
            return
        stored = files.read_json(about)
        known = isinstance(stored, dict) and stored.get("format") == FORMAT
        check(known, f"{about} must be of format {FORMAT!r}; it is not.")
        found = self._differing(stored)
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        check(
            not found,
            f"--workdir must be that of the same sweep, or a new folder; {self.path} holds another "
            f"one, which differs in {'; '.join(found[:3])}{more}.",
        )

    def begin(self) -> None:
        """Says whose folder it is, after `check`; makes it if need be."""
        (self.path / LOCKS).mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(self.path / LOCKS / ".sweep"):  # of processes that begin at once
            self.check()
            files.write_json(self.path / "sweep.json", self._about())

    @contextlib.contextmanager
    def lend(self, cell: Cell) -> Iterator[bool]:
        """Gives a cell to this process while the block lasts; False if another one has it."""
        lock = filelock.FileLock(self.path / LOCKS / cell.name, timeout=PATIENCE)
        try:
            lock.acquire()
        except filelock.Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def state(self, cell: Cell) -> str:
        """How far a cell is: done, diverged, failed, partial, running, missing."""
        if runs.is_finished(self.path / cell.name, cell.plan.config):
            status = (self.path / cell.name / "status").read_text(encoding="utf-8").split()
            return DIVERGED if status[:1] == [DIVERGED] else DONE
        if self._is_lent(cell):
            return RUNNING
        if self._failure(cell).is_file():
            return FAILED
        return PARTIAL if (self.path / f"{cell.name}.partial").is_dir() else MISSING

    def states(self) -> dict[str, str]:
        """How far every cell of the sweep is, by name."""
        return {cell.name: self.state(cell) for cell in self.sweep.cells.values()}

    def is_over(self) -> bool:
        """Whether no cell is left to be run, by this process or another one."""
        return set(self.states().values()) <= {*ENDED, FAILED}

    def is_recorded(self, cell: Cell) -> bool:
        """Whether a cell has ended and its record is there, so that it is not run again."""
        return self._record(cell).is_file() and self.state(cell) in ENDED

    def record(self, cell: Cell, record: Any) -> None:
        """Keeps what tables need of a cell, which has not failed then, whatever it did before."""
        self.records.mkdir(parents=True, exist_ok=True)
        files.write_json(self._record(cell), record)
        self._failure(cell).unlink(missing_ok=True)

    def note_failure(self, cell: Cell, error: BaseException) -> str:
        """Keeps why a cell failed, for the tables; returns the sentence."""
        kind = "" if isinstance(error, (ValueError, OSError)) else f"{type(error).__name__}: "
        sentence = f"{kind}{files.sentence(error)}"
        where = "".join(traceback.format_exception(error))
        self._failure(cell).parent.mkdir(exist_ok=True)
        files.write_text(self._failure(cell), f"{sentence}\n\n{where}")
        return sentence

    def reason(self, cell: Cell) -> str:
        """Why a cell failed, in a sentence; empty if it did not."""
        file = self._failure(cell)
        return file.read_text(encoding="utf-8").splitlines()[0] if file.is_file() else ""

    def _about(self) -> dict[str, Any]:
        cells = {cell.name: cell.fields for cell in self.sweep.cells.values()}
        about = {"format": FORMAT, "mode": self.sweep.mode, "config": self.sweep.base}
        return files.plain({**about, "cells": cells})

    def _differing(self, stored: dict[str, Any]) -> list[str]:
        """What is not as it was; cells that are new are no difference."""
        now = self._about()
        found = differences(stored.get("mode"), now["mode"], "its mode")
        found += differences(stored.get("config"), now["config"])
        for name, fields in stored.get("cells", {}).items():
            if name not in now["cells"]:
                found.append(f"cell {name!r}, which is no more")
            else:
                told = differences(fields, now["cells"][name])
                found += [f"cell {name!r}, {difference}" for difference in told]
        return found

    def _record(self, cell: Cell) -> pathlib.Path:
        return self.records / f"{cell.name}.json"

    def _failure(self, cell: Cell) -> pathlib.Path:
        return self.path / "failures" / f"{cell.name}.txt"

    def _is_lent(self, cell: Cell) -> bool:
        if not (self.path / LOCKS / cell.name).exists():
            return False
        with self.lend(cell) as free:
            return not free
