"""One pure step of training, and the mean loss of a part."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from spline_fc.network import Params, apply_params
from spline_fc.training import optimisers
from spline_fc.training.config import Structure, TrainingConfig
from spline_fc.training.losses import loss_per_row

RUNNING, DIVERGED, OUT_OF_PATIENCE = 0, 1, 2
PARTS = ("train", "validation", "test")
PAST_THE_END = jnp.iinfo(jnp.int32).max

Batch = tuple[jax.Array, ...]  # x (b, d), y (b, k) and perhaps weights (b, 1)


class Recorder(NamedTuple):
    """Measurements inside the compiled step, like an optimiser: init, update, summarise.

    The network handed in is the one that is evaluated (the averaged one). Step 0 is before
    training. A replica that has stopped goes on calling with the step PAST_THE_END, where
    `trace.at[step].set` (or of step // every) writes nothing. A trace for more calls begins like
    one for fewer, so that a run that was saved can be given more epochs.

    What looks at many rows is called per epoch: under vmap a step cannot skip what it computes.
    """

    init: Callable[[Params, int], Any]  # (params, calls to come after that of step 0) -> trace
    update: Callable[[Any, jax.Array, Params, jax.Array], Any]  # (trace, step, params, loss)
    summarise: Callable[[Any], Any]  # trace -> what TrainResult.trace holds
    per_epoch: bool = False  # after each epoch, with its training loss; else step and batch loss


class Evaluation(NamedTuple):
    """The rows of all parts in blocks of equal size, to be evaluated one block after the other."""

    x: jax.Array  # (blocks, rows, d)
    y: jax.Array  # (blocks, rows, k)
    weight: jax.Array  # (blocks, rows), a part's weights sum to 1, padding has 0
    part: jax.Array  # (blocks,) int32, index into PARTS


class Data(NamedTuple):
    """What a replica trains on, all of one dtype; a leading axis S with replicas."""

    train: tuple[jax.Array, ...]  # x (n, d), y (n, k) and perhaps weights (n, 1) of mean 1
    evaluation: Evaluation
    scale: Params | None = None  # factors on the updates, like the parameters; None is all ones


class Numbers(NamedTuple):
    """The numbers of a config, all () and traced, in the dtype of the parameters."""

    averaging: jax.Array
    guard: jax.Array
    momentum: jax.Array
    weight_decay: jax.Array
    initial_decay: jax.Array
    output_ridge: jax.Array
    patience: jax.Array  # int32
    schedule: optimisers.Schedule


class Iterate(NamedTuple):
    """What a step changes."""

    params: Params
    optimizer: Any  # the state of the optax transformation
    average: Params
    step: jax.Array  # () int32, steps taken; stands still once the replica has stopped
    status: jax.Array  # () int32, RUNNING, DIVERGED or OUT_OF_PATIENCE
    trace: Any  # the recorder's, or None


def numbers_of(config: TrainingConfig, steps_per_epoch: int, dtype: Any) -> Numbers:
    """Lists the numbers of a config as the compiled program takes them."""
    steps = config.warmup_epochs * steps_per_epoch, config.epochs * steps_per_epoch
    return Numbers(
        **{name: jnp.asarray(getattr(config, name), dtype) for name in Numbers._fields[:-2]},
        patience=jnp.asarray(config.patience, jnp.int32),
        schedule=optimisers.make_schedule(*steps, dtype),
    )


def where(condition: jax.Array, new: Any, old: Any) -> Any:
    """Chooses between two trees of one structure."""
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), new, old)


def history_names(loss: str) -> tuple[str, ...]:
    """Names what is measured after every epoch: "<part>_loss", then "<part>_accuracy" of labels."""
    kinds = ("loss", "accuracy") if loss.endswith("cross_entropy") else ("loss",)
    return tuple(f"{part}_{kind}" for kind in kinds for part in PARTS)


def stop_reason(status: int, step: int, best_epoch: int, config: TrainingConfig) -> str:
    """Says in a sentence why a run ended."""
    if status == DIVERGED and step == 0:
        return "The loss was not finite at step 1 or before it."
    if status == DIVERGED:
        return f"The loss was not finite at step {step + 1}."
    if status == OUT_OF_PATIENCE:
        return (
            f"No better validation loss than that of epoch {best_epoch} came in the "
            f"{config.patience} epochs after it."
        )
    return f"All {config.epochs} epochs were done."


def part_means(loss: str, params: Params, evaluation: Evaluation) -> jax.Array:
    """Mean (weighted) loss of every part, (3,), and of labels the accuracy as well, (6,).

    NaN for a part without rows. One pass for all parts compiles in a third of the time, and blocks
    keep wide vmaps over large sets within memory.
    """

    def add(totals, block):
        outputs = apply_params(params, block.x)
        values = loss_per_row(loss, outputs, block.y)[None]
        if len(totals) > 1:
            right = _is_right(outputs, block.y).astype(values.dtype)
            values = jnp.concatenate([values, right[None]])
        return totals.at[:, block.part].add((values * block.weight).sum(axis=1)), None

    shape = len(history_names(loss)) // len(PARTS), len(PARTS)
    totals = jnp.zeros(shape, evaluation.weight.dtype)
    return jax.lax.scan(add, totals, evaluation)[0].ravel()


def _is_right(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """(n,) bool: the most probable class is the true one; one column is that of the second."""
    if logits.shape[1] == 1:
        return ((logits > 0) == (labels > 0.5))[:, 0]
    return logits.argmax(axis=1) == labels.argmax(axis=1)


def optimiser_of(structure: Structure, numbers: Numbers) -> optax.GradientTransformationExtraArgs:
    """Builds the optimiser that a config names."""
    return optimisers.make_optimiser(
        structure.optimizer,
        momentum=numbers.momentum,
        weight_decay=numbers.weight_decay,
        initial_decay=numbers.initial_decay if structure.initial_decay else None,
    )


def _freeze(params: Params, mask: Params | None) -> Params:
    """The same parameters, without a gradient where the mask is 0."""
    if mask is None:
        return params
    return jax.tree.map(lambda p, m: jnp.where(m != 0, p, jax.lax.stop_gradient(p)), params, mask)


def make_step(
    structure: Structure, numbers: Numbers, recorder: Recorder | None
) -> Callable[[Iterate, Batch, jax.Array, Params | None], Iterate]:
    """Builds the pure step (iterate, batch, learning_rate, scale) -> iterate."""
    optimiser = optimiser_of(structure, numbers)

    def propose(iterate: Iterate, batch: Batch, learning_rate, scale):
        """Loss of the batch, and parameters and optimiser one step further, finite or not."""
        mask = None if scale is None else jax.tree.map(lambda s: (s != 0).astype(s.dtype), scale)
        x, y, *weights = batch

        def objective(params):
            prediction = apply_params(_freeze(params, mask), x, structure.precision)
            values = loss_per_row(structure.loss, prediction, y)
            return (values * weights[0][:, 0] if weights else values).mean()

        value, gradient = jax.value_and_grad(objective)(iterate.params)
        factor = optimisers.rate_factor(structure.schedule, numbers.schedule, iterate.step)
        rate = learning_rate * factor
        extra = {
            "lbfgs": {"value": value, "grad": gradient, "value_fn": objective},
            "gauss_newton": {"batch": batch, "rate": rate, "mask": mask},
        }.get(structure.optimizer, {})
        updates, optimizer = optimiser.update(gradient, iterate.optimizer, iterate.params, **extra)
        if scale is not None:
            updates = jax.tree.map(jnp.multiply, updates, scale)
        params = jax.tree.map(lambda p, u: p + rate * u, iterate.params, updates)
        return value, params, optimizer

    def step(iterate: Iterate, batch: Batch, learning_rate, scale) -> Iterate:
        # The optimiser of a replica that has stopped goes on, as nobody reads it any more. The
        # barrier keeps XLA from computing the parameters again, from the old ones, for the average.
        value, params, optimizer = propose(iterate, batch, learning_rate, scale)
        running, finite = iterate.status == RUNNING, jnp.isfinite(value)
        alive = running & finite
        params = jax.lax.optimization_barrier(where(alive, params, iterate.params))
        average = params
        if structure.averaging:
            average = optimisers.average(numbers.averaging, iterate.average, params)
        average = where(alive, average, iterate.average)
        count = iterate.step + alive.astype(jnp.int32)
        status = jnp.where(running & ~finite, DIVERGED, iterate.status)
        trace = iterate.trace
        if recorder is not None and not recorder.per_epoch:
            trace = recorder.update(trace, jnp.where(alive, count, PAST_THE_END), average, value)
        return Iterate(params, optimizer, average, count, status, trace)

    return step
