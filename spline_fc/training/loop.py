"""The doors: train one network, or a grid of replicas in one vmapped computation."""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from spline_fc.checks import as_list, check, check_integer, check_kind, check_number, shown
from spline_fc.data import Dataset
from spline_fc.network import Params
from spline_fc.printing import printed
from spline_fc.sharding import Placement, placement_of
from spline_fc.timing import Seconds
from spline_fc.training import epochs as _epochs
from spline_fc.training.checkpoints import Checkpoints, Store, digest
from spline_fc.training.config import TrainingConfig, as_config
from spline_fc.training.epochs import Program, TrainState
from spline_fc.training.groups import Origin
from spline_fc.training.inputs import check_shared, cut_batch, prepare
from spline_fc.training.replicas import Grid, make_grid
from spline_fc.training.steps import (
    DIVERGED,
    RUNNING,
    Data,
    Numbers,
    Recorder,
    history_names,
    numbers_of,
    stop_reason,
)

OnEpochs = Callable[[int, dict[str, np.ndarray]], None]
_REPORTS = 20  # how often on_epochs is called in a run
_MANY_CALLS = 100_000  # of a recorder: the size of its trace then tells how often it records


@printed
class TrainResult(NamedTuple):
    """What training leaves; with replicas every array has the leading axes (S, L)."""

    params: Params  # the evaluated (averaged) network at its best validation loss
    last_params: Params  # the evaluated network when the run ended
    history: dict[str, np.ndarray]  # (epochs + 1,) per name of `history_names`; NaN: not trained
    best_epoch: np.ndarray  # () int
    steps_per_epoch: int
    trace: Any  # the recorder's summary, or None
    seconds: Seconds
    stop_reason: Any  # str; with replicas an (S, L) object array of str
    diverged: np.ndarray  # () bool
    kept: Any = None  # {epoch: the evaluated network after it}, of `keep_epochs`

    def _sentence(self) -> str:
        shape, epochs = np.shape(self.best_epoch), self.history["validation_loss"].shape[-1] - 1
        replicas = f", {shape[0]} x {shape[1]} replicas" if shape else ""
        return (
            f"TrainResult: {epochs} epochs of {self.steps_per_epoch} steps{replicas}; "
            f"{self.seconds.compile:.1f} s compiling, {self.seconds.run:.1f} s running"
        )

    def _table(self) -> list[list[str]]:
        losses, shape = self.history["validation_loss"], np.shape(self.best_epoch)
        rows = [["validation loss", "at epoch", "before training", "stop"]]
        for index in np.ndindex(shape):
            best, curve = int(self.best_epoch[index]), losses[index]
            reason = str(np.asarray(self.stop_reason, object)[index])
            rows.append([f"{curve[best]:.5g}", str(best), f"{curve[0]:.5g}", reason])
        names = ["replica", *(f"{i} {j}" for i, j in np.ndindex(shape))] if shape else []
        return [[name, *row] for name, row in zip(names, rows, strict=True)] if shape else rows


def train(
    params: Params,
    dataset: Dataset,
    config: TrainingConfig | Mapping[str, Any] = TrainingConfig(),  # noqa: B008
    *,
    seed: int = 0,
    recorder: Recorder | None = None,
    on_epochs: OnEpochs | None = None,
    weights: Any = None,
    origin: Origin | None = None,
    checkpoints: Checkpoints | None = None,
) -> TrainResult:
    """Trains a network on, and keeps the iterate that is best on the validation part.

    Args:
      params: {"Dense_0": {"kernel", "bias"}, ...}; its dtype is the dtype of the computation.
      dataset: Dataset, x (n, d) and y (n, k) per part; a warning tells if it is not standardised.
        Where the training rows are divided over several devices, so are all batches.
      config: TrainingConfig, or a mapping or ConfigDict with a subset of its fields.
      seed: decides the order of the rows, together with the epoch alone.
      recorder: measurements to take inside the compiled step.
      on_epochs: called now and then with the epochs done and the history so far; a resumed run
        calls it first with all that was done before.
      weights: (n,) of the training rows, not negative; only their ratios matter. None for those of
        the data set, if it has any.
      origin: where the units come from; for `group_rates` and `keep_axes`.
      checkpoints: where to save the state, and to go on from if the folder holds this very run,
        or one of fewer epochs.

    Returns:
      TrainResult.

    Raises:
      ValueError: unknown or bad config field, parameters that do not fit the data, numbers that
        are not finite, an empty or missing training or validation part, a group or mask that
        matches nothing, checkpoints of another run. All but the last is found before training is
        compiled.
      TypeError: no Dataset, Recorder or Checkpoints where one is wanted.
      OSError: the folder of the checkpoints cannot be read or written.
    """
    check_kind("dataset", dataset, Dataset)
    config = as_config(config).for_task(dataset.task)
    check_seed("seed", seed)
    check_watchers(recorder, on_epochs, checkpoints)
    data = prepare(params, dataset, config, weights, origin)
    config = cut_batch(config, data.train[0].shape[-2])
    rate = jnp.asarray(config.learning_rate, data.train[0].dtype)
    place = placement_of(data.train[0])
    if place is not None:
        check_shared(config, place)
        params, rate = place.copy((params, rate))
    run = Run(config, recorder, data, rate, np.uint32(seed), place)
    return run_training(run, params, on_epochs, checkpoints)


