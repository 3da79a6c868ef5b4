"""Where the method does not help, by the records of results/: a table of its README."""

import pathlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from experiments import (
    anchors_table,
    bake_off_table,
    claims,
    classes_table,
    growth_table,
    head_table,
    outliers,
    reproduce_table,
)
from experiments.anchors_published import ANY
from experiments.bake_off_table import OURS, REFERENCE
from experiments.benchmarks import tables
from spline_fc import files
from spline_fc.protocol import SPLINE

NOTHING = 0.99  # of the spline's own error: an end above that is no gain
LEGIBLE = 0.9  # of the variance: less than that, and shape functions do not tell what it does
LATE = 0.5  # of He's steps: a start that needs more is far from the end


class Doubt(NamedTuple):
    """A row of the table."""

    where: str
    what: str
    record: str  # below results/


def doubts(root: pathlib.Path) -> list[Doubt]:
    """All that speak against the method, of the records that are there."""
    return [
        doubt
        for record, make in MAKERS.items()
        if (root / record).exists()
        for doubt in make(root / record)
    ]


def table(root: pathlib.Path) -> str:
    """The doubts as markdown."""
    return tables.markdown(["where", "what was found", "record"], doubts(root))


def _bake_off(folder: pathlib.Path) -> Iterator[Doubt]:
    records = bake_off_table.read(folder)
    slow, far, level, behind = [], [], [], []
    for r in records:
        found, label = bake_off_table.contest(r, REFERENCE), f"{r['set']} at {r['width']}"
        time, steps = np.median(found.time_ratio), np.median(found.steps_ratio)
        alone, end, his = (_mean(r, *which) for which in _FIELDS)
        slow += [f"{label} ({_times(time)})"] if time >= 1 else []
        far += [f"{label} ({_times(steps)})"] if steps >= LATE else []
        level += [label] if end > NOTHING * alone else []
        behind += [f"{label} ({end / his:.3f})"] if end >= his else []
    yield Doubt("Small tables: seconds to He's best over He's own", ", ".join(slow), "bake_off")
    yield Doubt("Slow in steps: half of He's and more to his best", ", ".join(far), "bake_off")
    yield Doubt(
        f"Training on gains nothing: the end above {NOTHING} of the spline's own test error",
        ", ".join(level),
        "bake_off",
    )
    yield Doubt("Mean test error not below He's", ", ".join(behind), "bake_off")


_FIELDS = ((OURS, "start_rmse"), (OURS, "test_rmse"), (REFERENCE, "test_rmse"))


def _mean(record: dict[str, Any], name: str, field: str) -> float:
    return float(np.mean([pair[field] for pair in record["contenders"][name]["pairs"]]))


def _times(ratio: float) -> str:
    return "never" if np.isinf(ratio) else f"{ratio:.2g}"


def _anchors(folder: pathlib.Path) -> Iterator[Doubt]:
    behind, others = [], []
    for r in anchors_table.read(folder):
        ours, his = (
            anchors_table.errors(r, start, "ensemble").mean() for start in ("spline", REFERENCE)
        )
        behind += [f"{r['set']} ({ours / his:.3f})"] if ours >= his else []
        name, best = ANY[r["set"]]
        others += [f"{r['set']} ({name} {best:g} for {ours:.3g})"] if best <= ours else []
    yield Doubt("Ensembles: mean test RMSE over that of He's", ", ".join(behind), "anchors")
    yield Doubt(
        "Published errors of other methods below our ensemble's", ", ".join(others), "anchors"
    )


def _classes(folder: pathlib.Path) -> Iterator[Doubt]:
    for r in map(classes_table.one_pace, bake_off_table.read(folder)):
        alone, end = (_mean(r, OURS, f"{when}_log_loss") for when in ("start", "test"))
        his = _mean(r, REFERENCE, "test_log_loss")
        linear = float(np.mean([row["log_loss"] for row in r["linear"]]))
        found = bake_off_table.contest(r, REFERENCE)
        said = [f"log loss {end:.3g} from the spline, {his:.3g} from He"]
        said += [f"{alone:.3g} of the spline alone"] if end >= alone else []
        said += [f"{linear:.3g} of logistic regression"] if linear <= end else []
        time = np.median(found.time_ratio)
        said.append(f"seconds to He's best over He's own: {_times(time)}")
        if end >= his or end >= alone or time >= 1:
            yield Doubt(f"Classifier: {r['set']}", "; ".join(said), "classes")


