"""With what something was computed: versions and device."""

import importlib.metadata
import os
import platform
from typing import Any

import jax

_PACKAGES = ("spline_fc", "jax", "flax", "optax", "numpy", "scikit-learn")


def environment() -> dict[str, Any]:
    """Versions and device, for the record beside every figure."""
    return {
        **versions(),
        "platform": jax.default_backend(),
        "device": jax.devices()[0].device_kind,
        "num_devices": jax.device_count(),
        "machine": f"{platform.system()} {platform.machine()}",
        "cpu_count": os.cpu_count(),
    }


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide on numbers."""
    return {"python": platform.python_version(), **{name: _version(name) for name in _PACKAGES}}


def _version(package: str) -> str:
    """The installed version; a bare clone has none of its own."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
