"""Figures of the model: shape functions, an interaction, the importance of features."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from spline_fc.analysis import Curve, ImportanceTable, Surface
from spline_fc.analysis.shapes import raw_curve, raw_input, raw_surface
from spline_fc.printing import one_line, shortened, significant
from spline_fc.report import figures as fig
from spline_fc.workdir import Rows

MOST_PANELS = 12  # further features are in the CSV
MOST_LINES = 20  # likewise
WHEN = ("before", "after")


def shapes(before: Sequence[Curve], after: Sequence[Curve], rows: Rows) -> fig.Picture:
    """Shape functions of the first output, the most influential features first.

    Before and after training there is one curve per feature, centred, in standardised units.
    """
    pairs = [
        tuple(raw_curve(curve, rows.scaler, effect=True) for curve in both)
        for both in zip(before, after, strict=True)
    ]
    pairs.sort(key=lambda both: -max(np.ptp(curve.value[:, 0]) for curve in both))
    columns = fig.columns(len(pairs))
    figure, axes = fig.panels(min(len(pairs), MOST_PANELS), columns, 1.95, left=0.55, gap=0.3)
    bound = 1.12 * max(np.abs(curve.value[:, 0]).max() for both in pairs for curve in both)
    for place, (ax, both) in enumerate(zip(axes, pairs, strict=False)):
        _shape_panel(ax, both, rows)
        ax.set_ylim(-bound, bound)
        if place % columns:
            ax.set_yticklabels([])
    return fig.Picture(
        "shapes",
        "What the model does with each feature",
        f"Effect on {one_line(rows.target_names[0])}, centred, all panels on one scale: the "
        "spline network before training (dashed) and after it (solid). The grey area is the data.",
        figure,
        fig.stacked(
            {
                "feature_name": rows.feature_names[curve.feature],
                "when": when,
                "x": curve.grid,
                "effect": curve.value[:, 0],
            }
            for both in pairs
            for when, curve in zip(WHEN, both, strict=True)
        ),
    )


def interaction(before: Surface, after: Surface, rows: Rows) -> fig.Picture:
    """What two features do together on the first output, at one grid, in standardised units."""
    surfaces = [raw_surface(surface, rows.scaler, effect=True) for surface in (before, after)]
    first, second = surfaces[0].first, surfaces[0].second
    heights = [surface.value[:, :, 0] for surface in surfaces]
    names = [one_line(rows.feature_names[feature]) for feature in before.features]
    bound = max(float(np.abs(height).max()) for height in heights) or 1.0
    figure, axes = fig.panels(2, 2, 3.4, left=0.62, right=1.0, bottom=0.5, top=0.42, gap=0.6)
    look = {"cmap": "cividis", "vmin": -bound, "vmax": bound, "rasterized": True}
    for ax, height, when in zip(axes, heights, WHEN, strict=True):
        drawn = ax.pcolormesh(first, second, height.T, shading="gouraud", **look)
        levels = np.linspace(-bound, bound, 9)
        ax.contour(first, second, height.T, levels, colors="white", linewidths=0.8)
        ax.set(title=when, xlabel=shortened(names[0], 40))
        fig.ticks(ax, x=5, y=5)
    axes[0].set_ylabel(shortened(names[1], 40))
    place = axes[1].get_position()
    bar = figure.add_axes((place.x1 + 0.02, place.y0, 0.012, place.height))
    figure.colorbar(drawn, cax=bar)
    grid = np.meshgrid(first, second, indexing="ij")
    return fig.Picture(
        "interaction",
        f"What {names[0]} and {names[1]} do together",
        f"Their joint effect on {one_line(rows.target_names[0])} less what each does alone; "
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
    """Importance of every feature to the models "before" and "after", one panel per measure.

    Contributions are drawn in raw units of the target: `scale` of them is a unit.
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
        open_ = {"color": fig.INK, "markerfacecolor": "white", "markersize": 6.5}
        ax.plot(before, places, "o", label="before training", zorder=2, **open_)
        ax.plot(after, places, "D", color=fig.BLUE, markersize=3.8, label="after", zorder=3)
        ax.set(title=title, xlabel=label, ylim=(-0.6, len(shown) - 0.4))
        ax.set_xlim(min(0.0, before.min(), after.min()), None)
        ax.set_yticks(places, [""] * len(shown))
        fig.ticks(ax, x=5)
        ax.xaxis.set_major_formatter(lambda v, _: significant(v, 2))
    axes[0].set_yticklabels([shortened(found.feature_names[j], 20) for j in shown])
    axes[1].legend(loc="lower right")
    return fig.Picture(
        "importance",
        "Which features matter",
        "Open circles: before training; filled diamonds: after it. Where both lie on one another, "
        "training left the feature's importance as it was.",
        figure,
        {"feature_name": np.array(found.feature_names), **value},
    )


def _shape_panel(ax: Axes, both: Sequence[Curve], rows: Rows) -> None:
    before, after = both
    feature = before.feature
    fig.density(ax, raw_input(rows.x[:, feature], rows.scaler, feature), 0.3)
    ax.axhline(0, color=fig.HAIR, linewidth=0.8, zorder=1)
    ax.plot(after.grid, after.value[:, 0], color=fig.BLUE, linewidth=2.0, zorder=3)
    dashed = {"color": fig.INK, "linewidth": 1.2, "linestyle": (0, (3, 2))}
    ax.plot(before.grid, before.value[:, 0], zorder=4, **dashed)
    ax.set_title(shortened(rows.feature_names[feature], 22))
    fig.ticks(ax, x=4, y=5)
