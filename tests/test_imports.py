"""What `import spline_fc` leaves unloaded: whatever most of a session can do without."""

import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PROGRAM = "import sys, spline_fc; print(*sorted({name.partition('.')[0] for name in sys.modules}))"


@pytest.fixture(scope="module")
def loaded() -> list[str]:
    """Packages that a fresh interpreter holds after the import."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_import_did_load_something(loaded):
    assert {"spline_fc", "jax", "flax"} <= set(loaded)


@pytest.mark.parametrize(
    "package",
    ["sklearn", "matplotlib", "pandas", "jinja2"]  # for reports and for some data sets
    + ["orbax", "safetensors", "onnx", "tensorboardX", "pyearth", "pyarrow"],  # extras
)
def test_package_is_loaded_where_it_is_used(loaded, package):
    assert package not in loaded
