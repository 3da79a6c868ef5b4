"""What analysis says of a merged network, held against what it says of the members."""

import jax
import numpy as np
import pytest

from spline_fc import analysis
from spline_fc.analysis import forward
from spline_fc.network import (
    layer_sizes,
    merge_params,
    preactivations_float64,
    spline_from_params,
    to_params,
)
from spline_fc.network.merge import independent_parts
from spline_fc.network.structure import layers_float64
from tests.analysis import splines


def merged_of(members):
    """In float64, which JAX need not have enabled."""
    return merge_params(jax.tree.map(lambda *leaves: np.stack(leaves), *members))


MEMBERS = [splines.random_network((4, 40, 40, 2), seed) for seed in range(3)]
MERGED = merged_of(MEMBERS)


def mean(measure):
    """The mean over members of something that is linear in the function."""
    return np.mean([measure(member) for member in MEMBERS], axis=0)


def test_a_merged_network_falls_into_its_members():
    members = [splines.random_network((4, 100, 100, 2), seed) for seed in range(3)]
    stack = layers_float64(merged_of(members))
    parts = independent_parts(stack)
    assert len(parts) == 3
    for part, member in zip(parts, members, strict=True):
        for (kernel, _), (wanted, _) in zip(part[:-1], layers_float64(member)[:-1], strict=True):
            np.testing.assert_array_equal(kernel, wanted)
    np.testing.assert_array_equal(parts[0][-1][1], stack[-1][1])
    assert not parts[1][-1][1].any()


def test_small_parts_are_packed_and_units_that_nothing_joins_stay():
    parts = independent_parts(layers_float64(MERGED))
    assert [len(part[0][1]) for part in parts] == [80, 40]  # 80 units of a member are few
    lonely = jax.tree.map(np.copy, MERGED)
    lonely["Dense_1"]["kernel"][7] = 0  # what unit 7 of Dense_0 says is lost
    lonely["Dense_1"]["kernel"][:, 90] = 0  # unit 90 of Dense_1 is a constant
    parts = independent_parts(layers_float64(lonely))
    widths = np.sum([[len(bias) for _, bias in part[:-1]] for part in parts], axis=0)
    assert widths.tolist() == [120, 120]
    x = splines.normal_rows()
    np.testing.assert_allclose(
        forward.output(lonely, x), preactivations_float64(lonely, x)[-1], atol=1e-10
    )


@pytest.mark.parametrize("sizes", [(4, 2), (4, 5, 2), (4, 5, 5, 2), (4, 0, 0, 2)])
def test_a_network_without_parts_is_itself(sizes):
    stack = layers_float64(splines.random_network(sizes, 0))
    assert independent_parts(stack) == [stack]


def test_outputs_and_dependence_are_the_mean_of_the_members(rows):
    np.testing.assert_allclose(
        forward.output(MERGED, rows), mean(lambda one: forward.output(one, rows)), atol=1e-12
    )
    grid = np.linspace(-2, 2, 7)
    np.testing.assert_allclose(
        analysis.partial_dependence(MERGED, rows, 1, grid),
        mean(lambda one: analysis.partial_dependence(one, rows, 1, grid)),
        atol=1e-12,
    )
    curves = analysis.shape_functions(MERGED, rows, size=7).curves
    wanted = mean(lambda one: [c.value for c in analysis.shape_functions(one, rows, size=7).curves])
    np.testing.assert_allclose([curve.value for curve in curves], wanted, atol=1e-12)
    given = {"features": (0, 2), "first": grid, "second": grid}
    np.testing.assert_allclose(
        analysis.dependence_surface(MERGED, rows, **given).value,
        mean(lambda one: analysis.dependence_surface(one, rows, **given).value),
        atol=1e-12,
    )


def test_exact_curves_hold_the_knots_of_all_members(rows):
    members = [splines.random_network((4, 3, 2), seed) for seed in range(2)]
    merged = merged_of(members)
    curves = [analysis.exact_dependence(member, rows, 0) for member in members]
    curve = analysis.exact_dependence(merged, rows, 0)
    np.testing.assert_allclose(
        curve.grid, np.unique(np.concatenate([one.grid for one in curves])), atol=1e-12
    )
    wanted = np.mean([one.at(curve.grid) for one in curves], axis=0)
    np.testing.assert_allclose(curve.value, wanted, atol=1e-10)


def test_reasons_are_the_mean_of_the_members(rows):
    def gradient(params):
        return analysis.explain_network(params, rows[0]).gradient

    def contribution(params):
        return analysis.explain_difference(params, rows[0], reference=rows[1]).contribution

    np.testing.assert_allclose(gradient(MERGED), mean(gradient), atol=1e-12)
    np.testing.assert_allclose(contribution(MERGED), mean(contribution), atol=1e-10)
    nearest = min(analysis.explain_network(member, rows[0]).distance for member in MEMBERS)
    assert analysis.explain_network(MERGED, rows[0]).distance == pytest.approx(nearest)


def test_pieces_are_those_of_all_members(rows):
    cuts = [analysis.segment_breakpoints(member, rows[0], rows[1]) for member in MEMBERS]
    np.testing.assert_allclose(
        analysis.segment_breakpoints(MERGED, rows[0], rows[1]), np.sort(np.concatenate(cuts))
    )
    members = [splines.random_network((4, 3, 3, 1), seed) for seed in range(2)]
    merged = merged_of(members)
    cells = analysis.plane_cells(merged, rows, (0, 1))
    assert len(cells) > max(len(analysis.plane_cells(one, rows, (0, 1))) for one in members)
    place = np.median(rows, axis=0)
    for cell in cells:
        place[:2] = inner = cell.polygon.mean(axis=0)
        value = forward.output(merged, place[None])[0]
        np.testing.assert_allclose(inner @ cell.slope + cell.intercept, value, atol=1e-10)


def test_patterns_knots_and_importance_are_told_of_a_merged_network(rows):
    most = max(analysis.count_patterns(member, rows) for member in MEMBERS)
    assert most <= analysis.count_patterns(MERGED, rows) <= len(rows)
    drift = analysis.knot_drift(MERGED, MERGED, rows)
    knots = [analysis.knot_drift(member, member, rows).knot[0] for member in MEMBERS]
    np.testing.assert_array_equal(drift.knot[0], np.concatenate(knots))
    assert not drift.displacement[1].any()
    y = forward.output(MERGED, rows)
    shuffled = analysis.permutation_importance(MERGED, rows, y, key=0)
    assert shuffled.baseline == pytest.approx(0, abs=1e-20) and (shuffled.mean > 0).all()
    assert analysis.mean_contribution(MERGED, rows, points=4).shape == (4, 2)


@pytest.mark.parametrize("degree", [1, 3])
def test_splines_that_are_merged_are_read_back_as_their_mean(degree, rows, enable_x64):
    members = [to_params(splines.random_spline(seed, degree=degree)) for seed in range(2)]
    widths = np.max([layer_sizes(member) for member in members], axis=0)[1:-1]
    assert all(layer_sizes(member)[1:-1] == tuple(widths) for member in members)
    merged = merged_of(members)
    read = spline_from_params(merged)
    wanted = np.mean([forward.output(member, rows) for member in members], axis=0)
    np.testing.assert_allclose(splines.plain_output(read, rows), wanted, atol=1e-10)
