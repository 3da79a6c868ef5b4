"""What is claimed for the method, judged by the records of results/: tables of its README.

A claim of a ratio to He is confirmed if the ratio is below 1 on every set of the record, confirmed
with conditions if on more than half of them, else not confirmed. Nothing is typed by hand but the
words of a claim.
"""

import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from experiments import (
    anchors_table,
    bake_off_table,
    classes_table,
    equivalence,
    growth_table,
    reproduce_table,
)
from experiments.benchmarks import tables
from spline_fc import files
from spline_fc.printing import significant

CONFIRMED, PARTLY, NOT = "confirmed", "confirmed with conditions", "not confirmed"
EXACT = 1e-4  # of the target's deviation: far below any error, far above rounding
REFERENCE = "he_normal"
Ratios = dict[str, float]  # set -> ratio to He, infinite where a run never got there


class Claim(NamedTuple):
    """A row of the table."""

    claim: str
    verdict: str
    numbers: str
    record: str  # below results/


def judge(ratios: Mapping[str, float]) -> tuple[str, str]:
    """The verdict on ratios that were to be below 1, and the numbers in words.

    Returns:
      (verdict, "median 0.5 (0.1 to 1.2), below 1 on 3 of 4; not on a (1.2)").
    """
    values = np.array(list(ratios.values()))
    below = int((values < 1).sum())
    verdict = CONFIRMED if below == values.size else PARTLY if 2 * below > values.size else NOT
    middle, least, most = (_number(v) for v in (np.median(values), values.min(), values.max()))
    told = f"median {middle} ({least} to {most}), below 1 on {below} of {values.size}"
    above = [f"{name} ({_number(value)})" for name, value in ratios.items() if not value < 1]
    if above:
        told += f"; not on {', '.join(above)}"
    return verdict, told


def _number(value: float) -> str:
    return "never" if np.isinf(value) else "0" if value == 0 else significant(value, 3)


def claims(root: pathlib.Path) -> list[Claim]:
    """All claims whose records are there."""
    found: list[Claim] = []
    for record, make in MAKERS.items():
        if (root / record).exists():
            found += make(root / record)
    order = list(dict.fromkeys(SUBJECTS))
    return sorted(found, key=lambda claim: order.index(claim.claim.split(":")[0]))


SUBJECTS = (
    "The same function",
    "Fewer steps",
    "Less time",
    "A better end",
    "It is the spline",
    "Easier to read before training",
    "Easier to read after training",
)


def _ratio_claim(claim: str, ratios: Mapping[str, float], record: str) -> Claim:
    return Claim(claim, *judge(ratios), record)


def _equivalence(path: pathlib.Path) -> Iterator[Claim]:
    record = files.read_json(path)
    worst = equivalence.worst(record)
    told = (
        f"at most {worst:.0e} standard deviations of the target from it, float32, on "
        f"{len(record['sets'])} sets and {len(record['shapes'])} shapes: rounding"
    )
    verdict = CONFIRMED if worst < EXACT else NOT
    yield Claim(
        "The same function: the untrained network is the spline", verdict, told, "equivalence"
    )


def _growth(folder: pathlib.Path) -> Iterator[Claim]:
    found = growth_table.growths(growth_table.read(folder))
    own = [one for one in found if one.name == "spline"]
    measures: dict[str, Callable[[growth_table.Growth], np.ndarray]] = {
        "Fewer steps: to He's best validation loss, as rows grow": growth_table.Growth.ratio,
        "Less time: one run, warm, start included": growth_table.Growth.seconds,
        "Less time: one run in a fresh process": lambda one: one.seconds("cold"),
        "Less time: a whole grid of rates": lambda one: one.seconds("warm", one.rates),
        "Less time: a whole grid in a fresh process": lambda one: one.seconds("cold", one.rates),
    }
    for claim, measure in measures.items():
        yield _ratio_claim(claim, {_cell(o): np.median(measure(o)[:, 0]) for o in own}, "growth")
    many = [one for one in own if one.rows > growth_table.MANY_ROWS]
    for what, measure in (
        ("steps", growth_table.Growth.ratio),
        ("seconds", growth_table.Growth.seconds),
    ):
        yield _wanted(what, [np.median(measure(one)[:, 0]) for one in many], "growth")
    ends = {_cell(one): _ends(one.record, one.name) for one in own}
    yield _ratio_claim("A better end: test RMSE, as rows grow", ends, "growth")


