"""One prediction explained: by the terms of a spline, by its cell, or against another row.

All are exact and none is a sample. A spline is a sum, and its terms at a row are the reasons. A
ReLU network is one affine map on the whole cell around a row; how far the cell reaches tells for
which rows the reasons hold. On the way from a reference to a row it is a chain of such maps, and
what every feature adds on that way is the reason for the difference of the two predictions.
"""

from typing import Any, NamedTuple

import numpy as np

from spline_fc.analysis.forward import checked_point, gradients_at
from spline_fc.analysis.models import (
    checked_model_rows,
    minimum,
    minimum_terms,
    spline_columns,
)
from spline_fc.analysis.regions import segment_breakpoints
from spline_fc.analysis.shapes import raw_input, raw_output
from spline_fc.arrays import numbers_float64
from spline_fc.checks import check_rank
from spline_fc.cpwl import FitResult, Spline
from spline_fc.cpwl.spline import spline_of
from spline_fc.network import Params, SplineStart, preactivations_float64
from spline_fc.network.structure import finite_layers
from spline_fc.printing import printed


@printed
class SplineExplanation(NamedTuple):
    """intercept + sum of value = intercept + sum of group_value = prediction."""

    prediction: np.ndarray  # (k,)
    intercept: np.ndarray  # (k,)
    term: np.ndarray  # (m,) int, row of the spline's tables; live terms only, also those at 0
    features: tuple[tuple[int, ...], ...]  # of every term; from d on they are directions
    value: np.ndarray  # (m, k)
    group: tuple[tuple[int, ...], ...]  # distinct entries of `features`: single ones first
    group_value: np.ndarray  # (g, k), terms of the same variables added up


@printed
class CellExplanation(NamedTuple):
    """row @ gradient + intercept = prediction, as everywhere in the row's cell.

    reference_value + sum of contribution = prediction. `reference_value` is the cell's map at the
    reference, which is the network there only if the reference lies in the same cell.
    """

    prediction: np.ndarray  # (k,)
    gradient: np.ndarray  # (d, k)
    intercept: np.ndarray  # (k,)
    reference: np.ndarray  # (d,)
    reference_value: np.ndarray  # (k,)
    contribution: np.ndarray  # (d, k), gradient_j (row_j - reference_j)
    distance: float  # Euclidean, to the nearest boundary of the cell; inf if there is none
    layer: int  # of the unit that switches there; -1 if there is none
    unit: int
    room_below: np.ndarray  # (d,), how far each feature alone can fall before the cell ends
    room_above: np.ndarray  # (d,), and how far it can rise


@printed
class PathExplanation(NamedTuple):
    """reference_value + sum of contribution = prediction."""

    prediction: np.ndarray  # (k,)
    reference_value: np.ndarray  # (k,), the prediction at the reference
    contribution: np.ndarray  # (d, k)
    pieces: int  # affine maps on the way


def explain_spline(
    spline: Spline | FitResult | SplineStart, row: Any, *, scaler: Any = None
) -> SplineExplanation:
    """Lists the terms of a spline with their values at one row.

    Args:
      spline: a Spline of k outputs, or a whole fit.
      row: (d,), in the spline's units.
      scaler: a data.Scaler; values are then in the target's raw units.

    Returns:
      SplineExplanation.

    Raises:
      ValueError: the row is no finite vector of the spline's size.
    """
    row = numbers_float64("row", row)
    check_rank("row", row, 1, "(d,)")
    spline = spline_of(spline)
    z = spline_columns(spline, checked_model_rows(spline, row[None], "row"))
    terms = minimum_terms(spline)
    intercept = np.asarray(spline.intercept, np.float64)
    value = np.zeros((len(terms), intercept.size))
    for m, term in enumerate(terms):
        value[m] = term.coef * minimum(term, term.features, {v: z[0, v] for v in term.features})
    intercept = raw_output(intercept, scaler, effect=False)
    value = raw_output(value, scaler, effect=True)
    features = tuple(term.features for term in terms)
    group = tuple(sorted(set(features), key=lambda own: (len(own), own)))
    group_value = np.zeros((len(group), intercept.size))
    np.add.at(group_value, [group.index(own) for own in features], value)
    index = np.array([term.index for term in terms], int)
    prediction = intercept + value.sum(axis=0)
    return SplineExplanation(prediction, intercept, index, features, value, group, group_value)


