"""How much of a network can be read off before and after training, split by split."""

import math
from collections.abc import Callable, Mapping

import numpy as np
from scipy.stats import spearmanr

from spline_fc import analysis, network, workdir
from spline_fc.analysis import Permutation
from spline_fc.cpwl import FitResult, Spline
from spline_fc.network import Params
from spline_fc.protocol import SPLINE
from spline_fc.workdir import Rows, Workdir

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
      that was fitted to the network, the share on test rows), rmse and distilled_rmse.
    """
    found: Readout = {}
    splits = [run["seed"] for run in work.chosen(SPLINE)]
    for done, seed in enumerate(splits):
        for name, measures in _split(work, seed).items():
            for measure, value in measures.items():
                short = None if value is None else float(f"{value:.4g}")
                found.setdefault(name, {}).setdefault(measure, []).append(short)
        on_split(done + 1)
    return found


def _split(work: Workdir, seed: int) -> dict[str, dict[str, float | None]]:
    rows, fit = workdir.read_data(work, seed), workdir.read_fit(work, SPLINE, seed)
    assert rows is not None and fit is not None  # of a finished run
    encoding = workdir.read_encoding(work, seed)
    groups = None if encoding is None else encoding.groups
    alone = _shuffled(fit.spline, rows, groups)
    found: dict[str, dict[str, float | None]] = {
        ALONE: {"additive": 1.0, "on_axis": 1.0, "terms": _terms(fit), "rmse": _rmse(alone, rows)}
    }
    for name in work.inits:
        before, after = (_network(work, name, seed, when) for when in ("initial", "best"))
        own = workdir.read_fit(work, name, seed)
        hinges = None if own is None else len(network.hinges(own).knot)
        models = {name: after}
        if name in (SPLINE, work.reference):
            models = {f"{name}, {BEFORE}": before, **models}
        for shown, params in models.items():
            shuffled = _shuffled(params, rows, groups)
            found[shown] = {
                "additive": _additive(params, rows),
                **_units(before, params, rows, hinges),
                "agreement": float(spearmanr(alone.mean, shuffled.mean).statistic),
                "rmse": _rmse(shuffled, rows),
                **(_distilled(params, rows) if params is after else {}),
            }
    return found


def _network(work: Workdir, name: str, seed: int, when: str) -> Params:
    """A contender's network, "initial" or at its "best" validation loss."""
    params = workdir.read_params(work.path, f"{name}-seed{seed}-{when}")
    assert params is not None
    return params


def _shuffled(model: Spline | Params, rows: Rows, groups: Mapping | None) -> Permutation:
    """Permutation importance on the test part, by the same shuffles for every model."""
    return analysis.permutation_importance(model, rows.test_x, rows.test_y, key=0, groups=groups)


def _rmse(shuffled: Permutation, rows: Rows) -> float:
    """The error of the unshuffled test rows, in raw units."""
    return math.sqrt(shuffled.baseline) * float(rows.scaler.y_scale[0])


def _additive(params: Params, rows: Rows) -> float:
    probe = rows.x[:: -(-len(rows.x) // PROBE)]
    return 1.0 - float(analysis.shape_functions(params, probe, size=POINTS).non_additive[0])


def _units(
    before: Params, after: Params, rows: Rows, hinges: int | None
) -> dict[str, float | None]:
    """Where the units of the first layer are; of a spline start its own, the first so many."""
    track = analysis.knot_drift(before, after, rows.x, min_alignment=ON_AXIS)
    if hinges is None:
        return {"on_axis": float((track.alignment[1] >= ON_AXIS).mean())}
    own = track.select(track.unit < hinges)
    moved = np.abs(own.displacement[1, own.aligned[1]])
    drift = float(np.median(moved)) if moved.size else None
    return {"on_axis": float(own.aligned[1].mean()), "drift": drift}


def _distilled(params: Params, rows: Rows) -> dict[str, float]:
    """A spline fitted to the network: its terms, its share of the network, its own error."""
    back = analysis.distil(params, rows.x, held_out=rows.test_x, **DISTILLED)
    return {
        "terms": _terms(back.fit),
        "distilled_share": float(back.held_out_share[0]),
        "distilled_rmse": _rmse(_shuffled(back.fit.spline, rows, None), rows),
    }


def _terms(fit: FitResult) -> float:
    """Terms that pruning kept, with the intercept, as runs count them."""
    return float(1 + fit.pruning.kept[fit.pruning.chosen].sum())
