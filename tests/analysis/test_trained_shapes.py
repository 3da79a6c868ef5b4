"""Shapes, cells and the way back of networks that began as a spline and were trained for real."""

import numpy as np
import pytest

from spline_fc.analysis import (
    component_values,
    decompose,
    exact_dependence,
    explain_network,
    main_effect,
    shape_functions,
    slice_cells,
)
from spline_fc.analysis.forward import output
from spline_fc.cpwl import Spline
from spline_fc.data import Dataset, Part, identity_scaler
from spline_fc.network import preactivations_float64 as preactivations
from spline_fc.network import spline_from_params, to_params
from spline_fc.training import spline_origin, train
from tests.analysis.splines import plain_output, random_spline

WAYS = {"free": {}, "masked": {"keep_axes": True}}


def _dataset() -> Dataset:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 3)).astype(np.float32)
    y = np.abs(x[:, :1]) + np.sin(2 * x[:, 1:2]) + 0.5 * x[:, :1] * x[:, 2:]
    parts = [Part(x[i::3], y[i::3]) for i in range(3)]
    return Dataset("toy", "regression", ("a", "b", "c"), ("y",), *parts, identity_scaler(3, 1))


@pytest.fixture(scope="module")
def trained() -> dict:
    """A spline network before training, after free training, and after training under the mask."""
    dataset, rng = _dataset(), np.random.default_rng(1)
    sign = rng.choice([-1.0, 1.0], size=(12, 1)).astype(np.float32)
    spline = Spline(
        np.float32([0.3]),
        rng.normal(size=(12, 1)).astype(np.float32),
        np.arange(12, dtype=np.int32)[:, None] % 3,
        sign,
        rng.uniform(-1.5, 1.5, size=(12, 1)).astype(np.float32),
        np.zeros((3, 0), np.float32),
    )
    start = to_params(spline)
    found = {"x": np.asarray(dataset.train.x, np.float64), "spline": spline, "start": start}
    for name, options in WAYS.items():
        config = {"learning_rate": 1e-2, "epochs": 20, "batch_size": 25, "averaging": 0.5} | options
        origin = spline_origin(spline, start)
        found[name] = train(start, dataset, config, origin=origin).last_params
    return found


def _average(evaluate, x: np.ndarray, feature: int, values: np.ndarray) -> np.ndarray:
    """The definition of partial dependence: n rows for every value."""
    moved = np.repeat(x[None], len(values), axis=0)
    moved[:, :, feature] = values[:, None]
    answers = evaluate(moved.reshape(-1, x.shape[1]))
    return answers.reshape(len(values), len(x), -1).mean(axis=1)


def _assert_exact(model, evaluate, x: np.ndarray, feature: int) -> None:
    """The curve is the average on a fine grid, and the average is straight between breakpoints."""
    curve = exact_dependence(model, x, feature, low=-4.0, high=4.0)
    grid = np.linspace(-4, 4, 1601)
    for points in (grid, curve.grid, (curve.grid[1:] + curve.grid[:-1]) / 2):
        wanted = _average(evaluate, x, feature, points)
        for j in range(wanted.shape[1]):
            drawn = np.interp(points, curve.grid, curve.value[:, j])
            np.testing.assert_allclose(drawn, wanted[:, j], rtol=0, atol=1e-6)
    # Straight between breakpoints to rounding, which a missed one would bend by far more.
    steps = np.linspace(0, 1, 5)[:, None] * np.diff(curve.grid) + curve.grid[:-1]
    inner = _average(evaluate, x, feature, steps.ravel()).reshape(*steps.shape, -1)
    bend = inner - inner[:1] - np.linspace(0, 1, 5)[:, None, None] * (inner[-1:] - inner[:1])
    assert np.abs(bend).max() < 1e-12


@pytest.mark.parametrize("name", ["start", *WAYS])
def test_dependence_of_a_network_is_exact_before_and_after_training(trained, name):
    x, params = trained["x"][:40], trained[name]
    for feature in range(3):
        _assert_exact(params, lambda rows: output(params, rows), x, feature)


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_dependence_of_a_spline_is_exact(trained, degree):
    spline = random_spline(degree, d=3, m=10, degree=degree)
    for feature in range(3):
        _assert_exact(spline, lambda rows: plain_output(spline, rows), trained["x"][:40], feature)


