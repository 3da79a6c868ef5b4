"""The way of a figure to the page: SVG for the page, PNG and CSV for the folder.

matplotlib is imported when a report is written: `import spline_fc` stays quick.
"""

import base64
import contextlib
import contextvars
import csv
import functools
import io
import pathlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from spline_fc import files
from spline_fc.plots import look
from spline_fc.report.page import Image

WIDE, NARROW = 9.6, 4.2  # inches: of a figure at the full measure of the page, and on a telephone
DPI = 120
LETTER = 0.085  # inches, of a title
_width = contextvars.ContextVar("width", default=WIDE)


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
    with matplotlib.rc_context(look.STYLE), warnings.catch_warnings():
        # Letters that the font lacks are boxes in the PNG; the SVG leaves them to the browser.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        yield


def rows_of(columns: int, height: float, letters: int = 0) -> Callable[[int], list[Axes]]:
    """What makes axes for a picture: rows of panels at the full measure, so many inches high.

    Where there are fewer panels than that the rest of a row stays empty; where titles have many
    letters, or the page is narrow, fewer panels stand side by side.
    """
    return functools.partial(panels, columns=columns, height=height, letters=letters)


def panels(
    count: int, *, columns: int, height: float, letters: int = 0, share_y: bool = False
) -> list[Axes]:
    """Makes axes in reading order, at least two columns of them where there may be more."""
    width = _width.get()
    columns = round(min(columns, max(count, 2)) * width / WIDE)
    columns = max(min(columns, int(width / (LETTER * max(letters, 1)))), 1)
    rows = max(-(-count // columns), 1)
    layout = ConstrainedLayoutEngine(h_pad=0.05, **look.GAPS)  # some room: fonts differ by screen
    figure = Figure(figsize=(width, rows * height), dpi=DPI, layout=layout)
    axes = figure.subplots(rows, columns, squeeze=False, sharey=share_y).ravel().tolist()
    for spare in axes[count:]:
        spare.set_axis_off()
    return axes[:count]


def figure_of(drawn: Axes | np.ndarray) -> Figure:
    """The figure that some axes stand in."""
    return np.ravel(np.asarray(drawn, object))[0].figure


def stacked(tables: Iterable[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """Sets tables below one another; a single value stands in every line of its table."""
    full = [dict(zip(t, np.broadcast_arrays(*t.values()), strict=True)) for t in tables]
    names = full[0] if full else ()
    return {name: np.concatenate([table[name] for table in full]) for name in names}


def place(folder: pathlib.Path, draw: Callable[..., Picture], *arguments: Any) -> Image:
    """Draws a figure for the page; its PNG and the CSV of its numbers go to FOLDER/figures.

    In the page it is SVG within a data URI: nothing in it can clash with the page or run there. It
    is drawn twice, for wide screens and for narrow ones, where letters keep their size.
    """
    target = folder / "figures"
    target.mkdir(exist_ok=True)
    with style():
        small, picture = (
            contextvars.copy_context().run(_drawn, width, draw, *arguments)
            for width in (NARROW, WIDE)
        )
        narrow, source = render(small), render(picture, target)
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(picture.numbers)
    columns = (np.asarray(column).tolist() for column in picture.numbers.values())
    writer.writerows(zip(*columns, strict=True))
    files.write_text(target / f"{picture.name}.csv", table.getvalue())
    return Image(
        source=source,
        narrow=narrow,
        alt=f"{picture.title}: a figure, whose numbers are in figures/{picture.name}.csv",
        title=picture.title,
        caption=picture.caption,
    )


def _drawn(width: float, draw: Callable[..., Picture], *arguments: Any) -> Picture:
    """Draws a picture so many inches wide."""
    _width.set(width)
    return draw(*arguments)


def render(picture: Picture, folder: pathlib.Path | None = None) -> str:
    """Turns a picture into a data URI, and into a PNG where a folder is given for it."""
    figure = picture.figure
    layout = figure.get_layout_engine()
    if layout is not None:
        layout.execute(figure)  # once for all files
    figure.set_layout_engine("none")
    if folder is not None:
        with files.replacing(folder / f"{picture.name}.png") as file:
            figure.savefig(file, format="png", pil_kwargs={"compress_level": 3})
    text = io.BytesIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return "data:image/svg+xml;base64," + base64.b64encode(text.getvalue()).decode("ascii")
