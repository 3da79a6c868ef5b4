"""The doors: train one network, or a grid of replicas in one vmapped computation."""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from spline_fc.checks import check, check_integer, check_not_empty, check_number, check_rank
from spline_fc.data import Dataset
from spline_fc.training import epochs as _epochs
from spline_fc.training.config import TrainingConfig, as_config
from spline_fc.training.epochs import PARTS, Data, Recorder, TrainState

OnEpochs = Callable[[int, dict[str, np.ndarray]], None]
_REPORTS = 20  # how often on_epochs is called in a run


class Seconds(NamedTuple):
    """Wall-clock time of a training run."""

    compile: float  # close to 0 when these shapes were compiled before
    run: float


class TrainResult(NamedTuple):
    """What training leaves; with replicas every array has the leading axes (S, L)."""

    params: Any  # the evaluated (averaged) network at its best validation loss
    last_params: Any  # the evaluated network when the run ended
    history: dict[str, np.ndarray]  # (epochs + 1,) per "<part>_loss"; NaN where not trained
    best_epoch: np.ndarray  # () int
    steps_per_epoch: int
    trace: Any  # the recorder's summary, or None
    seconds: Seconds
    stop_reason: Any  # str; with replicas an (S, L) object array of str
    diverged: np.ndarray  # () bool


def train(
    params: Any,
    dataset: Dataset,
    config: TrainingConfig | Mapping[str, Any] = TrainingConfig(),  # noqa: B008
    *,
    seed: int = 0,
    recorder: Recorder | None = None,
    on_epochs: OnEpochs | None = None,
) -> TrainResult:
    """Trains a network on, and keeps the iterate that is best on the validation part.

    Args:
      params: {"Dense_0": {"kernel", "bias"}, ...}; its dtype is the dtype of the computation.
      dataset: standardised Dataset, x (n, d) and y (n, k) per part.
      config: TrainingConfig, or a mapping or ConfigDict with a subset of its fields.
      seed: decides the order of the rows, together with the epoch alone.
      recorder: measurements to take inside the compiled step.
      on_epochs: called now and then with the epochs done and the history so far.

    Returns:
      TrainResult.

    Raises:
      ValueError: unknown or bad config field, parameters that do not fit the data, a batch larger
        than the training part, an empty training or validation part.
    """
    config = as_config(config)
    check_integer("seed", seed, 0)
    data = _prepare(params, dataset, config, lead=0)
    rate = jnp.asarray(config.learning_rate, data.train[0].dtype)
    return _run(params, data, config, rate, np.uint32(seed), recorder, on_epochs)


def train_replicas(
    params: Any,
    datasets: Dataset,
    config: TrainingConfig | Mapping[str, Any],
    *,
    learning_rates: Sequence[float],
    seeds: Sequence[int],
    recorder: Recorder | None = None,
    on_epochs: OnEpochs | None = None,
) -> TrainResult:
    """Trains S networks, each with L learning rates, as one vmapped computation.

    Replica (s, l) does what `train` does with params[s], dataset[s], learning_rates[l], seeds[s].

    Args:
      params: leaves with the leading axis S.
      datasets: Dataset whose arrays have the leading axis S, e.g. from `data.stack`.
      config: as for `train`; its learning rate is not used.
      learning_rates: L positive numbers.
      seeds: S integers for the order of the rows.
      recorder: as for `train`.
      on_epochs: as for `train`; the history has the axes (S, L, epochs + 1).

    Returns:
      TrainResult with the leading axes (S, L).

    Raises:
      ValueError: as for `train`; replicas of different shapes.
    """
    config = as_config(config)
    check(len(learning_rates) > 0, "learning_rates must hold at least one number; got none.")
    for index, rate in enumerate(learning_rates):
        check_number(f"learning_rates[{index}]", rate, above=0)
    for index, seed in enumerate(seeds):
        check_integer(f"seeds[{index}]", seed, 0)
    data = _prepare(params, datasets, config, lead=1)
    replicas = data.train[0].shape[0]
    check(len(seeds) == replicas, f"seeds must have length {replicas}, one per data set; "
          f"got {len(seeds)}.")  # fmt: skip
    rates = jnp.asarray(learning_rates, data.train[0].dtype)
    return _run(params, data, config, rates, np.asarray(seeds, np.uint32), recorder, on_epochs)


def _prepare(params: Any, dataset: Dataset, config: TrainingConfig, lead: int) -> Data:
    """Checks shapes (with `lead` leading axes) and casts the data to the dtype of `params`."""
    leaves = jax.tree.leaves(params)
    check(len(leaves) > 0, "params must hold at least one layer; got none.")
    dtype = leaves[0].dtype
    parts = [tuple(jnp.asarray(a, dtype) for a in getattr(dataset, part)) for part in PARTS]
    shape = "(S, n, {})" if lead else "(n, {})"
    for name, (x, y) in zip(PARTS, parts, strict=True):
        check_rank(f"{name} x", x, 2 + lead, shape.format("d"))
        check_rank(f"{name} y", y, 2 + lead, shape.format("k"))
        wanted, came = x.shape[:-1], y.shape[:-1]
        check(wanted == came, f"{name} y must have leading axes {wanted}, as x has; got {came}.")
        if name != "test":
            check_not_empty(f"the {name} part", x)
    if lead:
        _check_replicas(params, parts)
    _check_layers(params, parts, lead)
    rows = parts[0][0].shape[-2]
    check(config.batch_size <= rows, f"training.batch_size must be at most {rows}, the number of "
          f"training rows; got {config.batch_size}.")  # fmt: skip
    return Data(*parts)


