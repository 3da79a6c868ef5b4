"""Sections of the page that speak of the model: shape functions and the importance of features."""

from spline_fc.analysis import ShapeFunctions, thin_curve
from spline_fc.report import plots_model as plots
from spline_fc.report.figures import place
from spline_fc.report.formats import percent
from spline_fc.report.measures import GRID
from spline_fc.report.page import Block, Words
from spline_fc.report.study import Study
from spline_fc.report.tables import importance_table


def shapes(study: Study) -> list[Block]:
    """What the model does with one feature, before and after training."""
    found, rows = study.shapes, study.data
    if found is None or rows is None:
        return [Words("Shape functions need the training rows and the parameters.", "note")]
    parts: list[Block] = [
        Words(
            f"Each panel moves one feature through its range and shows how the prediction follows "
            f"on average over {study.num_averaged} training rows, the other features being as "
            f"those rows have them."
        ),
        Words(" ".join(_carried(found.before, found.after, rows.y.shape[1]))),
    ]
    before, after = ([thin_curve(c) for c in f.curves] for f in (found.before, found.after))
    if before:
        parts.append(place(study.work.path, plots.shapes, before, after, rows))
    if found.surfaces is not None:
        parts.append(place(study.work.path, plots.interaction, *found.surfaces, rows))
    return parts


def importance(study: Study) -> list[Block]:
    """How much each feature matters, to the start and to the trained network, side by side."""
    found, rows = study.importance, study.data
    if found is None or rows is None:
        return [Words("Importance needs the training rows and the parameters.", "note")]
    target, scale = rows.target_names[0], float(rows.scaler.y_scale[0])
    parts: list[Block] = [
        Words(
            f"The figure ranks the features by how much they matter to the model before and after "
            f"training, on {study.num_averaged} training rows."
        ),
        place(study.work.path, plots.importance, found, scale, target),
        importance_table(found, scale=scale, target=target),
    ]
    if study.fit is not None and study.fit.spline.projection.shape[1]:
        parts.append(
            Words(
                "The criteria of the fit (nsubsets, gcv, rss) are those of hinges on a feature by "
                "itself: hinges along directions, which mix features, count for none of them.",
                "note",
            )
        )
    return parts


def _carried(before: ShapeFunctions, after: ShapeFunctions, outputs: int) -> list[str]:
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
    if outputs > 1:
        sentences.append(f"Shown is the first of {outputs} outputs.")
    return sentences
