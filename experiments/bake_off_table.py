"""The bake-off's records of regressions as markdown: errors, speed, guard, anchors, verdicts."""

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from experiments.benchmarks import machine, tables
from spline_fc.analysis import Comparison, bootstrap, compare

OURS, REFERENCE = "recipe", "he_normal"
# Best published test RMSE on these splits: the best of PBP, Deep Ensembles, MC dropout, concrete
# dropout and NGBoost (Lakshminarayanan et al. 2017, table 1; the readme of
# yaringal/DropoutUncertaintyExps; the last two columns of a secondary table, as leads).
ANCHORS = {
    "uci_boston": 2.65,
    "uci_concrete": 4.46,
    "uci_energy": 0.46,
    "uci_kin8nm": 0.07,
    "uci_naval": None,
    "uci_power": 3.70,
    "uci_protein": 3.85,
    "uci_wine_red": 0.62,
    "uci_yacht": 0.50,
}
TO_BEAT = ("uci_yacht", "uci_energy", "uci_boston", "uci_concrete")
KEPT = 1.02  # the validation loss may rise to this multiple of its start


class Contest(NamedTuple):
    """Our recipe against another contender on one set and size, on the splits that both have."""

    errors: Comparison
    steps_ratio: np.ndarray  # (s,) steps to their best validation loss over theirs; inf if never
    time_ratio: np.ndarray  # (s,) the same in seconds, starts included; nan where not timed

    @property
    def is_worse(self) -> bool:
        """Whether our mean test error is significantly above theirs."""
        return self.errors.verdict == "higher"