def _check_replicas(params: Any, parts: Sequence[tuple[jax.Array, jax.Array]]) -> None:
    """Raises ValueError unless every leaf and part has one and the same leading axis."""
    replicas = parts[0][0].shape[0]
    for name, (x, _) in zip(PARTS, parts, strict=True):
        check(x.shape[0] == replicas, f"{name} x must have {replicas} replicas, as the training "
              f"part has; got {x.shape[0]}.")  # fmt: skip
    for path, leaf in jax.tree.leaves_with_path(params):
        name, shape = jax.tree_util.keystr(path), np.shape(leaf)
        check(len(shape) > 0 and shape[0] == replicas, f"params{name} must have the leading axis "
              f"{replicas}, one per data set; got shape {shape}.")  # fmt: skip


def _check_layers(params: Any, parts: Sequence[tuple[jax.Array, jax.Array]], lead: int) -> None:
    """Raises ValueError unless the layers chain from the columns of x to those of y."""
    width = parts[0][0].shape[-1]
    for index in range(len(params)):
        name = f"Dense_{index}"
        check(name in params, f"params must hold the layers Dense_0 to Dense_{len(params) - 1}; "
              f"got {', '.join(sorted(params))}.")  # fmt: skip
        kernel, bias = (np.shape(params[name][leaf])[lead:] for leaf in ("kernel", "bias"))
        fits = len(kernel) == 2 and kernel[0] == width and bias == kernel[1:]
        check(fits, f"{name} must have kernel ({width}, h) and bias (h,); got {kernel} and {bias}.")
        width = kernel[1]
    for name, (x, y) in zip(PARTS, parts, strict=True):
        columns = (x.shape[-1], y.shape[-1])
        wanted = (parts[0][0].shape[-1], width)
        check(columns == wanted, f"{name} x and y must have {wanted} columns, as the network has "
              f"inputs and outputs; got {columns}.")  # fmt: skip


def _run(params, data, config, rate, seed, recorder, on_epochs) -> TrainResult:
    """Compiles, then runs all epochs, in a few pieces if somebody wants to watch."""
    replicas, rows = np.ndim(rate) == 1, data.train[0].shape[-2]
    steps_per_epoch = rows // config.batch_size
    static = {
        # The rate is traced: with another one nothing compiles again.
        "config": dataclasses.replace(config, learning_rate=1.0),
        "recorder": recorder,
        "replicas": replicas,
    }
    began = time.perf_counter()
    state = _epochs.begin(params, data, rate, **static)
    # A run of no epochs compiles the program and does nothing else.
    state = jax.block_until_ready(_epochs.advance(state, data, rate, seed, 0, 0, **static))
    compiled = time.perf_counter()
    done, piece = 0, config.epochs
    if on_epochs is not None:
        piece = -(-config.epochs // _REPORTS)
        on_epochs(0, _history(state, 0))
    while done < config.epochs and (state.iterate.status == _epochs.RUNNING).any():
        stop = min(done + piece, config.epochs)
        state = jax.block_until_ready(
            _epochs.advance(state, data, rate, seed, stop, done, **static)
        )
        done = stop
        if on_epochs is not None:
            on_epochs(done, _history(state, done))
    seconds = Seconds(compiled - began, time.perf_counter() - compiled)
    return _result(state, config, steps_per_epoch, recorder, seconds)


def _history(state: TrainState, done: int) -> dict[str, np.ndarray]:
    return {name: np.asarray(a)[..., : done + 1] for name, a in state.history.items()}


def _result(state, config, steps_per_epoch, recorder, seconds) -> TrainResult:
    status, step = np.asarray(state.iterate.status), np.asarray(state.iterate.step)
    best_epoch = np.asarray(state.best_epoch)
    reasons = np.empty(status.shape, object)
    for index in np.ndindex(status.shape):
        reasons[index] = _reason(status[index], step[index], best_epoch[index], config)
    return TrainResult(
        params=state.best_params,
        last_params=state.iterate.average,
        history=_history(state, config.epochs),
        best_epoch=best_epoch,
        steps_per_epoch=steps_per_epoch,
        trace=None if recorder is None else recorder.summarise(state.iterate.trace),
        seconds=seconds,
        stop_reason=reasons if status.ndim else reasons.item(),
        diverged=status == _epochs.DIVERGED,
    )


def _reason(status: int, step: int, best_epoch: int, config: TrainingConfig) -> str:
    if status == _epochs.DIVERGED and step == 0 and best_epoch == 0:
        return f"The loss was not finite at step {step + 1} or before it."
    if status == _epochs.DIVERGED:
        return f"The loss was not finite at step {step + 1}."
    if status == _epochs.OUT_OF_PATIENCE:
        return (
            f"No better validation loss than that of epoch {best_epoch} came in the "
            f"{config.patience} epochs after it."
        )
    return f"All {config.epochs} epochs were done."
