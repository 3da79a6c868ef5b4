"""Activation patterns over training and over the data."""

import copy

import numpy as np
import pytest

from spline_fc.analysis import activation_flips, pattern_count, recorded_networks
from tests.analysis.splines import random_network

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
    found = recorded_networks(_trace(NETWORK, moved, nothing, steps=[0, 7, -1]))
    assert found.step.tolist() == [0, 7]
    flips = activation_flips(found.networks, ROWS)
    assert flips["Dense_0"].tolist() == [[0, 0], [1, 1]]
    # Second layer: active on rows 1 and 3 before, on row 2 after.
    assert flips["Dense_1"].tolist() == [[0], [0.75]]


def test_a_unit_of_a_deeper_layer_that_was_turned_round_flips_on_every_row():
    params, rows = random_network((4, 6, 5, 2), 7), np.random.default_rng(0).normal(size=(300, 4))
    after = copy.deepcopy(params)
    after["Dense_1"]["kernel"][:, 2] *= -1
    after["Dense_1"]["bias"][2] *= -1
    flips = activation_flips([params, after], rows)
    assert list(flips) == ["Dense_0", "Dense_1"] and flips["Dense_1"].shape == (2, 5)
    np.testing.assert_array_equal(flips["Dense_0"], 0)
    np.testing.assert_allclose(flips["Dense_1"][1], [0, 0, 1, 0, 0])


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
        recorded_networks({"step": np.zeros(1)})
    with pytest.raises(ValueError, match="at least one finite record"):
        recorded_networks(_trace(NETWORK, steps=[-1]))
    with pytest.raises(ValueError, match="networks must hold at least one network"):
        activation_flips([], ROWS)
    with pytest.raises(ValueError, match=r"layer sizes \(2, 2, 1, 1\) of the first; got"):
        activation_flips([NETWORK, {k: NETWORK[k] for k in ("Dense_0", "Dense_1")}], ROWS)
    with pytest.raises(ValueError, match="x must have at least 2 rows"):
        pattern_count(NETWORK, ROWS[:1])
