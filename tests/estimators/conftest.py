"""What the tests of this room share."""

import jax
import pytest


@pytest.fixture(scope="module", autouse=True)
def quick_compilation(forget_compiled_programs):
    """Fits of milliseconds compile dozens of shapes: optimising these costs more than it saves."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    jax.clear_caches()
    yield
    jax.config.update("jax_disable_most_optimizations", before)
    jax.clear_caches()
