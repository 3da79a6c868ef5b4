"""What is done with a model file: predict, explain, show, export."""

import argparse
import csv
import io
import os
import pathlib
import sys

import numpy as np
from tabulate import tabulate

from spline_fc import files
from spline_fc.checks import check
from spline_fc.ensemble import METHODS
from spline_fc.model import Model, load_model
from spline_fc.model.formula import MOST_WEIGHTS
from spline_fc.training import probabilities

_ENDINGS = {"onnx": ".onnx", "json": ".json", "safetensors": ".safetensors", "python": ".py"}


def predict(options: argparse.Namespace) -> None:
    """Writes a line of CSV per row: the prediction, its interval, or a probability per class."""
    _check_apart(options.output, options.model, options.rows)
    is_method = options.method is not None and options.interval is None
    check(not is_method, f"--method must come with --interval; got {options.method!r} alone.")
    model = load_model(options.model)
    if options.proba:
        wanted = f"--proba must be asked of a classification; {options.model} is a regression."
        check(model.task != "regression", wanted)
        heads, found = list(model.classes), model.predict_proba(options.rows)
    elif options.interval is not None:
        heads, found = _bounded(model, options)
    else:
        found = model.predict(options.rows)
        heads = list(model.target_names) if model.task == "regression" else [_label(model)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heads)
    for row in found.reshape(len(found), -1):
        writer.writerow(value if isinstance(value, str) else f"{value:.10g}" for value in row)
    if options.output is None:
        sys.stdout.write(text.getvalue())
    else:
        files.write_text(options.output, text.getvalue())


def _bounded(model: Model, options: argparse.Namespace) -> tuple[list[str], np.ndarray]:
    """Heads and cells of predictions with their intervals, or with the classes that may be."""
    wanted = "--interval must be asked of a model that has residuals of rows held out"
    check(model.held_out is not None, f"{wanted}; {options.model} has none (fit --members 8).")
    x, known = model.inputs(options.rows), model._replace(encoding=None)  # notes are told once
    if model.task != "regression":
        check(options.method is None, f"--method must be left out for classes; {options.model} is "
              "a classification.")  # fmt: skip
        found = known.predict_set(x, options.interval).astype(int).astype(object)
        return [_label(model), *model.classes], np.column_stack([known.predict(x), found])
    ends = known.predict_interval(x, options.interval, options.method or METHODS[0])
    heads = [f"{name}{end}" for name in model.target_names for end in ("", " lower", " upper")]
    found = np.stack([known.predict(x), *ends], axis=-1)
    return heads, found.reshape(len(found), -1)


def explain(options: argparse.Namespace) -> None:
    """Prints what each column of the file adds to the prediction of one row."""
    model = load_model(options.model)
    found = model.explain(options.rows, options.row)
    lines = [["average row", "", *found.reference_value]]
    lines += [[found.columns[i], found.values[i], *found.contribution[i]] for i in found.order()]
    lines += [["prediction", "", *found.prediction]]
    heads = [f"row {options.row}", "value", *found.outputs]
    signs = ["", "", *["+.6g" for _ in found.outputs]]
    print(tabulate(lines, heads, tablefmt="plain", floatfmt=signs, disable_numparse=[1]))
    if model.task != "regression":
        print(f"\nContributions are to the {found.scale} of {', '.join(found.outputs)}.")
        shares = probabilities(model.loss, found.prediction[None])[0]
        listed = ", ".join(f"{c} {p:.3f}" for c, p in zip(model.classes, shares, strict=True))
        print(f"Probabilities: {listed}.")
    if found.clipped:
        print(f"\nPulled in to the range of the training rows: {', '.join(found.clipped)}.")


def show(options: argparse.Namespace) -> None:
    """Prints what a model is, how good it is, what matters, and its formula."""
    print(load_model(options.model).summary(None if options.all else MOST_WEIGHTS))


def export(options: argparse.Namespace) -> None:
    """Writes a model in another format."""
    model = load_model(options.model)
    output = options.output
    if output is None:
        output = pathlib.Path(options.model).with_suffix(_ENDINGS[options.format])
    _check_apart(output, options.model)
    model.export(output, options.format)
    print(f"{options.format}: {output}")


def _check_apart(output: str | os.PathLike | None, *inputs: str) -> None:
    """Refuses to write over what is read: a model would be lost."""
    if not output or not os.path.exists(output):
        return
    wanted = f"--output must name another file than what is read; got {os.fspath(output)!r}."
    for path in filter(os.path.exists, inputs):
        check(not os.path.samefile(output, path), wanted)


def _label(model: Model) -> str:
    """The name of the column of labels."""
    return "label" if model.encoding is None else model.encoding.targets[0]
