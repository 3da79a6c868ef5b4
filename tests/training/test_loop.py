import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from spline_fc.data import Weights, stack
from spline_fc.data.records import PARTS
from spline_fc.network import apply_params
from spline_fc.timing import Seconds
from spline_fc.training import (
    Recorder,
    TrainingConfig,
    TrainResult,
    epochs,
    scores,
    stack_params,
    train,
    train_replicas,
)
from spline_fc.training.epochs import shuffle
from spline_fc.training.inputs import prepare
from spline_fc.training.steps import numbers_of
from tests.training.problems import CONFIG, assert_trees_equal, make_dataset, make_params, without


def _mse(params, part):
    return float(np.mean((np.asarray(apply_params(params, part.x)) - part.y) ** 2))


def _python_loop(params, dataset, config, seed):
    """The same training, one step at a time, with a learning rate and an average by hand."""
    optimiser = optax.scale_by_adam()
    slope = jax.jit(jax.grad(lambda p, x, y: jnp.mean((apply_params(p, x) - y) ** 2)))
    update = jax.numpy_dtype_promotion("standard")(jax.jit(optimiser.update))
    state, average = optimiser.init(params), params
    steps = len(dataset.train.x) // config.batch_size
    warmup, total, count, averages = config.warmup_epochs * steps, config.epochs * steps, 0, []
    for epoch in range(1, config.epochs + 1):
        order = np.asarray(shuffle(seed, epoch, len(dataset.train.x)))
        for step in range(steps):
            rows = order[step * config.batch_size : (step + 1) * config.batch_size]
            gradient = slope(params, dataset.train.x[rows], dataset.train.y[rows])
            updates, state = update(gradient, state)
            rise = 1 / (warmup + 1) + (1 - 1 / (warmup + 1)) * count / warmup
            fall = 0.5 * (1 + np.cos(np.pi * (count - warmup) / (total - warmup)))
            rate = config.learning_rate * (rise if count < warmup else fall)
            params = jax.tree.map(lambda p, u: p - rate * u, params, updates)  # noqa: B023
            decay = config.averaging
            average = jax.tree.map(lambda a, p: decay * a + (1 - decay) * p, average, params)  # noqa: B023
            count += 1
        averages.append(average)
    return averages


def test_equals_a_python_loop():
    params, dataset = make_params(), make_dataset()
    result = train(params, dataset, CONFIG, seed=5)
    averages = [params, *_python_loop(params, dataset, CONFIG, 5)]
    for name, part in (("train", dataset.train), ("validation", dataset.validation),
                       ("test", dataset.test)):  # fmt: skip
        wanted = [_mse(average, part) for average in averages]
        np.testing.assert_allclose(result.history[f"{name}_loss"], wanted, rtol=1e-5)
    best = int(np.argmin(result.history["validation_loss"]))
    assert result.best_epoch == best > 0
    for got, wanted in ((result.params, averages[best]), (result.last_params, averages[-1])):
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), got, wanted
        )
    assert result.steps_per_epoch == 100 // 16
    assert result.stop_reason == "All 4 epochs were done."
    assert not result.diverged


def test_no_averaging_and_constant_rate_train_as_well():
    config = {"averaging": 0, "schedule": "constant", "epochs": 20, "batch_size": 16}
    result = train(make_params(), make_dataset(), {**config, "learning_rate": 0.01})
    loss = result.history["train_loss"]
    assert loss[-1] < 0.2 * loss[0]


def test_no_epochs_return_the_initial_network():
    params, dataset = make_params(), make_dataset()
    result = train(params, dataset, TrainingConfig(epochs=0, batch_size=16))
    assert_trees_equal(result.params, params)
    assert_trees_equal(result.last_params, params)
    np.testing.assert_allclose(
        result.history["validation_loss"], [_mse(params, dataset.validation)], rtol=1e-6
    )


def test_same_seed_same_bits_other_seed_other_order():
    params, dataset = make_params(), make_dataset()
    first, again, other = (train(params, dataset, CONFIG, seed=s) for s in (1, 1, 2))
    assert_trees_equal(first.last_params, again.last_params)
    kernel = [r.last_params["Dense_0"]["kernel"] for r in (first, other)]
    assert not np.array_equal(*kernel)


def test_arguments_survive_donation():
    plain = make_dataset()
    parts = {name: jax.tree.map(jnp.asarray, getattr(plain, name)) for name in PARTS}
    params, dataset = make_params(), plain._replace(**parts)
    train(params, dataset, CONFIG)
    train(params, dataset, CONFIG)
    assert np.isfinite(_mse(params, dataset.train))


