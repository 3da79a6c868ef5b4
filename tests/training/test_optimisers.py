import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from spline_fc.training import Recorder, train
from spline_fc.training.optimisers import (
    average,
    make_optimiser,
    make_schedule,
    rate_factor,
    scale_by_adam,
)
from tests.training.problems import assert_trees_equal, make_dataset, make_params

SETTINGS = {
    "adam": {"learning_rate": 1e-2},
    "adamw": {"learning_rate": 1e-2},
    "sgd": {"learning_rate": 1e-2},
    "lbfgs": {"learning_rate": 1.0, "batch_size": 100, "averaging": 0.0, "warmup_epochs": 0},
    "gauss_newton": {"learning_rate": 0.2},
}
DEFAULTS = {"momentum": 0.9, "weight_decay": 0.0, "initial_decay": None}


def _config(name, **more):
    return {"epochs": 30, "batch_size": 25, "averaging": 0.9, "optimizer": name, **SETTINGS[name],
            **more}  # fmt: skip


@pytest.mark.parametrize("name", list(SETTINGS))
def test_learns_keeps_the_dtype_and_compiles_once(enable_x64, name):
    traces = []
    recorder = Recorder(
        lambda params, steps: jnp.zeros(()),
        lambda trace, *rest: traces.append(1) or trace,
        lambda trace: trace,
    )
    result = train(make_params(), make_dataset(), _config(name), recorder=recorder)
    first = len(traces)
    train(make_params(seed=2), make_dataset(), _config(name, learning_rate=0.02), recorder=recorder)
    assert len(traces) == first > 0
    loss = result.history["train_loss"]
    assert loss[-1] < 0.1 * loss[0]  # noise floor 0.01, start above 1
    for leaf in jax.tree.leaves((result.params, result.last_params, result.history)):
        assert leaf.dtype == np.float32


@pytest.mark.parametrize(
    ("name", "options", "second"),
    [
        # Two updates for gradients 1 and 3 at parameters 2 and 2, by hand.
        ("sgd", {}, -(0.9 * 1 + 3)),
        ("adam", {}, -((0.9 * 0.1 + 0.1 * 3) / 0.19) / np.sqrt((0.999e-3 + 9e-3) / 1.999e-3)),
        ("adamw", {"weight_decay": 0.5}, -1.0 - ((0.9 * 0.1 + 0.1 * 3) / 0.19)
         / np.sqrt((0.999e-3 + 9e-3) / 1.999e-3)),
        ("sgd", {"initial_decay": 0.25}, -(0.9 * 1 + 3) + 0.25 * (5 - 2)),
    ],
)  # fmt: skip
def test_second_update_by_hand(enable_x64, name, options, second):
    optimiser = make_optimiser(name, **{**DEFAULTS, **options})
    params = {"w": jnp.array([2.0])}
    state = optimiser.init({"w": jnp.array([5.0])})
    _, state = optimiser.update({"w": jnp.array([1.0])}, state, params)
    updates, _ = optimiser.update({"w": jnp.array([3.0])}, state, params)
    np.testing.assert_allclose(updates["w"], second, rtol=1e-6)


def test_adam_is_that_of_optax():
    params = make_params()
    rules = scale_by_adam(), optax.scale_by_adam()
    states = [rule.init(params) for rule in rules]
    allowed = jax.numpy_dtype_promotion("standard")  # optax promotes an integer
    updates = [allowed(jax.jit(rule.update)) for rule in rules]
    for seed in (1, 2, 3):
        pairs = [
            update(make_params(seed=seed), state)
            for update, state in zip(updates, states, strict=True)
        ]
        states = [state for _, state in pairs]
        assert_trees_equal(*pairs)


def test_lbfgs_solves_least_squares(enable_x64):
    params, dataset = make_params((3, 1), dtype=np.float64), make_dataset(dtype=np.float64)
    result = train(params, dataset, _config("lbfgs", schedule="constant"))
    design = np.pad(dataset.train.x, ((0, 0), (0, 1)), constant_values=1)
    solution = np.linalg.lstsq(design, dataset.train.y, rcond=None)[0]
    layer = result.last_params["Dense_0"]
    np.testing.assert_allclose(layer["kernel"], solution[:-1], atol=1e-6)
    np.testing.assert_allclose(layer["bias"], solution[-1], atol=1e-6)


def test_decay_towards_the_initial_parameters_holds_them_back():
    params, far = make_params(), []
    for decay in (0.0, 30.0):
        config = _config("adam", initial_decay=decay)
        last = train(params, make_dataset(), config).last_params
        moved = jax.tree.map(lambda a, b: jnp.sum((a - b) ** 2), last, params)
        far.append(sum(jax.tree.leaves(moved)))
    assert far[1] < 0.5 * far[0]


def _factors(name, warmup_steps, total_steps, steps):
    schedule = make_schedule(warmup_steps, total_steps, np.float32)
    return [rate_factor(name, schedule, jnp.int32(t)) for t in steps]


def test_schedule_rises_and_falls():
    rise = [0.2, 0.4, 0.6, 0.8]
    fall = 0.5 * (1 + np.cos(np.pi * np.arange(7) / 6))
    np.testing.assert_allclose(_factors("cosine", 4, 10, range(11)), [*rise, *fall], atol=1e-6)
    constant = _factors("constant", 4, 10, range(11))
    np.testing.assert_allclose(constant, [*rise, *np.ones(7)], rtol=1e-6)
    assert _factors("cosine", 0, 10, [0]) == [1]


def test_warmup_longer_than_the_run_never_reaches_the_peak():
    factors = _factors("cosine", 20, 10, range(10))
    np.testing.assert_allclose(factors, np.arange(1, 11) / 21, rtol=1e-6)


def test_average_by_hand():
    old, new = {"w": jnp.array([1.0])}, {"w": jnp.array([3.0])}
    np.testing.assert_allclose(average(jnp.float32(0.75), old, new)["w"], [1.5])
