"""Sums over nodes against the sums that they stand for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spline_fc.cpwl import bins

NUMBER = st.floats(-1e3, 1e3, width=32)


def _looked_up(knots, positions):
    grid = bins.make_grid(knots[None], np.array([max(knots[-1], positions.max())]))
    cells = bins.cells_of(grid, np.zeros(1, int), positions[:, None])[:, 0]
    return grid, *bins.look_up(grid, cells, positions)


@settings(max_examples=200, deadline=None)
@given(st.lists(NUMBER, min_size=1, max_size=20), st.lists(NUMBER, max_size=20), st.booleans())
def test_looking_up_finds_what_a_search_finds(knots, others, scattered):
    knots = np.unique(np.array(knots) * (np.array(knots) ** 4 if scattered else 1))
    near = np.concatenate([np.nextafter(knots, side) for side in (-np.inf, np.inf)])
    positions = np.concatenate([knots, near, others, [knots[-1] + 1e3]])
    positions = positions[positions >= knots[0]]
    grid, node, share = _looked_up(knots, positions)
    np.testing.assert_array_equal(node + 1, np.searchsorted(knots, positions, side="right"))
    between = grid.node[0, node] + share * grid.gap[0, node]
    error = 1e-14 * (abs(positions) + abs(grid.node[0, node])) + 1e-300
    assert (abs(between - positions) <= error).all()


def test_cells_are_used_where_knots_are_spread_and_a_search_where_they_are_crowded():
    one = np.ones(1)
    assert not bins.make_grid(np.linspace(0, 1, 64)[None], one).crowded[0]
    assert bins.make_grid(np.append(np.linspace(0, 1, 64), 1e6)[None], one).crowded[0]
    crowded = np.append(np.linspace(0, 1, 64), 1e6)
    positions = np.array([0.0, 0.3, 0.999, 1.0, 5.0, 1e6])
    _, node, _ = _looked_up(crowded, positions)
    np.testing.assert_array_equal(node, crowded.searchsorted(positions, side="right") - 1)


@pytest.mark.parametrize("table", [0, 1 << 17])
def test_minima_of_hinges_are_summed_and_squared(monkeypatch, table):
    """<min(B, h), z> and |min(B, h)|^2 for both signs and every knot, row by row."""
    monkeypatch.setattr(bins, "TABLE", table)
    rng = np.random.default_rng(0)
    x, parent, z = rng.normal(size=(3, 50)), rng.uniform(0.1, 2, size=50), rng.normal(size=(50, 2))
    x[1] = np.maximum(x[1], -0.5)  # far values that were pulled in: several first knots are one
    x[2] = np.round(x[2])  # a column of few values
    wide = np.sort(x, axis=1)[:, ::7]  # the first is the least value
    few = np.unique(wide[2])
    wide[2] = np.append(few, np.full(wide.shape[1] - len(few), few[-1]))
    root, column = np.sqrt(rng.uniform(0.5, 2, size=50)), parent[:, None]
    grid, every = bins.make_grid(wide, x.max(1)), np.arange(3)
    positions = np.stack([x.T, x.T - column, x.T + column], axis=1)
    inside = np.ones(positions.shape, bool)
    inside[:, 1] = positions[:, 1] > wide[:, 0]
    inside[:, 2] = positions[:, 2] < wide[:, -1]

    def sums_of(sets):
        halves = [
            bins.make_entries(grid, every, positions[r, :sets], inside[r, :sets], root[r])
            for r in (slice(0, 20), slice(20, 50))
        ]
        return bins.Bins([bins.make_block(slice(0, 50), (sets, *grid.node.shape), halves)])

    made = sums_of(3)
    found = bins.hinges(bins.both_sides(made.sums(z)), grid)
    distance = x[:, None] - wide[:, :, None]
    hinge = np.maximum([distance, -distance], 0)
    minimum = np.minimum(hinge, parent)
    distinct = np.diff(wide, axis=1, prepend=-np.inf) > 0
    expected = np.einsum("sfkr,rc->csfk", minimum, z * root[:, None])
    np.testing.assert_allclose(found[..., distinct], expected[..., distinct], atol=1e-12)

    plain = sums_of(1)
    whole = np.stack([plain.sums(root[:, None])[0, ..., 0]] * 2)
    squared = bins.squared_hinges(whole, np.repeat(plain.bend, 2, axis=0), grid)
    expected = np.einsum("sfkr,r->sfk", hinge**2, root**2)
    np.testing.assert_allclose(squared[..., distinct], expected[..., distinct], atol=1e-12)

    # Of all rows less those of others remains the same.
    others = np.arange(50) % 5 == 0
    inside[:, 0], inside[others, 1:] = others[:, None], False
    both = bins.both_sides(sums_of(3).sums(z), plain.sums(z)[0])
    minimum[..., others] = 0
    expected = np.einsum("sfkr,rc->csfk", minimum, z * root[:, None])
    found = bins.hinges(both, grid)
    np.testing.assert_allclose(found[..., distinct], expected[..., distinct], atol=1e-12)


def test_a_position_below_the_first_knot_counts_as_there():
    knots = np.array([[0.0, 1.0, 2.0], [0.0, 1.0, 2.0]])
    grid, below = bins.make_grid(knots, np.full(2, 3.0)), np.array([[[0.5, -1e-17]]])
    made = bins.make_entries(grid, np.arange(2), below, None, 1.0)
    np.testing.assert_array_equal(made.node, [0, grid.node.shape[1]])
    np.testing.assert_allclose(made.values, [[0.5, 0.5], [1, 0]])
