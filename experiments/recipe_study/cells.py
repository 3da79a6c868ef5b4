"""One cell of the bake-off: a contender on a data set at one size, all splits and rates at once."""

import functools
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from spline_fc import data, network, training

TIMED_STEPS = 3000  # of a run alone, after compilation


class Start(NamedTuple):
    """What a contender sets out from on one split."""

    params: Any
    terms: int | None  # of the spline, None for the others


@functools.cache
def dataset(name: str, split: int) -> data.Dataset:
    """Loads a split, published where there are any, standardised by its training part."""
    return data.standardize(_load(name, split))


def joined(name: str, split: int) -> data.Dataset:
    """The same with the validation rows in the training part, and nothing held out but the test.

    The validation part repeats the training part: there is nothing left to choose by it.
    """
    raw = _load(name, split)
    both = data.Part(*map(np.concatenate, zip(raw.train, raw.validation, strict=True)))
    return data.standardize(raw._replace(train=both, validation=both))


def _load(name: str, split: int) -> data.Dataset:
    return data.load(name, seed=split, split=split if name.startswith("uci_") else None)


def make_start(contender: Mapping[str, Any], part: data.Part, hidden_sizes, key) -> Start:
    """Builds the network that a contender starts from.

    Args:
      contender: "start" is "recipe", with "options" of `network.spline_start`, or names an
        initialiser.
      part: training part, standardised.
      hidden_sizes: widths.
      key: of the random weights.

    Returns:
      Start.
    """
    x, y = jnp.asarray(part.x), jnp.asarray(part.y)
    if contender["start"] != "recipe":
        return Start(network.init_params(contender["start"], key, x, y, hidden_sizes), None)
    found = network.spline_start(key, x, y, hidden_sizes, **contender.get("options", {}))
    return Start(found.params, 1 + len(found.fit.fit.spline.coef))


def run_cell(
    name: str,
    hidden_sizes: Sequence[int],
    contender: Mapping[str, Any],
    settings: Mapping[str, Any],
    learning_rates: Sequence[float],
    splits: Sequence[int],
) -> dict[str, Any]:
    """Trains a contender on the splits of a set, with every learning rate, as one vmap.

    Args:
      name: of the data set.
      hidden_sizes: widths of the hidden layers.
      contender: as for `make_start`; with "refit" the errors of `refit` are added.
      settings: fields of TrainingConfig, those that all contenders share and those of the set;
        the contender's own "training" goes before them.
      learning_rates: the grid.
      splits: numbers of published splits, or seeds of random ones.

    Returns:
      {"steps_per_epoch", "pairs": one dict per split}, ready for JSON.
    """
    sets = [dataset(name, split) for split in splits]
    settings = {**settings, **contender.get("training", {})}
    starts, result = _run(sets, hidden_sizes, contender, settings, learning_rates, splits)
    pairs = [_pair(result, i, sets[i], learning_rates) for i in range(len(splits))]
    for pair, split, start in zip(pairs, splits, starts, strict=True):
        pair.update(split=split, terms=start.terms)
    if contender.get("refit"):
        refit(name, hidden_sizes, contender, settings, pairs)
    return {"steps_per_epoch": result.steps_per_epoch, "pairs": pairs}


def refit(name: str, hidden_sizes, contender, settings, pairs: Sequence[dict[str, Any]]) -> None:
    """Trains once more on training and validation rows, with what the validation rows chose.

    Start, learning rate and number of epochs are those of the first run. This is how the published
    errors came about: tuned on a part of the training rows, then trained on all of them.

    Args:
      name, hidden_sizes, contender: as for `run_cell`.
      settings: fields of TrainingConfig; the rate does not depend on the number of epochs, so that
        a run to the last of several epochs passes all of them ("schedule" is "constant").
      pairs: of `run_cell`; each gets "refit_rmse", the test error after its epochs.
    """
    for rate in sorted({pair["learning_rate"] for pair in pairs}):
        own = [pair for pair in pairs if pair["learning_rate"] == rate]
        splits = [pair["split"] for pair in own]
        sets = [joined(name, split) for split in splits]
        last = max(pair["best_epoch"] for pair in own)
        _, result = _run(
            sets, hidden_sizes, contender, {**settings, "epochs": last}, [rate], splits
        )
        for pair, split, losses in zip(own, sets, result.history["test_loss"], strict=True):
            pair["refit_rmse"] = float(_unit(split) * np.sqrt(losses[0, pair["best_epoch"]]))


