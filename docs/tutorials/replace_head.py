"""Replace the head of my Flax model: the same layers, filled by a spline of what reaches them."""

import jax
from flax import linen as nn

import spline_fc as sfc
from spline_fc import network

x, y = sfc.standardize(sfc.load("diabetes")).train
body = nn.Sequential([nn.Dense(24), nn.tanh])
head = nn.Sequential([nn.Dense(32), nn.relu, nn.Dense(1)])
params = {"body": body.init(jax.random.key(0), x)}
features = body.apply(params["body"], x)
params["head"] = head.init(jax.random.key(1), features)
new = network.replace_head(params, "head/params", features, y, key=2)
for name, tree in {"as it was": params, "with a spline": new}.items():
    print(name, "mean square", ((head.apply(tree["head"], features) - y) ** 2).mean())
