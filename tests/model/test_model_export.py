"""What is exported predicts what the model predicts, by its own means."""

import csv
import importlib.util
import json
import logging
import os
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest

import spline_fc as sfc
from tests.model.houses import fitted, table


def rows_of(frame):
    """Rows as a CSV file gives them: texts by name."""
    return [{name: str(value) for name, value in row.items()} for row in frame.to_dict("records")]


def module_of(path):
    spec = importlib.util.spec_from_file_location("exported", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("parts", [("spline",), ("params",)])
@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
def test_a_module_without_imports_predicts_the_same(task, parts, tmp_path):
    model, _ = fitted(task, parts, extrapolate="clip")
    model.export(tmp_path / "m.py", "python")
    module, (frame, _) = module_of(tmp_path / "m.py"), table(seed=1)
    frame.loc[0, "area"] = 100.0
    rows = rows_of(frame)
    np.testing.assert_allclose(module.outputs(rows), model.outputs(frame), rtol=1e-9, atol=1e-9)
    if task == "regression":
        np.testing.assert_allclose(module.predict(rows), model.predict(frame), rtol=1e-9)
        with pytest.raises(ValueError, match="must be asked of a classification"):
            module.predict_proba(rows)
    else:
        assert module.predict(rows) == model.predict(frame).tolist()
        np.testing.assert_allclose(
            module.predict_proba(rows), model.predict_proba(frame), atol=1e-9
        )


def test_a_module_runs_where_nothing_is_installed(tmp_path):
    model, _ = fitted("regression")
    model.export(tmp_path / "m.py", "python")
    frame, _ = table(8)
    frame.to_csv(tmp_path / "rows.csv", index=False)
    command = [sys.executable, "-I", "-S", tmp_path / "m.py", tmp_path / "rows.csv"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr
    head, *found = csv.reader(done.stdout.splitlines())
    assert head == ["price"]
    np.testing.assert_allclose([float(v) for (v,) in found], model.predict(frame), rtol=1e-9)
    done = subprocess.run([*command[:-1], "none.csv"], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith("error: ")
    reader, writer = os.pipe()
    os.close(reader)  # as `head` does when it has what it wants
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert done.returncode == 1 and not done.stderr, done.stderr


def test_a_module_tells_of_levels_and_gaps(tmp_path, caplog):
    frame, y = table()
    frame.loc[0, "area"] = np.nan
    dataset = sfc.standardize(sfc.from_arrays(frame, y, missing="median"))
    params = {"Dense_0": {"kernel": np.ones((6, 1), np.float32), "bias": np.zeros(1, np.float32)}}
    model = sfc.make_model(dataset, params=params)
    model.export(tmp_path / "m.py", "python")
    module = module_of(tmp_path / "m.py")
    strange = {"area": "", "tree": "fir", "lit": " NO ", "sold": "2024-03-07"}
    with caplog.at_level(logging.WARNING):
        came = module.predict([strange, strange])
    told = {"area": [None], "tree": ["fir"], "lit": ["no"], "sold": ["2024-03-07"]}
    np.testing.assert_allclose(came, model.predict({k: 2 * v for k, v in told.items()}), rtol=1e-9)
    own = [record.message for record in caplog.records if record.name == "exported"]
    assert len(own) == 2 and all("2 cell(s)" in message for message in own)
    for bad, wanted in (({"tree": "ash"}, "must have the column 'area'"), ({}, "hold numbers")):
        row = bad or {**strange, "area": "wide"}
        with pytest.raises(ValueError, match=wanted):
            module.predict([row])


def test_the_network_is_exported_with_the_scaler_folded_in(tmp_path):
    model, _ = fitted("binary", extrapolate="clip")
    frame, _ = table(seed=1)
    x = sfc.encode(model.encoding, frame)
    model.export(tmp_path / "m.onnx", "onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    kind = np.float64 if "double" in session.get_inputs()[0].type else np.float32
    (came,) = session.run(["y"], {"x": x.astype(kind)})
    np.testing.assert_allclose(came, model.outputs(frame), atol=1e-3)
    about = session.get_modelmeta().custom_metadata_map
    assert json.loads(about["classes"]) == list(model.classes) and about["scale"] == "logit"
    model.export(tmp_path / "m.safetensors", "safetensors")
    params = sfc.network.load_safetensors(tmp_path / "m.safetensors")
    assert sfc.network.layer_sizes(params) == sfc.network.layer_sizes(model.network())


def test_json_says_all_that_predictions_need(tmp_path):
    model, _ = fitted("multiclass")
    model.export(tmp_path / "m.json", "json")
    found = json.loads((tmp_path / "m.json").read_text())
    assert found["classes"] == list(model.classes) and found["outputs"] == list(model.classes)
    assert [column["name"] for column in found["columns"]] == ["area", "tree", "lit", "sold"]
    assert found["columns"][2]["shown"] == ["yes"]
    x = sfc.encode(model.encoding, table()[0])
    for depth, layer in enumerate(found["layers"]):
        x = np.maximum(x, 0) if depth else x
        x = x @ np.array(layer["kernel"]) + np.array(layer["bias"])
    np.testing.assert_allclose(x, model.outputs(table()[0]), rtol=1e-9, atol=1e-9)
    with pytest.raises(ValueError, match="format must be one of 'onnx', 'json'"):
        model.export(tmp_path / "m.pmml", "pmml")


def test_a_module_reads_no_number_with_other_marks(tmp_path):
    rows = 60
    price = [f"{1000 + 10 * i:,}.5".translate(str.maketrans(",.", ".,")) for i in range(rows)]
    dataset = sfc.from_arrays(
        {"price": price, "near": ["yes", "n/a"] * 30}, np.arange(rows), missing="median"
    )
    fit = sfc.make_model(
        dataset, params={"Dense_0": {"kernel": np.ones((2, 1)), "bias": np.zeros(1)}}
    )
    fit.export(tmp_path / "m.py", "python")
    module = module_of(tmp_path / "m.py")
    new = [("1.234,5", "yes"), ("-2", "n/a"), ("1.234.567", "--")]
    came = module.predict([{"price": p, "near": n} for p, n in new])
    wanted = fit.predict({"price": [p for p, _ in new], "near": [n for _, n in new]})
    np.testing.assert_allclose(came, wanted, rtol=1e-12)
    for bad in ("1.5", "1,234,5", "1_000", "12.34"):
        with pytest.raises(ValueError, match="must hold numbers"):
            module.predict([{"price": bad, "near": "yes"}])
    (tmp_path / "rows.csv").write_text("price,near\n5,yes\n6\n")
    command = [sys.executable, "-I", "-S", tmp_path / "m.py", tmp_path / "rows.csv"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stderr == "error: line 3 must have 2 cells, as the header has.\n"