def _wanted(what: str, ratios: Sequence[float], record: str, size: str = "") -> Claim:
    """What was wanted of sets of many rows, in the median."""
    bound, middle = growth_table.WANTED[what], float(np.median(ratios))
    subject = {"steps": "Fewer steps", "seconds": "Less time"}[what]
    claim = f"{subject}: at most {bound:.2f} of He's where there are more than 5,000 rows{size}"
    told = f"median {_number(middle)} over {len(ratios)} sets"
    return Claim(claim, CONFIRMED if middle <= bound else NOT, told, record)


def _cell(one: growth_table.Growth) -> str:
    return f"{one.set} {one.rows:,}"


def _ends(record: Mapping[str, Any], ours: str) -> float:
    """Our mean test error over He's."""
    field = f"test_{bake_off_table.score_of(record['contenders'][ours])}"
    mine, his = (
        np.mean([pair[field] for pair in record["contenders"][name]["pairs"]])
        for name in (ours, REFERENCE)
    )
    return float(mine / his)


def _bake_off(folder: pathlib.Path) -> Iterator[Claim]:
    for width in (64, 128):
        own = [r for r in bake_off_table.read(folder) if r["width"] == width]
        contests = {r["set"]: bake_off_table.contest(r, REFERENCE) for r in own}
        size = f"({width}, {width}), recipe of {own[0]['date']}"
        steps = {name: float(np.median(c.steps_ratio)) for name, c in contests.items()}
        times = {name: float(np.median(c.time_ratio)) for name, c in contests.items()}
        many = [r["set"] for r in own if _rows(r) > growth_table.MANY_ROWS]
        for what, ratios in (("steps", steps), ("seconds", times)):
            yield _wanted(what, [ratios[name] for name in many], "bake_off", f", {size}")
        ends = {r["set"]: _ends(r, bake_off_table.OURS) for r in own}
        yield _ratio_claim(f"Fewer steps: twelve tables, {size}", steps, "bake_off")
        yield _ratio_claim(f"Less time: twelve tables, {size}, one run, warm", times, "bake_off")
        said = _ratio_claim(f"A better end: twelve tables, {size}, test RMSE", ends, "bake_off")
        lower, higher = (
            sum(c.errors.verdict == word for c in contests.values()) for word in ("lower", "higher")
        )
        yield said._replace(
            numbers=f"{said.numbers}; significantly lower on {lower}, higher on {higher}"
        )


def _rows(record: Mapping[str, Any]) -> int:
    """Rows that are trained on, about."""
    cell = record["contenders"][bake_off_table.OURS]
    return cell["steps_per_epoch"] * cell["settings"]["training"]["batch_size"]


def _anchors(folder: pathlib.Path) -> Iterator[Claim]:
    records = anchors_table.read(folder)
    for way, words in (("single", "one network"), ("ensemble", "ensembles of eight")):
        ends = {r["set"]: _anchor(r, way) for r in records}
        yield _ratio_claim(f"A better end: all published splits, {words}", ends, "anchors")


def _anchor(record: Mapping[str, Any], way: str) -> float:
    ours, his = (anchors_table.errors(record, start, way) for start in ("spline", REFERENCE))
    return float(np.nanmean(ours) / np.nanmean(his))


def _classes(folder: pathlib.Path) -> Iterator[Claim]:
    own = [classes_table.one_pace(r) for r in bake_off_table.read(folder)]
    contests = {r["set"]: bake_off_table.contest(r, REFERENCE) for r in own}
    fields = {"Fewer steps": "steps_ratio", "Less time": "time_ratio"}
    for claim, field in fields.items():
        ratios = {name: float(np.median(getattr(c, field))) for name, c in contests.items()}
        yield _ratio_claim(f"{claim}: classifiers, to He's best log loss", ratios, "classes")
    ends = {r["set"]: _ends(r, bake_off_table.OURS) for r in own}
    yield _ratio_claim("A better end: classifiers, test log loss", ends, "classes")


READ = {
    "additive": "share of the predictions' variance that shape functions carry",
    "on_axis": "share of its units that bend along one feature",
    "agreement": "rank correlation of importances with those of the spline alone",
    "distilled_share": "share of its variance that a spline fitted to it explains",
}
MODELS = {
    "spline": "free",
    "masked": "masked",
    "penalised": "penalised",
    REFERENCE: "He",
    "glorot_uniform": "Glorot",
}


