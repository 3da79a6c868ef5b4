"""The merged network is the mean of its members, near and far."""

import jax
import jax.numpy as jnp
import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spline_fc.network import (
    MLP,
    layer_sizes,
    load_npz,
    load_safetensors,
    merge_params,
    preactivations_float64,
    replace_head,
    reshape,
    save_npz,
    save_safetensors,
    to_nnx,
    to_onnx,
)
from spline_fc.network.structure import from_layers
from tests.network.sameness import FORWARD

FAR = (1.0, 1e3, 1e6)  # deviations at which members and their mean are compared


def random_members(seed, count, sizes, dtype=np.float32):
    """Networks as NumPy has them, leaves (count, ...)."""
    rng = np.random.default_rng(seed)
    pairs = list(zip(sizes[:-1], sizes[1:], strict=True))
    stack = [(rng.normal(size=(count, a, b)), rng.normal(size=(count, b))) for a, b in pairs]
    return from_layers([(kernel / np.sqrt(kernel.shape[1] or 1), b) for kernel, b in stack], dtype)


def member(members, index):
    return jax.tree.map(lambda leaf: leaf[index], members)


def in_numpy(params, x):
    """The pass in the dtype of x, which compiles nothing."""
    for index in range(len(params)):
        kernel, bias = (np.asarray(params[f"Dense_{index}"][leaf]) for leaf in ("kernel", "bias"))
        x = (np.maximum(x, 0) if index else x) @ kernel + bias
    return x


def largest_sum(params, x):
    """The largest sum of magnitudes that a pass adds up: 1e-7 of it may be lost in float32."""
    x = np.abs(x)
    for index in range(len(params)):
        kernel, bias = (np.asarray(params[f"Dense_{index}"][leaf]) for leaf in ("kernel", "bias"))
        x = x @ np.abs(kernel) + np.abs(bias)
    return x.max()


def assert_is_mean(merged, members, weights=None, forward=in_numpy):
    """Equal to 1e-6, in float64 of the outputs' size, in the members' dtype of what is summed."""
    count, num_features = np.shape(members["Dense_0"]["kernel"])[:2]
    rng = np.random.default_rng(1)
    for spread in FAR:
        x = spread * rng.normal(size=(50, num_features))
        x = x.astype(np.asarray(members["Dense_0"]["kernel"]).dtype)
        each = [preactivations_float64(member(members, i), x)[-1] for i in range(count)]
        wanted = np.average(each, axis=0, weights=weights)
        exact = preactivations_float64(merged, x)[-1]
        assert np.abs(exact - wanted).max() <= 1e-6 * np.abs(each).max()  # members may cancel
        came = np.asarray(forward(merged, x), np.float64)
        summed = max(largest_sum(member(members, i), x) for i in range(count))
        assert np.abs(came - wanted).max() <= 1e-6 * summed


@given(
    count=st.integers(1, 5),
    sizes=st.lists(st.integers(1, 6), min_size=2, max_size=5),
    weighted=st.booleans(),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=25, deadline=None)
def test_the_merged_network_is_the_mean_near_and_far(count, sizes, weighted, seed):
    members = random_members(seed, count, sizes)
    weights = np.random.default_rng(seed).uniform(0, 3, count) + 1e-3 if weighted else None
    merged = merge_params(members, weights)
    d, *widths, k = sizes
    assert layer_sizes(merged) == (d, *(count * width for width in widths), k)
    assert_is_mean(merged, members, weights)


def test_a_merged_network_is_kept_exported_and_put_into_modules(tmp_path):
    params = merge_params(random_members(0, 3, (4, 5, 5, 2)))
    x = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    wanted = in_numpy(params, x)
    session = onnxruntime.InferenceSession(to_onnx(params), providers=["CPUExecutionProvider"])
    came = {
        "onnx": session.run(["y"], {"x": x})[0],
        "linen": MLP.from_params(params).apply({"params": params}, x),
        "nnx": to_nnx(params)(x),
    }
    for values in came.values():
        np.testing.assert_allclose(values, wanted, rtol=0, atol=1e-6 * np.abs(wanted).max())
    for save, load in ((save_npz, load_npz), (save_safetensors, load_safetensors)):
        save(tmp_path / "file", params)
        jax.tree.map(np.testing.assert_array_equal, load(tmp_path / "file"), params)
    wider = reshape(params, (20, 20), 0)
    np.testing.assert_allclose(in_numpy(wider, x), wanted, atol=1e-5)


