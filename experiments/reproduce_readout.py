"""How much of a network can be read off before and after training, split by split."""

from collections.abc import Callable

import numpy as np
from scipy.stats import spearmanr

from spline_fc import analysis, data, network, protocol, runs, workdir
from spline_fc.cpwl import Spline, evaluate
from spline_fc.data import Dataset
from spline_fc.network import Params
from spline_fc.protocol import SPLINE
from spline_fc.workdir import Workdir

ALONE, BEFORE = "spline alone", "before training"
PROBE = 500  # training rows over which shape functions average
POINTS = 41  # of a shape function
ON_AXIS = 0.9  # share of a unit's weight, |w_v| / |w|, that lies on one feature
DISTILLED = {"max_terms": 61, "knots": 32, "fast_k": 3}  # of a spline fitted to a network
Readout = dict[str, dict[str, list[float | None]]]  # model -> measure -> one value per split


def of_run(work: Workdir, on_split: Callable[[int], None] = lambda done: None) -> Readout:
    """Reads every network of a run by the same means.

    Args:
      work: of a regression on one target, with a contender of the name "spline".
      on_split: told the number of splits that are done.

    Returns:
      {model: {measure: [a value per split]}}, without measures that do not apply. Models are the
      contenders, "spline alone", and "NAME, before training" of the spline and of He. Measures:
      additive (share of the variance that shape functions carry), on_axis (share of the units of
      the spline, or of all if there is none, with 0.9 of their weight on one feature), drift
      (median way of their knots in inter-quartile ranges), agreement (rank correlation of the
      permutation importance with that of the spline alone), terms and distilled_share (of a spline
      that was fitted to the network) and rmse on test rows; clipped_rmse, and of the distilled
      spline share and distilled_rmse, on these rows with every column pulled in to the range of
      the training rows.
    """
    found: Readout = {}
    plan = runs.read_plan(work.config)
    for done, seed in enumerate(run["seed"] for run in work.chosen(SPLINE)):
        dataset = protocol.prepare(data.load(plan.data, seed=seed), plan.extrapolate)
        for name, measures in _split(work, seed, dataset).items():
            for measure, value in measures.items():
                short = None if value is None else float(f"{value:.4g}")
                found.setdefault(name, {}).setdefault(measure, []).append(short)
        on_split(done + 1)
    return found


def _split(work: Workdir, seed: int, dataset: Dataset) -> dict[str, dict[str, float | None]]:
    fit = workdir.read_fit(work, SPLINE, seed)
    assert fit is not None  # of a finished run
    reference = _importance(fit.spline, dataset)
    alone = {
        "additive": 1.0,
        "on_axis": 1.0,
        "terms": float(fit.num_terms),
        **_errors(fit.spline, dataset),
    }
    found: dict[str, dict[str, float | None]] = {ALONE: alone}
    for name in work.inits:
        before, after = (_network(work, name, seed, when) for when in ("initial", "best"))
        own = workdir.read_fit(work, name, seed)
        hinges = None if own is None else len(network.hinges(own).knot)
        models = {name: after}
        if name in (SPLINE, work.reference):
            models = {f"{name}, {BEFORE}": before, **models}
        for shown, params in models.items():
            agreement = spearmanr(reference, _importance(params, dataset)).statistic
            found[shown] = {
                "additive": _additive(params, dataset),
                **_units(before, params, dataset, hinges),
                "agreement": float(agreement),
                **_errors(params, dataset),
                **(_distilled(params, dataset) if params is after else {}),
            }
    return found


def _network(work: Workdir, name: str, seed: int, when: str) -> Params:
    """A contender's network, "initial" or at its "best" validation loss."""
    params = workdir.read_params(work.path, f"{name}-seed{seed}-{when}")
    assert params is not None
    return params


def _importance(model: Spline | Params, dataset: Dataset) -> np.ndarray:
    """By shuffling columns of the test part, in the same way for every model."""
    groups = None if dataset.encoding is None else dataset.encoding.groups
    return analysis.permutation_importance(model, *dataset.test, key=0, groups=groups).mean


def _errors(model: Spline | Params, dataset: Dataset) -> dict[str, float]:
    clipped = _rmse(model, _clipped(dataset), dataset)
    return {"rmse": _rmse(model, np.asarray(dataset.test.x), dataset), "clipped_rmse": clipped}


def _clipped(dataset: Dataset) -> np.ndarray:
    """The test rows, every column pulled in to its range among the training rows."""
    known = np.asarray(dataset.train.x)
    return np.clip(np.asarray(dataset.test.x), known.min(axis=0), known.max(axis=0))


def _rmse(model: Spline | Params, x: np.ndarray, dataset: Dataset) -> float:
    """The error on test rows, in raw units, with x in their place."""
    given = network.apply_params(model, x) if isinstance(model, dict) else evaluate(model, x)
    error = np.asarray(given) - np.asarray(dataset.test.y)
    return float(np.sqrt(np.mean(error**2)) * dataset.scaler.y_scale[0])


def _additive(params: Params, dataset: Dataset) -> float:
    x = np.asarray(dataset.train.x)
    probe = x[:: -(-len(x) // PROBE)]
    return 1.0 - float(analysis.shape_functions(params, probe, size=POINTS).non_additive[0])


def _units(
    before: Params, after: Params, dataset: Dataset, hinges: int | None
) -> dict[str, float | None]:
    """Where the units of the first layer are; of a spline start its own, the first so many."""
    track = analysis.knot_drift(before, after, dataset.train.x, min_alignment=ON_AXIS)
    if hinges is None:
        return {"on_axis": float((track.alignment[1] >= ON_AXIS).mean())}
    own = track.select(track.unit < hinges)
    moved = np.abs(own.displacement[1, own.aligned[1]])
    drift = float(np.median(moved)) if moved.size else None
    return {"on_axis": float(own.aligned[1].mean()), "drift": drift}


def _distilled(params: Params, dataset: Dataset) -> dict[str, float]:
    """A spline fitted to the network: its terms, its share of the network, its own error."""
    x = _clipped(dataset)
    back = analysis.distil(params, dataset.train.x, held_out=x, **DISTILLED)
    return {
        "terms": float(back.fit.num_terms),
        "distilled_share": float(back.held_out_share[0]),
        "distilled_rmse": _rmse(back.fit.spline, x, dataset),
    }
