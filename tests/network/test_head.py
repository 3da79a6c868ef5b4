"""A head inside a larger model, replaced by a spline of its features."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from flax import nnx

from spline_fc.network import replace_head
from spline_fc.network.structure import flatten

KEY = jax.random.key(0)


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
    x = jax.random.normal(jax.random.key(5), (400, 3))
    return x


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


@pytest.mark.parametrize(
    "change, message",
    [
        ({"path": "params/tail"}, r"params has no 'tail', only \['body', 'head', 'scale'\]"),
        ({"path": "params/body"}, "head of at least two dense layers"),
        ({"features": np.zeros((9, 3))}, "features must have 4 columns, as the head has; got 3"),
        ({"targets": np.zeros((400, 3))}, "targets must have 2 columns, as the head has; got 3"),
        ({"targets": np.zeros((9, 2))}, "targets must have"),
        ({"features": np.full((400, 4), np.nan)}, "features must be finite"),
        ({"names": ("hidden", "last")}, "'last' is none"),
        ({"max_degree": 0}, "max_degree"),
    ],
)
def test_bad_input_is_named(change, message):
    variables = Larger().init(KEY, rows())
    arguments = {
        "path": "params/head",
        "features": np.ones((400, 4)),
        "targets": np.ones((400, 2)),
        **change,
    }
    with pytest.raises(ValueError, match=message):
        replace_head(variables, key=KEY, **arguments)
