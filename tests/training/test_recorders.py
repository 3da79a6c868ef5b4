"""Recorders: what they keep, that they disturb nothing, alone and in replicas."""

import jax
import numpy as np
import pytest

from spline_fc.data import stack
from spline_fc.training import (
    Checkpoints,
    epochs,
    first_layer_recorder,
    network_recorder,
    stack_params,
    train,
    train_replicas,
)
from tests.training.problems import assert_trees_equal, make_dataset, make_params

CONFIG = {
    "epochs": 6,
    "batch_size": 25,
    "learning_rate": 1e-2,
    "averaging": 0.9,
}  # 4 steps an epoch


@pytest.fixture(scope="module")
def recorded():
    return train(make_params(), make_dataset(), CONFIG, recorder=network_recorder())


def _record(trace, index):
    return jax.tree.map(lambda leaf: leaf[index], trace["params"])


def test_records_of_the_first_layer():
    params = make_params()
    every = train(params, make_dataset(), CONFIG, recorder=first_layer_recorder(1))
    some = train(params, make_dataset(), CONFIG, recorder=first_layer_recorder(5))
    np.testing.assert_array_equal(some.trace["step"], [0, 5, 10, 15, 20])
    np.testing.assert_array_equal(every.trace["step"], np.arange(25))
    for name in ("kernel", "bias"):
        trace = np.asarray(every.trace[name])
        np.testing.assert_array_equal(trace[0], params["Dense_0"][name])
        np.testing.assert_array_equal(trace[24], every.last_params["Dense_0"][name])
        assert not np.array_equal(trace[5], trace[6])
        np.testing.assert_allclose(some.trace[name], trace[:21:5], rtol=1e-6)


def test_a_stopped_run_leaves_its_records_empty():
    dataset = make_dataset()
    dataset.train.y[7] = 1e30  # its square is no float32
    trace = train(make_params(), dataset, CONFIG, recorder=first_layer_recorder(5)).trace
    np.testing.assert_array_equal(trace["step"], [0, -1, -1, -1, -1])
    assert np.isnan(np.asarray(trace["kernel"])[1:]).all()


def test_networks_are_kept_after_each_epoch_as_they_were_evaluated(recorded):
    trace = recorded.trace
    np.testing.assert_array_equal(trace["step"], np.arange(0, 25, 4))
    assert_trees_equal(_record(trace, 0), make_params())
    assert_trees_equal(_record(trace, 6), recorded.last_params)
    assert 0 < recorded.best_epoch
    assert_trees_equal(_record(trace, int(recorded.best_epoch)), recorded.params)


def test_records_every_so_many_epochs_come_after_all_that_an_epoch_does():
    config = {**CONFIG, "output_ridge": 1e-3}
    result = train(make_params(), make_dataset(), config, recorder=network_recorder(3))
    np.testing.assert_array_equal(result.trace["step"], [0, 12, 24])
    assert_trees_equal(_record(result.trace, 2), result.last_params)


def test_replicas_are_recorded_one_by_one_and_a_stopped_one_alone_falls_silent(recorded):
    bad = make_dataset()
    bad.train.y[7] = 1e30
    params, rates = stack_params([make_params(), make_params()]), [1e-2, 1e-3]
    result = train_replicas(params, stack([make_dataset(), bad]), CONFIG, learning_rates=rates,
                            seeds=[0, 0], recorder=network_recorder())  # fmt: skip
    steps = result.trace["step"]
    np.testing.assert_array_equal(steps[0], [np.arange(0, 25, 4)] * 2)
    # The epoch in which a run stops still shows its last finite network.
    assert (
        (steps[1, :, 0] == 0).all() and (steps[1, :, 1] < 4).all() and (steps[1, :, 2:] < 0).all()
    )
    assert np.isnan(np.asarray(result.trace["params"]["Dense_1"]["bias"])[1, :, 2:]).all()
    for path, single in jax.tree.leaves_with_path(recorded.trace):
        replica = result.trace
        for key in path:
            replica = replica[key.key]
        assert replica.shape == (2, 2, *single.shape)
        np.testing.assert_allclose(replica[0, 0], single, rtol=1e-3, atol=1e-4)
    kernel = result.trace["params"]["Dense_0"]["kernel"]
    assert_trees_equal(kernel[0, :, -1], result.last_params["Dense_0"]["kernel"][0])
    assert not np.array_equal(kernel[0, 0, -1], kernel[0, 1, -1])


def test_a_recorder_asked_for_again_compiles_nothing():
    before = epochs.advance._cache_size()
    train(make_params(), make_dataset(), CONFIG, recorder=network_recorder(2))
    assert epochs.advance._cache_size() == before + 1
    train(make_params(seed=1), make_dataset(seed=1), CONFIG, seed=3, recorder=network_recorder(2))
    assert epochs.advance._cache_size() == before + 1


def test_a_resumed_run_has_the_same_records(tmp_path, recorded):
    class Stop(Exception):
        pass

    def stop(done, history):
        if done >= 4:
            raise Stop

    def run(on_epochs=None):
        saved = {"checkpoints": Checkpoints(tmp_path, 2), "recorder": network_recorder()}
        return train(make_params(), make_dataset(), CONFIG, on_epochs=on_epochs, **saved)

    with pytest.raises(Stop):
        run(stop)
    assert_trees_equal(run().trace, recorded.trace)


def test_wrong_arguments_are_named():
    for recorder in (first_layer_recorder, network_recorder):
        with pytest.raises(ValueError, match="every must be an integer >= 1; got 0"):
            recorder(0)
