import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spline_fc.cpwl import Spline
from spline_fc.data import stack
from spline_fc.network import reshape, to_params
from spline_fc.training import GROUPS, Origin, spline_origin, stack_params, train, train_replicas
from spline_fc.training.epochs import advance
from spline_fc.training.groups import axis_mask, membership, update_scale
from tests.training.problems import assert_trees_equal, make_dataset

FREE = {"learning_rate": 1e-2, "epochs": 3, "batch_size": 25, "averaging": 0.5}


def _start(num_terms=3, hidden_sizes=(6, 6)):
    feature = np.array([[0], [1], [1], [2]], np.int32)[:num_terms]
    spline = Spline(
        intercept=np.float32([0.5]),
        coef=np.ones((num_terms, 1), np.float32),
        feature=feature,
        slope=np.ones((num_terms, 1), np.float32),
        knot=np.linspace(-1, 1, 4, dtype=np.float32)[:num_terms, None],
        projection=np.zeros((3, 0), np.float32),
    )
    params = reshape(to_params(spline), hidden_sizes, jax.random.key(0))
    return params, spline_origin(spline, params)


def test_origin_of_a_reshaped_spline():
    params, origin = _start()
    np.testing.assert_array_equal(origin.feature, [0, 1, 1, -1, -1, -1])
    for layer in ("Dense_0", "Dense_1"):
        np.testing.assert_array_equal(origin.from_spline[layer], [1, 1, 1, 0, 0, 0])
    kernel = np.asarray(params["Dense_0"]["kernel"])
    assert (np.count_nonzero(kernel[:, :3], axis=0) == 1).all()


def test_hidden_groups_and_output_divide_the_weights():
    params, origin = _start()
    trees = [membership(params, origin, g) for g in ("spline_units", "new_units", "output")]
    counts = jax.tree.map(lambda *m: sum(np.asarray(a, int) for a in m), *trees)
    assert all((leaf == 1).all() for leaf in jax.tree.leaves(counts))
    knots = membership(params, origin, "knots")
    assert np.asarray(knots["Dense_0"]["kernel"])[:, :3].all()
    assert sum(int(np.sum(leaf)) for leaf in jax.tree.leaves(knots)) == 3 * (3 + 1)


def test_rates_of_overlapping_groups_multiply():
    params, origin = _start()
    scale = update_scale(params, origin, {"knots": 0.5, "spline_units": 0.2, "output": 3}, True)
    np.testing.assert_allclose(scale["Dense_0"]["bias"], [0.1, 0.1, 0.1, 1, 1, 1], rtol=1e-6)
    np.testing.assert_allclose(scale["Dense_0"]["kernel"][:, 1], [0, 0.1, 0], rtol=1e-6)
    np.testing.assert_allclose(scale["Dense_1"]["bias"], [0.2, 0.2, 0.2, 1, 1, 1], rtol=1e-6)
    np.testing.assert_array_equal(scale["Dense_2"]["kernel"], np.full((6, 1), 3))


@pytest.mark.parametrize("optimizer", ["adam", "gauss_newton"])
def test_frozen_knots_stay_and_the_rest_moves(optimizer):
    params, origin = _start()
    config = {**FREE, "optimizer": optimizer, "group_rates": {"knots": 0.0}, "initial_decay": 0.1}
    last = train(params, make_dataset(), config, origin=origin).last_params
    for name, columns in (("kernel", np.s_[:, :3]), ("bias", np.s_[:3])):
        before, after = (np.asarray(p["Dense_0"][name])[columns] for p in (params, last))
        np.testing.assert_array_equal(after, before)
    # The second layer learns at once; it is what gives new units of the first one a gradient.
    assert not np.array_equal(last["Dense_1"]["kernel"], params["Dense_1"]["kernel"])


@pytest.mark.parametrize("optimizer", ["adam", "gauss_newton"])
def test_axes_are_kept_exactly(optimizer):
    params, origin = _start()
    config = {**FREE, "optimizer": optimizer, "keep_axes": True}
    last = train(params, make_dataset(), config, origin=origin).last_params
    kernel = np.asarray(last["Dense_0"]["kernel"])
    np.testing.assert_array_equal(np.count_nonzero(kernel[:, :3], axis=0), 1)
    assert not np.array_equal(kernel[0, 0], params["Dense_0"]["kernel"][0, 0])


def test_a_hinge_on_a_direction_has_no_axis_to_keep():
    one = np.ones((2, 1), np.float32)
    feature, direction = np.array([[1], [3]], np.int32), np.ones((3, 1), np.float32)
    spline = Spline(one[0], one, feature, one, 0 * one, direction)
    params = to_params(spline)
    np.testing.assert_array_equal(spline_origin(spline, params).feature, [1, -1])


@pytest.mark.parametrize("optimizer", ["gauss_newton", "lbfgs"])
@pytest.mark.parametrize("mask", [{"group_rates": {"knots": 0.0}}, {"keep_axes": True}])
def test_a_step_under_a_mask_is_the_step_that_was_judged(optimizer, mask):
    params, origin = _start()
    config = {"optimizer": optimizer, "learning_rate": 1.0, "batch_size": 100, "epochs": 20,
              "averaging": 0.0, "warmup_epochs": 0, "guard": 0.0, **mask}  # fmt: skip
    loss = train(params, make_dataset(), config, origin=origin).history["train_loss"]
    assert (np.diff(loss) <= 1e-6).all()  # the whole part is the batch
    assert loss[-1] < 0.5 * loss[0]


