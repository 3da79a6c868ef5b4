import numpy as np

from spline_fc.training import first_layer_recorder, train
from tests.training.problems import make_dataset, make_params


def test_records_of_the_first_layer():
    params = make_params()
    config = {"epochs": 3, "batch_size": 25, "learning_rate": 1e-2}  # 12 steps
    every = train(params, make_dataset(), config, recorder=first_layer_recorder(1))
    some = train(params, make_dataset(), config, recorder=first_layer_recorder(5))
    np.testing.assert_array_equal(some.trace["step"], [0, 5, 10])
    np.testing.assert_array_equal(every.trace["step"], np.arange(13))
    for name in ("kernel", "bias"):
        trace = np.asarray(every.trace[name])
        np.testing.assert_array_equal(trace[0], params["Dense_0"][name])
        np.testing.assert_array_equal(trace[12], every.last_params["Dense_0"][name])
        assert not np.array_equal(trace[5], trace[6])
        np.testing.assert_allclose(some.trace[name], trace[::5], rtol=1e-6)


def test_a_stopped_run_leaves_its_records_empty():
    dataset = make_dataset()
    dataset.train.y[7] = 1e30  # its square is no float32
    config = {"epochs": 1, "batch_size": 25}
    trace = train(make_params(), dataset, config, recorder=first_layer_recorder(2)).trace
    np.testing.assert_array_equal(trace["step"], [0, -1, -1])
    assert np.isnan(np.asarray(trace["kernel"])[1:]).all()
