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
# # A network that begins as a spline
#
# [![Open In Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/)
#
# A network is usually started from random numbers. Here it starts from a *spline*: a sum of hinges
# `max(0, x - knot)` that is fitted to the data in well under a second, can be read as a formula,
# and **is** a ReLU network, with one hidden unit per hinge. Training goes on from there. The idea
# is that of Mo et al. ([arXiv:2102.06554](https://arxiv.org/abs/2102.06554)); this is an
# independent implementation in JAX and Flax.
#
# The notebook walks the whole road on Abalone, the age of shellfish from eight measurements:
#
# 1. fit a spline and read it,
# 2. turn it into a network, and check that the two are the same function,
# 3. train on, against a network that begins at random (He's initialisation),
# 4. see where training took the knots, and what is left that can be read,
# 5. take the start apart: is it the knots that help, or the coefficients?
# 6. train an ensemble that says how far off it may be.
#
# It also says where the start does *not* help. On Google Colab: press the badge, upload this file,
# and run all cells.

# %% [markdown]
# ## Set-up
#
# Nothing need be installed before. In a clone of the repository the next cell takes the clone.
# Elsewhere, as on Colab, give an address that pip understands, or upload a zip file of the
# repository beside the notebook and leave the address empty.

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

# %% [markdown]
# How much is computed: `"quick"` takes about two minutes on two processor cores, `"full"` as many
# splits and epochs as the tables of the repository have, about ten times as long.

# %%
import os

MODE = os.environ.get("SPLINE_FC_NOTEBOOK", "quick")  # "quick" or "full"; tests say "smoke"
SIZES = {
    "quick": {"splits": 5, "epochs": 60, "widths": (64, 64), "members": 4},
    "full": {"splits": 20, "epochs": 100, "widths": (64, 64), "members": 8},
    "smoke": {"splits": 2, "epochs": 2, "widths": (16, 16), "members": 2},
}[MODE]
SPLITS, EPOCHS, WIDTHS, MEMBERS = SIZES.values()
RATES = (1e-3, 3e-3, 1e-2)  # each start gets the best of them, by its own validation rows

# %%
# %config InlineBackend.figure_format = "retina"
import tempfile

import numpy as np
import pandas as pd

import spline_fc as sfc
from spline_fc import analysis, network, pipeline, training, workdir
from spline_fc.data import join_validation, unscale_y
from spline_fc.ensemble import of_ensemble
from spline_fc.printing import significant
from spline_fc.report.formats import display_name, mean_error

# %% [markdown]
# ## The data
#
# Abalone is looked for in the folder that the environment variable `SPLINE_FC_DATA` names, and else
# fetched from [OpenML](https://www.openml.org/d/44956). Without a network the notebook goes on with
# made-up data: Friedman's function of ten columns, half of which do nothing.

# %%
NAME = "abalone"
try:
    raw = sfc.load(NAME, seed=0)
except FileNotFoundError as error:
    print(f"{error}\nGoing on with friedman1.")
    NAME = "friedman1"
    raw = sfc.load(NAME, seed=0)
raw

# %% [markdown]
# Rows are split at random into a training part, a validation part by which everything is chosen,
# and a test part that is looked at once. Columns are brought to mean 0 and deviation 1; results
# below are turned back into the units of the table.

# %%
dataset = sfc.standardize(raw)
x, y = dataset.train
x_test, y_test = dataset.test


def rmse(outputs) -> float:
    """The error on test rows, in units of the table."""
    given = unscale_y(dataset.scaler, np.asarray(outputs))
    return float(np.sqrt(np.mean((given - unscale_y(dataset.scaler, y_test)) ** 2)))


# %% [markdown]
# ## 1. A spline
#
# `spline_start` fits the spline and makes the network in one step. Inside it adds pairs of hinges
# as long as they explain something, prunes by generalised cross-validation, and shrinks
# coefficients that cancel each other. `directions=()` keeps every hinge on a column of its own, so
# that the spline is a sum of curves, one for each column.

