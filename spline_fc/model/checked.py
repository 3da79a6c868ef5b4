"""The one check of a model: of what was just made, is to be saved, or was loaded."""

from typing import Any

import numpy as np

from spline_fc.checks import (
    check,
    check_finite,
    check_integer,
    check_kind,
    check_mapping,
    check_number,
    check_one_of,
    shown,
)
from spline_fc.cpwl import check_spline
from spline_fc.data import EXTRAPOLATE, Scaler
from spline_fc.data.records import TASKS
from spline_fc.ensemble import HeldOut, check_held_out
from spline_fc.model.record import Model
from spline_fc.network import layer_sizes, merge_params
from spline_fc.network.structure import check_network, flatten
from spline_fc.training.losses import LOSSES


def check_model(model: Model) -> None:
    """Checks that the fields of a model are what they should be, and fit together.

    Raises:
      TypeError: it is no Model.
      ValueError: the sentence names the field.
    """
    check_kind("model", model, Model)
    check(isinstance(model.name, str), f"name must be text; got {shown(model.name)}.")
    check_one_of("task", model.task, TASKS)
    check_one_of("extrapolate", model.extrapolate, EXTRAPOLATE)
    check_one_of("loss", model.loss, LOSSES)
    check_made(model.made)
    _check_names(model)
    _check_ranges(model)
    d, k = len(model.feature_names), len(model.target_names)
    check(model.spline is not None or model.params is not None, "it has no spline and no network.")
    if model.spline is not None:
        check_spline(model.spline)
        sizes = (len(model.spline.projection), len(model.spline.intercept))
        check(sizes == (d, k), f"spline must have {d} features and {k} outputs; got {sizes}.")
    if model.params is not None:
        check_network(model.params)
        sizes = layer_sizes(model.params)
        ends = (sizes[0], sizes[-1])
        check(ends == (d, k), f"params must have {d} inputs and {k} outputs; got {ends}.")
    if model.held_out is not None:
        _check_members(model, k)


def _check_members(model: Model, outputs: int) -> None:
    """Checks the members of an ensemble, and that the network is their mean."""
    held: Any = model.held_out
    check_kind("held_out", held, HeldOut)
    check_network(held.members)
    check_held_out(held, outputs, model.task == "regression")
    wanted = flatten(merge_params(held.members))
    came = {} if model.params is None else flatten(model.params)
    same = wanted.keys() == came.keys() and all(
        np.array_equal(leaf, came[name]) for name, leaf in wanted.items()
    )
    check(same, "params must be the mean of the members of held_out; it is not.")


def check_made(made: Any) -> None:
    """Checks how a model was made: rows, scores, intervals, which are told; all else is free.

    Raises:
      ValueError: the sentence names the field.
    """
    check_mapping("made", made)
    for field in ("rows", "scores", "intervals"):
        check_mapping(f"made[{field!r}]", made.get(field, {}))
    for part, count in made.get("rows", {}).items():
        check_integer(f"made['rows'][{part!r}]", count, 0)
    named = [
        (field, n, own)
        for field in ("scores", "intervals")
        for n, own in made.get(field, {}).items()
    ]
    for field, name, own in named:
        where = f"made[{field!r}][{name!r}]"
        check_mapping(where, own)
        for score, value in own.items():
            if value is not None:  # JSON has no NaN
                check_number(f"{where}[{score!r}]", value)


def _check_names(model: Model) -> None:
    wanted = 2 if model.task == "binary" else len(model.target_names)
    wanted = 0 if model.task == "regression" else wanted
    came = len(model.classes)
    check(came == wanted, f"classes must be {wanted}; got {came}.")
    if model.encoding is None:
        return
    names = (model.feature_names, model.target_names)
    came = (model.encoding.feature_names, model.encoding.target_names)
    check(came == names, "encoding must be that of the feature_names and target_names.")


def _check_ranges(model: Model) -> None:
    d, k = len(model.feature_names), len(model.target_names)
    sizes = {"low": d, "high": d, **dict(zip(Scaler._fields, (d, d, k, k), strict=True))}
    arrays = {"low": model.low, "high": model.high, **model.scaler._asdict()}
    for name, size in sizes.items():
        array = arrays[name]
        good = array.dtype == np.float64 and array.shape == (size,)
        check(good, f"{name} must be float64 of shape ({size},); got {shown(array)}.")
        check_finite(name, array)
        least = array.min(initial=1.0)
        check(not name.endswith("scale") or least > 0, f"{name} must be positive; got {least:g}.")
    ordered = bool((model.low <= model.high).all())
    check(ordered, "low must be <= high in every column; it is not.")
    shares, wanted = model.importance, len(model.columns())
    good = shares.dtype == np.float64 and shares.shape in ((0,), (wanted,))
    check(good, f"importance must be float64 of shape ({wanted},) or (0,); got {shown(shares)}.")
    check_finite("importance", shares)
