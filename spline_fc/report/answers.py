"""What the owner of the data asks of the finished networks, measured over seeds on test rows."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from spline_fc.analysis import Permutation, ShapeFunctions, permutation_importance, shape_functions
from spline_fc.analysis.models import model_output
from spline_fc.cpwl import FitResult, Spline
from spline_fc.data import Encoding, unscale_y
from spline_fc.data.encoding import TARGET, spell
from spline_fc.ensemble import LEVEL
from spline_fc.ensemble.intervals import cv_plus
from spline_fc.model.columns import Column, file_columns
from spline_fc.network import Params
from spline_fc.training import LOSS_OF_LINK, joint_error, probabilities
from spline_fc.workdir import Rows

MOST_SEEDS = 5  # of which networks are measured
MOST_ROWS = 500  # that averages are taken over
MOST_CELLS = 60_000  # rows times columns that are shuffled, so that wide tables take no longer
MOST_TARGETS = 3  # whose importance is measured apart
REPEATS = 3  # shuffles per seed
MOST_CURVES = 64  # of features, those that matter most: of images all would take hours
GRID = 41  # points of a curve that has no exact breakpoints
BEFORE, AFTER = "spline alone", "network"


class Trained(NamedTuple):
    """The start that a page is about, of one seed."""

    seed: int
    rows: Rows
    fit: FitResult | None
    before: Params
    after: Params
    encoding: Encoding | None
    loss: str  # that the network was trained on

    @property
    def start(self) -> Spline | Params:
        """The spline itself where it can be read, else the network before training."""
        return self.before if self.fit is None else self.fit.spline


def classes_of(rows: Rows, encoding: Encoding | None) -> tuple[str, ...]:
    """The labels of a classification in order, none of a regression."""
    if rows.task == "regression":
        return ()
    own = () if encoding is None else encoding.of_role(TARGET)
    if len(own) == 1 and own[0].levels:
        return tuple(map(spell, own[0].levels))
    return ("0", "1") if rows.task == "binary" else rows.target_names


class Band(NamedTuple):
    """Ends between which a target lies, from the errors of networks on their validation rows."""

    lower: np.ndarray  # (t, k) of the test rows of the first seed, in raw units
    upper: np.ndarray
    coverage: np.ndarray  # (seeds, k) share of the test rows that lie between
    num_rows: int  # of the validation part, of the first seed


class Answers(NamedTuple):
    """What a page tells of the finished networks of some seeds."""

    seeds: tuple[int, ...]
    num_averaged: int  # training rows that shapes are averaged over
    loss: str  # that the networks were trained on
    shapes: dict[str, list[ShapeFunctions]]  # before and after, by seed, in raw units
    num_drawn: int  # features that have been asked for a curve
    columns: tuple[Column, ...]  # of the file
    # Of the one error that a model is judged by, or of each of several targets: before and after,
    # means over seeds and their deviation.
    importance: list[dict[str, Permutation]]
    observed: np.ndarray  # (t, k) test rows of the first seed, in raw units; of classes one-hot
    predicted: dict[str, np.ndarray]  # before and after, (t, k) alike; of classes probabilities
    band: Band | None  # around those of the network; none of classes and of few validation rows

    @property
    def ranking(self) -> np.ndarray:
        """(c,) how much the columns of the file matter to the network, on average over targets."""
        return _ranking(self.importance)


def answer(trained: Sequence[Trained]) -> Answers:
    """Measures the finished networks of a start, one per seed.

    Raises:
      ValueError: weights that are not finite, or columns of a file that are not those of the rows.
    """
    trained = trained[:MOST_SEEDS]
    first = trained[0]
    columns = file_columns(first.encoding, first.rows.feature_names)
    observed, predicted = _predictions(first)
    importance = [
        _importance(trained, {one.name: one.places for one in columns}, target)
        for target in _judged(first.rows)
    ]
    drawn = _drawn(columns, _ranking(importance))
    shapes = {AFTER: [_shapes(one, one.after, drawn) for one in trained]}
    if is_comparable(first.fit, first.loss):
        shapes = {BEFORE: [_shapes(one, one.start, drawn) for one in trained], **shapes}
    return Answers(
        seeds=tuple(one.seed for one in trained),
        num_averaged=len(some(first.rows.x)),
        loss=first.loss,
        shapes=shapes,
        num_drawn=len(drawn),
        columns=columns,
        importance=importance,
        observed=observed,
        predicted=predicted,
        band=_band(trained),
    )


def is_comparable(fit: FitResult | None, loss: str) -> bool:
    """Whether what a network returns is what its spline does: both logits, or neither."""
    return fit is None or (fit.link == "identity") != loss.endswith("cross_entropy")


def _predictions(one: Trained) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Test rows (t, k) as they came, and as models have them: numbers, or probabilities."""
    rows, found = one.rows, {}
    for name, (model, loss) in _models(one).items():
        outputs = model_output(model, rows.test_x)
        if rows.task == "regression":
            found[name] = unscale_y(rows.scaler, outputs)
        else:
            found[name] = probabilities(loss, outputs)[:, -rows.test_y.shape[1] :]
    wanted = rows.test_y
    return unscale_y(rows.scaler, wanted) if rows.task == "regression" else wanted, found


