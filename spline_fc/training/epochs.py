"""The compiled part: pure steps, epochs and runs of epochs, which never leave the device."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from spline_fc.network import apply_params
from spline_fc.training import optimisers
from spline_fc.training.config import TrainingConfig
from spline_fc.training.losses import loss_per_row

RUNNING, DIVERGED, OUT_OF_PATIENCE = 0, 1, 2
PARTS = ("train", "validation", "test")
_BLOCK = 1024  # rows evaluated at once, so that wide vmaps over large sets fit into memory


class Recorder(NamedTuple):
    """Measurements inside the compiled step, like an optimiser: init, update, summarise.

    The network handed in is the one that is evaluated (the averaged one). Step 0 is before
    training. A replica that has stopped goes on calling with a step far past the end, where
    `trace.at[step].set` (or of step // every) writes nothing.
    """

    init: Callable[[Any, int], Any]  # (params, steps of the whole run) -> trace
    update: Callable[[Any, jax.Array, Any, jax.Array], Any]  # (trace, step, params, batch loss)
    summarise: Callable[[Any], Any]  # trace -> what TrainResult.trace holds


class Data(NamedTuple):
    """(x, y) per part, (n, d) and (n, k), all of one dtype; a leading axis S with replicas."""

    train: tuple[jax.Array, jax.Array]
    validation: tuple[jax.Array, jax.Array]
    test: tuple[jax.Array, jax.Array]


class Iterate(NamedTuple):
    """What a step changes."""

    params: Any
    optimizer: Any
    average: Any
    step: jax.Array  # () int32, steps taken; stands still once the replica has stopped
    status: jax.Array  # () int32, RUNNING, DIVERGED or OUT_OF_PATIENCE
    trace: Any  # the recorder's, or None


class TrainState(NamedTuple):
    """What an epoch changes; replicas give every leaf the leading axes (S, L)."""

    iterate: Iterate
    best_params: Any
    best_loss: jax.Array  # (), of the validation part
    best_epoch: jax.Array  # () int32
    history: dict[str, jax.Array]  # (epochs + 1,) each, NaN where the run has not been


def _where(condition: jax.Array, new: Any, old: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), new, old)


def mean_loss(loss: str, params: Any, x: jax.Array, y: jax.Array) -> jax.Array:
    """Mean loss over all rows of a part, a block of rows at a time; NaN for no rows."""
    rows, block = x.shape[0], min(_BLOCK, max(x.shape[0], 1))
    blocks = -(-rows // block)

    def pad(array):
        padded = jnp.pad(array, ((0, blocks * block - rows), (0, 0)))
        return padded.reshape(blocks, block, array.shape[1])

    def add(total, xyi):
        x_block, y_block, first = xyi
        values = loss_per_row(loss, apply_params(params, x_block), y_block)
        inside = first + jnp.arange(block) < rows
        return total + jnp.where(inside, values, 0).sum(), None

    firsts = jnp.arange(blocks) * block
    total, _ = jax.lax.scan(add, jnp.zeros((), y.dtype), (pad(x), pad(y), firsts))
    return total / rows if rows else jnp.full((), jnp.nan, y.dtype)


def make_step(config: TrainingConfig, total_steps: int, steps_per_epoch: int, recorder):
    """Builds the pure step (iterate, (x, y), learning_rate) -> iterate."""
    optimiser = optimisers.make_optimiser(config.optimizer)
    warmup_steps = config.warmup_epochs * steps_per_epoch
    schedule = optimisers.make_schedule(config.schedule, warmup_steps, total_steps)

    def step(iterate: Iterate, batch, learning_rate: jax.Array) -> Iterate:
        x, y = batch

        def objective(params):
            return loss_per_row(config.loss, apply_params(params, x), y).mean()

        value, gradient = jax.value_and_grad(objective)(iterate.params)
        finite = jnp.isfinite(value)
        alive = (iterate.status == RUNNING) & finite
        updates, optimizer = optimiser.update(
            gradient, iterate.optimizer, iterate.params, value=value, grad=gradient,
            value_fn=objective,
        )  # fmt: skip
        rate = learning_rate * schedule(iterate.step).astype(learning_rate.dtype)
        params = optax.apply_updates(iterate.params, jax.tree.map(lambda u: rate * u, updates))
        average = optimisers.average(config.averaging, iterate.average, params)
        old = (iterate.params, iterate.optimizer, iterate.average)
        params, optimizer, average = _where(alive, (params, optimizer, average), old)
        count = iterate.step + alive.astype(jnp.int32)
        broken = (iterate.status == RUNNING) & ~finite
        status = jnp.where(broken, DIVERGED, iterate.status)
        trace = iterate.trace
        if recorder is not None:
            index = jnp.where(alive, count, jnp.iinfo(jnp.int32).max)
            trace = recorder.update(trace, index, average, value)
        return Iterate(params, optimizer, average, count, status, trace)

    return step


def _begin(config: TrainingConfig, recorder: Recorder | None, params, data: Data) -> TrainState:
    """Makes the state of one replica before training, with the losses of epoch 0."""
    steps = config.epochs * (data.train[0].shape[0] // config.batch_size)
    losses = [mean_loss(config.loss, params, *part) for part in data]
    history = {
        f"{name}_loss": jnp.full(config.epochs + 1, jnp.nan, loss.dtype).at[0].set(loss)
        for name, loss in zip(PARTS, losses, strict=True)
    }
    train_loss, best_loss, _ = losses
    finite = jnp.isfinite(train_loss) & jnp.isfinite(best_loss)
    status = jnp.where(finite, RUNNING, DIVERGED).astype(jnp.int32)
    trace, zero = None, jnp.zeros((), jnp.int32)
    if recorder is not None:
        trace = recorder.update(recorder.init(params, steps), zero, params, train_loss)
    optimizer = optimisers.make_optimiser(config.optimizer).init(params)
    iterate = Iterate(params, optimizer, params, zero, status, trace)
    return TrainState(iterate, params, best_loss, zero, history)


@functools.partial(jax.jit, static_argnames=("config", "recorder", "replicas"))
def _begin_jit(params, data, rate, *, config, recorder, replicas):
    def one(params, data, rate):
        del rate  # it only says how many replicas there are
        return _begin(config, recorder, params, data)

    return (over_replicas(one, ("seeds", "seeds", "rates")) if replicas else one)(
        params, data, rate
    )


def begin(params, data: Data, rate: jax.Array, *, config, recorder, replicas: bool) -> TrainState:
    """Makes the state before training; arguments as for `advance`, leaves of params with axis S."""
    state = _begin_jit(params, data, rate, config=config, recorder=recorder, replicas=replicas)
    # jit hands an argument that passes through, or a result that comes twice, back as one buffer;
    # `advance` donates its state, so every leaf needs a buffer of its own.
    return jax.tree.map(lambda leaf: jnp.array(leaf, copy=True), state)


def _make_epoch(config: TrainingConfig, recorder, rows: int):
    """Builds (epoch, state, data, learning_rate, seed) -> state for one replica."""
    steps = rows // config.batch_size
    step = make_step(config, config.epochs * steps, steps, recorder)

    def train_epoch(epoch, iterate, part, learning_rate, seed):
        # The order is a function of seed and epoch alone, so a resumed run repeats it; one
        # gather per epoch, as a gather per batch costs more than the small products it feeds.
        key = jax.random.fold_in(jax.random.key(seed), epoch)
        order = jax.random.permutation(key, rows)[: steps * config.batch_size]
        batches = [a[order].reshape(steps, config.batch_size, a.shape[1]) for a in part]
        body = lambda it, batch: (step(it, batch, learning_rate), None)  # noqa: E731
        return jax.lax.scan(body, iterate, batches)[0]

    def run_epoch(epoch, state: TrainState, data: Data, learning_rate, seed) -> TrainState:
        was_running = state.iterate.status == RUNNING
        iterate = train_epoch(epoch, state.iterate, data.train, learning_rate, seed)
        losses = [mean_loss(config.loss, iterate.average, *part) for part in data]
        history = {
            f"{name}_loss": state.history[f"{name}_loss"].at[epoch].set(
                jnp.where(was_running, loss, jnp.nan)
            )
            for name, loss in zip(PARTS, losses, strict=True)
        }  # fmt: skip
        better = was_running & (losses[1] < state.best_loss)
        best = _where(
            better,
            (iterate.average, losses[1], epoch),
            (state.best_params, state.best_loss, state.best_epoch),
        )
        if config.patience:
            tired = (iterate.status == RUNNING) & (epoch - best[2] >= config.patience)
            iterate = iterate._replace(status=jnp.where(tired, OUT_OF_PATIENCE, iterate.status))
        return TrainState(iterate, *best, history)

    return run_epoch


def over_replicas(function: Callable, in_axes: tuple) -> Callable:
    """Maps a function over seeds and learning rates.

    Args:
      function: of one replica.
      in_axes: per argument "both" (leading axes (S, L)), "seeds" (S), "rates" (L) or None.
    """
    rates = [0 if axes in ("both", "rates") else None for axes in in_axes]
    seeds = [0 if axes in ("both", "seeds") else None for axes in in_axes]
    return jax.vmap(jax.vmap(function, in_axes=tuple(rates)), in_axes=tuple(seeds))


@functools.partial(jax.jit, static_argnames=("config", "recorder", "replicas"), donate_argnums=0)
def advance(state, data, learning_rate, seed, stop, start, *, config, recorder, replicas):
    """Runs the epochs start + 1 .. stop on the device; ends early once every replica has stopped.

    Args:
      state: TrainState; donated, its buffers are dead afterwards.
      data: Data.
      learning_rate: (), or (L,) with replicas.
      seed: () uint32, or (S,) with replicas.
      stop: () int32, traced, so that the length of a run of epochs is no part of its shape.
      start: () int32, epochs done so far.
      config: TrainingConfig, without a learning rate of its own (static).
      recorder: Recorder or None (static).
      replicas: whether the axes (S, L) are there (static).
    """
    rows = data.train[0].shape[-2]
    epoch = _make_epoch(config, recorder, rows)
    if replicas:
        epoch = over_replicas(epoch, (None, "both", "seeds", "rates", "seeds"))

    def body(carry):
        done, state = carry
        return done + 1, epoch(done + 1, state, data, learning_rate, seed)

    def going_on(carry):
        done, state = carry
        return (done < stop) & (state.iterate.status == RUNNING).any()

    return jax.lax.while_loop(going_on, body, (start, state))[1]