def train_replicas(
    params: Params,
    datasets: Dataset,
    config: TrainingConfig | Mapping[str, Any],
    *,
    learning_rates: Sequence[float],
    seeds: Sequence[int],
    recorder: Recorder | None = None,
    on_epochs: OnEpochs | None = None,
    weights: Any = None,
    origin: Origin | None = None,
    checkpoints: Checkpoints | None = None,
    keep_epochs: Sequence[int] = (),
    mesh: Mesh | None = None,
) -> TrainResult:
    """Trains S networks, each with L learning rates, as one vmapped computation.

    Replica (s, l) does what `train` does with params[s], dataset[s], learning_rates[l], seeds[s].
    Over the devices of a mesh replicas are divided as evenly as seeds and rates allow, and each
    device trains its own: nothing is exchanged but what is looked at or saved between epochs.

    Args:
      params: leaves with the leading axis S.
      datasets: Dataset whose arrays have the leading axis S, e.g. from `data.stack`.
      config: as for `train`; its learning rate is not used.
      learning_rates: L positive numbers.
      seeds: S integers for the order of the rows.
      recorder: as for `train`.
      on_epochs: as for `train`; the history has the axes (S, L, epochs + 1).
      weights: as for `train`, (S, n).
      origin: as for `train`, its arrays with the leading axis S.
      checkpoints: as for `train`.
      keep_epochs: epochs after which the evaluated networks are kept, 0 being the start.
      mesh: of the devices that share the replicas, of this process or, where all call this with
        the same arguments, of several; None for one device. A run that was saved may go on with
        another one.

    Returns:
      TrainResult with the leading axes (S, L), whole in every process.

    Raises:
      ValueError: as for `train`; replicas of different shapes.
      TypeError: as for `train`; no mesh.
    """
    check_kind("datasets", datasets, Dataset)
    config = as_config(config).for_task(datasets.task)
    learning_rates = as_list("learning_rates", learning_rates, "positive numbers")
    check(len(learning_rates) > 0, "learning_rates must hold at least one number; got none.")
    for index, rate in enumerate(learning_rates):
        check_number(f"learning_rates[{index}]", rate, above=0)
    seeds = as_list("seeds", seeds, "integers")
    for index, seed in enumerate(seeds):
        check_seed(f"seeds[{index}]", seed)
    keep_epochs = as_list("keep_epochs", keep_epochs, "integers")
    for index, epoch in enumerate(keep_epochs):
        check_integer(f"keep_epochs[{index}]", epoch, 0)
    check_watchers(recorder, on_epochs, checkpoints)
    data = prepare(params, datasets, config, weights, origin, len(seeds))
    config = cut_batch(config, data.train[0].shape[-2])
    rates = jnp.asarray(learning_rates, data.train[0].dtype)
    grid = None if mesh is None else make_grid(mesh, len(seeds), len(rates))
    run = Run(config, recorder, data, rates, np.asarray(seeds, np.uint32), grid=grid)
    return run_training(run, params, on_epochs, checkpoints, tuple(keep_epochs))


