"""Linear regions: where the pieces of a piecewise-linear network meet."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from spline_fc.analysis.forward import blocks, checked_point
from spline_fc.analysis.shapes import checked_pair, checked_rows, raw_input, raw_output
from spline_fc.checks import as_list, check, check_number, shown
from spline_fc.network import Params, layer_sizes, preactivations_float64
from spline_fc.network.structure import Layer, finite_layers
from spline_fc.printing import printed


@printed
class Cell(NamedTuple):
    """A convex polygon of a slice on which the network is one affine map."""

    polygon: np.ndarray  # (corners, 2), slice coordinates in order around the cell
    slope: np.ndarray  # (2, k), of the outputs along the slice's two directions
    intercept: np.ndarray  # (k,), so that output = point @ slope + intercept


def count_patterns(params: Params, x: Any) -> int:
    """Counts the distinct activation patterns of all hidden units that rows meet.

    Args:
      params: {"Dense_0": {"kernel": (d, h), "bias": (h,)}, ...}.
      x: (n, d), float, in the units the network takes.

    Returns:
      The number of patterns, at most n.

    Raises:
      ValueError: no row, rows that are not finite, or x does not fit the network.
    """
    x = checked_rows(x, exactly=layer_sizes(params)[0])
    check(
        len(layer_sizes(params)) > 2, "params must have at least one hidden layer; got one layer."
    )
    patterns = [
        np.packbits(np.hstack(preactivations_float64(params, block)[:-1]) > 0, axis=1)
        for block in blocks(params, x)
    ]
    return len(np.unique(np.concatenate(patterns), axis=0))


def segment_breakpoints(params: Params, start: Any, end: Any) -> np.ndarray:
    """Finds where a line segment passes from one activation pattern to another.

    Args:
      params: as in `count_patterns`.
      start, end: (d,), the segment is start + t (end - start) for t in [0, 1].

    Returns:
      (b,) increasing t in (0, 1); between neighbours the network is affine. A unit may switch
      without a kink in the output, where what it feeds is inactive.

    Raises:
      ValueError: start, end or a weight is not finite, or does not fit.
    """
    stack = finite_layers(params)
    size = len(stack[0][0])
    start = checked_point("start", start, size)
    direction = checked_point("end", end, size) - start
    cuts = np.array([0.0, 1.0])
    for depth in range(len(stack) - 1):
        middle = (cuts[:-1] + cuts[1:]) / 2
        value, slope = start + middle[:, None] * direction, np.tile(direction, (len(middle), 1))
        for kernel, bias in stack[:depth]:
            value, slope = value @ kernel + bias, slope @ kernel
            value, slope = value * (value > 0), slope * (value > 0)
        value, slope = value @ stack[depth][0] + stack[depth][1], slope @ stack[depth][0]
        with np.errstate(divide="ignore", invalid="ignore"):
            root = middle[:, None] - value / slope
        inside = (root > cuts[:-1, None]) & (root < cuts[1:, None])
        cuts = np.unique(np.concatenate([cuts, root[inside]]))
    return cuts[1:-1]


def slice_cells(
    params: Params, origin: Any, first: Any, second: Any, limits: tuple[float, float]
) -> list[Cell]:
    """Cuts a square of a plane through input space into the network's cells.

    Args:
      params: as in `count_patterns`.
      origin, first, second: (d,), the plane is origin + s first + t second.
      limits: (low, high), the range of both s and t.

    Returns:
      Convex cells that tile the square, one per connected piece of an activation pattern.

    Raises:
      ValueError: a vector does not fit the network, something is not finite, or limits do not
        increase.
    """
    stack = finite_layers(params)
    size = len(stack[0][0])
    points = {"origin": origin, "first": first, "second": second}
    origin, first, second = (checked_point(n, p, size) for n, p in points.items())
    ends = as_list("limits", limits, "two numbers")
    check(len(ends) == 2, f"limits must be two numbers; got {shown(limits)}.")
    low, high = ends
    check_number("limits[0]", low)
    check_number("limits[1]", high)
    check(low < high, f"limits must increase; got {limits}.")
    square = np.array([[low, low], [high, low], [high, high], [low, high]], np.float64)
    return list(_cells(square, np.stack([first, second, origin]), stack))


def plane_cells(params: Params, x: Any, features: Any, *, scaler: Any = None) -> list[Cell]:
    """Cuts the plane of two features into the network's cells, over the range of the data.

    The other features stay at their medians.

    Args:
      params: as in `count_patterns`.
      x: (n, d), rows in the units the network takes.
      features: (i, j), two different columns that vary.
      scaler: a data.Scaler; corners, slopes and intercepts are then in raw units.

    Returns:
      Cells whose corners are values of features i and j.

    Raises:
      ValueError: no row, columns that are none or are constant, or as in `slice_cells`.
    """
    x = checked_rows(x, exactly=layer_sizes(params)[0])
    pair = list(checked_pair(features, x.shape[1]))
    low, high = x.min(axis=0), x.max(axis=0)
    check(bool((low < high)[pair].all()), f"features must vary; one of {tuple(pair)} is constant.")
    origin, axes = np.median(x, axis=0), np.zeros((2, x.shape[1]))
    origin[pair] = (low[pair] + high[pair]) / 2
    axes[[0, 1], pair] = (high[pair] - low[pair]) / 2
    ends = raw_input(np.stack([low, high]), scaler)[:, pair]
    middle, half = ends.mean(axis=0), np.diff(ends, axis=0)[0] / 2
    found = []
    for polygon, slope, intercept in slice_cells(params, origin, axes[0], axes[1], (-1, 1)):
        slope = raw_output(slope, scaler, effect=True) / half[:, None]
        intercept = raw_output(intercept, scaler, effect=False) - middle @ slope
        found.append(Cell(middle + polygon * half, slope, intercept))
    return found


def _cells(polygon: np.ndarray, affine: np.ndarray, stack: list[Layer]) -> Iterator[Cell]:
    """Splits one cell by every unit's line, and each of its pieces in the layers behind.

    One piece after the other is followed to the end: the maps, (3, units) each, of all pieces of a
    wide layer at once would take gigabytes.
    """
    (kernel, bias), *behind = stack
    affine = affine @ kernel
    affine[2] += bias
    if not behind:
        yield Cell(polygon, affine[:2], affine[2])
        return
    for piece in _cut(polygon, affine):
        active = piece.mean(axis=0) @ affine[:2] + affine[2] > 0
        yield from _cells(piece, affine * active, behind)


def _cut(polygon: np.ndarray, lines: np.ndarray) -> list[np.ndarray]:
    """Cuts a convex polygon along lines, (3, l); only those that cross a part are tried on it."""
    side = polygon @ lines[:2] + lines[2]
    lines = lines[:, (side.min(axis=0) < 0) & (side.max(axis=0) > 0)]
    if not lines.shape[1]:
        return [polygon]
    parts, rest = _split(polygon, lines[:, 0]), lines[:, 1:]
    return [piece for part in parts for piece in _cut(part, rest)]


def _split(polygon: np.ndarray, line: np.ndarray) -> list[np.ndarray]:
    side = polygon @ line[:2] + line[2]
    # A line through a corner, up to rounding, must not leave a sliver without area.
    tolerance = 1e-12 * (np.abs(polygon) @ np.abs(line[:2]) + abs(line[2])).max()
    side[np.abs(side) <= tolerance] = 0.0
    if (side >= 0).all() or (side <= 0).all():
        return [polygon]
    parts: tuple[list, list] = ([], [])
    for i, (here, a) in enumerate(zip(polygon, side, strict=True)):
        j = (i + 1) % len(polygon)
        for part, sign in zip(parts, (1, -1), strict=True):
            if sign * a >= 0:
                part.append(here)
            if a * side[j] < 0:
                part.append(here + a / (a - side[j]) * (polygon[j] - here))
    return [np.array(part) for part in parts]
