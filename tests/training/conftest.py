"""Most of the time of these tests is compilation."""

import jax
import pytest

AS_USERS_RUN_IT = ("test_recording_bits", "test_checkpoints")


@pytest.fixture(scope="module", autouse=True)
def compile_quickly(request):
    """Leaves out optimisations of the compiler, but where bits of two programs are compared."""
    if request.module.__name__.rpartition(".")[2] in AS_USERS_RUN_IT:
        yield
        return
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)
