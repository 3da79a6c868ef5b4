"""The look of every picture, and the axes that it is drawn in.

What is drawn says its colours and widths itself, and so looks alike in axes that come from
anywhere; the settings of this module besides hold for axes that are made here.
"""

import functools
import textwrap
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator, NullLocator

from spline_fc.checks import check, check_kind
from spline_fc.data.cells import Format
from spline_fc.model.columns import number_word
from spline_fc.printing import one_line, shortened, significant

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
GAPS = {"w_pad": 0.08, "wspace": 0.015}  # between panels, for constrained layout

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

AxesLike = Axes | Sequence[Axes] | np.ndarray | Callable[[int], Sequence[Axes]] | None
P = ParamSpec("P")
R = TypeVar("R")


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Makes a function draw under the settings of this module; global ones stay untouched."""

    @functools.wraps(draw)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        # No rc_context: it would also undo that pyplot, which may choose its backend on the way,
        # is interactive, and a notebook would show no further picture.
        before = {name: matplotlib.rcParams[name] for name in STYLE}
        matplotlib.rcParams.update(STYLE)
        try:
            return draw(*args, **kwargs)
        finally:
            matplotlib.rcParams.update(before)

    return wrapped


def axes_for(
    count: int,
    ax: AxesLike,
    *,
    columns: int = COLUMNS,
    size: tuple[float, float] = (2.4, 1.9),
) -> list[Axes]:
    """Finds the axes of so many panels: those given, or made, or those of a new figure of pyplot.

    Raises:
      TypeError: something given is no Axes.
      ValueError: another number is given.
    """
    if ax is not None:
        given = np.ravel(np.asarray(ax(count) if callable(ax) else ax, object)).tolist()
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
        layout=ConstrainedLayoutEngine(**GAPS),
    )
    for spare in grid.ravel()[count:]:
        figure.delaxes(spare)
    return grid.ravel()[:count].tolist()


def is_own(ax: AxesLike) -> bool:
    """Whether the figure was made for the picture alone, so that it may have a legend."""
    return ax is None or callable(ax)


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
    square = ax.get_box_aspect()  # which is kept to when all is drawn
    width = box.width if square is None else min(box.width, 1.2 * box.height / square)
    # The margins between axes are room as well; where a remark stands, there may be less.
    width, taken = (0.95 if aside else 1.1) * width, 0.0
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


def left_out(count: int) -> str:
    """What is said below the last panel where some are not drawn."""
    return f"{count} more not shown" if count else ""


def names(ax: Axes, places: Any, labels: Sequence[str]) -> None:
    """Puts names in place of numbers along y, long ones on two lines."""
    room = most_letters(0.4 * ax.figure.bbox.width / ax.figure.dpi, 7.5)
    short = [_two_lines(name, room) for name in labels]
    ax.set_yticks(places, short, parse_math=False, color=INK)
    ax.tick_params(axis="y", length=0)


def levels(ax: Axes, labels: Sequence[str]) -> None:
    """Puts names in place of numbers along x, slanted where they would not fit otherwise."""
    size = 7.5
    room = most_letters(_inches(ax)[0] / max(len(labels), 1), size)
    fits = all(len(name) < room for name in labels)
    short = [_two_lines(name, room if fits else 22) for name in labels]
    ax.set_xticks(range(len(labels)), short, parse_math=False, fontsize=size)
    for text in () if fits else ax.get_xticklabels():
        text.set(rotation=45, ha="right", rotation_mode="anchor")
    ax.set_xlim(-0.6, len(labels) - 0.4)


def colour_bar(drawn: Any, axes: Sequence[Axes], name: str) -> None:
    """One bar of colours beside the last of the axes, for all of them."""
    bar = axes[0].figure.colorbar(drawn, ax=list(axes), aspect=30, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0)
    ticks(bar.ax.yaxis, 8)
    label(bar.ax, y=name)


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
    longest = max(map(len, labels), default=0)
    beside = most_letters(ax.figure.bbox.width / ax.figure.dpi, 8) // (longest + 8)
    place: dict[str, Any] = {
        "loc": "outside upper right",
        "ncols": max(min(len(labels), beside), 1),
        "handlelength": 2.6,
    }
    ax.figure.legend(handles, labels, frameon=False, fontsize=8, **place)


def ticks(axis: Axis, most: int, format: Format = Format("number")) -> None:  # noqa: B008
    """Sets at most so many ticks and writes them as people do: numbers, or dates and times."""
    if format.kind in ("number", "category"):
        axis.set_major_locator(MaxNLocator(min(most, _room(axis))))
        axis.set_major_formatter(lambda v, _: plain_number(v))
    elif format.unit == "days":  # since 1970, as matplotlib counts them
        axis.set_major_locator(locator := AutoDateLocator(minticks=2, maxticks=most + 1))
        axis.set_major_formatter(ConciseDateFormatter(locator))
    else:
        axis.set_major_locator(MaxNLocator(2))
        axis.set_major_formatter(lambda v, _: number_word(format, v, decimals=0))


def ratios(ax: Axes) -> None:
    """Makes x a logarithmic scale from 0 on, which has a place of its own."""
    ax.set_xscale("symlog", linthresh=0.01, linscale=0.5)
    ax.set_xlim(0, None)
    ax.xaxis.set_major_formatter(lambda v, _: significant(v, 1))
    ax.xaxis.set_minor_locator(NullLocator())


def plain_number(value: float) -> str:
    """As many digits as needed; thousands are set off from 10,000 on, so that years stay years."""
    written = f"{value:,.8g}" if abs(value) >= 10_000 else f"{value:.8g}"
    return written.replace("-", "−")


def most_letters(inches: float, size: float) -> int:
    """How many letters of a size in points there is room for."""
    return max(int(inches * 72 / (0.62 * size)), 4)


def _two_lines(name: str, most: int) -> str:
    """A name on one line of so many letters or two; what is longer is cut."""
    lines = textwrap.wrap(one_line(name), most)
    return "\n".join(lines if len(lines) <= 2 else [lines[0], shortened(" ".join(lines[1:]), most)])


def _room(axis: Axis) -> int:
    """Between how many numbers there is room beside one another."""
    if axis is not axis.axes.xaxis:
        return 100
    longest = max(len(plain_number(float(f"{end:.2g}"))) for end in axis.get_view_interval())
    return max(most_letters(_inches(axis.axes)[0], 7.5) // (longest + 2), 1)


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


def density(ax: Axes, values: np.ndarray, height: float, along: str = "x") -> None:
    """Draws how the data lie along an axis as a pale area, `height` in axes units at its peak."""
    counts, edges = np.histogram(values, bins=32)
    scaled = counts / max(counts.max(), 1) * height
    look: dict[str, Any] = {"transform": ax.get_xaxis_transform()}
    if along == "y":
        look = {"transform": ax.get_yaxis_transform(), "orientation": "horizontal"}
    ax.stairs(scaled, edges, fill=True, color=DENSITY, zorder=0, **look)
