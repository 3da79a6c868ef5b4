"""Predict by what export_to_onnx.py wrote, where neither JAX nor spline_fc is installed."""

import json

import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("houses.onnx")
names = json.loads(session.get_modelmeta().custom_metadata_map["feature_names"])
row = {"area": 65, "year": 1975, "district=gardens": 1, "lift=no": 1, "km_to_station": 0.4}
x = np.array([[row.get(name, 0) for name in names]], np.float32)
(price,) = session.run(None, {"x": x})
print(f"price: {price[0, 0]:.1f}")
