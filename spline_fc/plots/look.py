"""The look of every picture, and the axes that it is drawn in.

What is drawn says its colours and widths itself, and so looks alike in axes that come from
anywhere; the settings of this module besides hold for axes that are made here.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

from spline_fc.checks import check, check_kind
from spline_fc.printing import one_line, shortened

INK = "#1d2733"
MUTED = "#6b7682"
HAIR = "#d5dae0"
DENSITY = "#e6eaee"
# Okabe and Ito (2008): told apart with every common kind of colour vision; line styles and markers
# say the same once more, for print and for screens without colour.
BLUE, VERMILION, GREEN = "#0072B2", "#D55E00", "#009E73"
PURPLE, ORANGE, SKY = "#CC79A7", "#E69F00", "#56B4E9"
LINES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)), (0, (3, 1, 1, 1, 1, 1)), (0, (8, 3)))
MARKERS = ("o", "s", "^", "D", "v", "P")
COLUMNS = 4  # most panels side by side
MOST_PANELS = 12

_TICKS = {"color": MUTED, "labelsize": 7.5, "major.size": 3, "minor.size": 1.5, "major.width": 0.8}
STYLE = {
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8.5,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": HAIR,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 7.0,
    "axes.labelsize": 8.5,
    "axes.axisbelow": True,
    **{f"{axis}tick.{key}": value for axis in "xy" for key, value in _TICKS.items()},
    "lines.solid_capstyle": "round",
    "lines.dash_capstyle": "butt",
    "svg.fonttype": "none",
    "svg.hashsalt": "spline_fc",
    "text.parse_math": False,  # a $ in the name of a column is a dollar
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "axes.titley": 1.0,  # else every drawing measures all tick labels, for the title to evade them
}

AxesLike = Axes | Sequence[Axes] | np.ndarray | None
P, R = ParamSpec("P"), TypeVar("R")


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Makes a function draw under the settings of this module; global ones stay untouched."""

    @functools.wraps(draw)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        with matplotlib.rc_context(STYLE):
            return draw(*args, **kwargs)

    return wrapped


