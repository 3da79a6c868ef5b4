"""When, on which machine and with which versions a figure was measured."""

import datetime
import pathlib
import platform
from typing import Any

import jax

from spline_fc import workdir


def stamp() -> dict[str, Any]:
    """What every record of results begins with: {"date", "processor", "environment"}."""
    return {
        "date": datetime.date.today().isoformat(),
        "processor": processor(),
        "environment": workdir.environment(),
    }


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
