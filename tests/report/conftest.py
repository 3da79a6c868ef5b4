"""A small workdir made by hand, exactly as a run writes it."""

import json
import pathlib

import numpy as np
import pytest

from spline_fc import data, training
from spline_fc.cpwl import fit_classes, fit_mars, save_fit
from spline_fc.data import Dataset
from spline_fc.files import plain
from spline_fc.workdir import FORMAT, write_data
from tests.analysis.splines import hinge_network, normal_rows, random_network

# What is predicted of the houses: the targets, columns that are left out, the loss.
TARGETS = {
    "price": (["price"], ["sold"], "squared_error"),
    "sold": (["sold"], ["price"], "sigmoid_cross_entropy"),
    "heating": (["heating"], ["price", "sold"], "softmax_cross_entropy"),
    "both": (["price", "area"], ["sold"], "squared_error"),
}
HEATING = ("gas and solar panels", "district heating", "oil", "wood pellets, since 2015")


@pytest.fixture
def spline_params() -> dict:
    """Six axis-aligned hinges on three of four features, one output."""
    return hinge_network()


@pytest.fixture
def workdir(tmp_path: pathlib.Path) -> pathlib.Path:
    """Two initialisations, two seeds, two learning rates; one rejected run diverged."""
    return make_workdir(tmp_path / "quickstart")


def make_workdir(path: pathlib.Path) -> pathlib.Path:
    """Writes the files of a run."""
    rng, rows, spline_params = np.random.default_rng(1), normal_rows(), hinge_network()
    for folder in ("data", "metrics", "params", "fits", "knots"):
        (path / folder).mkdir(parents=True)
    _json(path / "workdir.json", {"format": FORMAT})
    config = {"data": {"name": "friedman1"}, "training": {"epochs": 20}, "seeds": 2}
    _json(path / "config.json", config)
    made = {"date": "2026-11-26 12:00 UTC", "command": "python -m experiments.train --config=x"}
    about = {"spline_fc": "0.1.0", "jax": "0.10.2", "device": "cpu"}
    _json(path / "environment.json", made | about)
    (path / "status").write_text("done\n")
    runs = []
    for init, start, end in (("spline", 0.2, 0.05), ("he_normal", 1.0, 0.1)):
        for seed in range(2):
            for rate in (0.001, 0.01):
                runs.append(_run(path, init, seed, rate, start, end * (1 + 0.1 * seed), rng))
            _params(path, f"{init}-seed{seed}", spline_params, rng)
    _json(path / "runs.json", runs)
    _json(path / "fits.json", [
        {"init": "spline", "seed": seed, "terms": 6, "rss": 60.0, "gcv": 0.22, "r2": 0.8,
         "seconds_compile": 1.5, "seconds_run": 0.2, "stop_reason": "max_terms reached",
         "validation_loss": 0.2, "test_loss": 0.21, "test_rmse": 2.3, "test_mae": 1.8,
         "test_r2": 0.8}
        for seed in range(2)])  # fmt: skip
    _json(path / "baselines.json", [
        {"init": name, "seed": seed, "test_rmse": rmse, "test_mae": 0.8 * rmse, "test_r2": r2}
        for name, rmse, r2 in (("mean", 5.0, -0.01), ("linear model", 3.1, 0.6))
        for seed in range(2)])  # fmt: skip
    np.savez(path / "data" / "seed0.npz", task="regression", name="friedman1",
             x=np.float32(rows), y=np.float32(rows[:, :1]), sizes=np.array([len(rows), 50, 40]),
             test_x=np.float32(rows[:40]), test_y=np.float32(rows[:40, :1]),
             x_shift=np.array([10.0, 0, -5, 1]), x_scale=np.array([2.0, 1, 0.1, 3]),
             y_shift=np.zeros(1), y_scale=np.array([5.0]),
             feature_names=np.array(["alcohol", "pH", "free <b>SO2</b> & more of it", "sugar"]),
             target_names=np.array(["quality"]))  # fmt: skip
    return path


def read_houses(folder: pathlib.Path, target: str) -> Dataset:
    """A table as people have it: words, gaps, units, a long name; standardised."""
    rng, lines = np.random.default_rng(3), []
    for i in range(150):
        area, heat, garden = rng.integers(40, 200), rng.integers(4), rng.random() < 0.4
        price = 1000 * area + 40_000 * (heat == 1) + 9_000 * rng.normal()
        size = "" if i in (5, 50, 77) else f"{area}"
        words = HEATING[heat], "yes" if garden else "no", "fast" if price > 150_000 else "slow"
        lines.append(f"{size};{words[0]};{words[1]};{i % 7};{price:.0f} €;{words[2]}")
    head = "area;heating;garden;number of rooms_with_windows_to_the_south;price;sold"
    file = folder / "houses_of_the_town.csv"
    file.write_text("\n".join([head, *lines]), encoding="utf-8")
    targets, ignored, _ = TARGETS[target]
    return data.standardize(data.load(file, target=targets, ignore=ignored, missing="median"))