def axes_for(
    count: int,
    ax: AxesLike,
    *,
    columns: int = COLUMNS,
    size: tuple[float, float] = (2.4, 1.9),
) -> list[Axes]:
    """Finds the axes of so many panels: those given, or those of a new figure of pyplot.

    Raises:
      TypeError: something given is no Axes.
      ValueError: another number is given.
    """
    if ax is not None:
        given = np.ravel(np.asarray(ax, object)).tolist()
        for one in given:
            check_kind("ax", one, Axes, "an")
        check(
            len(given) == count, f"ax must be {count} Axes, one for each panel; got {len(given)}."
        )
        return given
    import matplotlib.pyplot as plt  # here alone, as it chooses a backend and keeps what it makes

    across = min(max(count, 1), columns)
    down = -(-count // across)
    figure, grid = plt.subplots(
        down,
        across,
        figsize=(across * size[0], down * size[1]),
        squeeze=False,
        layout="constrained",
    )
    for spare in grid.ravel()[count:]:
        figure.delaxes(spare)
    return grid.ravel()[:count].tolist()


def squeezed(axes: list[Axes]) -> Axes | np.ndarray:
    """One Axes as it is, several as an array, as `plt.subplots` returns them."""
    return axes[0] if len(axes) == 1 else np.array(axes, object)


def contender(index: int) -> dict[str, Any]:
    """Colour, line style and marker of the index-th contender."""
    colours = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
    i, again = index % len(colours), index // len(colours)
    style = (i + again) % len(LINES)  # a colour that returns comes with another line and marker
    return {"color": colours[i], "linestyle": LINES[style], "marker": MARKERS[style]}


def pair_or_contenders(count: int) -> list[dict[str, Any]]:
    """Looks of so many models: two are as before and after training, the first dashed and open."""
    after = {"color": BLUE, "linestyle": "-", "linewidth": 2.0, "zorder": 3}
    after |= {"marker": "D", "face": BLUE, "size": 4.2}
    before = {"color": INK, "linestyle": (0, (3, 2)), "linewidth": 1.2, "zorder": 4}
    before |= {"marker": "o", "face": "white", "size": 6.5}
    if count <= 2:
        return [before, after][-count:]
    more = {"linewidth": 1.6, "zorder": 3, "size": 5}
    return [{**contender(i), **more, "face": contender(i)["color"]} for i in range(count)]


def label(ax: Axes, *, title: str = "", x: str = "", y: str = "", aside: str = "") -> None:
    """Names axes, cut where there is no room for all of it; a $ is a dollar in any axes.

    `aside` is a quiet remark at the right end of the title's line, which is never cut.
    """
    box = ax.get_window_extent()
    width, taken = 1.1 * box.width, 0.0  # the margins between axes are room as well
    if aside:
        quiet = {"fontsize": 7.5, "fontweight": "normal", "color": MUTED, "parse_math": False}
        taken = ax.set_title(aside, loc="right", **quiet).get_window_extent().width + 8
    if title:
        _shorten(ax.set_title("", loc="left", parse_math=False), title, width - taken)
    if x:
        _shorten(ax.set_xlabel("", parse_math=False), x, width)
    if y:
        _shorten(ax.set_ylabel("", parse_math=False), y, 1.1 * box.height)


def _shorten(text: Text, name: str, room: float) -> None:
    """Writes as much of a name as there is room for, in pixels."""
    text.set_text(name := one_line(name))
    box = text.get_window_extent()
    length = max(box.width, box.height)
    if length > room:
        text.set_text(shortened(name, max(int(len(name) * room / length), 4)))


def names(ax: Axes, places: Sequence[float], labels: Sequence[str], most: int = 24) -> None:
    """Puts names in place of numbers along y."""
    short = [shortened(name, most) for name in labels]
    ax.set_yticks(places, short, parse_math=False, color=INK)
    ax.tick_params(axis="y", length=0)


def levels(ax: Axes, labels: Sequence[str]) -> None:
    """Puts names in place of numbers along x, slanted where they would not fit otherwise."""
    size = 7.5
    room = int(_inches(ax)[0] / max(len(labels), 1) * 72 / (0.62 * size))
    fits = all(len(name) < room for name in labels)
    slant = {} if fits else {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    short = [shortened(name, room if fits else 12) for name in labels]
    ax.set_xticks(range(len(labels)), short, parse_math=False, fontsize=size, **slant)
    ax.set_xlim(-0.6, len(labels) - 0.4)


def colour_bar(drawn: Any, axes: Sequence[Axes], name: str) -> None:
    """One bar of colours beside the last of the axes, for all of them."""
    bar = axes[0].figure.colorbar(drawn, ax=list(axes), aspect=30, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0)
    plain_ticks(bar.ax.yaxis)
    label(bar.ax, y=name)


def name_lines(ax: Axes) -> None:
    """Writes the names of lines, in their colour, at the right ends beside the axes."""
    known = [
        (line.get_ydata()[-1], line.get_label(), line.get_color())
        for line in ax.get_lines()
        if not str(line.get_label()).startswith("_") and len(line.get_ydata())
    ]
    beside(ax, known)


def beside(ax: Axes, labels: Sequence[tuple[float, str, Any]]) -> None:
    """Writes (height, name, colour) beside the right end of the axes, none on another."""
    known = [label for label in labels if np.isfinite(label[0]) and label[1]]
    if not known:
        return
    heights = ax.transData.transform([(0.0, level) for level, _, _ in known])
    places = ax.transAxes.inverted().transform(heights)[:, 1]
    gap = 12 / 72 / _inches(ax)[1]
    for place, (_, name, colour) in zip(spread(places, gap), known, strict=True):
        style = {"color": colour, "va": "center", "fontweight": "bold", "fontsize": 8.5}
        ax.text(1.02, place, name, transform=ax.transAxes, parse_math=False, **style)


def legend(ax: Axes) -> None:
    """A legend of what has a label in the axes, at the top of their figure, covering nothing."""
    handles, labels = ax.get_legend_handles_labels()
    place = {"loc": "outside upper right", "ncols": max(len(labels), 1), "handlelength": 2.6}
    ax.figure.legend(handles, labels, frameon=False, fontsize=8, **place)


def plain_ticks(axis: Axis) -> None:
    """Writes ticks as people do: no more digits than needed, no factor at the end of the axis."""
    axis.set_major_formatter(lambda value, _: f"{value:,.8g}".replace("-", "−"))


def _inches(ax: Axes) -> tuple[float, float]:
    box = ax.get_window_extent()
    return box.width / ax.figure.dpi, box.height / ax.figure.dpi


def spread(positions: Any, gap: float) -> np.ndarray:
    """Moves positions (m,) apart until neighbours are at least `gap` away, order kept."""
    wanted = np.asarray(positions, np.float64)
    order = np.argsort(wanted, kind="stable")
    placed = wanted[order].copy()
    for _ in range(50):
        short = gap - np.diff(placed)
        if not (short > 1e-9).any():
            break
        push = np.maximum(short, 0) / 2
        placed[:-1] -= push
        placed[1:] += push
    return placed[np.argsort(order)]


def ticks(ax: Axes, x: int | None = None, y: int | None = None) -> None:
    """Says how many ticks there are at most along x and along y."""
    for axis, most in ((ax.xaxis, x), (ax.yaxis, y)):
        if most is not None:
            axis.set_major_locator(MaxNLocator(most))


def density(ax: Axes, values: np.ndarray, height: float, along: str = "x") -> None:
    """Draws how the data lie along an axis as a pale area, `height` in axes units at its peak."""
    counts, edges = np.histogram(values, bins=32)
    scaled = counts / max(counts.max(), 1) * height
    look: dict[str, Any] = {"transform": ax.get_xaxis_transform()}
    if along == "y":
        look = {"transform": ax.get_yaxis_transform(), "orientation": "horizontal"}
    ax.stairs(scaled, edges, fill=True, color=DENSITY, zorder=0, **look)