# %%
start = sfc.spline_start(0, x, y, WIDTHS, directions=())
start

# %%
print(sfc.make_model(dataset, spline=start.fit).formula())

# %% [markdown]
# The same as pictures: what each column adds to the prediction. A category has a dot for each of
# its levels; the pale area shows where the rows are.

# %%
_ = sfc.plots.shape_functions(start.fit, dataset)

# %% [markdown]
# ## 2. The same function as a network
#
# A hinge is a hidden unit with a ReLU. `to_params` writes the spline down as a network with one
# hidden layer; `reshape` gives it the architecture that is wanted, here two layers, and fills it up
# with units whose outgoing weights are zero. Neither changes the function:

# %%
small = sfc.to_params(start.fit)
wide = start.params
linen = sfc.MLP.from_params(wide)  # a Flax module
of_spline = sfc.evaluate(start.fit, x_test)
of_networks = {
    "one hidden layer": sfc.apply_params(small, x_test),
    "reshaped": sfc.apply_params(wide, x_test),
    "as a Flax module": linen.apply({"params": wide}, x_test),
}
difference = {
    name: float(np.abs(np.asarray(v) - of_spline).max()) for name, v in of_networks.items()
}
assert max(difference.values()) < 1e-4
pd.DataFrame(
    {
        "layers": [
            network.layer_sizes(small),
            network.layer_sizes(wide),
            network.layer_sizes(wide),
        ],
        "largest difference to the spline": difference.values(),
    },
    index=list(difference),
)

# %% [markdown]
# That is single precision: the network computes what the spline computes. So it begins with the
# spline's error, to which a network of random numbers has to come down first.

# %% [markdown]
# ## 3. Training on, against a random start
#
# One call trains all starts, on several random splits and at several learning rates, and writes a
# folder with every curve. `masked` keeps each hinge on its column while its knot may move;
# `penalised` pulls all weights back to the start.

# %%
folder = pathlib.Path(tempfile.mkdtemp())
config = {
    "data": {"name": NAME},
    "fit": {"directions": ()},
    "variants": {
        "masked": {"start": "spline", "training": {"keep_axes": True}},
        "penalised": {"start": "spline", "training": {"initial_decay": 1.0}},
    },
    "initialisations": ("spline", "masked", "penalised", "he_normal"),
    "network": {"hidden_sizes": WIDTHS},
    "training": {"epochs": EPOCHS, "warmup_epochs": min(5, EPOCHS)},
    "learning_rates": RATES,
    "seeds": SPLITS,
}
_ = pipeline.run(config, folder / "starts", page=False)


def scores(name: str) -> pd.DataFrame:
    """Means over splits with standard errors; every start at its own best learning rate."""
    work = workdir.read_workdir(folder / name)
    alone = {fit["seed"]: fit for fit in work.fits if fit["init"] == "spline"}.values()
    found = {"spline alone": {"test RMSE": mean_error([fit["test_rmse"] for fit in alone])}}
    for init in work.inits:
        runs = work.chosen(init)
        found[display_name(init)] = {
            "test RMSE before training": mean_error([run["start_rmse"] for run in runs]),
            "best validation loss": mean_error([run["best_validation_loss"] for run in runs]),
            "test RMSE": mean_error([run["test_rmse"] for run in runs]),
        }
    return pd.DataFrame(found).T.iloc[:, ::-1].fillna("")


scores("starts")

# %% [markdown]
# The first row is the spline alone, without any training. Where the networks below it are no
# better, training on added nothing: data with much noise are like that.

# %%
curves = analysis.metrics_curves(folder / "starts" / "metrics")
_ = sfc.plots.convergence(
    {display_name(init): list(seeds.values()) for init, seeds in curves.items()}
)

# %% [markdown]
# How many steps does it take to come within 5 % of the best validation loss of He's network, and to
# that loss? 0 means that the spline is there before the first step. Ratios below 1 speak for the
# spline; they are medians over splits, with bootstrap intervals where there are three or more; ∞ is
# never.

