"""The compiled part: epochs and runs of epochs, which never leave the device."""

import functools
import math
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from spline_fc.network import Params
from spline_fc.sharding import Axes, Placement, over_rows
from spline_fc.training.config import Structure
from spline_fc.training.output_layer import solve_output
from spline_fc.training.replicas import on_grid
from spline_fc.training.steps import (
    DIVERGED,
    OUT_OF_PATIENCE,
    PAST_THE_END,
    RUNNING,
    Batch,
    Data,
    Iterate,
    Numbers,
    Recorder,
    make_step,
    optimiser_of,
    part_means,
    where,
)

_CACHE = 1 << 20  # bytes, of the second level of a core
_LENGTH = 128  # the history has a multiple of so many columns: other epochs compile nothing


class TrainState(NamedTuple):
    """What an epoch changes; replicas give every leaf the leading axes (S, L)."""

    iterate: Iterate
    best_params: Params
    best_loss: jax.Array  # (), of the validation part
    best_epoch: jax.Array  # () int32
    history: jax.Array  # (rows of `history_names`, at least epochs + 1), NaN where not trained
    pace: jax.Array  # (), factor on the learning rate, halved whenever an epoch is undone


class Program(NamedTuple):
    """What is compiled; all the rest is traced."""

    structure: Structure
    recorder: Recorder | None
    replicas: bool  # whether the axes (S, L) are there
    place: Placement | None = None  # of the rows, where several devices share them
    mesh: Mesh | None = None  # of a `replicas.Grid`, where several devices share the replicas


def _begin(
    program: Program, length: int, calls: int, params: Params, data: Data, numbers: Numbers
) -> TrainState:
    """Makes the state of one replica before training, with the losses of epoch 0."""
    structure, recorder, *_ = program
    losses = part_means(structure.loss, params, data.evaluation)
    train_loss, best_loss = losses[:2]
    history = jnp.full((losses.size, length), jnp.nan, losses.dtype).at[:, 0].set(losses)
    finite = jnp.isfinite(train_loss) & jnp.isfinite(best_loss)
    status = jnp.where(finite, RUNNING, DIVERGED).astype(jnp.int32)
    trace, zero = None, jnp.zeros((), jnp.int32)
    if recorder is not None:
        trace = recorder.init(params, calls)
        trace = recorder.update(trace, zero, params, train_loss)
    optimizer = optimiser_of(structure, numbers).init(params)
    iterate = Iterate(params, optimizer, params, zero, status, trace)
    return TrainState(iterate, params, best_loss, zero, history, jnp.ones((), losses.dtype))


@functools.partial(jax.jit, static_argnames=("program", "length", "calls"))
def _begin_jit(params, data, numbers, rate, *, program: Program, length: int, calls: int):
    def one(params, data, numbers, rate):
        del rate  # it only says how many replicas there are
        return _begin(program, length, calls, params, data, numbers)

    axes = ("seeds", "seeds", None, "rates")
    mapped = on_grid(over_replicas(one, axes), program.mesh, axes) if program.replicas else one
    return mapped(params, data, numbers, rate)