def _head(path: pathlib.Path) -> Iterator[Doubt]:
    record = files.read_json(path)
    looks = record["config"]["looks"]
    for (model, mode), seeds in head_table.groups(record).items():
        runs = [(one[head_table.SPLINE], one[head_table.FRESH]) for one in seeds]
        epochs, warm, _ = np.median([head_table.shares(*both, looks) for both in runs], axis=0)
        if warm >= 1 or epochs >= 1:
            where = f"Head of {head_table.LABELS[model]}, {head_table.TRAINED[mode]}"
            told = f"of a fresh head's epochs {_times(epochs)}, of its seconds {_times(warm)}"
            yield Doubt(where, told, "head")


def _peers(path: pathlib.Path) -> Iterator[Doubt]:
    record, ahead = files.read_json(path), []
    for name, found in record["sets"].items():
        errors = {
            who: float(np.mean([split["rmse"] for split in cell["splits"]]))
            for who, cell in found.items()
            if "splits" in cell
        }
        ours = min(errors["network"], errors["members"])
        better = sorted((e, who) for who, e in errors.items() if e < ours and who not in _OURS)
        if better:
            told = ", ".join(f"{who} {error:.4g}" for error, who in better)
            ahead.append(f"{name.removeprefix('uci_')}: {told} for {ours:.4g}")
    yield Doubt("Other methods below our best, test RMSE", "; ".join(ahead), "peers")


_OURS = ("spline", "network", "members")


def _growth(folder: pathlib.Path) -> Iterator[Doubt]:
    for one in growth_table.growths(growth_table.read(folder)):
        if one.name != "spline":
            continue
        measures = {
            "steps": one.ratio(),
            "seconds": one.seconds(),
            "seconds in a fresh process": one.seconds("cold"),
        }
        middle = {what: np.median(values[:, 0]) for what, values in measures.items()}
        said = [f"{what} {_times(value)}" for what, value in middle.items() if value >= 1]
        ends = _mean(one.record, one.name, "test_rmse") / _mean(one.record, REFERENCE, "test_rmse")
        said += [f"test RMSE {ends:.2f}"] if ends >= 1 else []
        if said:
            where = f"{one.set}, {one.rows:,} rows, over He's, to He's best"
            yield Doubt(where, ", ".join(said), "growth")


def _outliers(path: pathlib.Path) -> Iterator[Doubt]:
    record, told = files.read_json(path), []
    for name in record["sets"]:
        plain, pulled = (outliers.ratio(record, name, way) for way in ("all", "pulled in"))
        if plain >= 1:
            told.append(f"{name}: {plain:.2f}, with columns pulled in {pulled:.2f}")
    where = "Test rows far beyond the training rows: test RMSE over He's"
    yield Doubt(where, "; ".join(told), "growth/outliers.json")


def _reproduce(folder: pathlib.Path) -> Iterator[Doubt]:
    for r in reproduce_table.read(folder):
        pairs = {f: claims.reached_ratio(r, f) for f in ("steps", "warm", "cold")}
        words = {"steps": "steps", "warm": "seconds", "cold": "seconds in a fresh process"}
        said = [f"{words[f]} {_times(value)}" for f, value in pairs.items() if value >= 1]
        ends = claims.end_ratio(r, "rmse"), claims.end_ratio(r, "clipped_rmse")
        if ends[0] >= 1:
            said.append(f"test RMSE {ends[0]:.3f}, {ends[1]:.3f} with columns pulled in")
        if said:
            where = f"{r['set']}, 20 splits, over He's, to He's best"
            yield Doubt(where, ", ".join(said), "reproduce")
        share = np.mean(r["readout"][SPLINE]["additive"])
        if share < LEGIBLE:
            told = f"{share:.2f} of the variance of the trained network, for 1 before training"
            yield Doubt(f"What shape functions carry: {r['set']}", told, "reproduce")


MAKERS: dict[str, Callable[[pathlib.Path], Iterator[Doubt]]] = {
    "growth/seconds.json": lambda path: _growth(path.parent),
    "growth/outliers.json": _outliers,
    "bake_off": _bake_off,
    "anchors": _anchors,
    "classes": _classes,
    "head/cpu.json": _head,
    "peers/cpu.json": _peers,
    "reproduce": _reproduce,
}
