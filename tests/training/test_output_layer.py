import jax
import numpy as np
import pytest

from spline_fc.network import last_hidden
from spline_fc.training import as_config, solve_output, train
from tests.training.problems import assert_trees_equal, make_dataset, make_params


def _oracle(params, x, y, weights, ridge):
    features = np.pad(np.asarray(last_hidden(params, x)), ((0, 0), (0, 1)), constant_values=1)
    root = np.sqrt(weights)
    shift = ridge * np.trace((weights * features).T @ features) / features.shape[1]
    penalty = np.sqrt(shift) * np.eye(features.shape[1])
    layer = params["Dense_2"]
    old = np.concatenate([layer["kernel"], layer["bias"][None]])
    rows = np.concatenate([root * features, penalty])
    return np.linalg.lstsq(rows, np.concatenate([root * y, penalty @ old]), rcond=None)[0]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("rows", [50, 2100])
def test_against_lstsq(enable_x64, rows, weighted):
    rng = np.random.default_rng(0)
    params = make_params((3, 5, 4, 2), dtype=np.float64)
    x, y = rng.standard_normal((rows, 3)), rng.standard_normal((rows, 2))
    weights = rng.uniform(0.1, 3, (rows, 1)) if weighted else np.ones((rows, 1))
    solved = solve_output(params, (x, y, weights) if weighted else (x, y), 0.01)
    wanted = _oracle(params, x, y, weights, 0.01)
    np.testing.assert_allclose(solved["Dense_2"]["kernel"], wanted[:-1], rtol=1e-8)
    np.testing.assert_allclose(solved["Dense_2"]["bias"], wanted[-1], rtol=1e-8)
    assert_trees_equal({**solved, "Dense_2": 0}, {**params, "Dense_2": 0})


def test_a_solved_epoch_fits_better_at_once():
    config = {"epochs": 1, "batch_size": 25, "output_ridge": 1e-3}
    loss = train(make_params(), make_dataset(), config).history["train_loss"]
    assert loss[1] < 0.2 * loss[0]  # one epoch of Adam at this rate: 0.9


def test_a_strong_ridge_moves_nothing():
    params = make_params()
    solved = solve_output(params, tuple(make_dataset().train), 1e6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), solved, params)


def test_not_finite_data_leave_the_layer_alone():
    params, dataset = make_params(), make_dataset()
    dataset.train.y[3] = np.nan
    assert_trees_equal(solve_output(params, dataset.train, 0.01), params)


@pytest.mark.parametrize("field", [{"output_ridge": 0.1}, {"optimizer": "gauss_newton"}])
def test_needs_the_squared_error(field):
    with pytest.raises(
        ValueError, match="training.loss must be 'squared_error' with .*got 'huber'"
    ):
        as_config({"loss": "huber", **field})


def test_runs_inside_vmap(enable_x64):
    params, dataset = make_params(dtype=np.float64), make_dataset(dtype=np.float64)
    batched = jax.vmap(lambda p: solve_output(p, tuple(dataset.train), 0.1))(
        jax.tree.map(lambda a: a[None], params)
    )
    alone = solve_output(params, tuple(dataset.train), 0.1)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a[0], b, rtol=1e-9), batched, alone)
