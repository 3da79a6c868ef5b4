"""Activation patterns over training and over the data."""

import numpy as np
import pytest

from spline_fc.analysis.activations import flips_per_layer, pattern_count

# Two layers: unit i of the first is relu(x_i), the second sums them and subtracts 1.
NETWORK = {
    "Dense_0": {"kernel": np.eye(2), "bias": np.zeros(2)},
    "Dense_1": {"kernel": np.ones((2, 1)), "bias": -np.ones(1)},
    "Dense_2": {"kernel": np.ones((1, 1)), "bias": np.zeros(1)},
}
ROWS = np.array([[0.4, 0.4], [2.0, 2.0], [-1.0, -1.0], [3.0, -1.0]])


def _trace(*networks, steps):
    import jax

    return {"step": np.array(steps), "params": jax.tree.map(lambda *a: np.stack(a), *networks)}


def test_flips_are_counted_in_every_layer_and_unreached_records_left_out():
    import jax

    moved = {**NETWORK, "Dense_0": {"kernel": -np.eye(2), "bias": np.zeros(2)}}
    nothing = jax.tree.map(lambda a: np.full_like(a, np.nan), NETWORK)
    flips = flips_per_layer(_trace(NETWORK, moved, nothing, steps=[0, 7, -1]), ROWS)
    assert flips["Dense_0"].tolist() == [[0, 0], [1, 1]]
    # Second layer: active on rows 1 and 3 before, on row 2 after.
    assert flips["Dense_1"].tolist() == [[0], [0.75]]


def test_patterns_and_crossings_of_a_known_network():
    count = pattern_count(NETWORK, ROWS, segments=40, seed=1)
    assert (count.rows, count.patterns) == (4, 4)
    assert count.crossings.shape == (40,)
    # From (-1, -1) to (2, 2) both first-layer borders coincide at 0, then the second layer switches
    # at 0.5: no path between these rows has more than three borders, and some have one.
    assert count.crossings.max() <= 3 and count.crossings.min() >= 1
    again = pattern_count(NETWORK, ROWS, segments=40, seed=1)
    assert (count.crossings == again.crossings).all()


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="trace must hold step and params"):
        flips_per_layer({"step": np.zeros(1)}, ROWS)
    with pytest.raises(ValueError, match="at least one finite record"):
        flips_per_layer(_trace(NETWORK, steps=[-1]), ROWS)
    with pytest.raises(ValueError, match="x must have at least 2 rows"):
        pattern_count(NETWORK, ROWS[:1])
