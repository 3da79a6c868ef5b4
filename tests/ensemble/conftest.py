"""Most of the time of these tests is compilation."""

import jax
import pytest

import spline_fc as sfc
from tests.ensemble import problems


@pytest.fixture(scope="module", autouse=True)
def compile_quickly():
    """Leaves out optimisations of the compiler."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


@pytest.fixture(scope="module")
def dataset():
    return problems.table(weighted=True)


@pytest.fixture(scope="module")
def ensemble(dataset):
    return problems.train(dataset)


@pytest.fixture(scope="module")
def pooled(dataset):
    """The data set as the members know it: all rows that are not test rows, standardised."""
    return sfc.standardize(sfc.data.join_validation(dataset))
