"""Oblique splines as networks that take plain x."""

import jax.numpy as jnp
import numpy as np

from spline_fc.checks import check
from spline_fc.cpwl import ObliqueFit, compose_kernel
from spline_fc.data import Scaler
from spline_fc.network.convert import to_params
from spline_fc.network.structure import Params


def to_params_oblique(oblique: ObliqueFit, scaler: Scaler | None = None) -> Params:
    """Builds the ReLU network on plain x that equals an oblique fit everywhere.

    The projections are multiplied into the first layer, whose units are then oblique: the kernel
    column of a hinge on direction j is its sign times column j of the projection.

    Args:
      oblique: from `fit_oblique`, of d features and k outputs.
      scaler: if given, it is folded into the first and the last layer: the network then takes raw
        x and returns raw y, while the fit stands in standardised units.

    Returns:
      Params with a first kernel of d rows; unit i of Dense_0 is entry i of
      `hinges(oblique.fit.spline)`, whose feature d + j is direction j.

    Raises:
      ValueError: what `to_params` refuses, or a scaler that does not fit.
    """
    projection = np.asarray(oblique.projection, np.float64)
    d, q = projection.shape
    if scaler is not None:
        scaler = Scaler(*(np.asarray(field, np.float64) for field in scaler))
        check(
            scaler.x_scale.shape == (d,) and scaler.x_shift.shape == (d,),
            f"scaler must have {d} features, as the fit has; got {len(scaler.x_scale)}.",
        )
        # Directions of raw x: those columns are left in their units, only shifted.
        projection = projection / scaler.x_scale[:, None]
        scaler = scaler._replace(
            x_shift=np.concatenate([scaler.x_shift, scaler.x_shift @ projection]),
            x_scale=np.concatenate([scaler.x_scale, np.ones(q)]),
        )
    params = to_params(oblique.fit.spline, d + q, scaler)
    kernel = params["Dense_0"]["kernel"]
    composed = compose_kernel(kernel, projection).astype(kernel.dtype)
    return {**params, "Dense_0": {**params["Dense_0"], "kernel": jnp.asarray(composed)}}
