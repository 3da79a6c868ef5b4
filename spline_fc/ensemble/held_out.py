"""What an ensemble knows of rows that its members held out, and the intervals that follow."""

from typing import NamedTuple

import numpy as np

from spline_fc.analysis.forward import output
from spline_fc.checks import check, check_finite, check_one_of, shown
from spline_fc.cpwl import Spline, check_spline, evaluate_float64, fit_mars
from spline_fc.data import Dataset
from spline_fc.ensemble.intervals import (
    LEVEL,
    Groups,
    cv_plus,
    group_means,
    groups_of,
    jackknife_minmax,
    prediction_sets,
)
from spline_fc.ensemble.record import Ensemble
from spline_fc.network import Params
from spline_fc.network.structure import from_layers, layers
from spline_fc.printing import printed
from spline_fc.training import probabilities

METHODS = ("cv+", "minmax", "scaled")
_LEAST_SIZE = 0.1  # of the mean residual: smaller ones tell nothing of where residuals are large
_MOST_TERMS = 21
_PARTS = 5  # a row's residual has no say in the size that it is divided by


@printed
class Spread(NamedTuple):
    """How large residuals are at x: exp of a spline, within the ends that it has at known rows."""

    spline: Spline  # (d,) to (k,), of the logarithm
    low: np.ndarray  # (k,) float64
    high: np.ndarray
    ratios: np.ndarray  # (n, k) sizes over what a spline fitted to other rows says of them


@printed
class HeldOut(NamedTuple):
    """Members, and the rows that they were not trained on; all in standardised units."""

    members: Params  # leaves (K, ...)
    groups: Groups  # of the n rows that any member held out
    sizes: np.ndarray  # (n, k) |residual|; of classes (n, 1), 1 - probability of the true one
    weights: np.ndarray | None  # (n,) what the rows count
    spread: Spread | None  # of a regression

    @property
    def count(self) -> int:
        """How many members there are."""
        return self.groups.holders.shape[1]

    @property
    def most_level(self) -> float:
        """The highest level for which there are rows enough, n / (n + 1)."""
        total = len(self.sizes) if self.weights is None else self.weights.sum()
        return float(total / (total + 1))

    def interval(
        self, x: np.ndarray, level: float = LEVEL, method: str = "cv+"
    ) -> tuple[np.ndarray, np.ndarray]:
        """Bounds the targets of rows x (m, d) of a regression.

        Args:
          x: standardised.
          level: of coverage, in (0, 1).
          method: "cv+"; "minmax", which is wider and promises more; "scaled", CV+ of residuals over
            their size at x, which is wide where residuals are large and narrow where they are not.

        Returns:
          lower, upper: (m, k) float64.

        Raises:
          ValueError: as for `intervals.cv_plus`, an unknown method, a classification.
        """
        check_one_of("method", method, METHODS)
        if self.spread is None:
            raise ValueError("an interval must be asked of a regression; classes have sets.")
        means = group_means(self.groups, outputs_float64(self.members, x))
        of_row = self.groups.of_row
        if method == "scaled":
            size = sizes_at(self.spread, x)
            ends = cv_plus(self.spread.ratios, of_row, means / size, level, self.weights)
            return ends[0] * size, ends[1] * size
        bound = cv_plus if method == "cv+" else jackknife_minmax
        return bound(self.sizes, of_row, means, level, self.weights)

    def classes(self, x: np.ndarray, loss: str, level: float = LEVEL) -> np.ndarray:
        """Says which classes rows x (m, d) may have: (m, c) bool, at least one of each row.

        The score is 1 - probability; where no class is likely enough, the likeliest one is taken,
        which only adds to the coverage.

        Raises:
          ValueError: as for `intervals.prediction_sets`, a regression.
        """
        check(self.spread is None, "a set must be asked of a classification; got a regression.")
        outputs = outputs_float64(self.members, x)
        means = group_means(self.groups, outputs)
        surprise = 1 - np.stack([probabilities(loss, own) for own in means])
        scores, of_row = self.sizes[:, 0], self.groups.of_row
        found = prediction_sets(scores, of_row, surprise, level, self.weights)
        likeliest = probabilities(loss, outputs.mean(axis=0)).argmax(axis=1)
        found[np.arange(len(x)), likeliest] = True
        return found


def of_ensemble(ensemble: Ensemble, pooled: Dataset) -> HeldOut:
    """Keeps what intervals need of an ensemble.

    Args:
      ensemble: from `train_ensemble`.
      pooled: its rows as a training part, standardised by its scaler.

    Raises:
      ValueError: as for `keep_held_out`.
    """
    return keep_held_out(
        ensemble.params,
        ensemble.held_out,
        ensemble.out_of_fold,
        pooled.train.x,
        ensemble.targets,
        loss=None if ensemble.task == "regression" else ensemble.loss,
        weights=None if pooled.weights is None else pooled.weights.train,
    )


