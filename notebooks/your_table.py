# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Bring your own table
#
# [![Open In Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/)
#
# A table goes in, a file that predicts new rows comes out, and on the way there is a formula, a
# picture of what each column does, and intervals around predictions. Words, gaps and dates are
# taken as they come. The last sections save the model and load it again.
#
# The table may predict a number, as here, or a class; the cells that are about numbers alone say
# so. On Google Colab: press the badge, upload this file, and run all cells.

# %% [markdown]
# ## Set-up
#
# In a clone of the repository the next cell takes the clone. Elsewhere, as on Colab, give an
# address that pip understands, or upload a zip file of the repository beside the notebook and leave
# the address empty.

# %%
ADDRESS = ""  # for example "git+https://github.com/OWNER/spline_fc"

# %%
import importlib.util
import pathlib
import subprocess
import sys


def find_source(address: str) -> str:
    """Where spline_fc is installed from: a clone around this notebook, an address, an upload."""
    here = pathlib.Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "spline_fc" / "__init__.py").is_file():
            return folder.as_uri()
    if address:
        return address
    for upload in sorted(here.glob("spline_fc*.zip")) + sorted(here.glob("spline_fc*.whl")):
        return upload.as_uri()
    raise SystemExit("Set ADDRESS above, or upload a zip file of the repository, spline_fc.zip.")


if importlib.util.find_spec("spline_fc") is None:
    wanted = f"spline_fc[plots] @ {find_source(ADDRESS)}"
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", wanted], check=True)

# %%
# %config InlineBackend.figure_format = "retina"
import os
import tempfile

import numpy as np
import pandas as pd

import spline_fc as sfc
from spline_fc import analysis, network

SMOKE = os.environ.get("SPLINE_FC_NOTEBOOK") == "smoke"  # tests say so, to be done sooner
MEMBERS, EPOCHS, WIDTHS = (2, 2, (16, 16)) if SMOKE else (8, 100, (64, 64))

# %% [markdown]
# ## The table
#
# Set `FILE` to the path of a CSV file and `TARGET` to the column that is to be predicted. With
# `UPLOAD = True`, Colab asks for a file. As it stands the table is one of made-up flats, of which
# is known how their prices came about; without a clone it is scikit-learn's table of diabetes.

# %%
FILE, TARGET, UPLOAD = None, None, False


def example() -> tuple[pathlib.Path, str]:
    """The table of the tutorials, or one that comes with scikit-learn."""
    for folder in (pathlib.Path.cwd(), *pathlib.Path.cwd().parents):
        houses = folder / "docs" / "tutorials" / "houses.csv"
        if houses.is_file():
            return houses, "price"
    import sklearn.datasets

    path = pathlib.Path(tempfile.mkdtemp()) / "diabetes.csv"
    sklearn.datasets.load_diabetes(as_frame=True, scaled=False).frame.to_csv(path, index=False)
    return path, "target"


if UPLOAD:
    from google.colab import files

    FILE = next(iter(files.upload()))
if FILE is None:
    FILE, TARGET = example()
frame = pd.read_csv(FILE)
frame.head()

# %% [markdown]
# A row is kept where something is missing: numbers get the median of the training rows, words a
# level of their own. How each column was taken:

# %%
raw = sfc.load(FILE, target=TARGET, missing="median", seed=0)
dataset = sfc.standardize(raw)
is_number = raw.task == "regression"
print(sfc.describe_columns(raw))

# %% [markdown]
# ## Fit and read
#
# `fit_model` fits a spline, turns it into the network that is the same function, trains that on at
# three learning rates and keeps what was best on validation rows. `directions=()` keeps every hinge
# on a column of its own, so that the formula can be read; leave it out for what is mostly a lower
# error.

# %%
settings = {"epochs": EPOCHS, "warmup_epochs": min(5, EPOCHS)}
readable = {"directions": ()}
fitted = sfc.fit_model(raw, WIDTHS, start_options=readable, training_config=settings)
model = fitted.model
print(model.summary())

# %% [markdown]
# Below the scores stands the spline with which the network began; `model.formula()` has it alone.
# Its terms are hinges, and `[column = level]` is 1 where it holds. The scores say how far network
# and spline are apart; where they are alike, the formula is all there is to know.

# %% [markdown]
# What each column does, before and after training. Dots are levels of a category; the pale area
# shows where the rows are.

# %%
_ = sfc.plots.shape_functions({"spline": fitted.start.fit, "network": fitted.result}, dataset)

# %%
shapes = analysis.shape_functions(fitted.result.params, dataset.train.x[:500], size=41)
print(f"{1 - shapes.non_additive[0]:.1%} of what the network says is the sum of these curves;")
print("the rest is what columns do together.")

# %% [markdown]
# ## Where the knots went
#
# A line is a hinge, its open end where the spline had its knot, its filled end where training left
# it.

# %%
drift = sfc.knot_drift(
    fitted.start.params, fitted.result.params, dataset.train.x, scaler=dataset.scaler
)
hinges = drift.select(np.arange(len(network.hinges(fitted.start.fit).knot)))
_ = sfc.plots.knot_drift(hinges, dataset)

# %% [markdown]
# ## New rows
#
# Rows are found by the names of their columns; a level that was never seen is none of the levels.
# Here the first rows of the table stand for new ones.

# %%
new = frame.drop(columns=raw.target_names, errors="ignore").head()
pd.DataFrame({"predicted": model.predict(new)})

# %% [markdown]
# Why is the first of them what it is? What each column adds to the prediction of the average row.

# %%
found = model.explain(new.head(1))
found

# %% [markdown]
# ## Intervals
#
# Eight members that hold out one part of the rows each: their mean is one network again, mostly
# better than any of them, and the rows that they have not seen tell how far off it is. Of numbers,
# nine of ten new rows are to lie within; of classes a row gets those that it may have.

# %%
many = sfc.fit_model(raw, WIDTHS, members=MEMBERS, training_config=settings).model
if is_number:
    lower, upper = many.predict_interval(new, level=0.9)
    table = {"predicted": many.predict(new), "lower": lower, "upper": upper}
else:
    table = {"predicted": many.predict(new)}
    table |= dict(zip(many.classes, many.predict_set(new, level=0.9).T.astype(int), strict=True))
pd.DataFrame(table)

# %% [markdown]
# ## Keep it
#
# A model is one file: how columns are read, how they are scaled, the spline, the network. Loaded
# again it gives the same numbers to the last bit. `export` writes ONNX, JSON, or a Python module
# that needs nothing but Python itself.

# %%
folder = pathlib.Path(tempfile.mkdtemp())
model.save(folder / "model.npz")
again = sfc.load_model(folder / "model.npz")
assert (again.predict(new) == model.predict(new)).all()
model.export(folder / "model.py", "python")
print(*sorted(path.name for path in folder.iterdir()), "in", folder)
