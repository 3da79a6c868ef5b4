"""Models for other programs: as ONNX, safetensors, JSON, or a Python module without imports."""

import inspect
import json
import os
from typing import Any

import numpy as np

from spline_fc import files
from spline_fc.checks import check_one_of
from spline_fc.data.cells import MISSING
from spline_fc.data.encoding import FEATURE, TARGET
from spline_fc.model import standalone
from spline_fc.model.checked import check_model
from spline_fc.model.record import Model
from spline_fc.network import save_onnx, save_safetensors
from spline_fc.network.structure import layers_float64

FORMATS = ("onnx", "json", "safetensors", "python")
FORMAT = "spline_fc.export/1"
_PLACE = 'json.loads("{}")'  # of the data in the source of `standalone`


def export_model(model: Model, path: str | os.PathLike, format: str) -> None:
    """Writes a model for programs that know nothing of spline_fc.

    Args:
      model: any Model.
      path: of the file, of exactly this name.
      format: "onnx" or "safetensors", the network alone: it takes the columns of x in raw units,
        a category being 0/1 columns, and returns `Model.outputs`; names and classes travel as
        metadata. "json": all of that as text, with what makes x of rows, see `portable`. "python":
        a module of the standard library alone that predicts rows as they come.

    Raises:
      ValueError: an unknown format, or a model that does not fit together.
      OSError: the file cannot be written.
      ImportError: the package onnx or safetensors is not installed.
    """
    check_one_of("format", format, FORMATS)
    check_model(model)
    if format in ("onnx", "safetensors"):
        about = {name: _text(value) for name, value in _about(model).items()}
        save = save_onnx if format == "onnx" else save_safetensors
        save(path, model.network(), about)
    elif format == "json":
        files.write_json(path, portable(model))
    else:
        text = json.dumps(files.plain(portable(model)), allow_nan=False)
        source = inspect.getsource(standalone)
        files.write_text(path, source.replace(_PLACE, f"json.loads({text!r})"))


def portable(model: Model) -> dict[str, Any]:
    """Everything that predictions need, as plain numbers, lists and texts.

    Returns:
      {"format", "name", "task", "target", "outputs": k names, "classes", "loss", "scale": what the
      outputs are ("target units", "logit", "regression of 0 and 1"), "feature_names": d columns of
      x, "gaps": cells that mean nothing, "columns": [{"name", "kind", "levels", "shown": levels
      that have a 0/1 column, "median", "decimal", "thousands", "unit"}], "layers": [{"kernel":
      (inputs, units), "bias"}]}. The network takes x in raw units; all layers but the last are
      followed by ReLU.
    """
    layers = layers_float64(model.network(np.float64))
    return {
        **_about(model),
        "gaps": sorted(MISSING),
        "columns": _columns(model),
        "layers": [{"kernel": kernel.tolist(), "bias": bias.tolist()} for kernel, bias in layers],
    }


def _about(model: Model) -> dict[str, Any]:
    targets = () if model.encoding is None else model.encoding.of_role(TARGET)
    return {
        "format": FORMAT,
        "name": model.name,
        "task": model.task,
        "target": targets[0].name if len(targets) == 1 else "target",
        "outputs": list(model.output_names()),
        "classes": list(model.classes),
        "loss": model.loss,
        "scale": model.output_scale(),
        "feature_names": list(model.feature_names),
    }


def _columns(model: Model) -> list[dict[str, Any]]:
    """The columns of the file, with what reads their cells."""
    own = () if model.encoding is None else model.encoding.of_role(FEATURE)
    medians = {column.name: column.median for column in own}
    return [
        {
            "name": column.name,
            "kind": column.format.kind,
            "levels": list(column.levels),
            "shown": list(column.shown_levels) if column.levels else [],
            "median": medians.get(column.name),
            "decimal": column.format.decimal,
            "thousands": column.format.thousands,
            "unit": column.format.unit,
        }
        for column in model.columns()
    ]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
