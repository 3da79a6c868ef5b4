"""What rows far beyond the training rows do to a network, and what pulling them in does.

    python -m experiments.outliers --output=results/growth/outliers.json
    python -m experiments.outliers --table=results/growth/outliers.json

One network of (64, 64) from a spline and from He per split and set, at one learning rate, scored on
all test rows, on those within the range of the training rows in every column, and on all with each
column pulled in to that range, as `extrapolate="clip"` does. Beside it ranges that are widened by a
share of themselves; the epoch is chosen on validation rows that are pulled in alike. Ten minutes.
"""

from typing import Any

import numpy as np
from absl import flags

import spline_fc as sfc
from experiments import startup
from experiments.benchmarks import machine, tables
from spline_fc import protocol, training
from spline_fc.data import Dataset
from spline_fc.network import Params
from spline_fc.protocol import SPLINE, Contender

SIZES, SPLITS = (64, 64), 5
ROWS = 8000  # trained on at most
TRAINING = {"learning_rate": 3e-3, "batch_size": 64}
STEPS = 6000
STRAIGHT = "straight on"  # not pulled in at all
MARGINS = (0.0, 0.05, 0.1, 0.25, 0.5, 1.0, STRAIGHT)  # shares of a column's range
SETS = {
    "diamonds": {"name": "diamonds/diamonds.csv", "target": "price", "num_train": ROWS},
    "california_housing": {"name": "california_housing", "num_train": ROWS},
    "beijing_air_quality": {
        "name": "beijing_air_quality/PRSA_Data_Dongsi_20130301-20170228.csv",
        "target": "PM2.5",
        "num_train": ROWS,
        "shuffle": False,
    },
    "abalone": {"name": "abalone"},
    "wine_quality_white": {"name": "wine_quality_white"},
    "concrete": {"name": "uci_concrete"},
    "boston": {"name": "uci_boston"},
    "kin8nm": {"name": "uci_kin8nm"},
    "power": {"name": "uci_power"},
    "protein": {"name": "uci_protein", "num_train": ROWS},
}
STARTS = (SPLINE, "he_normal")


def main(argv: list[str]) -> None:
    """Measures set after set; the record is written after each."""
    given = flags.FLAGS
    if tables.shown(argv, given.table, table):
        return
    tables.check_cases(given.sets, list(SETS), "--sets")
    machine.check_output(given.output)
    record: dict[str, Any] = {**machine.stamp(), "sets": {}}
    for name in given.sets:
        record["sets"][name] = [measure(name, seed) for seed in range(SPLITS)]
        if given.output:
            machine.write(given.output, record)
        print(f"{name} done", flush=True)
    print(table(record))


