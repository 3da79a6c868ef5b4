"""Embedded data: the formulas, the noise, the streams."""

import numpy as np
import pytest
import sklearn.datasets

from spline_fc import data
from spline_fc.cpwl import Spline, evaluate
from spline_fc.data import generated

SKLEARN = {
    "friedman1": sklearn.datasets.make_friedman1,
    "friedman2": sklearn.datasets.make_friedman2,
    "friedman3": sklearn.datasets.make_friedman3,
}


@pytest.mark.parametrize("name", SKLEARN)
def test_target_and_ranges_are_friedmans(name):
    x, y = SKLEARN[name](n_samples=500, random_state=0)
    source = generated.SOURCES[name]
    np.testing.assert_allclose(source.target(x), y, rtol=1e-12)
    np.testing.assert_array_less(source.low, x.min(axis=0) + 1e-12)
    np.testing.assert_array_less(x.max(axis=0), source.high)
    spread = np.subtract(source.high, source.low)
    assert (np.ptp(x, axis=0) > 0.98 * spread).all()


@pytest.mark.parametrize("name", generated.SOURCES)
def test_noise_has_the_given_size_in_target_units(name):
    noisy = data.load(name, num_train=4000, noise=3.0)
    clean = data.load(name, num_train=4000, noise=0.0)
    for part in ("train", "validation", "test"):
        np.testing.assert_array_equal(getattr(noisy, part).x, getattr(clean, part).x)
    residual = noisy.train.y - clean.train.y
    assert abs(residual.std() - 3.0) < 0.15 and abs(residual.mean()) < 0.2
    np.testing.assert_array_equal(
        clean.train.y[:, 0], generated.SOURCES[name].target(clean.train.x)
    )


def test_parts_are_independent_streams():
    small = data.load("friedman1", seed=4, num_train=10, num_test=20)
    large = data.load("friedman1", seed=4, num_train=30, num_test=20)
    np.testing.assert_array_equal(small.test.x, large.test.x)
    np.testing.assert_array_equal(small.train.x, large.train.x[:10])
    np.testing.assert_array_equal(small.train.y, large.train.y[:10])
    other = data.load("friedman1", seed=5, num_train=10, num_test=20)
    assert not np.isin(small.train.x, other.train.x).any()
    assert not np.isin(small.train.x, small.test.x).any()


def test_cpwl_target_is_a_spline_with_known_knots():
    target = data.cpwl_target()
    dataset = data.load("cpwl", noise=0.0, num_train=200)
    value = evaluate(Spline(*target), dataset.train.x.astype(np.float32))
    np.testing.assert_allclose(value, dataset.train.y, rtol=1e-5, atol=1e-6)
    assert ((target.knot > 0) & (target.knot < 1)).all()
    assert set(target.feature[:, 0].tolist()) == {0, 1, 2, 3} and dataset.train.x.shape[1] == 6


@pytest.mark.parametrize(
    "options, pattern",
    [
        ({"num_train": 0}, "num_train must be an integer >= 1; got 0"),
        ({"num_test": 2.5}, "num_test must be an integer"),
        ({"noise": -1.0}, "noise must be .* >= 0; got -1"),
        ({"noise": float("nan")}, "noise must be a finite"),
        ({"seed": -1}, "seed must be an integer >= 0"),
        ({"num_train": 1}, "x must vary in at least one feature"),
    ],
)
def test_bad_options(options, pattern):
    with pytest.raises(ValueError, match=pattern):
        data.load("friedman1", **options)
