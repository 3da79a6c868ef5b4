"""Sections of the page that speak of the model: shapes."""

import numpy as np

from spline_fc.analysis import html
from spline_fc.analysis.formats import percent
from spline_fc.analysis.knots import KnotDrift, knot_drift
from spline_fc.analysis.shapes import (
    Curve,
    additive_share,
    centred,
    feature_grid,
    partial_dependence,
)
from spline_fc.analysis.study import Study

SHAPE_POINTS = 41


def shapes(study: Study) -> list[str]:
    """What the model does with one feature, before and after training."""
    if study.before is None:
        return [html.note("Shape functions need data.npz and the parameters of the run.")]
    from spline_fc.analysis import plots_model as plots

    x, rows = study.x, study.work.rows
    drift = knot_drift(study.before, study.after, x)
    before, after = (_curves(p, x, drift) for p in (study.before, study.after))
    shares = [additive_share(p, x, c) for p, c in ((study.before, before), (study.after, after))]
    sentence = (
        f"One feature varies, the others stay as {len(x)} training rows have them (partial "
        f"dependence). The sum of these curves carries {percent(shares[0])} of the variance of "
        f"the network before training and {percent(shares[1])} after it; the rest is interaction."
    )
    return [html.paragraph(sentence),
            html.picture(study.work.path, plots.shapes, before, after, rows)]  # fmt: skip


def _curves(params: dict, x: np.ndarray, knots: KnotDrift) -> list[Curve]:
    curves = []
    for feature in range(x.shape[1]):
        here = knots.aligned & (knots.feature == feature)
        # Few features have more knots than points; where they do, the even grid is dense enough.
        extra = np.r_[knots.knot_before[here], knots.knot_after[here]][:SHAPE_POINTS]
        grid = feature_grid(x, feature, SHAPE_POINTS, extra)
        value = partial_dependence(params, x, feature, grid)
        curves.append(Curve(feature, grid, centred(value, grid, x[:, feature]), exact=False))
    return curves
