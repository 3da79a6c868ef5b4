"""Heads for classes of many features: their linear fit, and the spline along its logits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import softmax

import spline_fc as sfc
from spline_fc.network import head, linear, replace_head, wide_head
from spline_fc.network.linear import fit_linear
from spline_fc.network.spline_start import spline_start
from spline_fc.timing import Stopwatch
from tests import oracles

KEY = jax.random.key(0)


def wide_rows(num_rows=600):
    """Features by the score, and three classes by bent functions of two sums of them, one-hot."""
    features = np.asarray(jax.random.normal(KEY, (num_rows, wide_head.WIDE)))
    first, second = features[:, :8].sum(1) / 3, features[:, 8:24].sum(1) / 4
    scores = np.stack([np.maximum(first, -0.5), second, -first - second], axis=1)
    return features, np.eye(3)[scores.argmax(1)]


def wide_tree(outputs=3):
    hidden = {"kernel": jnp.zeros((wide_head.WIDE, 48)), "bias": jnp.zeros(48)}
    return {"0": hidden, "1": {"kernel": jnp.zeros((48, outputs)), "bias": jnp.zeros(outputs)}}


def right(tree, features, target):
    logits = sfc.apply_params({f"Dense_{i}": layer for i, layer in tree.items()}, features)
    return float((logits.argmax(1) == target.argmax(1)).mean())


def test_a_wide_head_for_classes_bends_along_linear_logits(monkeypatch):
    features, target = wide_rows()
    seen = {}

    def spy(*arguments, **options):
        seen.update(options, rows=arguments[1:3])
        return spline_start(*arguments, **options)

    monkeypatch.setattr(wide_head, "spline_start", spy)
    monkeypatch.setattr(wide_head, "BEND_ROWS", 250)
    new = replace_head(wide_tree(), "", features, target, KEY, task="multiclass")
    scaled = (features - features.mean(axis=0)) / features.std(axis=0)
    kernel, bias = fit_linear(scaled, target, "multiclass")
    assert seen["names"] == ["logit 0", "logit 1", "logit 2"]
    assert seen["directions"] == () and [rows.shape for rows in seen["rows"]] == [(250, 3)] * 2
    centred = kernel - kernel.mean(axis=1, keepdims=True)
    logits = scaled @ (centred / np.linalg.norm(centred, axis=0))
    gaps = np.abs(logits[:, None] - seen["rows"][0][None]).max(axis=2)
    assert (gaps.min(axis=0) < 1e-3).all()  # each is that of some row
    units = np.asarray(new["0"]["kernel"]) * features.std(axis=0)[:, None]
    units = units / np.linalg.norm(units, axis=0)
    alike = np.abs(units.T @ (centred / np.linalg.norm(centred, axis=0))).max(axis=1)
    assert 4 <= (alike > 0.9999).sum() <= 24
    line = {"0": {"kernel": kernel, "bias": bias}}
    assert right(new, features, target) > max(0.85, right(line, scaled, target) - 0.02)


@pytest.mark.parametrize(
    "given", [{"directions": ("pairs",)}, {"screen": 4}, {"linear": (0,)}, {"num_directions": 1}]
)
def test_who_speaks_of_features_gets_the_recipe(given, monkeypatch):
    features, target = wide_rows()
    seen = {}

    def spy(*arguments, **options):
        seen.update(options, rows=arguments[1:3])
        return spline_start(*arguments, **options)

    monkeypatch.setattr(head, "spline_start", spy)
    given = {"max_terms": 9, **given}
    replace_head(wide_tree(), "", features, target, KEY, task="multiclass", **given)
    assert seen["directions"] == ("pairs",) and seen["rows"][0].shape == (600, wide_head.WIDE)


def test_a_wide_head_bends_on_every_class_whatever_the_order_of_rows(monkeypatch):
    monkeypatch.setattr(wide_head, "BEND_ROWS", 200)
    features, target = wide_rows()
    order = np.argsort(target.argmax(1)).reshape(3, -1).T.ravel()  # by turns, as far as it goes
    rows = features[order], target[order]
    new = replace_head(wide_tree(), "", *rows, KEY, task="multiclass", weights=np.ones(600))
    assert right(new, features, target) > 0.85


def test_two_classes_make_a_wide_head_of_one_logit():
    features, target = wide_rows()
    target = target[:, :1]
    new = replace_head(wide_tree(1), "", features, target, KEY, task="binary")
    params = {f"Dense_{i}": layer for i, layer in new.items()}
    logits = np.asarray(sfc.apply_params(params, features))
    assert ((logits > 0) == (target > 0.5)).mean() > 0.85


def test_many_numbers_are_fitted_with_less_precision_and_as_well(monkeypatch):
    features, target = wide_rows()
    exact = fit_linear(features, target, "multiclass")
    monkeypatch.setattr(linear, "FEW_NUMBERS", 0)
    quick = fit_linear(features, target, "multiclass")
    means = [jax.nn.softmax(features @ kernel + bias) for kernel, bias in (exact, quick)]
    assert 0 < np.abs(means[0] - means[1]).max() < 0.05


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("kind, within", [(np.float64, 1e-4), (np.float32, 0.03)])
def test_the_linear_fit_is_that_of_newton_on_the_whole_hessian(monkeypatch, outputs, kind, within):
    """Of weighted rows; as near as steps go that end where rows tell no more."""
    monkeypatch.setattr(linear, "RIDGES", (1e-2,))
    monkeypatch.setattr(linear, "FEW_NUMBERS", 1 << 17 if kind == np.float64 else 0)
    features, target = wide_rows()
    features, target = features[:, :12].astype(kind), target[:, :outputs]
    weights = np.random.default_rng(1).uniform(0.5, 2, len(features))
    task = "binary" if outputs == 1 else "multiclass"
    kernel, bias = fit_linear(features, target, task, weights)
    design = np.column_stack([np.ones(len(features)), features])
    charge = np.r_[0, np.full(12, 1e-2)]
    coef, _ = oracles.logistic(design, target, weights, charge)
    logits, wanted = features @ kernel + bias, design @ coef
    if outputs == 1:
        logits, wanted = (np.hstack([both, 0 * both]) for both in (logits, wanted))
    np.testing.assert_allclose(softmax(logits, axis=1), softmax(wanted, axis=1), atol=within)


def test_a_ridge_is_chosen_on_rows_that_are_drawn_and_the_fit_is_of_all(monkeypatch):
    features, target = wide_rows()
    monkeypatch.setattr(linear, "CHOOSING_ROWS", 300)
    seen = []
    solved = linear._solved
    monkeypatch.setattr(linear, "_solved", lambda *a: seen.append(a) or solved(*a))
    fit_linear(features[:, :12], target, "multiclass")
    counts = [len(arguments[0].share) for arguments in seen]
    assert counts[-1] == 600 and set(counts[:-1]) == {counts[0]} and 200 < counts[0] < 280
    for rows, *_ in seen:
        assert float(rows.share.sum()) == pytest.approx(1)
    # The columns that are fitted to are the features, less their means: none were made of them.
    np.testing.assert_allclose(
        seen[-1][0].x, features[:, :12] - features[:, :12].mean(0), atol=1e-6
    )


def test_a_wide_head_has_the_dtype_of_its_layers(enable_x64):
    features, target = wide_rows()
    for kind in (np.float32, np.float64):
        tree = jax.tree.map(lambda leaf, kind=kind: leaf.astype(kind), wide_tree())
        new = replace_head(tree, "", features, target, KEY, task="multiclass")
        assert {leaf.dtype for leaf in jax.tree.leaves(new)} == {np.dtype(kind)}
        assert right(new, features.astype(kind), target) > 0.85


def test_a_second_wide_head_of_one_shape_compiles_nothing():
    features, target = wide_rows()
    tree, other, options = wide_tree(), jax.random.key(1), {"task": "multiclass"}
    replace_head(tree, "", features, target, KEY, **options)
    with Stopwatch() as clock:
        replace_head(tree, "", 2 * features, target, other, **options)
    assert clock.seconds.compile == 0


@pytest.mark.parametrize("outputs", [1, 3])
def test_a_class_of_a_few_rows_is_bent_towards_not_away(outputs, monkeypatch):
    """Twelve of 6000 rows, none of which is among the 1000 that are drawn."""
    monkeypatch.setattr(wide_head, "BEND_ROWS", 1000)
    features, target = wide_rows(6000)
    drawn = np.random.default_rng(0).choice(6000, 1000, replace=False)
    rare = np.setdiff1d(np.arange(6000), drawn)[:12]
    features, label = features.copy(), (target[:, 0] == 0).astype(int)
    features[rare, 30], label[rare] = 6, 2
    task = "binary" if outputs == 1 else "multiclass"
    target = np.eye(3)[label][:, 3 - outputs :]
    new = replace_head(wide_tree(outputs), "", features, target, KEY, task=task)
    params = {f"Dense_{i}": layer for i, layer in new.items()}
    logits = np.asarray(sfc.apply_params(params, features))
    margin = logits[:, -1] - (logits[:, :-1].max(axis=1) if outputs > 1 else 0)
    assert (margin[rare] > 0).sum() > 6 and (margin > 0).sum() < 24


def test_rows_drawn_of_a_rare_class_count_for_as_many_as_it_has(monkeypatch):
    monkeypatch.setattr(wide_head, "BEND_ROWS", 200)
    label = np.arange(4000) % 4
    label[(label == 3) & (np.arange(4000) > 400)] = 2  # 100 rows are of class 3
    rows, weights = wide_head._drawn(np.eye(4)[label], None)
    assert np.bincount(label[rows])[3] == wide_head.CLASS_ROWS == len(set(rows[label[rows] == 3]))
    held = np.bincount(label[rows], weights)
    np.testing.assert_allclose(held, np.bincount(label) * 200 / 4000)


def test_rows_of_weight_zero_are_as_if_they_were_not_there(monkeypatch):
    monkeypatch.setattr(wide_head, "BEND_ROWS", 400)
    features, target = wide_rows()
    alone = replace_head(wide_tree(), "", features, target, KEY, task="multiclass")
    far, wrong = np.full((900, wide_head.WIDE), 1e9), np.roll(target, 1, axis=1)[:1].repeat(900, 0)
    far[0, 0] = np.nan
    rows = np.concatenate([features, far]), np.concatenate([target, wrong])
    weights = np.repeat([1.0, 0.0], [600, 900])
    new = replace_head(wide_tree(), "", *rows, KEY, task="multiclass", weights=weights)
    assert right(new, features, target) == right(alone, features, target) > 0.85
