"""The look of every figure, and the way it leaves: SVG for the page, PNG and CSV for the folder.

matplotlib is imported here and in the plots modules alone, all of them when a report is written:
`import spline_fc` stays quick.
"""

import base64
import contextlib
import csv
import io
import pathlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from spline_fc import files
from spline_fc.report.page import Image

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
COLUMNS = 4
WIDTH = 9.6  # inches; the page shows a figure of this width at its full measure
DPI = 120

_TICKS = {"color": MUTED, "labelsize": 7.5, "major.size": 3, "minor.size": 1.5, "major.width": 0.8}
_STYLE = {
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


class Picture(NamedTuple):
    """A drawn figure with the numbers it shows."""

    name: str  # file name without ending
    title: str
    caption: str
    figure: Figure
    numbers: Mapping[str, Any]  # columns of equal length


@contextlib.contextmanager
def style() -> Iterator[None]:
    """The settings every figure is drawn and saved under; global settings stay untouched."""
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        # Letters that the font lacks are boxes in the PNG; the SVG leaves them to the browser.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        yield


def look(index: int) -> dict[str, Any]:
    """Colour, line style and marker of the index-th contender."""
    colours = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
    i, again = index % len(colours), index // len(colours)
    style = (i + again) % len(LINES)  # a colour that returns comes with another line and marker
    return {"color": colours[i], "linestyle": LINES[style], "marker": MARKERS[style]}


def panels(
    count: int,
    columns: int,
    height: float,
    *,
    left: float = 0.3,
    right: float = 0.1,
    top: float = 0.34,
    bottom: float = 0.32,
    gap: float = 0.22,
) -> tuple[Figure, list[Axes]]:
    """Makes axes in reading order at the full measure, rows `height` inches high with margins."""
    rows = -(-count // columns)
    figure = Figure(figsize=(WIDTH, rows * height))
    width = (WIDTH - left - right - (columns - 1) * gap) / columns
    axes = []
    for i in range(count):
        row, column = divmod(i, columns)
        x = (left + column * (width + gap)) / WIDTH
        y = ((rows - 1 - row) * height + bottom) / (rows * height)
        box = (x, y, width / WIDTH, (height - top - bottom) / (rows * height))
        axes.append(figure.add_axes(box))
    return figure, axes


def columns(count: int) -> int:
    """How many of `count` small panels stand side by side."""
    return min(max(count, 2), COLUMNS)


def ticks(ax: Axes, x: int | None = None, y: int | None = None) -> None:
    """Says how many ticks there are at most along x and along y."""
    for axis, most in ((ax.xaxis, x), (ax.yaxis, y)):
        if most is not None:
            axis.set_major_locator(MaxNLocator(most))


def stacked(tables: Iterable[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """Sets tables below one another; a single value stands in every line of its table."""
    full = [dict(zip(t, np.broadcast_arrays(*t.values()), strict=True)) for t in tables]
    names = full[0] if full else ()
    return {name: np.concatenate([table[name] for table in full]) for name in names}


def density(ax: Axes, values: np.ndarray, height: float, along: str = "x") -> None:
    """Draws how the data lie along an axis as a pale area, `height` in axes units at its peak."""
    counts, edges = np.histogram(values, bins=32)
    scaled = counts / max(counts.max(), 1) * height
    look: dict[str, Any] = {"transform": ax.get_xaxis_transform()}
    if along == "y":
        look = {"transform": ax.get_yaxis_transform(), "orientation": "horizontal"}
    ax.stairs(scaled, edges, fill=True, color=DENSITY, zorder=0, **look)


def spread_labels(positions: Any, gap: float) -> np.ndarray:
    """Moves label positions (m,) apart until neighbours are at least `gap` away, order kept."""
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


def place(folder: pathlib.Path, draw: Callable[..., Picture], *arguments: Any) -> Image:
    """Draws a figure for the page; its PNG and the CSV of its numbers go to FOLDER/figures.

    In the page it is SVG within a data URI: nothing in it can clash with the page or run there.
    """
    target = folder / "figures"
    target.mkdir(exist_ok=True)
    with style():
        picture = draw(*arguments)
        with files.replacing(target / f"{picture.name}.png") as file:
            picture.figure.savefig(file, format="png", dpi=DPI, pil_kwargs={"compress_level": 3})
        text = io.BytesIO()
        picture.figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(picture.numbers)
    columns = (np.asarray(column).tolist() for column in picture.numbers.values())
    writer.writerows(zip(*columns, strict=True))
    files.write_text(target / f"{picture.name}.csv", table.getvalue())
    return Image(
        source="data:image/svg+xml;base64," + base64.b64encode(text.getvalue()).decode("ascii"),
        alt=f"{picture.title}: a figure, whose numbers are in figures/{picture.name}.csv",
        title=picture.title,
        caption=picture.caption,
    )
