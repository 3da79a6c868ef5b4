"""Checks of what comes in, before anything is compiled, and its one dtype.

What is on the device stays there: it is checked there, in one pass, and only a message about it
brings it to the host. What comes as NumPy arrays is checked and cut on the host.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from absl import logging

from spline_fc.arrays import columns, numbers, numbers_float64, tell_narrowed
from spline_fc.checks import check, check_finite, check_kind, check_not_empty, check_rank, shown
from spline_fc.data import Dataset, Part
from spline_fc.network import Params, layer_sizes
from spline_fc.sharding import Placement, is_divided, placement_of, sample_rows
from spline_fc.training import groups, sharded
from spline_fc.training.config import TrainingConfig
from spline_fc.training.groups import Origin
from spline_fc.training.steps import PARTS, Data, Evaluation

UNBOUNDED = ("squared_error", "huber")  # losses whose targets have a unit
_BLOCK = 256  # rows evaluated at once
_LOOKED_AT = 4096  # rows, at most, whose mean and deviation are looked at
_USUAL = 0.1, 10.0  # deviations, and for the upper one means, that nothing is said about
_Array = np.ndarray | jax.Array


class _Rows(NamedTuple):
    """A part of the data, wherever it lies."""

    x: _Array
    y: _Array


def prepare(
    params: Params,
    dataset: Dataset,
    config: TrainingConfig,
    weights: Any,
    origin: Origin | None,
    replicas: int | None = None,
) -> Data:
    """Checks shapes and casts the data to the dtype of the parameters.

    Args:
      params: {"Dense_0": ...}; leaves with the leading axis S if there are replicas.
      dataset: arrays (n, d) and (n, k), or (S, n, d) and (S, n, k).
      config: decides what else is needed.
      weights: (n,) or (S, n) of the training rows; None for those of the data set, if it has any.
      origin: of the units, or None.
      replicas: how many seeds there are, or None if the axis S is not there.

    Returns:
      Data.

    Raises:
      ValueError: anything that does not fit, by name.
    """
    lead = int(replicas is not None)
    sizes, dtype = layer_sizes(params, lead), _dtype(params)
    check_kind("dataset", dataset, Dataset)
    parts = [_part(name, getattr(dataset, name), lead, dataset.feature_names) for name in PARTS]
    if replicas is not None:
        _check_replicas(params, parts, replicas)
        whole = not any(is_divided(array) for part in parts for array in part)
        check(whole, "datasets of replicas must lie on one device; got arrays on several.")
    _check_columns(sizes, parts)
    if weights is None and dataset.weights is not None:
        weights = dataset.weights.train
    place, shared = None if lead else placement_of(parts[0].x), []
    if place is not None:
        shared = sharded.shared_parts(place, parts, weights)
        parts, weights = [_Rows(x, y) for x, y, _ in shared], None
    weight = None if weights is None else _weights(weights, parts[0].x)
    if weight is not None:
        parts[0] = _of_weight(parts[0], weight)
    _check_all_finite(params, parts)
    loss = config.loss_of(dataset.task)
    _check_targets(loss, parts)
    if loss in UNBOUNDED:
        _tell_unlike_scales("y", parts[0].y, dataset.target_names, dtype)
    if dataset.shared_scale:
        _tell_unlike_scales(
            "x", parts[0].x.reshape(*parts[0].x.shape[:lead], -1, 1), ("all",), dtype
        )
    else:
        _tell_unlike_scales("x", parts[0].x, dataset.feature_names, dtype)
    _check_origin(params, config, origin)
    if place is not None:
        data = sharded.shared_data(place, shared, dtype, _BLOCK)
        return Data(*data, _scale(params, config, origin, False))
    evaluation = _evaluation(parts, weight, dtype)
    train = parts[0] if weight is None else (*parts[0], weight[..., None])
    cast = tuple(jnp.asarray(a, dtype) for a in train)
    return Data(cast, evaluation, _scale(params, config, origin, bool(lead)))


def cut_batch(config: TrainingConfig, rows: int) -> TrainingConfig:
    """The config with a batch of at most all training rows; that it was cut is told."""
    if config.batch_size <= rows:
        return config
    logging.warning(
        "training.batch_size %d is cut to the %d training rows.", config.batch_size, rows
    )
    return dataclasses.replace(config, batch_size=rows)


def check_shared(config: TrainingConfig, place: Placement) -> None:
    """Raises ValueError if a config asks for what rows on several devices cannot have."""
    count = place.num_devices
    check(
        config.batch_size % count == 0,
        f"training.batch_size must be a multiple of the {count} devices that share the rows; got "
        f"{config.batch_size}.",
    )


def _as_array(name: str, values: Any) -> _Array:
    """What lies on a device stays there; all else becomes NumPy."""
    is_number = isinstance(values, jax.Array) and jnp.issubdtype(values.dtype, jnp.floating)
    is_traced = isinstance(values, jax.core.Tracer)
    return values if is_number and not is_traced else numbers(name, values)


def _dtype(params: Params) -> np.dtype:
    """The one dtype of the parameters, as JAX computes with it: float64 only where that is enabled.

    Raises ValueError unless it is a float and that of all leaves.
    """
    leaves = [(path, leaf.dtype) for path, leaf in jax.tree.leaves_with_path(params)]
    wanted = leaves[0][1]
    for path, came in leaves:
        check(
            came == wanted and jnp.issubdtype(wanted, jnp.floating),
            f"params{jax.tree_util.keystr(path)} must be of one floating dtype with all others; "
            f"got {came}.",
        )
    return np.dtype(jax.dtypes.canonicalize_dtype(wanted))


def _part(name: str, part: Part, lead: int, names: Sequence[str]) -> _Rows:
    why = ", as the best epoch is chosen by it" if name == "validation" else ""
    known = hasattr(part, "x") and hasattr(part, "y")
    check(known, f"dataset.{name} must be a Part with x and y{why}; got {shown(part)}.")
    is_frame = hasattr(part.x, "columns")
    x = columns(f"{name} x", part.x, names).values if is_frame else _as_array(f"{name} x", part.x)
    y = _as_array(f"{name} y", part.y)
    shape = "(S, n, {})" if lead else "(n, {})"
    check_rank(f"{name} x", x, 2 + lead, shape.format("d"))
    check_rank(f"{name} y", y, 2 + lead, shape.format("k"))
    if name != "test":
        check(x.shape[-2] > 0, f"the {name} part must have at least one row{why}; got none.")
        check_not_empty(f"the {name} part", x)
    wanted, came = x.shape[:-1], y.shape[:-1]
    check(wanted == came, f"{name} y must have leading axes {wanted}, as x has; got {came}.")
    return _Rows(x, y)


def _check_replicas(params: Params, parts: Sequence[_Rows], seeds: int) -> None:
    """Raises ValueError unless parameters and parts have one and the same leading axis."""
    replicas = parts[0].x.shape[0]
    check(seeds == replicas, f"seeds must have length {replicas}, one per data set; got {seeds}.")
    for name, part in zip(PARTS, parts, strict=True):
        check(
            part.x.shape[0] == replicas,
            f"{name} x must have {replicas} replicas, as the training part has; "
            f"got {part.x.shape[0]}.",
        )
    axis = np.shape(params["Dense_0"]["kernel"])[0]
    check(
        axis == replicas,
        f"params must have the leading axis {replicas}, one per data set; got {axis}.",
    )


def _check_columns(sizes: Sequence[int], parts: Sequence[_Rows]) -> None:
    """Raises ValueError unless the network leads from the columns of x to those of y."""
    wanted = sizes[0], sizes[-1]
    for name, (x, y) in zip(PARTS, parts, strict=True):
        columns = (x.shape[-1], y.shape[-1])
        check(
            columns == wanted,
            f"{name} x and y must have {wanted} columns, as the network has inputs and outputs; "
            f"got {columns}.",
        )


@jax.jit
def _all_finite(arrays: list[jax.Array]) -> jax.Array:
    return jnp.stack([jnp.isfinite(array).all() for array in arrays]).all()


def _check_all_finite(params: Params, parts: Sequence[_Rows]) -> None:
    """Raises ValueError, naming the array and the place, if a number is not finite."""
    leaves = jax.tree.leaves_with_path(params)
    named = {f"params{jax.tree_util.keystr(path)}": leaf for path, leaf in leaves}
    for name, (x, y) in zip(PARTS, parts, strict=True):
        named |= {f"{name} x": x, f"{name} y": y}
    on_device = {name: a for name, a in named.items() if isinstance(a, jax.Array)}
    fine = not on_device or bool(_all_finite(list(on_device.values())))
    for name, array in named.items():
        if not fine or name not in on_device:
            check_finite(name, array)


def _tell_unlike_scales(name: str, array: _Array, names: Sequence[str], dtype: Any) -> None:
    """A warning where columns are far from mean 0 and deviation 1, as training expects them.

    Where they are not, one where the dtype of training leaves many of their values equal.
    """
    step, place = -(-array.shape[-2] // _LOOKED_AT), placement_of(array, array.ndim - 2)
    if place is None:
        some = array[..., ::step, :]
    else:
        (some,) = sample_rows(place, step, jnp.asarray(array))
    rows = np.asarray(some, np.float64).reshape(-1, array.shape[-1])
    mean, deviation = rows.mean(axis=0), rows.std(axis=0)
    low, high = _USUAL
    strange = (np.abs(mean) > high) | (deviation > high) | (deviation < low)
    strange = np.flatnonzero(strange & (np.ptp(rows, axis=0) > 0))
    if strange.size:
        first, others = strange[0], strange.size - 1
        logging.warning(
            "train %s should be standardised, see data.standardize; column %r has mean %.4g and "
            "deviation %.4g%s.",
            *(name, names[first] if first < len(names) else int(first)),
            *(mean[first], deviation[first], f" ({others} more like it)" if others else ""),
        )
    else:
        tell_narrowed(f"train {name}", rows, dtype)


def _check_targets(loss: str, parts: Sequence[_Rows]) -> None:
    """Raises ValueError if the targets of a cross-entropy are no probabilities."""
    if not loss.endswith("cross_entropy"):
        return
    for name, (_, y) in zip(PARTS, parts, strict=True):
        if not y.size:
            continue
        low, high = float(y.min()), float(y.max())
        check(
            low >= 0 and high <= 1,
            f"{name} y must lie in [0, 1] for the loss {loss!r}; got values from {low:g} to "
            f"{high:g}.",
        )
        sums = y.sum(axis=-1).ravel()
        worst = float(sums[abs(sums - 1).argmax()])
        check(
            loss != "softmax_cross_entropy" or abs(worst - 1) < 1e-3,
            f"{name} y must have rows that sum to 1 for the loss {loss!r}; got a sum of {worst:g}.",
        )


def _weights(weights: Any, x: _Array) -> np.ndarray:
    """Weights of the training rows with mean 1, (n,) or (S, n)."""
    values = numbers_float64("weights", weights)
    check(
        values.shape == x.shape[:-1],
        f"weights must have shape {x.shape[:-1]}, one per training row; got {values.shape}.",
    )
    check_finite("weights", values)
    check(values.min() >= 0, f"weights must not be negative; got {values.min():g}.")
    mean = values.mean(axis=-1, keepdims=True)
    check(bool((mean > 0).all()), "weights must not all be 0; got no other.")
    return values / mean


def _of_weight(part: _Rows, weight: np.ndarray) -> _Rows:
    """The part, rows of weight 0 filled with another row: what stands in them has no influence."""
    if (weight > 0).all():
        return part
    x, y = np.array(part.x), np.array(part.y)
    first = (weight > 0).argmax(axis=-1)[..., None, None]  # of every replica
    nothing = weight[..., None] == 0
    return _Rows(*(np.where(nothing, np.take_along_axis(a, first, -2), a) for a in (x, y)))


def _evaluation(parts: Sequence[_Rows], weight: np.ndarray | None, dtype: Any) -> Evaluation:
    """Cuts all parts into blocks of equal size, padded with rows of weight 0."""
    largest = max(part.x.shape[-2] for part in parts)
    size, pieces = min(_BLOCK, largest), []
    for index, (x, y) in enumerate(parts):
        lead, rows = x.shape[:-2], x.shape[-2]
        blocks = max(1, -(-rows // size))
        weights = np.ones(x.shape[:-1]) if index or weight is None else weight

        def cut(array, lead=lead, blocks=blocks, rows=rows):
            padding = [(0, 0)] * array.ndim
            padding[len(lead)] = (0, blocks * size - rows)
            padded = (jnp if isinstance(array, jax.Array) else np).pad(array, padding)
            return padded.reshape(*lead, blocks, size, *array.shape[len(lead) + 1 :])

        # A part without rows is one block of padding whose weight makes its mean NaN.
        share = cut(weights) / rows if rows else np.full((*lead, 1, size), np.nan)
        pieces.append((cut(x), cut(y), share, np.full((*lead, blocks), index)))

    def join(arrays):
        on_device = any(isinstance(array, jax.Array) for array in arrays)
        return (jnp if on_device else np).concatenate(arrays, axis=len(lead))

    x, y, share, part = (join(arrays) for arrays in zip(*pieces, strict=True))
    x, y, share = (jnp.asarray(array, dtype) for array in (x, y, share))
    return Evaluation(x, y, share, jnp.asarray(part, jnp.int32))


def _check_origin(params: Params, config: TrainingConfig, origin: Origin | None) -> None:
    """Raises ValueError if groups or axes are asked for that are not known or match nothing."""
    rates = dict(config.group_rates)
    if not rates and not config.keep_axes:
        return
    if not isinstance(origin, Origin):
        raise ValueError(
            "origin must be given when training.group_rates or keep_axes is set, "
            f"e.g. spline_origin(spline, params); got {shown(origin)}."
        )
    groups.check_matches(params, origin, rates, config.keep_axes)


def _scale(
    params: Params, config: TrainingConfig, origin: Origin | None, replicas: bool
) -> Params | None:
    """Factors on the updates, or None if the config asks for none."""
    rates = dict(config.group_rates)
    if not rates and not config.keep_axes:
        return None

    def one(params, origin):
        return groups.update_scale(params, origin, rates, config.keep_axes)

    return (jax.vmap(one) if replicas else one)(params, origin)
