import numpy as np
import pytest
from scipy.special import expit, log_softmax

from spline_fc.training import LOSSES, loss_per_row

RNG = np.random.default_rng(0)
P = 2 * RNG.standard_normal((7, 3))
T = RNG.standard_normal((7, 3))
LABELS = np.eye(3)[RNG.integers(3, size=7)]


def _huber(p, t):
    a = abs(p - t)
    return np.where(a <= 1, 0.5 * a**2, a - 0.5).mean(1)


def _sigmoid(p, t):
    return -(t * np.log(expit(p)) + (1 - t) * np.log(expit(-p))).mean(1)


@pytest.mark.parametrize(
    ("name", "target", "oracle"),
    [
        ("squared_error", T, lambda p, t: ((p - t) ** 2).mean(1)),
        ("huber", T, _huber),
        ("sigmoid_cross_entropy", LABELS, _sigmoid),
        ("softmax_cross_entropy", LABELS, lambda p, t: -(t * log_softmax(p, 1)).sum(1)),
    ],
)
def test_against_numpy(enable_x64, name, target, oracle):
    value = loss_per_row(name, P, target)
    assert value.dtype == np.float64
    np.testing.assert_allclose(value, oracle(P, target), rtol=1e-12)


@pytest.mark.parametrize("name", list(LOSSES))
def test_refuses_targets_of_another_shape(name):
    with pytest.raises(ValueError, match=r"target must have shape \(n, k\) = \(7, 1\); got \(7,\)"):
        loss_per_row(name, P[:, :1], T[:, 0])


def test_unknown_name():
    with pytest.raises(ValueError, match="loss must be one of"):
        loss_per_row("hubert", P, T)