def check_seed(name: str, seed: Any) -> None:
    """Raises ValueError unless it is an integer from 0 to 2**32 - 1."""
    check_integer(name, seed, 0)
    check(seed < 2**32, f"{name} must be below 2**32; got {shown(seed)}.")


def check_watchers(
    recorder: Recorder | None, on_epochs: OnEpochs | None, checkpoints: Checkpoints | None
) -> None:
    """Raises TypeError or ValueError unless these are what `train` takes."""
    if recorder is not None:
        check_kind("recorder", recorder, Recorder)
    check(
        on_epochs is None or callable(on_epochs),
        f"on_epochs must be a function; got {shown(on_epochs)}.",
    )
    if checkpoints is not None:
        check_kind("checkpoints", checkpoints, Checkpoints)
        check_integer("checkpoints.every", checkpoints.every, 1)


@dataclasses.dataclass(frozen=True)
class Run:
    """What decides a run, apart from its initial parameters."""

    config: TrainingConfig
    recorder: Recorder | None
    data: Data
    rate: jax.Array  # () or (L,)
    seed: np.ndarray | np.uint32  # () or (S,)
    place: Placement | None = None  # of the rows, where several devices share them
    grid: Grid | None = None  # of the replicas, where several devices share them

    def program(self) -> Program:
        """What is compiled."""
        mesh = None if self.grid is None else self.grid.mesh
        replicas = np.ndim(self.rate) == 1
        return Program(self.config.structure(), self.recorder, replicas, self.place, mesh)

    def divided(self, tree: Any, axes: str | None = "both") -> Any:
        """What has these leading axes, laid out on the devices that share the replicas."""
        return tree if self.grid is None else self.grid.divide(tree, axes)

    def whole(self, tree: Any) -> Any:
        """The inverse of `divided`."""
        return tree if self.grid is None else self.grid.whole(tree)

    def laid_out(self) -> "Run":
        """The run with its arrays on the devices that share the replicas."""
        seed, rate = self.divided(self.seed, "seeds"), self.divided(self.rate, "rates")
        data = self.divided(self.data, "seeds")
        return dataclasses.replace(self, data=data, seed=seed, rate=rate)

    def numbers(self) -> Numbers:
        """The numbers that the compiled program takes."""
        numbers = numbers_of(self.config, self.steps_per_epoch(), self.rate.dtype)
        return self.divided(numbers, None)

    def begin(self, params: Params) -> TrainState:
        """The state before training."""
        params = self.divided(params, "seeds")
        arguments = (params, self.data, self.numbers(), self.rate, self.config.epochs)
        return _epochs.begin(*arguments, self.program())

    def advance(self, state: TrainState, stop: int, start: int) -> TrainState:
        """The state after the epochs start + 1 .. stop; the old one is donated."""
        arguments = (state, self.data, self.numbers(), self.rate, self.seed, stop, start)
        return jax.block_until_ready(_epochs.advance(*arguments, self.program()))

    def steps_per_epoch(self) -> int:
        """Steps of an epoch."""
        return self.config.steps_per_epoch(self.data.train[0].shape[-2])

    def description(self, params: Params) -> dict[str, Any]:
        """Everything that decides the run, as JSON; arrays by their digests."""
        config = dataclasses.asdict(self.config)
        config["learning_rate"] = np.asarray(self.rate).astype(str).tolist()
        evaluation, (*_, last) = self.data.evaluation, self.data.train
        # The training rows are part of the evaluation; zeros of weights tell rows from padding.
        counted = (evaluation.part > 0).astype(evaluation.weight.dtype)
        held = evaluation.weight * counted[..., None]
        data = [evaluation.x, evaluation.y, evaluation.part, held, np.shape(last)]
        recorder, trace = self.recorder, None
        if recorder is not None:
            trace = repr(jax.eval_shape(lambda p: recorder.init(p, _MANY_CALLS), params))
        return {
            "training": config,
            "seeds": self.seed.tolist(),
            "params": digest(params),
            "data": digest(data),
            "weights": digest(last) if len(self.data.train) > 2 else None,
            "origin": None if self.data.scale is None else digest(self.data.scale),
            "recorder": trace,
        }

    def is_over(self, state: TrainState, done: int) -> bool:
        """Whether nothing is left to do after so many epochs."""
        status = self.whole(state.iterate.status)
        return done >= self.config.epochs or not (status == RUNNING).any()


