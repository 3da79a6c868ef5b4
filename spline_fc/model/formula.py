"""A spline written out in raw units, one line a term, with levels and dates in words."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from spline_fc.cpwl import Spline, Term, linear_pairs, live_terms
from spline_fc.cpwl.spline import num_features
from spline_fc.data import Scaler
from spline_fc.model.columns import Column, number_word

MOST_WEIGHTS = 8  # of a direction that are written out
Line = tuple[np.ndarray, str]  # coefficients (k,) and what they are multiplied with


def raw_spline(spline: Spline, scaler: Scaler) -> Spline:
    """Takes a spline from standardised to raw units of x and y; the function is the same.

    A single hinge keeps slope +1 or -1, in a minimum the scales become slopes. Directions become
    combinations of raw columns.

    Args:
      spline: of d features and k outputs.
      scaler: of both.

    Returns:
      Spline of float64 NumPy arrays.
    """
    shift, scale, y_shift, y_scale = (np.asarray(field, np.float64) for field in scaler)
    intercept, coef, slope, knot, projection = (
        np.asarray(getattr(spline, name), np.float64)
        for name in ("intercept", "coef", "slope", "knot", "projection")
    )
    feature, directions = np.asarray(spline.feature), projection.shape[1]
    raw_projection = projection / scale[:, None]
    # z = (raw - offset) / width, where a direction keeps its length.
    width = np.concatenate([scale, np.ones(directions)])[feature]
    offset = np.concatenate([shift, shift @ raw_projection])[feature]
    single = (slope != 0).sum(axis=1, keepdims=True) == 1
    gain = np.where(single & (slope != 0), 1 / width, 1.0).prod(axis=1, keepdims=True)
    fields: dict[str, Any] = {
        "intercept": intercept * y_scale + y_shift,
        "coef": coef * gain * y_scale,
        "feature": feature,
        "slope": np.where(single, slope, slope / width),
        "knot": np.where(slope != 0, offset + width * knot, knot),
        "projection": raw_projection,
    }
    return Spline(**fields)


def formula_lines(
    spline: Spline,
    columns: Sequence[Column],
    outputs: Sequence[str],
    spread: np.ndarray | float = 1.0,
    most: int | None = MOST_WEIGHTS,
) -> list[str]:
    """Writes a spline as lines of text.

    Args:
      spline: in raw units.
      columns: of the file.
      outputs: k names.
      spread: (d,) deviations of the columns of x, by which the weights of a direction are ranked;
        knots are told as far as float32 has their digits at that size.
      most: weights of a direction that are written; None for all.

    Returns:
      A head, the intercept, a line per term, ordered by column and knot; what directions are, if
      there are any. [column = level] is 1 where it holds and 0 where not.
    """
    spread = np.broadcast_to(spread, num_features(spline))
    (_, *intercept), *terms = formula_cells(spline, columns, spread)
    numbers = [intercept, *(coef for _, *coef in terms)]
    widths = [max(map(len, column)) for column in zip(*numbers, strict=True)]
    texts = ["", *(f" * {text}" for text, *_ in terms)]
    if len(outputs) == 1:
        head = [f"{outputs[0]} ="]
    else:
        widths = [max(width, len(name)) for width, name in zip(widths, outputs, strict=True)]
        head = ["  " + "  ".join(map(str.rjust, outputs, widths))]
    lines = [
        "  " + "  ".join(map(str.rjust, row, widths)) + text
        for row, text in zip(numbers, texts, strict=True)
    ]
    return [*head, *lines, *_directions(spline, columns, spread, most)]


def formula_cells(
    spline: Spline, columns: Sequence[Column], spread: np.ndarray | float = 1.0
) -> list[list[str]]:
    """Writes a spline as cells of a table: what is multiplied, and its coefficient in each output.

    Args:
      spline, columns, spread: as for `formula_lines`.

    Returns:
      A row of 1 + k cells for the intercept, whose first is "", then one a term.
    """
    spread = np.broadcast_to(spread, num_features(spline))
    intercept, terms = _terms(spline, columns, spread)
    rows = [[text, *(f"{value:+.6g}" for value in coef)] for coef, text in terms]
    return [["", *(f"{value:.6g}" for value in intercept)], *rows]


def _terms(
    spline: Spline, columns: Sequence[Column], spread: np.ndarray
) -> tuple[np.ndarray, list[Line]]:
    """The intercept (k,), and the other terms: hinges on levels as levels, pairs as one."""
    live, size = live_terms(spline), num_features(spline)
    intercept = np.array(spline.intercept, np.float64)
    pairs = linear_pairs(live)
    halves = set(pairs.values())
    owner = {place: column for column in columns for place in column.places}
    levels: dict[int, np.ndarray] = {}
    found: list[tuple[tuple[int, tuple[int, ...], float], Line]] = []
    for m, (term, coef) in enumerate(zip(live.terms, live.coef, strict=True)):
        places = tuple(sorted(term.features))
        if m in halves:
            continue
        if len(places) == 1 and places[0] < size and owner[places[0]].levels:
            low, high = (_value(term, at, m in pairs) for at in (0.0, 1.0))
            intercept = intercept + coef * low
            step = levels.get(places[0], np.zeros_like(intercept))
            levels[places[0]] = step + coef * (high - low)
            continue
        rank = (len(places), places, term.factors[0][2])
        found.append((rank, (coef, _text(term, owner, spread, linear=m in pairs))))
    for place, coef in levels.items():
        found.append(((1, (place,), 0.0), (coef, _name(place, owner, size))))
    found.sort(key=lambda item: item[0])
    return intercept, [line for _, line in found]


def _value(term: Term, at: float, linear: bool) -> float:
    """A term of one column at a value of it."""
    ((_, slope, knot), *_) = term.factors
    if linear:
        return slope * (at - knot)
    return min(max(slope * (at - knot), 0.0) for _, slope, knot in term.factors)


def _text(term: Term, owner: dict[int, Column], spread: np.ndarray, linear: bool) -> str:
    hinges, size = [], len(spread)
    for place, slope, knot in term.factors:
        name, at = _name(place, owner, size), f"{abs(knot):.6g}"
        sign = "+" if knot < 0 else "-"
        if place < size and owner[place].format.kind != "number" and not owner[place].levels:
            at, sign = number_word(owner[place].format, knot, _decimals(spread[place])), "-"
        backwards = f"{'-' if sign == '+' else ''}{at} - {name}"
        inner = f"{name} {sign} {at}" if slope > 0 else backwards
        size_of = "" if abs(slope) == 1 else f"{abs(slope):.6g} * "
        inner = f"{size_of}({inner})" if size_of else inner
        hinges.append(f"({inner})" if linear else f"max(0, {inner})")
    return hinges[0] if len(hinges) == 1 else f"min({', '.join(hinges)})"


def _decimals(spread: float) -> int:
    """How many places after the point float32 has of knots in a column of such a deviation."""
    error = 4 * np.finfo(np.float32).eps * spread
    return int(np.clip(np.floor(-np.log10(error)), 0, 6))


def _name(place: int, owner: dict[int, Column], size: int) -> str:
    """A column of z: one of the file, [column = level], or a direction."""
    if place >= size:
        return f"direction {place - size + 1}"
    column = owner[place]
    if not column.levels:
        return column.name
    return f"[{column.name} = {column.shown_levels[column.places.index(place)]}]"


def _directions(
    spline: Spline, columns: Sequence[Column], spread: np.ndarray, most: int | None
) -> list[str]:
    """What the directions that are read combine, the weights that move it most first."""
    size = num_features(spline)
    owner = {place: column for column in columns for place in column.places}
    read = {v for term in live_terms(spline).terms for v in term.features if v >= size}
    lines = []
    for v in sorted(read):
        weights = np.asarray(spline.projection)[:, v - size]
        own = np.flatnonzero(weights)
        own = own[np.argsort(-np.abs(weights * spread)[own], kind="stable")]
        shown = own if most is None else own[:most]
        text = " ".join(f"{weights[j]:+.6g} * {_in_direction(j, owner, size)}" for j in shown)
        rest = len(own) - len(shown)
        lines.append(f"{_name(v, owner, size)} = {text}{f' + {rest} smaller ones' * bool(rest)}")
    return ["where", *(f"  {line}" for line in lines)] if lines else []


def _in_direction(place: int, owner: dict[int, Column], size: int) -> str:
    """A column within a direction: dates and times are numbers there."""
    format = owner[place].format
    since = " since 1970" if format.kind == "date" else " since midnight"
    unit = f" in {format.unit}{since}" if format.kind in ("date", "time") else ""
    return _name(place, owner, size) + unit