def make_houses(path: pathlib.Path, target: str) -> pathlib.Path:
    """A run on the houses: two seeds, a key of TARGETS."""
    run, loss = make_workdir(path), TARGETS[target][2]
    dataset = read_houses(path.parent, target)
    config = {"data": {"name": str(path.parent / "houses_of_the_town.csv")}}
    _json(run / "config.json", config | {"training": {"loss": loss, "epochs": 20}})
    x, y = dataset.train
    search = fit_mars if dataset.task == "regression" else fit_classes
    fit = search(x, y, max_terms=7, names=dataset.feature_names)
    size, outputs = x.shape[1], y.shape[1]
    for seed in range(2):
        write_data(run, seed, dataset)
        save_fit(run / "fits" / f"spline-seed{seed}.json", fit)
        for init in ("spline", "he_normal"):
            rng = np.random.default_rng(seed)
            _params(run, f"{init}-seed{seed}", random_network((size, 6, outputs), seed), rng)
    scores = training.baselines(dataset)
    _json(run / "baselines.json", [
        {"init": name, "seed": seed, **{f"test_{key}": v for key, v in found.items()}}
        for name, found in scores.items()
        for seed in range(2)])  # fmt: skip
    for name in ("runs", "fits"):
        rows = json.loads((run / f"{name}.json").read_text())
        found = {f"test_{key}": value for key, value in scores["mean"].items()}
        found["test_loss"] = 0.5
        rows = [{**{k: v for k, v in row.items() if "test_" not in k}, **found} for row in rows]
        _json(run / f"{name}.json", rows)
    return run


def let_diverge(run: pathlib.Path) -> pathlib.Path:
    """Makes every run of a workdir one that diverged."""
    runs = json.loads((run / "runs.json").read_text())
    _json(run / "runs.json", [row | {"diverged": True} for row in runs])
    (run / "status").write_text("diverged\n")
    return run


def _run(path: pathlib.Path, init: str, seed: int, rate: float, start: float, end: float,
         rng: np.random.Generator) -> dict:  # fmt: skip
    name = f"{init}-seed{seed}-lr{rate:g}"
    diverged = init == "he_normal" and seed == 1 and rate == 0.01
    epochs = np.arange(21)
    loss = end + (start - end) * np.exp(-epochs / 4) + 0.002 * rng.uniform(size=21)
    loss[0] = start
    if diverged:
        loss[5:] = np.nan
    if rate == 0.001:
        loss = loss + 0.01 * (init == "spline")
    begin = 1.7 if init == "spline" else 0.0
    lines = [{"epoch": int(e), "step": int(e * 10), "train_loss": v, "validation_loss": v,
              "test_loss": v, "seconds": begin + 0.2 * int(e)}
             for e, v in zip(epochs, loss.tolist(), strict=True)]  # fmt: skip
    (path / "metrics" / f"{name}.jsonl").write_text(
        "".join(json.dumps(plain(s)) + "\n" for s in lines)
    )
    best = int(np.nanargmin(loss))
    chosen = rate == (0.01 if init == "spline" or seed == 0 else 0.001)
    return {"run": name, "init": init, "seed": seed, "learning_rate": rate, "chosen": chosen,
            "epochs": 20, "best_epoch": best, "best_step": best * 10,
            "best_validation_loss": float(loss[best]),
            "test_loss": float(loss[best]), "test_rmse": 5 * float(loss[best]) ** 0.5,
            "test_mae": 4 * float(loss[best]) ** 0.5, "test_r2": 1 - float(loss[best]),
            "stop_reason": "all epochs done", "diverged": diverged, "train_seconds": 4.0,
            "compile_seconds": 2.0, "start_seconds": begin}  # fmt: skip


def _params(path: pathlib.Path, stem: str, params: dict, rng: np.random.Generator) -> None:
    for kind, noise in (("initial", 0.0), ("best", 0.15)):
        flat = {
            f"{layer}/{leaf}": (value + noise * rng.normal(size=value.shape)).astype(np.float32)
            for layer, leaves in params.items()
            for leaf, value in leaves.items()
        }
        np.savez(path / "params" / f"{stem}-{kind}.npz", **flat)


def _json(file: pathlib.Path, value: object) -> None:
    file.write_text(json.dumps(value))
