"""Splines that bend along directions: a direction is one more variable of its own."""

import jax
import numpy as np
import pytest

from spline_fc.analysis import (
    component_values,
    decompose,
    dependence_surface,
    distil,
    exact_dependence,
    explain_spline,
    mean_contribution,
    shape_functions,
)
from spline_fc.cpwl import fit_mars
from tests.analysis.splines import plain_output, random_spline

ROWS = np.random.default_rng(0).normal(size=(60, 4))


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_components_sum_to_the_spline_and_number_directions_after_features(degree):
    spline = random_spline(3, degree=degree, q=2)
    found = decompose(spline, ROWS)
    assert max(max(component, default=0) for component in found.components) >= 4
    total = found.constant + component_values(found, ROWS).sum(axis=1)
    np.testing.assert_allclose(total, plain_output(spline, ROWS), atol=1e-10)
    np.testing.assert_allclose(found.share.sum(axis=0), 1.0)


@pytest.mark.parametrize("degree", [1, 2])
def test_dependence_moves_a_feature_and_with_it_the_directions(degree):
    spline = jax.tree.map(  # in the dtype of a fit, as it becomes a network on the way
        lambda a: np.float32(a) if a.dtype == float else a, random_spline(5, degree=degree, q=2)
    )
    surface = dependence_surface(spline, ROWS, (0, 2), first=[-1.0, 0.5], second=[0.0, 1.0])
    moved = ROWS.copy()
    moved[:, 0], moved[:, 2] = 0.5, 1.0
    wanted = plain_output(spline, moved).mean(axis=0)
    np.testing.assert_allclose(surface.value[1, 1], wanted, atol=1e-5)
    assert shape_functions(spline, ROWS).exact == (degree == 1)
    if degree == 1:
        curve = exact_dependence(spline, ROWS, 1)
        moved = ROWS.copy()
        moved[:, 1] = 0.3
        given = [np.interp(0.3, curve.grid, column) for column in curve.value.T]
        np.testing.assert_allclose(given, plain_output(spline, moved).mean(axis=0), atol=1e-5)


def test_a_row_is_explained_by_terms_on_features_and_directions():
    spline = random_spline(4, degree=2, q=2)
    found = explain_spline(spline, ROWS[0])
    np.testing.assert_allclose(found.prediction, plain_output(spline, ROWS[:1])[0], atol=1e-12)
    assert any(max(own) >= 4 for own in found.features)


def test_a_whole_fit_will_do_wherever_a_spline_does():
    y = np.maximum(ROWS @ [1.0, 1.0, 0.0, 0.0], 0)
    fit = fit_mars(ROWS, y, max_terms=7, directions=np.array([[1.0], [1.0], [0.0], [0.0]]))
    assert np.asarray(fit.spline.feature)[np.asarray(fit.spline.slope) != 0].max() == 4
    for measure in (lambda m: decompose(m, ROWS).share, lambda m: mean_contribution(m, ROWS)):
        np.testing.assert_array_equal(measure(fit), measure(fit.spline))
    assert distil(fit, ROWS, max_terms=9).share > 0.8
