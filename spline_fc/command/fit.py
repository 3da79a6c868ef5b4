"""`spline_fc fit`: from a table to a model file."""

import argparse
import datetime
import pathlib
from typing import Any

import numpy as np

from spline_fc import data
from spline_fc.checks import check
from spline_fc.data.load import find_path
from spline_fc.model import Model, fit_model, load_model
from spline_fc.model.summary import describe, interval_table, score_table
from spline_fc.runs import Progress, to_terminal


def widths(text: str) -> tuple[int, ...]:
    """Reads "64,64" as widths of layers."""
    found = tuple(count(part) for part in text.split(","))
    if not all(found):
        raise argparse.ArgumentTypeError(f"widths must be above 0; got {text!r}")
    return found


def count(text: str) -> int:
    """Reads an integer >= 0 that 32 bits hold."""
    if not text.strip().isdecimal() or int(text) >= 2**31:
        raise argparse.ArgumentTypeError(f"must be an integer >= 0 and < 2**31; got {text!r}")
    return int(text)


def positive(text: str) -> int:
    """Reads an integer >= 1 that 32 bits hold."""
    if count(text) == 0:
        raise argparse.ArgumentTypeError("must be above 0; got 0")
    return count(text)


def fit(options: argparse.Namespace) -> None:
    """Reads a table, fits, writes the model file and says how good it is."""
    output = pathlib.Path(options.output)
    _check_output(output)
    progress = to_terminal()
    try:
        model = _fitted(options, progress)
    finally:
        progress.close()
    model.save(output)
    parts = (describe(model), score_table(model), interval_table(model))
    print("\n\n".join(part for part in parts if part), end="\n\n")
    print(f"The model is in {output}. Next: spline_fc show {output}")


def _fitted(options: argparse.Namespace, progress: Progress) -> Model:
    progress.phase("reading")
    dataset = data.load(options.data, seed=options.seed, **_reading(options))

    def on_epochs(done: int, history: dict[str, np.ndarray]) -> None:
        progress.step(done, f"epoch {done} of {options.epochs}")

    made = {"date": datetime.date.today().isoformat(), "data": pathlib.Path(options.data).name}
    return fit_model(
        dataset,
        options.hidden,
        seed=options.seed,
        training_config={"epochs": options.epochs},
        start_options={"directions": ()} if options.readable else {},
        members=options.members,
        extrapolate=options.extrapolate,
        made=made,
        on_phase=lambda phase: progress.phase(phase, options.epochs),
        on_epochs=on_epochs,
    ).model


def _check_output(output: pathlib.Path) -> None:
    """Refuses before the work what could not be written after it, or is something else."""
    check(output.parent.is_dir(), f"--output must lie in a folder that exists; got {output}.")
    check(not output.is_dir(), f"--output must name a file; {output} is a folder.")
    if output.exists():
        try:
            load_model(output)
        except ValueError as error:
            wanted = f"--output must be new or an earlier model; {output} is neither"
            raise ValueError(f"{wanted}.") from error


def _reading(options: argparse.Namespace) -> dict[str, Any]:
    """The options of `data.load`, those that are given."""
    found = {
        "target": options.target,
        "ignore": options.ignore,
        "task": options.task,
        "missing": options.missing,
        "weights": options.weights,
        "kinds": _kinds(options.kind),
        "delimiter": options.delimiter,
        "decimal": options.decimal,
        "shuffle": False if options.in_order else None,
    }
    found = {name: value for name, value in found.items() if value is not None}
    if options.data in data.dataset_names():
        return found
    path = find_path(options.data, None)
    is_table = path is not None and path.is_file() and path.suffix != ".npz"
    return {"missing": "median", **found} if is_table else found


def _kinds(given: list[str] | None) -> dict[str, str] | None:
    """Reads "COLUMN=KIND", several times."""
    if given is None:
        return None
    pairs = [word.rpartition("=") for word in given]
    for word, (column, _, _) in zip(given, pairs, strict=True):
        check(bool(column), f"--kind must be COLUMN=KIND; got {word!r}.")
    return {column: kind for column, _, kind in pairs}
