"""Networks as files for other programs: npz, safetensors, ONNX, StableHLO. Nothing is pickled.

Splines have their own JSON files, `cpwl.save_spline`.
"""

import os
from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import export as jax_export

from spline_fc import files
from spline_fc.checks import check, check_one_of, optional
from spline_fc.network.forward import apply_params
from spline_fc.network.structure import Params, check_network, flatten, layers, unflatten

_TENSOR_DTYPES = {"F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64"}
_ONNX_OPSET = 17
_ONNX_IR = 8  # the version that goes with this opset; newer ones need a newer runtime


def save_npz(path: str | os.PathLike, params: Params) -> None:
    """Writes a parameter tree to an .npz file with the keys "Dense_0/kernel" and so on.

    Args:
      path: file to write, of exactly this name.
      params: a fully connected network, or several with leading axes.

    Raises:
      OSError: the file cannot be written.
      ValueError: no such network, weights that are not finite, or a dtype that NumPy does not have.
    """
    check_network(params)
    files.write_npz(path, jax.tree.map(np.asarray, flatten(params)))


def load_npz(path: str | os.PathLike) -> Params:
    """Reads a parameter tree from an .npz file.

    Args:
      path: a file that `save_npz` wrote.

    Returns:
      Nested dicts of arrays in the dtypes that were saved, of NumPy where they are float64.

    Raises:
      OSError: the file cannot be read.
      ValueError: the file is damaged, or holds something else than a network of finite weights.
    """
    return _network(path, files.read_npz(path))


def save_safetensors(
    path: str | os.PathLike, params: Params, metadata: Mapping[str, str] | None = None
) -> None:
    """Does what `save_npz` does, with a safetensors file; ImportError without that package.

    Metadata are texts by name, which readers of the file find beside the tensors.
    """
    safetensors = optional("safetensors.numpy", "export")
    check_network(params)
    flat = {name: np.ascontiguousarray(leaf) for name, leaf in flatten(params).items()}
    with files.replacing(path) as file:
        file.write(safetensors.save(flat, None if metadata is None else dict(metadata)))


def load_safetensors(path: str | os.PathLike) -> Params:
    """Reads what `save_safetensors` wrote, as `load_npz` does; ImportError without safetensors."""
    safetensors = optional("safetensors", "export")
    path = files.as_path(path)
    data = path.read_bytes()
    try:
        flat = {name: _tensor(name, **tensor) for name, tensor in safetensors.deserialize(data)}
    except Exception as error:  # noqa: BLE001 - the package raises its own
        told = files.sentence(error)
        raise ValueError(f"{path} must be a safetensors file; {told}") from error
    return _network(path, flat)


def _tensor(name: str, dtype: str, shape: Sequence[int], data: bytes) -> np.ndarray:
    check_one_of(f"the dtype of {name}", dtype, _TENSOR_DTYPES)
    # jnp.dtype, as NumPy alone does not know bfloat16.
    return np.frombuffer(bytes(data), jnp.dtype(_TENSOR_DTYPES[dtype])).reshape(shape)


def _network(path: str | os.PathLike, flat: Mapping[str, np.ndarray]) -> Params:
    """The tree of what a file holds, which ValueError names if it is no network."""
    try:
        params = unflatten(flat)
        check_network(params)
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)} must hold a saved network; {error}") from error
    # As in `from_layers`: JAX need not have float64 enabled.
    is_wide = next(iter(flat.values())).dtype == np.float64
    return params if is_wide else jax.tree.map(jnp.asarray, params)


