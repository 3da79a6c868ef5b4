"""A small network whose knots are known, and rows."""

import numpy as np
import pytest

KNOTS = np.array([-0.8, 0.1, 0.7, -0.2, 0.9, -1.1])
HOME = np.array([0, 0, 0, 1, 1, 2])


@pytest.fixture
def spline_params() -> dict:
    """Six axis-aligned hinges on three of four features, one output."""
    kernel = np.zeros((4, 6))
    sign = np.array([1.0, -1.0, 1.0, 1.0, -1.0, 1.0])
    kernel[HOME, np.arange(6)] = sign
    return {
        "Dense_0": {"kernel": kernel, "bias": -sign * KNOTS},
        "Dense_1": {"kernel": np.array([[1.0], [0.5], [-2], [0.7], [1.5], [0.2]]),
                    "bias": np.array([0.3])},
    }  # fmt: skip


@pytest.fixture
def rows() -> np.ndarray:
    """(300, 4) standardised rows."""
    return np.random.default_rng(0).normal(size=(300, 4))
