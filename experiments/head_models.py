"""Image classifiers with a head of dense layers, in Flax Linen and in NNX.

Each is told to the experiment as a few functions of one tree, {"body": ..., "head": ...}.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
from flax import linen as nn
from flax import nnx

from spline_fc import network

Tree = Any  # of parameters: nested dicts of Linen, a state of NNX
he_normal = nn.initializers.he_normal()


class Model(NamedTuple):
    """A classifier of images that come as rows of pixels."""

    init: Callable[[int, jax.Array], Tree]  # (seed, images) -> {"body": ..., "head": ...}
    features: Callable[[Tree, jax.Array], jax.Array]  # (tree["body"], images) -> (n, d)
    head: Callable[[Tree, jax.Array], jax.Array]  # (tree["head"], features) -> logits (n, k)
    replaced: Callable[..., Tree]  # (tree, features, targets, key, **options of replace_head)

    def logits(self, tree: Tree, images: jax.Array) -> jax.Array:
        """The whole network."""
        return self.head(tree["head"], self.features(tree["body"], images))


def square(images: jax.Array) -> jax.Array:
    """Rows of pixels (n, side * side) as images (n, side, side, 1).

    Raises:
      ValueError: the images are not square.
    """
    side = math.isqrt(images.shape[-1])
    if side * side != images.shape[-1]:
        raise ValueError(f"images must be square; got {images.shape[-1]} pixels a row.")
    return images.reshape(-1, side, side, 1)


def halved(images: jax.Array) -> jax.Array:
    """Means over squares of 2 * 2 pixels, those left over at the ends dropped."""
    window = (1, 2, 2, 1)
    return jax.lax.reduce_window(images, 0.0, jax.lax.add, window, window, "VALID") / 4.0


class Convolutions(nn.Module):
    """Convolutions with pooling; of images of 28 * 28 come 3 * 3 features a channel."""

    channels: Sequence[int]

    @nn.compact
    def __call__(self, images: jax.Array) -> jax.Array:
        x = square(images)
        for i, channels in enumerate(self.channels):
            x = halved(nn.relu(nn.Conv(channels, (3, 3), strides=1 if i else 2)(x)))
        return x.reshape(len(x), -1)


class Encoder(nn.Module):
    """One block of a transformer on 4 * 4 patches; the tokens of each row of them are averaged."""

    width: int

    @nn.compact
    def __call__(self, images: jax.Array) -> jax.Array:
        x = square(images)
        if x.shape[1] % 4:
            raise ValueError(f"images must have a side that 4 divides; got {x.shape[1]}.")
        side = x.shape[1] // 4
        patches = x.reshape(-1, 4, side, 4, side).transpose(0, 1, 3, 2, 4)
        x = nn.Dense(self.width)(patches.reshape(-1, 16, side * side))
        x += self.param("position", nn.initializers.normal(0.02), x.shape[1:])
        normed = nn.LayerNorm()(x)
        x += nn.MultiHeadDotProductAttention(num_heads=4)(normed, normed)
        x += nn.Dense(self.width)(nn.gelu(nn.Dense(2 * self.width)(nn.LayerNorm()(x))))
        x = nn.LayerNorm()(x)
        return x.reshape(-1, 4, 4, self.width).mean(axis=2).reshape(-1, 4 * self.width)


class NNXConvolutions(nnx.Module):
    """As `Convolutions`, with a head of two layers, in NNX."""

    def __init__(
        self, channels: Sequence[int], num_features: int, width: int, outputs: int, rngs: nnx.Rngs
    ) -> None:
        first, second = channels
        self.body = nnx.List(
            [
                nnx.Conv(1, first, (3, 3), strides=2, rngs=rngs),
                nnx.Conv(first, second, (3, 3), rngs=rngs),
            ]
        )
        made = {"kernel_init": he_normal, "rngs": rngs}
        self.head = nnx.Sequential(
            nnx.Linear(num_features, width, **made), nnx.relu, nnx.Linear(width, outputs, **made)
        )

    def features(self, images: jax.Array) -> jax.Array:
        x = square(images)
        for convolution in self.body:
            x = halved(nnx.relu(convolution(x)))
        return x.reshape(len(x), -1)


def linen(body: nn.Module, head: nn.Module) -> Model:
    """A classifier of two Linen modules."""

    def init(seed: int, images: jax.Array) -> Tree:
        k_body, k_head = jax.random.split(jax.random.key(seed))
        tree = {"body": body.init(k_body, images)["params"]}
        return tree | {"head": head.init(k_head, features(tree["body"], images))["params"]}

    def features(tree: Tree, images: jax.Array) -> jax.Array:
        return body.apply({"params": tree}, images)

    def replaced(tree: Tree, *rows: Any, **options: Any) -> Tree:
        return network.replace_head(tree, "head", *rows, **options)

    return Model(init, features, lambda tree, x: head.apply({"params": tree}, x), replaced)


def nnx_convolutions(channels: Sequence[int], width: int, side: int, outputs: int) -> Model:
    """The classifier of NNX; its parts are told apart as states."""
    small = side
    for stride in (2, 1):  # of the convolutions, each followed by pooling that halves
        small = -(-small // stride) // 2
    made = [small * small * channels[-1], width, outputs]
    graph, abstract = nnx.split(
        nnx.eval_shape(lambda: NNXConvolutions(channels, *made, nnx.Rngs(0)))
    )

    def whole(tree: Tree) -> NNXConvolutions:
        return nnx.merge(graph, nnx.State({**abstract, **tree}))

    def init(seed: int, images: jax.Array) -> Tree:
        return dict(nnx.state(NNXConvolutions(channels, *made, nnx.Rngs(seed))))

    return Model(
        init,
        lambda tree, images: whole({"body": tree}).features(images),
        lambda tree, x: whole({"head": tree}).head(x),
        lambda tree, *rows, **options: dict(
            nnx.state(network.replace_head(whole(tree), "head", *rows, **options))
        ),
    )
