"""Sections of the page that speak of the model: shape functions and the importance of features."""

import jax
import numpy as np

from spline_fc.analysis import html
from spline_fc.analysis.decomposition import decompose
from spline_fc.analysis.exact_shapes import ShapeFunctions, dependence_surface, shape_functions
from spline_fc.analysis.formats import percent, significant
from spline_fc.analysis.importance import ImportanceTable, compare_importance
from spline_fc.analysis.models import Model
from spline_fc.analysis.shapes import Surface, thin_curve
from spline_fc.analysis.study import Study
from spline_fc.analysis.tables import Table
from spline_fc.cpwl import Spline

GRID = 61  # points of a curve that has no exact breakpoints
SHOWN = 201  # of a curve that has more
SIDE = 25  # points along a side of a surface
REDRAWS = 32  # values a feature is set to for its contribution


def shapes(study: Study) -> list[str]:
    """What the model does with one feature, before and after training."""
    if study.before is None:
        return [html.note("Shape functions need data.npz and the parameters of the run.")]
    from spline_fc.analysis import plots_model as plots

    x, rows = study.x, study.work.rows
    found = [shape_functions(model, x, size=GRID) for model in (study.start, study.after)]
    parts = [html.paragraph(
        f"Each panel moves one feature through its range and shows how the prediction follows on "
        f"average over {len(x)} training rows, the other features being as those rows have them."
    ), html.paragraph(" ".join(_carried(study, *found)))]  # fmt: skip
    before, after = ([thin_curve(curve, SHOWN) for curve in f.curves] for f in found)
    if before:
        parts.append(html.picture(study.work.path, plots.shapes, before, after, rows))
    pair = strongest_pair(study)
    if pair is not None:
        surfaces = [
            _together(model, shape, x, pair)
            for model, shape in zip((study.start, study.after), found, strict=True)
        ]
        parts.append(html.picture(study.work.path, plots.interaction, *surfaces, rows))
    return parts


def strongest_pair(study: Study) -> tuple[int, int] | None:
    """The two features that vary the spline's prediction most beyond their own curves."""
    if not isinstance(study.start, Spline):
        return None
    parts = decompose(study.start, study.x)
    pairs = [(float(deviation[0]), component)
             for component, deviation in zip(parts.components, parts.deviation, strict=True)
             if len(component) == 2]  # fmt: skip
    deviation, pair = max(pairs, default=(0.0, None))
    return pair if deviation > 0 else None


def importance(study: Study) -> list[str]:
    """How much each feature matters, to the start and to the trained network, side by side."""
    if study.before is None:
        return [html.note("Importance needs data.npz and the parameters of the run.")]
    from spline_fc.analysis import plots_model as plots

    rows, x = study.work.rows, study.x
    found = compare_importance(
        {"before": study.start, "after": study.after}, x, study.y, key=jax.random.key(0),
        fit=study.fit if study.spline is not None else None,  # else its columns are directions
        feature_names=rows.feature_names, points=REDRAWS,
    )  # fmt: skip
    target = rows.target_names[0]
    parts = [html.paragraph(
        f"The figure ranks the features by how much they matter to the model before and after "
        f"training, on {len(x)} training rows."
    ), html.picture(study.work.path, plots.importance, found, float(rows.scaler.y_scale[0]),
                    target), html.table(_importance_table(found, study, target))]  # fmt: skip
    if study.directions:
        parts.append(html.note(
            "The fit's own criteria (nsubsets, gcv, rss) are left out: its spline stands on "
            "directions that mix features."
        ))  # fmt: skip
    return parts


def _together(model: Model, found: ShapeFunctions, x: np.ndarray, pair: tuple) -> Surface:
    """What two features do together less what each does alone, by partial dependence."""
    grids = [np.linspace(x[:, v].min(), x[:, v].max(), SIDE) for v in pair]
    surface = dependence_surface(model, x, pair, first=grids[0], second=grids[1])
    value = surface.value
    curves = {curve.feature: curve for curve in found.curves}
    for axis, (feature, grid) in enumerate(zip(pair, grids, strict=True)):
        own = [np.interp(grid, curves[feature].grid, v) for v in curves[feature].value.T]
        value = value - np.expand_dims(np.stack(own, axis=-1), 1 - axis)
    return surface._replace(value=value - value.mean(axis=(0, 1)))


def _carried(study: Study, before: ShapeFunctions, after: ShapeFunctions) -> list[str]:
    """What the curves carry of the model, and how far they are to be trusted."""
    sentences = []
    for when, found in (("before", before), ("after", after)):
        how = "are exact" if found.exact else f"are exact at {GRID} points each"
        left = float(found.non_additive[0])
        sentences.append(
            f"{when.capitalize()} training the curves {how}; their sum leaves out "
            f"{percent(max(left, 0.0))} of the variance of the prediction, which is interaction "
            f"between features."
        )
    if study.y.shape[1] > 1:
        sentences.append(f"Shown is the first of {study.y.shape[1]} outputs.")
    return sentences


def _importance_table(found: ImportanceTable, study: Study, target: str) -> Table:
    scale = float(study.work.rows.scaler.y_scale[0])
    body, rounding = [], 1e-12 * abs(found.value).max(axis=0)
    for j in found.value[:, 0].argsort(kind="stable")[::-1]:
        cells = []
        for name, value, least in zip(found.columns, found.value[j], rounding, strict=True):
            value = value if abs(value) > least else 0.0
            if name == "nsubsets":
                cells.append(f"{value:.0f}")
            elif name in ("gcv", "rss"):
                cells.append(f"{value:.1f}")
            else:
                cells.append(significant(value * (scale if "contribution" in name else 1.0), 3))
        body.append([found.feature_names[j], *cells])
    notes = [
        "Permutation: what the mean squared error (in the units trained on) rises by when the "
        f"feature is shuffled. Contribution: how far the feature moves the prediction of {target} "
        "from what it would be were the feature unknown, mean absolute, in raw units."
    ]
    names = [_heading(name) for name in found.columns]
    if "nsubsets" in found.columns:
        notes.append(
            "Of the fit: the number of subsets on the pruning path that read the feature, and what "
            "these gained in GCV and in RSS, the largest being 100."
        )
    return Table(["feature", *names], body, notes)


def _heading(column: str) -> str:
    model, _, measure = column.partition(": ")
    return f"{measure}, {model}" if measure else f"fit: {column}"
