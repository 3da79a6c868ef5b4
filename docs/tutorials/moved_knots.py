"""Which knots of the spline did training move, and how far? In the units of the file."""

import pathlib

import numpy as np

import spline_fc as sfc

file = pathlib.Path(__file__).with_name("houses.csv")
dataset = sfc.standardize(sfc.load(file, target="price", missing="median"))
start = sfc.spline_start(0, *dataset.train, (32, 32), directions=())
result = sfc.train(start.params, dataset, {"epochs": 40})
drift = sfc.knot_drift(start.params, result.params, dataset.train.x, scaler=dataset.scaler)
drift = drift.select(drift.began_on_axis)  # the hinges of the spline
for i in np.argsort(-abs(drift.displacement[1]))[:5]:
    name, (before, after) = dataset.feature_names[drift.feature[i]], drift.knot[:, i]
    print(f"{name}: {before:.5g} -> {after:.5g}, active on {drift.active[1, i]:.0%} of the rows")