def test_compiled_epochs_reuse_the_buffers_of_their_state():
    params, config = make_params(), CONFIG.for_task("regression")
    data = prepare(params, make_dataset(), config, None, None)
    program = epochs.Program(config.structure(), None, False)
    numbers, rate = numbers_of(config, 6, np.float32), jnp.float32(1e-3)
    state = epochs.begin(params, data, numbers, rate, config.epochs, program)
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(state))
    arguments = (state, data, numbers, rate, np.uint32(0), 2, 0, program)
    memory = epochs.advance.lower(*arguments).compile().memory_analysis()
    assert memory.alias_size_in_bytes == size
    epochs.advance(*arguments)
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(state))


def _counting_recorder(traces):
    def update(trace, step, params, loss):
        traces.append(1)
        return trace

    return Recorder(lambda params, steps: jnp.zeros(()), update, lambda trace: trace)


def test_second_call_does_not_compile_again():
    traces, params = [], make_params()
    recorder = _counting_recorder(traces)
    train(params, make_dataset(), CONFIG, recorder=recorder)
    first = len(traces)
    assert first > 0
    other_rate = dataclasses.replace(CONFIG, learning_rate=1e-4)
    train(make_params(seed=1), make_dataset(seed=1), other_rate, seed=3, recorder=recorder)
    assert len(traces) == first
    train(make_params((3, 5, 1)), make_dataset(), CONFIG, recorder=recorder)
    assert len(traces) > first  # another shape is traced: the count can move


def test_watching_changes_no_bit_and_compiles_nothing():
    traces, seen = [], []
    recorder = _counting_recorder(traces)
    config = TrainingConfig(epochs=45, batch_size=50)
    alone = train(make_params(), make_dataset(), config, recorder=recorder)
    first = len(traces)
    watched = train(make_params(), make_dataset(), config, recorder=recorder,
                    on_epochs=lambda epoch, history: seen.append((epoch, history)))  # fmt: skip
    assert len(traces) == first
    assert_trees_equal(alone.last_params, watched.last_params)
    assert [epoch for epoch, _ in seen] == [*range(0, 45, 3), 45]
    for epoch, history in seen:
        np.testing.assert_array_equal(history["test_loss"], alone.history["test_loss"][: epoch + 1])


def test_replicas_equal_single_runs():
    seeds, rates = [3, 4], [1e-3, 3e-3, 1e-2]
    params = [make_params(seed=s) for s in seeds]
    datasets = [make_dataset(seed=s) for s in seeds]
    together = train_replicas(stack_params(params), stack(datasets), CONFIG,
                              learning_rates=rates, seeds=seeds)  # fmt: skip
    assert together.best_epoch.shape == together.diverged.shape == (2, 3)
    assert together.stop_reason.shape == (2, 3)
    for s, seed in enumerate(seeds):
        for r, rate in enumerate(rates):
            config = dataclasses.replace(CONFIG, learning_rate=rate)
            alone = train(params[s], datasets[s], config, seed=seed)
            one = jax.tree.map(lambda a: a[s, r], together.params)  # noqa: B023
            jax.tree.map(
                lambda a, b: np.testing.assert_allclose(a, b, atol=2e-6), one, alone.params
            )
            for name, values in alone.history.items():
                np.testing.assert_allclose(together.history[name][s, r], values, rtol=2e-5)


def test_replicas_in_groups_equal_all_at_once(monkeypatch):
    params = stack_params([make_params(seed=s) for s in range(4)])
    datasets = stack([make_dataset(seed=s) for s in range(4)])
    results, sizes = [], []
    for index, chosen in enumerate(((4, 2), (2, 1))):
        monkeypatch.setattr(
            epochs, "group_sizes", lambda *_, chosen=chosen: sizes.append(chosen) or chosen
        )
        # No patience runs out; another structure is another compilation.
        config = dataclasses.replace(CONFIG, patience=40 * index)
        results.append(
            train_replicas(params, datasets, config, learning_rates=[1e-3, 1e-2], seeds=range(4))
        )
    assert sizes == [(4, 2), (2, 1)]
    whole, grouped = results
    np.testing.assert_array_equal(whole.best_epoch, grouped.best_epoch)
    for field in ("params", "last_params"):
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, atol=2e-6),
            getattr(whole, field), getattr(grouped, field),
        )  # fmt: skip


