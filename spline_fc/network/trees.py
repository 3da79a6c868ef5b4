"""Tree ensembles of scikit-learn as ReLU networks that equal them on the training rows.

A split x_v > t becomes the ramp relu(z) - relu(z - 1) with z = (x_v - low) / (high - low), where
low and high are the neighbouring training values on either side of t; so no training row lies on
the slope. A leaf is relu(sum of the ramps that lead to it - (their number - 1)), which is 1 in the
leaf and 0 in all others. Lutz et al. (2022) and Biau, Scornet, Welbl (2019), Neural random forests,
write the same two layers with tanh, as smooth steps.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from spline_fc.arrays import numbers_float64
from spline_fc.checks import check, check_finite, check_rank
from spline_fc.network import samplers
from spline_fc.network.structure import Layer, Params, from_layers

_DEPTHS = (3, 2, 1)
_ENOUGH_TREES = 10  # below that, smaller trees
_MOST_TREES = 100


class Split(NamedTuple):
    """One ramp: 0 up to `low`, 1 from `high` on."""

    feature: int
    low: float
    high: float


class Leaf(NamedTuple):
    """One leaf: the ramps on its path, whether each must be 1, and its value (k,)."""

    path: tuple[tuple[Split, bool], ...]
    value: np.ndarray


def ensemble_to_params(
    ensemble: Any, x: jax.Array | np.ndarray, *, collapse: bool = False
) -> Params:
    """Turns a fitted forest or boosted ensemble into a network.

    Args:
      ensemble: a fitted RandomForestRegressor, ExtraTreesRegressor or GradientBoostingRegressor
        (squared error, its default constant start) of scikit-learn, with k outputs.
      x: (n, d), the rows it was fitted on.
      collapse: leave out the layer of leaves, which trees of depth 1 do not need.

    Returns:
      Parameters of two hidden layers (one with `collapse`), in the dtype of x, equal to
      ensemble.predict(x) on the rows of x: two units per distinct split, one per leaf.

    Raises:
      ValueError: another kind of model, x of another width, `collapse` with deeper trees.
    """
    check_rank("x", x, 2, "(n, d)")
    start, trees = _members(ensemble)
    wanted, came = ensemble.n_features_in_, np.shape(x)[1]
    check(came == wanted, f"x must have {wanted} columns, as the ensemble has; got {came}.")
    check_finite("x", x)
    rows = numbers_float64("x", x)
    leaves = [leaf for tree, weight in trees for leaf in _leaves(tree, rows, weight)]
    intercept = start + sum((leaf.value for leaf in leaves if not leaf.path), np.zeros(len(start)))
    leaves = [leaf for leaf in leaves if leaf.path]
    splits = list(dict.fromkeys(split for leaf in leaves for split, _ in leaf.path))
    first = _split_layer(splits, rows.shape[1])
    second = _leaf_layer(leaves, splits)
    kernel = np.array([leaf.value for leaf in leaves]).reshape(len(leaves), len(start))
    if not collapse:
        return from_layers([first, second, (kernel, intercept)], x.dtype)
    depth = max((len(leaf.path) for leaf in leaves), default=0)
    check(depth <= 1, f"collapse must be left out for trees deeper than 1; got depth {depth}.")
    # A leaf of a stump is already between 0 and 1, so its ReLU does nothing.
    return from_layers([first, (second[0] @ kernel, second[1] @ kernel + intercept)], x.dtype)


def fit_ensemble(key: jax.Array, x: np.ndarray, y: np.ndarray, hidden_sizes: Sequence[int]) -> Any:
    """Fits the ensemble of the largest trees of which the widths hold ten, or else of stumps.

    Args:
      key: JAX key that seeds it.
      x: (n, d).
      y: (n, k).
      hidden_sizes: widths of the hidden layers.

    Returns:
      A fitted GradientBoostingRegressor (k = 1) or RandomForestRegressor.

    Raises:
      ValueError: the widths do not hold one stump.
    """
    from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor

    depth, count = _capacity(hidden_sizes)
    seed = int(samplers.generator(key).integers(2**31))
    if y.shape[1] == 1:
        # The fewer trees, the larger the steps that use them up.
        rate = float(np.clip(3 / count, 0.1, 1))
        model = GradientBoostingRegressor(
            n_estimators=count, max_depth=depth, learning_rate=rate, random_state=seed
        )
        return model.fit(x, y[:, 0])
    return RandomForestRegressor(n_estimators=count, max_depth=depth, random_state=seed).fit(x, y)


def _capacity(hidden_sizes: Sequence[int]) -> tuple[int, int]:
    """The depth of the trees and how many of them fit."""
    depths = _DEPTHS if len(hidden_sizes) > 1 else (1,)
    for depth in depths:
        count = hidden_sizes[0] // (2 * (2**depth - 1))
        for size in hidden_sizes[1:]:
            count = min(count, size // 2**depth)
        if count >= (_ENOUGH_TREES if depth > 1 else 1):
            return depth, min(count, _MOST_TREES)
    raise ValueError(
        "hidden_sizes must have at least 2 units per layer to hold a stump; "
        f"got {tuple(hidden_sizes)}."
    )


def _members(ensemble: Any) -> tuple[np.ndarray, list[tuple[Any, float]]]:
    """The constant start (k,) and every tree with its weight."""
    from sklearn.ensemble import (
        ExtraTreesRegressor,
        GradientBoostingRegressor,
        RandomForestRegressor,
    )

    if isinstance(ensemble, (RandomForestRegressor, ExtraTreesRegressor)):
        trees = [tree.tree_ for tree in ensemble.estimators_]
        return np.zeros(ensemble.n_outputs_), [(tree, 1 / len(trees)) for tree in trees]
    check(
        isinstance(ensemble, GradientBoostingRegressor)
        and getattr(ensemble, "loss", "") == "squared_error",
        "ensemble must be a random forest, extra trees or gradient boosting regressor with squared "
        f"error; got {type(ensemble).__name__}.",
    )
    start = np.ravel(ensemble.init_.predict(np.zeros((1, ensemble.n_features_in_))))
    return start, [(tree.tree_, ensemble.learning_rate) for tree in ensemble.estimators_.ravel()]


def _leaves(tree: Any, rows: np.ndarray, weight: float) -> list[Leaf]:
    """The leaves of one tree, their ramps placed in the gaps of the rows that reach each split."""
    found: list[Leaf] = []
    # scikit-learn compares in float32.
    compared = rows.astype(np.float32)
    pending: list[tuple[int, np.ndarray, tuple[tuple[Split, bool], ...]]] = [
        (0, np.arange(len(rows)), ())
    ]
    while pending:
        node, reached, path = pending.pop()
        feature = int(tree.feature[node])
        if feature < 0:
            found.append(Leaf(path, weight * tree.value[node, :, 0]))
            continue
        right = compared[reached, feature] > tree.threshold[node]
        low = rows[reached[~right], feature].max(initial=-np.inf)
        high = rows[reached[right], feature].min(initial=np.inf)
        split = _ramp(feature, float(low), float(high), float(tree.threshold[node]))
        pending.append((tree.children_right[node], reached[right], (*path, (split, True))))
        pending.append((tree.children_left[node], reached[~right], (*path, (split, False))))
    return found


def _ramp(feature: int, low: float, high: float, threshold: float) -> Split:
    """Where no row is left on one side, the threshold stands in for it."""
    if not np.isfinite(low):
        low = min(threshold, high - 1e-3 * max(1.0, abs(high)))
    if not np.isfinite(high):
        high = max(threshold, low + 1e-3 * max(1.0, abs(low)))
    return Split(feature, low, high)


def _split_layer(splits: list[Split], num_features: int) -> Layer:
    kernel, bias = np.zeros((num_features, 2 * len(splits))), np.zeros(2 * len(splits))
    for i, (feature, low, high) in enumerate(splits):
        slope = 1 / (high - low)
        kernel[feature, 2 * i : 2 * i + 2] = slope
        bias[2 * i : 2 * i + 2] = -slope * low, -slope * high
    return kernel, bias


def _leaf_layer(leaves: list[Leaf], splits: list[Split]) -> Layer:
    """sum(ramps that must be 1) - sum(ramps that must be 0) - (number of the former - 1)."""
    kernel, bias = np.zeros((2 * len(splits), len(leaves))), np.zeros(len(leaves))
    index = {split: i for i, split in enumerate(splits)}
    for j, leaf in enumerate(leaves):
        # A path may meet one split twice only with the same answer.
        for split, inside in dict(leaf.path).items():
            sign = 1.0 if inside else -1.0
            kernel[2 * index[split] : 2 * index[split] + 2, j] = sign, -sign
        bias[j] = 1.0 - sum(dict(leaf.path).values())
    return kernel, bias