def _band(trained: Sequence[Trained]) -> Band | None:
    """Split conformal intervals of the networks, and how many test rows they hold."""
    rows = trained[0].rows
    fewest = min(len(one.rows.validation_x) for one in trained)
    if rows.task != "regression" or LEVEL * (fewest + 1) > fewest:
        return None
    ends = [_interval(one) for one in trained]
    within = [
        (lower <= one.rows.test_y) & (one.rows.test_y <= upper)
        for one, (lower, upper) in zip(trained, ends, strict=True)
    ]
    lower, upper = (unscale_y(rows.scaler, end) for end in ends[0])
    coverage = np.stack([own.mean(axis=0) for own in within])
    return Band(lower, upper, coverage, len(rows.validation_x))


def _interval(one: Trained) -> tuple[np.ndarray, np.ndarray]:
    """Ends (t, k) at the test rows, standardised: outputs less and plus a quantile of errors."""
    x, y = one.rows.validation_x, one.rows.validation_y
    sizes, outputs = (
        np.abs(model_output(one.after, x) - y),
        model_output(one.after, one.rows.test_x),
    )
    return cv_plus(sizes, np.zeros(len(x), int), outputs[None], LEVEL)


def _models(one: Trained) -> dict[str, tuple[Spline | Params, str]]:
    """Models, each with the loss that its outputs answer to."""
    alone = one.loss if one.fit is None else LOSS_OF_LINK[one.fit.link]
    return {BEFORE: (one.start, alone), AFTER: (one.after, one.loss)}


def some(x: np.ndarray, most: int = MOST_ROWS) -> np.ndarray:
    """At most so many rows, evenly chosen."""
    return x[:: -(-len(x) // most)]


def _ranking(importance: Sequence[dict[str, Permutation]]) -> np.ndarray:
    """(c,) how much columns matter to the network, on average over targets."""
    costs = np.stack([np.maximum(one[AFTER].mean, 0) for one in importance])
    return (costs / np.maximum(costs.sum(axis=1, keepdims=True), 1e-300)).mean(axis=0)


def _drawn(columns: Sequence[Column], ranking: np.ndarray) -> list[int]:
    """The features whose curves are measured: all, or those of the columns that matter most."""
    found: list[int] = []
    for j in np.argsort(-ranking, kind="stable"):
        if found and len(found) + len(columns[j].places) > MOST_CURVES:
            break
        found += columns[j].places
    return sorted(found)


def _shapes(one: Trained, model: Spline | Params, features: list[int]) -> ShapeFunctions:
    rows, scaler = some(one.rows.x), one.rows.scaler
    return shape_functions(model, rows, features=features, size=GRID, scaler=scaler)


def _judged(rows: Rows) -> Sequence[slice]:
    """The outputs that are judged by themselves: several targets, unless there are too many."""
    count = rows.test_y.shape[1]
    several = rows.task == "regression" and count <= MOST_TARGETS
    return [slice(j, j + 1) for j in range(count)] if several else [slice(None)]


def _importance(
    trained: Sequence[Trained], groups: dict[str, tuple[int, ...]], target: slice
) -> dict[str, Permutation]:
    """What shuffling a column of the file costs on test rows; both see the same shuffles."""
    found: dict[str, list[Permutation]] = {BEFORE: [], AFTER: []}
    for one in trained:
        most = max(50, min(MOST_ROWS, MOST_CELLS // len(groups)))
        x, y = some(one.rows.test_x, most), some(one.rows.test_y, most)
        for name, (model, loss) in _models(one).items():
            options: dict[str, Any] = {"repeats": REPEATS, "groups": groups}
            options |= {"key": jax.random.key(one.seed), "metric": _metric(one.rows, loss, target)}
            found[name].append(permutation_importance(model, x, y, **options))
    return {name: _over_seeds(seeds) for name, seeds in found.items()}


def _metric(rows: Rows, loss: str, target: slice) -> Callable[[np.ndarray, np.ndarray], float]:
    """The error that some outputs are judged by, of one target in its units."""
    unit = float(rows.scaler.y_scale[target][0]) if rows.scaler.y_scale[target].size == 1 else 1.0
    unit = unit if rows.task == "regression" else 1.0

    def metric(wanted: np.ndarray, outputs: np.ndarray) -> float:
        return unit * joint_error(rows.task, loss, outputs[:, target], wanted[:, target])

    return metric


def _over_seeds(found: Sequence[Permutation]) -> Permutation:
    """Means over seeds and their deviation; of one seed that over its shuffles."""
    if len(found) == 1:
        return found[0]
    means = np.stack([one.mean for one in found])
    baseline = float(np.mean([one.baseline for one in found]))
    return Permutation(baseline, means, means.mean(axis=0), means.std(axis=0))
