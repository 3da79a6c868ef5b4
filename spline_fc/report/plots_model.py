"""Figures of the model: shape functions, an interaction, the importance of features."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from spline_fc.analysis import Curve, ImportanceTable, Surface
from spline_fc.analysis.shapes import raw_input
from spline_fc.report import figures as fig
from spline_fc.report.formats import one_line, shortened, significant
from spline_fc.workdir import Rows

MOST_PANELS = 12  # further features are in the CSV
MOST_LINES = 20  # likewise
WHEN = ("before", "after")


def shapes(before: list[Curve], after: list[Curve], rows: Rows, index: int = 0) -> fig.Picture:
    """Shape functions before and after training, the most influential features first.

    Args:
      before, after: one Curve per feature, same features, in standardised units, centred.
      rows: the data they were averaged over.
      index: which output.

    Returns:
      Picture; its numbers are one line per feature and grid point, in raw units.
    """
    reach = [
        max(np.ptp(b.value[:, index]), np.ptp(a.value[:, index]))
        for b, a in zip(before, after, strict=True)
    ]
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
        for when, (x, y) in zip(WHEN, lines, strict=True):
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
        f"Effect on {one_line(rows.target_names[index])}, centred, all panels on one scale: the "
        "spline network before training (dashed) and after it (solid). The grey area is the data.",
        figure,
        numbers,
    )


def interaction(before: Surface, after: Surface, rows: Rows, index: int = 0) -> fig.Picture:
    """What two features do together, before and after training.

    Args:
      before, after: surfaces of the same two features at the same grid, in standardised units.
      rows: the data, for names and units.
      index: which output.

    Returns:
      Picture; its numbers are one line per grid point, in raw units.
    """
    scale = float(rows.scaler.y_scale[index])
    names = [one_line(rows.feature_names[feature]) for feature in before.features]
    first, second = (
        raw_input(grid, rows.scaler, feature)
        for grid, feature in zip(before[1:3], before.features, strict=True)
    )
    heights = [surface.value[:, :, index] * scale for surface in (before, after)]
    bound = max(float(np.abs(height).max()) for height in heights) or 1.0
    figure, axes = fig.panels(2, 2, 3.4, left=0.62, right=1.0, bottom=0.5, top=0.42, gap=0.6)
    for ax, height, when in zip(axes, heights, WHEN, strict=True):
        drawn = ax.pcolormesh(
            first,
            second,
            height.T,
            cmap="cividis",
            vmin=-bound,
            vmax=bound,
            shading="gouraud",
            rasterized=True,
        )
        levels = np.linspace(-bound, bound, 9)
        ax.contour(first, second, height.T, levels, colors="white", linewidths=0.8)
        ax.set_title(when)
        ax.set_xlabel(shortened(names[0], 40))
        ax.xaxis.set_major_locator(MaxNLocator(5))
        ax.yaxis.set_major_locator(MaxNLocator(5))
    axes[0].set_ylabel(shortened(names[1], 40))
    place = axes[1].get_position()
    bar = figure.add_axes((place.x1 + 0.02, place.y0, 0.012, place.height))
    figure.colorbar(drawn, cax=bar)
    grid = np.meshgrid(first, second, indexing="ij")
    return fig.Picture(
        "interaction",
        f"What {names[0]} and {names[1]} do together",
        f"Their joint effect on {one_line(rows.target_names[index])} less what each does alone; "
        "the pair with the strongest interaction in the spline. Lighter is higher, lines are of "
        "equal effect (dashed below 0), one scale for both panels.",
        figure,
        {
            "first": grid[0].ravel(),
            "second": grid[1].ravel(),
            **{when: height.ravel() for when, height in zip(WHEN, heights, strict=True)},
        },
    )


def importance(found: ImportanceTable, scale: float, target: str) -> fig.Picture:
    """Importance of every feature before and after training, one panel per measure.

    Args:
      found: of the models "before" and "after".
      scale: raw units of the output per unit of the contributions.
      target: name of the output.

    Returns:
      Picture; its numbers are the whole table, one line per feature.
    """
    order = np.argsort(-found.value[:, 0], kind="stable")
    shown = order[:MOST_LINES][::-1]
    height = 0.95 + 0.19 * len(shown)
    figure, axes = fig.panels(2, 2, height, left=1.5, bottom=0.5, top=0.42, gap=0.5)
    value = dict(zip(found.columns, found.value.T, strict=True))
    places = np.arange(len(shown))
    titles = {
        "permutation": ("permutation", "rise of the mean squared error when shuffled"),
        "contribution": ("contribution", f"mean absolute effect on {shortened(target, 40)}"),
    }
    for ax, (measure, (title, label)) in zip(axes, titles.items(), strict=True):
        factor = scale if measure == "contribution" else 1.0
        before, after = (value[f"{when}: {measure}"][shown] * factor for when in WHEN)
        ax.hlines(places, 0, np.maximum(before, after), color=fig.HAIR, linewidth=0.8, zorder=1)
        ax.plot(
            before,
            places,
            "o",
            color=fig.INK,
            markerfacecolor="white",
            markersize=6.5,
            label="before training",
            zorder=2,
        )
        ax.plot(after, places, "D", color=fig.BLUE, markersize=3.8, label="after", zorder=3)
        ax.set(
            xlim=(min(0.0, before.min(), after.min()), None),
            ylim=(-0.6, len(shown) - 0.4),
            xlabel=label,
        )
        ax.set_title(title)
        ax.set_yticks(places, [""] * len(shown))
        ax.xaxis.set_major_locator(MaxNLocator(5))
        ax.xaxis.set_major_formatter(lambda v, _: significant(v, 2))
    axes[0].set_yticklabels([shortened(found.feature_names[j], 20) for j in shown])
    axes[1].legend(frameon=False, fontsize=7.5, loc="lower right")
    return fig.Picture(
        "importance",
        "Which features matter",
        "Open circles: before training; filled diamonds: after it. Where both lie on one another, "
        "training left the feature's importance as it was.",
        figure,
        {"feature_name": np.array(found.feature_names), **value},
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
