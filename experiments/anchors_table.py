"""The anchors' records as markdown: errors, what averaging gives, published errors, cost."""

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from experiments.anchors_published import ANY, NEURAL, SMALL_NETWORKS
from experiments.benchmarks import machine, tables
from spline_fc.analysis import Comparison, compare

OURS, REFERENCE = "spline", "he_normal"
WAYS = ("single", "again", "ensemble", "distilled")
TARGETS = (1.0, 1.05, 1.2)  # multiples of the best validation loss of He's ensemble


def read(folder: pathlib.Path) -> list[dict[str, Any]]:
    """Reads the records of a folder, the narrow ones first, in the order of their names."""
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise ValueError(f"--table must name a folder of records; {folder} holds none.")
    records = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    return sorted(records, key=lambda record: tuple(record["settings"]["hidden_sizes"]))


def line(row: Mapping[str, Any]) -> str:
    """One line on a split, for the terminal."""
    told = []
    for start, ways in row["starts"].items():
        shown = [f"{way} {cell['rmse']:.4g}" for way, cell in ways.items() if "rmse" in cell]
        told.append(f"{start}: {', '.join(shown)}")
    return "; ".join(told)


def markdown(records: Sequence[Mapping[str, Any]]) -> str:
    """Makes all tables.

    Args:
      records: from `read`.

    Returns:
      Markdown, the widths one after the other; of ensembles alone what is published beside them.
    """
    parts = [machine.sentence(max(records, key=lambda record: record["date"]))]
    if all(tuple(record["settings"].get("ways", ())) == ("ensemble",) for record in records):
        return "\n\n".join([*parts, _published(records), _listed(_below(records))])
    for sizes in sorted({tuple(record["settings"]["hidden_sizes"]) for record in records}):
        own = [r for r in records if tuple(r["settings"]["hidden_sizes"]) == sizes]
        found = [_errors(own), _gains(own), _published(own), _costs(own), _verdicts(own)]
        parts += [f"### Hidden sizes {sizes}", *found]
    return "\n\n".join(parts)


def errors(record: Mapping[str, Any], start: str, way: str, field: str = "rmse") -> np.ndarray:
    """One number per split; nan where it was not measured."""
    cells = [row["starts"].get(start, {}).get(way, {}) for row in record["splits"]]
    return np.array([np.nan if cell.get(field) is None else cell[field] for cell in cells], float)


def _mean(values: np.ndarray) -> str:
    """Mean, standard error and, in brackets, standard deviation over the splits."""
    values = values[np.isfinite(values)]
    if not values.size:
        return "-"
    deviation = values.std(ddof=1) if values.size > 1 else np.nan
    return f"{values.mean():.4g} ± {deviation / np.sqrt(values.size):.2g} ({deviation:.2g})"


def _errors(records: Sequence[Mapping[str, Any]]) -> str:
    body = []
    for r in records:
        for start in r["settings"]["starts"]:
            ways = [_mean(errors(r, start, way)) for way in ("start", *WAYS)]
            clean = _mean(errors(r, start, "ensemble", "clean_rmse"))
            body.append([r["set"], str(len(r["splits"])), start, *ways, clean])
    head = ["set", "splits", "start", "before training", *WAYS]
    return tables.markdown(
        [*head, "ensemble, rows not in training"],
        body,
        "Test RMSE: mean ± standard error (standard deviation) over the published splits. single: "
        "best on a validation part. again: trained anew on all training rows for as many epochs. "
        "ensemble: members that hold out one fold each. distilled: back into one network. Last: "
        "the ensemble on test rows whose features stand in no training row.",
    )


def _gains(records: Sequence[Mapping[str, Any]]) -> str:
    body = []
    for r in records:
        for start in r["settings"]["starts"]:
            single, whole = errors(r, start, "single"), errors(r, start, "ensemble")
            found = compare(whole, single)
            members = [
                np.mean(row["starts"][start]["ensemble"]["member_rmse"]) for row in r["splits"]
            ]
            alike = errors(r, start, "ensemble", "correlation")
            lost = errors(r, start, "ensemble", "dropped").sum()
            body.append(
                [r["set"], start, f"{np.mean(members):.4g}", f"{alike.mean():.2f}"]
                + [f"{whole.mean() / single.mean():.3f}", _wins(found), f"{found.p_value:.2g}"]
                + [_kept(r, start), f"{lost:.0f}"]
            )
    head = ["set", "start", "member", "correlation", "ensemble / single", "lower", "p"]
    return tables.markdown(
        [*head, "gain kept by distilling", "diverged"],
        body,
        "Mean test RMSE of a member, mean correlation of two members' errors, error of the "
        "ensemble over that of the single network, in how many splits it is lower, p of a paired "
        "t test; the share of the gain that the distilled network keeps; members left out.",
    )


