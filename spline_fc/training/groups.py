"""Which weights came from the spline: learning rates per group, frozen knots, axis masks."""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from spline_fc.checks import check, check_one_of
from spline_fc.cpwl import FitResult, Spline
from spline_fc.network import Params, hinges, layer_sizes, to_params
from spline_fc.network.structure import layer_name
from spline_fc.printing import printed

GROUPS = ("spline_units", "new_units", "knots", "output")


@printed
class Origin(NamedTuple):
    """Where the units of a network come from; arrays, so that origins stack over replicas."""

    from_spline: dict[str, np.ndarray]  # per hidden layer (units,) bool
    feature: np.ndarray  # (units of Dense_0,) int32, home feature of a hinge; -1 for a unit without


def spline_origin(spline: Spline | FitResult, params: Params) -> Origin:
    """Tells the units of a reshaped network that came from its spline from those that are new.

    Args:
      spline: the spline (or fit) that `params` was converted and reshaped from.
      params: its network; spline units come first in every layer.

    Returns:
      Origin.

    Raises:
      ValueError: `params` is too small to hold the spline.
    """
    num_features, *widths, _ = layer_sizes(params)
    _, *exact, _ = layer_sizes(to_params(spline))
    exact += [exact[-1]] * (len(widths) - len(exact))
    check(
        len(exact) == len(widths) and all(e <= w for e, w in zip(exact, widths, strict=True)),
        f"params must have at least {tuple(exact)} hidden units to hold the spline; "
        f"got {tuple(widths)}.",
    )
    pairs = enumerate(zip(exact, widths, strict=True))
    born = {layer_name(i): np.arange(width) < count for i, (count, width) in pairs}
    feature = np.full(widths[0], -1, np.int32)
    home = np.asarray(hinges(spline).feature)
    feature[: len(home)] = np.where(home < num_features, home, -1)  # a direction is no axis
    return Origin(born, feature)


def membership(params: Params, origin: Origin, group: str) -> Params:
    """Says which weights are in a group.

    "knots": kernel column and bias of the spline's units in Dense_0, which together place a knot.
    "spline_units" and "new_units": the incoming weights and the bias of these units, in every
    hidden layer. "output": the last layer. A weight may be in two groups.

    Args:
      params: {"Dense_0": ...}.
      origin: of these parameters.
      group: a name in `GROUPS`.

    Returns:
      A tree like params of boolean arrays of the same shapes.

    Raises:
      ValueError: unknown group.
    """
    check_one_of("group", group, GROUPS)
    tree = {}
    for name, layer in params.items():
        width = layer["bias"].shape[-1]
        hidden = name in origin.from_spline
        born = origin.from_spline[name] if hidden else jnp.zeros(width, bool)
        units = {
            "knots": born & (name == "Dense_0"),
            "spline_units": born,
            "new_units": ~born & hidden,
            "output": jnp.full(width, not hidden),
        }[group]
        tree[name] = jax.tree.map(lambda leaf, u=units: jnp.broadcast_to(u, leaf.shape), layer)
    return tree


def axis_mask(params: Params, feature: np.ndarray | jax.Array) -> Params:
    """Keeps each hinge of Dense_0 on its own feature: 0 for its weights to all others, else 1.

    Args:
      params: {"Dense_0": {"kernel": (d, h), ...}, ...}.
      feature: (h,) int, home feature per unit, -1 for a unit that is free.

    Returns:
      A tree like params of arrays of 0 and 1, in the dtype of params.
    """
    mask = jax.tree.map(jnp.ones_like, params)
    kernel = mask["Dense_0"]["kernel"]
    own = jnp.arange(kernel.shape[0])[:, None] == feature
    mask["Dense_0"]["kernel"] = jnp.where(own | (feature < 0), kernel, 0)
    return mask


def update_scale(
    params: Params, origin: Origin, group_rates: Mapping[str, float], keep_axes: bool
) -> Params:
    """Builds the factors on the updates: products of the rates of all groups a weight is in.

    Args:
      params: {"Dense_0": ...}.
      origin: of these parameters.
      group_rates: factor on the learning rate per group; 0 freezes.
      keep_axes: whether hinges stay on their own feature.

    Returns:
      A tree like params, same shapes and dtype.
    """
    if keep_axes:
        scale = axis_mask(params, origin.feature)
    else:
        scale = jax.tree.map(jnp.ones_like, params)
    for group, rate in group_rates.items():
        members = membership(params, origin, group)
        scale = jax.tree.map(lambda s, m, r=rate: jnp.where(m, s * r, s), scale, members)
    return scale


def check_matches(
    params: Params, origin: Origin, group_rates: Mapping[str, float], keep_axes: bool
) -> None:
    """Raises ValueError if a group or the axis mask matches no weight of any replica."""
    for group in group_rates:
        check_one_of("training.group_rates", group, GROUPS)
        if group == "output":
            continue
        layers = ["Dense_0"] if group == "knots" else list(origin.from_spline)
        born = [np.asarray(origin.from_spline[name]) for name in layers]
        check(
            any((~units if group == "new_units" else units).any() for units in born),
            f"training.group_rates must name groups that the network has; got {group!r}, "
            "which matches no weight.",
        )
    if keep_axes:
        num_features = params["Dense_0"]["kernel"].shape[-2]
        check(
            num_features > 1 and bool((np.asarray(origin.feature) >= 0).any()),
            "training.keep_axes must have a hinge and another feature to keep it from; got a "
            "network where it matches no weight.",
        )