def test_a_merged_head_is_replaced():
    head = merge_params(random_members(0, 3, (4, 5, 5, 2)))
    rows = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    new = replace_head({"body": np.ones(3), "head": head}, "head", rows, in_numpy(head, rows), 0)
    assert layer_sizes(new["head"]) == layer_sizes(head)


def test_it_is_the_mean_at_the_size_of_an_ensemble():
    members = random_members(0, 8, (13, 64, 64, 1))
    merged = merge_params(members)
    assert layer_sizes(merged) == (13, 512, 512, 1)
    assert_is_mean(merged, members, forward=FORWARD)


def test_unit_i_of_member_m_is_unit_m_w_plus_i():
    members = random_members(0, 3, (2, 4, 5, 1))
    merged = merge_params(members)
    np.testing.assert_array_equal(
        merged["Dense_0"]["kernel"][:, 4:8], members["Dense_0"]["kernel"][1]
    )
    blocks = np.asarray(merged["Dense_1"]["kernel"]).reshape(3, 4, 3, 5)
    for m in range(3):
        np.testing.assert_array_equal(blocks[m, :, m], members["Dense_1"]["kernel"][m])
        assert not np.delete(blocks[m], m, axis=1).any()


def test_one_member_is_itself():
    members = random_members(0, 1, (3, 4, 4, 2))
    jax.tree.map(np.testing.assert_array_equal, merge_params(members, [7.0]), member(members, 0))


def test_a_member_of_weight_zero_says_nothing():
    members = random_members(0, 2, (3, 4, 1))
    x = np.ones((5, 3), np.float32)
    wanted = in_numpy(member(members, 1), x)
    np.testing.assert_allclose(in_numpy(merge_params(members, [0, 2]), x), wanted, rtol=1e-6)


def test_weights_as_large_as_floats_are_shares():
    members = random_members(0, 2, (3, 4, 1))
    merged = merge_params(members, [1e308, 1e308])
    jax.tree.map(np.testing.assert_array_equal, merged, merge_params(members))


def test_hidden_layers_without_units_stay_without():
    members = random_members(0, 2, (3, 0, 1))
    merged = merge_params(members)
    assert layer_sizes(merged) == (3, 0, 1)
    assert_is_mean(merged, members)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_the_dtype_of_the_members_stays(dtype):
    merged = merge_params(random_members(0, 2, (3, 4, 1), jnp.dtype(dtype)))
    assert {str(leaf.dtype) for leaf in jax.tree.leaves(merged)} == {dtype}


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0], r"weights must have shape \(2,\), one per member; got \(1,\)\."),
        ([[1.0, 1.0]], r"weights must have shape \(2,\)"),
        ([1.0, -0.5], r"weights must not be negative; got -0\.5\."),
        ([0.0, 0.0], "weights must not all be zero; got only zeros."),
        ([1.0, np.nan], "weights"),
        ([1.0, np.inf], "weights"),
    ],
)
def test_bad_weights_are_named(weights, message):
    with pytest.raises(ValueError, match=message):
        merge_params(random_members(0, 2, (3, 4, 1)), weights)


def test_bad_members_are_named():
    members = random_members(0, 2, (3, 4, 1))
    with pytest.raises(ValueError, match=r"must have shape \(\.\.\., inputs, units\)"):
        merge_params(member(members, 0))
    with pytest.raises(ValueError, match="members must be at least one network; got none"):
        merge_params(jax.tree.map(lambda leaf: leaf[:0], members))
    members["Dense_1"] = jax.tree.map(lambda leaf: leaf[:1], members["Dense_1"])
    with pytest.raises(ValueError, match=r"must have the leading axes \(2,\)"):
        merge_params(members)
