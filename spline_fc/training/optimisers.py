"""Optimisers as optax transformations, and the schedule that scales their steps.

A transformation here gives the direction of descent at learning rate 1. The learning rate is a
traced scalar that the step multiplies in, so that a grid of rates is one vmap and one compilation.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

OPTIMISERS: dict[str, Callable[[], optax.GradientTransformation]] = {
    "adam": optax.scale_by_adam,
}

SCHEDULES = ("cosine", "constant")


def make_optimiser(name: str) -> optax.GradientTransformationExtraArgs:
    """Returns the named transformation; its updates are to be added at learning rate 1."""
    return optax.with_extra_args_support(optax.chain(OPTIMISERS[name](), optax.scale(-1.0)))


def make_schedule(name: str, warmup_steps: int, total_steps: int) -> optax.Schedule:
    """Builds the factor on the learning rate: a linear rise, then the named schedule.

    Args:
      name: "cosine" falls from 1 to 0 at the last step; "constant" stays at 1.
      warmup_steps: steps of the rise; step t gets (t + 1) / (warmup_steps + 1).
      total_steps: steps of the whole run.

    Returns:
      A function of the number of steps taken so far.
    """
    warmup = optax.linear_schedule(1 / (warmup_steps + 1), 1.0, warmup_steps)
    cosine = optax.cosine_decay_schedule(1.0, max(total_steps - warmup_steps, 1))
    after = {"cosine": cosine, "constant": optax.constant_schedule(1.0)}[name]
    return optax.join_schedules([warmup, after], [warmup_steps])


def average(decay: float, old: optax.Params, new: optax.Params) -> optax.Params:
    """Moves the average of the weights one step on; `decay` 0 returns the new weights."""
    if decay == 0:
        return new
    return jax.tree.map(lambda a, p: a + (1 - jnp.asarray(decay, a.dtype)) * (p - a), old, new)