def test_groups_are_divisors_that_fit_the_cache(monkeypatch):
    params = jax.eval_shape(
        lambda p: jax.tree.map(lambda a: jnp.broadcast_to(a, (6, 4, *a.shape)), p), make_params()
    )
    size = 4 * (5 * (3 * 8 + 8 + 8 * 8 + 8 + 8 + 1) + 3 * 16 * (8 + 8 + 1))
    monkeypatch.setattr(epochs, "_cores", lambda: 2)
    wanted = {0: (1, 1), 3: (1, 2), 4: (1, 4), 11: (2, 4), 15: (3, 4), 100: (6, 4)}
    for fitting, groups in wanted.items():
        monkeypatch.setattr(epochs, "_CACHE", fitting * size + 1)
        assert epochs.group_sizes(params, 16) == groups
    monkeypatch.setattr(epochs, "_CACHE", 4 * size)
    monkeypatch.setattr(epochs, "_cores", lambda: 5)
    assert epochs.group_sizes(params, 16) == (2, 4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_keeps_the_dtype_of_the_parameters(enable_x64, dtype):
    result = train(make_params(dtype=dtype), make_dataset(dtype=np.float64), CONFIG)
    for leaf in jax.tree.leaves((result.params, result.last_params, result.history)):
        assert leaf.dtype == dtype


def test_a_replica_that_diverges_is_frozen_and_the_others_go_on():
    params = stack_params([make_params(), make_params()])
    broken = make_dataset()
    broken.train.y[7] = 1e30  # its square is no float32
    datasets = stack([make_dataset(), broken])
    result = train_replicas(params, datasets, CONFIG, learning_rates=[1e-3], seeds=[0, 0])
    np.testing.assert_array_equal(result.diverged, [[False], [True]])
    assert result.stop_reason[0, 0] == "All 4 epochs were done."
    assert result.stop_reason[1, 0] == "The loss was not finite at step 1 or before it."
    last = jax.tree.map(lambda a: a[1, 0], result.last_params)
    assert_trees_equal(last, make_params())
    assert np.isnan(result.history["train_loss"][1, 0, 1:]).all()
    assert np.isfinite(result.history["train_loss"][0, 0]).all()


def test_divergence_names_its_step_and_keeps_the_best_network():
    dataset = make_dataset()
    config = {"epochs": 6, "batch_size": 16, "averaging": 0, "warmup_epochs": 0,
              "learning_rate": 1e13}  # fmt: skip
    seen = []
    recorder = Recorder(
        lambda params, steps: jnp.full(steps + 1, jnp.nan),
        lambda trace, step, params, loss: trace.at[step].set(loss),
        lambda trace: seen.append(trace) or trace,
    )
    result = train(make_params(), dataset, config, recorder=recorder)
    losses = np.asarray(result.trace)
    assert result.diverged
    taken = np.flatnonzero(np.isfinite(losses)).max()
    assert f"at step {taken + 1}" in result.stop_reason
    assert result.best_epoch == 0
    assert_trees_equal(result.params, make_params())
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(result.last_params))


def test_patience_stops_early():
    dataset = make_dataset()
    upside_down = dataset._replace(
        validation=dataset.validation._replace(
            y=np.asarray(apply_params(make_params(), dataset.validation.x))
        )
    )  # the initial network is perfect on validation, so nothing can get better
    config = TrainingConfig(epochs=50, batch_size=16, patience=3)
    result = train(make_params(), upside_down, config)
    assert result.best_epoch == 0 and not result.diverged
    assert result.stop_reason.startswith("No better validation loss than that of epoch 0")
    trained = np.isfinite(result.history["train_loss"])
    assert trained.sum() == 4 and trained[:4].all()


def test_recorder_sees_every_step_of_the_averaged_network():
    recorder = Recorder(
        lambda params, steps: jnp.zeros((steps + 1, *params["Dense_0"]["bias"].shape)),
        lambda trace, step, params, loss: trace.at[step].set(params["Dense_0"]["bias"]),
        lambda trace: {"bias": trace},
    )
    params = make_params()
    result = train(params, make_dataset(), CONFIG, recorder=recorder)
    bias = np.asarray(result.trace["bias"])
    assert bias.shape == (4 * 6 + 1, 8)
    np.testing.assert_array_equal(bias[0], params["Dense_0"]["bias"])
    np.testing.assert_array_equal(bias[-1], result.last_params["Dense_0"]["bias"])


def test_evaluation_in_blocks_equals_one_block():
    dataset = make_dataset(sizes=(2500, 1024, 1025))
    params = make_params()
    history = train(params, dataset, TrainingConfig(epochs=0)).history
    for name in ("train", "validation", "test"):
        wanted = _mse(params, getattr(dataset, name))
        np.testing.assert_allclose(history[f"{name}_loss"], [wanted], rtol=1e-5)


