"""What `experiments.head` measures: a classifier whose head is replaced, and trained on.

A cell is one model and one seed. The whole network is trained for a few epochs; then every
contender begins with a head of its own, and either that head alone is trained on, on features that
are computed once for all of them, or the whole network. Contenders share steps, rows, their order
and the grid of learning rates, of which each gets its own best by validation log loss; they are
looked at several times an epoch, as a fifth of what a fresh head takes may be less than one.
"""

import functools
import itertools
import math
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

import spline_fc as sfc
from experiments import head_models
from experiments.head_models import Model, Tree
from spline_fc.data import Dataset, Part
from spline_fc.training.optimisers import scale_by_adam

FRESH, OLD, SPLINE = "fresh", "old", "spline"
TWO = ", two layers"  # behind the names of heads that had one layer before
MODELS = ("convolutions", "one_layer", "nnx", "encoder")
MODES = ("head", "whole")  # what is trained on
EARLY = 1 / 5  # of a fresh head's epochs: a spline was to be at its last accuracy by then
AVERAGING = 0.99  # decay per step of the averaged weights, which are what is evaluated
ADAM = scale_by_adam()
Predict = Callable[[Tree, jax.Array], jax.Array]


class Start(NamedTuple):
    """A network with the head that a contender begins with."""

    model: Model
    tree: Tree
    cold: float = 0.0  # seconds of processor time for the fit, with compilation
    warm: float = 0.0  # and without
    features: float = 0.0  # for the features that it is of, compiled


class State(NamedTuple):
    """What a step changes."""

    params: Tree
    adam: Any
    average: Tree
    count: jax.Array  # of the steps done


def measure(name: str, seed: int, config: Any) -> dict[str, Any]:
    """Measures a cell.

    Args:
      name: of a model, out of MODELS.
      seed: of the rows, the network and the order of the rows.
      config: of configs/head_fashion.py.

    Returns:
      {"features", "head": {contender: run}, "whole": {contender: run}}, with runs as `_judged` has
      them and "cold" and "warm" of their starts. Of the whole network these hold the features of
      the fit; the head alone is trained on features that every contender needs beforehand, whose
      seconds are nobody's. Runs of whole networks with a fresh head hold "refitted" too.
    """
    parts = images(config.data, config.rows, seed)
    model, wider = models(name, config, parts[0])
    tree = _trained_body(model, parts[0], seed, config)
    starts = starting_points(model, wider, tree, parts[0], seed + 1, config)
    features = jax.jit(model.features)
    reached = tuple(Part(features(tree["body"], part.x), part.y) for part in parts)
    found: dict[str, Any] = {"features": reached[0].x.shape[1], **{mode: {} for mode in MODES}}
    for contender, start in starts.items():
        alone = start.model.head, start.tree["head"], reached
        whole = start.model.logits, start.tree, parts
        for mode, run in zip(MODES, (alone, whole), strict=True):
            judged, early = _judged(*run, config.epochs[mode], seed, config)
            if mode == "whole" and contender.startswith(FRESH):
                judged["refitted"] = _refitted(start.model, early, parts, seed + 1)
            more = start.features if mode == "whole" else 0.0
            seconds = {"cold": start.cold + more, "warm": start.warm + more}
            found[mode][contender] = judged | seconds
    return found


def images(name: str, rows: tuple[int, int, int], seed: int) -> tuple[Part, ...]:
    """The first rows of training, validation and test part, pixels between 0 and 1, in float32."""
    data: Dataset = sfc.load(name, seed=seed)
    largest = max(1.0, float(data.train.x.max()))
    parts = zip((data.train, data.validation, data.test), rows, strict=True)
    return tuple(
        Part(*(jnp.asarray(a, jnp.float32) for a in (part.x[:most] / largest, part.y[:most])))
        for part, most in parts
    )


def models(name: str, config: Any, train: Part) -> tuple[Model, Model | None]:
    """The model of a name; and where its head has one layer, the same with a head of two.

    Raises:
      ValueError: no model has this name, or the images do not fit it.
    """
    outputs, width = train.y.shape[1], config.width
    side = head_models.square(train.x[:1]).shape[1]
    dense = functools.partial(nn.Dense, kernel_init=head_models.he_normal)
    two = nn.Sequential([dense(width), nn.relu, dense(outputs)])
    convolutions = head_models.Convolutions(tuple(config.channels))
    if name == "one_layer":
        wider = head_models.linen(convolutions, sfc.MLP((width,), outputs))
        return head_models.linen(convolutions, dense(outputs)), wider
    if name == "nnx":
        return head_models.nnx_convolutions(tuple(config.channels), width, side, outputs), None
    if name == "encoder":
        return head_models.linen(head_models.Encoder(config.tokens), two), None
    if name == "convolutions":
        return head_models.linen(convolutions, two), None
    raise ValueError(f"config.models must be of {', '.join(MODELS)}; got {name!r}.")


def _trained_body(model: Model, train: Part, seed: int, config: Any) -> Tree:
    """The whole network after a short training."""
    tree = model.init(seed, train.x[:1])
    looks = _looks(model.logits, tree, train, config.body_rate, seed, config)
    *_, state = itertools.islice(looks, config.body_epochs * config.looks)
    return state.params


