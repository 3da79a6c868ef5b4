"""What `experiments.head` measures: a classifier whose head is replaced, and trained on.

A cell is one model and one seed. The whole network is trained for a few epochs; then every
contender begins with a head of its own, and either that head alone is trained on, on features that
are computed once, or the whole network. Contenders share steps, rows, their order and the grid of
learning rates, of which each gets its own best by validation log loss.
"""

import functools
import itertools
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
MODELS = ("convolutions", "one_layer", "nnx", "encoder")
MODES = ("head", "whole")  # what is trained on
AVERAGING = 0.99  # decay per step of the averaged weights, which are what is evaluated
ADAM = scale_by_adam()
Predict = Callable[[Tree, jax.Array], jax.Array]


class Start(NamedTuple):
    """A network with the head that a contender begins with."""

    model: Model
    tree: Tree
    cold: float = 0.0  # seconds of processor time for features and fit, with compilation
    warm: float = 0.0  # and without


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
      them and "cold" and "warm" of their starts.
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
            judged = _judged(*run, config.epochs[mode], seed, config)
            found[mode][contender] = judged | {"cold": start.cold, "warm": start.warm}
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
    epochs = _epochs(model.logits, tree, train, config.body_rate, seed, config.batch_size)
    *_, state = itertools.islice(epochs, config.body_epochs)
    return state.params


def starting_points(
    model: Model, wider: Model | None, tree: Tree, train: Part, seed: int, config: Any
) -> dict[str, Start]:
    """Every head on the same body: the old one, fresh ones, and splines of the features."""

    def fresh(of: Model) -> Start:
        return Start(of, {**tree, "head": of.init(seed, train.x[:1])["head"]})

    def spline(of: Model, **options: Any) -> Start:
        features, seconds = jax.jit(model.features), []
        few = Part(*(array[: config.fit_rows] for array in train))
        for _ in range(2):
            begun = time.process_time()
            given = features(tree["body"], few.x), few.y
            new = model.replaced(tree, *given, seed, task="multiclass", **options)
            jax.block_until_ready(new)
            seconds.append(time.process_time() - begun)
        return Start(of, new, *seconds)

    starts = {FRESH: fresh(model), OLD: Start(model, tree)}
    if wider is None:
        return starts | {SPLINE: spline(model)}
    starts[SPLINE] = spline(model)  # the best linear head
    two = {FRESH: fresh(wider), SPLINE: spline(wider, hidden_sizes=(config.width,))}
    return starts | {f"{name}, two layers": start for name, start in two.items()}


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


def _epochs(
    predict: Predict, params: Tree, train: Part, rate: float, seed: int, batch_size: int
) -> Iterator[State]:
    """Adam, its rate rising over the first epoch; the state after every epoch."""
    step, _ = programs(predict)
    state = State(params, ADAM.init(params), params, jnp.zeros((), jnp.float32))
    rng = np.random.default_rng(seed)
    steps = len(train.x) // batch_size
    for done in itertools.count(0, steps):
        order = rng.permutation(len(train.x))[: steps * batch_size].reshape(steps, batch_size)
        for i, rows in enumerate(order):
            state = step(state, *train, rows, np.float32(rate * min(1, (done + i + 1) / steps)))
        yield jax.block_until_ready(state)


def _judged(
    predict: Predict,
    params: Tree,
    parts: tuple[Part, ...],
    epochs: int,
    seed: int,
    config: Any,
) -> dict[str, Any]:
    """Trains at every rate of the grid, and keeps the one with the least validation log loss.

    Returns:
      JSON-ready: "learning_rate", "epoch_seconds" (median, without compilation), "by_rate" (least
      validation log loss of each), and curves with the values before training first,
      "validation_log_loss", "validation_accuracy", "test_log_loss", "test_accuracy".
    """
    train, *held_out = parts
    _, evaluate = programs(predict)
    curves, seconds = [], []
    for rate in config.learning_rates:
        run = _epochs(predict, params, train, rate, seed, config.batch_size)
        if not curves:
            next(_epochs(predict, params, train, rate, seed, config.batch_size))  # compiles
        curve = [[evaluate(params, *part) for part in held_out]]
        for _ in range(epochs):
            begun = time.process_time()
            state = next(run)
            seconds.append(time.process_time() - begun)
            curve.append([evaluate(state.average, *part) for part in held_out])
        curves.append(np.array(curve, float))  # (epochs + 1, 2 parts, 2 numbers)
    by_rate = [float(np.nanmin(curve[:, 0, 0])) for curve in curves]
    best = int(np.argmin(by_rate))
    return {
        "learning_rate": config.learning_rates[best],
        "epoch_seconds": float(np.median(seconds)),
        "by_rate": by_rate,
        **{
            f"{part}_{number}": curves[best][:, p, q].round(5).tolist()
            for p, part in enumerate(("validation", "test"))
            for q, number in enumerate(("log_loss", "accuracy"))
        },
    }
