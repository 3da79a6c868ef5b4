"""Fixtures shared by all rooms."""

import gc
import os
import pathlib

import hypothesis
import jax
import pytest

# A float64 that slips into float32 arithmetic is an error here; users keep JAX's own setting.
jax.config.update("jax_numpy_dtype_promotion", "strict")


# How long an example takes is no matter: machines differ, and some are busy.
hypothesis.settings.register_profile(
    "any speed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any speed")


@pytest.fixture(autouse=True, scope="module")
def forget_compiled_programs():
    """Drops what a module compiled: each program holds memory maps, and Linux allows 65530."""
    yield
    jax.clear_caches()
    gc.collect()


@pytest.fixture(autouse=True, scope="module")
def quick_figures(request):
    """Figures of reports are drawn, but not rendered unless a module says RENDERED = True.

    Laying them out and writing them takes most of the time of a report.
    """
    with pytest.MonkeyPatch.context() as patch:
        if not getattr(request.module, "RENDERED", False):
            empty = "data:image/svg+xml;base64,PHN2Zy8+"
            patch.setattr("spline_fc.report.figures.render", lambda *picture_and_folder: empty)
        yield


@pytest.fixture
def enable_x64():
    """Turns float64 on for one test; the library itself never touches global settings."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="session")
def data_dir() -> pathlib.Path:
    """The folder of real data sets; its absence is a failure in CI, a skip elsewhere."""
    folder = os.environ.get("SPLINE_FC_DATA")
    if folder and pathlib.Path(folder).is_dir():
        return pathlib.Path(folder)
    message = f"SPLINE_FC_DATA must name the folder of real data sets; got {folder!r}."
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)
