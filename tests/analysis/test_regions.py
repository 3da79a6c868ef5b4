"""Linear regions against floods and fine grids."""

import numpy as np
import pytest
from scipy import ndimage

from spline_fc.analysis import forward
from spline_fc.analysis.forward import output
from spline_fc.analysis.regions import (
    count_patterns,
    plane_cells,
    segment_breakpoints,
    slice_cells,
)
from spline_fc.data import Scaler
from spline_fc.network import preactivations_float64 as preactivations


def _network(sizes: tuple[int, ...], seed: int) -> dict:
    rng = np.random.default_rng(seed)
    return {
        f"Dense_{i}": {"kernel": rng.normal(size=shape), "bias": rng.normal(size=shape[1])}
        for i, shape in enumerate(zip(sizes[:-1], sizes[1:], strict=True))
    }


def _codes(params: dict, x: np.ndarray) -> np.ndarray:
    hidden = np.hstack(preactivations(params, x)[:-1]) > 0
    return hidden @ (1 << np.arange(hidden.shape[1]))


def _area(polygon: np.ndarray) -> float:
    x, y = polygon.T
    return 0.5 * abs(x @ np.roll(y, -1) - y @ np.roll(x, -1))


@pytest.mark.parametrize(
    ("sizes", "seed"), [((3, 4, 1), 1), ((3, 3, 3, 2), 1), ((3, 3, 3, 2), 4), ((3, 6, 4, 1), 4)]
)
def test_cells_of_a_slice_agree_with_a_flood_on_a_fine_grid(sizes, seed):
    params, rng = _network(sizes, seed), np.random.default_rng(2)
    plane = rng.normal(size=(3, 3))
    cells = slice_cells(params, *plane, (-2.0, 2.0))
    assert sum(_area(c.polygon) for c in cells) == pytest.approx(16)
    steps = (np.arange(800) + 0.5) / 200 - 2
    points = np.stack(np.meshgrid(steps, steps, indexing="ij"), -1).reshape(-1, 2)
    codes = _codes(params, plane[0] + points @ plane[1:]).reshape(800, 800)
    assert np.unique(codes).size == len(cells)  # all are met by the grid, and a pattern is convex
    # Where two lines meet at a sharp angle the grid tears the tip off in single pixels.
    flood = [np.bincount(ndimage.label(codes == c)[0].ravel())[1:] for c in np.unique(codes)]
    flood = np.sort(np.concatenate(flood)) / 200**2
    exact = np.sort([_area(c.polygon) for c in cells])
    large = exact[exact > 5e-4]
    assert (flood > 5e-4).sum() == large.size > 4
    np.testing.assert_allclose(flood[flood > 5e-4], large, atol=5e-3)
    for cell in cells:
        inner = cell.polygon.mean(axis=0)
        value = output(params, (plane[0] + inner @ plane[1:])[None])[0]
        np.testing.assert_allclose(inner @ cell.slope + cell.intercept, value, atol=1e-10)


def test_breakpoints_of_a_segment_are_all_found():
    params, (start, end) = _network((3, 6, 5, 1), 3), 3 * np.array([[-1.0, -1, 0.5], [1, 1, -1]])
    found = segment_breakpoints(params, start, end)
    t = np.linspace(0, 1, 200_001)
    codes = _codes(params, start + t[:, None] * (end - start))
    changes = np.flatnonzero(np.diff(codes))
    assert found.size == changes.size > 5
    np.testing.assert_allclose(found, t[changes], atol=1e-5)


def test_patterns_met_by_data_are_counted_once_each(monkeypatch):
    params, x = _network((3, 4, 4, 1), 5), np.random.default_rng(6).normal(size=(500, 3))
    wanted = np.unique(_codes(params, x)).size
    for block in (1 << 20, 100):
        monkeypatch.setattr(forward, "BLOCK", block)
        assert count_patterns(params, np.vstack([x, x])) == wanted > 5


def test_wrong_arguments_are_named():
    params = _network((3, 4, 1), 0)
    with pytest.raises(ValueError, match=r"end must have shape \(3,\)"):
        segment_breakpoints(params, np.zeros(3), np.zeros(2))
    with pytest.raises(ValueError, match="start must be finite"):
        segment_breakpoints(params, np.full(3, np.nan), np.zeros(3))
    with pytest.raises(ValueError, match="x must be finite"):
        count_patterns(params, np.full((2, 3), np.nan))
    with pytest.raises(ValueError, match="limits must increase"):
        slice_cells(params, *np.zeros((3, 3)), (1.0, 1.0))


def test_cells_of_two_features_are_affine_maps_of_raw_values():
    params, rng = _network((3, 5, 4, 2), 2), np.random.default_rng(3)
    x, scaler = rng.normal(size=(60, 3)), Scaler(*np.exp(rng.normal(size=(2, 3))), *np.ones((2, 2)))
    scaler = scaler._replace(y_scale=np.array([2.0, 3.0]))
    cells = plane_cells(params, x, (2, 0), scaler=scaler)
    raw = x * scaler.x_scale + scaler.x_shift
    sides = np.ptp(raw, axis=0)[[2, 0]]
    assert sum(_area(c.polygon) for c in cells) == pytest.approx(sides.prod())
    for cell in cells:
        inside = rng.dirichlet(np.ones(len(cell.polygon)), size=3) @ cell.polygon
        rows = np.tile(np.median(x, axis=0), (3, 1))
        rows[:, [2, 0]] = (inside - scaler.x_shift[[2, 0]]) / scaler.x_scale[[2, 0]]
        wanted = output(params, rows) * scaler.y_scale + scaler.y_shift
        np.testing.assert_allclose(inside @ cell.slope + cell.intercept, wanted, atol=1e-9)
    x[:, 1] = 1.0
    with pytest.raises(ValueError, match=r"features must vary; one of \(0, 1\) is constant"):
        plane_cells(params, x, (0, 1))
