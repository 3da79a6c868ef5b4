"""Fits of wide data with ten outputs: images, and what a layer of random units makes of them.

python -m experiments.benchmarks.wide --output=results/fit/wide.json
python -m experiments.benchmarks.wide --table=results/fit/wide.json

Every fit runs in a fresh process, whose peak memory is that of data, fit and compiler together.
Accuracy is that of the largest output of the spline: of least squares on one-hot targets, and for
the start of a network of logits.
"""

import pathlib
import time
from typing import Any, NamedTuple

import numpy as np
from absl import app, flags

from experiments.benchmarks import fit_child, machine, tables
from spline_fc import data

CLASSES = dict(directions=("pairs", "spread"), num_directions=4)


class Case(NamedTuple):
    """What is fitted, and how."""

    data: str
    options: dict[str, Any]  # of fit_mars; of spline_start where there are hidden sizes
    units: int | None = None  # of a random ReLU layer whose outputs take the place of the pixels
    hidden_sizes: tuple[int, ...] | None = None


FIT = dict(max_terms=129, knots=32, shared_scale=True)
CASES = {
    "pixels": Case("fashion_mnist", FIT),
    "classes": Case("fashion_mnist", {**FIT, **CLASSES}),
    "screen": Case("fashion_mnist", {**FIT, **CLASSES, "screen": 64}),
    "directions": Case("fashion_mnist", {**FIT, **CLASSES, "screen": 0}),
    "spread_6": Case("fashion_mnist", {**FIT, **CLASSES, "num_directions": 6, "screen": 0}),
    "spread_2": Case("fashion_mnist", {**FIT, **CLASSES, "num_directions": 2, "screen": 0}),
    "pairs": Case("fashion_mnist", {**FIT, "directions": "pairs", "screen": 0}),
    "sir": Case("fashion_mnist", {**FIT, "directions": "sir", "num_directions": 9, "screen": 0}),
    "pca": Case("fashion_mnist", {**FIT, "directions": "pca", "num_directions": 50, "screen": 0}),
    "mnist": Case("mnist", {**FIT, **CLASSES, "screen": 64}),
    "units": Case("fashion_mnist", {**FIT, **CLASSES}, units=512),
    "units_screen": Case("fashion_mnist", {**FIT, **CLASSES, "screen": 64}, units=512),
    "start": Case(
        "fashion_mnist",
        {**CLASSES, "knots": 32, "shared_scale": True, "screen": 64, "passes": 0},
        hidden_sizes=(128, 128),
    ),
}
_HEAD = (
    "case",
    "seconds",
    "CPU seconds",
    "peak, GiB",
    "hinges",
    "accuracy: training, validation, test",
)


def measure(case: Case) -> dict[str, Any]:
    """Fits a case in this process.

    Returns:
      {"rows", "columns", "seconds", "compile_seconds", "cpu_seconds", "peak_bytes", "hinges", "r2",
      "accuracy": {part: share}}.
    """
    from spline_fc import evaluate, fit_mars, spline_start

    parts = draw(case)
    (x, y), hidden = parts["train"], case.hidden_sizes
    start, cpu = time.perf_counter(), time.process_time()
    if hidden is None:
        fit = fit_mars(x, y, **case.options)
    else:
        fit = spline_start(0, x, y, hidden, task="multiclass", **case.options).fit
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    peak = fit_child.peak_bytes()
    hits = {
        part: np.asarray(evaluate(fit, x)).argmax(1) == y.argmax(1)
        for part, (x, y) in parts.items()
    }
    return {
        "rows": len(x),
        "columns": x.shape[1],
        "seconds": seconds,
        "compile_seconds": fit.seconds.compile,
        "cpu_seconds": cpu,
        "peak_bytes": peak,
        "hinges": len(fit.spline.coef),
        "r2": fit.r2,
        "accuracy": {part: float(hit.mean()) for part, hit in hits.items()},
    }


def draw(case: Case) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The standardised parts {"train" | "validation" | "test": (x, y)} of a case."""
    found = data.standardize(data.load(case.data))
    parts = {name: getattr(found, name) for name in ("train", "validation", "test")}
    if case.units is None:
        return {name: (np.asarray(part.x), np.asarray(part.y)) for name, part in parts.items()}
    size = (found.train.x.shape[1], case.units)
    weight = np.random.default_rng(0).normal(scale=size[0] ** -0.5, size=size).astype(np.float32)
    return {
        name: (np.maximum(np.asarray(part.x) @ weight, 0), np.asarray(part.y))
        for name, part in parts.items()
    }


def table(record: dict) -> str:
    """Sets a record as markdown."""
    found = record["cases"]
    rows = [_row(name, found[name]) for name in CASES if name in found]
    return tables.markdown(_HEAD, rows, machine.sentence(record))


def _row(name: str, entry: dict) -> list[str]:
    case, found = Case(**entry["case"]), entry["found"]
    options = ", ".join(f"{key}={_plain(value)}" for key, value in case.options.items())
    said = "" if case.hidden_sizes is None else f"spline_start {tuple(case.hidden_sizes)}; "
    layer = "" if case.units is None else f" through {case.units} random units"
    accuracy = (f"{found['accuracy'][part]:.3f}" for part in ("train", "validation", "test"))
    return [
        f"{name}: {case.data}{layer}, {found['rows']} x {found['columns']}; {said}{options}",
        f"{found['seconds']:.1f}",
        f"{found['cpu_seconds']:.1f}",
        f"{found['peak_bytes'] / 2**30:.2f}",
        str(found["hinges"]),
        ", ".join(accuracy),
    ]


def _plain(value: Any) -> str:
    return "+".join(value) if isinstance(value, (list, tuple)) else str(value)


def main(argv: list[str]) -> None:
    """Measures case after case; the file is written after each."""
    wanted = flags.FLAGS
    if tables.shown(argv, wanted.table, table):
        return
    tables.check_cases(wanted.cases, list(CASES))
    machine.check_output(wanted.output)
    output = pathlib.Path(wanted.output)
    record = machine.continued(output)
    for name in wanted.cases:
        found = machine.in_fresh_process(measure, CASES[name])
        record["cases"][name] = {"case": CASES[name]._asdict(), "found": found}
        machine.write(output, record)
        print(" | ".join(_row(name, record["cases"][name])), flush=True)
    print(table(record))


if __name__ == "__main__":
    flags.DEFINE_list("cases", list(CASES), f"Of {', '.join(CASES)}.")
    flags.DEFINE_string("output", "results/fit/wide.json", "JSON file to write.")
    flags.DEFINE_string("table", None, "Print the table of this JSON file and end.")
    app.run(main)
