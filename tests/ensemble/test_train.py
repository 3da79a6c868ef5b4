"""train_ensemble: each member is what training alone gives, on rows that it may see."""

import jax
import numpy as np
import pytest

import spline_fc as sfc
from spline_fc import protocol, training
from spline_fc.data import Part
from spline_fc.data.folds import cross_fit
from spline_fc.ensemble import train as door
from spline_fc.ensemble.starts import draw
from spline_fc.network import apply_params
from tests.ensemble.problems import GIVEN, RATES, SIZES, table, train


def of_member(tree, k):
    return jax.tree.map(lambda leaf: np.asarray(leaf[k]), tree)


def alone(dataset, pooled, k, rate):
    """Member k fitted and trained by itself."""
    raw = sfc.data.join_validation(dataset).train
    fold = cross_fit(*raw, "regression", members=3, folds=3, seed=0)[k]
    parts = [Part(*(a[rows] for a in pooled.train)) for rows in (fold.train, fold.validation)]
    own = pooled._replace(train=parts[0], validation=parts[1])
    weights = pooled.weights.train[fold.train]
    low, high = (end(parts[0].x[weights > 0], axis=0) for end in (np.min, np.max))
    own = own._replace(validation=Part(np.clip(parts[1].x, low, high), parts[1].y))
    key = jax.random.fold_in(protocol.key_of(0, protocol.Contender("", "spline", {}, None)), k)
    start = sfc.spline_start(key, *own.train, SIZES, weights=weights, **GIVEN["start_options"])
    config = {**GIVEN["training_config"], "learning_rate": rate}
    seed = door.order_seeds(0, 3)[k]
    return start, sfc.train(start.params, own, config, seed=seed, weights=weights)


def test_a_member_is_what_training_alone_gives(dataset, pooled, ensemble):
    start, result = alone(dataset, pooled, 1, ensemble.learning_rate)
    jax.tree.map(np.testing.assert_array_equal, start.fit.spline, ensemble.fits[1].spline)
    for a, b in zip(
        jax.tree.leaves(of_member(ensemble.params, 1)), jax.tree.leaves(result.params), strict=True
    ):
        np.testing.assert_allclose(a, b, atol=1e-5)
    losses = result.history["validation_loss"]
    np.testing.assert_allclose(ensemble.history["validation_loss"][1], losses, rtol=1e-4)
    np.testing.assert_allclose(ensemble.validation_loss[1], losses.min(), rtol=1e-4)
    assert ensemble.best_epochs[1] == losses.argmin() and ensemble.dropped == 0


def test_every_row_is_judged_by_those_that_held_it_out(pooled, ensemble):
    assert ensemble.held_out.any(axis=0).all() and not ensemble.held_out.all(axis=0).any()
    found = ensemble.out_of_fold
    assert found.dtype == np.float32 and found.shape == ensemble.targets.shape
    np.testing.assert_array_equal(ensemble.targets, pooled.train.y)
    for i, row in enumerate(pooled.train.x):
        own = [k for k in range(3) if ensemble.held_out[k, i]]
        outputs = [apply_params(of_member(ensemble.params, k), row) for k in own]
        np.testing.assert_allclose(found[i], np.mean(outputs, axis=0), atol=1e-5)


def test_outputs_are_those_of_members_and_their_mean(pooled, ensemble):
    x = pooled.test.x
    members = sfc.member_outputs(ensemble, x)
    assert members.shape == (3, len(x), 1) and members.dtype == np.float32
    for k in range(3):
        np.testing.assert_allclose(
            members[k], apply_params(of_member(ensemble.params, k), x), atol=1e-6
        )
    mean = np.asarray(members).mean(axis=0)
    np.testing.assert_allclose(sfc.ensemble_outputs(ensemble, x), mean, atol=1e-6)


def test_errors_are_told_apart(pooled, ensemble):
    x, y = pooled.test
    parts = sfc.error_parts(ensemble, x, y)
    errors = [np.asarray(f, float)[:, 0] - y[:, 0] for f in sfc.member_outputs(ensemble, x)]
    np.testing.assert_allclose(parts.members, [np.sqrt(np.mean(e**2)) for e in errors])
    pairs = [np.corrcoef(errors[a], errors[b])[0, 1] for a, b in ((0, 1), (0, 2), (1, 2))]
    assert parts.correlation == pytest.approx(np.mean(pairs))
    assert parts.ensemble == pytest.approx(np.sqrt(np.mean(np.mean(errors, axis=0) ** 2)))
    assert parts.ensemble < parts.members.mean()


