"""The estimators at their defaults on two raw tables, and what `refit` does there.

    python -m experiments.estimators --output=results/estimators/cpu.json
    python -m experiments.estimators --table=results/estimators/cpu.json

Frames are those that pandas.read_csv returns: of diamonds a random fifth is held out, of Adult its
own test file. Seconds are those of the processor that `fit` takes, with compilation, all threads
together. The files lie in the folder that SPLINE_FC_DATA names.
"""

import pathlib
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from absl import flags
from sklearn.model_selection import train_test_split

import spline_fc as sfc
from experiments import startup
from experiments.benchmarks import machine, tables
from spline_fc.data.load import find_path
from spline_fc.data.parted import PARTED

ADULT = list(PARTED["adult"].columns)


class Rows(NamedTuple):
    """A table in two parts."""

    x: pd.DataFrame
    y: pd.Series
    x_test: pd.DataFrame
    y_test: pd.Series


class Case(NamedTuple):
    """One fit."""

    data: str
    estimator: str
    drawn: int | None = None  # rows that are fitted, drawn by the seed; None for all
    seed: int = 0
    options: Mapping[str, Any] = {}


CASES = (
    Case("diamonds", "MARSRegressor"),
    Case("diamonds", "SplineFCRegressor"),
    Case("Adult", "SplineFCClassifier"),
    *(
        Case(data, estimator, 4000, seed, {"refit": refit})
        for data, estimator, seeds in (
            ("diamonds", "SplineFCRegressor", (0,)),
            ("Adult", "SplineFCClassifier", (0, 1)),
        )
        for seed in seeds
        for refit in (False, True)
    ),
)


def main(argv: list[str]) -> None:
    """Runs every case, writes the record after each, and prints the table."""
    given = flags.FLAGS
    if tables.shown(argv, given.table, table):
        return
    machine.check_output(given.output)
    record: dict[str, Any] = {**machine.stamp(), "fits": []}
    for case in CASES:
        record["fits"].append(measure(case, read(case.data)))
        machine.write(given.output, record)
        print(" | ".join(line(record["fits"][-1])), flush=True)
    print(table(record))


def read(name: str) -> Rows:
    """The frames of a table as pandas reads them."""
    if name == "diamonds":
        frame = pd.read_csv(_path("diamonds/diamonds.csv"))
        x, y = frame.drop(columns="price"), frame["price"]
        x, x_test, y, y_test = train_test_split(x, y, test_size=0.2, random_state=0)
        return Rows(x, y, x_test, y_test)
    parts = [pd.read_csv(_path(f"adult/adult-{p}.csv"), names=ADULT) for p in ("train", "test")]
    features = [part.drop(columns="income") for part in parts]
    labels = [part["income"].str.strip(" .") for part in parts]
    return Rows(features[0], labels[0], features[1], labels[1])


def _path(file: str) -> pathlib.Path:
    found = find_path(file, None)
    if found is None:
        raise FileNotFoundError(f"data file {file} does not exist.")
    return found


def measure(case: Case, rows: Rows) -> dict[str, Any]:
    """Fits and scores one case."""
    own = rows.x.index
    if case.drawn is not None:
        own = np.random.default_rng(case.seed).choice(own, case.drawn, replace=False)
    estimator = getattr(sfc, case.estimator)(**case.options)
    before = time.process_time()
    estimator.fit(rows.x.loc[own], rows.y.loc[own])
    seconds = time.process_time() - before
    return {
        **case._replace(options=dict(case.options))._asdict(),
        "rows": [len(own), len(rows.x_test)],
        "scores": scores(estimator, rows),
        "seconds": seconds,
    }


def scores(estimator: Any, rows: Rows) -> dict[str, float]:
    """Scores of the test rows, by scikit-learn."""
    from sklearn import metrics

    if not hasattr(estimator, "predict_proba"):
        came = estimator.predict(rows.x_test)
        mae = metrics.mean_absolute_error(rows.y_test, came)
        return {"R2": metrics.r2_score(rows.y_test, came), "MAE": mae}
    share = estimator.predict_proba(rows.x_test)
    return {
        "accuracy": estimator.score(rows.x_test, rows.y_test),
        "log loss": metrics.log_loss(rows.y_test, share, labels=estimator.classes_),
        "AUC": metrics.roc_auc_score(rows.y_test, share[:, 1]),
    }


def line(fit: Mapping[str, Any]) -> list[str]:
    """The cells of one fit."""
    options = ", ".join(f"{name}={value}" for name, value in fit["options"].items())
    drawn = "" if fit["drawn"] is None else f", drawn by seed {fit['seed']}"
    told = (f"{n} {v:.0f}" if v >= 10 else f"{n} {v:.3f}" for n, v in fit["scores"].items())
    rows = ", ".join(map(str, fit["rows"]))
    name = f"`{fit['estimator']}({options})`"
    return [f"{fit['data']}{drawn}", rows, name, ", ".join(told), f"{fit['seconds']:.0f}"]


def table(record: Mapping[str, Any]) -> str:
    """Sets a record as markdown."""
    heads = ["table", "rows to fit and to score", "estimator", "scores", "seconds"]
    body = tables.markdown(heads, [line(fit) for fit in record["fits"]])
    return f"{body}\n\nSeconds of processor for `fit`, with compilation. {machine.sentence(record)}"


if __name__ == "__main__":
    flags.DEFINE_string("output", "results/estimators/cpu.json", "JSON file to write.")
    flags.DEFINE_string("table", None, "Print the table of this file, and end.")
    flags.set_default(startup.CACHE, "off")  # what compiling takes belongs to a fit
    startup.start(main)
