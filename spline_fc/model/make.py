"""A model from a data set and what was fitted to it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from spline_fc.checks import check, check_kind
from spline_fc.cpwl.spline import spline_of
from spline_fc.data import Dataset, Scaler, check_dataset, unscale_x
from spline_fc.data.encoding import TARGET, spell
from spline_fc.files import plain
from spline_fc.model.checked import check_model
from spline_fc.model.record import Model
from spline_fc.network import Params

_CROSS_ENTROPY = {"binary": "sigmoid_cross_entropy", "multiclass": "softmax_cross_entropy"}


def make_model(
    dataset: Dataset,
    *,
    spline: Any = None,
    params: Params | None = None,
    loss: str | None = None,
    extrapolate: str = "linear",
    made: Mapping[str, Any] | None = None,
) -> Model:
    """Puts what was fitted to a data set together with what makes x of new rows.

    Args:
      dataset: standardised, with the encoding of its table if it has one.
      spline: a Spline, a FitResult or a SplineStart, on standardised x and y.
      params: a network on standardised x and y; it predicts where there is one.
      loss: that the outputs were trained on, a name in `training.losses.LOSSES`; by default the
        cross-entropy of the task for a network, and the squared error for a spline alone.
      extrapolate: "linear" goes on as the pieces at the border do; "clip" pulls every column of x
        in to the range of the training rows.
      made: what else is to be kept, plain JSON: seed, options, scores.

    Returns:
      Model.

    Raises:
      ValueError: neither spline nor network, one that does not fit the data, an unknown word.
      TypeError: no Dataset, no spline.
    """
    check_kind("dataset", dataset, Dataset)
    check_dataset(dataset)
    check(spline is not None or params is not None, "spline or params must be given; got neither.")
    spline = None if spline is None else spline_of(spline)
    if loss is None:
        logits = params is not None and dataset.task != "regression"
        loss = _CROSS_ENTROPY[dataset.task] if logits else "squared_error"
    x = np.asarray(dataset.train.x, np.float64)
    model = Model(
        name=dataset.name,
        task=dataset.task,
        feature_names=tuple(dataset.feature_names),
        target_names=tuple(dataset.target_names),
        classes=_classes(dataset),
        encoding=dataset.encoding,
        scaler=Scaler(*(np.asarray(field, np.float64) for field in dataset.scaler)),
        spline=spline,
        params=params,
        low=unscale_x(dataset.scaler, x.min(axis=0)),
        high=unscale_x(dataset.scaler, x.max(axis=0)),
        extrapolate=extrapolate,
        importance=np.zeros(0),
        loss=loss,
        made=plain(made or {}),
    )
    check_model(model)
    return model


def _classes(dataset: Dataset) -> tuple[str, ...]:
    """The labels of a classification, in the order of the classes."""
    if dataset.task == "regression":
        return ()
    targets = () if dataset.encoding is None else dataset.encoding.of_role(TARGET)
    if len(targets) == 1 and targets[0].levels:
        return tuple(map(spell, targets[0].levels))
    return ("0", "1") if dataset.task == "binary" else tuple(dataset.target_names)
