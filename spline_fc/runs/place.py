"""Where a run lives while it is not finished, and how it takes its place.

A workdir is always whole: an unfinished run is written to `<workdir>.partial` beside it and renamed
when its last file is there. A refused, failed or killed run therefore costs an earlier one nothing,
the same command finds what an interrupted run has done, and a lock keeps other processes out.
"""

import contextlib
import json
import os
import pathlib
import shutil
from collections.abc import Iterator, Mapping
from typing import Any

import filelock

from spline_fc import files
from spline_fc.checks import check

LOCK = "lock"
WORTH_KEEPING = ("runs.json", "checkpoints", "params")  # a run without these has done nothing yet


def is_finished(folder: str | os.PathLike, config: Mapping[str, Any]) -> bool:
    """Says whether a workdir holds the finished run of this config."""
    folder = pathlib.Path(folder)
    there = (folder / "workdir.json").is_file()
    return there and not differences(_config_of(folder), files.plain(config))


@contextlib.contextmanager
def claim(
    folder: str | os.PathLike, config: Mapping[str, Any], overwrite: bool
) -> Iterator[pathlib.Path]:
    """Lends a process the place where a run is written, and puts the run in place at the end.

    An unfinished run of the same config goes on. So does a finished one that is asked for more
    epochs: its files are copied first, so that it stands until the longer run has ended.

    Args:
      folder: the workdir.
      config: plain, checked.
      overwrite: another run, finished or not, may be replaced.

    Yields:
      The folder to write to, empty but for what goes on. It takes the place of `folder` when the
      block ends well; else it stays.

    Raises:
      ValueError: another process writes there, the folder is no workdir, or it holds another run
        and is not to be overwritten; the fields that differ are named.
    """
    folder, config = pathlib.Path(folder), files.plain(config)
    _bring_back(folder)
    longer = _check_target(folder, config, overwrite)
    partial = folder.with_name(f"{folder.name}.partial")
    partial.mkdir(parents=True, exist_ok=True)
    with _locked(partial):
        if _goes_on(partial, config, overwrite):
            _sweep(partial)
        else:
            _empty(partial)
            if longer:
                _copy(folder, partial)
        yield partial
        (partial / LOCK).unlink(missing_ok=True)
        _put_in_place(partial, folder)


@contextlib.contextmanager
def _locked(partial: pathlib.Path) -> Iterator[None]:
    lock = filelock.FileLock(partial / LOCK, blocking=False)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise ValueError(
            f"workdir must not be in use by another process; {partial} is being written."
        ) from None
    try:
        yield
    finally:
        lock.release()


def _check_target(folder: pathlib.Path, config: Mapping[str, Any], overwrite: bool) -> bool:
    """Refuses what must not be replaced; True if this run is the one there with more epochs."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    check(
        folder.is_dir() and (folder / "workdir.json").is_file(),
        f"workdir must be a new folder or that of an earlier run; got {folder}, which holds files "
        "that no run of this version wrote.",
    )
    if overwrite:
        return False
    found = differences(_config_of(folder), config)
    longer = [line for line in found if _is_more_epochs(line)]
    check(
        found == longer,
        f"workdir must be that of the same config, or --overwrite be given; {folder} differs in "
        f"{_listed(found)}.",
    )
    return bool(longer)


def _goes_on(partial: pathlib.Path, config: Mapping[str, Any], overwrite: bool) -> bool:
    """Whether the unfinished run goes on; ValueError if it is another one and must be kept."""
    if not any((partial / name).exists() for name in WORTH_KEEPING):
        return False
    found = differences(_config_of(partial), config)
    more = bool(found) and all(_is_more_epochs(line) for line in found)
    check(
        not found or more or overwrite,
        f"workdir must be that of the same config, or --overwrite be given; the unfinished run in "
        f"{partial} differs in {_listed(found)}.",
    )
    return not found or more


def _config_of(folder: pathlib.Path) -> dict[str, Any]:
    try:
        return json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def differences(old: Any, new: Any, name: str = "") -> list[str]:
    """Names the fields in which two plain configs differ, "training.epochs: 100, now 200"."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = list(dict.fromkeys([*old, *new]))
        found = [
            differences(old.get(key), new.get(key), f"{name}.{key}".lstrip(".")) for key in keys
        ]
        return sum(found, [])
    return [] if old == new else [f"{name or 'config'}: {old!r}, now {new!r}"]


def _is_more_epochs(line: str) -> bool:
    name, _, values = line.partition(": ")
    old, _, new = values.partition(", now ")
    return name == "training.epochs" and old.isdigit() and new.isdigit() and int(new) > int(old)


def _listed(found: list[str]) -> str:
    more = f" and {len(found) - 5} more" if len(found) > 5 else ""
    return "; ".join(found[:5]) + more


def _empty(partial: pathlib.Path) -> None:
    for entry in partial.iterdir():
        if entry.name != LOCK:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def _sweep(partial: pathlib.Path) -> None:
    """Deletes what a killed process was writing; see `files.replacing`."""
    for path in partial.rglob(".*"):
        if path.is_file() and "checkpoints" not in path.relative_to(partial).parts:
            path.unlink()


def _copy(folder: pathlib.Path, partial: pathlib.Path) -> None:
    """Copies what a longer run starts from; its rows and metrics are written anew."""
    for name in ("fits", "params", "data", "checkpoints"):
        if (folder / name).is_dir():
            shutil.copytree(folder / name, partial / name)


def _put_in_place(partial: pathlib.Path, folder: pathlib.Path) -> None:
    """Renames twice; the earlier run is deleted when the new one stands."""
    earlier = _earlier(folder)
    if folder.exists():
        folder.rename(earlier)
    partial.rename(folder)
    if earlier.exists():
        shutil.rmtree(earlier)


def _bring_back(folder: pathlib.Path) -> None:
    """Undoes the first rename of a process that was killed before the second."""
    earlier = _earlier(folder)
    if earlier.exists():
        shutil.rmtree(earlier) if folder.exists() else earlier.rename(folder)


def _earlier(folder: pathlib.Path) -> pathlib.Path:
    return folder.with_name(f"{folder.name}.replaced")
