"""Draws the pictures of the README and of the guides to docs/img.

    python -m experiments.pictures

Most are made here, from fixed seeds: a curve with noise, and the rents of flats that nobody ever
let; replaced heads, cost as the data grow and the reproduction are those of records. It takes about
half a minute; digits differ a little from processor to processor.
"""

import io
import pathlib
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image

import spline_fc as sfc
from experiments import growth_table, head_table, reproduce_table, startup
from spline_fc import analysis, files, network, training
from spline_fc.data import Dataset, unscale_x, unscale_y
from spline_fc.plots import look

FOLDER = pathlib.Path(__file__).parents[1] / "docs" / "img"
HEADS = FOLDER.parents[1] / "results" / "head" / "cpu.json"
GROWTH = FOLDER.parents[1] / "results" / "growth"
REPRODUCED = FOLDER.parents[1] / "results" / "reproduce"
DPI = 200  # twice what a page of 800 pixels shows
WIDEST = 1500
COLOURS = 128  # of a file: pictures stay small
SEEDS = range(3)
WIDE = {"epochs": 100, "learning_rate": 1e-2, "batch_size": 32}
FLATS = {"epochs": 60, "learning_rate": 1e-2, "batch_size": 64}


def main(argv: list[str]) -> None:
    """Draws all pictures and prints what they weigh."""
    del argv
    FOLDER.mkdir(exist_ok=True)
    with matplotlib.rc_context(look.STYLE):
        save("overview", overview(curve()))
        for name, figure in guides(flats()).items():
            save(name, figure)
        save("heads", head_table.figure(files.read_json(HEADS)))
        save("calibration", reliability(quick_lets()))
        save("growth", growth_table.figure(growth_table.read(GROWTH)))
        reproduced = reproduce_table.read(REPRODUCED)
        save("reproduction", reproduce_table.curves(reproduced))
        save("additive", reproduce_table.additive(reproduced))


def curve() -> Dataset:
    """A curve with noise, whose bends are of many widths."""
    rng = np.random.default_rng(1)
    x = rng.uniform(0, 1, (600, 1))
    y = np.sin(14 * x**1.5) * (0.5 + 0.7 * x)
    y += 0.12 * y.std() * rng.normal(size=x.shape)
    return sfc.standardize(sfc.from_arrays(x, y, feature_names=["x"], target_names=["y"]))


def flats() -> Dataset:
    """Rents of flats: numbers, two categories, and an area that counts by the district."""
    table, rent = _rents(1500)
    return sfc.standardize(sfc.from_arrays(table, rent, target_names=["rent"], name="flats"))


def quick_lets() -> Dataset:
    """Flats of a known rent, and whether they were let within a week."""
    table, rent = _rents(4000)
    table["rent"] = np.round(rent)
    likes = 6 - 0.5 * rent / table["area"] + (table["balcony"] == "yes") - 0.02 * table["area"]
    luck = np.random.default_rng(1).logistic(size=len(table))
    quick = (likes + luck > 0).astype(float)
    return sfc.standardize(sfc.from_arrays(table, quick, task="binary", name="lets"))


def _rents(rows: int) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    districts = {"harbour": 3.0, "centre": 5.5, "hill": 2.5, "north": 0.0, "mill": -1.0}
    district = rng.choice(list(districts), size=rows, p=(0.15, 0.2, 0.1, 0.3, 0.25))
    area = np.round(rng.gamma(9, 8, rows) + 18)
    year = rng.integers(1890, 2025, rows)
    storey = rng.integers(0, 8, rows)
    balcony = rng.choice(["no", "yes"], size=rows)
    metre = 11 + np.vectorize(districts.get)(district) + 0.05 * np.maximum(year - 1985, 0)
    metre += 0.02 * np.maximum(1940 - year, 0) - 0.02 * np.minimum(area - 40, 30)
    rent = area * metre + 9 * np.minimum(storey, 4) + 35 * (balcony == "yes")
    rent += 0.06 * rent.mean() * rng.normal(size=rows)
    columns = {"area": area, "year built": year, "district": district, "storey": storey}
    return pd.DataFrame(columns | {"balcony": balcony}), rent


