"""Checks of what comes in, before anything is compiled, and its one dtype."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spline_fc.checks import check, check_finite, check_not_empty, check_rank
from spline_fc.data import Dataset
from spline_fc.training import groups
from spline_fc.training.config import TrainingConfig
from spline_fc.training.groups import Origin
from spline_fc.training.steps import PARTS, Data, Evaluation

_BLOCK = 256  # rows evaluated at once


def prepare(
    params: Any,
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
      weights: (n,) or (S, n) of the training rows, or None.
      origin: of the units, or None.
      replicas: how many seeds there are, or None if the axis S is not there.

    Returns:
      Data.

    Raises:
      ValueError: anything that does not fit, by name.
    """
    lead, dtype = int(replicas is not None), _dtype(params)
    parts = [_part(name, getattr(dataset, name), lead) for name in PARTS]
    if lead:
        _check_replicas(params, parts, replicas)
    _check_layers(params, parts, lead)
    _check_targets(config.loss, parts)
    rows = parts[0][0].shape[-2]
    check(config.batch_size <= rows, f"training.batch_size must be at most {rows}, the number of "
          f"training rows; got {config.batch_size}.")  # fmt: skip
    weight = None if weights is None else _weights(weights, parts[0][0])
    _check_origin(params, config, origin)
    evaluation = _evaluation(parts, weight, dtype)
    train = parts[0] if weight is None else (*parts[0], weight[..., None])
    cast = [jnp.asarray(a, dtype) for a in train]
    return Data(tuple(cast), evaluation, _scale(params, config, origin, bool(lead)))


def _dtype(params: Any) -> Any:
    """The one dtype of the parameters; ValueError unless they are layers of finite floats."""
    check(isinstance(params, Mapping), "params must be a dict of layers; "
          f"got {type(params).__name__}.")  # fmt: skip
    check(len(params) > 0, "params must hold at least one layer; got none.")
    for name, layer in params.items():
        held = sorted(layer) if isinstance(layer, Mapping) else type(layer).__name__
        check(held == ["bias", "kernel"], f"params[{name!r}] must hold a kernel and a bias; "
              f"got {held}.")  # fmt: skip
    leaves = {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in
              jax.tree.leaves_with_path(params)}  # fmt: skip
    wanted = next(iter(leaves.values())).dtype
    for path, leaf in leaves.items():
        check(leaf.dtype == wanted and jnp.issubdtype(wanted, jnp.floating), f"params{path} must "
              f"be of one floating dtype with all others; got {leaf.dtype}.")  # fmt: skip
        check_finite(f"params{path}", leaf)
    return wanted


def _part(name: str, part: Any, lead: int) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(part.x), np.asarray(part.y)
    shape = "(S, n, {})" if lead else "(n, {})"
    check_rank(f"{name} x", x, 2 + lead, shape.format("d"))
    check_rank(f"{name} y", y, 2 + lead, shape.format("k"))
    wanted, came = x.shape[:-1], y.shape[:-1]
    check(wanted == came, f"{name} y must have leading axes {wanted}, as x has; got {came}.")
    if name != "test":
        check_not_empty(f"the {name} part", x)
    check_finite(f"{name} x", x)
    check_finite(f"{name} y", y)
    return x, y


def _check_replicas(params: Any, parts: Sequence[tuple[np.ndarray, ...]], seeds: int) -> None:
    """Raises ValueError unless every leaf and part has one and the same leading axis."""
    replicas = parts[0][0].shape[0]
    check(seeds == replicas, f"seeds must have length {replicas}, one per data set; got {seeds}.")
    for name, (x, _) in zip(PARTS, parts, strict=True):
        check(x.shape[0] == replicas, f"{name} x must have {replicas} replicas, as the training "
              f"part has; got {x.shape[0]}.")  # fmt: skip
    for path, leaf in jax.tree.leaves_with_path(params):
        name, shape = jax.tree_util.keystr(path), np.shape(leaf)
        check(len(shape) > 0 and shape[0] == replicas, f"params{name} must have the leading axis "
              f"{replicas}, one per data set; got shape {shape}.")  # fmt: skip


