"""The record of a comparison with the peers as markdown."""

from typing import Any

import numpy as np

from experiments.benchmarks import machine, tables
from experiments.peers_child import CONTENDERS, Contender
from spline_fc.printing import significant

OURS = ("spline", "network")


def table(record: dict[str, Any]) -> str:
    """Sets a record as markdown: errors with standard errors, time over all sets, what is shown."""
    sets = record["sets"]
    rows = []
    for name, contender in CONTENDERS.items():
        cells = [found.get(name, {"reason": "not run"}) for found in sets.values()]
        label = f"**{contender.label}**" if name in OURS else contender.label
        rows.append([label, *map(_error, cells), _seconds(contender, cells), contender.shows])
    heads = [""] + [f"{data.removeprefix('uci_')}, {_rows(c)}" for data, c in sets.items()]
    body = tables.markdown([*heads, "fit, s", "what can be read off"], rows)
    return f"{body}\n\n{_caption(record)}"


def _caption(record: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    note = f" {record['note']}" if record["note"] else ""
    return (
        "Test RMSE, mean ± standard error over random splits, below the rows of each set; seconds "
        "of one core per fit, quickest set to slowest (with compilation). "
        f"{machine.sentence(record)[:-1]}, {versions}.{note}"
    )


def line(contender: Contender, found: dict[str, Any]) -> str:
    """One line on a cell, for the terminal."""
    return found.get("reason") or f"test RMSE {_error(found)}, {_seconds(contender, [found])} s"


def _rows(found: dict[str, Any]) -> int:
    splits = [cell["splits"][0] for cell in found.values() if "splits" in cell]
    return sum(splits[0]["rows"]) if splits else 0


def _error(found: dict[str, Any]) -> str:
    if "reason" in found:
        return found["reason"]
    values = np.array([split["rmse"] for split in found["splits"]])
    error = values.std(ddof=1) / np.sqrt(values.size) if values.size > 1 else np.nan
    return f"{values.mean():.4g}±{error:.1g}"


def _seconds(contender: Contender, cells: list[dict[str, Any]]) -> str:
    """From the quickest set to the slowest; the slowest first fit of one that compiles."""
    there = [found["splits"] for found in cells if "splits" in found]
    if not there:
        return "-"
    means = [np.mean([split["seconds"] for split in splits]) for splits in there]
    first = max(splits[0]["first_seconds"] for splits in there)
    low, high, first = (significant(value, 2) for value in (min(means), max(means), first))
    told = low if low == high else f"{low} to {high}"
    return f"{told} ({first})" if contender.compiles else told
