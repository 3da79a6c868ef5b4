"""What an ensemble knows of rows that its members held out, and the intervals that follow."""

from typing import NamedTuple

import numpy as np

from spline_fc.analysis.forward import output
from spline_fc.checks import check, check_finite, check_kind, check_one_of, shown
from spline_fc.cpwl import check_spline
from spline_fc.cpwl.inputs import as_counts
from spline_fc.data import Dataset, as_dataset
from spline_fc.ensemble.intervals import (
    LEVEL,
    Groups,
    cv_plus,
    gives,
    group_means,
    groups_of,
    jackknife_minmax,
    prediction_sets,
)
from spline_fc.ensemble.record import Ensemble
from spline_fc.ensemble.spread import Spread, fit_spread, sizes_at
from spline_fc.ensemble.train import out_of_fold
from spline_fc.network import Params
from spline_fc.network.structure import from_layers, layers
from spline_fc.printing import printed
from spline_fc.training import probabilities

METHODS = ("cv+", "minmax", "scaled")
_LEAST_SHARE = 0.25  # of the squared residual that is left to the mean of the members


@printed
class HeldOut(NamedTuple):
    """Members, and the rows that they were not trained on; all in standardised units."""

    members: Params  # leaves (K, ...)
    groups: Groups  # of the n rows that any member held out
    sizes: np.ndarray  # (n, k) |residual|; of classes (n, 1), 1 - probability of the true one
    weights: np.ndarray | None  # (n,) what the rows count
    spread: Spread | None  # of a regression

    @property
    def num_members(self) -> int:
        """How many members there are."""
        return self.groups.holders.shape[1]

    @property
    def total(self) -> float:
        """What the rows count together: n, or the sum of their weights."""
        return float(len(self.sizes) if self.weights is None else self.weights.sum())

    @property
    def most_level(self) -> float:
        """The highest level for which there are rows enough, n / (n + 1) of rows that count n."""
        return self.total / (self.total + 1)

    def interval(
        self, x: np.ndarray, level: float = LEVEL, method: str = "cv+"
    ) -> tuple[np.ndarray, np.ndarray]:
        """Bounds the targets of rows x (m, d) of a regression.

        Args:
          x: standardised.
          level: of coverage, in (0, 1).
          method: "cv+"; "minmax", which is wider and promises more; "scaled", wide where residuals
            are large and narrow where they are not, which promises nothing and is mostly closest
            to the level.

        With f the mean of all members and a size s(x) of residuals, "scaled" is f(x) +- q s(x), q a
        quantile of R_i / s_i(x_i) as in jackknife-minmax. As f errs less than a member, R_i shrink
        by sqrt(1 - less / mean R^2) first, where less = v mean_i (1 / c_i - 1 / K) of K members, of
        which c_i held row i out, and v is the variance among members at rows that they know; at new
        rows it is larger.

        Returns:
          lower, upper: (m, k) float64.

        Raises:
          ValueError: as for `intervals.cv_plus`, an unknown method, a classification.
        """
        check_one_of("method", method, METHODS)
        if self.spread is None:
            raise ValueError("an interval must be asked of a regression; classes have sets.")
        outputs, of_row = outputs_float64(self.members, x), self.groups.of_row
        if method == "scaled":
            size = sizes_at(self.spread, x)
            mean = (outputs.mean(axis=0) / size)[None]
            rows = self.spread.ratios, np.zeros_like(of_row)
            lower, upper = jackknife_minmax(*rows, mean, level, self.weights)
            return lower * size, upper * size
        bound = cv_plus if method == "cv+" else jackknife_minmax
        return bound(self.sizes, of_row, group_means(self.groups, outputs), level, self.weights)

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
      TypeError: no Ensemble or Dataset.
    """
    check_kind("ensemble", ensemble, Ensemble, "an")
    as_dataset(pooled, "pooled")
    return keep_held_out(
        ensemble.params,
        ensemble.held_out,
        pooled.train.x,
        ensemble.targets,
        loss=None if ensemble.task == "regression" else ensemble.loss,
        weights=None if pooled.weights is None else pooled.weights.train,
    )


def of_validation(params: Params, dataset: Dataset, loss: str) -> HeldOut | None:
    """Keeps what intervals need of one network and the validation rows that it was chosen by.

    Intervals of such rows are those of split conformal prediction, but for one thing: by these rows
    the best epoch and the learning rate were chosen, so errors on them are a little lower than on
    new rows, and the coverage is a little below the level.

    Args:
      params: the network.
      dataset: standardised.
      loss: that the network was trained on.

    Returns:
      HeldOut of one member, or None where the rows that count are too few for the usual level, or
      all alike.
    """
    (x, y), weights = map(np.asarray, dataset.validation), dataset.weights
    own = None if weights is None else _as_counts(weights.validation)
    counts = np.ones(len(x)) if own is None else own
    if not gives(float(counts.sum()), LEVEL) or not np.ptp(x[counts > 0], axis=0).any():
        return None
    one = from_layers((kernel[None], bias[None]) for kernel, bias in layers(params))
    kind = None if dataset.task == "regression" else loss
    return keep_held_out(one, np.ones((1, len(x)), bool), x, y, loss=kind, weights=own)


def keep_held_out(
    members: Params,
    held_out: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    *,
    loss: str | None = None,
    weights: np.ndarray | None = None,
) -> HeldOut:
    """Keeps what intervals need of members, and of rows that some of them held out.

    Args:
      members: K networks, leaves (K, ...).
      held_out: (K, n) bool, the rows that member k was not trained on; rows that none held out, and
        rows of weight 0, are left out.
      x, y: (n, d) and (n, k), standardised; of a classification y is 0 and 1.
      loss: of a classification, which says what outputs are; None for a regression.
      weights: (n,) what the rows count, >= 0; too light ones are scaled, as fits scale them.

    Raises:
      ValueError: no row was held out, or what `fit_mars` refuses.
    """
    known = held_out.any(axis=0) & (True if weights is None else weights > 0)
    check(bool(known.any()), "held_out must have rows that a member held out; got none.")
    x, y = (np.asarray(array, np.float64)[known] for array in (x, y))
    held_out, outputs = held_out[:, known], outputs_float64(members, x)
    weights = None if weights is None else _as_counts(np.asarray(weights)[known])
    mean, spread = out_of_fold(outputs, held_out), None
    if loss is None:
        sizes = np.abs(y - mean)
        spread = fit_spread(x, sizes, weights)
        shrunk = spread.ratios * _shrinkage(sizes, outputs, held_out, weights)
        spread = spread._replace(ratios=shrunk)
    else:
        truth = y if y.shape[1] > 1 else np.hstack([1 - y, y])
        sizes = 1 - (probabilities(loss, mean) * truth).sum(axis=1, keepdims=True)
    return HeldOut(members, groups_of(held_out), sizes, weights, spread)


def _as_counts(weights: np.ndarray) -> np.ndarray:
    """Weights as fits count them; the word that is told of light ones is of intervals."""
    return as_counts(np.asarray(weights, np.float64), "give intervals")


def _shrinkage(
    sizes: np.ndarray, outputs: np.ndarray, held_out: np.ndarray, weights: np.ndarray | None
) -> np.ndarray:
    """By what residuals of rows held out shrink, to be those of the mean of all members: (k,)."""
    count, holders, knowing = len(held_out), held_out.sum(axis=0), ~held_out[..., None]
    known = knowing.sum(axis=0)
    mean = np.where(knowing, outputs, 0).sum(axis=0) / np.maximum(known, 1)
    squares = np.where(knowing, (outputs - mean) ** 2, 0).sum(axis=0)
    variance = np.average(squares / np.maximum(known - 1, 1), axis=0, weights=weights)
    less = variance * np.average(1 / holders - 1 / count, weights=weights)
    square = np.maximum(np.average(sizes**2, axis=0, weights=weights), np.finfo(np.float64).tiny)
    return np.sqrt(np.maximum(1 - less / square, _LEAST_SHARE))


def check_held_out(held: HeldOut, outputs: int, is_regression: bool) -> None:
    """Checks the fields of a record that was made by hand or read from a file.

    Raises:
      ValueError: the sentence names the field.
    """
    holders, of_row = held.groups
    n, count = len(of_row), num_members(held.members)
    good = holders.dtype == bool and holders.ndim == 2 and holders.shape[1] == count
    check(good, f"holders must be bool of shape (G, {count}); got {shown(holders)}.")
    check(bool(holders.any(axis=1).all()), "holders must have a member in every row.")
    good = of_row.dtype == np.int32 and of_row.ndim == 1 and n > 0
    check(good, f"of_row must be int32 of shape (n,); got {shown(of_row)}.")
    check(0 <= of_row.min() and of_row.max() < len(holders), "of_row must number rows of holders.")
    wide = outputs if is_regression else 1
    arrays: dict[str, tuple[np.ndarray, tuple[int, ...]]] = {"sizes": (held.sizes, (n, wide))}
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


def num_members(members: Params) -> int:
    """How many networks are stacked."""
    return len(layers(members, lead=1)[0][1])


def each_member(members: Params) -> list[Params]:
    """Takes stacked networks (leaves (K, ...)) apart, in order."""
    stack = [tuple(map(np.asarray, pair)) for pair in layers(members, lead=1)]
    count = range(len(stack[0][1]))
    return [from_layers((kernel[k], bias[k]) for kernel, bias in stack) for k in count]