def keep_held_out(
    members: Params,
    held_out: np.ndarray,
    outputs: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    *,
    loss: str | None = None,
    weights: np.ndarray | None = None,
) -> HeldOut:
    """Keeps what intervals need of an ensemble.

    Args:
      members: K networks, leaves (K, ...).
      held_out: (K, n) bool, the rows that member k was not trained on; rows that none held out, and
        rows of weight 0, tell nothing and are left out.
      outputs: (n, k) of the mean of the members that held a row out.
      x, y: (n, d) and (n, k), standardised; of a classification y is 0 and 1.
      loss: of a classification, which says what outputs are; None for a regression.
      weights: (n,) what the rows count, >= 0.

    Raises:
      ValueError: no row was held out, or what `fit_mars` refuses.
    """
    known = held_out.any(axis=0) & (True if weights is None else weights > 0)
    check(bool(known.any()), "held_out must have rows that a member held out; got none.")
    outputs, x, y = (np.asarray(array, np.float64)[known] for array in (outputs, x, y))
    weights = None if weights is None else np.asarray(weights, np.float64)[known]
    if loss is None:
        sizes = np.abs(y - outputs)
        spread = fit_spread(x, sizes, weights)
    else:
        truth = y if y.shape[1] > 1 else np.hstack([1 - y, y])
        sizes = 1 - (probabilities(loss, outputs) * truth).sum(axis=1, keepdims=True)
        spread = None
    return HeldOut(members, groups_of(held_out[:, known]), sizes, weights, spread)


def check_held_out(held: HeldOut, outputs: int, is_regression: bool) -> None:
    """Checks the fields of a record that was made by hand or read from a file.

    Raises:
      ValueError: the sentence names the field.
    """
    holders, of_row = held.groups
    n, count = len(of_row), len(layers(held.members, lead=1)[0][1])
    good = holders.dtype == bool and holders.ndim == 2 and holders.shape[1] == count
    check(good, f"holders must be bool of shape (G, {count}); got {shown(holders)}.")
    check(bool(holders.any(axis=1).all()), "holders must have a member in every row.")
    good = of_row.dtype == np.int32 and of_row.ndim == 1 and n > 0
    check(good, f"of_row must be int32 of shape (n,); got {shown(of_row)}.")
    check(0 <= of_row.min() and of_row.max() < len(holders), "of_row must number rows of holders.")
    wide = outputs if is_regression else 1
    arrays = {"sizes": (held.sizes, (n, wide))}
    if held.weights is not None:
        arrays["weights"] = (held.weights, (n,))
    check(
        (held.spread is not None) == is_regression, "spread must be there for a regression alone."
    )
    if held.spread is not None:
        check_spline(held.spread.spline)
        arrays["ratios"] = (held.spread.ratios, (n, wide))
        arrays |= {end: (getattr(held.spread, end), (wide,)) for end in ("low", "high")}
    for name, (array, shape) in arrays.items():
        good = array.dtype == np.float64 and array.shape == shape
        check(good, f"{name} must be float64 of shape {shape}; got {shown(array)}.")
        check_finite(name, array)
        least = 0.0 if name in ("low", "high") else float(array.min())
        check(least >= 0, f"{name} must not be negative; the least is {least:g}.")


def outputs_float64(members: Params, x: np.ndarray) -> np.ndarray:
    """Evaluates K networks (leaves (K, ...)) on x (m, d): (K, m, k) float64."""
    return np.stack([output(one, x) for one in each_member(members)])


def each_member(members: Params) -> list[Params]:
    """Takes stacked networks (leaves (K, ...)) apart, in order."""
    stack = [tuple(map(np.asarray, pair)) for pair in layers(members, lead=1)]
    count = len(stack[0][1])
    return [from_layers((kernel[k], bias[k]) for kernel, bias in stack) for k in range(count)]


def fit_spread(x: np.ndarray, sizes: np.ndarray, weights: np.ndarray | None = None) -> Spread:
    """Fits how large residuals are: additive MARS on the logarithm of max(size, mean / 10).

    Args:
      x: (n, d).
      sizes: (n, k), >= 0.
      weights: (n,) > 0.

    Returns:
      Spread, whose ratios are cross-fitted: row i's is by a spline that knew no row of its part.

    Raises:
      ValueError: what `fit_mars` refuses.
    """
    counts = np.ones(len(x)) if weights is None else weights
    least = np.maximum(_LEAST_SIZE * sizes.mean(axis=0), np.finfo(np.float64).tiny)
    logs, ratios = np.log(np.maximum(sizes, least)), np.empty_like(sizes)
    part = np.arange(len(x)) % _PARTS
    for own in (part == p for p in range(min(_PARTS, len(x)))):
        ratios[own] = sizes[own] / sizes_at(_fitted(x, logs, np.where(own, 0, counts)), x[own])
    return _fitted(x, logs, counts)._replace(ratios=ratios)


def sizes_at(spread: Spread, x: np.ndarray) -> np.ndarray:
    """How large residuals are at x (m, d): (m, k) float64, > 0."""
    return np.exp(np.clip(evaluate_float64(spread.spline, x), spread.low, spread.high))


def _fitted(x: np.ndarray, logs: np.ndarray, counts: np.ndarray) -> Spread:
    most = min(_MOST_TERMS, int((counts > 0).sum()) // 4)
    spline = fit_mars(x, logs, weights=counts, max_terms=max(most, 1)).spline
    found = evaluate_float64(spline, x[counts > 0])
    return Spread(spline, found.min(axis=0), found.max(axis=0), np.zeros((0, logs.shape[1])))
