"""The terms of a spline in words, and their coefficients, as rows of a table."""

from collections.abc import Mapping, Sequence

import numpy as np

from spline_fc.cpwl.spline import Spline
from spline_fc.cpwl.terms import Term, linear_pairs, live_terms

NEARLY = 1e-6


def coefficient_cells(spline: Spline, names: Sequence[str]) -> list[list[str]]:
    """A table of labels and coefficients: a head, the intercept, then a row per term."""
    intercept = np.asarray(spline.intercept)
    rows = [("(Intercept)", intercept), *labelled_terms(spline, names)]
    heads = [f"output {k}" for k in range(len(intercept))]
    cells = [[label, *(f"{value:.7g}" for value in values)] for label, values in rows]
    return [["", *(heads if len(heads) > 1 else ["coefficient"])], *cells]


def labelled_terms(
    spline: Spline, names: Sequence[str], levels: Mapping[int, str] | None = None
) -> list[tuple[str, np.ndarray]]:
    """Label and coefficients (k,) of each live term; both halves of a linear term become one.

    A hinge is h(...), a linear term bare parentheses, an interaction the min(...) of its hinges.

    Args:
      spline: of any columns.
      names: of the columns of z.
      levels: what holds where a column of 0 and 1 is 1, {column: "tree is oak"}; a hinge that is
        this column itself is called so.
    """
    levels = levels or {}
    live = live_terms(spline)
    pairs = linear_pairs(live)
    halves = set(pairs.values())
    return [
        (_label(term, names, levels, linear=m in pairs), coef)
        for m, (term, coef) in enumerate(zip(live.terms, live.coef, strict=True))
        if m not in halves
    ]


def _label(term: Term, names: Sequence[str], levels: Mapping[int, str], linear: bool) -> str:
    hinges = []
    for column, slope, knot in term.factors:
        # Rounding moves the knot of such a column off its 0.
        if column in levels and slope > 0 and abs(knot) < NEARLY:
            of = "" if abs(slope - 1) < NEARLY else f"{slope:.6g}*"
            hinges.append(f"{of}({levels[column]})" if of else levels[column])
            continue
        text = _distance(names[column], slope, knot)
        hinges.append(f"({text})" if linear else f"h({text})")
    return hinges[0] if len(hinges) == 1 else f"min({', '.join(hinges)})"


def _distance(name: str, slope: float, knot: float) -> str:
    rising = f"{name}-{knot:.6g}" if knot >= 0 else f"{name}+{-knot:.6g}"
    text = rising if slope > 0 else f"{knot:.6g}-{name}"
    return text if abs(slope) == 1 else f"{abs(slope):.6g}*({text})"