def test_other_data_of_one_shape_compile_nothing(ensemble):
    before = training.epochs.advance._cache_size()
    other = train(table(seed=5, weighted=True), learning_rates=RATES)
    assert training.epochs.advance._cache_size() == before
    assert other.seconds.compile < other.seconds.run or other.seconds.compile == 0
    assert (other.out_of_fold != ensemble.out_of_fold).any()


def test_the_same_seed_gives_the_same_ensemble(dataset, ensemble):
    again = train(dataset)
    jax.tree.map(np.testing.assert_array_equal, again.params, ensemble.params)


def test_a_member_that_diverged_is_left_out_with_a_word(dataset, ensemble, monkeypatch, caplog):
    real = protocol.train
    lost = np.array([[False, True], [True, True], [False, False]])

    def lose(*given, **watched):
        return real(*given, **watched)._replace(diverged=lost)

    monkeypatch.setattr(protocol, "train", lose)
    found = train(dataset)
    assert "1 of 3 members diverged and are left out: [1]." in caplog.text
    assert found.learning_rate == RATES[0] and found.dropped == 1
    assert len(found.fits) == len(found.best_epochs) == len(found.held_out) == 2
    np.testing.assert_array_equal(np.isnan(found.out_of_fold), ~found.held_out.any(0)[:, None])
    np.testing.assert_array_equal(found.held_out, ensemble.held_out[[0, 2]])
    monkeypatch.setattr(
        protocol, "train", lambda *g, **w: real(*g, **w)._replace(diverged=np.ones((3, 2), bool))
    )
    with pytest.raises(ValueError, match="at least one member .* all diverged"):
        train(dataset)


def test_the_rate_has_the_lowest_mean_of_best_losses(dataset, monkeypatch):
    real, seen = protocol.train, []
    monkeypatch.setattr(protocol, "train", lambda *g, **w: seen.append(real(*g, **w)) or seen[0])
    found = train(dataset)
    means = seen[0].history["validation_loss"].min(axis=-1).mean(axis=0)
    assert found.learning_rate == RATES[means.argmin()]
    np.testing.assert_allclose(found.validation_loss.mean(), means.min())


def test_a_run_goes_on_from_its_checkpoints(dataset, ensemble, tmp_path):
    told = []
    saved = training.Checkpoints(tmp_path / "run", every=2)
    for _ in range(2):
        found = train(dataset, checkpoints=saved, on_epochs=lambda n, h: told.append((n, h)))
        jax.tree.map(np.testing.assert_array_equal, found.params, ensemble.params)
    epochs = [n for n, _ in told]
    assert epochs == [0, 1, 2, 3, 3] and told[0][1]["validation_loss"].shape == (3, 2, 1)


