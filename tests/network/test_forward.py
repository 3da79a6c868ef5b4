"""One forward pass, in JAX and in float64 NumPy, and what a parameter tree may look like."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spline_fc.network import (
    MLP,
    apply_params,
    last_hidden,
    layer_sizes,
    preactivations,
    preactivations_float64,
    to_nnx,
)
from spline_fc.network.structure import finite_layers, layers
from tests.splines import random_rows

SIZES = (5, 7, 6, 2)


def network(sizes=SIZES, seed=0):
    rng = np.random.default_rng(seed)
    return {
        f"Dense_{i}": {
            "kernel": jnp.asarray(rng.normal(size=shape), jnp.float32),
            "bias": jnp.asarray(rng.normal(size=shape[1]), jnp.float32),
        }
        for i, shape in enumerate(zip(sizes[:-1], sizes[1:], strict=True))
    }


def test_the_twins_agree_with_a_loop_over_units():
    params, x = network(), random_rows(0, 9)
    hidden = x.astype(np.float64)
    ours, twin = preactivations(params, x), preactivations_float64(params, x)
    for i, (came, wide) in enumerate(zip(ours, twin, strict=True)):
        kernel, bias = (np.asarray(params[f"Dense_{i}"][k], np.float64) for k in ("kernel", "bias"))
        units = range(len(bias))
        z = np.stack([(hidden * kernel[:, j]).sum(axis=1) + bias[j] for j in units], axis=1)
        np.testing.assert_allclose(wide, z, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(came, z, rtol=1e-4, atol=1e-4)
        hidden = np.where(z > 0, z, 0)
    assert wide.dtype == np.float64
    np.testing.assert_array_equal(apply_params(params, x), ours[-1])


def test_the_output_layer_takes_in_the_last_hidden_activations():
    params, x = network(), random_rows(0, 9)
    last = params["Dense_2"]
    np.testing.assert_allclose(
        last_hidden(params, x) @ last["kernel"] + last["bias"], apply_params(params, x), atol=1e-4
    )
    assert (np.asarray(last_hidden(params, x)) >= 0).all()
    np.testing.assert_array_equal(last_hidden(network((5, 2)), x), x)


def test_precision_is_what_was_asked_for():
    params, x = network(), random_rows(0, 9)

    def asked(function):
        return {
            str(equation.params["precision"])
            for equation in jax.make_jaxpr(function)(x).jaxpr.eqns
            if equation.primitive.name == "dot_general"
        }

    for function in (apply_params, last_hidden):
        assert all("HIGHEST" in p for p in asked(partial(function, params)))
        assert not any(
            "HIGHEST" in p for p in asked(partial(function, params, precision="default"))
        )
    for precision, wanted in (({}, True), ({"precision": "default"}, False)):
        linen = MLP.from_params(params, **precision).apply
        for function in (to_nnx(params, **precision), partial(linen, {"params": params})):
            assert {"HIGHEST" in p for p in asked(function)} == {wanted}


def test_stacked_trees_are_read_by_their_leading_axis():
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), network(seed=0), network(seed=1))
    assert layer_sizes(stacked, lead=1) == SIZES
    assert [kernel.shape for kernel, _ in layers(stacked, lead=1)][0] == (2, 5, 7)
    with pytest.raises(ValueError, match=r"Dense_0/kernel must have shape \(inputs, units\)"):
        layers(stacked)
    uneven = {**stacked, "Dense_1": jax.tree.map(lambda a: a[:1], stacked["Dense_1"])}
    with pytest.raises(ValueError, match=r"Dense_1/kernel must have the leading axes \(2,\)"):
        layers(uneven, lead=1)


ONES = np.ones((7, 6), np.float32)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"Dense_3": {}}, "Dense_3 must hold a kernel and a bias"),
        ({"Dense_5": network()["Dense_1"]}, "without a gap; got .*Dense_5"),
        ({"Dense_1": network()["Dense_0"]}, "Dense_1/kernel must have 7 rows, one per unit"),
        ({"Dense_1": {"kernel": ONES, "bias": ONES[:, 0]}}, "Dense_1/bias must have"),
        ({"Dense_1": {"kernel": ONES[:, 0], "bias": ONES[:, 0]}}, "Dense_1/kernel must have shape"),
    ],
)
def test_what_is_no_network_is_refused(change, message):
    for read in (apply_params, preactivations_float64):
        with pytest.raises(ValueError, match=message):
            read({**network(), **change}, random_rows(0))
    with pytest.raises(ValueError, match="without a gap"):
        apply_params({}, random_rows(0))


def test_rows_of_another_width_are_refused():
    for read in (apply_params, last_hidden, preactivations_float64):
        with pytest.raises(ValueError, match="x must have 5 columns"):
            read(network(), random_rows(0, features=4))


def test_a_weight_that_is_not_finite_is_named():
    params = network()
    params["Dense_1"]["bias"] = params["Dense_1"]["bias"].at[2].set(jnp.nan)
    with pytest.raises(ValueError, match="params/Dense_1/bias must be finite"):
        finite_layers(params)
