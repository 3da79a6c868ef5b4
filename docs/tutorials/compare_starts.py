"""Which start trains best on my data? Three seeds of each, and the best learning rate of each."""

import pathlib

from spline_fc import pipeline, report

file = pathlib.Path(__file__).with_name("houses.csv")
config = {
    "data": {"name": str(file), "target": "price", "missing": "median"},
    "initialisations": ("spline", "he_normal", "swim"),
    "network": {"hidden_sizes": (32, 32)},
    "seeds": 3,
}
page = pipeline.run(config, "runs/starts")
print(report.text_table("runs/starts"), f"report: {page}", sep="\n")
