"""A model from a data set and what was fitted to it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from spline_fc.analysis import permutation_importance
from spline_fc.checks import check, check_kind, check_one_of
from spline_fc.cpwl.spline import spline_of
from spline_fc.data import (
    EXTRAPOLATE,
    Dataset,
    Encoding,
    Scaler,
    check_dataset,
    pull_in,
    train_range,
    unscale_x,
)
from spline_fc.data.cells import Format
from spline_fc.data.encoding import FEATURE, TARGET, ColumnEncoding, spell
from spline_fc.data.records import PARTS
from spline_fc.ensemble import LEVEL, METHODS, HeldOut
from spline_fc.ensemble.intervals import gives
from spline_fc.files import plain
from spline_fc.model.checked import check_made, check_model
from spline_fc.model.environment import versions
from spline_fc.model.record import Model
from spline_fc.network import Params, merge_params
from spline_fc.training import LOSS_OF, LOSS_OF_LINK, joint_error, scores

SPLINE_ALONE, NETWORK = "spline alone", "network"
_MOST_ROWS, _FEWEST_ROWS, _MOST_CELLS = 1000, 100, 50_000  # of test rows for the importance
_SHUFFLES = 2


def make_model(
    dataset: Dataset,
    *,
    spline: Any = None,
    params: Params | None = None,
    loss: str | None = None,
    extrapolate: str = "clip",
    made: Mapping[str, Any] | None = None,
    held_out: HeldOut | None = None,
) -> Model:
    """Puts what was fitted to a data set together with what makes x of new rows.

    Args:
      dataset: standardised, with the encoding of its table if it has one.
      spline: a Spline, a FitResult or a SplineStart, on standardised x and y.
      params: a network on standardised x and y; it predicts where there is one.
      loss: that the outputs were trained on, a name in `training.losses.LOSSES`; by default that
        of the task for a network, and for a spline alone what the link of its fit says.
      extrapolate: "clip" pulls every column of x in to the range of the training rows, here and
        at every prediction; "linear" goes straight on as the pieces at the border do.
      made: what else is to be kept, plain JSON: date, seed, options; scores by name, to which those
        of spline and network on test rows come.
      held_out: of an ensemble, whose network is the mean of its members (`params` is left out).

    Returns:
      Model.

    Raises:
      ValueError: neither spline nor network, one that does not fit the data, an unknown word.
      TypeError: no Dataset, no spline.
    """
    check_kind("dataset", dataset, Dataset)
    check_dataset(dataset)
    check_one_of("extrapolate", extrapolate, EXTRAPOLATE)
    dataset = pull_in(dataset) if extrapolate == "clip" else dataset
    made = {} if made is None else plain(made)
    check_made(made)
    if held_out is not None:
        check(params is None, "params must be None with held_out, whose members they follow from.")
        params = merge_params(held_out.members)
    check(spline is not None or params is not None, "spline or params must be given; got neither.")
    link = getattr(getattr(spline, "fit", spline), "link", None)
    spline = None if spline is None else spline_of(spline)
    loss = _loss(dataset.task, loss, link, params is not None)
    low, high = _range(dataset)
    model = Model(
        name=dataset.name,
        task=dataset.task,
        feature_names=tuple(dataset.feature_names),
        target_names=tuple(dataset.target_names),
        classes=_classes(dataset),
        encoding=dataset.encoding or _numbers(dataset),
        scaler=Scaler(*(np.asarray(field, np.float64) for field in dataset.scaler)),
        spline=spline,
        params=params,
        low=low,
        high=high,
        extrapolate=extrapolate,
        importance=np.zeros(0),
        loss=loss,
        made={},
        held_out=held_out,
    )
    check_model(model)
    return model._replace(importance=_importance(model, dataset), made=_made(model, dataset, made))


def _loss(task: str, loss: str | None, link: str | None, has_network: bool) -> str:
    """What the outputs answer to; those of spline and network must be of one kind."""
    found = loss or (LOSS_OF[task] if has_network else LOSS_OF_LINK[link or "identity"])
    logits = found.endswith("cross_entropy")
    wanted = "logits, as fit_classes gives them," if logits else "no logits"
    check(
        link is None or (link == "identity") != logits,
        f"spline must have {wanted} for the loss {found!r}; its link is {link!r}.",
    )
    return found


def _classes(dataset: Dataset) -> tuple[str, ...]:
    """The labels of a classification, in the order of the classes."""
    if dataset.task == "regression":
        return ()
    targets = () if dataset.encoding is None else dataset.encoding.of_role(TARGET)
    if len(targets) == 1 and targets[0].levels:
        return tuple(map(spell, targets[0].levels))
    return ("0", "1") if dataset.task == "binary" else tuple(dataset.target_names)


def _numbers(dataset: Dataset) -> Encoding:
    """An encoding for rows that are numbers, of data that came without one."""
    number, targets = Format("number"), tuple(dataset.target_names)
    named = [*((n, FEATURE) for n in dataset.feature_names), *((n, TARGET) for n in targets)]
    columns = tuple(ColumnEncoding(name, role, number) for name, role in named)
    return Encoding(columns, dataset.task, "drop", targets, shown_targets=targets)


def _range(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """The ends of the training rows in raw units, as far out as their rounding may have been."""
    found = train_range(dataset)
    ends = [end.astype(np.float64) for end in found]
    room = np.finfo(found[0].dtype).eps * np.maximum(*np.abs(ends))
    low, high = (unscale_x(dataset.scaler, end) for end in (ends[0] - room, ends[1] + room))
    return low, high


def _importance(model: Model, dataset: Dataset) -> np.ndarray:
    """Shares (c,) of the columns of the file: what shuffling them costs on test rows."""
    columns = model.columns()
    most = max(_FEWEST_ROWS, min(_MOST_ROWS, _MOST_CELLS // len(columns)))
    x, y = (np.asarray(array)[:most] for array in dataset.test)

    def loss(wanted: np.ndarray, given: np.ndarray) -> float:
        return joint_error(model.task, model.loss, given, wanted)

    groups = {column.name: column.places for column in columns}
    found = permutation_importance(
        model.evaluate, x, y, key=0, repeats=_SHUFFLES, metric=loss, groups=groups
    )
    gain = np.maximum(np.nan_to_num(found.mean), 0)
    return gain / gain.sum() if gain.sum() > 0 else gain


def _made(model: Model, dataset: Dataset, made: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept beside the function itself."""
    rows = {part: len(getattr(dataset, part).x) for part in PARTS}
    found = dict(made.get("scores", {}))
    kinds = {SPLINE_ALONE: model.spline, NETWORK: model.params}
    for name in (name for name, part in kinds.items() if part is not None):
        alone = model if name == NETWORK else model._replace(params=None)
        found[name] = _scores(alone, alone.evaluate(dataset.test.x), dataset.test.y)
    told = {"versions": versions(), "rows": rows, **made, "scores": found}
    if model.held_out is not None:
        told["intervals"] = _coverage(model, dataset)
    return plain(told)