@pytest.mark.parametrize("optimizer", ["gauss_newton", "lbfgs"])
def test_rates_that_would_scale_a_judged_step_are_refused(optimizer):
    config = {**FREE, "optimizer": optimizer, "group_rates": {"output": 8.0, "knots": 0.0}}
    params, origin = _start()
    message = rf"group_rates must be 0 or 1 with the optimizer '{optimizer}'.*got {{'output': 8.0}}"
    with pytest.raises(ValueError, match=message):
        train(params, make_dataset(), config, origin=origin)


def test_axes_are_left_without_a_mask():
    params, _ = _start()
    last = train(params, make_dataset(), FREE).last_params
    kernel = np.asarray(last["Dense_0"]["kernel"])
    assert (np.count_nonzero(kernel[:, :3], axis=0) > 1).any()


def test_group_rate_is_a_factor_on_the_rate():
    params, origin = _start()
    config = {"optimizer": "sgd", "epochs": 1, "batch_size": 100, "averaging": 0.0,
              "schedule": "constant", "warmup_epochs": 0, "learning_rate": 1e-3}  # fmt: skip
    moved = []
    for rates in ({}, {"output": 4.0}):
        last = train(params, make_dataset(), {**config, "group_rates": rates}, origin=origin)
        moved.append(jax.tree.map(lambda a, b: a - b, last.last_params, params))
    np.testing.assert_allclose(
        moved[1]["Dense_2"]["bias"], 4 * moved[0]["Dense_2"]["bias"], rtol=1e-3
    )
    assert_trees_equal(moved[1]["Dense_1"], moved[0]["Dense_1"])


def test_other_rates_and_masks_compile_nothing():
    params, origin = _start()
    before = advance._cache_size()
    train(params, make_dataset(), {**FREE, "group_rates": {"knots": 0.0}}, origin=origin)
    first = advance._cache_size()
    for more in ({"group_rates": {"knots": 0.5, "output": 2.0}}, {"keep_axes": True}):
        train(params, make_dataset(), {**FREE, **more}, origin=origin)
    assert advance._cache_size() == first <= before + 1
    train(params, make_dataset(), {**FREE, "loss": "huber"})  # another config: the count can move
    assert advance._cache_size() == first + 1


def test_replicas_of_different_origin_in_one_run():
    starts = [_start(3), _start(4)]
    params = stack_params([params for params, _ in starts])
    origins = jax.tree.map(lambda *leaves: np.stack(leaves), *(origin for _, origin in starts))
    datasets = stack([make_dataset(seed=s) for s in (0, 1)])
    config = {**FREE, "keep_axes": True, "group_rates": {"knots": 0.5}}
    together = train_replicas(params, datasets, config, learning_rates=[1e-2], seeds=[0, 1],
                              origin=origins)  # fmt: skip
    for s, (one, origin) in enumerate(starts):
        alone = train(one, make_dataset(seed=s), config, seed=s, origin=origin)
        got = jax.tree.map(lambda a: a[s, 0], together.last_params)  # noqa: B023
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, atol=2e-6), got, alone.last_params
        )


def test_free_units_of_the_axis_mask():
    params, _ = _start()
    mask = axis_mask(params, jnp.array([2, -1, 0, -1, -1, -1]))
    kernel = np.asarray(mask["Dense_0"]["kernel"])
    np.testing.assert_array_equal(kernel[:, :3], [[0, 1, 1], [0, 1, 0], [1, 1, 0]])
    assert all((leaf == 1).all() for leaf in jax.tree.leaves(mask["Dense_1"]))


@pytest.mark.parametrize(
    ("config", "origin", "message"),
    [
        ({"group_rates": {"knot": 0}}, True, "training.group_rates.*'knot' .did you mean 'knots'"),
        ({"group_rates": {"knots": -1}}, True, r"group_rates\['knots'\] must be a finite number"),
        ({"group_rates": {"knots": 0}}, False, "origin must be given"),
        ({"keep_axes": True}, False, "origin must be given"),
        ({"keep_axes": "yes"}, True, "training.keep_axes must be True or False"),
        ({"group_rates": {"output": 0}, "output_ridge": 0.1}, True, "output_ridge must be 0"),
    ],
)
def test_bad_groups_are_named(config, origin, message):
    params, known = _start()
    with pytest.raises(ValueError, match=message):
        train(params, make_dataset(), config, origin=known if origin else None)


@pytest.mark.parametrize("group", [g for g in GROUPS if g != "output"])
def test_a_group_that_matches_nothing_is_named(group):
    params, _ = _start()
    born = np.full(6, group == "new_units")
    origin = Origin({"Dense_0": born, "Dense_1": born}, np.full(6, -1, np.int32))
    with pytest.raises(ValueError, match=f"got '{group}', which matches no weight"):
        train(params, make_dataset(), {"group_rates": {group: 0.5}}, origin=origin)
    with pytest.raises(ValueError, match="training.keep_axes .* matches no weight"):
        train(params, make_dataset(), {"keep_axes": True}, origin=origin)


def test_network_too_small_for_its_spline():
    params, _ = _start(3, (3,))
    one, knot = np.ones((4, 1), np.float32), np.arange(4, dtype=np.float32)[:, None]
    spline = Spline(one[0], one, np.array([[0], [1], [1], [2]]), one, knot, np.zeros((3, 0)))
    with pytest.raises(ValueError, match=r"at least \(4,\) hidden units .* got \(3,\)"):
        spline_origin(spline, params)
