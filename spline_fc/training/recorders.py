"""Recorders that ship with the room."""

from typing import Any

import jax.numpy as jnp

from spline_fc.training.steps import Recorder


def first_layer_recorder(every: int) -> Recorder:
    """Keeps kernel and bias of Dense_0, from which knots, slopes and alignments follow.

    Args:
      every: steps per record; record 0 is before training, record i > 0 is after step
        i * every.

    Returns:
      A Recorder whose trace is {"step": (r,) int32, "kernel": (r, d, h), "bias": (r, h)}; records
      that a stopped run did not reach are NaN and have step -1.
    """

    def init(params: Any, num_steps: int) -> dict[str, Any]:
        records, layer = num_steps // every + 1, params["Dense_0"]
        trace = {name: jnp.full((records, *a.shape), jnp.nan, a.dtype) for name, a in layer.items()}
        return {"step": jnp.full(records, -1, jnp.int32), **trace}

    def update(trace, step, params, loss):
        del loss
        past_the_end = trace["step"].shape[0]
        index = jnp.where(step % every == 0, step // every, past_the_end)
        layer = params["Dense_0"]
        kept = {name: trace[name].at[index].set(layer[name], mode="drop") for name in layer}
        return {"step": trace["step"].at[index].set(step, mode="drop"), **kept}

    return Recorder(init, update, lambda trace: trace)