def test_every_breakpoint_of_a_trained_network_is_a_switch_of_a_unit(trained):
    x, params = trained["x"][:40], trained["free"]
    for feature in range(3):
        found = exact_dependence(params, x, feature, low=-4.0, high=4.0).grid[1:-1]
        ends = []
        for value in (-4.0, 4.0):
            moved = x.copy()
            moved[:, feature] = value
            ends.append(preactivations(params, moved)[0])
        below, above = ends
        switched = (below > 0) != (above > 0)
        wanted = -4 + 8 * below[switched] / (below - above)[switched]
        assert found.size == np.unique(wanted.round(9)).size > 40
        np.testing.assert_allclose(found, np.unique(wanted.round(9)), atol=1e-8)


def test_what_is_not_additive_comes_with_free_training_and_not_under_the_mask(trained):
    x = trained["x"]
    shares = {}
    for name in ("start", *WAYS):
        params = trained[name]
        target = output(params, x)[:, 0]
        total = 0.0
        for feature in range(3):  # brute force: the average at every row's own value
            total = total + _average(lambda r, p=params: output(p, r), x, feature, x[:, feature])
        left = target - target.mean() - (total[:, 0] - total[:, 0].mean())
        shares[name] = shape_functions(params, x).non_additive[0]
        assert shares[name] == pytest.approx((left**2).mean() / target.var(), abs=1e-9)
    assert shares["free"] > 1e-3 and abs(shares["start"]) < 1e-12 > abs(shares["masked"])


def test_under_the_mask_a_trained_network_is_a_spline_and_its_shapes_are_exact(trained):
    x, params = trained["x"], trained["masked"]
    before, after = trained["spline"], spline_from_params(params)
    assert not np.array_equal(np.sort(before.knot, axis=0), np.sort(after.knot, axis=0))
    beyond = 3 * np.random.default_rng(1).normal(size=(200, 3))
    found = decompose(after, x)
    assert all(len(component) == 1 for component in found.components)
    total = found.constant + component_values(found, beyond).sum(axis=1)
    np.testing.assert_allclose(total, output(params, beyond), atol=1e-5)  # knots in float32
    drawn = shape_functions(params, x)
    assert drawn.exact
    knots = np.asarray(after.knot)[:, 0]
    for curve in drawn.curves:
        own = knots[np.asarray(after.feature)[:, 0] == curve.feature]
        own = np.unique(own[(own > curve.grid[0]) & (own < curve.grid[-1])])
        assert own.size >= 1
        np.testing.assert_allclose(curve.grid[1:-1], own, atol=1e-6)
        effect = main_effect(found, curve.feature)
        np.testing.assert_allclose(effect.value, curve.value, atol=1e-5)


def test_cells_before_and_after_training_are_those_that_a_flood_finds(trained):
    counts = []
    for name in ("start", "free"):
        params = trained[name]
        origin, first, second = np.zeros(3), np.eye(3)[0], np.eye(3)[1]
        cells = slice_cells(params, origin, first, second, (-2.0, 2.0))
        steps = (np.arange(500) + 0.5) / 125 - 2
        points = np.stack(np.meshgrid(steps, steps, [0.0], indexing="ij"), -1).reshape(-1, 3)
        patterns = np.packbits(preactivations(params, points)[0] > 0, axis=1)
        corners = [c.polygon for c in cells]
        areas = [
            0.5 * abs(x @ np.roll(y, -1) - y @ np.roll(x, -1))
            for x, y in map(np.transpose, corners)
        ]
        met, rows = np.unique(patterns, axis=0, return_counts=True)
        large = np.array(areas) > 1e-3  # some points of the grid
        assert (rows > 1e-3 * 125**2).sum() == large.sum() > 10
        assert len(met) <= len(cells)
        counts.append(len(cells))
    assert counts[0] != counts[1]


def test_the_cell_of_a_row_explains_the_prediction_of_a_trained_network(trained):
    params = trained["free"]
    for row in trained["x"][:20]:
        found = explain_network(params, row, reference=trained["x"].mean(axis=0))
        wanted = output(params, row[None])[0]
        np.testing.assert_allclose(row @ found.gradient + found.intercept, wanted, atol=1e-12)
        total = found.reference_value + found.contribution.sum(axis=0)
        np.testing.assert_allclose(total, wanted, atol=1e-12)
        near = row + 0.99 * found.distance * np.random.default_rng(0).normal(size=(50, 3)) / 10
        near = near[np.linalg.norm(near - row, axis=1) < found.distance]
        straight = near @ found.gradient + found.intercept
        np.testing.assert_allclose(output(params, near), straight, atol=1e-12)
