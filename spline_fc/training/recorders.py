"""Recorders that ship with the room."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from spline_fc.checks import check, check_integer, check_not_empty, check_rank
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


def activation_recorder(x_probe: Any, every: int = 1) -> Recorder:
    """Measures scale-free drift in every hidden layer: activations that flipped since the start.

    It needs no knot, so it also tells of deeper layers and of units that left their axis.

    Args:
      x_probe: (n, d), the rows to look at, in the units the network takes. Make one recorder and
        use it for all runs: each one is compiled anew.
      every: epochs per record; record 0 is before training.

    Returns:
      A Recorder whose trace is {"step": (r,) int32, "Dense_0": (r, h0), "Dense_1": (r, h1), ...}:
      per hidden unit the share of rows on which it is active now and was not, or the other way
      round; records that a stopped run did not reach are NaN and have step -1.

    Raises:
      ValueError: x_probe is no matrix with a row, or every no positive integer.
    """
    check_rank("x_probe", x_probe, 2, "(n, d)")
    check_not_empty("x_probe", x_probe)

    def active(params: Any) -> dict[str, jax.Array]:
        stack = [params[f"Dense_{i}"] for i in range(len(params) - 1)]
        hidden, found = jnp.asarray(x_probe, stack[0]["kernel"].dtype), {}
        for i, layer in enumerate(stack):
            hidden = jax.nn.relu(hidden @ layer["kernel"] + layer["bias"])
            found[f"Dense_{i}"] = hidden > 0
        return found

    def flipped(params: Any, start: Any) -> dict[str, jax.Array]:
        dtype = params["Dense_0"]["kernel"].dtype
        return jax.tree.map(lambda a, b: (a != b).mean(axis=0, dtype=dtype), active(params), start)

    return _recorder(flipped, every, per_epoch=True, begin=active)


def combine(**recorders: Recorder) -> Recorder:
    """Makes one recorder of several.

    Args:
      **recorders: all called per epoch, or all per step.

    Returns:
      A Recorder whose trace is {name: trace of that recorder}.

    Raises:
      ValueError: no recorder, or some per epoch and some per step.
    """
    moments = {name: recorder.per_epoch for name, recorder in recorders.items()}
    check(len(set(moments.values())) == 1, "recorders must be at least one, all per epoch or all "
          f"per step; got {moments} for per_epoch.")  # fmt: skip

    def init(params: Any, calls: int) -> dict[str, Any]:
        return {name: r.init(params, calls) for name, r in recorders.items()}

    def update(trace, step, params, loss):
        return {name: r.update(trace[name], step, params, loss) for name, r in recorders.items()}

    def summarise(trace):
        return {name: r.summarise(trace[name]) for name, r in recorders.items()}

    return Recorder(init, update, summarise, all(moments.values()))


def _recorder(
    measure: Callable, every: int, *, per_epoch: bool, begin: Callable | None = None
) -> Recorder:
    """Stores measure(params) at every so-many-th call; measure(params, begin(first params))."""
    check_integer("every", every, 1)

    def measured(params, start):
        return measure(params) if begin is None else measure(params, start)

    def init(params: Any, calls: int) -> dict[str, Any]:
        start = None if begin is None else begin(params)
        kept = jax.tree.map(
            lambda a: jnp.full((calls // every + 1, *a.shape), jnp.nan, a.dtype),
            jax.eval_shape(measured, params, start),
        )
        step = jnp.full(calls // every + 1, -1, jnp.int32)
        return {"calls": jnp.zeros((), jnp.int32), "start": start, "step": step, "kept": kept}

    def update(trace, step, params, loss):
        del loss
        due = (trace["calls"] % every == 0) & (step < PAST_THE_END)
        index = jnp.where(due, trace["calls"] // every, PAST_THE_END)
        kept = jax.tree.map(
            lambda store, new: store.at[index].set(new, mode="drop"),
            trace["kept"], measured(params, trace["start"]),
        )  # fmt: skip
        steps = trace["step"].at[index].set(step, mode="drop")
        return {**trace, "calls": trace["calls"] + 1, "step": steps, "kept": kept}

    return Recorder(init, update, lambda t: {"step": t["step"], **t["kept"]}, per_epoch)