def _coverage(model: Model, dataset: Dataset) -> dict[str, dict[str, float]]:
    """What share of the test rows intervals of the usual level hold, and how wide they are.

    By method, in raw units; of classes how many a set has. Without rows enough there is nothing.
    """
    held: Any = model.held_out
    if not gives(held.total, LEVEL):
        return {}
    x, y = (np.asarray(array, np.float64) for array in dataset.test)
    if model.task != "regression":
        found = held.classes(x, model.loss)
        truth = y if y.shape[1] > 1 else np.hstack([1 - y, y])
        share, count = (found * truth).sum() / len(y), found.sum() / len(y)
        return {"sets": {"coverage": share, "classes": count}}
    told: dict[str, dict[str, float]] = {}
    names = [""] if len(model.target_names) == 1 else [f" {name}" for name in model.target_names]
    for method in METHODS:
        lower, upper = held.interval(x, LEVEL, method)
        shares = ((lower <= y) & (y <= upper)).mean(axis=0)
        widths = (upper - lower).mean(axis=0) * model.scaler.y_scale
        told[method] = {}
        for name, share, width in zip(names, shares, widths, strict=True):
            told[method] |= {f"coverage{name}": share, f"mean width{name}": width}
    return told


def _scores(model: Model, outputs: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """Scores of standardised outputs, in raw units."""
    names, scaler = model.target_names, model.scaler
    return scores(model.task, model.loss, outputs, targets, scaler=scaler, target_names=names)