def _reproduce(folder: pathlib.Path) -> Iterator[Claim]:
    records = {r["set"]: r for r in reproduce_table.read(folder)}
    tables_of = "the method's own tables, 20 splits"
    for claim, field in {
        f"Fewer steps: {tables_of}, an additive spline": "steps",
        f"Less time: {tables_of}, one run, warm": "warm",
        f"Less time: {tables_of}, a fresh process": "cold",
    }.items():
        ratios = {name: reached_ratio(r, field) for name, r in records.items()}
        yield _ratio_claim(claim, ratios, "reproduce")
    for field, words in {"rmse": "", "clipped_rmse": ", rows pulled in"}.items():
        ends = {name: end_ratio(r, field) for name, r in records.items()}
        yield _ratio_claim(f"A better end: {tables_of}, test RMSE{words}", ends, "reproduce")
    for when in (", before training", ""):
        for measure, words in READ.items():
            if all(measure in r["readout"][f"{REFERENCE}{when}"] for r in records.values()):
                yield _readable(when, measure, words, records)


def reached_ratio(record: Mapping[str, Any], field: str) -> float:
    """The median ratio to He over splits of "steps", "warm" or "cold" seconds; 0 over 0 is 1."""
    ours, his = (getattr(reproduce_table.reached(record, n), field) for n in ("spline", REFERENCE))
    return float(np.median([1.0 if a == b == 0 else a / b for a, b in zip(ours, his, strict=True)]))


def end_ratio(record: Mapping[str, Any], field: str) -> float:
    """The mean test error over He's: "rmse", or "clipped_rmse" with rows pulled in."""
    ours, his = (
        reproduce_table.errors_of(record, name, field).mean() for name in ("spline", REFERENCE)
    )
    return float(ours / his)


def _readable(when: str, measure: str, words: str, records: Mapping[str, Any]) -> Claim:
    """Whether a measure of the network from a spline is above that of one from He, set by set."""
    told, means = [], {}
    for model, label in MODELS.items():
        found = [r["readout"].get(f"{model}{when}", {}).get(measure) for r in records.values()]
        if None not in found:
            means[model] = [np.mean([v for v in values if v is not None]) for values in found]
            low, high = (f"{value:.2f}" for value in (min(means[model]), max(means[model])))
            told.append(f"{label} {low} to {high}")
    above = [a > b for a, b in zip(means["spline"], means[REFERENCE], strict=True)]
    verdict = CONFIRMED if all(above) else PARTLY if 2 * sum(above) > len(above) else NOT
    numbers = f"{', '.join(told)}; free above He on {sum(above)} of {len(above)} sets"
    stage = "before training" if when else "after training"
    return Claim(f"Easier to read {stage}: {words}", verdict, numbers, "reproduce")


CONTROLS = {
    "random_knots": "knots at random, coefficients fitted to them",
    "random_hinges": "knots and features at random, coefficients fitted",
    "shuffled_coefficients": "its knots, its coefficients shuffled",
    "random_coefficients": "its knots, coefficients at random",
    "scale_only": "random units of its scale",
}


OTHER_STARTS = {
    "he_normal": "He's",
    "glorot_uniform": "Glorot's",
    "orthogonal": "orthogonal weights",
    "swim": "SWIM",
}


def _controls(path: pathlib.Path) -> Iterator[Claim]:
    for control, words in CONTROLS.items():
        claim = f"It is the spline: a lower test error than from {words}"
        yield _ratio_claim(claim, _against(path, control), "ablations/controls.json")


def _other_starts(path: pathlib.Path) -> Iterator[Claim]:
    for start, words in OTHER_STARTS.items():
        claim = f"A better end: small sets, test error, against {words}"
        yield _ratio_claim(claim, _against(path, start), "ablations/initialisation.json")


def _against(path: pathlib.Path, name: str) -> dict[str, float]:
    """The recipe's mean test error over that of another start, set by set."""
    cells = {cell["set"]: cell["contenders"] for cell in files.read_json(path)["cells"]}
    return {
        own: float(np.mean(found["recipe"]["test"]) / np.mean(found[name]["test"]))
        for own, found in cells.items()
    }


MAKERS: dict[str, Callable[[pathlib.Path], Iterator[Claim]]] = {
    "equivalence/cpu.json": _equivalence,
    "growth": _growth,
    "bake_off": _bake_off,
    "anchors": _anchors,
    "classes": _classes,
    "reproduce": _reproduce,
    "ablations/initialisation.json": _other_starts,
    "ablations/controls.json": _controls,
}


def table(root: pathlib.Path) -> str:
    """The claims as markdown."""
    body = [[one.claim, f"**{one.verdict}**", one.numbers, one.record] for one in claims(root)]
    return tables.markdown(["claim", "verdict", "numbers", "record"], body)
