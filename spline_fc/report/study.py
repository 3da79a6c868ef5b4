"""Everything that is measured for the page about one run, before anything is drawn."""

from typing import Any, NamedTuple

import numpy as np

from spline_fc.analysis.knot_track import KnotTrack
from spline_fc.analysis.knots import (
    DriftSummary,
    KnotDrift,
    activity,
    disagreement,
    knot_drift,
    summarize_drift,
)
from spline_fc.analysis.speed import Speed
from spline_fc.analysis.tables import Row, main_rows, speeds_of
from spline_fc.analysis.workdir import (
    Directions,
    Workdir,
    read_directions,
    read_fit,
    read_params,
    read_spline,
    read_track,
)
from spline_fc.cpwl import FitResult, Spline

MIN_ALIGNMENT = 0.5
MOST_ROWS = 500  # averages over rows take at most so many


class LayerActivity(NamedTuple):
    """What the units of one hidden layer do on the training rows; (h,) each."""

    active_after: np.ndarray  # share of rows
    flipped: np.ndarray  # share of rows on which active and inactive changed places


class Study(NamedTuple):
    """What one page speaks of; units and shapes are those of one seed, the least."""

    work: Workdir
    rows: list[Row]
    speeds: list[Speed]
    init: str | None  # the start the page is about
    seed: int | None
    pairs: dict[str, tuple[dict, dict]]  # by initialisation: parameters before and after
    drifts: dict[str, KnotDrift]
    summaries: dict[str, DriftSummary]
    activity: dict[str, dict[str, LayerActivity]]  # by initialisation and layer
    track: KnotTrack | None
    flips: dict[str, np.ndarray]  # (records, units) per hidden layer
    spline: Spline | None  # the fitted one, if every hinge is on a feature
    fit: FitResult | None
    directions: Directions | None  # that the fitted one stands on beside the features
    x: np.ndarray  # (n, d) standardised, at most MOST_ROWS
    y: np.ndarray  # (n, k)

    @property
    def before(self) -> dict[str, Any] | None:
        """Parameters of the start the page is about."""
        return self.pairs[self.init][0] if self.init in self.pairs else None

    @property
    def start(self) -> Spline | dict[str, Any] | None:
        """What the page's network was before training: the spline itself where it can be read."""
        return self.spline if self.init == "spline" and self.spline is not None else self.before

    @property
    def after(self) -> dict[str, Any] | None:
        """Parameters at its best validation loss."""
        return self.pairs[self.init][1] if self.init in self.pairs else None


def study(work: Workdir) -> Study:
    """Gathers what a page speaks of.

    Args:
      work: from `read_workdir`.

    Returns:
      Study; what the folder lacks is None or empty.
    """
    seed = min((run["seed"] for run in work.runs), default=None)
    pairs, rows = {}, work.rows
    if rows is not None and seed is not None:
        found = {init: read_params(work, init, seed) for init in work.inits}
        pairs = {init: pair for init, pair in found.items() if pair and len(pair[0]) > 1}
    drifts = {
        init: knot_drift(*pair, rows.x, scaler=rows.scaler, min_alignment=MIN_ALIGNMENT)
        for init, pair in pairs.items()
    }
    init = _subject(work)
    track, flips = None, {}
    if init is not None:
        track, flips = read_track(work, init, seed) or (None, {})
    every = 1 if rows is None else -(-len(rows.x) // MOST_ROWS)
    return Study(
        work=work,
        rows=main_rows(work),
        speeds=speeds_of(work),
        init=init,
        seed=seed,
        pairs=pairs,
        drifts=drifts,
        activity={k: _activity(*pair, rows.x) for k, pair in pairs.items()},
        summaries={k: summarize_drift(d, min_alignment=MIN_ALIGNMENT) for k, d in drifts.items()},
        track=track,
        flips=flips,
        spline=None if seed is None else read_spline(work, seed),
        fit=None if seed is None else read_fit(work, seed),
        directions=None if seed is None else read_directions(work, seed),
        x=np.zeros((0, 0)) if rows is None else rows.x[::every],
        y=np.zeros((0, 0)) if rows is None else rows.y[::every],
    )


def _activity(before: dict, after: dict, x: np.ndarray) -> dict[str, LayerActivity]:
    start, end = activity(before, x), activity(after, x)
    flipped = disagreement(start, end)
    return {layer: LayerActivity(end[layer].mean(axis=0), flipped[layer]) for layer in end}


def _subject(work: Workdir) -> str | None:
    """The start the page is about: the spline, else the first that is not the reference."""
    others = [init for init in work.inits if init != work.reference]
    return "spline" if "spline" in others else next(iter(others), None)
