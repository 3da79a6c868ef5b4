"""The door for training rows that come in chunks: whole windows of them, shuffled and cut."""

import dataclasses
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spline_fc.arrays import numbers
from spline_fc.checks import check, check_integer, check_kind
from spline_fc.cpwl.chunked.inputs import ChunkedData, Rows, checked_chunks
from spline_fc.cpwl.chunked.memory import free_bytes, in_words, tell_bytes
from spline_fc.cpwl.chunked.scaling import in_blocks
from spline_fc.data import Chunks, Dataset, Part, Weights, identity_scaler
from spline_fc.network import Params
from spline_fc.threads import ahead
from spline_fc.timing import Stopwatch
from spline_fc.training.checkpoints import Checkpoints
from spline_fc.training.config import TrainingConfig, as_config
from spline_fc.training.epochs import Program, TrainState, assess, batches_of
from spline_fc.training.groups import Origin
from spline_fc.training.inputs import cut_batch, prepare
from spline_fc.training.loop import (
    OnEpochs,
    Run,
    TrainResult,
    check_seed,
    check_watchers,
    run_training,
)
from spline_fc.training.steps import RUNNING, Data, Iterate, Numbers, make_step

WINDOW_BYTES = 1 << 27  # of a window of rows, if nothing else is said
Window = tuple[np.ndarray, ...]  # x (n, d), y (n, k) and perhaps weights (n, 1)
_COPIES = 5  # of a window: being made, waiting, in use, in the dtype of the network, shuffled


