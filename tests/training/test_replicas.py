import jax
import numpy as np
import pytest

from spline_fc.training import replica, stack_params
from spline_fc.training.replicas import grid_shape, make_grid
from tests.training.problems import assert_trees_equal, make_params


def test_a_stacked_network_is_found_again():
    trees = [make_params(seed=s) for s in range(3)]
    stacked = stack_params(trees)
    assert stacked["Dense_0"]["kernel"].shape == (3, 3, 8)
    grid = jax.tree.map(lambda leaf: leaf[:, None], stacked)
    assert_trees_equal(replica(grid, 2, 0), trees[2])


@pytest.mark.parametrize(
    ("trees", "message"),
    [
        ([], "params must be at least one network; got none"),
        ([make_params(), make_params((3, 8, 9, 1))], r"params\[1\] must have the wanted structure"),
        ([make_params(), make_params(dtype=np.float16)], r"params\[1\].*float32, got .* float16"),
    ],
)
def test_networks_that_do_not_stack_are_named(trees, message):
    with pytest.raises(ValueError, match=message):
        stack_params(trees)


@pytest.mark.parametrize(
    ("devices", "replicas", "shape"),
    [(8, (5, 3), (8, 1)), (8, (1, 3), (2, 4)), (4, (2, 2), (2, 2)), (6, (4, 3), (2, 3))],
)
def test_a_device_has_as_few_replicas_as_can_be(devices, replicas, shape):
    assert grid_shape(devices, *replicas) == shape


def test_a_mesh_is_asked_for():
    with pytest.raises(TypeError, match="mesh must be"):
        make_grid([1, 2], 3, 1)
