"""Pictures that are asked of something else, or of columns and classes that are not there."""

import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from spline_fc import plots
from tests.analysis.splines import hinge_network, normal_rows
from tests.malformed.cases import Case, pick
from tests.plots import records

_Y = normal_rows()[:, :1]
# Every picture with its arguments, as they are sound.
PICTURES: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "convergence": (
        plots.convergence,
        {
            "runs": records.history(0.1),
            "over": "step",
            "part": "train",
            "measure": "loss",
            "levels": {"mean": 1.0},
            "names": True,
        },
    ),
    "intervals": (
        plots.intervals,
        {"values": {"row": {"He": records.interval(1)}}, "par": 1.0, "logarithmic": False},
    ),
    "shape_functions": (
        plots.shape_functions,
        {
            "models": records.shapes(),
            "about": records.ABOUT,
            "features": (0,),
            "target": 0,
            "most": 3,
            "share_y": True,
        },
    ),
    "surface": (
        plots.surface,
        {"models": hinge_network(), "about": records.ABOUT, "features": (0, 1), "target": 0},
    ),
    "partition": (
        plots.partition,
        {"models": hinge_network(), "about": records.ABOUT, "features": (0, 1), "target": 0},
    ),
    "knot_drift": (
        plots.knot_drift,
        {"track": records.drift(), "about": records.ABOUT, "features": (0,), "most": 3},
    ),
    "knots_over_steps": (
        plots.knots_over_steps,
        {"track": records.drift(), "about": records.ABOUT, "features": (0,), "best_step": 0},
    ),
    "drift_over_steps": (
        plots.drift_over_steps,
        {"track": records.drift(), "flips": {"Dense_0": np.ones((2, 5))}},
    ),
    "alignment": (plots.alignment, {"tracks": {"spline": records.drift()}, "threshold": 0.5}),
    "flipped": (plots.flipped, {"shares": {"He": {"Dense_0": np.array([0.0, 0.5])}}}),
    "importance": (
        plots.importance,
        {"found": [3.0, 1.0, 2.0, 0.0], "about": records.ABOUT, "most": 3},
    ),
    "calibration": (
        plots.calibration,
        {"probability": np.array([0.2, 0.7, 0.9]), "observed": np.array([0, 1, 1])},
    ),
    "predicted_against_observed": (
        plots.predicted_against_observed,
        {"predicted": _Y, "observed": _Y, "about": None, "interval": (_Y - 1, _Y + 1)},
    ),
}
# What no argument takes, whatever it is; and what some take and draw.
SENSELESS: dict[str, Any] = {
    "a word": "no such word",
    "a function": np.sum,
    "a list of words": ["a", "b"],
    "a mapping of words": {"a": "b"},
    "dates": np.array(["2020-01-01"], "datetime64[D]"),
    "complex numbers": np.ones((4, 4)) * 1j,
    "objects": np.array([None, "a"], object),
    "an object": object(),
}
PERHAPS: dict[str, Any] = {
    "None": None,
    "a list of nothing": [None],
    "a number": 5,
    "a negative number": -1,
    "a fraction": 0.5,
    "NaN": float("nan"),
    "infinity": float("inf"),
    "a truth": True,
    "an empty list": [],
    "an empty mapping": {},
    "an empty array": np.zeros((0, 3)),
    "a matrix": np.ones((7, 2)),
    "NaN throughout": np.full((30, 1), np.nan),
    "columns that are far": (98, 99),
    "a column twice": (0, 0),
    "three columns": (0, 1, 2),
    "nested mappings": {"a": {"b": 1.0}},
    "mappings of nothing": {"a": {}},
}


def make(rng: np.random.Generator, folder: pathlib.Path) -> Case:
    """One argument is something else."""
    name = pick(rng, list(PICTURES))
    draw, arguments = PICTURES[name]
    argument = pick(rng, [*arguments, "ax"])
    is_senseless = rng.random() < 0.4
    what, value = pick(rng, list((SENSELESS if is_senseless else PERHAPS).items()))
    given = {**arguments, "ax": one_axes} | {argument: value}

    def use() -> Any:
        drawn = draw(**given)
        np.ravel(drawn)[0].figure.canvas.draw()
        return drawn

    def right(drawn: Any) -> bool:
        return all(isinstance(ax, Axes) for ax in np.ravel(drawn))

    beside = ["predicted", "probability"]  # whose shape must be that of what was observed
    named = [argument, *beside] if argument == "observed" else [argument]
    case = Case(f"{name}, {argument}: {what}", use, named, right)
    return case._replace(right=None) if is_senseless else case


def one_axes(count: int) -> list[Axes]:
    """Axes that pyplot knows nothing of."""
    return records.axes(count)
