"""Every exported form computes what the network computes."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import onnxruntime
import pytest

from spline_fc.cpwl import load_spline, save_spline
from spline_fc.network import (
    MLP,
    apply_params,
    from_nnx,
    from_stablehlo,
    load_npz,
    load_safetensors,
    reshape,
    save_npz,
    save_onnx,
    save_safetensors,
    spline_from_params,
    to_nnx,
    to_onnx,
    to_params,
    to_stablehlo,
)
from tests.splines import random_rows, random_spline


def network(dtype=np.float32, **options):
    spline = random_spline(1, terms=12, degree=2, outputs=3, directions=1, dtype=dtype)
    return reshape(to_params(spline), (32, 32, 32), jax.random.key(0), **options)


def run_onnx(data, x):
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return session.run(["y"], {"x": x})[0]


def assert_close(came, expected, eps):
    np.testing.assert_allclose(came, expected, rtol=0, atol=8 * eps * np.abs(expected).max())


def test_onnx_nnx_and_linen_agree_to_rounding():
    params = network()
    for spread in (1.0, 1000.0):
        x = random_rows(2, spread=spread)
        linen = np.asarray(MLP.from_params(params).apply({"params": params}, x))
        eps = np.finfo(np.float32).eps
        assert_close(to_nnx(params)(x), linen, eps)
        assert_close(run_onnx(to_onnx(params), x), linen, eps)
        assert_close(from_stablehlo(to_stablehlo(params))(x), linen, eps)
        assert_close(apply_params(params, x), linen, eps)


def test_float64_stays_float64(enable_x64, tmp_path):
    params = network(np.float64)
    x = random_rows(2, dtype=np.float64)
    expected = np.asarray(apply_params(params, x))
    save_onnx(tmp_path / "net.onnx", params)
    came = run_onnx((tmp_path / "net.onnx").read_bytes(), x)
    assert came.dtype == np.float64
    assert_close(came, expected, np.finfo(np.float64).eps)
    assert_close(from_stablehlo(to_stablehlo(params))(x), expected, np.finfo(np.float64).eps)


def test_onnx_is_gemm_and_relu_only_with_free_rows():
    data = to_onnx(network())
    kinds = [node.op_type for node in onnx.load_from_string(data).graph.node]
    assert kinds == ["Gemm", "Relu", "Gemm", "Relu", "Gemm", "Relu", "Gemm"]
    assert run_onnx(data, random_rows(0, 1)).shape == (1, 3)


def test_a_constant_network_exports():
    params = to_params(random_spline(terms=0, outputs=2))
    x = random_rows(0)
    np.testing.assert_array_equal(run_onnx(to_onnx(params), x), apply_params(params, x))


@pytest.mark.parametrize(
    "save, load, name",
    [
        (save_npz, load_npz, "p.npz"),
        (save_npz, load_npz, "model.v1"),
        (save_safetensors, load_safetensors, "p.safetensors"),
    ],
)
def test_files_of_parameters_come_back_bit_for_bit(save, load, name, tmp_path):
    params = network()
    save(tmp_path / name, params)
    again = load(tmp_path / name)
    assert jax.tree.structure(again) == jax.tree.structure(params)
    jax.tree.map(np.testing.assert_array_equal, again, params)
    assert all(leaf.dtype == np.float32 for leaf in jax.tree.leaves(again))


def test_npz_with_pickled_objects_is_refused(tmp_path):
    np.savez(tmp_path / "p.npz", bad=np.array([{}], dtype=object))
    with pytest.raises(
        ValueError, match=r"p\.npz must be an NPZ file; bad must hold real numbers; got object"
    ):
        load_npz(tmp_path / "p.npz")


def test_a_spline_through_json_gives_the_same_network(tmp_path):
    params = to_params(random_spline(1, terms=9, outputs=2, directions=2))
    save_spline(tmp_path / "s.json", spline_from_params(params))
    again = to_params(load_spline(tmp_path / "s.json"))
    jax.tree.map(np.testing.assert_array_equal, again, params)


def test_nnx_gives_its_parameters_back():
    params = network()
    again = from_nnx(to_nnx(params))
    assert jax.tree.structure(again) == jax.tree.structure(params)
    jax.tree.map(np.testing.assert_array_equal, again, params)


@pytest.mark.parametrize(
    "package, call",
    [
        ("safetensors", lambda: save_safetensors("unwritten", network())),
        ("onnx", lambda: to_onnx(network())),
    ],
)
def test_a_missing_package_is_named_with_its_extra(monkeypatch, package, call):
    for name in (package, f"{package}.numpy"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=rf"package {package}; .*spline_fc\[export\]"):
        call()


def test_other_dtypes_and_trees_are_refused():
    half = jax.tree.map(lambda a: a.astype(jnp.bfloat16), network())
    with pytest.raises(ValueError, match="float32 or float64; got bfloat16"):
        to_onnx(half)
    with pytest.raises(ValueError, match="without a gap"):
        to_onnx({"Dense_1": network()["Dense_1"]})
