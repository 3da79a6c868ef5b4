"""How a start is judged: made, trained, its rate chosen on validation rows, scored on test rows.

Every program judges by this one protocol. All seeds and learning rates of a contender are trained
as one computation; nothing is chosen on test rows; scores are in raw units, whatever the loss that
was trained on; seconds hold everything that a start does. Validation and test rows are pulled in to
the range of the training rows, for every contender alike (`prepare`).
"""

import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from spline_fc import data, network, training
from spline_fc.checks import as_key, check_one_of
from spline_fc.cpwl import FitResult, evaluate_float64
from spline_fc.data import Dataset
from spline_fc.network import DirectionsChoice, Params
from spline_fc.printing import printed
from spline_fc.timing import Seconds, Stopwatch
from spline_fc.training import LOSS_OF_LINK, TrainingConfig, TrainResult

SPLINE = "spline"  # the start that is made by spline_start; all others are initialisers
TIMED_STEPS = 3000  # of a run alone, after compilation


class Contender(NamedTuple):
    """A way to begin and to train on, under a name of its own."""

    name: str
    start: str  # SPLINE or a name in network.INITIALISERS
    options: Mapping[str, Any]  # of network.spline_start
    training: TrainingConfig
    control: str | None = None  # of network.CONTROLS: a spline start with something taken away
    noise: float = 0.0  # of network.add_noise, on a spline start


@printed
class Start(NamedTuple):
    """What one seed of a contender sets out from."""

    params: Params
    fit: FitResult | None  # that the network equals, or did before it was altered
    directions: DirectionsChoice | None  # of that spline
    seconds: Seconds  # of all that it took


@printed
class Verdict(NamedTuple):
    """What validation and test rows say of S seeds and L learning rates."""

    best_loss: np.ndarray  # (S, L) best validation loss, infinite where there is none
    chosen: np.ndarray  # (S,) int, index of the rate with the lowest
    scores: list[list[dict[str, float]]]  # [S][L], test part, at the best validation step
    start_scores: list[dict[str, float]]  # [S], test part, before the first step


def prepare(raw: Dataset, extrapolate: str = "clip") -> Dataset:
    """Standardises a data set and makes of its validation and test rows what all are judged on.

    Args:
      raw: in raw units.
      extrapolate: "clip" pulls these rows in to the range of the training rows, see
        `data.pull_in`; "linear" leaves them, and pieces at the border go straight on.

    Raises:
      ValueError: what `standardize` refuses, an unknown word.
    """
    check_one_of("extrapolate", extrapolate, data.EXTRAPOLATE)
    standard = data.standardize(raw)
    return data.pull_in(standard) if extrapolate == "clip" else standard


def key_of(seed: int, contender: Contender) -> jax.Array:
    """The key of a start: contenders of one kind share their random numbers, others do not."""
    return jax.random.fold_in(as_key(seed), zlib.crc32(contender.start.encode()))


def make_start(
    key: jax.Array, contender: Contender, dataset: Dataset, hidden_sizes: int | Sequence[int]
) -> Start:
    """Makes the network that a contender begins with on the training part.

    Args:
      key: from `key_of`.
      contender: which start.
      dataset: from `prepare`.
      hidden_sizes: widths of the hidden layers.

    Raises:
      ValueError: what `network.spline_start` and `network.init_params` refuse.
    """
    with Stopwatch() as clock:
        x, y = (jnp.asarray(array) for array in data.as_dataset(dataset).train)
        fit = directions = None
        if contender.start == SPLINE:
            task = training.fitted_as(contender.training.loss, dataset.task)
            named = {"names": dataset.feature_names, "shared_scale": dataset.shared_scale}
            given: dict[str, Any] = {**named, "task": task, **contender.options}
            if dataset.weights is not None:
                given["weights"] = dataset.weights.train
            found = network.spline_start(key, x, y, hidden_sizes, **given)
            altered = {"control": contender.control, "noise": contender.noise}
            found = network.altered_start(key, found, x, y, given, **altered)
            params, fit, directions = found.params, found.fit, found.directions
        else:
            params = network.init_params(contender.start, key, x, y, hidden_sizes)
        jax.block_until_ready(params)
    return Start(params, fit, directions, clock.seconds)


def train(
    contender: Contender,
    starts: Sequence[Start],
    datasets: Sequence[Dataset],
    learning_rates: Sequence[float],
    seeds: Sequence[int],
    *,
    mesh: Mesh | None = None,
    **watched: Any,
) -> TrainResult:
    """Trains all seeds and rates of a contender as one vmapped computation.

    Args:
      contender: its training config; groups of weights and the axis mask hold for spline starts.
      starts: one per seed.
      datasets: from `prepare`, one per seed, of equal shapes.
      learning_rates: the grid.
      seeds: of the order of the rows.
      mesh: of the devices that share the runs; None for those of this process.
      **watched: `recorder`, `on_epochs`, `checkpoints`, `keep_epochs` of `training.train_replicas`.

    Returns:
      TrainResult with the axes (S, L).
    """
    config, origin = contender.training, None
    if config.keep_axes or config.group_rates:
        spline_starts = [(start.fit, start.params) for start in starts if start.fit is not None]
        origins = [training.spline_origin(fit.spline, params) for fit, params in spline_starts]
        origin = jax.tree.map(lambda *leaves: np.stack(leaves), *origins)
    return training.train_replicas(
        training.stack_params([start.params for start in starts]),
        data.stack(datasets),
        config,
        learning_rates=learning_rates,
        seeds=seeds,
        origin=origin,
        mesh=training.own_devices() if mesh is None else mesh,
        **watched,
    )


