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
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spline_fc import files
from spline_fc.report.page import Image

INK = "#1d2733"
MUTED = "#6b7682"
HAIR = "#d5dae0"
DENSITY = "#e6eaee"
# Okabe and Ito (2008): told apart with every common kind of colour vision; line styles and markers
# say the same once more, for print and for screens without colour.
BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
)
LINES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)), (0, (3, 1, 1, 1, 1, 1)), (0, (8, 3)))
MARKERS = ("o", "s", "^", "D", "v", "P")
COLUMNS = 4
WIDTH = 9.6  # inches; the page shows a figure of this width at its full measure
DPI = 120

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
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "xtick.major.width": 0.8,
    "ytick.major.width": 0.8,
    "lines.solid_capstyle": "round",
    "lines.dash_capstyle": "butt",
    "svg.fonttype": "none",
    "svg.hashsalt": "spline_fc",
    "text.parse_math": False,  # a $ in the name of a column is a dollar
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


def panels(count: int, columns: int, height: float, **options: Any) -> tuple[Figure, list[Axes]]:
    """Makes a grid of small axes at the full measure.

    Args:
      count: number of axes.
      columns: axes per row.
      height: of one row, inches, with its title and tick labels.
      **options: left, right, top, bottom margins of a row in inches, and gap between columns.

    Returns:
      The figure and its axes in reading order.
    """
    left, right = options.get("left", 0.3), options.get("right", 0.1)
    top, bottom = options.get("top", 0.34), options.get("bottom", 0.32)
    gap = options.get("gap", 0.22)
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


def corner(ax: Axes, text: str) -> None:
    """Writes a quiet remark at the right end of the title line."""
    ax.set_title(text, loc="right", fontsize=7.5, fontweight="normal", color=MUTED)


def density(ax: Axes, values: np.ndarray, height: float, bins: int = 32) -> None:
    """Draws how the data lie along x as a pale area, `height` in axes units at its peak."""
    counts, edges = np.histogram(values, bins=bins)
    scaled = counts / max(counts.max(), 1) * height
    ax.stairs(scaled, edges, fill=True, color=DENSITY, transform=ax.get_xaxis_transform(), zorder=0)


def spread_labels(positions: Any, gap: float) -> np.ndarray:
    """Moves label positions apart until neighbours are at least `gap` away, order kept.

    Args:
      positions: (m,) wanted positions.
      gap: least distance.

    Returns:
      (m,) positions, as near to the wanted ones as a few sweeps bring them.
    """
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
    result = np.empty_like(placed)
    result[order] = placed
    return result


def place(folder: pathlib.Path, draw: Callable[..., Picture], *arguments: Any) -> Image:
    """Draws a figure for the page; its PNG and the CSV of its numbers go to FOLDER/figures.

    Args:
      folder: of the page.
      draw: makes a Picture.
      *arguments: of `draw`.

    Returns:
      The figure as SVG within a data URI: nothing in it can clash with the page or run there.
    """
    target = folder / "figures"
    target.mkdir(exist_ok=True)
    with style():
        picture = draw(*arguments)
        with files.replacing(target / f"{picture.name}.png") as file:
            picture.figure.savefig(file, format="png", dpi=DPI, pil_kwargs={"compress_level": 3})
        text = io.BytesIO()
        picture.figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    write_csv(target / f"{picture.name}.csv", picture.numbers)
    return Image(
        source="data:image/svg+xml;base64," + base64.b64encode(text.getvalue()).decode("ascii"),
        alt=f"{picture.title}: a figure, whose numbers are in figures/{picture.name}.csv",
        title=picture.title,
        caption=picture.caption,
    )


def write_csv(file: pathlib.Path, numbers: Mapping[str, Any]) -> None:
    """Writes columns of equal length under their names."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(numbers)
    writer.writerows(zip(*(np.asarray(c).tolist() for c in numbers.values()), strict=True))
    files.write_text(file, text.getvalue())
