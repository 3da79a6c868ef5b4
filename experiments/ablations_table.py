"""The records of ablations as markdown: every start over the recipe, set by set."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from configs import ablation_sets
from experiments.benchmarks import machine, tables
from spline_fc.analysis import Comparison, compare

RECIPE, HE, ALONE = ablation_sets.RECIPE, "he_normal", "spline alone"
BASES = ("", "64x64", "3200_rows", "batch_64", "rate_0.003", "adam")  # labels of the recipe's own
Cell = Mapping[str, Any]
Column = Callable[[str, Mapping[str, Cell]], str]  # of a start and its cells, set by set


def table(record: Mapping[str, Any]) -> str:
    """Sets every start over the recipe, set by set.

    Args:
      record: from `of_sweep`.

    Returns:
      Markdown. A number is a ratio of mean errors with the standard error of the paired
      differences, bold where a paired t test tells them from the recipe's.
    """
    cells = {(c["label"], c["set"]): c for c in record["cells"]}
    labels = sorted({label for label, _ in cells}, key=_natural)
    there = [name for _, name in cells]
    sets = list(dict.fromkeys(sorted(there, key=[*ablation_sets.SETS, *there].index)))
    base = {s: cells[next(b for b in BASES if (b, s) in cells), s] for s in sets}
    with_he = all(HE in cell["contenders"] for cell in cells.values())
    more = {"steps to He's best": _steps} if with_he else {}
    more |= {"over He": _over_he} if labels != [""] else {}
    head = ["", *sets, "all", "lower", "before training", *more]
    body = [_row_of_base(base, more.values())]
    for label in labels:
        own = {s: cells[label, s] for s in sets if (label, s) in cells}
        for name in _names(own):
            if name == RECIPE and label in BASES:
                continue
            body.append(_row(name, label, own, base, more.values()))
    return f"{machine.sentence(record)}\n\n{tables.markdown(head, _once(body, len(sets)))}"


def _names(cells: Mapping[str, Cell]) -> list[str]:
    """The contenders of some sets, the recipe and its spline first."""
    names = dict.fromkeys(name for cell in cells.values() for name in cell["contenders"])
    return [name for name in (RECIPE, ALONE, *names) if name in (*names, ALONE)]


def _once(rows: Sequence[list[str]], num_sets: int) -> list[list[str]]:
    """The rows without splines whose numbers have stood there: one serves many trainings."""
    found: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        key = tuple(row[1 : 1 + num_sets]) if row[0].endswith(ALONE) else tuple(row)
        found.setdefault(key, row)
    return list(found.values())


def _row_of_base(base: Mapping[str, Cell], more: Iterable[Column]) -> list[str]:
    """The recipe itself, in units of its sets."""
    own = [_errors(cell, RECIPE, "test") for cell in base.values()]
    shown = [f"{e.mean():.4g} ± {_deviation(e):.1g}" for e in own]
    title = _title(RECIPE, next(iter(base.values()))["label"])
    others = [column(RECIPE, base) for column in more]
    return [title, *shown, "1.00", "-", _before(RECIPE, base, base), *others]


def _row(
    name: str,
    label: str,
    own: Mapping[str, Cell],
    base: Mapping[str, Cell],
    more: Iterable[Column],
) -> list[str]:
    """One start over the recipe."""
    own = {s: cell for s, cell in own.items() if name in (*cell["contenders"], ALONE)}
    found = {
        s: compare(_errors(own[s], name, "test"), _errors(base[s], RECIPE, "test")) for s in own
    }
    ratios = {s: 1 + c.difference.mean() / _level(base[s]) for s, c in found.items()}
    shown = [_shown(found[s], ratios[s], _level(base[s])) if s in found else "-" for s in base]
    lower = sum(c.wins for c in found.values()), sum(c.difference.size for c in found.values())
    others = [column(name, own) for column in more]
    wins = f"{lower[0]} of {lower[1]}"
    before = _before(name, own, base)
    return [_title(name, label), *shown, _geometric(ratios.values()), wins, before, *others]


def _errors(cell: Cell, name: str, when: str) -> np.ndarray:
    """Scores seed by seed, NaN where there is none; the spline alone is the recipe at its start."""
    name, when = (RECIPE, "start") if name == ALONE else (name, when)
    return np.array(cell["contenders"][name][when], float)


def _level(cell: Cell) -> float:
    return float(_errors(cell, RECIPE, "test").mean())


def _deviation(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / np.sqrt(values.size)) if values.size > 1 else np.nan


def _shown(found: Comparison, ratio: float, level: float) -> str:
    mark = "**" if found.verdict else ""
    return f"{mark}{ratio:.3f}{mark} ± {_deviation(found.difference) / level:.1g}"


def _before(name: str, own: Mapping[str, Cell], base: Mapping[str, Cell]) -> str:
    """Errors before training over those of the trained recipe."""
    return _geometric(_errors(own[s], name, "start").mean() / _level(base[s]) for s in own)


def _steps(name: str, own: Mapping[str, Cell]) -> str:
    """Median over sets and seeds of the steps to He's best validation loss, over He's own."""
    if name == ALONE:
        return "-"
    ratios = [
        np.inf if reached is None else reached / max(needed, 1)
        for cell in own.values()
        for reached, needed in zip(
            cell["contenders"][name]["reached"], cell["contenders"][HE]["epoch"], strict=True
        )
    ]
    middle = float(np.median(ratios))
    return f"{middle:.2f}" if np.isfinite(middle) else "never"


def _over_he(name: str, own: Mapping[str, Cell]) -> str:
    """Errors over He's of the same cell, and how often they are lower."""
    if name == HE:
        return "1.00"
    pairs = [(_errors(cell, name, "test"), _errors(cell, HE, "test")) for cell in own.values()]
    wins = sum(int((ours < he).sum()) for ours, he in pairs)
    ratio = _geometric(ours.mean() / he.mean() for ours, he in pairs)
    return f"{ratio} ({wins} of {sum(ours.size for ours, _ in pairs)})"


def _geometric(ratios: Iterable[float]) -> str:
    return f"{np.exp(np.mean(np.log(list(ratios)))):.2f}"


def _title(name: str, label: str) -> str:
    words = f"{label}, {name}" if label else name
    return words.replace("_", " ")


def _natural(label: str) -> tuple[list[float], str]:
    """Sorts by the numbers in a label, then by its words."""
    return [float(n) for n in re.findall(r"\d+(?:\.\d+)?(?:e-\d+)?", label)], label
