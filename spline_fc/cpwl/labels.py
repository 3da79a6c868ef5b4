"""The terms of a spline in words, and their coefficients, as rows of a table."""

from collections.abc import Sequence

import numpy as np

from spline_fc.cpwl.spline import Spline
from spline_fc.cpwl.terms import Term, linear_pairs, live_terms


def coefficient_cells(spline: Spline, names: Sequence[str]) -> list[list[str]]:
    """A table of labels and coefficients: a head, the intercept, then a row per term."""
    intercept = np.asarray(spline.intercept)
    rows = [("(Intercept)", intercept), *labelled_terms(spline, names)]
    heads = [f"output {k}" for k in range(len(intercept))]
    cells = [[label, *(f"{value:.7g}" for value in values)] for label, values in rows]
    return [["", *(heads if len(heads) > 1 else ["coefficient"])], *cells]


def labelled_terms(spline: Spline, names: Sequence[str]) -> list[tuple[str, np.ndarray]]:
    """Label and coefficients (k,) of each live term; both halves of a linear term become one.

    A hinge is h(...), a linear term bare parentheses, an interaction the min(...) of its hinges.
    """
    live = live_terms(spline)
    pairs = linear_pairs(live)
    halves = set(pairs.values())
    return [
        (_label(term, names, linear=m in pairs), coef)
        for m, (term, coef) in enumerate(zip(live.terms, live.coef, strict=True))
        if m not in halves
    ]


def _label(term: Term, names: Sequence[str], linear: bool) -> str:
    inner = [_distance(names[v], slope, knot) for v, slope, knot in term.factors]
    hinges = [f"({text})" if linear else f"h({text})" for text in inner]
    return hinges[0] if len(hinges) == 1 else f"min({', '.join(hinges)})"


def _distance(name: str, slope: float, knot: float) -> str:
    rising = f"{name}-{knot:.6g}" if knot >= 0 else f"{name}+{-knot:.6g}"
    text = rising if slope > 0 else f"{knot:.6g}-{name}"
    return text if abs(slope) == 1 else f"{abs(slope):.6g}*({text})"
