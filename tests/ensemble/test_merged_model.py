"""A model file whose network is a merged one: it predicts, explains, is kept and exported."""

import importlib.util
import json

import jax
import numpy as np
import onnxruntime
import pytest

import spline_fc as sfc
from spline_fc.network import layer_sizes, merge_params
from tests.model.houses import fitted, table


@pytest.fixture(scope="module")
def houses():
    """Two models that differ in their networks, and one with the mean of these."""
    first, _ = fitted("regression", ("params",))
    other = jax.tree.map(lambda leaf: 1.1 * leaf, first.params)
    both = jax.tree.map(lambda a, b: np.stack([a, b]), first.params, other)
    merged = first._replace(params=merge_params(both))
    return first, first._replace(params=other), merged, table(seed=1)[0]


def test_it_predicts_and_explains_the_mean(houses):
    *members, merged, frame = houses
    assert layer_sizes(merged.params)[1] == 2 * layer_sizes(members[0].params)[1]
    wanted = np.mean([member.predict(frame) for member in members], axis=0)
    np.testing.assert_allclose(merged.predict(frame), wanted, rtol=1e-6)
    reasons = merged.explain(frame, 3)
    parts = np.mean([member.explain(frame, 3).contribution for member in members], axis=0)
    np.testing.assert_allclose(reasons.contribution, parts, rtol=1e-4, atol=1e-4)


def test_it_is_kept_and_exported(houses, tmp_path):
    *_, merged, frame = houses
    wanted = merged.predict(frame)
    merged.save(tmp_path / "model")
    np.testing.assert_array_equal(sfc.load_model(tmp_path / "model").predict(frame), wanted)
    merged.export(tmp_path / "m.py", "python")
    spec = importlib.util.spec_from_file_location("exported", tmp_path / "m.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    np.testing.assert_allclose(module.predict(frame.to_dict("records")), wanted, rtol=1e-9)
    merged.export(tmp_path / "m.json", "json")
    assert "layers" in json.loads((tmp_path / "m.json").read_text())
    merged.export(tmp_path / "m.onnx", "onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    kind = np.float64 if "double" in session.get_inputs()[0].type else np.float32
    (came,) = session.run(["y"], {"x": merged.inputs(frame).astype(kind)})
    np.testing.assert_allclose(came[:, 0], wanted, rtol=1e-4)
