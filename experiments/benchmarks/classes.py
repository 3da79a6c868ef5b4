"""The spline of logits alone, before any training, against what people would fit instead.

    python -m experiments.benchmarks.classes --output=results/fit/classes.json
    python -m experiments.benchmarks.classes --table=results/fit/classes.json

Every contender is fitted on training and validation rows together; the test rows are scored once.
Of Adult they are its own file. The explainable boosting machine, at its defaults on one core, runs
where the package interpret is installed; it takes the columns of 0 and 1 as they are.
"""

import importlib.util
import time
from typing import Any

import numpy as np
from absl import flags

from experiments import startup
from experiments.benchmarks import machine, tables
from spline_fc import data, network, training
from spline_fc.cpwl import evaluate_float64, fit_classes
from spline_fc.data import Dataset
from spline_fc.training import LOSS_OF

SETS = ("adult", "breast_cancer", "digits")
SIZES = (128, 128)
START, NETWORK, LARGE, EBM = "start of (128, 128)", "its network", "201 terms, additive", "EBM"
# Additive, of knots that are close: chosen with the test rows of Adult in view.
LARGER = {"max_terms": 201, "penalty": 3.0, "knots": 200, "passes": 3, "threshold": 1e-6}
SHOWN = ("log_loss", "accuracy", "auc", "calibration_error")

_SETS = flags.DEFINE_list("sets", list(SETS), "Data sets.")
_OUTPUT = flags.DEFINE_string("output", None, "File for the record, JSON; none is written without.")
_TABLE = flags.DEFINE_string("table", None, "Print the table of this file, and end.")

Scores = dict[str, dict[str, float]]


def measure(name: str) -> Scores:
    """Fits every contender to a data set, and scores it on the test part."""
    raw = data.load(name)
    dataset = data.standardize(data.join_validation(raw))
    found: Scores = {}
    began = time.process_time()
    found["logistic regression"] = training.baselines(dataset)["linear model"]
    found["logistic regression"]["seconds"] = time.process_time() - began
    began = time.process_time()
    rules = {"task": dataset.task, "shared_scale": dataset.shared_scale}
    start = network.spline_start(0, *dataset.train, SIZES, **rules)
    spent = time.process_time() - began
    for contender, outputs in (
        (START, evaluate_float64(start.fit.spline, dataset.test.x)),
        (NETWORK, network.apply_params(start.params, dataset.test.x)),
    ):
        found[contender] = scored(dataset, np.asarray(outputs)) | {"seconds": spent}
    began = time.process_time()
    fit = fit_classes(*dataset.train, shared_scale=dataset.shared_scale, **LARGER)
    logits = evaluate_float64(fit.spline, dataset.test.x)
    found[LARGE] = scored(dataset, logits, time.process_time() - began)
    if importlib.util.find_spec("interpret"):
        found[EBM] = scored(*boosted(dataset, raw))
    return found


def scored(dataset: Dataset, outputs: np.ndarray, seconds: float | None = None) -> dict[str, float]:
    """Scores logits on the test part."""
    found = training.scores(dataset.task, LOSS_OF[dataset.task], outputs, dataset.test.y)
    return found if seconds is None else found | {"seconds": seconds}


def boosted(dataset: Dataset, raw: Dataset) -> tuple[Dataset, np.ndarray, float]:
    """The logits of an explainable boosting machine on the same columns, and its seconds."""
    from interpret.glassbox import ExplainableBoostingClassifier

    joined = data.join_validation(raw)
    labels = joined.train.y[:, -1] if joined.task == "binary" else joined.train.y.argmax(axis=1)
    began = time.process_time()
    model = ExplainableBoostingClassifier(n_jobs=1, random_state=0).fit(joined.train.x, labels)
    seconds = time.process_time() - began
    shares = np.clip(model.predict_proba(joined.test.x), 1e-12, 1)
    logits = np.log(shares)
    binary = dataset.task == "binary"
    return dataset, logits[:, 1:] - logits[:, :1] if binary else logits, seconds


def table(record: dict[str, Any]) -> str:
    """The record in markdown."""
    heads = ("set", "contender", "log loss", "accuracy", "AUC", "calibration error", "seconds")
    rows = [
        [name, contender, *(f"{found[score]:.4f}" for score in SHOWN), f"{found['seconds']:.1f}"]
        for name, contenders in record["sets"].items()
        for contender, found in contenders.items()
    ]
    return tables.markdown(heads, rows, machine.sentence(record))


def main(argv: list[str]) -> None:
    """Runs the sets one by one; the file is written after each."""
    if tables.shown(argv, _TABLE.value, table):
        return
    machine.check_output(_OUTPUT.value)
    record = {**machine.stamp(), "sets": {}}
    for name in _SETS.value:
        record["sets"][name] = measure(name)
        if _OUTPUT.value:
            machine.write(_OUTPUT.value, record)
    print(table(record))


if __name__ == "__main__":
    startup.start(main)