@pytest.mark.parametrize(("task", "outputs", "folds"), [("binary", 1, 3), ("multiclass", 3, 2)])
def test_classes_are_averaged_as_logits(task, outputs, folds, enable_x64):
    dataset = table(task)
    dtype = {"binary": np.float64, "multiclass": np.float32}[task]
    found = train(dataset, folds=folds, dtype=dtype)
    assert {leaf.dtype for leaf in jax.tree.leaves(found.params)} == {np.dtype(dtype)}
    assert found.out_of_fold.shape == (80, outputs) and found.loss == training.LOSS_OF[task]
    assert found.out_of_fold.dtype == found.targets.dtype == dtype
    assert found.held_out.sum(axis=0).min() >= 1 and found.held_out.sum() == 3 * -(-80 // folds)
    x, y = sfc.standardize(sfc.data.join_validation(dataset), dtype).test
    logits = np.asarray(sfc.member_outputs(found, x), float)
    shares = training.predictions(found.loss, logits.mean(axis=0))
    parts = sfc.error_parts(found, x, y)
    assert parts.ensemble == pytest.approx(np.sqrt(np.mean((shares - y) ** 2)))


def test_members_may_hold_out_one_part_and_share_one_spline(dataset, pooled):
    found = train(dataset, holdout="one", spline="shared")
    rows = len(dataset.train.x)
    np.testing.assert_array_equal(found.held_out, [np.arange(len(pooled.train.x)) >= rows] * 3)
    assert np.isnan(found.out_of_fold[:rows]).all() and np.isfinite(found.out_of_fold[rows:]).all()
    assert found.fits[0] is found.fits[1]
    start = sfc.spline_start(
        *(0, pooled.train.x[:rows], pooled.train.y[:rows], SIZES),
        weights=dataset.weights.train,
        **GIVEN["start_options"],
    )
    jax.tree.map(np.testing.assert_array_equal, found.fits[0].spline, start.fit.spline)


def test_a_spline_of_all_rows_leaves_none_held_out(dataset):
    found = train(dataset, spline="shared", training_config={"epochs": 0, "batch_size": 16})
    assert not found.held_out.any() and np.isnan(found.out_of_fold).all()
    kernels = np.asarray(found.params["Dense_0"]["kernel"])
    assert not np.allclose(kernels[0], kernels[1])
    members = np.asarray(sfc.member_outputs(found, np.ones((4, 3))))
    np.testing.assert_allclose(members[0], members[1], atol=1e-5)


def test_splines_of_bootstrap_rows_differ(dataset, ensemble):
    found = train(dataset, spline="bootstrap")
    np.testing.assert_array_equal(found.held_out, ensemble.held_out)
    assert found.fits[0].rss != ensemble.fits[0].rss


def test_draws_are_even_and_depend_on_the_seed():
    variety = {"knots": (8, 16), "share": (0.2, 0.4, 0.6)}
    drawn = draw(0, 6, variety)
    assert sorted(own["knots"] for own in drawn) == [8] * 3 + [16] * 3
    assert sorted(own["share"] for own in drawn) == [0.2] * 2 + [0.4] * 2 + [0.6] * 2
    assert drawn == draw(0, 6, variety) != draw(1, 6, variety)


def test_members_draw_their_options(dataset):
    given = {"start_options": {"directions": ()}, "variety": {"max_terms": (2, 5)}}
    found = train(dataset, training_config={"epochs": 0, "batch_size": 16}, **given)
    drawn = [own["max_terms"] for own in draw(0, 3, given["variety"])]
    assert set(drawn) == {2, 5}
    assert [fit.spline.coef.shape[0] > 2 for fit in found.fits] == [most == 5 for most in drawn]


def test_other_starts_have_members_too(dataset):
    found = train(dataset, start="he_normal")
    assert found.fits == (None,) * 3 and found.held_out.any(axis=0).all()


@pytest.mark.parametrize(
    ("sentence", "changed"),
    [
        ("members must be an integer >= 2; got 1", {"members": 1}),
        ("members must be an integer >= 2; got 2.5", {"members": 2.5}),
        ("folds must be an integer >= 2; got True", {"folds": True}),
        ("folds must be at most the 80 pooled rows; got 81", {"folds": 81}),
        ("folds must be left out with holdout 'one'; got 3", {"folds": 3, "holdout": "one"}),
        ("holdout must be one of 'folds', 'one'; got 'fold'", {"holdout": "fold"}),
        ("spline must be one of .*; got 'all'", {"spline": "all"}),
        ("variety must be a mapping; got 3", {"variety": 3}),
        ("a field of variety must be one of .*'knots'.*; got 'knot'", {"variety": {"knot": (3,)}}),
        ("variety\\['knots'\\] must be a list .*; got 3", {"variety": {"knots": 3}}),
        ("variety\\['knots'\\] must hold at least one value", {"variety": {"knots": ()}}),
        ("variety must be left out with a shared", {"variety": {"share": [1]}, "spline": "shared"}),
        ("start must be 'spline' where", {"spline": "bootstrap", "start": "he_normal"}),
    ],
)
def test_bad_input_is_named(dataset, sentence, changed):
    with pytest.raises(ValueError, match=sentence):
        train(dataset, **changed)


def test_no_data_set_and_a_standardised_one_are_named(dataset, pooled):
    with pytest.raises(TypeError, match="dataset must be a Dataset; got 3"):
        train(3)
    with pytest.raises(ValueError, match="dataset must be in raw units"):
        train(pooled)


@pytest.mark.parametrize(
    ("sentence", "x", "y"),
    [
        ("x must be finite", np.full((2, 3), np.nan), np.zeros((2, 1))),
        ("x must have 3 columns", np.zeros((2, 4)), np.zeros((2, 1))),
        ("y must have shape \\(2, 1\\)", np.zeros((2, 3)), np.zeros((3, 1))),
    ],
)
def test_rows_that_do_not_fit_are_named(ensemble, sentence, x, y):
    with pytest.raises(ValueError, match=sentence):
        sfc.error_parts(ensemble, x, y)


def test_an_ensemble_prints_itself(ensemble):
    assert str(ensemble).startswith("Ensemble of 3 networks, regression, 80 rows; validation loss")
