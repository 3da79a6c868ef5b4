"""Trains an ensemble: every member holds out other rows, and all are one computation."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from absl import logging
from jax.sharding import Mesh

from spline_fc import protocol
from spline_fc.checks import as_options, as_sizes, check, check_integer, check_kind, check_one_of
from spline_fc.data import EXTRAPOLATE, Dataset, Part, join_validation, pull_in, standardize
from spline_fc.data.folds import Fold, cross_fit
from spline_fc.ensemble.record import Ensemble, outputs_of
from spline_fc.ensemble.starts import Variety, check_variety, make_starts
from spline_fc.protocol import SPLINE, Contender, Start
from spline_fc.timing import Stopwatch
from spline_fc.training import (
    LEARNING_RATES,
    Checkpoints,
    TrainingConfig,
    TrainResult,
    as_config,
)
from spline_fc.training.loop import OnEpochs

HOLDOUTS = ("folds", "one")
MOST_FOLDS = 8  # unless more are asked for


def train_ensemble(
    seed: int,
    dataset: Dataset,
    hidden_sizes: int | Sequence[int] = (64, 64),
    *,
    members: int = 8,
    folds: int | None = None,
    holdout: str = "folds",
    start: str = SPLINE,
    start_options: Mapping[str, Any] | None = None,
    spline: str = "own",
    variety: Variety | None = None,
    training_config: TrainingConfig | Mapping[str, Any] | None = None,
    learning_rates: Sequence[float] = LEARNING_RATES,
    extrapolate: str = "clip",
    dtype: Any = np.float32,
    on_epochs: OnEpochs | None = None,
    checkpoints: Checkpoints | None = None,
    mesh: Mesh | None = None,
) -> Ensemble:
    """Trains members that each hold out one fold of the rows, from a spline of the other rows.

    Training and validation rows are pooled and cut into folds that keep identical rows together,
    classes dealt evenly. Member k is fitted and trained on all but fold k, and its best epoch is
    that of the lowest loss on fold k. All members and learning rates are trained as one vmapped
    computation, and one rate is chosen for all: that at which fewest members diverge, of these the
    one with the lowest mean of their best validation losses. Members that diverged at that rate are
    left out, and a warning tells so.

    What a fold has no say in is the spline and every step of training. It has one in the choice of
    the best epoch and, with all other rows, of the learning rate and the scaler, which is one for
    all members. So out-of-fold errors are a little lower than those on new rows.

    Args:
      seed: of folds, starts and the order of the rows.
      dataset: in raw units, from `load` or `from_arrays`; its test part is only watched.
      hidden_sizes: widths of the hidden layers of each member.
      members: K, at least 2.
      folds: at least 2; None for as many as members, at most 8. With more members than folds rows
        are cut anew for every round; with fewer, some rows are held out by no member.
      holdout: "folds", or "one": all members hold out the validation part of the data set, and
        differ in what is random about a start and in the order of the rows.
      start: "spline", or an initialiser of `network.init_params`.
      start_options: of `network.spline_start`.
      spline: "own", of a member's training rows; "bootstrap", of as many drawn from them with
        replacement; "shared", one for all members, which differ in their free units then. It is of
        all rows, so that none counts as held out; with holdout "one" of the training part.
      variety: {option of `network.spline_start`: values}; each member draws one value of each.
      training_config: a TrainingConfig or any of its fields.
      learning_rates: the grid.
      extrapolate: "clip" pulls the rows that a member holds out, and the test part, in to the range
        of its training rows; "linear" leaves them as they are.
      dtype: of rows and parameters; float64 needs jax_enable_x64.
      on_epochs: as in `training.train_replicas`; its axes are members and rates.
      checkpoints: as in `training.train_replicas`: a run that was killed goes on from there.
      mesh: of the devices that share the members and rates in training; None for those of this
        process.

    Returns:
      Ensemble.

    Raises:
      ValueError: fewer rows than folds, a class that is missing from the training rows of a member,
        all members diverged at every rate, and what `standardize`, `spline_start` and
        `train_replicas` refuse.
      TypeError: no Dataset.
    """
    check_kind("dataset", dataset, Dataset)
    check_integer("seed", seed, 0)
    check_one_of("extrapolate", extrapolate, EXTRAPOLATE)
    variety = {} if variety is None else variety
    check_variety(start, spline, variety)
    options = as_options("start_options", start_options)
    contender = Contender(start, start, options, as_config(training_config or {}))
    sizes = as_sizes("hidden_sizes", hidden_sizes)
    with Stopwatch() as clock:
        raw = join_validation(dataset)
        pooled = standardize(raw, dtype)
        parts = _parts(raw, len(dataset.train.x), seed, members, folds, holdout)
        datasets = [_member_rows(pooled, part) for part in parts]
        if extrapolate == "clip":
            datasets = [pull_in(rows) for rows in datasets]
        shared = datasets[0] if holdout == "one" else pooled
        differing = {"fitted_on": shared, "spline": spline, "variety": variety}
        starts = make_starts(seed, contender, datasets, sizes, **differing)
        watched = {"on_epochs": on_epochs, "checkpoints": checkpoints, "mesh": mesh}
        seeds = order_seeds(seed, members)
        result = protocol.train(contender, starts, datasets, learning_rates, seeds, **watched)
        held_out = np.stack([part.held_out for part in parts])
        if spline == "shared" and holdout == "folds":
            held_out[:] = False  # the spline has seen them all
        loss = contender.training.loss_of(dataset.task)
        found = _gather(result, starts, pooled, loss, held_out, learning_rates)
    return found._replace(seconds=clock.seconds)


def _gather(
    result: TrainResult,
    starts: Sequence[Start],
    pooled: Dataset,
    loss: str,
    held_out: np.ndarray,
    learning_rates: Sequence[float],
) -> Ensemble:
    """The members that did not diverge, at the rate that is best for them together."""
    losses = protocol.best_losses(result)
    rate, members = _choose(losses, np.asarray(result.diverged))
    params, best_epochs, history = jax.tree.map(
        lambda leaf: leaf[members, rate], (result.params, result.best_epoch, result.history)
    )
    held_out = held_out[members]
    outputs = np.asarray(outputs_of(params, pooled.train.x))
    return Ensemble(
        params=params,
        scaler=pooled.scaler,
        task=pooled.task,
        feature_names=pooled.feature_names,
        target_names=pooled.target_names,
        loss=loss,
        held_out=held_out,
        out_of_fold=out_of_fold(outputs, held_out),
        targets=pooled.train.y,
        fits=tuple(starts[member].fit for member in members),
        learning_rate=float(learning_rates[rate]),
        best_epochs=best_epochs,
        validation_loss=losses[members, rate],
        history=history,
        steps_per_epoch=result.steps_per_epoch,
        dropped=len(starts) - len(members),
        seconds=result.seconds,
    )


def order_seeds(seed: int, members: int) -> list[int]:
    """The seeds of the order of the rows, one per member."""
    return np.random.SeedSequence([seed, 3]).generate_state(members).tolist()


def out_of_fold(outputs: np.ndarray, held_out: np.ndarray) -> np.ndarray:
    """The mean (n, k) of outputs (K, n, k) over the members that held a row out, (K, n) bool."""
    count = held_out.sum(axis=0)[:, None]
    total = np.where(held_out[..., None], outputs, 0).sum(axis=0)
    mean = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return mean.astype(outputs.dtype)


def _parts(
    raw: Dataset, train: int, seed: int, members: int, folds: int | None, holdout: str
) -> list[Fold]:
    """What members are trained on, of the pooled rows; the first so many are the training part."""
    check_integer("members", members, 2)
    check_one_of("holdout", holdout, HOLDOUTS)
    if holdout == "one":
        check(folds is None, f"folds must be left out with holdout 'one'; got {folds!r}.")
        rows = np.arange(len(raw.train.x))
        return [Fold(rows[:train], rows[train:], rows >= train)] * members
    folds = min(members, MOST_FOLDS) if folds is None else folds
    x, y = (np.asarray(array) for array in raw.train)
    return cross_fit(x, y, raw.task, members=members, folds=folds, seed=seed)


def _member_rows(pooled: Dataset, fold: Fold) -> Dataset:
    """The pooled rows as a member sees them."""
    train, validation = (
        Part(*(a[rows] for a in pooled.train)) for rows in (fold.train, fold.validation)
    )
    weights = pooled.weights
    if weights is not None:
        own = weights.train[fold.train], weights.train[fold.validation]
        weights = weights._replace(train=own[0], validation=own[1])
    return pooled._replace(train=train, validation=validation, weights=weights)


def _choose(losses: np.ndarray, diverged: np.ndarray) -> tuple[int, np.ndarray]:
    """The index of the rate for all members, and the members that did not diverge at it.

    Of best validation losses (K, L) and of what diverged, (K, L) bool; who is left out is told.
    """
    lost = diverged | ~np.isfinite(losses)
    check(
        not lost.all(),
        "training must leave at least one member at one learning rate; got none: all diverged.",
    )
    mean = np.where(lost, 0, losses).sum(axis=0) / np.maximum((~lost).sum(axis=0), 1)
    rate = int(np.lexsort((mean, lost.sum(axis=0)))[0])
    gone = np.flatnonzero(lost[:, rate])
    if gone.size:
        logging.warning(
            "%d of %d members diverged and are left out: %s.", gone.size, len(lost), gone.tolist()
        )
    return rate, np.flatnonzero(~lost[:, rate])