def overview(dataset: Dataset) -> Figure:
    """The idea at a glance: a spline of the data, trained on as a network, and its knots."""
    x, y = dataset.train
    fit = sfc.fit_mars(x, y, max_terms=7)
    start = sfc.reshape(sfc.to_params(fit), (32,), key=0)
    runs: dict[str, list[Any]] = {"spline": [], "random\n(He)": []}
    for seed in SEEDS:
        he = sfc.init_params("he_normal", seed, x, y, (32,))
        for name, params in (("spline", start), ("random\n(He)", he)):
            runs[name].append(sfc.train(params, dataset, WIDE, seed=seed))
    after = runs["spline"][0].params
    drift = sfc.knot_drift(start, after, x, scaler=dataset.scaler)
    units = np.arange(len(network.hinges(fit.spline).knot))

    figure = Figure(figsize=(8, 2.75), layout=ConstrainedLayoutEngine(w_pad=0.06, wspace=0.03))
    data, losses, knots = figure.subplots(1, 3)
    dots = {"color": "#b4bdc6", "markersize": 2.2, "markeredgewidth": 0}
    data.plot(*_raw(dataset, x, y), "o", zorder=1, label="data", **dots)
    knots.plot(*_raw(dataset, x, y), "o", zorder=1, **dots)
    before = {"color": look.INK, "linewidth": 1.8, "zorder": 3}
    _function(data, dataset, start, label="spline", **before)
    _marks(data, dataset, start, drift.knot[0, units], look.INK, "white", "its knots")
    sfc.plots.convergence(runs, ax=losses)
    _function(knots, dataset, start, **before | {"linestyle": (0, (3, 2)), "linewidth": 1.1})
    _function(knots, dataset, after, color=look.BLUE, linewidth=2.0, zorder=3)
    _marks(knots, dataset, start, drift.knot[0, units], look.INK, "white", "before")
    _marks(knots, dataset, after, drift.knot[1, units], look.BLUE, look.BLUE, "after")
    for ax in (data, knots):
        ax.set(xlabel="x", ylabel="y")
        ax.legend(loc="lower left", borderaxespad=0, handlelength=1.6, labelspacing=0.3)
    titles = ("1 Fit a spline to the data", "2 Train it on, as a network", "3 See its knots move")
    for ax, title in zip((data, losses, knots), titles, strict=True):
        ax.set_title(title)
    return figure


def guides(dataset: Dataset) -> dict[str, Figure]:
    """One picture of each kind, for the guides."""
    starts = [sfc.spline_start(seed, *dataset.train, (32,)) for seed in SEEDS]
    runs: dict[str, list[Any]] = {"spline": [], "He": []}
    recorder = training.network_recorder()
    for seed, start in zip(SEEDS, starts, strict=True):
        he = sfc.init_params("he_normal", seed, *dataset.train, (32,))
        for name, params in (("spline", start.params), ("He", he)):
            runs[name].append(sfc.train(params, dataset, FLATS, seed=seed, recorder=recorder))
    start, result = starts[0], runs["spline"][0]
    models = {"spline alone": [one.fit for one in starts], "network": runs["spline"]}
    both = {"before": start.params, "after": result.params}
    tracks = {
        name: analysis.knot_track(run[0].trace, dataset.train.x, scaler=dataset.scaler)
        for name, run in runs.items()
    }
    given = unscale_y(dataset.scaler, np.asarray(sfc.apply_params(result.params, dataset.test.x)))
    shuffled = {
        name: analysis.permutation_importance(
            one, *dataset.test, key=0, groups=dataset.encoding.groups
        )
        for name, one in (("spline alone", start.fit.spline), ("network", result.params))
    }
    about = sfc.plots.about(dataset)._replace(feature_names=tuple(dataset.encoding.groups))
    pictures = sfc.plots
    return {
        "convergence": _figure(pictures.convergence, runs, size=(5, 3)),
        "shape_functions": _figure(pictures.shape_functions, models, dataset, size=(8, 2.2)),
        "surface": _figure(pictures.surface, result, dataset, features=(0, 1), size=(4.2, 2.8)),
        "partition": _figure(pictures.partition, both, dataset, features=(0, 1), size=(6.8, 2.6)),
        "knot_drift": _figure(
            pictures.knot_drift, tracks["spline"], dataset, features=(0, 1), size=(8, 1.9)
        ),
        "alignment": _figure(pictures.alignment, tracks, size=(6, 2.4)),
        "importance": _figure(pictures.importance, shuffled, about, size=(5.4, 2.2)),
        "predicted": _figure(
            pictures.predicted_against_observed,
            given,
            unscale_y(dataset.scaler, dataset.test.y),
            dataset,
            size=(3.6, 3.4),
        ),
    }


