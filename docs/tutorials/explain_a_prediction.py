"""Explain one prediction of a kept model, here that of fit_a_table.py, in raw units."""

import pathlib

import spline_fc as sfc

model = sfc.load_model("houses.npz")
found = model.explain(pathlib.Path(__file__).with_name("new_houses.csv"), 3)
print(found)  # what each column adds to the prediction of the average row
