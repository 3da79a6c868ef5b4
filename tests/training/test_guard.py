"""The guard: no epoch leaves the evaluated network worse than at the start."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spline_fc.data import stack
from spline_fc.network import apply_params
from spline_fc.training import TrainingConfig, stack_params, train, train_replicas
from spline_fc.training.epochs import shuffle
from tests.training.problems import assert_trees_equal, make_dataset, make_params

TOO_FAST = dict(
    optimizer="sgd", momentum=0.0, learning_rate=0.3, batch_size=10, epochs=12, warmup_epochs=0,
    schedule="constant", averaging=0.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def start():
    """A network that is as good as it gets, so that a high rate can only do harm."""
    config = dict(learning_rate=0.01, batch_size=10, epochs=60, averaging=0.0)
    return train(make_params(), make_dataset(), config).params


def test_validation_never_exceeds_the_bound(start):
    loose = train(start, make_dataset(), {**TOO_FAST, "guard": 0.0}).history["validation_loss"]
    kept = train(start, make_dataset(), {**TOO_FAST, "guard": 1.02})
    validation = kept.history["validation_loss"]
    assert np.nanmax(loose) > 1.02 * loose[0]  # else this test shows nothing
    assert np.isfinite(validation).all()
    assert validation.max() <= 1.02 * validation[0]
    assert validation[kept.best_epoch] == validation.min()


def test_undone_epoch_shows_the_losses_of_the_best_iterate(start):
    """The first epoch of the loose run is out of bounds; guarded, it is as if it never was."""
    kept = train(start, make_dataset(), {**TOO_FAST, "epochs": 1})
    assert kept.best_epoch == 0
    for name in ("train_loss", "validation_loss", "test_loss"):
        assert kept.history[name][1] == kept.history[name][0], name
    assert_trees_equal(kept.last_params, start)


def test_rate_is_halved_after_an_undone_epoch(start):
    """Epoch 2 is plain gradient descent from the start, at half the rate of the undone epoch 1."""
    dataset, rate = make_dataset(), 0.1
    config = {**TOO_FAST, "learning_rate": rate, "epochs": 2, "guard": 1.3}
    kept = train(start, dataset, config, seed=3)
    validation = kept.history["validation_loss"]
    assert validation[1] == validation[0] != validation[2]

    def loss(params, x, y):
        return ((apply_params(params, x) - y) ** 2).mean()

    slope = jax.jit(jax.grad(loss))
    wanted = start
    for rows in np.asarray(shuffle(jnp.uint32(3), jnp.int32(2), 100)).reshape(10, 10):
        gradient = slope(wanted, dataset.train.x[rows], dataset.train.y[rows])
        wanted = jax.tree.map(lambda p, g: p - rate / 2 * g, wanted, gradient)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
        kept.last_params,
        wanted,
    )


def test_guard_changes_nothing_where_no_epoch_is_out_of_bounds():
    config = dict(learning_rate=0.003, batch_size=10, epochs=10)
    with_guard = train(make_params(), make_dataset(), {**config, "guard": 1.02})
    without = train(make_params(), make_dataset(), {**config, "guard": 0.0})
    assert with_guard.history["validation_loss"].max() == without.history["validation_loss"][0]
    assert_trees_equal(with_guard.params, without.params)
    assert_trees_equal(with_guard.last_params, without.last_params)


def test_each_replica_is_guarded_by_itself(start):
    config = {**TOO_FAST, "guard": 1.02}
    dataset = make_dataset()
    stacked = stack([dataset, dataset])
    both = stack_params([start, make_params()])
    result = train_replicas(both, stacked, config, learning_rates=[0.01, 0.3], seeds=[0, 1])
    validation = result.history["validation_loss"]
    assert (validation.max(axis=-1) <= 1.02 * validation[..., 0]).all()
    alone = train(start, dataset, {**config, "learning_rate": 0.3}, seed=0)
    np.testing.assert_allclose(validation[0, 1], alone.history["validation_loss"], rtol=1e-4)


@pytest.mark.parametrize("guard", [0.5, -1.0, float("nan"), "1"])
def test_bad_guard_is_named(guard):
    with pytest.raises(ValueError, match="training.guard must be"):
        TrainingConfig(guard=guard)


def test_lbfgs_goes_on_after_an_epoch_is_undone():
    """A memory kept across the jump back would make every later direction worthless."""
    params, dataset = make_params((3, 8, 1), seed=3), make_dataset()
    config = dict(optimizer="lbfgs", learning_rate=1.0, batch_size=100, epochs=30, averaging=0.0,
                  warmup_epochs=0)  # fmt: skip
    curve = train(params, dataset, config).history["validation_loss"]
    assert (curve <= 1.02 * curve[0] * (1 + 1e-5)).all()
    assert curve.min() < 0.1 * curve[0]