def _run(sets, hidden_sizes, contender, settings, learning_rates, splits):
    starts = [
        make_start(contender, d.train, hidden_sizes, _key(split))
        for d, split in zip(sets, splits, strict=True)
    ]
    result = training.train_replicas(
        jax.tree.map(lambda *leaves: jnp.stack(leaves), *(start.params for start in starts)),
        data.stack(sets),
        settings,
        learning_rates=learning_rates,
        seeds=splits,
    )
    return starts, result


def time_cell(
    name: str,
    hidden_sizes: Sequence[int],
    contender: Mapping[str, Any],
    settings: Mapping[str, Any],
    split: int = 0,
    repeats: int = 3,
) -> dict[str, float]:
    """Times a contender's start and a step of one run alone, both warm.

    Args:
      name, hidden_sizes, contender, settings: as for `run_cell`.
      split: the split to time on.
      repeats: of each; the medians are returned.

    Returns:
      {"start_seconds", "step_seconds"}, the latter with its share of evaluation after each epoch.
    """
    part = dataset(name, split).train

    def start():
        began = time.perf_counter()
        params = jax.block_until_ready(
            make_start(contender, part, hidden_sizes, _key(split)).params
        )
        return params, time.perf_counter() - began

    params, _ = start()  # compiles
    steps = len(part.x) // settings["batch_size"]
    settings = {**settings, **contender.get("training", {})}
    config = {**settings, "epochs": -(-TIMED_STEPS // steps), "learning_rate": 1e-3}
    runs = [
        training.train(params, dataset(name, split), config, seed=split).seconds.run
        for _ in range(repeats)
    ]
    return {
        "start_seconds": float(np.median([start()[1] for _ in range(repeats)])),
        "step_seconds": float(np.median(runs)) / (steps * config["epochs"]),
    }


def _key(split: int) -> jax.Array:
    return jax.random.fold_in(jax.random.key(0), split)


def _pair(result: training.TrainResult, index: int, data_: data.Dataset, rates) -> dict[str, Any]:
    """What is kept of one split: the curve at the rate chosen on validation, and every rate's end.

    The recipe starts as its spline, so its test error before training is that of the spline alone.
    """
    validation = result.history["validation_loss"][index]
    best = [float(np.nanmin(curve)) if np.isfinite(curve).any() else np.inf for curve in validation]
    chosen = int(np.argmin(best))
    epochs = result.best_epoch[index]
    test = _unit(data_) * np.sqrt(result.history["test_loss"][index])
    kept = validation[chosen][np.isfinite(validation[chosen])]
    return {
        "learning_rate": rates[chosen],
        "best_epoch": int(epochs[chosen]),
        "test_rmse": float(test[chosen, epochs[chosen]]),
        "start_rmse": float(test[chosen, 0]),
        "worst": float(np.max(kept) / kept[0]),
        "validation_by_rate": _short(best),
        "test_rmse_by_rate": _short(test[np.arange(len(rates)), epochs]),
        "validation": _short(kept),
        "stop_reason": str(result.stop_reason[index, chosen]),
    }


def _unit(data_: data.Dataset) -> float:
    """What a root mean square error of 1 is in units of y."""
    return float(np.sqrt(np.mean(np.asarray(data_.scaler.y_scale) ** 2)))


def _short(values) -> list[float]:
    """Five significant digits: curves are for reading, not for resuming."""
    return [float(f"{value:.5g}") for value in np.asarray(values, float)]
