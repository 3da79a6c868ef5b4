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

LOCK = "lock"  # in every unfinished run, and in nothing else
DONE_SOMETHING = ("runs.json", "starts.json")  # what is lost if an unfinished run is
# At the top of a workdir; what a longer run writes anew stands second.
WRITTEN_ONCE = ("workdir.json", "starts.json", "fits", "params", "data", "checkpoints")
WRITTEN_ANEW = (
    "config.json",
    "environment.json",
    "status",
    "baselines.json",
    "fits.json",
    "runs.json",
    "models",
    "metrics",
    "knots",
    "report.html",
    "figures",
    "tensorboard",
)


def is_finished(folder: str | os.PathLike, config: Mapping[str, Any]) -> bool:
    """Says whether a workdir holds the finished run of this config, with all of its results.

    The page is none of them: it can be made of the others.
    """
    folder = pathlib.Path(os.path.realpath(files.as_path(folder)))
    needed = ("workdir.json", "config.json", "status", "fits.json")
    if not all((folder / name).is_file() for name in needed):
        return False
    expected = config["seeds"] * len(config["learning_rates"]) * len(config["initialisations"])
    try:
        rows = files.read_json(folder / "runs.json")
        whole = len(rows) == expected and all("run" in row for row in rows)
        return whole and not differences(_config_of(folder), files.plain(config))
    except (OSError, ValueError, TypeError):
        return False


def check_place(folder: str | os.PathLike, config: Mapping[str, Any], overwrite: bool) -> bool:
    """Refuses a workdir that must not be replaced, or whose unfinished run is another one.

    Args:
      folder, config, overwrite: as for `claim`.

    Returns:
      Whether the workdir holds this very run with fewer epochs, so that it can go on.

    Raises:
      ValueError: as `claim`, but for the lock.
    """
    folder, config = pathlib.Path(os.path.realpath(files.as_path(folder))), files.plain(config)
    for path in (_partial(folder), _earlier(folder)):
        ours = not path.exists() or (path.is_dir() and _is_ours(path))
        check(ours, f"workdir must leave room for {path}, which no run wrote: move it away.")
    _goes_on(_partial(folder), config, overwrite)
    return _check_target(folder, config, overwrite)


@contextlib.contextmanager
def claim(
    folder: str | os.PathLike, config: Mapping[str, Any], overwrite: bool
) -> Iterator[pathlib.Path]:
    """Lends a process the place where a run is written, and puts the run in place at the end.

    An unfinished run of the same config goes on. So does a finished one that is asked for more
    epochs: its files are copied first, so that it stands until the longer run has ended.

    Args:
      folder: the workdir; a link is followed.
      config: plain, checked.
      overwrite: another run, finished or not, may be replaced.

    Yields:
      The folder to write to, empty but for what goes on. It takes the place of `folder` when the
      block ends well; else it stays.

    Raises:
      ValueError: another process writes there, the folder is no workdir or holds files of others,
        or it holds another run and is not to be overwritten; the fields that differ are named.
    """
    check_place(folder, config, overwrite)
    folder, config = pathlib.Path(os.path.realpath(files.as_path(folder))), files.plain(config)
    partial = _partial(folder)
    partial.mkdir(parents=True, exist_ok=True)
    with _locked(partial):
        _bring_back(folder)
        longer = _check_target(folder, config, overwrite)
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


def _partial(folder: pathlib.Path) -> pathlib.Path:
    return folder.with_name(f"{folder.name}.partial")


def _earlier(folder: pathlib.Path) -> pathlib.Path:
    return folder.with_name(f"{folder.name}.replaced")


def _is_ours(path: pathlib.Path) -> bool:
    """Whether a folder beside a workdir is an unfinished run, or one that was being replaced."""
    if path.name.endswith(".partial"):
        return (path / LOCK).exists() or not any(path.iterdir())
    return (path / "workdir.json").is_file()


def _check_target(folder: pathlib.Path, config: Mapping[str, Any], overwrite: bool) -> bool:
    """Refuses what must not be replaced; True if this run is the one there with more epochs."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    check(folder.is_dir(), f"workdir must be a folder; got the file {folder}.")
    check(
        (folder / "workdir.json").is_file(),
        f"workdir must be a new folder or that of an earlier run; {folder} holds files and no "
        "workdir.json, by which this version knows its own.",
    )
    if overwrite:
        known = (*WRITTEN_ONCE, *WRITTEN_ANEW)
        strange = sorted(path.name for path in folder.iterdir() if path.name not in known)
        check(
            not strange,
            f"workdir must hold nothing but its run to be overwritten; move {', '.join(strange)} "
            f"out of {folder}.",
        )
        return False
    found = differences(_config_of(folder), config)
    more = _asks_for_more(found, config)
    check(
        not found or more,
        f"workdir must be that of the same config, or --overwrite be given; {folder} differs in "
        f"{_listed(found)}.",
    )
    return more


def _goes_on(partial: pathlib.Path, config: Mapping[str, Any], overwrite: bool) -> bool:
    """Whether the unfinished run goes on; ValueError if it is another one and must be kept."""
    if not any((partial / name).exists() for name in DONE_SOMETHING):
        return False
    try:
        found = differences(_config_of(partial), config)
    except ValueError:
        if overwrite:
            return False
        raise
    more = _asks_for_more(found, config)
    check(
        not found or more or overwrite,
        f"workdir must be that of the same config, or --overwrite be given; the unfinished run in "
        f"{partial} differs in {_listed(found)}.",
    )
    return not found or more


def _config_of(folder: pathlib.Path) -> dict[str, Any]:
    file = folder / "config.json"
    try:
        config = files.read_json(file)
        check(isinstance(config, dict), f"{file} must hold a JSON object.")
        return config
    except (OSError, ValueError) as error:
        raise ValueError(
            f"workdir must have a sound config.json, or --overwrite be given; {error}"
        ) from error


def differences(old: Any, new: Any, name: str = "") -> list[str]:
    """Names the fields in which two plain configs differ, "training.epochs: 100, now 200"."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = list(dict.fromkeys([*old, *new]))
        found = [
            differences(old.get(key), new.get(key), f"{name}.{key}".lstrip(".")) for key in keys
        ]
        return sum(found, [])
    return [] if old == new else [f"{name or 'config'}: {old!r}, now {new!r}"]


def _asks_for_more(found: list[str], config: Mapping[str, Any]) -> bool:
    """Whether nothing but a larger number of epochs is asked for, which no schedule depends on."""
    if len(found) != 1 or "cosine" in json.dumps(config):
        return False
    name, _, values = found[0].partition(": ")
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
    """Copies all that a longer run does not write anew, files of others among it."""
    for entry in folder.iterdir():
        if entry.name in WRITTEN_ANEW:
            continue
        copy = shutil.copytree if entry.is_dir() else shutil.copy2
        copy(entry, partial / entry.name)


def _put_in_place(partial: pathlib.Path, folder: pathlib.Path) -> None:
    """Renames twice; the earlier run is deleted when the new one stands."""
    earlier = _earlier(folder)
    if folder.exists():
        if earlier.exists():  # of a process that was killed after the second rename
            shutil.rmtree(earlier)
        folder.rename(earlier)
    partial.rename(folder)
    if earlier.exists():
        shutil.rmtree(earlier)


def _bring_back(folder: pathlib.Path) -> None:
    """Undoes the first rename of a process that was killed before the second."""
    if _earlier(folder).exists() and not folder.exists():
        _earlier(folder).rename(folder)