def explain_network(
    params: Params, row: Any, *, reference: Any = None, scaler: Any = None
) -> CellExplanation:
    """Reads the affine map of a network on the cell of one row, and how far the cell reaches.

    Args:
      params: a network of any depth and k outputs.
      row: (d,), in the units the network takes.
      reference: (d,), the row to compare with, as a mean over the data; zeros by default, which
        is the training mean of standardised data.
      scaler: a data.Scaler; everything but `distance`, a length over all features, is then
        returned in raw units. The row and the reference are not.

    Returns:
      CellExplanation. The distance is exact: within a cell every unit is affine, so a boundary is a
      hyperplane and the nearest of them is met first. At it a unit switches, which need not bend
      the output. A unit at 0 exactly counts as inactive.

    Raises:
      ValueError: the row or the reference is no finite vector of the network's size.
    """
    stack = finite_layers(params)
    size = len(stack[0][0])
    row = checked_point("row", row, size)
    reference = checked_point("reference", np.zeros(size) if reference is None else reference, size)
    value, slope = row, np.eye(size)  # of the layer at hand, and its derivative by the row
    heights, normals, owners = [np.empty(0)], [np.empty((size, 0))], []
    for depth, (kernel, bias) in enumerate(stack):
        value, slope = value @ kernel + bias, slope @ kernel
        if depth < len(stack) - 1:
            heights.append(value)
            normals.append(slope)
            owners += [(depth, unit) for unit in range(value.size)]
            value, slope = value * (value > 0), slope * (value > 0)
    height, normal = np.concatenate(heights), np.concatenate(normals, axis=1)
    below, above = _room(height, normal)
    width = np.ones(size) if scaler is None else np.asarray(scaler.x_scale, np.float64)
    value, slope = raw_output(value, scaler, effect=False), raw_output(slope, scaler, effect=True)
    contribution = slope * (row - reference)[:, None]
    slope = slope / width[:, None]
    offset = value - raw_input(row, scaler) @ slope
    reference, level = raw_input(reference, scaler), value - contribution.sum(axis=0)
    nearest, room = _nearest(height, normal, owners), (below * width, above * width)
    return CellExplanation(value, slope, offset, reference, level, contribution, *nearest, *room)


def explain_difference(
    params: Params, row: Any, *, reference: Any = None, scaler: Any = None
) -> PathExplanation:
    """Divides the difference of a row's prediction from that of a reference among the features.

    contribution_j = (row_j - reference_j) * integral_0^1 of df/dx_j along the straight line between
    them: integrated gradients, or Aumann and Shapley's values. The integral is exact, as the
    network is affine between its breakpoints on the line. For an additive model this is the
    difference of feature j's shape function; a feature that is not read gets 0.

    Args:
      params: a network of any depth and k outputs.
      row: (d,), in the units the network takes.
      reference: (d,), zeros by default, which is the training mean of standardised data.
      scaler: a data.Scaler; everything is then returned in the target's raw units.

    Returns:
      PathExplanation.

    Raises:
      ValueError: the row or the reference is no finite vector of the network's size.

    Reference:
      Sundararajan, Taly, Yan (2017), Axiomatic attribution for deep networks, ICML.
    """
    stack = finite_layers(params)
    size = len(stack[0][0])
    row = checked_point("row", row, size)
    reference = checked_point("reference", np.zeros(size) if reference is None else reference, size)
    cuts = np.concatenate([[0.0], segment_breakpoints(params, reference, row), [1.0]])
    middle = (cuts[:-1] + cuts[1:]) / 2
    values = preactivations_float64(params, reference + middle[:, None] * (row - reference))
    contribution = np.empty((size, stack[-1][1].size))
    for index in range(stack[-1][1].size):
        gradient = gradients_at(params, values, index)
        if len(stack) > 1:
            gradient = (gradient * (values[0] > 0)) @ stack[0][0].T
        contribution[:, index] = (row - reference) * (np.diff(cuts) @ gradient)
    ends = preactivations_float64(params, np.stack([row, reference]))[-1]
    prediction, level = raw_output(ends, scaler, effect=False)
    contribution = raw_output(contribution, scaler, effect=True)
    return PathExplanation(prediction, level, contribution, len(middle))


def _nearest(
    height: np.ndarray, normal: np.ndarray, owners: list[tuple[int, int]]
) -> tuple[float, int, int]:
    """How far the nearest boundary is, and the layer and unit that switch there."""
    length = np.linalg.norm(normal, axis=0)
    moves = length > 0  # a unit that nothing alive feeds is constant on the cell
    if not moves.any():
        return float("inf"), -1, -1
    distance = np.full(height.shape, np.inf)
    distance[moves] = np.abs(height[moves]) / length[moves]
    nearest = int(distance.argmin())
    return float(distance[nearest]), *owners[nearest]


def _room(height: np.ndarray, normal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far each feature can fall and rise until some unit reaches 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        step = np.where(normal != 0, -height / normal, np.inf)  # (d, units)
    at_once = step == 0
    below = np.where((step < 0) | at_once, -step, np.inf).min(axis=1, initial=np.inf)
    above = np.where((step > 0) | at_once, step, np.inf).min(axis=1, initial=np.inf)
    return np.abs(below), np.abs(above)
