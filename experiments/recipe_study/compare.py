"""Our recipe against another start on one set and size, paired by split."""

import json
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

OURS, REFERENCE = "recipe", "he_normal"
LEVEL = 0.05  # of the paired t test, two-sided and not corrected: splits share rows


class Comparison(NamedTuple):
    """What the s splits say; ratios below 1 and differences below 0 are in our favour."""

    difference: np.ndarray  # (s,) test RMSE, ours less theirs
    wins: int
    p_value: float  # of the paired t test on the differences
    steps_ratio: np.ndarray  # (s,) steps to their best validation loss over theirs; inf if never
    time_ratio: np.ndarray  # (s,) the same in seconds, starts included; nan where not timed


def read(folder: pathlib.Path) -> list[dict[str, Any]]:
    """Reads the records of a bake-off, sorted by size, in the order of their names within."""
    records = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    return sorted(records, key=lambda record: record["width"])


def compare(record: Mapping[str, Any], theirs: str) -> Comparison:
    """Compares our recipe with another contender, on the splits that both have.

    Args:
      record: of one set and size.
      theirs: name of the other contender.

    Returns:
      Comparison.
    """
    ours, others = (record["contenders"][name] for name in (OURS, theirs))
    pairs = list(zip(ours["pairs"], others["pairs"], strict=False))  # the splits both have
    difference = np.array([a["test_rmse"] - b["test_rmse"] for a, b in pairs])
    reached = [_first(a["validation"], min(b["validation"])) for a, b in pairs]
    targets = [int(np.argmin(b["validation"])) for _, b in pairs]
    return Comparison(
        difference=difference,
        wins=int((difference < 0).sum()),
        p_value=float(stats.ttest_1samp(difference, 0).pvalue) if len(pairs) > 1 else np.nan,
        steps_ratio=np.array([_ratio(r, t) for r, t in zip(reached, targets, strict=True)]),
        time_ratio=np.array(
            [
                _ratio(_seconds(ours, r), _seconds(others, t))
                for r, t in zip(reached, targets, strict=True)
            ]
        ),
    )


def is_worse(comparison: Comparison) -> bool:
    """Whether our mean test error is significantly above theirs."""
    return bool(comparison.difference.mean() > 0 and comparison.p_value < LEVEL)


def _first(validation: list[float], target: float) -> float:
    reached = np.flatnonzero(np.asarray(validation) <= target)
    return float(reached[0]) if reached.size else np.inf


def _seconds(cell: Mapping[str, Any], epochs: float) -> float:
    if "step_seconds" not in cell:
        return np.nan
    return cell["start_seconds"] + epochs * cell["steps_per_epoch"] * cell["step_seconds"]


def _ratio(ours: float, theirs: float) -> float:
    """0 / 0 is 1: both are there before the first step."""
    if theirs == 0:
        return 1.0 if ours == 0 else np.inf
    return ours / theirs
