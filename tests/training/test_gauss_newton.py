import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spline_fc.network import apply_params
from spline_fc.training import gauss_newton, train
from spline_fc.training.gauss_newton import jacobian_gram
from spline_fc.training.groups import axis_mask
from tests.training.problems import assert_trees_equal, make_dataset, make_params

RNG = np.random.default_rng(1)
X = RNG.standard_normal((6, 3))
GRAM = jax.jit(jacobian_gram)
OPTIMISER = gauss_newton()
UPDATE = jax.jit(OPTIMISER.update)


def _jacobian(params, x, mask=None):
    """The whole Jacobian, (b * k, number of parameters), zero where masked."""
    jacobian = jax.jit(jax.jacrev(apply_params))(params, x)
    if mask is not None:
        jacobian = jax.tree.map(jnp.multiply, jacobian, mask)
    size = x.shape[0] * params[f"Dense_{len(params) - 1}"]["bias"].shape[0]
    return np.concatenate([np.reshape(a, (size, -1)) for a in jax.tree.leaves(jacobian)], axis=1)


def _flat(tree):
    return np.concatenate([np.ravel(a) for a in jax.tree.leaves(tree)])


def _mask(params):
    mask = axis_mask(params, jnp.array([0, 1, 2, -1]))
    for layer in ("kernel", "bias"):
        mask["Dense_1"][layer] = mask["Dense_1"][layer].at[..., 2].set(0)
    mask["Dense_0"]["bias"] = mask["Dense_0"]["bias"].at[1].set(0)
    return mask


@pytest.mark.parametrize("sizes", [(3, 1), (3, 4, 5, 1), (3, 4, 5, 2)])
def test_gram_matrix_against_the_whole_jacobian(enable_x64, sizes):
    params = make_params(sizes, dtype=np.float64)
    wanted = _jacobian(params, X)
    np.testing.assert_allclose(GRAM(params, X), wanted @ wanted.T, rtol=1e-10, atol=1e-12)


def test_masked_gram_matrix(enable_x64):
    params = make_params((3, 4, 5, 2), dtype=np.float64)
    mask = _mask(params)
    wanted = _jacobian(params, X, mask)
    assert not np.allclose(wanted @ wanted.T, GRAM(params, X))
    np.testing.assert_allclose(GRAM(params, X, mask), wanted @ wanted.T, rtol=1e-10)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_step_against_the_normal_equations(enable_x64, weighted, masked):
    params = make_params((3, 4, 5, 2), dtype=np.float64)
    weights = RNG.uniform(0.5, 2, (6, 1)) if weighted else np.ones((6, 1))
    y = np.asarray(apply_params(params, X)) + 1e-3 * RNG.standard_normal((6, 2))
    mask = _mask(params) if masked else None
    batch = (X, y, weights) if weighted else (X, y)
    state = OPTIMISER.init(params)
    step, new_state = UPDATE(params, state, params, batch=batch, rate=1.0, mask=mask)
    root = np.repeat(np.sqrt(weights), 2)
    jacobian = _jacobian(params, X, mask) * root[:, None]
    residual = root * (y - np.asarray(apply_params(params, X))).ravel()
    normal = jacobian.T @ jacobian + float(state.damping) * 6 * np.eye(jacobian.shape[1])
    np.testing.assert_allclose(_flat(step), np.linalg.solve(normal, jacobian.T @ residual),
                               rtol=1e-7, atol=1e-12)  # fmt: skip
    assert new_state.damping < state.damping  # the model is exact this near


def test_step_that_raises_the_loss_is_refused(enable_x64):
    params, dataset = make_params(dtype=np.float64), make_dataset(dtype=np.float64)
    state = OPTIMISER.init(params)
    step, after = UPDATE(params, state, params, batch=dataset.train, rate=50.0)
    assert_trees_equal(step, jax.tree.map(jnp.zeros_like, params))
    assert after.damping == 2 * state.damping
    step, _ = UPDATE(params, state, params, batch=dataset.train, rate=0.5)
    assert np.abs(_flat(step)).max() > 0


def test_full_batch_loss_never_rises():
    config = {"optimizer": "gauss_newton", "batch_size": 100, "averaging": 0.0, "epochs": 40,
              "learning_rate": 1.0, "warmup_epochs": 0}  # fmt: skip
    loss = train(make_params(), make_dataset(), config).history["train_loss"]
    assert (np.diff(loss) <= 1e-6).all()
    assert loss[-1] < 0.02 * loss[0]