def measure(name: str, seed: int) -> dict[str, Any]:
    """One split: test rows, how many are beyond the training rows, and the errors of each start."""
    dataset = sfc.standardize(sfc.load(SETS[name], seed=seed))
    rows = dataset.train.x
    epochs = -(-STEPS // training.TrainingConfig(**TRAINING).steps_per_epoch(len(rows)))
    config = training.TrainingConfig(**TRAINING, epochs=epochs)
    beyond = (dataset.test.x != pulled_in(dataset, 0.0).test.x).any(axis=1)
    found: dict[str, Any] = {"rows": len(beyond), "beyond": int(beyond.sum())}
    found["starts"] = {start: _errors(start, dataset, config, seed, beyond) for start in STARTS}
    return found


def _errors(
    start: str, dataset: Dataset, config: training.TrainingConfig, seed: int, beyond: np.ndarray
) -> dict[str, Any]:
    """What a start comes to on rows pulled in to each margin, by which its epoch was chosen."""
    contender = Contender(start, start, {}, config)
    begun = protocol.make_start(protocol.key_of(seed, contender), contender, dataset, SIZES)
    ways = [pulled_in(dataset, margin) for margin in MARGINS]
    many = len(ways)
    result = protocol.train(contender, [begun] * many, ways, [config.learning_rate], [seed] * many)
    networks = [training.replica(result.params, m, 0) for m in range(many)]
    scale = float(dataset.scaler.y_scale[0])
    test, chosen = (
        [scale * _rmse(params, *part) for params, part in zip(networks, parts, strict=True)]
        for parts in ([way.test for way in ways], [way.validation for way in ways])
    )
    x, y = dataset.test
    near = _rmse(networks[-1], x[~beyond], y[~beyond]) if (~beyond).any() else None
    return {
        "all": test[-1],
        "within": None if near is None else scale * near,
        "pulled in": test[0],
        "validation": dict(zip(map(str, MARGINS), chosen, strict=True)),
        "test": dict(zip(map(str, MARGINS), test, strict=True)),
    }


def pulled_in(dataset: Dataset, margin: float | str) -> Dataset:
    """Validation and test rows in the range of the training rows, widened by a share of itself."""
    if margin == STRAIGHT:
        return dataset
    low, high = dataset.train.x.min(axis=0), dataset.train.x.max(axis=0)
    room = np.float32(margin) * (high - low)
    ends = low - room, high + room
    validation, test = (
        part._replace(x=np.clip(part.x, *ends)) for part in (dataset.validation, dataset.test)
    )
    return dataset._replace(validation=validation, test=test)


def _rmse(params: Params, x: np.ndarray, y: np.ndarray) -> float:
    return float(np.sqrt(np.mean((np.asarray(sfc.apply_params(params, x)) - y) ** 2)))


def ratio(record: dict[str, Any], name: str, way: str) -> float:
    """The spline's mean error over He's on a set: "all", "within" or "pulled in"; nan without."""
    splits = [split["starts"] for split in record["sets"][name]]
    ours, his = (np.array([one[start][way] for one in splits], float).mean() for start in STARTS)
    return float(ours / his)


def table(record: dict[str, Any]) -> str:
    """The record in markdown."""
    body = []
    for name, splits in record["sets"].items():
        beyond = np.mean([split["beyond"] for split in splits])
        row = [name, str(splits[0]["rows"]), f"{beyond:.0f}"]
        over = [ratio(record, name, way) for way in ("all", "within", "pulled in")]
        row += ["-" if np.isnan(value) else f"{value:.3f}" for value in over]
        for start in STARTS:
            errors = [split["starts"][start] for split in splits]
            change = [one["pulled in"] / one["all"] for one in errors]
            row.append(f"{np.mean(change):.3f} ({min(change):.3f} to {max(change):.3f})")
        body.append(row)
    head = ["set", "test rows", "beyond", "spline / He", "rows within", "pulled in"]
    first = tables.markdown(
        [*head, "what that does: spline", "He"],
        body,
        f"Mean test RMSE over {SPLITS} splits of the network from a spline over that from He: on "
        "all test rows, on those within the range of the training rows in every column, and on all "
        "with every column pulled in to that range; then the error pulled in over that without, "
        f"mean and range over splits. {machine.sentence(record)}",
    )
    return f"{first}\n\n{margins(record)}"


def margins(record: dict[str, Any]) -> str:
    """How far rows beyond should be pulled in, by errors on validation rows, in markdown."""
    body = []
    for margin in map(str, MARGINS[:-1]):
        row = [f"{100 * float(margin):.0f} %"]
        for start in STARTS:
            change, worst = [], []
            for splits in record["sets"].values():
                found = [split["starts"][start]["validation"] for split in splits]
                errors = np.array([[one[margin], one[STRAIGHT]] for one in found])
                change.append(np.divide(*errors.mean(axis=0)))
                worst.append(np.divide(*errors.T).max())
            row += [f"{np.exp(np.mean(np.log(change))):.3f}", f"{np.max(worst):.3f}"]
        body.append(row)
    head = ["range widened by", "spline", "worst split", "He", "worst split"]
    return tables.markdown(
        head,
        body,
        "RMSE on validation rows pulled in to the range of the training rows, widened on either "
        "side by a share of itself, over that of rows left where they are: geometric mean over "
        "sets and the worst single split.",
    )


if __name__ == "__main__":
    flags.DEFINE_list("sets", list(SETS), "Which sets.")
    flags.DEFINE_string("output", None, "JSON file to write.")
    flags.DEFINE_string("table", None, "Print the table of this JSON file, and end.")
    startup.start(main)
