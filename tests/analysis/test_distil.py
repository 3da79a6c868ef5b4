"""Splines in place of networks."""

import jax
import numpy as np
import pytest

from spline_fc.analysis.distil import distil, share_explained
from spline_fc.cpwl import Spline, evaluate
from spline_fc.network import apply_params, reshape, to_params
from tests.analysis.splines import plain_output, random_network

RNG = np.random.default_rng(5)
ROWS = RNG.normal(size=(400, 4)).astype(np.float32)
UNSEEN = RNG.normal(size=(1000, 4)).astype(np.float32)


def _spline(degree: int) -> Spline:
    """Nine terms of two outputs on the four features, with knots between the rows."""
    rng = np.random.default_rng(degree)
    sign = rng.choice([-1.0, 1.0], size=(9, degree))
    sign[::2, 1:] = 0.0
    feature = np.argsort(rng.random((9, 4)), axis=1)[:, :degree]
    spline = Spline(
        rng.normal(size=2),
        rng.normal(size=(9, 2)),
        feature,
        sign,
        rng.uniform(-1, 1, size=(9, degree)),
        np.zeros((4, 0)),
    )
    return jax.tree.map(lambda a: a.astype(np.int32 if a.dtype == int else np.float32), spline)


@pytest.mark.parametrize("degree", [1, 2])
def test_an_untrained_network_gives_its_spline_back(degree):
    spline = _spline(degree)
    start = reshape(to_params(spline), (24,) * (degree + 1), jax.random.key(degree))
    found = distil(start, ROWS, max_degree=degree, held_out=UNSEEN)
    assert (found.share > 0.9999).all() and (found.held_out_share > 0.9999).all()
    # The shares are of the function: the two splines differ nowhere by much.
    for rows, share in ((ROWS, found.share), (UNSEEN, found.held_out_share)):
        wanted = plain_output(jax.tree.map(np.asarray, spline), rows.astype(np.float64))
        error = np.asarray(evaluate(found.fit.spline, rows)) - wanted
        np.testing.assert_allclose(
            1 - (error**2).sum(0) / (len(rows) * wanted.var(0)), share, atol=1e-6
        )
        assert np.abs(error).max() < 0.1
        if rows is ROWS:
            np.testing.assert_allclose(found.worst_error, np.abs(error).max(axis=0), atol=1e-5)


def test_fewer_terms_explain_less_of_a_network_and_say_so():
    params = random_network((4, 12, 2), 3)
    few, many = (distil(params, ROWS, max_terms=t, held_out=UNSEEN) for t in (7, 121))
    assert (few.fit.spline.slope != 0).any(axis=1).sum() <= 6
    assert (few.share < many.share - 0.01).all() and (few.worst_error > 0.1).all()
    # Knots keep their distance, or what is not additive would make the curves wild: -5.9.
    assert (many.held_out_share > 0.7).all()
    # What is not additive stays out of reach of any number of terms.
    assert (many.share < 0.999).all() and (many.held_out_share < many.share).all()
    deep = distil(params, ROWS, max_degree=2, held_out=UNSEEN)
    assert (deep.held_out_share > many.held_out_share).all()


def test_the_scale_of_features_is_of_no_matter_to_an_additive_fit():
    scale, shift = np.float32([2.0**-10, 1, 2.0**10, 4]), np.float32([0, 8, 0, -4])
    params = to_params(_spline(1))
    raw = (ROWS * scale + shift).astype(np.float32)

    def network(rows):
        return np.asarray(apply_params(params, ((rows - shift) / scale).astype(np.float32)))

    found = distil(network, raw)
    assert (found.share > 0.9999).all() and found.held_out_share is None
    read = {
        int(v)
        for v, s in zip(found.fit.spline.feature[:, 0], found.fit.spline.slope[:, 0], strict=True)
        if s != 0
    }
    assert read == {0, 1, 2, 3}


def test_options_reach_the_fit():
    found = distil(_spline(1), ROWS, linear=(0, 1, 2, 3))
    assert (found.fit.spline.knot <= ROWS.min(axis=0)[found.fit.spline.feature]).all()
    assert (found.share < 0.99).all()


def test_an_output_that_does_not_vary_has_no_share():
    def half_constant(rows):
        return np.stack([rows[:, 0], np.full(len(rows), 2.0)], axis=1)

    found = distil(half_constant, ROWS)
    assert found.share[0] == pytest.approx(1) and np.isnan(found.share[1])
    np.testing.assert_allclose(found.worst_error, 0, atol=1e-5)


def test_the_share_is_one_less_the_ratio_of_squares():
    wanted = np.array([[0.0, 1], [2, 1], [4, 1]])
    np.testing.assert_allclose(
        share_explained(wanted, wanted + [[1], [0], [0]]), [1 - 1 / 8, np.nan]
    )
    with pytest.raises(ValueError, match=r"given must have shape \(3, 2\); got \(3, 1\)"):
        share_explained(wanted, wanted[:, :1])


def test_wrong_arguments_are_named():
    params = random_network((4, 5, 1), 0)
    with pytest.raises(ValueError, match="x must have 4 columns"):
        distil(params, ROWS[:, :3])
    with pytest.raises(ValueError, match="x must have at least one row"):
        distil(params, ROWS[:0])
    with pytest.raises(ValueError, match="x must be finite"):
        distil(params, np.where(ROWS > 2, np.nan, ROWS))
    with pytest.raises(ValueError, match="held_out must have 4 columns, as x has"):
        distil(lambda rows: rows.sum(axis=1), ROWS, held_out=UNSEEN[:, :3])
    with pytest.raises(ValueError, match="held_out must be finite"):
        distil(params, ROWS, held_out=np.full((2, 4), np.nan))
    with pytest.raises(ValueError, match="max_terms must be an integer >= 1; got 0"):
        distil(params, ROWS, max_terms=0)
    with pytest.raises(ValueError, match="max_degree must be an integer >= 1"):
        distil(params, ROWS, max_degree=0)
    with pytest.raises(ValueError, match="the output of model must be finite"):
        distil(lambda rows: np.full(len(rows), np.inf), ROWS)
    with pytest.raises(ValueError, match="spline.knot must be finite"):
        distil(_spline(1)._replace(knot=np.full((9, 1), np.nan)), ROWS)
    params["Dense_0"]["kernel"][0, 0] = np.nan
    with pytest.raises(ValueError, match="params/Dense_0/kernel must be finite"):
        distil(params, ROWS)
