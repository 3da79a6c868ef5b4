"""Fit a CSV file with words and gaps, keep the model in one file, predict new rows."""

import pathlib

import spline_fc as sfc

here = pathlib.Path(__file__).parent
dataset = sfc.load(here / "houses.csv", target="price", missing="median")
readable = {"directions": ()}  # every hinge on a column of its own
model = sfc.fit_model(dataset, hidden_sizes=(32, 32), start_options=readable).model
print(model.summary())
model.save("houses.npz")
print(sfc.load_model("houses.npz").predict(here / "new_houses.csv"))
