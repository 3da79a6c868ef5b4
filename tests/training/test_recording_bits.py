"""Recording is watching: the compiled program with a recorder trains to the same bits."""

import numpy as np
import pytest

from spline_fc.training import (
    first_layer_recorder,
    network_recorder,
    train,
)
from tests.training.problems import assert_trees_equal, make_dataset, make_params

CONFIG = {"epochs": 6, "batch_size": 25, "learning_rate": 3e-2}


def _train(recorder):
    return train(make_params(), make_dataset(), CONFIG, recorder=recorder)


@pytest.fixture(scope="module")
def plain():
    return _train(None)


@pytest.mark.parametrize("moment", ["epochs", "steps"])
def test_recording_changes_no_bit_of_training(plain, moment):
    result = _train(network_recorder(2) if moment == "epochs" else first_layer_recorder(3))
    assert_trees_equal(result.params, plain.params)
    assert_trees_equal(result.last_params, plain.last_params)
    assert_trees_equal(result.history, plain.history)
    assert result.best_epoch == plain.best_epoch and plain.trace is None
    assert not np.array_equal(
        plain.last_params["Dense_0"]["bias"], make_params()["Dense_0"]["bias"]
    )
