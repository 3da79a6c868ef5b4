"""Figures of the model: shape functions, surfaces, importance, one prediction."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from spline_fc.analysis import figures as fig
from spline_fc.analysis.formats import shortened
from spline_fc.analysis.shapes import Curve
from spline_fc.analysis.workdir import Rows

MOST_PANELS = 12  # further features are in the CSV


def shapes(before: list[Curve], after: list[Curve], rows: Rows, index: int = 0) -> fig.Picture:
    """Shape functions before and after training, the most influential features first.

    Args:
      before, after: one Curve per feature, same features, in standardised units, centred.
      rows: the data they were averaged over.
      index: which output.

    Returns:
      Picture; its numbers are one line per feature and grid point, in raw units.
    """
    reach = [max(np.ptp(b.value[:, index]), np.ptp(a.value[:, index]))
             for b, a in zip(before, after, strict=True)]  # fmt: skip
    order = [int(i) for i in np.argsort(reach)[::-1]]
    columns = fig.columns(len(order))
    figure, axes = fig.panels(min(len(order), MOST_PANELS), columns, 1.95, left=0.55, gap=0.3)
    numbers: dict[str, list] = {k: [] for k in ("feature_name", "when", "x", "effect")}
    scale = rows.scaler.y_scale[index]
    bound = (
        1.12
        * scale
        * max(np.abs(c.value[:, index]).max() for i in order for c in (before[i], after[i]))
    )
    for place, i in enumerate(order):
        lines = [_raw_curve(c, rows, index) for c in (before[i], after[i])]
        for when, (x, y) in zip(("before", "after"), lines, strict=True):
            numbers["feature_name"] += [rows.feature_names[before[i].feature]] * x.size
            numbers["when"] += [when] * x.size
            numbers["x"] += x.tolist()
            numbers["effect"] += y.tolist()
        if place < len(axes):
            _shape_panel(axes[place], lines, rows, before[i].feature)
            axes[place].set_ylim(-bound, bound)
            if place % columns:
                axes[place].set_yticklabels([])
    return fig.Picture(
        "shapes",
        "What the model does with each feature",
        f"Effect on {rows.target_names[index]}, centred, all panels on one scale: the spline "
        "network before training (dashed) and after it (solid). The grey area is the data.",
        figure,
        numbers,
    )


def _shape_panel(ax: Axes, lines: list[tuple], rows: Rows, feature: int) -> None:
    (x0, y0), (x1, y1) = lines
    column = rows.x[:, feature] * rows.scaler.x_scale[feature] + rows.scaler.x_shift[feature]
    fig.density(ax, column, 0.3)
    ax.axhline(0, color=fig.HAIR, linewidth=0.8, zorder=1)
    ax.plot(x1, y1, color=fig.BLUE, linewidth=2.0, zorder=3)
    ax.plot(x0, y0, color=fig.INK, linewidth=1.2, linestyle=(0, (3, 2)), zorder=4)
    ax.set_title(shortened(rows.feature_names[feature]))
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.yaxis.set_major_locator(MaxNLocator(5))


def _raw_curve(curve: Curve, rows: Rows, index: int) -> tuple[np.ndarray, np.ndarray]:
    s = rows.scaler
    x = curve.grid * s.x_scale[curve.feature] + s.x_shift[curve.feature]
    return x, curve.value[:, index] * s.y_scale[index]