def judge(
    contender: Contender,
    starts: Sequence[Start],
    datasets: Sequence[Dataset],
    result: TrainResult,
) -> Verdict:
    """Chooses the learning rate of every seed on validation rows and scores on test rows.

    Args:
      contender, starts, datasets: as for `train`, which gave `result`.
    """
    loss = contender.training.loss_of(datasets[0].task)
    best = best_losses(result)
    scores = [
        [score(training.replica(result.params, s, r), dataset, loss) for r in range(best.shape[1])]
        for s, dataset in enumerate(datasets)
    ]
    before = [score(start.params, d, loss) for start, d in zip(starts, datasets, strict=True)]
    return Verdict(best, best.argmin(axis=1), scores, before)


def best_losses(result: TrainResult) -> np.ndarray:
    """The best validation loss of every run (S, L), infinite where there is none."""
    curves = np.asarray(result.history["validation_loss"])
    best = np.take_along_axis(curves, np.asarray(result.best_epoch)[..., None], -1)[..., 0]
    return np.where(np.isfinite(best), best, np.inf)


def score(model: Params | FitResult, dataset: Dataset, loss: str) -> dict[str, float]:
    """Scores a network or a spline on the test part, by task and in raw units.

    Args:
      model: takes standardised x.
      dataset: from `prepare`.
      loss: what the outputs of a network were trained on: cross-entropies take logits. A spline
        says itself what its outputs are.

    Returns:
      As `training.scores`.
    """
    x, y = data.as_dataset(dataset).test
    if isinstance(model, FitResult):
        outputs, loss = evaluate_float64(model.spline, x), LOSS_OF_LINK[model.link]
    else:
        outputs = _apply(model, jnp.asarray(x))
    return training.scores(
        dataset.task, loss, outputs, y, scaler=dataset.scaler, target_names=dataset.target_names
    )


_apply = jax.jit(network.apply_params)


def refit(
    contender: Contender,
    raw: Sequence[Dataset],
    hidden_sizes: Sequence[int],
    seeds: Sequence[int],
    rates: Sequence[float],
    epochs: Sequence[int],
    extrapolate: str = "clip",
) -> list[tuple[Params, dict[str, float]]]:
    """Trains once more on training and validation rows, with what the validation rows chose.

    This is how published errors mostly come about: tuned on a part of the training rows, then
    trained on all. Nothing is held out then, so neither guard nor best iterate has a say.

    Args:
      contender: as for `train`; its schedule must not depend on the number of epochs.
      raw: one data set per seed, not standardised.
      hidden_sizes: widths.
      seeds: one per data set.
      rates, epochs: what was chosen for each seed.
      extrapolate: of `prepare`.

    Returns:
      The network and its scores on the test part, per seed.
    """
    found: list[Any] = [None for _ in seeds]
    for rate in sorted(set(rates)):
        own = [i for i, chosen in enumerate(rates) if chosen == rate]
        sets = [prepare(data.join_validation(raw[i]), extrapolate) for i in own]
        starts = [
            make_start(key_of(seeds[i], contender), contender, dataset, hidden_sizes)
            for i, dataset in zip(own, sets, strict=True)
        ]
        last = max(epochs[i] for i in own)
        longest = contender._replace(training=replace(contender.training, epochs=last))
        kept = sorted({epochs[i] for i in own})
        result = train(longest, starts, sets, [rate], [seeds[i] for i in own], keep_epochs=kept)
        for place, (i, dataset) in enumerate(zip(own, sets, strict=True)):
            params = training.replica(result.kept[epochs[i]], place, 0)
            loss = contender.training.loss_of(dataset.task)
            found[i] = params, score(params, dataset, loss)
    return found


def time_alone(
    contender: Contender, dataset: Dataset, hidden_sizes: Sequence[int], seed: int, repeats: int = 3
) -> dict[str, float]:
    """Times a start, and a step of one run alone, both warm.

    Args:
      contender: what to time.
      dataset: standardised.
      hidden_sizes: widths.
      seed: of the start and of the order of the rows.
      repeats: of each; medians are returned.

    Returns:
      {"start_seconds", "step_seconds"}; the latter with its share of the evaluation of epochs.
    """
    key = key_of(seed, contender)

    def begin() -> tuple[Params, float]:
        began = time.perf_counter()
        params = make_start(key, contender, dataset, hidden_sizes).params
        return params, time.perf_counter() - began

    params, _ = begin()  # compiles
    steps = contender.training.steps_per_epoch(len(dataset.train.x))
    plain = {"learning_rate": 1e-3, "group_rates": (), "keep_axes": False}
    config = replace(contender.training, epochs=-(-TIMED_STEPS // steps), **plain)
    runs = [training.train(params, dataset, config, seed=seed).seconds.run for _ in range(repeats)]
    return {
        "start_seconds": float(np.median([begin()[1] for _ in range(repeats)])),
        "step_seconds": float(np.median(runs)) / (steps * config.epochs),
    }
