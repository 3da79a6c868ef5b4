"""Directions, or features alone: rows held out say whether what they add is worth the reading.

Hinges on features are shape functions, which people read; a hinge along a direction is not. So
directions are taken where they lower the error on rows that neither fit has seen by more than a
small share, beyond doubt. How LEAST_GAIN was chosen stands in docs/recipe.md.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from spline_fc.arrays import as_names
from spline_fc.cpwl import FitResult, evaluate_float64
from spline_fc.cpwl.inputs import CheckedData, column_groups, column_set
from spline_fc.cpwl.likelihood import log_losses
from spline_fc.data.splits import twin_groups
from spline_fc.network.samplers import generator
from spline_fc.printing import printed

LEAST_GAIN = 0.05  # share of the error on rows held out that directions must take away
SHARE = 1 / 3  # of the rows, held out
MOST_ROWS = 4000  # that are compared on, drawn from all; as many say as much
LEAST_ROWS = 20  # held out; a standard error of fewer is no measure of doubt
MOST_COLUMNS = 200  # of x; shapes of more nobody reads, and two more fits take minutes

Fit = Callable[[CheckedData, Any], FitResult]  # of rows and directions


@printed
class DirectionsChoice(NamedTuple):
    """Whether a spline bends along directions, and what spoke for it."""

    taken: bool
    error_with: float  # on rows held out; NaN where nothing was compared
    error_without: float
    reason: str  # a sentence

    def _sentence(self) -> str:
        return self.reason


def unasked(taken: bool, why: str) -> DirectionsChoice:
    """The choice where nothing is compared."""
    return DirectionsChoice(taken, math.nan, math.nan, f"Directions {_done(taken)}: {why}.")


def choose_directions(
    key: jax.Array, data: CheckedData, task: str, directions: Any, fit: Fit
) -> DirectionsChoice:
    """Fits with directions and without on two thirds of the rows, and compares on the others.

    They are taken if

      mean(d) - s >= (1 - (1 - LEAST_GAIN)^2) * mean(loss without),   d = loss without - loss with,

    s being the standard error of mean(d): a gain of LEAST_GAIN in RMSE that is no accident of few
    rows. Losses are squared errors in deviations of each target, which counts its share; of classes
    log losses, where LEAST_GAIN is a share of the loss itself.

    Args:
      key: of the draw. Identical rows lie on one side, and classes are drawn alike.
      data: all rows; more than MOST_ROWS are drawn from.
      task: "regression", "binary" or "multiclass".
      directions: as in `fit_mars`.
      fit: of some rows, with some directions.

    Returns:
      DirectionsChoice; features alone, without a fit, where too few rows could be held out.
    """
    rng = generator(key)
    rows = np.arange(len(data.x))
    if rows.size > MOST_ROWS:
        rows = np.sort(rng.choice(rows.size, MOST_ROWS, replace=False))
    data = _rows(data, rows)
    groups = twin_groups(data.x, data.y)
    if SHARE * (groups.max() + 1) < LEAST_ROWS:
        return unasked(False, "there are too few rows to hold some out")
    held = _held_out(rng, data, groups, task)
    rest, out, deviation = _rows(data, ~held), _rows(data, held), _deviation(data)
    without, with_them = (_losses(fit(rest, own), out, deviation) for own in ((), directions))
    return _judged(without, with_them, out.weights.astype(np.float64), task)


def must_have_directions(options: Mapping[str, Any], num_columns: int) -> bool:
    """Whether options of `fit_mars` speak of directions: screen=0, knots or columns of theirs.

    What is wrong with such options in any case, the fit with directions says.

    Raises:
      ValueError: names that are none.
    """
    names = as_names("names", options.get("names"), num_columns)
    names = names or tuple(f"x{j}" for j in range(num_columns))
    if options.get("screen") == 0 or not isinstance(
        options.get("knots", 1), (int, np.integer, str)
    ):
        return True
    try:
        column_set("linear", options.get("linear", ()), names)
        column_groups("allowed", options.get("allowed") or (), names)
    except ValueError:
        return True
    return False


def _judged(
    without: np.ndarray, with_them: np.ndarray, weights: np.ndarray, task: str
) -> DirectionsChoice:
    """The choice by losses (n,) of rows that count `weights` (n,)."""
    share, gain = weights / weights.sum(), without - with_them
    mean = float(share @ gain)
    doubt = math.sqrt(float(share @ (gain - mean) ** 2) / weights.sum())
    error_with, error_without = float(share @ with_them), float(share @ without)
    least = LEAST_GAIN
    if task == "regression":
        error_with, error_without = math.sqrt(error_with), math.sqrt(error_without)
        least = 1 - (1 - LEAST_GAIN) ** 2
    taken = mean > 0 and mean - doubt >= least * float(share @ without)
    score = "RMSE, in deviations of the target," if task == "regression" else "log loss"
    told = f"on rows held out the {score} is {error_with:.3g} with them, "
    told += f"{error_without:.3g} without"
    wanted = f"they must lower it by {LEAST_GAIN:.0%}, beyond a standard error"
    reason = f"Directions {_done(taken)}: {told}; {wanted}."
    return DirectionsChoice(taken, error_with, error_without, reason)


def _done(taken: bool) -> str:
    return "taken" if taken else "left out"


def _rows(data: CheckedData, rows: np.ndarray) -> CheckedData:
    return CheckedData(data.x[rows], data.y[rows], data.weights[rows], data.dtype)


def _held_out(
    rng: np.random.Generator, data: CheckedData, groups: np.ndarray, task: str
) -> np.ndarray:
    """(n,) whether rows are held out: a share of each class, the rows of a group together."""
    # The draw is of distinct rows, so that a row that counts twice and two copies are drawn alike.
    _, first = np.unique(groups, return_index=True)
    order = rng.permutation(first.size)
    y = data.y[first]
    both = np.hstack([y, 1 - y]) if y.shape[1] == 1 else y
    label = np.zeros(first.size) if task == "regression" else both.argmax(axis=1)
    held = np.zeros(first.size, bool)
    for one in np.unique(label):
        of_class = order[label[order] == one]
        held[of_class[: int(SHARE * of_class.size)]] = True
    return held[groups]


def _losses(fit: FitResult, data: CheckedData, deviation: np.ndarray) -> np.ndarray:
    """(n,) squared errors in deviations (k,) of the targets, or log losses of logits."""
    outputs = evaluate_float64(fit.spline, data.x)
    if fit.link != "identity":
        return log_losses(outputs, data.y)
    return np.mean(((outputs - data.y) / deviation) ** 2, axis=1)


def _deviation(data: CheckedData) -> np.ndarray:
    """(k,) standard deviations of the targets, 1 for constants."""
    y, share = data.y.astype(np.float64), data.weights / data.weights.sum(dtype=np.float64)
    deviation = np.sqrt(share @ (y - share @ y) ** 2)
    return np.where(deviation > 0, deviation, 1.0)