def run_training(
    run: Run,
    params: Params,
    on_epochs: OnEpochs | None,
    checkpoints: Checkpoints | None,
    keep_epochs: tuple[int, ...] = (),
) -> TrainResult:
    """Compiles, then resumes or starts, then runs all epochs.

    Args:
      run: what decides the training.
      params, on_epochs, checkpoints: as of `train`. keep_epochs: as of `train_replicas`.
    """
    began = time.perf_counter()
    described = None if checkpoints is None else run.description(params)
    run = run.laid_out()
    # A run of no epochs compiles the program and does nothing else.
    state = run.advance(run.begin(params), 0, 0)
    compiled = time.perf_counter()
    kept: dict[int, Params] = {}
    pieces = _Pieces(run, on_epochs, keep_epochs, kept)
    if checkpoints is None or described is None:
        state = _run_epochs(run, state, 0, pieces, None, 0)
    else:
        with contextlib.closing(Store(checkpoints, described)) as store:
            done, state = _latest(run, store, state)
            state = _run_epochs(run, state, done, pieces, store, checkpoints.every)
    seconds = Seconds(compiled - began, time.perf_counter() - compiled)
    return _result(run, state, seconds)._replace(kept=kept)


def _latest(run: Run, store: Store, state: TrainState) -> tuple[int, TrainState]:
    """The epochs that were saved, and the state after them; what is there is of whole replicas."""
    done, saved = store.latest(run.whole(state))
    return (done, run.divided(saved)) if done else (0, state)


class _Pieces(NamedTuple):
    """Who looks at a run between its pieces."""

    run: Run
    on_epochs: OnEpochs | None
    keep_epochs: tuple[int, ...]
    kept: dict[int, Params]

    def length(self, epochs: int) -> list[int]:
        return [] if self.on_epochs is None else [max(1, -(-epochs // _REPORTS))]

    def look(self, done: int, state: TrainState) -> None:
        if done in self.keep_epochs:  # the state is donated to the next piece
            average = self.run.whole(state.iterate.average)
            self.kept[done] = jax.tree.map(jnp.copy, average)
        if self.on_epochs is not None:
            self.on_epochs(done, _history(self.run, state, done))


def _run_epochs(
    run: Run, state: TrainState, done: int, pieces: _Pieces, store: Store | None, every: int
) -> TrainState:
    """Runs the epochs after `done`, in pieces if somebody watches, keeps or saves."""
    lengths = pieces.length(run.config.epochs) + ([every] if store is not None else [])
    pieces.look(done, state)
    while not run.is_over(state, done):
        ends = [(done // length + 1) * length for length in lengths]
        ends += [epoch for epoch in pieces.keep_epochs if epoch > done]
        stop = min([run.config.epochs, *ends])
        state, done = run.advance(state, stop, done), stop
        if store is not None and (done % every == 0 or run.is_over(state, done)):
            store.save(done, run.whole(state), is_last=run.is_over(state, done))
        pieces.look(done, state)
    return state


def _history(run: Run, state: TrainState, done: int) -> dict[str, np.ndarray]:
    names = history_names(run.program().structure.loss)
    values = np.asarray(run.whole(state.history))
    return {name: values[..., i, : done + 1] for i, name in enumerate(names)}


def _result(run: Run, state: TrainState, seconds: Seconds) -> TrainResult:
    config, recorder = run.config, run.recorder
    history, state = _history(run, state, config.epochs), run.whole(state)
    status, step = np.asarray(state.iterate.status), np.asarray(state.iterate.step)
    best_epoch = np.asarray(state.best_epoch)
    reasons = np.empty(status.shape, object)
    for index in np.ndindex(status.shape):
        reasons[index] = stop_reason(status[index], step[index], best_epoch[index], config)
    return TrainResult(
        params=state.best_params,
        last_params=state.iterate.average,
        history=history,
        best_epoch=best_epoch,
        steps_per_epoch=run.steps_per_epoch(),
        trace=None if recorder is None else recorder.summarise(state.iterate.trace),
        seconds=seconds,
        stop_reason=reasons if status.ndim else reasons.item(),
        diverged=status == DIVERGED,
    )
