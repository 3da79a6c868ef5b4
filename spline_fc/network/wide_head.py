"""The start of a head for classes whose features come by the hundred.

A body was trained to make its features so that a line tells the classes apart, and the spline bends
along the logits of that line alone. It is therefore searched on the logits, a column per class, and
put in terms of the features afterwards.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spline_fc.cpwl import FitResult
from spline_fc.network.linear import fit_linear
from spline_fc.network.spline_start import FILLING, fill_in, spline_start, start_keys
from spline_fc.network.structure import Params

WIDE = 64  # features or more, of which linear logits tell most of what there is to tell
LEAST_PAIRS = 10  # of hinges, along the logits of a wide head for classes
BEND_ROWS = 8192  # at most, on which a wide head is bent; its linear logits are of all rows
CLASS_ROWS = 64  # of each class among them, so that none is bent away that few rows are of
RIDGE = 3e-3  # of its few terms: what a head begins with must not be in its way
# Options that speak of single features or of directions: who gives one wants these searched.
OF_FEATURES = frozenset(
    ("directions", "num_directions", "num_slices", "shared_scale", "screen", "allowed", "linear")
)


def is_wide(x: np.ndarray, task: str, options: dict[str, Any]) -> bool:
    """Whether a head on features x (n, d) is bent along linear logits, as nobody wants it else."""
    given = {name for name in OF_FEATURES if options.get(name) is not None}
    by_column = not isinstance(options.get("knots", 0), (int, str))
    return task != "regression" and x.shape[1] >= WIDE and not given and not by_column


def wide_start(
    key: jax.Array,
    x: np.ndarray,
    y: np.ndarray,
    hidden_sizes: tuple[int, ...],
    *,
    task: str,
    weights: np.ndarray | None,
    options: dict[str, Any],
) -> Params | None:
    """Makes a network of the given widths that bends a few times along each linear logit.

    Args:
      key: as of `spline_start`.
      x: (n, d), standardised, float32 or float64. y: (n, k), labels.
      hidden_sizes: widths of the hidden layers.
      task: "binary" or "multiclass".
      weights: (n,), > 0, or None.
      options: of `spline_start`, none of them of OF_FEATURES.

    Returns:
      Parameters in the dtype of x; None where no line tells the classes apart at all.

    Raises:
      ValueError: what `fit_linear` and `spline_start` refuse.
    """
    kernel, _ = fit_linear(x, y, task, weights)
    kernel -= kernel.mean(axis=1, keepdims=True) if y.shape[1] > 1 else 0.0
    size = np.sqrt((kernel**2).sum(axis=0))
    if not size.any():
        return None
    along = (kernel[:, size > 0] / size[size > 0]).astype(x.dtype)
    found = {"max_terms": 1 + 2 * max(y.shape[1], LEAST_PAIRS), "passes": 0, "ridge": RIDGE}
    rows, weights = _drawn(y, weights)
    x, y = x[rows], y[rows]
    searched: dict[str, Any] = {
        "task": task,
        "weights": weights,
        "directions": (),
        "names": [f"logit {i}" for i in range(along.shape[1])],  # in what is told of columns
        **found,
        **options,
    }
    fit = spline_start(key, x @ along, y, hidden_sizes, **searched).fit
    drawn = {name: options[name] for name in FILLING if name in options}
    return fill_in(start_keys(key)[1], _of_features(fit, along), x, y, hidden_sizes, **drawn)


def _drawn(y: np.ndarray, weights: np.ndarray | None) -> tuple[Any, np.ndarray | None]:
    """As many rows as bends are looked for on, and their weights.

    They are drawn, as rows may come in an order. CLASS_ROWS of every class are among them, if it
    has as many; where more had to be drawn of a class, each counts for less.

    Args:
      y: (n, k), labels. weights: (n,), or None.

    Returns:
      Places of rows, weights of these or None.
    """
    count = len(y)
    if count <= BEND_ROWS:
        return slice(None), weights
    rng = np.random.default_rng(0)
    rows = rng.choice(count, BEND_ROWS, replace=False)
    label = y.argmax(axis=1) if y.shape[1] > 1 else y[:, 0].astype(int)
    there = np.bincount(label)
    drawn = np.bincount(label[rows], minlength=len(there))
    rare = np.flatnonzero(drawn < np.minimum(there, CLASS_ROWS))
    if not len(rare):
        return rows, None if weights is None else weights[rows]
    own = [rng.permutation(np.flatnonzero(label == one))[:CLASS_ROWS] for one in rare]
    rows = np.concatenate([rows[~np.isin(label[rows], rare)], *own])
    each = there * BEND_ROWS / count / np.maximum(np.bincount(label[rows]), 1)
    return rows, each[label[rows]] * (1.0 if weights is None else weights[rows])


def _of_features(fit: FitResult, along: np.ndarray) -> FitResult:
    """A fit on q columns x `along` as one on x, whose directions these are."""
    spline = fit.spline
    directions: Any = jnp.asarray(along) if isinstance(spline.coef, jax.Array) else along
    moved = spline._replace(feature=spline.feature + len(along), projection=directions)
    return fit._replace(spline=moved)
