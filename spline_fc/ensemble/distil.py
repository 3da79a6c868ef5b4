"""Function matching: a network of a smaller size that returns what a larger one does.

Members of an ensemble agree on the rows that they were trained on, and differ between them, where
new rows will be. So the student is trained on rows drawn around the known ones, at distances as
those of neighbours, and judged on others drawn like them. The teacher's outputs bear no noise.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.spatial import KDTree

from spline_fc import protocol
from spline_fc.analysis.forward import output
from spline_fc.checks import as_options, as_sizes, check, check_integer, check_kind, check_one_of
from spline_fc.cpwl import FitResult
from spline_fc.data import Dataset, Part, Scaler
from spline_fc.network import INITIALISERS, Params, fold_scaler, layer_sizes
from spline_fc.network.structure import dtype_of
from spline_fc.printing import printed
from spline_fc.protocol import SPLINE, Contender
from spline_fc.timing import Seconds, Stopwatch
from spline_fc.training import LEARNING_RATES, TrainingConfig, TrainResult, as_config, replica

MATCHING = {"epochs": 30, "schedule": "cosine"}
LEAST_ROWS = 32768  # that the student is trained on; drawing new ones is cheap
JUDGED_ON = 2048  # rows, on which the rate and the epoch are chosen
NEIGHBOURS = 5


@printed
class Distilled(NamedTuple):
    """A network in place of another one, and what it lacks of it."""

    params: Params  # in the teacher's units
    fit: FitResult | None  # the spline that it began as, of standardised outputs
    error: np.ndarray  # (k,) mean squared difference on rows drawn anew, of the teacher's variance
    learning_rate: float
    result: TrainResult  # with the axes (1, L), of standardised outputs
    seconds: Seconds  # of all that it took

    def _sentence(self) -> str:
        return (
            f"Network distilled in {sum(self.seconds):.1f} s; of the teacher's variance it lacks "
            f"{', '.join(f'{error:.2g}' for error in self.error)}"
        )


def distil_network(
    seed: int,
    teacher: Params,
    dataset: Dataset,
    hidden_sizes: int | Sequence[int] = (64, 64),
    *,
    rows: int | None = None,
    start: str = SPLINE,
    start_options: Mapping[str, Any] | None = None,
    training_config: TrainingConfig | Mapping[str, Any] | None = None,
    learning_rates: Sequence[float] = LEARNING_RATES,
) -> Distilled:
    """Trains a network of a given size to return what a larger one returns.

    Its rows are drawn by `rows_between`, and their targets are the teacher's outputs, for classes
    its logits. The start is a spline fitted to them. Rate and epoch are chosen on rows that are
    drawn apart; targets of the data set and its test part have no say.

    Args:
      seed: of the rows drawn, the start and the order of the rows.
      teacher: a network, as of `network.merge_params`.
      dataset: standardised as the teacher takes it; rows are drawn around those of the training and
        the validation part, in proportion to their weights if there are any.
      hidden_sizes: widths of the hidden layers.
      rows: how many the student is trained on; None for 32768, or as many as there are known rows
        if these are more.
      start: "spline", or an initialiser of `network.init_params`.
      start_options: of `network.spline_start`.
      training_config: a TrainingConfig or any of its fields; 30 epochs of a falling rate where they
        are not named.
      learning_rates: the grid.

    Returns:
      Distilled.

    Raises:
      ValueError: a teacher that does not fit the rows or returns one constant, fewer than two
        distinct rows, training that diverged at every rate, and what starts and training refuse.
      TypeError: no Dataset.
    """
    check_kind("dataset", dataset, Dataset)
    check_integer("seed", seed, 0)
    check_one_of("start", start, (SPLINE, *INITIALISERS))
    sizes = as_sizes("hidden_sizes", hidden_sizes)
    config = training_config or {}
    config = {**MATCHING, **config} if isinstance(config, Mapping) else config
    options = as_options("start_options", start_options)
    contender = Contender(start, start, options, as_config(config))
    known, weights = _known(teacher, dataset)
    rows = max(LEAST_ROWS, len(known)) if rows is None else rows
    check_integer("rows", rows, 1)
    with Stopwatch() as clock:
        rng = np.random.default_rng([seed, 4])
        drawn = [rows_between(rng, known, count, weights) for count in (rows, JUDGED_ON)]
        matched, scaler = _matched(teacher, dataset, drawn)
        begun = protocol.make_start(protocol.key_of(seed, contender), contender, matched, sizes)
        result = protocol.train(contender, [begun], [matched], learning_rates, [seed])
        losses = protocol.best_losses(result)[0]
        check(np.isfinite(losses).any(), "training must not diverge at every rate; all diverged.")
        rate = int(losses.argmin())
        student = replica(result.params, 0, rate)
        gap = output(student, matched.validation.x) - matched.validation.y
    error = np.square(gap).mean(axis=0) / matched.validation.y.var(axis=0)
    params = fold_scaler(student, scaler)
    return Distilled(params, begun.fit, error, float(learning_rates[rate]), result, clock.seconds)


def rows_between(
    rng: np.random.Generator, x: np.ndarray, count: int, weights: np.ndarray | None = None
) -> np.ndarray:
    """Draws rows around known ones: x_i + u (x_j - x_l), u uniform on [0, 1].

    i is any row, j and l are i itself or one of its five nearest rows. So a new row differs from a
    known one as rows near it differ from each other: by as much as a row that is not known does,
    and in the columns, and the combinations of columns, in which these do.

    Args:
      rng: what draws.
      x: (n, d), at least two distinct rows.
      count: how many to draw.
      weights: (n,), >= 0: how often a row is i; None for all alike.

    Returns:
      (count, d) float64.
    """
    x = np.asarray(x, np.float64)
    distinct, group = np.unique(x, axis=0, return_inverse=True)
    check(len(distinct) > 1, f"x must have two distinct rows at least; got {len(distinct)}.")
    share = np.bincount(group.ravel(), weights, len(distinct))
    centre = rng.choice(len(distinct), count, p=share / share.sum())
    near = KDTree(distinct).query(distinct, min(NEIGHBOURS + 1, len(distinct)))[1]
    first, second = near[centre, rng.integers(near.shape[1], size=(2, count))]
    step = rng.uniform(size=(count, 1))
    return distinct[centre] + step * (distinct[first] - distinct[second])


def _known(teacher: Params, dataset: Dataset) -> tuple[np.ndarray, np.ndarray | None]:
    """The rows of the training and the validation part, and their weights."""
    wanted, came = layer_sizes(teacher), dataset.train.x.shape[1]
    check(
        came == wanted[0],
        f"dataset must have {wanted[0]} features, as the teacher has inputs; got {came}.",
    )
    outputs = len(dataset.target_names)
    check(
        outputs == wanted[-1],
        f"dataset must have {wanted[-1]} targets, as the teacher has outputs; got {outputs}.",
    )
    x = np.concatenate([dataset.train.x, dataset.validation.x])
    weights = dataset.weights
    if weights is None:
        return x, None
    return x, np.concatenate([weights.train, weights.validation])


def _matched(
    teacher: Params, dataset: Dataset, drawn: Sequence[np.ndarray]
) -> tuple[Dataset, Scaler]:
    """Rows to train and to judge on with the teacher's outputs, standardised, and their scaler."""
    dtype = dtype_of(teacher)
    train, judged = (Part(x.astype(dtype), output(teacher, x)) for x in drawn)
    shift, scale = train.y.mean(axis=0), train.y.std(axis=0)
    check(bool((scale > 0).all()), "teacher must return outputs that vary; got one constant.")
    features = train.x.shape[1]
    scaler = Scaler(np.zeros(features), np.ones(features), shift, scale)
    train, judged = (Part(x, ((y - shift) / scale).astype(dtype)) for x, y in (train, judged))
    matched = dataset._replace(
        task="regression", train=train, validation=judged, test=judged, scaler=scaler, weights=None
    )
    return matched, scaler
