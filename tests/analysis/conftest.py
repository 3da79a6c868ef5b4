"""A small network whose knots are known, and rows."""

import numpy as np
import pytest

from tests.analysis import splines


@pytest.fixture
def spline_params() -> dict:
    """Six axis-aligned hinges on three of four features, one output."""
    return splines.hinge_network()


@pytest.fixture
def rows() -> np.ndarray:
    """(300, 4) standardised rows."""
    return splines.normal_rows()
