import jax
import numpy as np
import pytest

from spline_fc.training import replica, stack_params
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
