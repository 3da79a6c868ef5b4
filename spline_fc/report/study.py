"""Everything that is measured for the page about one run, before anything is drawn."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import jax
import numpy as np

from spline_fc.analysis import ImportanceTable, KnotTrack, Speed, compare_importance
from spline_fc.checks import check
from spline_fc.cpwl import FitResult
from spline_fc.network import layer_sizes
from spline_fc.report.measures import (
    Pair,
    Plane,
    Shapes,
    Units,
    measure_plane,
    measure_shapes,
    measure_units,
)
from spline_fc.report.rows import Row, main_rows, row_of, speeds_of
from spline_fc.workdir import Rows, Workdir, read_data, read_fit, read_knots, read_params

MOST_ROWS = 500  # averages over rows take at most so many
REDRAWS = 32  # values a feature is set to for its contribution

T = TypeVar("T")


class Study(NamedTuple):
    """What one page speaks of; units and shapes are those of one seed, the least."""

    work: Workdir
    rows: list[Row]
    speeds: list[Speed]
    init: str | None  # the start the page is about
    seed: int | None
    damage: tuple[str, ...]  # what could not be read or measured, one sentence each
    data: Rows | None = None
    num_averaged: int = 0  # rows that shapes and importance are averaged over
    units: Mapping[str, Units] = MappingProxyType({})  # by initialisation
    track: KnotTrack | None = None
    flips: Mapping[str, np.ndarray] = MappingProxyType({})  # (records, units) per hidden layer
    fit: FitResult | None = None
    shapes: Shapes | None = None
    plane: Plane | None = None
    importance: ImportanceTable | None = None

    @property
    def row(self) -> Row | None:
        """The start the page is about."""
        return row_of(self.rows, self.init)

    @property
    def reference(self) -> Row | None:
        """The start that others are compared with."""
        return row_of(self.rows, self.work.reference)


class _Attempts:
    """Runs measurements one by one; what cannot be read or measured becomes a sentence."""

    def __init__(self) -> None:
        self.damage: list[str] = []

    def __call__(self, what: str, measure: Callable[..., T], *arguments: Any) -> T | None:
        try:
            return measure(*arguments)
        except (ValueError, TypeError, KeyError, IndexError, OSError) as error:
            said = f"{error}".splitlines() or [type(error).__name__]
            self.damage.append(f"{what} cannot be shown: {said[0].rstrip('.')}.")
            return None


def study(work: Workdir) -> Study:
    """Gathers what a page speaks of; what the folder lacks is None or empty."""
    attempt = _Attempts()
    speeds = attempt("The speed of the starts", speeds_of, work) or []
    rows = attempt("The results", main_rows, work, speeds) or []
    seed = min((run["seed"] for run in work.runs), default=None)
    init = _subject(work)
    found = {} if seed is None else _of_seed(attempt, work, init, seed)
    return Study(work, rows, speeds, init, seed, (*work.damage, *attempt.damage), **found)


def _of_seed(attempt: _Attempts, work: Workdir, init: str | None, seed: int) -> dict[str, Any]:
    """The fields of a Study that speak of the networks of one seed."""
    data = attempt("The training rows", read_data, work, seed)
    fits = {name: attempt(f"The fit of {name}", read_fit, work, name, seed) for name in work.inits}
    found: dict[str, Any] = {"data": data}
    if init is not None:
        found["fit"] = fits.get(init)
        way = attempt("The way of the knots", read_knots, work, init, seed)
        if way is not None:
            found["track"], found["flips"] = way
    if data is None:
        return found
    units = found["units"] = {}
    for name in work.inits:
        pair = attempt(f"The parameters of {name}", _read_pair, work, name, seed, data.x.shape[1])
        if pair is None:
            continue
        measured = attempt(f"The units of {name}", measure_units, pair, data, fits[name])
        if measured is not None:
            units[name] = measured
        if name == init:
            found |= _of_pair(attempt, pair, measured, data, fits[name])
    return found


def _of_pair(
    attempt: _Attempts, pair: Pair, units: Units | None, data: Rows, fit: FitResult | None
) -> dict[str, Any]:
    """Shapes, importance and linear pieces of the start the page is about."""
    every = -(-len(data.x) // MOST_ROWS)
    x, y = data.x[::every], data.y[::every]
    start = fit.spline if fit is not None else pair.before
    models = {"before": start, "after": pair.after}
    options: dict[str, Any] = {"feature_names": data.feature_names, "points": REDRAWS, "fit": fit}
    found: dict[str, Any] = {
        "num_averaged": len(x),
        "shapes": attempt("Shape functions", measure_shapes, start, pair.after, x),
        "importance": attempt(
            "Importance",
            lambda: compare_importance(models, x, y, key=jax.random.key(0), **options),
        ),
    }
    if units is not None:
        found["plane"] = attempt("Linear pieces", measure_plane, pair, units.drift, x, data)
    return found


def _read_pair(work: Workdir, init: str, seed: int, num_features: int) -> Pair | None:
    """Parameters before training and at the best validation loss; None unless both are there."""
    before, after = (
        read_params(work.path, f"{init}-seed{seed}-{kind}") for kind in ("initial", "best")
    )
    if before is None or after is None or len(before) < 2:
        return None
    wanted, came = layer_sizes(before), layer_sizes(after)
    check(
        wanted == came and wanted[0] == num_features,
        f"its networks must have {num_features} inputs and be alike; got sizes {wanted} before and "
        f"{came} after.",
    )
    return Pair(before, after)


def _subject(work: Workdir) -> str | None:
    """The start the page is about: the spline, else the first that is not the reference."""
    others = [init for init in work.inits if init != work.reference]
    return "spline" if "spline" in others else next(iter(others), None)