def read(folder: pathlib.Path) -> list[dict[str, Any]]:
    """Reads the records of a sweep, sorted by size, in the order of their names within.

    Cells of one set and size that have no contender in common are one record; of cells that do, the
    later ones stand under their own names.
    """
    if not any(folder.glob("*.json")):
        raise ValueError(f"--table must name a folder of records; {folder} holds none.")
    found: dict[tuple[str, Any], dict[str, Any]] = {}
    for path in sorted(folder.glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        earlier = found.get((record["set"], record["width"]), {"contenders": {}})
        if not earlier["contenders"].keys() & record["contenders"].keys():
            both = {**earlier["contenders"], **record["contenders"]}
            record = {**record, **earlier, "contenders": both}
        else:
            record = {**record, "set": path.stem}
        found[record["set"], record["width"]] = record
    return sorted(found.values(), key=lambda record: str(record["width"]).zfill(9))


def contest(record: Mapping[str, Any], theirs: str, own: str = OURS) -> Contest:
    """Compares our recipe with another contender.

    Args:
      record: of one set and size.
      theirs: name of the other contender.
      own: name of ours.

    Returns:
      Contest.
    """
    ours, others = (record["contenders"][name] for name in (own, theirs))
    pairs = list(zip(ours["pairs"], others["pairs"], strict=False))  # the splits both have
    reached = [first(a["validation"], min(b["validation"])) for a, b in pairs]
    targets = [int(np.argmin(b["validation"])) for _, b in pairs]
    times = [
        _ratio(seconds(ours, r), seconds(others, t)) for r, t in zip(reached, targets, strict=True)
    ]
    field = f"test_{score_of(ours)}"
    return Contest(
        errors=compare([a[field] for a, _ in pairs], [b[field] for _, b in pairs]),
        steps_ratio=np.array([_ratio(r, t) for r, t in zip(reached, targets, strict=True)]),
        time_ratio=np.array(times),
    )


def score_of(cell: Mapping[str, Any]) -> str:
    """The score that a cell is judged by: "log_loss" of classes, else "rmse"."""
    return "log_loss" if "test_log_loss" in cell["pairs"][0] else "rmse"


def first(losses: Sequence[float], target: float) -> float:
    """The first epoch at which a loss is at or below a target, inf if it never is."""
    reached = np.flatnonzero(np.asarray(losses) <= target)
    return float(reached[0]) if reached.size else np.inf


def seconds(cell: Mapping[str, Any], epochs: float) -> float:
    """Seconds of a start and so many epochs after it, nan where none were measured alone."""
    if "step_seconds" not in cell:
        return np.nan
    return cell["start_seconds"] + epochs * cell["steps_per_epoch"] * cell["step_seconds"]


def _ratio(ours: float, theirs: float) -> float:
    """0 / 0 is 1: both are there before the first step."""
    if theirs == 0:
        return 1.0 if ours == 0 else np.inf
    return ours / theirs


def markdown(records: Sequence[Mapping[str, Any]]) -> str:
    """Makes all tables of a bake-off of regressions.

    Args:
      records: from `read`; those without our recipe and the reference are left out.

    Returns:
      Markdown.
    """
    complete = [r for r in records if {OURS, REFERENCE} <= set(r["contenders"])]
    if not complete:
        return "No set has both our recipe and the reference yet."
    parts = [machine.sentence(max(complete, key=lambda r: r["date"]))]
    for width in sorted({r["width"] for r in complete}):
        own = [r for r in complete if r["width"] == width]
        parts += [
            f"### Hidden sizes ({width}, {width})",
            _errors(own),
            overall(own),
            _speed(own),
            _guard(own),
            _anchors(own),
            "\n".join(f"* {line}" for line in verdicts(own)),
        ]
    return "\n\n".join(parts)


def verdicts(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Says what holds over all sets of one size, one sentence per claim."""
    kept = np.concatenate(
        [[pair["worst"] <= KEPT for pair in r["contenders"][OURS]["pairs"]] for r in records]
    )
    found = [
        f"Validation loss never above {KEPT} times its start in {kept.mean():.0%} of "
        f"{kept.size} (set, split) pairs."
    ]
    for theirs in others_of(records):
        against = [contest(r, theirs) for r in records if theirs in r["contenders"]]
        better = sum(c.errors.mean.value < 0 for c in against)
        worse = sum(c.is_worse for c in against)
        found.append(
            f"Against {theirs}: lower mean test error on {better} of {len(against)} sets, "
            f"significantly higher on {worse}; steps to its best validation loss "
            f"{interval(_pooled(against, 'steps_ratio'))}, seconds with the start included "
            f"{interval(_pooled(against, 'time_ratio'))} (median ratios; every set counts alike)."
        )
    return found


def _pooled(against: Sequence[Contest], field: str) -> np.ndarray:
    """The first five splits of every set, so that sets with twenty do not decide alone."""
    return np.concatenate([getattr(c, field)[:5] for c in against])


def interval(values: np.ndarray) -> str:
    """The median of ratios with its bootstrap interval."""
    if np.isnan(values).any():
        return "not timed"
    found = bootstrap(values, np.median)
    value, low, high = ("never" if np.isinf(v) else f"{v:.2f}" for v in found)
    return f"{value} [{low}, {high}]"


def _errors(records) -> str:
    others = others_of(records)
    head = ["set", "splits", "spline alone", OURS, *others, "better than He", "p"]
    body = []
    for r in records:
        cell, he = r["contenders"][OURS], contest(r, REFERENCE)
        verdict = " (worse)" if he.is_worse else ""
        body.append(
            [
                r["set"],
                str(len(cell["pairs"])),
                mean_error(cell, "start_rmse"),
                mean_error(cell),
                *(_counted(r["contenders"].get(name), len(cell["pairs"])) for name in others),
                f"{he.errors.wins} of {len(he.errors.difference)}",
                f"{he.errors.p_value:.2g}{verdict}",
            ]
        )
    return tables.markdown(
        head,
        body,
        "Test RMSE at the best validation step, mean and standard error over splits; "
        "p of a paired t test against He.",
    )


def overall(records: Sequence[Mapping[str, Any]]) -> str:
    """Sets every contender over the recipe in one line, on the splits that both have."""
    body = []
    for name in [OURS, *others_of(records)]:
        own = [r for r in records if name in r["contenders"]]
        pairs = [
            list(zip(r["contenders"][name]["pairs"], r["contenders"][OURS]["pairs"], strict=False))
            for r in own
        ]
        loss = [_ratio_of_means(p, lambda pair: min(pair["validation"])) for p in pairs]
        error = [_ratio_of_means(p, lambda pair: pair["test_rmse"]) for p in pairs]
        kept = np.concatenate([[pair["worst"] <= KEPT for pair, _ in p] for p in pairs])
        body.append(
            [
                name,
                str(len(own)),
                f"{np.exp(np.mean(np.log(loss))):.3f}",
                f"{np.exp(np.mean(np.log(error))):.3f}",
                f"{kept.mean():.0%}",
            ]
        )
    return tables.markdown(
        ["start", "sets", "best validation loss", "test RMSE", "kept"],
        body,
        "Over the recipe's, geometric means over sets; and the share of pairs whose "
        f"validation loss never rose above {KEPT} times its start.",
    )


def _ratio_of_means(pairs, value) -> float:
    return np.mean([value(theirs) for theirs, _ in pairs]) / np.mean([value(o) for _, o in pairs])


def _speed(records) -> str:
    others = others_of(records)
    head = ["set", "terms", *(f"{what} / {name}" for name in others for what in ("steps", "time"))]
    body = []
    for r in records:
        terms = np.mean([pair["terms"] for pair in r["contenders"][OURS]["pairs"]])
        row = [r["set"], f"{terms:.0f}"]
        for name in others:
            found = contest(r, name) if name in r["contenders"] else None
            row += [median(found.steps_ratio), median(found.time_ratio)] if found else ["-"] * 2
        body.append(row)
    return tables.markdown(
        head,
        body,
        "Steps, and seconds with the start included (warm, one run alone), to the other's"
        " best validation loss: median ratio over splits.",
    )


def _guard(records) -> str:
    body = [
        [r["set"], " ".join(f"{pair['worst']:.3f}" for pair in r["contenders"][OURS]["pairs"])]
        for r in records
    ]
    return tables.markdown(
        ["set", "splits in order"],
        body,
        "Largest validation loss of any epoch over that before training, our recipe, every split.",
    )


def _anchors(records) -> str:
    body = []
    for r in records:
        ours, he = (r["contenders"][name] for name in (OURS, REFERENCE))
        if r["set"] not in ANCHORS or "refit_rmse" not in ours["pairs"][0]:
            continue
        anchor = ANCHORS[r["set"]]
        below = [_below(ours, field, anchor) for field in ("test_rmse", "refit_rmse")]
        body.append(
            [
                r["set"] + (" (wanted)" if r["set"] in TO_BEAT else ""),
                str(len(ours["pairs"])),
                mean_error(ours),
                mean_error(ours, "refit_rmse"),
                mean_error(he, "refit_rmse"),
                f"{anchor:g}" if anchor else "rounds to 0.00",
                ", ".join(below),
            ]
        )
    return tables.markdown(
        [
            "set",
            "splits",
            OURS,
            "trained again",
            f"{REFERENCE}, trained again",
            "published",
            "below",
        ],
        body,
        "Test RMSE against the best published one on these splits: at the best validation"
        " step, and trained again on training and validation rows with the rate and the "
        "epochs that validation chose.",
    )


def _below(cell: Mapping[str, Any], field: str, anchor: float | None) -> str:
    mean = np.mean([pair[field] for pair in cell["pairs"]])
    return "-" if anchor is None else "yes" if mean < anchor else "no"


def others_of(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """The contenders beside our recipe, the reference first."""
    names = dict.fromkeys(name for r in records for name in r["contenders"] if name != OURS)
    return sorted(names, key=lambda name: name != REFERENCE)


def mean_error(cell: Mapping[str, Any], field: str | None = None) -> str:
    """Mean and standard error over splits of a field, the score of the test part by default."""
    field = field or f"test_{score_of(cell)}"
    values = np.array([pair[field] for pair in cell["pairs"]])
    error = values.std(ddof=1) / np.sqrt(values.size) if values.size > 1 else np.nan
    return f"{values.mean():.4g} ± {error:.1g}"


def _counted(cell: Mapping[str, Any] | None, splits: int) -> str:
    """The error, and on how many splits it stands where those are not the recipe's."""
    if cell is None:
        return "-"
    own = len(cell["pairs"])
    return mean_error(cell) + ("" if own == splits else f" (first {own})")


def median(values: np.ndarray) -> str:
    """The median of ratios or costs, "never" where it is infinite, "-" where there is none."""
    middle = np.median(values)
    return "-" if np.isnan(middle) else "never" if np.isinf(middle) else f"{middle:.2f}"