def _wins(found: Comparison) -> str:
    return f"{found.wins} of {found.difference.size}"


def kept_share(record: Mapping[str, Any], start: str) -> float:
    """The share of the ensemble's gain over the single network that distilling keeps.

    nan where there is no gain, or something was not measured yet.
    """
    ways = ("single", "ensemble", "distilled")
    single, whole, distilled = (errors(record, start, way).mean() for way in ways)
    return float((single - distilled) / (single - whole)) if single > whole else np.nan


def _kept(record: Mapping[str, Any], start: str) -> str:
    share = kept_share(record, start)
    return f"{share:.2f}" if np.isfinite(share) else "-"


def _published(records: Sequence[Mapping[str, Any]]) -> str:
    body = []
    for r in records:
        own, clean = (errors(r, OURS, "ensemble", field) for field in ("rmse", "clean_rmse"))
        leaked = np.mean([row["leaked"] for row in r["splits"]])
        row = [r["set"], f"{own.mean():.4g}", f"{clean.mean():.4g}", f"{100 * leaked:.1f} %"]
        for known in (SMALL_NETWORKS, NEURAL, ANY):
            name, value = known[r["set"]]
            row.append(f"{value:g} ({name}){' *' if own.mean() < value else ''}")
        body.append(row)
    head = ["set", "ensemble", "rows not in training", "leaked", "one small network"]
    return tables.markdown(
        [*head, "any network", "any method"],
        body,
        "The spline's ensemble beside the lowest published mean test RMSE on these splits; a star "
        "where ours is below. leaked: share of test rows whose features stand in training rows.",
    )


def _costs(records: Sequence[Mapping[str, Any]]) -> str:
    body = []
    for r in records:
        row = [r["set"]]
        for start in (OURS, REFERENCE):
            single, whole = (errors(r, start, w, "seconds") for w in ("single", "ensemble"))
            ratio = np.median(whole) / np.median(single)
            row += [f"{np.median(single):.3g}", f"{np.median(whole):.3g}", f"{ratio:.1f}"]
        steps = [_steps(r, factor) for factor in TARGETS]
        body.append([*row, *steps])
    head = ["set"]
    for start in (OURS, REFERENCE):
        head += [f"{start}: s", "ensemble: s", "ratio"]
    return tables.markdown(
        [*head, *(f"steps to {factor:g} x" for factor in TARGETS)],
        body,
        "Seconds with everything (fits, compilation, all rates), medians over splits. Steps in "
        "which the mean validation loss of the spline's members reaches the best of He's members, "
        "or a multiple of it, over the steps that He's take to it: median over splits.",
    )


def _steps(record: Mapping[str, Any], factor: float) -> str:
    ratios = []
    for row in record["splits"]:
        ours, theirs = (
            np.array(row["starts"][start]["ensemble"]["validation"]) for start in (OURS, REFERENCE)
        )
        target = factor * theirs.min()
        reached = np.flatnonzero(ours <= target)
        first = reached[0] if reached.size else np.inf
        ratios.append(first / np.flatnonzero(theirs <= target)[0])
    return f"{np.median(ratios):.2f}"


def _verdicts(records: Sequence[Mapping[str, Any]]) -> str:
    """What the tables say in sentences, and of how many sets."""
    pairs = [(errors(r, OURS, "ensemble"), errors(r, OURS, "single")) for r in records]
    ratios = np.array([whole.mean() / single.mean() for whole, single in pairs])
    contests = [
        compare(errors(r, OURS, "ensemble"), errors(r, REFERENCE, "ensemble")) for r in records
    ]
    count = len(records)
    lines = [
        f"The ensemble's mean error is below the single network's on {(ratios < 1).sum()} of "
        f"{count} sets, {100 * (1 - np.exp(np.log(ratios).mean())):.1f} % in the geometric mean.",
        f"It is below that of He's ensemble on {sum(c.mean.value < 0 for c in contests)} of "
        f"{count}, significantly lower on {sum(c.verdict == 'lower' for c in contests)} and "
        f"higher on {sum(c.verdict == 'higher' for c in contests)}.",
        *_below(records),
    ]
    shares = [kept_share(r, OURS) for r in records]
    if np.isfinite(shares).all():
        half = sum(share >= 0.5 for share in shares)
        lines.append(f"Distilling keeps at least half of the gain on {half} of {count}.")
    return _listed(lines)


def _below(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Of how many sets the ensemble's mean error is below what is published."""
    own = {r["set"]: errors(r, OURS, "ensemble").mean() for r in records}
    lines = []
    for words, known in (("any network", NEURAL), ("any method", ANY)):
        below = sum(value < known[name][1] for name, value in own.items())
        lines.append(f"It is below the best published error of {words} on {below} of {len(own)}.")
    return lines


def _listed(lines: Sequence[str]) -> str:
    return "\n".join(f"* {line}" for line in lines)
