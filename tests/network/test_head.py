"""A head inside a larger model, replaced by a spline of its features."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from flax import nnx

import spline_fc as sfc
from spline_fc.network import replace_head
from spline_fc.network.structure import flatten

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)


class Head(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(2, name="out")(nn.relu(nn.Dense(24, name="hidden")(x)))


class Larger(nn.Module):
    """A body, a head below a name of its own, and something behind it."""

    def setup(self):
        self.body = nn.Dense(4)
        self.head = Head()
        self.scale = self.param("scale", nn.initializers.ones, (2,))

    def features(self, x):
        return jnp.tanh(self.body(x))

    def __call__(self, x):
        return self.scale * self.head(self.features(x))


class LargerNNX(nnx.Module):
    def __init__(self, rngs):
        self.body = nnx.Linear(3, 4, rngs=rngs)
        self.head = nnx.List([nnx.Linear(4, 24, rngs=rngs), nnx.Linear(24, 2, rngs=rngs)])

    def features(self, x):
        return jnp.tanh(self.body(x))

    def __call__(self, x):
        return self.head[1](nnx.relu(self.head[0](self.features(x))))


def rows():
    return jax.random.normal(jax.random.key(5), (400, 3))


def wanted(features):
    """A function of the features that a small additive spline can hold."""
    first = jnp.abs(features[:, 0]) + 3 * features[:, 1] + 100
    return jnp.stack([first, jax.nn.relu(features[:, 2])], axis=1)


def share_unexplained(came, target):
    return float(jnp.max(jnp.var(came - target, axis=0) / jnp.var(target, axis=0)))


def test_only_the_head_of_a_linen_tree_changes():
    model, x = Larger(), rows()
    variables = model.init(KEY, x)
    features = model.apply(variables, x, method="features")
    target = wanted(features)
    new = replace_head(variables, "params/head", features, target, KEY)
    assert share_unexplained(model.apply(new, x), target) < 0.01
    before, after = flatten(variables), flatten(new)
    assert before.keys() == after.keys()
    changed = {path for path in before if before[path] is not after[path]}
    assert changed == {
        f"params/head/{n}/{f}" for n in ("hidden", "out") for f in ("kernel", "bias")
    }
    assert all(before[p].shape == after[p].shape for p in before)
    assert all(before[p].dtype == after[p].dtype for p in before)


def test_the_head_of_an_nnx_module_is_replaced_in_a_copy():
    model, x = LargerNNX(nnx.Rngs(0)), rows()
    features = model.features(x)
    target, old = wanted(features), model(x)
    new = replace_head(model, "head", features, target, KEY, names=(0, 1))
    assert isinstance(new, LargerNNX)
    assert share_unexplained(new(x), target) < 0.01
    np.testing.assert_array_equal(model(x), old)
    np.testing.assert_array_equal(new.body.kernel[...], model.body.kernel[...])


def test_layers_are_taken_in_natural_order():
    sizes = [4, *[12] * 10, 1]
    tree = {
        f"Dense_{i}": {"kernel": jnp.zeros(shape), "bias": jnp.zeros(shape[1])}
        for i, shape in enumerate(zip(sizes[:-1], sizes[1:], strict=True))
    }
    tree = dict(sorted(tree.items()))
    features = jax.random.normal(KEY, (200, 4))
    new = replace_head({"net": tree}, "net", features, jnp.abs(features[:, :1]), KEY, max_terms=4)
    h = features
    for i in range(11):
        h = h @ new["net"][f"Dense_{i}"]["kernel"] + new["net"][f"Dense_{i}"]["bias"]
        h = jax.nn.relu(h) if i < 10 else h
    assert share_unexplained(h, jnp.abs(features[:, :1])) < 0.02


class OneLayer(nn.Module):
    """A body and a head of one layer, or whatever is put there."""

    head: nn.Module

    def setup(self):
        self.body = nn.Dense(4)

    def features(self, x):
        return jnp.tanh(self.body(x))

    def __call__(self, x):
        return self.head(self.features(x))


@pytest.fixture(scope="module")
def one_layer():
    """A Linen tree with a head of one layer, its rows and what reaches the head."""
    model, x = OneLayer(nn.Dense(2)), rows()
    variables = model.init(KEY, x)
    return model, variables, x, model.apply(variables, x, method="features")


def test_a_head_of_one_layer_becomes_the_linear_fit(one_layer):
    model, variables, x, features = one_layer
    target = np.asarray(wanted(features), np.float64)
    new = replace_head(variables, "params/head", features, target, KEY)
    rows_of_ones = np.hstack([features, np.ones((len(x), 1))])
    best = rows_of_ones @ np.linalg.lstsq(rows_of_ones, target, rcond=None)[0]
    np.testing.assert_allclose(model.apply(new, x), best, rtol=1e-4, atol=1e-3)
    assert flatten(new).keys() == flatten(variables).keys()
    assert new["params"]["body"] is variables["params"]["body"]


def test_a_head_of_one_layer_keeps_its_function(one_layer):
    model, variables, x, features = one_layer
    old = model.apply(variables, x)
    again = replace_head(variables, "params/head", features, old, KEY)
    np.testing.assert_allclose(model.apply(again, x), old, atol=1e-4)


def test_hidden_sizes_make_the_head_an_mlp(one_layer):
    _, variables, x, features = one_layer
    target = wanted(features)
    new = replace_head(variables, "params/head", features, target, KEY, hidden_sizes=24)
    model = OneLayer(sfc.MLP(24, 2))
    assert share_unexplained(model.apply(new, x), target) < 0.01
    sfc.network.check_same_structure(new, jax.eval_shape(model.init, KEY, x))
    again = replace_head(new, "params/head", features, target, KEY, hidden_sizes=(24, 8))
    model = OneLayer(sfc.MLP((24, 8), 2))
    assert share_unexplained(model.apply(again, x), target) < 0.01


def test_other_layers_beside_the_head_are_not_lost():
    tree = Larger().init(KEY, rows())["params"]["head"]
    tree = {**tree, "norm": {"scale": jnp.ones(2)}}
    arguments = np.ones((9, 4)), np.ones((9, 2))
    with pytest.raises(ValueError, match="nothing but the head where hidden_sizes.*more than"):
        replace_head(tree, "", *arguments, KEY, hidden_sizes=8)


class SequentialNNX(nnx.Module):
    def __init__(self, head, rngs):
        self.body, self.head = nnx.Linear(3, 4, rngs=rngs), head

    def features(self, x):
        return jnp.tanh(self.body(x))

    def __call__(self, x):
        return self.head(self.features(x))


@pytest.mark.parametrize("hidden_sizes", [None, 24])
def test_heads_of_nnx_are_found_in_a_sequence_and_may_become_another_module(hidden_sizes):
    rngs, x = nnx.Rngs(0), rows()
    layer = nnx.Linear(4, 2, rngs=rngs)
    two = nnx.Sequential(nnx.Linear(4, 24, rngs=rngs), nnx.relu, nnx.Linear(24, 2, rngs=rngs))
    model = SequentialNNX(two if hidden_sizes is None else layer, rngs)
    old, target = model(x), wanted(model.features(x))
    new = replace_head(model, "head", model.features(x), target, KEY, hidden_sizes=hidden_sizes)
    assert share_unexplained(new(x), target) < 0.01
    assert isinstance(new.head, nnx.Sequential if hidden_sizes is None else sfc.network.NNXMLP)
    np.testing.assert_array_equal(model(x), old)


def labels(features):
    """Three classes that hinges on the features tell apart, one-hot."""
    curves = jnp.stack([jnp.abs(features[:, 0]), features[:, 1] + 0.2, 0.4 - features[:, 2]], 1)
    return jax.nn.one_hot(curves.argmax(1), 3)


@pytest.mark.parametrize("widths", [(3,), (24, 3)])
def test_a_head_for_classes_returns_calibrated_logits(widths):
    features = jnp.tanh(jax.random.normal(KEY, (1000, 4)))
    target = labels(features)
    head = sfc.init_params("he_normal", 1, features, target, widths[:-1] or 1)
    if len(widths) == 1:
        head = {"kernel": jnp.zeros((4, 3)), "bias": jnp.zeros(3)}
    new = replace_head({"head": head}, "head", features, target, KEY, task="multiclass")["head"]
    params = {"Dense_0": new} if len(widths) == 1 else new
    logits = sfc.apply_params(params, features)
    right = float((logits.argmax(1) == target.argmax(1)).mean())
    confidence = float(jax.nn.softmax(logits).max(1).mean())
    assert right > (0.8, 0.9)[len(widths) - 1]
    assert abs(confidence - right) < 0.05
    # Raw scores of labels would be far less sure of themselves than they are right.
    assert np.abs(logits).max() > 3


def test_a_binary_head_of_one_layer_is_a_logistic_regression():
    features = 5 + 0.1 * RNG.normal(size=(4000, 3))
    slopes = np.array([20.0, -10.0, 0.0])
    logits = (features - 5) @ slopes + 1
    target = (RNG.uniform(size=4000) < 1 / (1 + np.exp(-logits))).astype(float)[:, None]
    tree = {"kernel": np.zeros((3, 1), np.float32), "bias": np.zeros(1, np.float32)}
    new = replace_head(tree, "", features, target, KEY, task="binary")
    np.testing.assert_allclose(new["kernel"][:, 0], slopes, atol=2)
    mean = jax.nn.sigmoid(sfc.apply_params({"Dense_0": new}, features.astype("f4"))).mean()
    assert float(mean) == pytest.approx(target.mean(), abs=1e-3)


@pytest.mark.parametrize("kind", [np.int8, np.float16, np.float32])
def test_features_of_any_kind_of_numbers_are_what_they_are_in_float64(kind):
    """Wider than the head itself, whose dtype stays."""
    features = np.round(8 * RNG.normal(size=(400, 4))).astype(kind)
    target = np.asarray(wanted(features.astype("f4")))
    tree = {"kernel": np.zeros((4, 2), np.float32), "bias": np.zeros(2, np.float32)}
    new, same = (replace_head(tree, "", x, target, KEY) for x in (features, features.astype(float)))
    assert new["kernel"].dtype == np.float32
    np.testing.assert_allclose(new["kernel"], same["kernel"], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("widths", [(2,), (24, 2)])
def test_features_too_far_from_zero_for_the_layers_are_told_of(widths, caplog):
    """In float32 they would subtract 1e8 from what is rounded to multiples of 8."""
    features = RNG.normal(size=(300, 4))
    features[:, 3] = 1e9  # nothing is lost of a constant
    target = np.asarray(wanted(features[:, [0, 1, 2]]))
    sizes = [4, *widths]
    tree = {
        f"Dense_{i}": {"kernel": jnp.zeros(shape), "bias": jnp.zeros(shape[1])}
        for i, shape in enumerate(zip(sizes[:-1], sizes[1:], strict=True))
    }
    replace_head(tree, "", features + (1e3, 0, 0, 0), target, KEY)
    assert not caplog.records
    replace_head(tree, "", features + (1e3, 0, 1e8, 0), target, KEY)
    told = caplog.records[-1].message
    assert "column 2 of features lies about 1e+08" in told and "layers in float32" in told
    assert "Subtract the offset in the body" in told


def test_weights_are_worth_copies():
    features = np.asarray(jnp.tanh(jax.random.normal(KEY, (300, 4))))
    target = np.asarray(labels(features))
    weights = np.repeat([1, 3], 150)
    copies = np.repeat(np.arange(300), weights)
    tree = {"kernel": np.zeros((4, 3), np.float32), "bias": np.zeros(3, np.float32)}
    options = {"task": "multiclass"}
    weighted = replace_head(tree, "", features, target, KEY, weights=weights, **options)
    repeated = replace_head(tree, "", features[copies], target[copies], KEY, **options)
    plain = replace_head(tree, "", features, target, KEY, **options)
    gap = np.abs(weighted["kernel"] - repeated["kernel"]).max()
    assert gap < 0.05 * np.abs(weighted["kernel"] - plain["kernel"]).max()


@pytest.mark.parametrize(
    "change, message",
    [
        ({"path": "params/tail"}, r"params has no 'tail', only \['body', 'head', 'scale'\]"),
        ({"path": "params/scale"}, "path must lead to dense layers with kernel and bias"),
        (
            {
                "path": "params/body",
                "features": RNG.normal(size=(400, 3)),
                "targets": np.ones((400, 4)),
                "share": 0.5,
            },
            "share must be left out for a head of one layer; got 0.5",
        ),
        ({"path": "params/body"}, "features must have 3 columns, as the head has; got 4"),
        ({"features": np.ones((400, 7, 7, 4))}, r"features must have shape \(n, d\); got"),
        ({"features": np.ones((400, 4))}, "features must vary; all 4 columns are constant"),
        ({"task": "clasification"}, "task must be one of"),
        ({"task": "multiclass", "targets": np.ones(400)}, "one-hot; got"),
        ({"task": "multiclass"}, "targets must hold one-hot rows"),
        ({"task": "multiclass", "targets": np.eye(2)[[0] * 400]}, "targets must hold.*one class"),
        ({"hidden_sizes": ()}, "hidden_sizes must name at least 1 layer"),
        ({"weights": np.ones(3)}, "weights must have 400 rows"),
        ({"features": np.zeros((9, 3))}, "features must have 4 columns, as the head has; got 3"),
        ({"targets": np.zeros((400, 3))}, "targets must have 2 columns, as the head has; got 3"),
        ({"targets": np.zeros((9, 2))}, "targets must have"),
        ({"features": np.full((400, 4), np.nan)}, "features must be finite"),
        ({"names": ("hidden", "last")}, "'last' is none"),
        ({"max_degree": 0}, "max_degree"),
        ({"max_term": 9}, "max_term"),
    ],
)
def test_bad_input_is_named(change, message):
    variables = Larger().init(KEY, rows())
    arguments = {
        "path": "params/head",
        "features": RNG.normal(size=(400, 4)),
        "targets": np.ones((400, 2)),
        **change,
    }
    with pytest.raises(ValueError, match=message):
        replace_head(variables, key=KEY, **arguments)