# %%
best = {seed: analysis.best_loss(history) for seed, history in curves["he_normal"].items()}
targets = analysis.relative_targets(best, multiples=(1.05, 1.0), of="He's best")
rows = []
for speed in analysis.compare_speed(curves, targets, "he_normal"):
    for reach in speed.reaches:
        value, low, high = (1.0, 1.0, 1.0) if reach.step_ratio is None else reach.step_ratio.median
        rows.append(
            {
                "start": display_name(speed.init),
                "target": reach.target,
                "median steps": significant(np.median(reach.steps), 4),
                "over He's": significant(value, 2),
                "interval": f"{significant(low, 2)} to {significant(high, 2)}",
                "never there": f"{np.isinf(reach.steps).sum()} of {reach.steps.size} splits",
            }
        )
pd.DataFrame(rows).set_index(["target", "start"]).sort_index()

# %% [markdown]
# ## 4. Where did the knots go, and what can still be read?
#
# One network more, of the first split, whose hidden units are recorded while it is trained: from
# the spline and from random numbers.

# %%
settings = {"epochs": EPOCHS, "warmup_epochs": min(5, EPOCHS), "learning_rate": 3e-3}
recorder = training.network_recorder(every=max(1, EPOCHS // 20))
he = sfc.init_params("he_normal", 0, x, y, WIDTHS)
origin = training.spline_origin(start.fit.spline, start.params)
trained = {
    "spline": sfc.train(start.params, dataset, settings, recorder=recorder),
    "masked": sfc.train(start.params, dataset, {**settings, "keep_axes": True}, origin=origin),
    "He": sfc.train(he, dataset, settings, recorder=recorder),
}
tracks = {
    name: analysis.knot_track(trained[name].trace, x, scaler=dataset.scaler)
    for name in ("spline", "He")
}
hinges = tracks["spline"].select(np.arange(len(network.hinges(start.fit).knot)))

# %% [markdown]
# A line is a hinge of the spline, its open end where the knot began, its filled end where training
# left it, in the units of the table.

# %%
_ = sfc.plots.knot_drift(hinges, dataset)

# %%
_ = sfc.plots.knots_over_steps(hinges, dataset)

# %% [markdown]
# A hinge reads one column: all of its weight lies on it. Units of a random start mix all columns,
# so that none of them has a knot to speak of.

# %%
_ = sfc.plots.alignment({"hinges of the spline": hinges, "units of He's network": tracks["He"]})

# %% [markdown]
# What can be read off? `additive` is the share of a network's variance that its curves, one for
# each column, carry: 1 for the spline by construction. `agreement` is the rank correlation of the
# columns' importance with that for the spline. A network from random numbers can be read by the
# same means, and can be *distilled* into a spline afterwards, so what the start gains is the
# difference.

# %%
before = {"spline, before training": start.params}
after = {name: result.params for name, result in trained.items()}
groups = None if dataset.encoding is None else dataset.encoding.groups
probe = x[:: max(1, len(x) // 500)]


def importance(model):
    """By shuffling columns of test rows, the levels of a category together."""
    return analysis.permutation_importance(model, x_test, y_test, key=0, groups=groups)


reference = pd.Series(importance(start.fit.spline).mean).rank()
readout = {}
for name, params in {**before, **after}.items():
    back = analysis.distil(params, x, max_terms=61, knots=32, held_out=x_test)
    readout[name] = {
        "additive": 1 - analysis.shape_functions(params, probe, size=41).non_additive[0],
        "agreement": reference.corr(pd.Series(importance(params).mean).rank()),
        "distilled: share explained": back.held_out_share[0],
        "distilled: hinges": len(network.hinges(back.fit).knot),
        "test RMSE": rmse(sfc.apply_params(params, x_test)),
        "test RMSE, distilled": rmse(sfc.evaluate(back.fit, x_test)),
    }
pd.DataFrame(readout).T.round(3)

# %%
_ = sfc.plots.shape_functions({"spline": start.fit, "trained on": trained["spline"]}, dataset)

# %%
names = sfc.plots.about(dataset)
names = names if groups is None else names._replace(feature_names=tuple(groups))
shuffled = {"spline": importance(start.fit.spline), "trained on": importance(after["spline"])}
_ = sfc.plots.importance({**shuffled, "He": importance(after["He"])}, names)

# %% [markdown]
# ## 5. An ablation: knots or coefficients?
#
# The start with one of its parts taken away. *random knots* puts the hinges elsewhere and fits
# their coefficients anew, *shuffled coefficients* deals them to other hinges, *scale only* keeps no
# more than how large the weights are.

# %%
controls = ("random_knots", "shuffled_coefficients", "scale_only")
ablation = {
    **config,
    "variants": {name: {"start": "spline", "control": name} for name in controls},
    "initialisations": ("spline", *controls, "he_normal"),
}
_ = pipeline.run(ablation, folder / "ablation", page=False)
scores("ablation")

# %% [markdown]
# Where *random knots* do as well as the spline's own, it is little matter where exactly the hinges
# bend, as their coefficients are fitted anew: what the start brings is the fit. Where *scale only*
# falls back to He, the size of the weights is not what helps.

# %%
ablated = analysis.metrics_curves(folder / "ablation" / "metrics")
_ = sfc.plots.convergence(
    {display_name(init): list(seeds.values()) for init, seeds in ablated.items()}
)

# %% [markdown]
# ## 6. An ensemble with intervals
#
# Members hold out one part of the rows each. Their mean is one network again, and the rows that
# each member has not seen tell how far off it is: an interval of 90 % is to hold nine of ten new
# rows. (A model that was fitted to a table, as in `your_table.ipynb`, has `predict_interval` for
# new rows.)

# %%
ensemble = sfc.train_ensemble(
    *(0, raw, WIDTHS),
    members=MEMBERS,
    training_config=config["training"],
    learning_rates=RATES,
)
pooled = sfc.standardize(join_validation(raw))  # training and validation rows share one scaler
held_out = of_ensemble(ensemble, pooled)
ends = held_out.interval(pooled.test.x, 0.9)
mean = np.asarray(sfc.ensemble_outputs(ensemble, pooled.test.x))
lower, upper, predicted = (unscale_y(pooled.scaler, part)[:, 0] for part in (*ends, mean))
observed = raw.test.y[:, 0]
held = np.mean((lower <= observed) & (observed <= upper))
print(
    f"{held:.1%} of {len(observed)} test rows lie within; mean width {np.mean(upper - lower):.3g}"
)
some = slice(0, 150)
_ = sfc.plots.predicted_against_observed(
    predicted[some], observed[some], raw, interval=(lower[some], upper[some])
)

# %% [markdown]
# ## What came of it
#
# Test errors of this notebook's own split, in units of the table: the mean of the training rows, a
# straight line through them, the spline, networks, and the ensemble.

# %%
scores = {name: found["rmse"] for name, found in training.baselines(dataset).items()}
scores["spline alone"] = rmse(of_spline)
scores |= {f"network from {name}": rmse(sfc.apply_params(p, x_test)) for name, p in after.items()}
scores[f"ensemble of {MEMBERS}"] = float(np.sqrt(np.mean((predicted - observed) ** 2)))
pd.DataFrame({"test RMSE": scores}).round(4)

# %% [markdown]
# On Abalone these errors are close to each other, as most of what is left is noise. The start gains
# little error, if any. What it gains are the steps at the beginning, where the random network comes
# down to what the spline has found; to the very best loss of that network it may come later, or
# never. And while hinges stay on their columns, a network that is trained freely lets columns act
# together: its curves then tell part of it only, as the table above says, while the pull to the
# start keeps more. Where columns do act together training pays more: set `NAME = "friedman1"`
# above, or open `your_table.ipynb` and bring your own rows. The tables of the repository, on twenty
# splits of four sets and with their intervals, are in `docs/reproduction.md`.
