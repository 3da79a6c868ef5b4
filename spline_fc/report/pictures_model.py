"""The figures for the owner of the data: what each is called, says of itself, shows in numbers.

They are drawn by `spline_fc.plots`; what needs more room than a panel has is in the numbers alone.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from spline_fc import plots, training
from spline_fc.analysis import Permutation, ShapeFunctions, Surface, thin_curve
from spline_fc.ensemble import LEVEL
from spline_fc.model.columns import Column
from spline_fc.plots import About, look
from spline_fc.printing import one_line
from spline_fc.report import figures as fig
from spline_fc.report.answers import AFTER, Band
from spline_fc.report.study import Study
from spline_fc.workdir import Rows

MOST_OUTPUTS = 12  # of which predictions are drawn
DOUBLES = "0.69 more doubles the odds"  # ln 2


def about_of(study: Study, rows: Rows) -> About:
    """What the rows of a run say of their columns; several classes have their labels for names."""
    targets = study.classes if len(study.classes) > 2 else rows.target_names
    columns = rows.feature_names, targets, rows.scaler, study.encoding, rows.x
    return About(*columns, rows.task, study.are_logits)


def predicted(
    given: Mapping[str, np.ndarray], came: np.ndarray, about: About, band: Band | None
) -> fig.Picture:
    """Predictions of models over what came, test rows of one seed, a panel for each output."""
    shown = min(came.shape[1], MOST_OUTPUTS)
    panels = [(name, k) for name in given for k in range(shown)]
    axes = fig.panels(len(panels), columns=shown if 1 < shown < 4 else 3, height=3.3)
    for ax, (name, k) in zip(axes, panels, strict=True):
        ends = None if band is None or name != AFTER else (band.lower[:, k], band.upper[:, k])
        values = given[name][:, k]
        plots.predicted_against_observed(values, came[:, k], about.only(k), interval=ends, ax=ax)
        if shown > 1 and len(given) > 1:
            look.label(ax, y=f"{ax.get_ylabel()} by the {name}")
        elif shown == 1:
            look.label(ax, title=name, aside=ax.get_title("right"))
    for k in range(shown):  # models are compared on the same scale
        own = [ax for ax, (_, place) in zip(axes, panels, strict=True) if place == k]
        low, high = np.transpose([ax.get_xlim() for ax in own])
        for ax in own:
            ax.set(xlim=(low.min(), high.max()), ylim=(low.min(), high.max()))
    tables = [
        {
            "model": name,
            "target": one_line(about.target_names[k]),
            "observed": came[:, k],
            "predicted": values[:, k],
            **_ends(band, k, name),
        }
        for name, values in given.items()
        for k in range(came.shape[1])
    ]
    said = "A dot is a test row; on the dashed line the prediction is right."
    if about.task != "regression":
        said = (
            "Test rows gathered by the predicted probability: the share of them that are of the "
            "class, with its standard error; on the dashed line probabilities mean what they say. "
            "The grey area is where the predictions lie."
        )
    said += _band_sentence(band)
    if shown < came.shape[1]:
        said += f" Shown are the first {shown} of {came.shape[1]}."
    title = "Predicted against observed"
    return fig.Picture("predicted", title, said, fig.figure_of(axes[0]), fig.stacked(tables))


def _ends(band: Band | None, place: int, name: str) -> dict[str, np.ndarray]:
    """The columns of a band, empty where a model has none."""
    if band is None:
        return {}
    ends = {"lower": band.lower[:, place], "upper": band.upper[:, place]}
    return ends if name == AFTER else {end: np.full(len(band.lower), None) for end in ends}


def _band_sentence(band: Band | None) -> str:
    """What bands promise, and what came of it on test rows."""
    if band is None:
        return ""
    shares = 100 * band.coverage.mean(axis=1)
    error = f" ± {shares.std(ddof=1) / np.sqrt(shares.size):.1f}" if shares.size > 1 else ""
    return (
        f" Bars of the {AFTER} reach to either side as far as {100 * LEVEL:g} % of its errors on "
        f"{band.num_rows} validation rows; over seeds {shares.mean():.1f}{error} % of the test "
        "rows lie within. By these validation rows the step was chosen, so the bars are a little "
        "short."
    )


def calibration(given: Mapping[str, np.ndarray], came: np.ndarray) -> fig.Picture:
    """Reliability diagrams of models, test rows of one seed; probabilities and labels alike."""
    axes = fig.panels(len(given), columns=3, height=3.3)
    tables, bins = [], 0
    for panel, (name, values) in zip(axes, given.items(), strict=True):
        plots.calibration(values, came, name=name, ax=panel)
        found = training.calibration(values, came)
        bins = found.rows.size
        columns = {"rows": found.rows, "confidence": found.confidence, "right": found.accuracy}
        tables.append({"model": name, "bin": np.arange(bins), **columns})
    return fig.Picture(
        "calibration",
        "Calibration",
        f"Test rows of one seed in {bins} equal bins of the confidence, the "
        "probability of the class that is predicted: how often that class is right, with the "
        "standard error of a share, over the mean confidence. Below the dashed line a model is too "
        "sure of itself. Bars are how many rows a bin has; ECE is the mean distance from the line "
        "over rows.",
        fig.figure_of(axes[0]),
        fig.stacked(tables),
    )


def importance(
    found: Mapping[str, Permutation], names: tuple[str, ...], measure: str, of: str, place: int
) -> fig.Picture:
    """How much columns of the file matter to each model.

    `measure` says what rises; `of` names the target, if there are several, the place-th of them.
    """
    shown = min(len(names), plots.scores.MOST_FEATURES)
    make = fig.rows_of(1, 1.1 + 0.22 * shown)
    drawn = plots.importance(found, About(names), measure=measure, ax=make)
    numbers = {
        f"{name}_{part}": getattr(one, part)
        for name, one in found.items()
        for part in ("mean", "deviation")
    }
    return fig.Picture(
        numbered("importance", place),
        f"Which columns matter{_of(of)}",
        "The more the error rises when a column is shuffled, the more the model lives on it; bars "
        "are the deviation over seeds, of a single one over its shuffles.",
        fig.figure_of(drawn),
        {"column": np.array(names), **numbers},
    )


def shapes(
    found: Mapping[str, Sequence[ShapeFunctions]],
    about: About,
    columns: Sequence[Column],
    target: int,
) -> fig.Picture:
    """Shape functions of one output for some columns that are all numbers or all words."""
    words = bool(columns[0].levels)
    letters = max(len(about.axis(column.places[0])) for column in columns)
    drawn = plots.shape_functions(
        found,
        about,
        features=[column.places[0] for column in columns],
        target=target,
        share_y=False,
        ax=fig.rows_of(2, 2.7) if words else fig.rows_of(look.COLUMNS, 2.0, letters),
    )
    for panel in np.ravel(np.asarray(drawn, object)):
        panel.set_ylabel(_effect(about) if panel.get_ylabel() else "")
    places = {place for column in columns for place in column.places}
    tables = (
        {
            "feature_name": about.feature(curve.feature),
            "model": name,
            "seed": seed,
            "x": curve.grid,
            "effect": curve.value[:, target],
        }
        for name, seeds in found.items()
        for seed, one in enumerate(seeds)
        for curve in map(thin_curve, one.curves)
        if curve.feature in places
    )
    scale = f", where {DOUBLES}" if about.is_logit else ""
    said = f"Effect on {_output(about, target)}{scale}, centred; each panel has a "
    said += "scale of its own."
    said += " Bands are the range over seeds." if len(next(iter(found.values()))) > 1 else ""
    said += (
        " A level has a dot for each model; bars tell how often it occurs."
        if words
        else " The grey area is the data."
    )
    name, title = ("categories", "each category") if words else ("shapes", "each number")
    of = _of(about.target_names[target]) if len(about.target_names) > 1 else ""
    title = f"What the model does with {title}{of}"
    return fig.Picture(
        numbered(name, target), title, said, fig.figure_of(drawn), fig.stacked(tables)
    )


def interaction(surfaces: Mapping[str, Surface], about: About, target: int) -> fig.Picture:
    """What two features do together on one output, at one grid, in raw units."""
    first = next(iter(surfaces.values()))
    names = [one_line(about.feature(feature)) for feature in first.features]
    drawn = plots.surface(surfaces, about, target=target, ax=fig.rows_of(2, 3.4))
    grid = np.meshgrid(first.first, first.second, indexing="ij")
    of = _of(about.target_names[target]) if len(about.target_names) > 1 else ""
    return fig.Picture(
        numbered("interaction", target),
        f"What {names[0]} and {names[1]} do together{of}",
        f"Their joint effect on {_output(about, target)} less what each does alone; the "
        "pair with the strongest interaction in the spline. Lighter is higher, lines are of equal "
        "effect, all on one scale; dots are rows.",
        fig.figure_of(drawn),
        {
            "first": grid[0].ravel(),
            "second": grid[1].ravel(),
            **{when: one.value[:, :, target].ravel() for when, one in surfaces.items()},
        },
    )


def numbered(name: str, place: int) -> str:
    """The name of the file of a figure that each target has one of: "shapes", "shapes_2", ..."""
    return f"{name}_{place + 1}" if place else name


def _of(target: str) -> str:
    """What a title says of the target, where there are several."""
    return f": {one_line(target)}" if target else ""


def _output(about: About, target: int) -> str:
    """What is affected, in a sentence."""
    return f"{'the ' if about.is_logit else ''}{one_line(about.output(target))}"


def _effect(about: About) -> str:
    return "effect on logit" if about.is_logit else "effect"
