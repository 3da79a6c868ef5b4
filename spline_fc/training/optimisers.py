"""Optimisers as optax transformations, and the schedule that scales their steps.

A transformation here gives what is to be added at learning rate 1. The learning rate is a traced
scalar that the step multiplies in, so that a grid of rates is one vmap and one compilation.
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from spline_fc.network import Params
from spline_fc.training.gauss_newton import gauss_newton

OPTIMISERS = ("adam", "adamw", "sgd", "lbfgs", "gauss_newton")
SCHEDULES = ("cosine", "constant")


def make_optimiser(
    name: str,
    *,
    momentum: float | jax.Array,
    weight_decay: float | jax.Array,
    initial_decay: float | jax.Array | None,
) -> optax.GradientTransformationExtraArgs:
    """Builds the named transformation; its updates are to be added at learning rate 1.

    Args:
      name: "adam", "adamw", "sgd", "lbfgs" (zoom line search along its direction; the natural
        learning rate is 1) or "gauss_newton".
      momentum: of "sgd".
      weight_decay: of "adamw", decoupled.
      initial_decay: decoupled decay towards the initial parameters; None is none.

    Returns:
      A transformation whose update takes extra arguments: value, grad and value_fn for "lbfgs";
      batch, rate and mask for "gauss_newton"; none for the others.
    """
    descent = optax.scale(-1.0)
    decay = optax.add_decayed_weights(weight_decay)
    chains = {
        "adam": lambda: (scale_by_adam(), descent),
        "adamw": lambda: (scale_by_adam(), decay, descent),
        "sgd": lambda: (optax.trace(momentum), descent),
        "lbfgs": lambda: (_lbfgs(),),
        "gauss_newton": lambda: (gauss_newton(),),
    }
    pull = () if initial_decay is None else (decay_towards_initial(initial_decay),)
    return optax.with_extra_args_support(optax.chain(*chains[name](), *pull))


def scale_by_adam() -> optax.GradientTransformation:
    """optax's Adam, bit by bit, with its moments computed once.

    XLA would compute them a second time where the update reads them, from the old ones, and would
    therefore have to copy the old ones in every step: a tenth of the time of a step on a CPU.
    """
    b1, b2, epsilon = 0.9, 0.999, 1e-8

    def update(updates, state, params=None):
        del params
        mean = optax.tree.update_moment(updates, state.mu, b1, 1)
        square = optax.tree.update_moment_per_elem_norm(updates, state.nu, b2, 2)
        mean, square = jax.lax.optimization_barrier((mean, square))
        count = jnp.asarray(optax.safe_increment(state.count))
        dtype = jax.tree.leaves(mean)[0].dtype
        first, second = (_bias_correction(decay, count, dtype) for decay in (b1, b2))
        scaled = jax.tree.map(
            lambda m, v: m / first / (jnp.sqrt(v / second) + epsilon), mean, square
        )
        return scaled, optax.ScaleByAdamState(count=count, mu=mean, nu=square)

    return optax.GradientTransformation(optax.scale_by_adam().init, update)


def _bias_correction(decay: float, count: jax.Array, dtype: np.dtype) -> jax.Array:
    """1 - decay^count as optax has it, but for a promotion of dtypes, which may be forbidden."""
    wide = dtype if dtype.itemsize >= 4 else jnp.float32
    return (1 - jax.lax.pow(jnp.asarray(decay, wide), count)).astype(dtype)


def _lbfgs() -> optax.GradientTransformationExtraArgs:
    """optax's, which promotes dtypes, also where that is forbidden elsewhere."""
    rule = optax.lbfgs()
    return rule._replace(update=jax.numpy_dtype_promotion("standard")(rule.update))


class InitialState(NamedTuple):
    """State of `decay_towards_initial`."""

    initial: Params  # the parameters at init


def decay_towards_initial(strength: float | jax.Array) -> optax.GradientTransformation:
    """Adds strength * (initial - params) to the updates ("L2-SP", decoupled as in AdamW).

    Reference:
      Li, Grandvalet, Davoine (2018), Explicit inductive bias for transfer learning with
      convolutional networks, ICML.
    """

    def init(params):
        return InitialState(jax.tree.map(jnp.copy, params))

    def update(updates, state, params=None):
        pulled = jax.tree.map(
            lambda u, p, s: u + strength * (s - p), updates, params, state.initial
        )
        return pulled, state

    return optax.GradientTransformation(init, update)


class Schedule(NamedTuple):
    """The numbers of a schedule, (); divided on the host, which rounds them once."""

    warmup_steps: jax.Array  # w
    first_gap: jax.Array  # w / (w + 1), what is missing to 1 before the first step
    warmup_pace: jax.Array  # 1 / w
    decay_steps: jax.Array  # steps after the warm-up
    decay_angle: jax.Array  # pi / decay_steps


def make_schedule(warmup_steps: int, total_steps: int, dtype: Any) -> Schedule:
    """Makes the numbers of a schedule.

    Args:
      warmup_steps: steps of the linear rise, 0 for none.
      total_steps: steps of the whole run.
      dtype: of the computation.

    Returns:
      Schedule.
    """
    rise, fall = max(warmup_steps, 1), max(total_steps - warmup_steps, 1)
    gap = warmup_steps / (warmup_steps + 1)
    kind = np.dtype(dtype).type  # the angle as a compiler rounds it that is given constants
    numbers = (warmup_steps, gap, 1 / rise, fall, kind(math.pi) * kind(1 / fall))
    return Schedule(*(jnp.asarray(number, dtype) for number in numbers))


def rate_factor(name: str, schedule: Schedule, step: jax.Array) -> jax.Array:
    """Gives the factor on the learning rate: a linear rise, then the named schedule.

    Args:
      name: "cosine" falls from 1 to 0 at the last step; "constant" stays at 1.
      schedule: Schedule; in its warm-up, step t gets (t + 1) / (warmup_steps + 1).
      step: () int, t, the steps taken so far.

    Returns:
      (), in the dtype of the schedule.
    """
    t = step.astype(schedule.warmup_steps.dtype)
    rise = 1 - schedule.first_gap * (1 - t * schedule.warmup_pace)
    after = jnp.ones_like(t)
    if name == "cosine":
        past = jnp.minimum(t - schedule.warmup_steps, schedule.decay_steps)
        after = 0.5 * (1 + jnp.cos(past * schedule.decay_angle))
    return jnp.where(t < schedule.warmup_steps, rise, after)


def average(decay: jax.Array, old: Params, new: Params) -> Params:
    """Moves the average of the weights one step on: decay * old + (1 - decay) * new."""
    return jax.tree.map(lambda a, p: a + (1 - decay) * (p - a), old, new)
