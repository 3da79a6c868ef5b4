"""When, on which machine and with which versions a figure was measured, and the file it goes to."""

import concurrent.futures
import datetime
import json
import multiprocessing
import os
import pathlib
import platform
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import jax
import numpy as np

from spline_fc import model

Result = TypeVar("Result")
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LOKY_MAX_CPU_COUNT")


def stamp() -> dict[str, Any]:
    """What every record of results begins with: {"date", "processor", "environment"}."""
    return {
        "date": datetime.date.today().isoformat(),
        "processor": processor(),
        "environment": model.environment(),
    }


def sentence(record: Mapping[str, Any]) -> str:
    """Says a stamp in words: date, processor, cores and versions."""
    found = record["environment"]
    versions = [f"{name} {found[name]}" for name in ("jax", "flax", "optax", "numpy")]
    cores = f"{found['cpu_count']} cores"
    return f"{record['date']}, {record['processor']}, {cores}, {', '.join(versions)}."


def check_output(path: str | os.PathLike | None) -> None:
    """Ends the program with a sentence, before anything is measured, where no record could stand.

    Args:
      path: of a file that `write` is to write, in a folder that is made if need be; None for none.
    """
    if path is None:
        return
    place = pathlib.Path(path)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        came = "it is a folder" if place.is_dir() or not place.name else ""
        if not came and not os.access(place.parent, os.W_OK):
            came = "its folder is read-only"
    except OSError as error:
        came = f"its folder cannot be made ({error.strerror})"
    if came:
        sys.exit(
            f"error: --output must name a file that can be written; got {str(path)!r}, {came}."
        )


def write(path: str | os.PathLike, record: Mapping[str, Any]) -> None:
    """Writes a record as JSON, beside its place and then renamed: a stop leaves the last whole one.

    Args:
      path: of the file; its folder is made if need be.
      record: NumPy numbers and arrays become plain ones.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    text = json.dumps(record, indent=1, default=lambda value: np.asarray(value).tolist())
    partial.write_text(text + "\n", encoding="utf-8")
    partial.replace(path)


def continued(path: pathlib.Path) -> dict[str, Any]:
    """A record with the "cases" that its file holds; those measured again replace their likes."""
    earlier = json.loads(path.read_text(encoding="utf-8"))["cases"] if path.is_file() else {}
    return {**stamp(), "cases": earlier}


def in_fresh_process(measure: Callable[[Any], Result], case: Any) -> Result:
    """What `measure(case)` returns in a process of its own, whose peak memory is that of the case.

    Args:
      measure: at the top of a module.
      case: picklable.
    """
    processes = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, processes) as fresh:
        return fresh.submit(measure, case).result()


def one_thread() -> dict[str, str]:
    """The environment of a process that is to be timed on one thread."""
    eigen = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false".strip()
    return {**os.environ, **dict.fromkeys(_THREADS, "1"), "XLA_FLAGS": eigen}


def processor() -> str:
    """Names the accelerator, or else the processor."""
    if jax.default_backend() != "cpu":
        return jax.devices()[0].device_kind
    info = pathlib.Path("/proc/cpuinfo")
    if info.is_file():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        if names:
            return names[0].split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