def test_weights_count_as_repeated_rows():
    dataset, counts = make_dataset(), np.arange(100) % 3
    rows = [np.repeat(a, counts, axis=0) for a in dataset.train]
    repeated = dataset._replace(train=type(dataset.train)(*rows))
    config = {"epochs": 2, "optimizer": "sgd", "learning_rate": 1e-2, "warmup_epochs": 0}
    weighted = train(make_params(), dataset, {**config, "batch_size": 100}, weights=7.0 * counts)
    plain = train(make_params(), repeated, {**config, "batch_size": counts.sum()})
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6),
                 weighted.last_params, plain.last_params)  # fmt: skip
    for name, values in plain.history.items():
        np.testing.assert_allclose(weighted.history[name], values, rtol=1e-5)
    kept = dataset._replace(weights=Weights(7.0 * counts, np.ones(40), np.ones(40)))
    same = train(make_params(), kept, {**config, "batch_size": 100})
    jax.tree.map(np.testing.assert_array_equal, weighted.last_params, same.last_params)
    # What stands in a row of weight 0 has no influence, whatever it is.
    filled = [np.where(counts[:, None] == 0, np.nan, a) for a in dataset.train]
    filled = dataset._replace(train=type(dataset.train)(*filled))
    other = train(make_params(), filled, {**config, "batch_size": 100}, weights=7.0 * counts)
    jax.tree.map(np.testing.assert_array_equal, weighted.last_params, other.last_params)


def test_order_is_a_permutation_of_its_own_for_every_seed_and_epoch():
    orders = [tuple(np.asarray(shuffle(s, e, 50))) for s in (0, 1) for e in (1, 2)]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert len(set(orders)) == 4
    assert orders[0] == tuple(np.asarray(shuffle(0, 1, 50)))


def test_empty_test_part_is_not_a_number():
    history = train(make_params(), without("test"), CONFIG).history
    assert np.isnan(history["test_loss"]).all()
    assert np.isfinite(history["validation_loss"]).all()


@pytest.mark.parametrize("loss", ["huber", "sigmoid_cross_entropy", "softmax_cross_entropy"])
def test_other_losses_train(loss):
    dataset = make_dataset()
    positive = [(part.y[:, :1] > 0).astype(np.float32) for part in (dataset.train,
                dataset.validation, dataset.test)]  # fmt: skip
    outputs = 2 if loss.startswith("softmax") else 1
    parts = {
        name: getattr(dataset, name)._replace(y=np.concatenate([y, 1 - y], axis=1)[:, :outputs])
        for name, y in zip(("train", "validation", "test"), positive, strict=True)
    }
    config = {"loss": loss, "epochs": 40, "batch_size": 25, "learning_rate": 1e-2,
              "averaging": 0.9}  # fmt: skip
    dataset, start = dataset._replace(**parts), make_params((3, 8, 8, outputs))
    result = train(start, dataset, config)
    history = result.history["train_loss"]
    assert history[-1] < 0.5 * history[0]
    names = [f"{part}_{kind}" for kind in ("loss", "accuracy") for part in parts]
    assert list(result.history) == (names[:3] if loss == "huber" else names)
    task = {"sigmoid_cross_entropy": "binary", "softmax_cross_entropy": "multiclass"}.get(loss)
    for epoch, params in ((0, start), (int(result.best_epoch), result.params)) if task else ():
        x, y = dataset.validation
        found = scores(task, loss, apply_params(params, x), y)
        for kind in ("loss", "accuracy"):
            came = result.history[f"validation_{kind}"][epoch]
            wanted = found["log_loss" if kind == "loss" else kind]
            np.testing.assert_allclose(came, wanted, rtol=1e-5)


def test_results_print_in_a_few_lines():
    history = {"validation_loss": np.array([[[2.0, 1.0]] * 3] * 5)}
    reasons = np.full((5, 3), "All 1 epochs were done.", object)
    grid = TrainResult({}, {}, history, np.ones((5, 3), int), 4, None, Seconds(1.0, 2.0), reasons,
                       np.zeros((5, 3), bool))  # fmt: skip
    lines = repr(grid).splitlines()
    assert lines[0] == (
        "TrainResult: 1 epochs of 4 steps, 5 x 3 replicas; 1.0 s compiling, 2.0 s running"
    )
    assert lines[1].split() == "replica validation loss at epoch before training stop".split()
    assert lines[3].split(maxsplit=5) == ["0", "1", "1", "1", "2", "All 1 epochs were done."]
    assert len(lines) <= 20
    alone = train(make_params(), make_dataset(), CONFIG)
    first, _, values = repr(alone).splitlines()
    assert first.startswith("TrainResult: 4 epochs of 6 steps; ")
    assert values.endswith(" All 4 epochs were done.")
    assert isinstance(alone.seconds, Seconds) and alone.seconds.compile > 0 < alone.seconds.run
