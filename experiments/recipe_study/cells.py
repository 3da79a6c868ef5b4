"""One cell of the bake-off: a contender on a data set at one size, all splits and rates at once."""

import functools
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from spline_fc import cpwl, data, network, training


class Start(NamedTuple):
    """What a contender sets out from on one split."""

    params: Any
    seconds: float  # of fitting and building it; what compiled in between is not counted
    terms: int | None  # of the spline, None for the others
    test_loss: float | None  # of the spline itself


@functools.cache
def dataset(name: str, split: int) -> data.Dataset:
    """Loads a split, published where there are any, standardised by its training part."""
    published = name.startswith("uci_")
    return data.standardize(data.load(name, seed=split, split=split if published else None))


def make_start(contender: Mapping[str, Any], data_: data.Dataset, hidden_sizes, key) -> Start:
    """Builds the network that a contender starts from.

    Args:
      contender: "start" names an initialiser or is "spline"; the latter reads "fit", options of
        `cpwl.fit_mars`, and "reshape", options of `network.reshape`.
      data_: standardised Dataset.
      hidden_sizes: widths.
      key: of the random weights.

    Returns:
      Start.
    """
    x, y = jnp.asarray(data_.train.x), jnp.asarray(data_.train.y)
    if contender["start"] != "spline":
        began = time.perf_counter()
        params = network.init_params(contender["start"], key, x, y, hidden_sizes=hidden_sizes)
        return Start(jax.block_until_ready(params), time.perf_counter() - began, None, None)
    fit = cpwl.fit_mars(x, y, max_hinges=min(hidden_sizes), **contender.get("fit", {}))
    began = time.perf_counter()
    exact = network.to_params(fit.spline, num_features=x.shape[1])
    params = network.reshape(exact, hidden_sizes, key, **contender.get("reshape", {}))
    seconds = fit.seconds.run + time.perf_counter() - began
    test = np.asarray(data_.test.y) - np.asarray(cpwl.evaluate(fit.spline, data_.test.x))
    return Start(params, seconds, 1 + len(fit.spline.coef), float(np.mean(test**2)))


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
      contender: as for `make_start`; its "training" overrides the settings.
      settings: fields of TrainingConfig that all contenders share.
      learning_rates: the grid.
      splits: numbers of published splits, or seeds of random ones.

    Returns:
      {"seconds", "steps_per_epoch", "pairs": one dict per split}, ready for JSON.
    """
    sets = [dataset(name, split) for split in splits]
    key = jax.random.key(0)
    starts = [make_start(contender, d, hidden_sizes, jax.random.fold_in(key, split))
              for d, split in zip(sets, splits, strict=True)]  # fmt: skip
    result = training.train_replicas(
        jax.tree.map(lambda *leaves: jnp.stack(leaves), *(start.params for start in starts)),
        data.stack(sets),
        {**settings, **contender.get("training", {})},
        learning_rates=learning_rates,
        seeds=splits,
    )
    pairs = [_pair(sets[i], starts[i], result, i, splits[i], learning_rates)
             for i in range(len(splits))]  # fmt: skip
    return {"seconds": result.seconds.run, "steps_per_epoch": result.steps_per_epoch,
            "pairs": pairs}  # fmt: skip


def _pair(data_, start: Start, result, index: int, split: int, rates) -> dict[str, Any]:
    """What is kept of one split: the curve at the rate chosen on validation, and all rates' best."""
    validation = result.history["validation_loss"][index]
    best = [float(np.nanmin(curve)) if np.isfinite(curve).any() else np.inf for curve in validation]
    chosen = int(np.argmin(best))
    epoch = int(result.best_epoch[index, chosen])
    test = result.history["test_loss"][index, chosen]
    scale = float(np.sqrt(np.mean(np.asarray(data_.scaler.y_scale) ** 2)))
    kept = validation[chosen][np.isfinite(validation[chosen])]
    return {
        "split": split, "learning_rate": rates[chosen], "best_by_rate": _short(best),
        "best_epoch": epoch, "validation": _short(kept), "test_rmse": scale * float(test[epoch])**.5,
        "start_rmse": scale * float(test[0]) ** 0.5,
        "worst_by_rate": _short(np.nanmax(validation, axis=1) / validation[:, 0]),
        "test_rmse_by_rate": _short([scale * float(t[e]) ** 0.5 for t, e in zip(
            result.history["test_loss"][index], result.best_epoch[index], strict=True)]),
        "terms": start.terms, "start_seconds": start.seconds,
        "stop_reason": str(result.stop_reason[index, chosen]),
    }  # fmt: skip


def _short(values) -> list[float]:
    """Five significant digits: curves are for reading, not for resuming."""
    return [float(f"{value:.5g}") for value in np.asarray(values, float)]
