"""Sums over bins against the sums that they stand for."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from spline_fc.cpwl import bins

NUMBER = st.floats(-1e3, 1e3, width=32)


@settings(max_examples=200, deadline=None)
@given(st.lists(NUMBER, min_size=1, max_size=20), st.lists(NUMBER, max_size=20), st.booleans())
def test_looking_up_finds_what_a_search_finds(knots, others, scattered):
    knots = np.unique(np.array(knots) * (np.array(knots) ** 4 if scattered else 1))
    near = np.concatenate([np.nextafter(knots, side) for side in (-np.inf, np.inf)])
    positions = np.concatenate([knots, near, others, [-1e200, 1e200]])
    found = bins.ruler(knots).bins(positions)
    np.testing.assert_array_equal(found, np.searchsorted(knots, positions, side="right"))


def test_cells_are_used_where_knots_are_spread_and_a_search_where_they_are_crowded():
    assert bins.ruler(np.linspace(0, 1, 64)).before is not None
    assert bins.ruler(np.append(np.linspace(0, 1, 64), 1e6)).before is None
    assert bins.ruler(np.zeros(1)).before is None


def test_minima_of_hinges_are_summed_and_squared():
    """<min(B, h), z> and |min(B, h)|^2 for both signs and every knot, row by row."""
    rng = np.random.default_rng(0)
    x, parent, z = rng.normal(size=(3, 50)), rng.uniform(0.1, 2, size=50), rng.normal(size=(50, 2))
    knots = np.sort(x, axis=1)[:, ::7]  # the first is the least value
    root = np.sqrt(rng.uniform(0.5, 2, size=50))
    rulers = [bins.ruler(row) for row in knots]
    sets = [bins.look_up(rulers, x + shift) for shift in (-parent, parent, 0.0)]
    made = bins.Bins([bins.make_block(slice(None), sets, root, knots.shape[1])])
    gap = np.diff(knots, axis=1, append=knots[:, -1:])
    gaps = np.stack([gap[:, ::-1], gap])
    found = bins.hinges(bins.both_sides(made.sums(z)), gaps)
    distance = x[:, None] - knots[:, :, None]
    hinge = np.maximum([distance, -distance], 0)
    minimum = np.minimum(hinge, parent)
    expected = np.einsum("sfkr,rc->csfk", minimum, z * root[:, None])
    expected[:, 0] = expected[:, 0, :, ::-1]  # right hinges come in falling order of their knots
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    plain = bins.Bins([bins.make_block(slice(None), sets[2:], root, knots.shape[1])])
    ones = bins.both_sides(plain.sums(root[:, None])[0])
    squared = bins.squared_hinges(ones, bins.both_sides(plain.squares), gaps)
    expected = np.einsum("sfkr,r->sfk", hinge**2, root**2)
    expected[0] = expected[0, :, ::-1]
    np.testing.assert_allclose(squared, expected, rtol=1e-12, atol=1e-12)