def begin(
    params: Params, data: Data, numbers: Numbers, rate: jax.Array, epochs: int, program: Program
) -> TrainState:
    """Makes the state before training, with room for so many epochs.

    The arguments are those of `advance`; leaves of params have the axis S with replicas.
    """
    length, calls = -(-(epochs + 1) // _LENGTH) * _LENGTH, 0
    if program.recorder is not None:
        steps = data.train[0].shape[-2] // program.structure.batch_size
        calls = epochs * (1 if program.recorder.per_epoch else steps)
    shape = {"program": program, "length": length, "calls": calls}
    state = _begin_jit(params, data, numbers, rate, **shape)
    # jit hands an argument that passes through, or a result that comes twice, back as one buffer;
    # `advance` donates its state, so every leaf needs a buffer of its own.
    return jax.tree.map(lambda leaf: jnp.array(leaf, copy=True), state)


def shuffle(seed: jax.Array, epoch: jax.Array, rows: int) -> jax.Array:
    """The order of the rows in an epoch, (rows,) int32: row numbers sorted by random 32-bit keys.

    On a CPU the sort of one array takes a sixth of that of keys with values, and an epoch of a
    small network is not much longer than the latter. So up to 65536 rows are sorted by the lower
    half of their keys, then by the upper half, each time with their places in the other 16 bits;
    places also keep the first order where upper halves agree. Compiles faster than jax's
    permutation, too.
    """
    bits = jax.random.bits(jax.random.fold_in(jax.random.key(seed), epoch), (rows,), jnp.uint32)
    place = jnp.arange(rows, dtype=jnp.uint32)
    if rows > 1 << 16:
        return jax.lax.sort_key_val(bits, place)[1].astype(jnp.int32)
    half = jnp.uint32(0xFFFF)
    order = jax.lax.sort(bits << 16 | place) & half
    place = jax.lax.sort(bits[order] & ~half | place) & half
    return order[place].astype(jnp.int32)


def batches_of(train: Batch, epoch, seed, batch_size: int) -> list[jax.Array]:
    """The rows of an epoch in the order of the seed, (steps, batch_size, columns) each."""
    # The order is a function of seed and epoch alone, so a resumed run repeats it; one
    # gather per epoch, as a gather per batch costs more than the small products it feeds.
    rows = len(train[0])
    steps = rows // batch_size
    order = shuffle(seed, epoch, rows)[: steps * batch_size]
    return [a[order].reshape(steps, batch_size, a.shape[1]) for a in train]


def _shared_batches(train: Batch, epoch, seed, *, batch_size: int, axes: Axes) -> list[jax.Array]:
    """Of one of the devices that share the rows: its share of every batch, from its own rows."""
    names = tuple(axes)
    own = jax.random.bits(jax.random.fold_in(jax.random.key(seed), jax.lax.axis_index(names)))
    return batches_of(train, epoch, own, batch_size // jax.lax.axis_size(names))


def _make_epoch(
    structure: Structure, numbers: Numbers, recorder: Recorder | None, place: Placement | None
) -> Callable:
    """Builds (epoch, state, data, learning_rate, seed) -> state for one replica."""
    step = make_step(structure, numbers, recorder)

    def train_epoch(epoch, iterate, data: Data, learning_rate, seed):
        if place is None:
            batches = batches_of(data.train, epoch, seed, structure.batch_size)
        else:
            whole = PartitionSpec()
            run = over_rows(_shared_batches, place, (place.rows, whole, whole), place.columns)
            shared = {"batch_size": structure.batch_size, "axes": place.axes}
            batches = run(tuple(data.train), epoch, seed, **shared)
        body = lambda it, batch: (step(it, batch, learning_rate, data.scale), None)  # noqa: E731
        return jax.lax.scan(body, iterate, batches)[0]

    def solve_outputs(iterate: Iterate, data: Data) -> Iterate:
        old = [iterate.params, iterate.average]
        solved = [solve_output(p, data.train, numbers.output_ridge, place) for p in old]
        params, average = where(iterate.status == RUNNING, solved, old)
        return iterate._replace(params=params, average=average)

    def run_epoch(epoch, state: TrainState, data: Data, learning_rate, seed) -> TrainState:
        was_running = state.iterate.status == RUNNING
        iterate = train_epoch(epoch, state.iterate, data, learning_rate * state.pace, seed)
        if structure.output_ridge:
            iterate = solve_outputs(iterate, data)
        return assess(structure, numbers, epoch, state._replace(iterate=iterate), data, was_running)

    return run_epoch


def _recorded(run_epoch: Callable, recorder: Recorder, replicas: bool) -> Callable:
    """An epoch after which the recorder is shown the evaluated networks, after all it does to them.

    The trace stays outside of the epoch: replicas that train one group after the other would have
    all of it copied there and back each time.
    """

    def record(epoch, trace, was_running, state: TrainState):
        step = jnp.where(was_running, state.iterate.step, PAST_THE_END)
        return recorder.update(trace, step, state.iterate.average, state.history[0, epoch])

    if replicas:
        record = over_replicas(record, (None, "both", "both", "both"))

    def run(epoch, state: TrainState, *arguments) -> TrainState:
        trace, was_running = state.iterate.trace, state.iterate.status == RUNNING
        state = run_epoch(
            epoch, state._replace(iterate=state.iterate._replace(trace=None)), *arguments
        )
        trace = record(epoch, trace, was_running, state)
        return state._replace(iterate=state.iterate._replace(trace=trace))

    return run


def assess(
    structure: Structure, numbers: Numbers, epoch, state: TrainState, data: Data, was_running
) -> TrainState:
    """Evaluates the averaged network, keeps it if it is the best, stops if patience is out."""
    losses = part_means(structure.loss, state.iterate.average, data.evaluation)
    if structure.guard:
        state, losses = _undo(structure, numbers, state, losses)
    iterate = state.iterate
    history = state.history.at[:, epoch].set(jnp.where(was_running, losses, jnp.nan))
    best_params, best_loss, best_epoch = where(
        was_running & (losses[1] < state.best_loss),
        (iterate.average, losses[1], epoch),
        (state.best_params, state.best_loss, state.best_epoch),
    )
    if structure.patience:
        tired = (iterate.status == RUNNING) & (epoch - best_epoch >= numbers.patience)
        iterate = iterate._replace(status=jnp.where(tired, OUT_OF_PATIENCE, iterate.status))
    return TrainState(iterate, best_params, best_loss, best_epoch, history, state.pace)


def _undo(
    structure: Structure, numbers: Numbers, state: TrainState, losses: jax.Array
) -> tuple[TrainState, jax.Array]:
    """Goes back to the best iterate, at half the pace, if the validation loss is out of bounds.

    The optimiser's state stays: its second moments are the best there are, and its first ones are
    forgotten within a few steps. Only L-BFGS begins anew: it learns from the way between two
    iterates, and a jump back is none that it took.
    """
    iterate = state.iterate
    bound = numbers.guard * state.history[1, 0]
    undone = (iterate.status == RUNNING) & ~(losses[1] <= bound)  # NaN is out of bounds too
    params, average, optimizer = iterate.params, iterate.average, iterate.optimizer
    params, average = where(undone, [state.best_params, state.best_params], [params, average])
    if structure.optimizer == "lbfgs":
        # The first link of its chain; a decay that follows knows where it all began.
        fresh: Any = optimiser_of(structure, numbers).init(params)
        optimizer = (where(undone, fresh[0], optimizer[0]), *optimizer[1:])
    state = state._replace(
        iterate=iterate._replace(params=params, average=average, optimizer=optimizer),
        pace=jnp.where(undone, state.pace / 2, state.pace),
    )
    return state, jnp.where(undone, state.history[:, state.best_epoch], losses)


def over_replicas(function: Callable, in_axes: tuple, groups: tuple | None = None) -> Callable:
    """Maps a function over seeds and learning rates.

    Args:
      function: of one replica.
      in_axes: per argument "both" (leading axes (S, L)), "seeds" (S), "rates" (L) or None.
      groups: how many seeds and rates at once, divisors of S and L; all of them if None.

    Returns:
      The function of all replicas; its results have the leading axes (S, L).
    """
    seeds, rates = groups or (None, None)
    inner = _mapped(function, [axes in ("both", "rates") for axes in in_axes], rates)
    return _mapped(inner, [axes in ("both", "seeds") for axes in in_axes], seeds)


def _mapped(function: Callable, is_mapped: list[bool], size: int | None) -> Callable:
    """vmap over the first axis of some arguments, or one vmap after the other of so many rows."""
    together = jax.vmap(function, in_axes=tuple(0 if mapped else None for mapped in is_mapped))

    def in_groups(*arguments):
        mapped = [a for a, chosen in zip(arguments, is_mapped, strict=True) if chosen]
        count = jax.tree.leaves(mapped)[0].shape[0]
        if size is None or size == count:
            return together(*arguments)

        def run(group):
            rest = iter(group)
            pairs = zip(arguments, is_mapped, strict=True)
            return together(*(next(rest) if chosen else a for a, chosen in pairs))

        def cut(leaf):
            return leaf.reshape(count // size, size, *leaf.shape[1:])

        result = jax.lax.map(run, jax.tree.map(cut, mapped))
        return jax.tree.map(lambda leaf: leaf.reshape(count, *leaf.shape[2:]), result)

    return in_groups


def group_sizes(params: Params, batch_size: int) -> tuple[int, int]:
    """How many seeds and rates a processor trains at once: as many as its caches hold.

    What a step of 100 networks reads and writes is far more than a cache holds, and each of its
    many small operations would fetch it again. Groups are as large as the cache of one core, times
    half the cores, between which XLA divides them. An accelerator takes all replicas at once.

    Args:
      params: leaves (S, L, ...).
      batch_size: rows per step.

    Returns:
      Divisors of S and L.
    """
    leaves = jax.tree.leaves(params)
    seeds, rates = leaves[0].shape[:2]
    if jax.default_backend() != "cpu":
        return seeds, rates
    weights = sum(math.prod(leaf.shape[2:]) for leaf in leaves)
    units = sum(layer["bias"].shape[-1] for layer in params.values())
    # Parameters, their average, gradient and two moments; activations, forward and backward.
    size = (5 * weights + 3 * batch_size * units) * leaves[0].dtype.itemsize
    room = max(1, _CACHE // size) * max(1, _cores() // 2)
    rates_at_once = _divisor(rates, room)
    return _divisor(seeds, max(1, room // rates_at_once)), rates_at_once


def _cores() -> int:
    """The cores that this process may use, which in a container or a job are not all there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _divisor(count: int, at_most: int) -> int:
    return max(d for d in range(1, min(count, at_most) + 1) if count % d == 0)


@functools.partial(jax.jit, static_argnames="program", donate_argnums=0)
def advance(
    state: TrainState,
    data: Data,
    numbers: Numbers,
    learning_rate: jax.Array,
    seed: jax.Array,
    stop: int,
    start: int,
    program: Program,
) -> TrainState:
    """Runs the epochs start + 1 .. stop on the device; ends early once every replica has stopped.

    Args:
      state: TrainState; donated, its buffers are dead afterwards.
      data: Data.
      numbers: Numbers, the same for all replicas.
      learning_rate: (), or (L,) with replicas.
      seed: () uint32, or (S,) with replicas.
      stop: () int32, traced, so that the length of a run of epochs is no part of its shape.
      start: () int32, epochs done so far.
      program: Program (static).

    Returns:
      TrainState.
    """
    axes = ("both", "seeds", None, "rates", "seeds", None, None)
    run = on_grid(functools.partial(_advance, program), program.mesh, axes)
    return run(state, data, numbers, learning_rate, seed, stop, start)


def _advance(
    program: Program,
    state: TrainState,
    data: Data,
    numbers: Numbers,
    learning_rate: jax.Array,
    seed: jax.Array,
    stop: jax.Array,
    start: jax.Array,
) -> TrainState:
    """`advance` of the replicas of one device, which ends when all of these have stopped."""
    structure, recorder, replicas, place, _ = program
    in_steps = None if recorder is None or recorder.per_epoch else recorder
    epoch = _make_epoch(structure, numbers, in_steps, place)
    if replicas:
        groups = group_sizes(state.best_params, structure.batch_size)
        epoch = over_replicas(epoch, (None, "both", "seeds", "rates", "seeds"), groups)
    if recorder is not None and recorder.per_epoch:
        epoch = _recorded(epoch, recorder, replicas)

    def body(carry):
        done, state = carry
        state = epoch(done + 1, state, data, learning_rate, seed)
        if place is not None:
            whole = NamedSharding(place.mesh, PartitionSpec())
            state = jax.lax.with_sharding_constraint(state, whole)
        return done + 1, state

    def going_on(carry):
        done, state = carry
        return (done < stop) & (state.iterate.status == RUNNING).any()

    return jax.lax.while_loop(going_on, body, (start, state))[1]