def _check_layers(params: Any, parts: Sequence[tuple[np.ndarray, ...]], lead: int) -> None:
    """Raises ValueError unless the layers chain from the columns of x to those of y."""
    width = parts[0][0].shape[-1]
    for index in range(len(params)):
        name = f"Dense_{index}"
        check(name in params, f"params must hold the layers Dense_0 to Dense_{len(params) - 1}; "
              f"got {', '.join(sorted(params))}.")  # fmt: skip
        kernel, bias = (np.shape(params[name][leaf])[lead:] for leaf in ("kernel", "bias"))
        fits = len(kernel) == 2 and kernel[0] == width and bias == kernel[1:]
        check(fits, f"{name} must have kernel ({width}, h) and bias (h,); got {kernel} and {bias}.")
        width = kernel[1]
    wanted = (parts[0][0].shape[-1], width)
    for name, (x, y) in zip(PARTS, parts, strict=True):
        columns = (x.shape[-1], y.shape[-1])
        check(columns == wanted, f"{name} x and y must have {wanted} columns, as the network has "
              f"inputs and outputs; got {columns}.")  # fmt: skip


def _check_targets(loss: str, parts: Sequence[tuple[np.ndarray, ...]]) -> None:
    """Raises ValueError if the targets of a cross-entropy are no probabilities."""
    if not loss.endswith("cross_entropy"):
        return
    for name, (_, y) in zip(PARTS, parts, strict=True):
        if not y.size:
            continue
        low, high = y.min(), y.max()
        check(low >= 0 and high <= 1, f"{name} y must lie in [0, 1] for the loss {loss!r}; "
              f"got values from {low:g} to {high:g}.")  # fmt: skip
        sums = y.sum(axis=-1)
        worst = sums.flat[np.abs(sums - 1).argmax()]
        check(loss != "softmax_cross_entropy" or abs(worst - 1) < 1e-3, f"{name} y must have rows "
              f"that sum to 1 for the loss {loss!r}; got a sum of {worst:g}.")  # fmt: skip


def _weights(weights: Any, x: np.ndarray) -> np.ndarray:
    """Weights of the training rows with mean 1, (n,) or (S, n)."""
    values = np.asarray(weights, np.float64)
    check(values.shape == x.shape[:-1], f"weights must have shape {x.shape[:-1]}, one per training "
          f"row; got {values.shape}.")  # fmt: skip
    check_finite("weights", values)
    check(values.min() >= 0, f"weights must not be negative; got {values.min():g}.")
    mean = values.mean(axis=-1, keepdims=True)
    check(bool((mean > 0).all()), "weights must not all be 0.")
    return values / mean


def _evaluation(parts: Sequence[tuple[np.ndarray, ...]], weight: Any, dtype: Any) -> Evaluation:
    """Cuts all parts into blocks of equal size, padded with rows of weight 0."""
    largest = max(x.shape[-2] for x, _ in parts)
    size, pieces = min(_BLOCK, largest), []
    for index, (x, y) in enumerate(parts):
        lead, rows = x.shape[:-2], x.shape[-2]
        blocks = max(1, -(-rows // size))
        weights = np.ones(x.shape[:-1]) if index or weight is None else weight

        def cut(array, lead=lead, blocks=blocks, rows=rows):
            padding = [(0, 0)] * array.ndim
            padding[len(lead)] = (0, blocks * size - rows)
            padded = np.pad(array, padding)
            return padded.reshape(*lead, blocks, size, *array.shape[len(lead) + 1 :])

        # A part without rows is one block of padding whose weight makes its mean NaN.
        share = cut(weights) / rows if rows else np.full((*lead, 1, size), np.nan)
        pieces.append((cut(x), cut(y), share, np.full((*lead, blocks), index)))
    x, y, share, part = (np.concatenate(p, axis=len(lead)) for p in zip(*pieces, strict=True))
    return Evaluation(*(jnp.asarray(a, dtype) for a in (x, y, share)), jnp.asarray(part, jnp.int32))


def _check_origin(params: Any, config: TrainingConfig, origin: Origin | None) -> None:
    """Raises ValueError if groups or axes are asked for that are not known or match nothing."""
    rates = dict(config.group_rates)
    if not rates and not config.keep_axes:
        return
    check(origin is not None, "origin must be given when training.group_rates or keep_axes is set, "
          "e.g. spline_origin(spline, params); got None.")  # fmt: skip
    groups.check_matches(params, origin, rates, config.keep_axes)


def _scale(params: Any, config: TrainingConfig, origin: Origin | None, replicas: bool) -> Any:
    """Factors on the updates, or None if the config asks for none."""
    rates = dict(config.group_rates)
    if not rates and not config.keep_axes:
        return None

    def one(params, origin):
        return groups.update_scale(params, origin, rates, config.keep_axes)

    return (jax.vmap(one) if replicas else one)(params, origin)