def starting_points(
    model: Model, wider: Model | None, tree: Tree, train: Part, seed: int, config: Any
) -> dict[str, Start]:
    """Every head on the same body: the old one, fresh ones, and splines of the features."""

    def fresh(of: Model) -> Start:
        return Start(of, {**tree, "head": of.init(seed, train.x[:1])["head"]})

    def spline(of: Model, **options: Any) -> Start:
        features = jax.jit(model.features)
        few = Part(*(array[: config.fit_rows] for array in train))
        for_features, for_fit = [], []
        for _ in range(2):
            begun = time.process_time()
            given = jax.block_until_ready(features(tree["body"], few.x)), few.y
            for_features.append(time.process_time() - begun)
            begun = time.process_time()
            new = model.replaced(tree, *given, seed, task="multiclass", **options)
            jax.block_until_ready(new)
            for_fit.append(time.process_time() - begun)
        return Start(of, new, *for_fit, for_features[-1])

    starts = {FRESH: fresh(model), OLD: Start(model, tree)}
    if wider is None:
        return starts | {SPLINE: spline(model)}
    starts[SPLINE] = spline(model)  # the best linear head
    two = {FRESH: fresh(wider), SPLINE: spline(wider, hidden_sizes=(config.width,))}
    return starts | {name + TWO: start for name, start in two.items()}


@functools.lru_cache
def programs(predict: Predict) -> tuple[Callable[..., State], Callable[..., Any]]:
    """The compiled step of a network, and its compiled (log loss, accuracy) on some rows.

    An epoch is a loop over steps, no `lax.scan`: within one, XLA's convolutions on a CPU are more
    than ten times as slow.
    """

    @jax.jit
    def step(state: State, x: jax.Array, y: jax.Array, rows: jax.Array, rate: jax.Array) -> State:
        def loss(params: Tree) -> jax.Array:
            return optax.softmax_cross_entropy(predict(params, x[rows]), y[rows]).mean()

        towards, adam = ADAM.update(jax.grad(loss)(state.params), state.adam)
        params = jax.tree.map(lambda p, t: p - rate * t, state.params, towards)
        # An average over few steps begins by forgetting where it came from.
        decay = jnp.minimum(AVERAGING, (1 + state.count) / (10 + state.count))
        average = optax.incremental_update(params, state.average, 1 - decay)
        return State(params, adam, average, state.count + 1)

    @jax.jit
    def evaluate(params: Tree, x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        logits = predict(params, x)
        right = logits.argmax(axis=1) == y.argmax(axis=1)
        return optax.softmax_cross_entropy(logits, y).mean(), right.mean()

    return step, evaluate


def _looks(
    predict: Predict, params: Tree, train: Part, rate: float, seed: int, config: Any
) -> Iterator[State]:
    """Adam, its rate rising over the first epoch; the state `config.looks` times an epoch."""
    step, _ = programs(predict)
    state = State(params, ADAM.init(params), params, jnp.zeros((), jnp.float32))
    rng = np.random.default_rng(seed)
    steps = len(train.x) // config.batch_size
    looked_at = {(look + 1) * steps // config.looks for look in range(config.looks)}
    for done in itertools.count(0, steps):
        order = rng.permutation(len(train.x))[: steps * config.batch_size].reshape(steps, -1)
        for i, rows in enumerate(order, 1):
            state = step(state, *train, rows, np.float32(rate * min(1, (done + i) / steps)))
            if i in looked_at:
                yield jax.block_until_ready(state)


def _judged(
    predict: Predict,
    params: Tree,
    parts: tuple[Part, ...],
    epochs: int,
    seed: int,
    config: Any,
) -> tuple[dict[str, Any], Tree]:
    """Trains at every rate of the grid, and keeps the one with the least validation log loss.

    Returns:
      JSON-ready: "learning_rate", "epoch_seconds" (of the median look, without compilation),
      "by_rate" (least validation log loss of each), the curves "validation_log_loss" and
      "validation_accuracy", a value before training and one at each look, and [before training,
      where the validation log loss is least] of "test_log_loss" and "test_accuracy"; and the
      parameters at the first look after EARLY of the epochs.
    """
    train, validation, test = parts
    _, evaluate = programs(predict)
    next(_looks(predict, params, train, 0.0, seed, config))  # compiles
    runs, seconds = [], []
    for rate in config.learning_rates:
        run, best = _looks(predict, params, train, rate, seed, config), params
        curve, early = [evaluate(params, *validation)], params
        for look in range(1, 1 + epochs * config.looks):
            begun = time.process_time()
            state = next(run)
            seconds.append(time.process_time() - begun)
            curve.append(evaluate(state.average, *validation))
            best = state.average if curve[-1][0] <= min(loss for loss, _ in curve) else best
            early = state.average if look == math.ceil(EARLY * epochs * config.looks) else early
        runs.append((np.array(curve, float), best, early))
    by_rate = [float(np.nanmin(curve[:, 0])) for curve, *_ in runs]
    chosen = int(np.argmin(by_rate))
    curve, best, early = runs[chosen]
    ends = np.array([evaluate(tree, *test) for tree in (params, best)], float)
    told = {"validation": curve, "test": ends}
    judged = {
        "learning_rate": config.learning_rates[chosen],
        "epoch_seconds": float(np.median(seconds)) * config.looks,
        "by_rate": by_rate,
        **{
            f"{part}_{number}": values[:, q].round(5).tolist()
            for part, values in told.items()
            for q, number in enumerate(("log_loss", "accuracy"))
        },
    }
    return judged, early


def _refitted(model: Model, tree: Tree, parts: tuple[Part, ...], seed: int) -> dict[str, float]:
    """Validation log loss and accuracy of the best head known for a body, fitted to all rows.

    A body after EARLY of the epochs, with a head that is fitted to what it makes of the rows then,
    shows what a start of the head could reach by that time if the body learned no faster.
    """
    train, validation, _ = parts
    features = jax.jit(model.features)(tree["body"], train.x)
    new = model.replaced(tree, features, train.y, seed, task="multiclass")
    loss, accuracy = programs(model.logits)[1](new, *validation)
    return {"log_loss": float(loss), "accuracy": float(accuracy)}