def reliability(dataset: Dataset) -> Figure:
    """Diagrams of a spline of classes, and of a large network that has learnt its rows by heart."""
    start = sfc.spline_start(0, *dataset.train, (32,), task=dataset.task)
    he = sfc.init_params("he_normal", 0, *dataset.train, (256, 256))
    last = {"epochs": 40, "learning_rate": 3e-3, "averaging": 0.0}
    models = {
        "spline": start.params,
        "overfitted network": sfc.train(he, dataset, last).last_params,
    }
    figure = Figure(figsize=(6.4, 3.1), layout=ConstrainedLayoutEngine(**look.GAPS))
    loss = training.LOSS_OF[dataset.task]
    for (name, params), ax in zip(models.items(), figure.subplots(1, 2), strict=True):
        found = training.probabilities(loss, sfc.apply_params(params, dataset.test.x))
        sfc.plots.calibration(found[:, 1], dataset.test.y[:, 0], name=name, ax=ax)
    return figure


def save(name: str, figure: Figure) -> None:
    """Writes a picture with few colours and of WIDEST pixels at most, so that it is small."""
    drawn = io.BytesIO()
    dpi = min(DPI, int(WIDEST / figure.get_figwidth()))
    figure.savefig(drawn, format="png", dpi=dpi, metadata={"Software": None})
    few = Image.open(drawn).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    file = FOLDER / f"{name}.png"
    few.save(file, optimize=True)
    print(f"{file.relative_to(FOLDER.parents[1])}: {file.stat().st_size / 1000:.0f} kB")


def _figure(draw: Any, *records: Any, size: tuple[float, float], **options: Any) -> Figure:
    """A figure of so many inches with a picture of one row of panels."""
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(**look.GAPS))

    def make(count: int) -> list[Axes]:
        return figure.subplots(1, count, squeeze=False).ravel().tolist()

    draw(*records, ax=make, **options)
    return figure


def _raw(dataset: Dataset, x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    return unscale_x(dataset.scaler, x)[:, 0], unscale_y(dataset.scaler, np.asarray(y))[:, 0]


def _function(ax: Axes, dataset: Dataset, params: Any, **line: Any) -> None:
    x = np.linspace(*np.quantile(dataset.train.x, (0, 1)), 801)[:, None]
    ax.plot(*_raw(dataset, x, sfc.apply_params(params, x)), **line)


def _marks(
    ax: Axes, dataset: Dataset, params: Any, knots: Any, edge: str, face: str, name: str
) -> None:
    """The knots on the function that bends there."""
    x = (np.asarray(knots)[:, None] - dataset.scaler.x_shift) / dataset.scaler.x_scale
    style = {"color": edge, "markerfacecolor": face, "markersize": 6, "zorder": 4, "label": name}
    ax.plot(*_raw(dataset, x, sfc.apply_params(params, x)), "o", linestyle="none", **style)


if __name__ == "__main__":
    startup.start(main)
