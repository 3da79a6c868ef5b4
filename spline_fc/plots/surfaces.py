"""Pictures of two features: what a model returns on their plane, and the linear pieces of it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection

from spline_fc.analysis import Cell, Surface, dependence_surface, plane_cells
from spline_fc.checks import check, check_integer
from spline_fc.plots import look
from spline_fc.plots.about import About, AboutLike, known
from spline_fc.plots.models import Model, by_name, network_of, plain

COLOURS = "cividis"  # grows lighter evenly, to every kind of colour vision and in grey
MOST_POINTS = 300  # rows shown on a surface
_SIZE = (4.4, 3.4)


@look.styled
def surface(
    models: Model | Surface | Mapping[str, Model | Surface],
    about: AboutLike = None,
    *,
    features: tuple[int, int] | None = None,
    target: int | None = None,
    ax: look.AxesLike = None,
) -> Axes | np.ndarray:
    """Draws what models return for two features, averaged over the others; lighter is higher.

    Args:
      models: a Spline, a fit, a network's parameters or a TrainResult, which are averaged over rows
        of `about`; or a Surface, drawn in the units it has; or several by name, a panel each, all
        on one scale.
      about: a Dataset, Model or About: names, raw units, and rows, some of which are shown as dots.
      features: two columns of x; of models alone, as a Surface has its own.
      target: the output that is drawn; by default every one, in a panel of its own.
      ax: as many Axes as there are panels, models in the outer order, targets in the inner.

    Returns:
      The Axes, an array of them unless there is one panel.

    Raises:
      TypeError: something else than models.
      ValueError: no rows to average over, columns that are not there, or another number of Axes.
    """
    lead = {name: one for name, (one,) in _singles(by_name(models, Surface)).items()}
    about = known(about, next(iter(lead.values())))
    found = {name: _surface(one, about, features) for name, one in lead.items()}
    outputs = _outputs(target, next(iter(found.values())).value.shape[2])
    panels = [(name, output) for name in found for output in outputs]
    axes = look.axes_for(len(panels), ax, columns=2, size=_SIZE)
    for output in outputs:
        heights = {name: one.value[:, :, output] for name, one in found.items()}
        ends = min(v.min() for v in heights.values()), max(v.max() for v in heights.values())
        own = [panel for panel, (_, of) in zip(axes, panels, strict=True) if of == output]
        for panel, (name, one) in zip(own, found.items(), strict=True):
            drawn = _draw_surface(panel, one, heights[name], ends, about)
            title = [name] if name else []
            title += [about.output(output)] if len(outputs) > 1 else []
            look.label(panel, title=", ".join(title))
        look.colour_bar(drawn, own, about.output(output))
    return look.squeezed(axes)


@look.styled
def partition(
    models: Model | Sequence[Cell] | Mapping[str, Any],
    about: AboutLike = None,
    *,
    features: tuple[int, int] = (0, 1),
    target: int = 0,
    ax: look.AxesLike = None,
) -> Axes | np.ndarray:
    """Draws the polygons on which networks are affine, in the plane of two features.

    A border is where a hidden unit switches, whether or not the output bends there; colours are the
    output at the middle of a polygon, lighter is higher.

    Args:
      models: a network's parameters or a TrainResult, or a spline, which is cut as its network is,
        on the plane through the medians of the
        other features; or its Cells, as `analysis.plane_cells` returns them; or several by name, a
        panel each, all on one scale.
      about: a Dataset, Model or About: names, raw units, and rows, which parameters need.
      features: the two columns of x, first along x.
      target: the output that colours the polygons.
      ax: as many Axes as there are models.

    Returns:
      The Axes, an array of them unless there is one panel.

    Raises:
      TypeError: something else than networks or cells.
      ValueError: no rows, columns or an output that are not there, or another number of Axes.
    """
    lead = by_name({"": models} if _are_cells(models) else models, Cell)
    about = known(about)
    found = {name: _cells(some, about, features) for name, some in lead.items()}
    check_integer("target", target, at_least=0)
    _outputs(target, next(iter(found.values()))[0].intercept.size)
    heights = {
        name: np.array([
            c.polygon.mean(axis=0) @ c.slope[:, target] + c.intercept[target] for c in cells
        ])
        for name, cells in found.items()
    }  # fmt: skip
    ends = min(v.min() for v in heights.values()), max(v.max() for v in heights.values())
    axes = look.axes_for(len(found), ax, columns=2, size=_SIZE)
    for panel, (name, cells) in zip(axes, found.items(), strict=True):
        # Rasterised: thousands of polygons as vectors would outweigh the rest of a page.
        style = {"cmap": COLOURS, "edgecolors": "white", "linewidths": 0.25, "rasterized": True}
        polygons = [cell.polygon for cell in cells]
        drawn = PolyCollection(polygons, array=heights[name], clim=ends, **style)
        panel.add_collection(drawn)
        corners = np.concatenate(polygons)
        (left, bottom), (right, top) = corners.min(axis=0), corners.max(axis=0)
        panel.set(xlim=(left, right), ylim=(bottom, top))
        first, second = (about.axis(v) for v in features)
        look.label(panel, title=name, x=first, y=second, aside=f"{len(cells):,} linear pieces")
        _ticks(panel, features, about)
    look.colour_bar(drawn, axes, about.output(target))
    return look.squeezed(axes)


def _singles(named: dict[str, list[Any]]) -> dict[str, list[Any]]:
    for name, some in named.items():
        check(len(some) == 1, f"models must hold one model for {name!r}; got {len(some)}.")
    return named


def _outputs(target: int | None, count: int) -> range:
    if target is None:
        return range(count)
    check_integer("target", target, at_least=0)
    check(target < count, f"target must be below {count}; got {target}.")
    return range(target, target + 1)


def _surface(model: Any, about: About, features: tuple[int, int] | None) -> Surface:
    if isinstance(model, Surface):
        return model
    check(features is not None, "features must be two columns of x for a model; got None.")
    return dependence_surface(plain(model), about.rows(), features, scaler=about.scaler)


def _are_cells(models: Any) -> bool:
    return isinstance(models, Sequence) and all(isinstance(c, Cell) for c in models)


def _cells(models: list[Any], about: About, features: tuple[int, int]) -> list[Cell]:
    if _are_cells(models):
        return models
    (model,) = _singles({"": models})[""]
    return plane_cells(network_of(model), about.rows(), features, scaler=about.scaler)


def _draw_surface(
    ax: Axes, found: Surface, height: np.ndarray, ends: tuple[float, float], about: About
) -> Any:
    style = {"cmap": COLOURS, "vmin": ends[0], "vmax": ends[1], "rasterized": True}
    drawn = ax.pcolormesh(found.first, found.second, height.T, shading="gouraud", **style)
    if ends[0] < ends[1]:
        levels = np.linspace(*ends, 10)[1:-1]
        ax.contour(found.first, found.second, height.T, levels, colors="white", linewidths=0.8)
    first, second = (about.raw(v) for v in found.features)
    if first is not None and second is not None:
        some = slice(None, None, -(-first.size // MOST_POINTS))
        dots = {"markersize": 1.8, "color": look.INK, "alpha": 0.45, "markeredgewidth": 0}
        ax.plot(first[some], second[some], "o", **dots)
    ax.set(xlim=found.first[[0, -1]], ylim=found.second[[0, -1]])
    x, y = (about.axis(v) for v in found.features)
    look.label(ax, x=x, y=y)
    _ticks(ax, found.features, about)
    return drawn


def _ticks(ax: Axes, features: tuple[int, int], about: About) -> None:
    for axis, feature in zip((ax.xaxis, ax.yaxis), features, strict=True):
        look.ticks(axis, 5, about.column(feature).format)
