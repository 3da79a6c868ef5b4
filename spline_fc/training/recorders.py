"""Recorders that ship with the room."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from spline_fc.checks import check_integer
from spline_fc.network import Params
from spline_fc.training.steps import PAST_THE_END, Recorder


@functools.cache  # one recorder per argument, so that a second run with it compiles nothing
def first_layer_recorder(every: int) -> Recorder:
    """Keeps kernel and bias of Dense_0, from which knots and alignments follow, within epochs too.

    Args:
      every: steps per record; record 0 is before training, record i > 0 is after step
        i * every.

    Returns:
      A Recorder whose trace is {"step": (r,) int32, "kernel": (r, d, h), "bias": (r, h)}; records
      that a stopped run did not reach are NaN and have step -1.

    Raises:
      ValueError: every is no positive integer.
    """
    return _recorder(lambda params: dict(params["Dense_0"]), every, per_epoch=False)


@functools.cache
def network_recorder(every: int = 1) -> Recorder:
    """Keeps the whole network now and then: all that `analysis.knot_track` measures follows.

    It stores (epochs / every + 1) networks per replica. Where that is too much memory, or steps
    within an epoch matter, take `first_layer_recorder`.

    Args:
      every: epochs per record; record 0 is before training.

    Returns:
      A Recorder whose trace is {"step": (r,) int32, "params": the tree with leaves (r, ...)};
      records that a stopped run did not reach are NaN and have step -1.

    Raises:
      ValueError: every is no positive integer.
    """
    return _recorder(lambda params: {"params": params}, every, per_epoch=True)


def _recorder(measure: Callable[[Params], Any], every: int, *, per_epoch: bool) -> Recorder:
    """Stores measure(params) at every so-many-th call."""
    check_integer("every", every, 1)

    def init(params: Params, calls: int) -> dict[str, Any]:
        size = calls // every + 1
        kept = jax.tree.map(
            lambda a: jnp.full((size, *a.shape), jnp.nan, a.dtype), jax.eval_shape(measure, params)
        )
        step = jnp.full(size, -1, jnp.int32)
        return {"calls": jnp.zeros((), jnp.int32), "step": step, "kept": kept}

    def update(trace, step, params, loss):
        del loss
        due = (trace["calls"] % every == 0) & (step < PAST_THE_END)
        index = jnp.where(due, trace["calls"] // every, PAST_THE_END)
        kept = jax.tree.map(
            lambda store, new: store.at[index].set(new, mode="drop"), trace["kept"], measure(params)
        )
        steps = trace["step"].at[index].set(step, mode="drop")
        return {"calls": trace["calls"] + 1, "step": steps, "kept": kept}

    return Recorder(init, update, lambda t: {"step": t["step"], **t["kept"]}, per_epoch)