def to_onnx(params: Params, metadata: Mapping[str, str] | None = None) -> bytes:
    """Serialises a network as an ONNX model of Gemm and Relu nodes alone.

    Args:
      params: a fully connected network, float32 or float64.
      metadata: texts by name, which a runtime gives back beside the network.

    Returns:
      The bytes of an .onnx file: input "x" (n, d), output "y" (n, k), n free.

    Raises:
      ImportError: the package onnx is not installed.
      ValueError: the tree is no fully connected network of finite weights, or of another dtype.
    """
    onnx = optional("onnx", "export")
    check_network(params)
    stack = _without_empty_layers(params)
    dtype = stack[0][0].dtype
    check(dtype in (np.float32, np.float64), f"params must be float32 or float64; got {dtype}.")
    nodes, initializers, value = [], [], "x"
    for i, layer in enumerate(stack):
        names = [f"Dense_{i}/kernel", f"Dense_{i}/bias"]
        initializers += [
            onnx.numpy_helper.from_array(array, name)
            for array, name in zip(layer, names, strict=True)
        ]
        last = i == len(stack) - 1
        out = "y" if last else f"Dense_{i}"
        nodes.append(onnx.helper.make_node("Gemm", [value, *names], [out], name=f"Dense_{i}"))
        if not last:
            value = f"relu_{i}"
            nodes.append(onnx.helper.make_node("Relu", [out], [value], name=value))
    kind = onnx.helper.np_dtype_to_tensor_dtype(dtype)
    ends = [
        onnx.helper.make_tensor_value_info(name, kind, ["n", size])
        for name, size in (("x", stack[0][0].shape[0]), ("y", stack[-1][0].shape[1]))
    ]
    graph = onnx.helper.make_graph(nodes, "spline_fc", ends[:1], ends[1:], initializers)
    opset = onnx.helper.make_opsetid("", _ONNX_OPSET)
    model = onnx.helper.make_model(
        graph, opset_imports=[opset], ir_version=_ONNX_IR, producer_name="spline_fc"
    )
    onnx.helper.set_model_props(model, dict(metadata or {}))
    onnx.checker.check_model(model)
    return model.SerializeToString()


def save_onnx(
    path: str | os.PathLike, params: Params, metadata: Mapping[str, str] | None = None
) -> None:
    """Writes a network to an .onnx file; arguments and errors as for `to_onnx`, and OSError."""
    model = to_onnx(params, metadata)
    with files.replacing(path) as file:
        file.write(model)


def to_stablehlo(params: Params, platforms: Sequence[str] = ("cpu", "cuda", "tpu")) -> bytes:
    """Serialises the forward pass with its weights as StableHLO, by `jax.export`.

    Args:
      params: a fully connected network.
      platforms: what it may be run on.

    Returns:
      The bytes of a `jax.export.Exported`: x (n, d) to y (n, k), n free; `from_stablehlo` loads it.

    Raises:
      ValueError: the tree is no fully connected network of finite weights.
    """
    check_network(params)
    kernel = layers(params)[0][0]
    (rows,) = jax_export.symbolic_shape("n")
    x = jax.ShapeDtypeStruct((rows, kernel.shape[0]), kernel.dtype)
    forward = jax.jit(lambda x: apply_params(params, x))
    return bytes(jax_export.export(forward, platforms=tuple(platforms))(x).serialize())


def from_stablehlo(data: bytes) -> Callable[[jax.Array], jax.Array]:
    """Loads what `to_stablehlo` returned, as a function of x (n, d)."""
    return jax_export.deserialize(bytearray(data)).call


def _without_empty_layers(params: Params) -> list[tuple[np.ndarray, np.ndarray]]:
    """The layers as NumPy arrays; behind a layer of width 0 the input does not matter.

    Runtimes do not promise to multiply matrices without elements.
    """
    stack = [(np.asarray(kernel), np.asarray(bias)) for kernel, bias in layers(params)]
    empty = [i for i, (_, bias) in enumerate(stack[:-1]) if not bias.size]
    if not empty:
        return stack
    behind = stack[empty[-1] + 1 :]
    blank = np.zeros((stack[0][0].shape[0], len(behind[0][1])), behind[0][0].dtype)
    return [(blank, behind[0][1]), *behind[1:]]
