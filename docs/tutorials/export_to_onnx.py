"""Export a model, here that of fit_a_table.py, to ONNX: columns in raw units to predictions."""

import spline_fc as sfc

model = sfc.load_model("houses.npz")
model.export("houses.onnx", "onnx")
print("inputs, in this order:", *model.feature_names, sep="\n  ")
