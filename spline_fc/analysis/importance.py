"""The importance of features, by measures that take splines and networks alike.

*Permutation*: how much worse the predictions get when a column is shuffled. *Contribution*: how far
a feature moves the predictions, on average over the rows, from what they would be were it unknown.
The first asks the targets, the second the model alone. Columns that one column of a table became,
as the levels of a category did, count as one feature if `groups` says so. Beside the measures stand
the three criteria that a fit leaves behind: nsubsets, gcv and rss, see `cpwl.importance`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from spline_fc.analysis.models import Model, checked_model_rows, model_output, names_of
from spline_fc.arrays import as_names, columns, numbers_float64
from spline_fc.checks import (
    as_key,
    check,
    check_finite,
    check_integer,
    check_kind,
    check_mapping,
    check_not_empty,
    check_rank,
    check_same_length,
    shown,
)
from spline_fc.cpwl import FitResult, importance
from spline_fc.network import SplineStart
from spline_fc.network.samplers import generator
from spline_fc.printing import printed
from spline_fc.training import LOSS_OF_LINK, joint_error

AT_ONCE = 8192  # rows that a model is handed in one call
Metric = Callable[[np.ndarray, np.ndarray], float]
Groups = Mapping[str, Sequence[int]] | None


@printed
class Permutation(NamedTuple):
    """Permutation importance: what the metric rises by when a column is shuffled."""

    baseline: float  # the metric of the model as it is
    values: np.ndarray  # (repeats, d), or (repeats, g) of g groups of columns
    mean: np.ndarray  # (d,)
    deviation: np.ndarray  # (d,), over the repeats; 0 for a single one


@printed
class ImportanceTable(NamedTuple):
    """Measures side by side, one column each."""

    feature_names: tuple[str, ...]
    columns: tuple[str, ...]
    value: np.ndarray  # (d, c)

    def _table(self) -> list[list[str]]:
        rows = zip(self.feature_names, self.value, strict=True)
        cells = ([name, *(f"{v:.4g}" for v in row)] for name, row in rows)
        return [["", *self.columns], *cells]


def squared_error(wanted: np.ndarray, given: np.ndarray) -> float:
    """Averages the squared difference of two (n, k) arrays over rows and outputs."""
    return float(((wanted - given) ** 2).mean())


def permutation_importance(
    model: Model,
    x: Any,
    y: Any,
    *,
    key: jax.Array | int,
    repeats: int = 5,
    metric: Metric | None = None,
    groups: Groups = None,
) -> Permutation:
    """Measures how much worse predictions get when one column, or group of columns, is shuffled.

    Args:
      model: a Spline, a network's parameters, or a function from (n, d) to (n, k).
      x: (n, d), rows that the model takes; held-out ones tell about generalisation.
      y: (n,) or (n, k), their targets in the units the model returns.
      key: a JAX key or integer seed; the same key gives the same shuffles for every model.
      repeats: shuffles per column.
      metric: from (targets, predictions), both (n, k), to a number that grows with the error; by
        default the squared error, or the log loss of the logits of `fit_classes` or their start.
      groups: column numbers that are shuffled together, by name, as `Encoding.groups` has them;
        each column alone by default.

    Returns:
      Permutation; a column that the model does not read has importance 0 exactly.

    Raises:
      ValueError: rows or targets that do not fit, or are not finite; repeats below 1.

    Reference:
      Fisher, Rudin, Dominici (2019), All models are wrong, but many are useful, JMLR 20(177).
    """
    x = checked_model_rows(model, x)
    check_integer("repeats", repeats, at_least=1)
    metric = _metric_of(model) if metric is None else metric
    check(callable(metric), f"metric must be a function; got {shown(metric)}.")
    wanted, given = _targets(y, x), model_output(model, x)
    check(
        wanted.shape == given.shape,
        f"y must have shape {given.shape}, as the model returns; got {wanted.shape}.",
    )
    rng = generator(as_key(key))
    baseline = float(metric(wanted, given))
    together = _groups(groups, x.shape[1])
    values = np.empty((repeats, len(together)))
    for repeat in range(repeats):
        order = rng.permutation(len(x))  # one for all columns: differences between them are theirs
        for place, own in enumerate(together):
            shuffled = x.copy()
            shuffled[:, own] = x[order][:, own]
            values[repeat, place] = metric(wanted, model_output(model, shuffled)) - baseline
    return Permutation(baseline, values, values.mean(axis=0), values.std(axis=0))


def mean_contribution(
    model: Model, x: Any, *, points: int = 64, groups: Groups = None
) -> np.ndarray:
    """Averages how far each feature's value moves the prediction of its own row.

    The contribution of feature j to row i is f(row i) less the mean of f(row i with feature j
    redrawn from its column). For an additive model it is the centred shape function; otherwise
    interactions count with every feature that takes part in them.

    Args:
      model: a Spline, a network's parameters, or a function from (n, d) to (n, k).
      x: (n, d), the rows.
      points: the column is redrawn from this many of its quantiles, or from all of its values if it
        has no more than that many distinct ones. The cost is n d points evaluations.
      groups: columns that count as one feature, as in `permutation_importance`: they are redrawn
        together from the rows that they make, the most frequent ones where these are more.

    Returns:
      (d, k), or (g, k) of g groups, mean absolute contributions in the units the model returns.

    Raises:
      ValueError: rows that do not fit the model or are not finite; points below 1.
    """
    x = checked_model_rows(model, x)
    check_integer("points", points, at_least=1)
    given = model_output(model, x)
    together = max(1, AT_ONCE // max(len(x), 1))  # values, so that few calls do and memory is kept
    result = []
    for own in _groups(groups, x.shape[1]):
        values, weights = _redraws(x[:, own], points)
        mean = np.zeros(given.shape)
        for first in range(0, len(values), together):
            some = values[first : first + together]
            moved = np.tile(x, (len(some), 1))
            moved[:, own] = np.repeat(some, len(x), axis=0)
            found = model_output(model, moved).reshape(len(some), *given.shape)
            mean += np.tensordot(weights[first : first + together], found, 1)
        result.append(np.abs(given - mean).mean(axis=0))
    return np.stack(result)


def compare_importance(
    models: Mapping[str, Model],
    x: Any,
    y: Any,
    *,
    key: jax.Array | int,
    fit: FitResult | SplineStart | None = None,
    feature_names: Sequence[str] | None = None,
    repeats: int = 5,
    metric: Metric | None = None,
    output: int = 0,
    points: int = 64,
    groups: Groups = None,
) -> ImportanceTable:
    """Sets permutation importance and mean contribution of several models beside a fit's criteria.

    Args:
      models: by name, as {"spline": spline, "network": params}; all take the same rows.
      x: (n, d); y: (n,) or (n, k), as in `permutation_importance`.
      key: a JAX key or integer seed; every model sees the same shuffles.
      fit: adds the columns nsubsets, gcv and rss of `cpwl.importance`; those of directions are left
        out, as they belong to no feature. They are of single columns: with `groups` there are none.
      feature_names: one per column; those of a data frame, else x0, x1, ... by default.
      repeats, metric: as in `permutation_importance`; by default the metric of `fit` for all.
      output: the output whose contributions are shown; permutation takes all of them together.
      points: as in `mean_contribution`.
      groups: columns that count as one feature, as in `permutation_importance`; their names stand
        in place of feature_names.

    Returns:
      ImportanceTable, which prints itself.

    Raises:
      ValueError: no model, names that do not fit the columns, or as the measures say.
    """
    check_mapping("models", models)
    check(len(models) > 0, "models must hold at least one model; got none.")
    known = [names for names in map(names_of, [fit, *models.values()]) if names is not None]
    x, named = columns("x", x, known[0] if known and hasattr(x, "to_numpy") else None)
    num_features = x.shape[1]
    names = as_names("feature_names", feature_names, num_features) or named
    names = names or tuple(f"x{j}" for j in range(num_features))
    names = names if groups is None else tuple(map(str, groups))
    metric = _metric_of(fit) if metric is None and fit is not None else metric
    options = {"key": key, "repeats": repeats, "metric": metric, "groups": groups}
    check_integer("output", output, at_least=0)
    measures: dict[str, np.ndarray] = {}
    for name, model in models.items():
        shuffled = permutation_importance(model, x, y, **options)
        moved = mean_contribution(model, x, points=points, groups=groups)
        outputs = moved.shape[1]
        check(output < outputs, f"output must be below {outputs}; got {output}.")
        measures[f"{name}: permutation"] = shuffled.mean
        measures[f"{name}: contribution"] = moved[:, output]
    if fit is not None and groups is None:
        fit = fit.fit if isinstance(fit, SplineStart) else fit
        check_kind("fit", fit, FitResult)
        criteria = importance(fit)._asdict()
        measures |= {name: values[:num_features] for name, values in criteria.items()}
    value = np.stack([np.asarray(c, np.float64) for c in measures.values()], axis=1)
    return ImportanceTable(names, tuple(measures), value)


def _metric_of(model: Model) -> Metric:
    """What a model was fitted for; networks and functions do not say whether they return logits."""
    fit = model.fit if isinstance(model, SplineStart) else model
    if not isinstance(fit, FitResult) or fit.link == "identity":
        return squared_error
    task, loss = "binary" if fit.link == "logit" else "multiclass", LOSS_OF_LINK[fit.link]
    return lambda wanted, given: joint_error(task, loss, given, wanted)


def _targets(y: Any, x: np.ndarray) -> np.ndarray:
    y = numbers_float64("y", y)
    y = y[:, None] if y.ndim == 1 else y
    check_rank("y", y, 2, "(n,) or (n, k)")
    check_not_empty("y", y)
    check_same_length("y", y, "x", x)
    check_finite("y", y)
    return y


def _groups(groups: Groups, num_features: int) -> list[list[int]]:
    """The columns of each feature."""
    if groups is None:
        return [[feature] for feature in range(num_features)]
    check_mapping("groups", groups)
    found = [list(columns) for columns in groups.values()]
    flat = sorted(sum(found, []))
    good = bool(flat) and flat == list(range(num_features)) and all(found)
    check(good, f"groups must name each of {num_features} columns once; got {shown(groups)}.")
    return found


def _redraws(columns: np.ndarray, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows (v, c) to redraw columns (n, c) from, and their weights (v,)."""
    values, counts = np.unique(columns, axis=0, return_counts=True)
    if len(values) > points and columns.shape[1] == 1:
        values = np.quantile(columns, (np.arange(points) + 0.5) / points)[:, None]
        return values, np.full(points, 1 / points)
    most = np.sort(np.argsort(-counts, kind="stable")[:points])
    return values[most], counts[most] / counts[most].sum()