def train_chunks(
    params: Params,
    source: Chunks,
    validation: Any,
    config: TrainingConfig | Mapping[str, Any] = TrainingConfig(),  # noqa: B008
    *,
    test: Any = None,
    task: str = "regression",
    window: int | None = None,
    seed: int = 0,
    on_epochs: OnEpochs | None = None,
    origin: Origin | None = None,
    checkpoints: Checkpoints | None = None,
) -> TrainResult:
    """Does what `train` does, on training rows that are read in chunks, one pass an epoch.

    The rows of a window are shuffled by seed, epoch and window, and cut into batches; windows come
    in the order of the source, read ahead in a thread of their own. Where one window holds all rows
    the batches are those of `train`. The training loss in the history is that of a sample of at
    most 65536 rows.

    Args:
      params: {"Dense_0": {"kernel", "bias"}, ...}; its dtype is the dtype of the computation.
      source: of the training rows, standardised (see `data.scale_chunks`); its weights count.
      validation: (x, y) or a Part, by which the best epoch is chosen.
      config: as for `train`; without output_ridge.
      test: as validation; None for no rows.
      task: "regression", "binary" or "multiclass".
      window: rows that are shuffled together; by default so many that they take WINDOW_BYTES.
      seed, on_epochs, origin, checkpoints: as for `train`.

    Returns:
      TrainResult.

    Raises:
      ValueError: what `train` and `fit_mars` refuse of their data, a window of less than a row,
        more memory than is free.
      TypeError: no Chunks or Checkpoints where they are wanted.
    """
    check_kind("source", source, Chunks, "a source of")
    config = as_config(config).for_task(task)
    check(not config.output_ridge, "training.output_ridge must be 0 for rows in chunks; got more.")
    check_seed("seed", seed)
    check_watchers(None, on_epochs, checkpoints)
    if window is not None:
        check_integer("window", window, 1)
    with Stopwatch() as clock:
        rows = checked_chunks(source)
        dataset = _held(rows, validation, test, task)
        weights = None if dataset.weights is None else dataset.weights.train
        data = prepare(params, dataset, config, weights, origin)
        config = cut_batch(config, rows.num_rows)
        dtype = data.train[0].dtype
        size = sum(array.shape[1] for array in data.train) * dtype.itemsize
        window = _window(window or WINDOW_BYTES // size, config.batch_size, rows.num_rows)
        _tell_memory(source, window, _COPIES * window * size)
        rate = jnp.asarray(config.learning_rate, dtype)
        run = _Stream(
            config, None, data, rate, np.uint32(seed), rows=rows, window=window, dtype=dtype
        )
        result = run_training(run, params, on_epochs, checkpoints)
    return result._replace(seconds=clock.seconds)


def _held(rows: ChunkedData, validation: Any, test: Any, task: str) -> Dataset:
    """A data set whose training part is the sample."""
    held = _part("validation", validation)
    other = Part(rows.x[:0], rows.y[:0]) if test is None else _part("test", test)
    d, k = rows.x.shape[1], rows.y.shape[1]
    weights = None
    if (rows.weights != 1).any():
        weights = Weights(rows.weights, np.ones(len(held.x)), np.ones(len(other.x)))
    names = rows.source.names or tuple(f"x{j}" for j in range(d))
    targets, scaler = tuple(f"y{j}" for j in range(k)), identity_scaler(d, k)
    parts = (Part(rows.x, rows.y), held, other)
    return Dataset(rows.source.label, task, names, targets, *parts, scaler, weights)


def _part(name: str, given: Any) -> Part:
    pair = isinstance(given, (tuple, list)) and len(given) == 2
    check(pair, f"{name} must be (x, y) or a Part; got {type(given).__name__}.")
    x, y = numbers(f"{name} x", given[0]), numbers(f"{name} y", given[1])
    return Part(x, y[:, None] if y.ndim == 1 else y)


def _window(wanted: int, batch_size: int, num_rows: int) -> int:
    """Rows of a window: whole batches, no more than there are rows for."""
    return min(max(1, wanted // batch_size), -(-num_rows // batch_size)) * batch_size


def _tell_memory(source: Chunks, window: int, size: int) -> None:
    """Says what windows take; ValueError if that is more than there is."""
    free = free_bytes()
    check(
        free is None or size <= free,
        f"window must leave memory for {_COPIES} copies of it, {in_words(size)}; "
        f"{in_words(free or 0)} are free.",
    )
    told = "%s: windows of %d rows take at most %s of memory."
    tell_bytes(size, told, source.label, window, in_words(size))


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Stream(Run):
    """A run whose training rows are read anew in every epoch; its data hold the sample."""

    rows: ChunkedData
    window: int
    dtype: np.dtype

    def steps_per_epoch(self) -> int:
        """Steps of an epoch."""
        return self.config.steps_per_epoch(self.rows.num_rows)

    def description(self, params: Params) -> dict[str, Any]:
        """Everything that decides the run, as JSON."""
        source = [list(digest) for digest in self.rows.digests]
        return {**super().description(params), "source": source, "window": self.window}

    def advance(self, state: TrainState, stop: int, start: int) -> TrainState:
        """The state after the epochs start + 1 .. stop."""
        program, numbers = self.program(), self.numbers()
        for epoch in map(np.int32, range(start + 1, stop + 1)):
            was_running = state.iterate.status == RUNNING
            if not was_running:
                break
            iterate, rate = state.iterate, self.rate * state.pace
            for number, batch in enumerate(ahead(self._windows())):
                rule = (numbers, rate, epoch, self._seed(number))
                iterate = _steps(iterate, batch, self.data.scale, *rule, program=program)
                jax.block_until_ready(iterate)  # or all windows of an epoch might wait for it
            state = state._replace(iterate=iterate)
            state = _assessed(state, self.data, numbers, epoch, was_running, program=program)
        return jax.block_until_ready(state)

    def _seed(self, window: int) -> np.uint32:
        """Of the order of a window; that of the first one is the run's own, as in `train`."""
        if not window:
            return np.uint32(self.seed)
        return np.random.SeedSequence([int(self.seed), window]).generate_state(1)[0]

    def _windows(self) -> Iterator[Window]:
        """All rows, but those of a last window that do not make a batch."""
        for rows in in_blocks(self.rows.rows(), self.window):
            if len(rows.x) >= self.config.batch_size:
                yield self._batch(rows)

    def _batch(self, rows: Rows) -> Window:
        """Rows in the dtype of the network, weights of mean 1."""
        arrays = [rows.x, rows.y]
        if len(self.data.train) > 2:
            arrays.append((rows.weights / (self.rows.weight / self.rows.num_rows))[:, None])
        return tuple(array.astype(self.dtype, copy=False) for array in arrays)


@partial(jax.jit, static_argnames="program")
def _steps(
    iterate: Iterate, rows: Window, scale: Params | None, numbers: Numbers, rate, epoch, seed, *,
    program: Program,
) -> Iterate:  # fmt: skip
    """The steps that the batches of a window make."""
    step = make_step(program.structure, numbers, None)
    arrays: Any = rows  # as jit hands them in
    batches = tuple(batches_of(arrays, epoch, seed, program.structure.batch_size))
    return jax.lax.scan(lambda it, batch: (step(it, batch, rate, scale), None), iterate, batches)[0]


@partial(jax.jit, static_argnames="program")
def _assessed(
    state: TrainState, data: Data, numbers: Numbers, epoch, was_running, *, program: Program
) -> TrainState:
    return assess(program.structure, numbers, epoch, state, data, was_running)
