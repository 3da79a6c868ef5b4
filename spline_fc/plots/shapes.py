"""Shape functions: what a model does with one feature, a panel each."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes

from spline_fc.analysis import Curve, ShapeFunctions, thin_curve
from spline_fc.analysis import shape_functions as measure
from spline_fc.checks import as_list, check, check_boolean, check_integer
from spline_fc.model.columns import Column
from spline_fc.plots import look
from spline_fc.plots.about import About, AboutLike, known, with_unit
from spline_fc.plots.models import Model, by_name, plain

POINTS = 201  # of a line with more breakpoints than that
MOST_LEVELS = 10  # of a category; those of least effect are left out and counted
Shapes = Model | ShapeFunctions


class _Line(NamedTuple):
    """One model in one panel: its mean over seeds, and their range."""

    place: np.ndarray  # (g,) values of the feature, or numbers of levels
    mean: np.ndarray  # (g, k)
    low: np.ndarray
    high: np.ndarray


@look.styled
def shape_functions(
    models: Shapes | Sequence[Shapes] | Mapping[str, Shapes | Sequence[Shapes]],
    about: AboutLike = None,
    *,
    features: Sequence[int] | None = None,
    target: int | None = None,
    share_y: bool = True,
    most: int = look.MOST_PANELS,
    ax: look.AxesLike = None,
) -> Axes | np.ndarray:
    """Draws what models do with each feature, the most influential first.

    A number is a line over the feature, a category one dot for each of its levels, which is the sum
    of what its 0/1 columns do there. Where data lie is shown as a pale area, or bars.

    Args:
      models: a Spline, a fit, a network's parameters or a TrainResult, which are averaged over rows
        of `about`; or ShapeFunctions, drawn in the units they have. Several are seeds of one
        model, drawn as their mean and, as a band, their range. By name they are lines of their own,
        {"before": ..., "after": ...}.
      about: a Dataset, Model or About: names, raw units, categories, and rows.
      features: columns of x to draw; by default all, of which `most` are shown and the others
        counted. One column of a category stands for the whole category.
      target: the output that is drawn; by default every one, in a panel of its own.
      share_y: one scale for all panels, else one for each.
      most: features that are drawn at most, unless they are chosen.
      ax: as many Axes as there are panels, features in the outer order, targets in the inner.

    Returns:
      The Axes, an array of them unless there is one panel.

    Raises:
      TypeError: what is to be drawn has no shape functions.
      ValueError: no curve, a column that is not there, no rows to average over, or another number
        of Axes.
    """
    check_integer("most", most, at_least=1)
    check_boolean("share_y", share_y)
    lead = by_name(models, ShapeFunctions)
    about = known(about, next(iter(lead.values()))[0])
    found = {name: [_measured(one, about) for one in some] for name, some in lead.items()}
    shown = _features(found, about, features)
    check(len(shown) > 0, "features must name at least one column; got none.")
    lines = {feature: _lines(feature, found) for feature in shown}
    outputs = range(next(iter(lines.values()))[0].mean.shape[1])
    if target is not None:
        check_integer("target", target, at_least=0)
        check(target in outputs, f"target must be below {len(outputs)}; got {target}.")
        outputs = [target]
    ranked = sorted(shown, key=lambda f: -max(np.ptp(v.mean, axis=0).max() for v in lines[f]))
    ranked = shown if features is not None else ranked[:most]
    across = min(len(outputs), look.COLUMNS) if len(outputs) > 1 else look.COLUMNS
    axes = look.axes_for(len(ranked) * len(outputs), ax, columns=across)
    panels = [(feature, output) for feature in ranked for output in outputs]
    for panel, (feature, output) in zip(axes, panels, strict=True):
        _panel(panel, feature, lines[feature], output, list(lead), about)
    _heights(axes, [output for _, output in panels], share_y, about)
    look.label(axes[-1], x=look.left_out(len(shown) - len(ranked)))
    if len(lead) > 1 and look.is_own(ax):
        look.legend(axes[0])
    return look.squeezed(axes)


def _measured(model: Any, about: About) -> ShapeFunctions:
    if isinstance(model, ShapeFunctions):
        return model
    return measure(plain(model), about.rows(), scaler=about.scaler)


def _features(
    found: Mapping[str, Sequence[ShapeFunctions]], about: About, chosen: Sequence[int] | None
) -> list[Column]:
    """What there is a curve of, or what was chosen of it, once each."""
    curves = {c.feature for some in found.values() for one in some for c in one.curves}
    check(len(curves) > 0, "models must have at least one curve; got none.")
    if chosen is not None:
        chosen = as_list("features", chosen, "columns")
        for feature in chosen:
            check_integer("a column in features", feature, at_least=0)
            check(feature in curves, f"features must have curves; column {feature} has none.")
    of = about.columns()
    own = (of.get(j) or about.column(j) for j in (sorted(curves) if chosen is None else chosen))
    return list(dict.fromkeys(own))


def _lines(feature: Column, found: Mapping[str, Sequence[ShapeFunctions]]) -> list[_Line]:
    """The line of every model in the panel of one feature."""
    draw: Callable[..., _Line] = _levels if feature.levels else _numbers
    return [
        draw(feature, [{c.feature: c for c in one.curves} for one in some])
        for some in found.values()
    ]


def _numbers(feature: Column, seeds: Sequence[Mapping[int, Curve]]) -> _Line:
    """Curves on the part of the feature that all seeds have seen."""
    (column,) = feature.places
    curves = [thin_curve(own[column], POINTS) for own in seeds if column in own]
    check(len(curves) > 0, f"models must all have a curve of {feature.name!r}; one has none.")
    grid = curves[0].grid
    if len(curves) > 1:
        ends = max(c.grid[0] for c in curves), min(c.grid[-1] for c in curves)
        grid = np.linspace(*ends, POINTS)
    values = np.stack([curve.at(grid) for curve in curves])
    return _Line(grid, values.mean(axis=0), values.min(axis=0), values.max(axis=0))


def _levels(feature: Column, seeds: Sequence[Mapping[int, Curve]]) -> _Line:
    """What the 0/1 columns of a category add up to at each of its levels."""
    values = np.stack([_level_effects(feature, own) for own in seeds])
    mean, low, high = (f(values, axis=0) for f in (np.mean, np.min, np.max))
    return _Line(np.arange(len(feature.levels)), mean, low, high)


def _level_effects(feature: Column, curves: Mapping[int, Curve]) -> np.ndarray:
    """(levels, k); a level that no row of the training part has is nan."""
    if len(feature.places) == 1:
        curve = curves[feature.places[0]]
        return np.stack([curve.value[0], curve.value[-1]])
    known = [j for j in feature.places if j in curves]
    absent = sum(curves[j].value[0] for j in known)
    outputs = curves[known[0]].value.shape[1]
    rows = [
        absent + curves[j].value[-1] - curves[j].value[0] if j in curves else [np.nan] * outputs
        for j in feature.places
    ]
    return np.array(rows, np.float64)


def _panel(
    ax: Axes, feature: Column, lines: list[_Line], output: int, names: list[str], about: About
) -> None:
    """One feature and one output: the data below, then models one over the other."""
    ax.axhline(0, color=look.HAIR, linewidth=0.8, zorder=1)
    looks = look.pair_or_contenders(len(lines))
    draw = _draw_levels if feature.levels else _draw_numbers
    said = draw(ax, feature, lines, output, looks, names, about)
    look.ticks(ax.yaxis, 5)
    look.label(ax, title=with_unit(feature.name, feature.format), aside=said)


def _draw_numbers(ax, feature, lines, output, looks, names, about) -> str:
    (column,) = feature.places
    raw = about.raw(column)
    if raw is not None:
        look.density(ax, raw, 0.3)
    for line, own, name in zip(lines, looks, names, strict=True):
        style = {key: own[key] for key in ("color", "linestyle", "linewidth", "zorder")}
        if (line.low < line.high).any():
            # One band is filled: of two that lie on one another neither could be seen.
            band = {"color": own["color"], "alpha": 0.2, "linewidth": 0}
            if line is not lines[-1]:
                band = {"facecolor": "none", "edgecolor": own["color"], "linestyle": (0, (1, 2))}
            ends = line.low[:, output], line.high[:, output]
            ax.fill_between(line.place, *ends, zorder=2, **band)
        ax.plot(line.place, line.mean[:, output], label=name or None, **style)
    ends = np.array([(line.place[0], line.place[-1]) for line in lines])
    margin = 0.03 * np.ptp(ends)
    ax.set_xlim(ends.min() - margin, ends.max() + margin)
    look.ticks(ax.xaxis, 4, feature.format)
    return ""


def _draw_levels(ax, feature, lines, output, looks, names, about) -> str:
    effects = np.stack([line.mean[:, output] for line in lines])
    strength = np.nan_to_num(np.abs(effects).max(axis=0), nan=-1.0)
    kept = np.sort(np.argsort(-strength, kind="stable")[:MOST_LEVELS])
    kept = kept[strength[kept] >= 0]
    if about.x is not None:
        ax.bar(
            np.arange(kept.size), 0.3 * _shares(feature, about)[kept], 0.8, color=look.DENSITY,
            transform=ax.get_xaxis_transform(), zorder=0,
        )  # fmt: skip
    for index, (line, own, name) in enumerate(zip(lines, looks, names, strict=True)):
        place = np.arange(kept.size) + 0.24 * (index - (len(lines) - 1) / 2)
        ends = line.low[kept, output], line.high[kept, output]
        ax.vlines(place, *ends, color=own["color"], linewidth=3, alpha=0.3, zorder=2)
        dot = {"color": own["color"], "marker": own["marker"], "markerfacecolor": own["face"]}
        dot |= {"markersize": 5, "zorder": 3, "linestyle": "none", "label": name or None}
        ax.vlines(place, 0, line.mean[kept, output], color=own["color"], linewidth=0.8, zorder=2)
        ax.plot(place, line.mean[kept, output], **dot)
    look.levels(ax, [feature.levels[i] for i in kept])
    count = len(feature.levels)
    return f"{kept.size} of {count} levels" if kept.size < count else ""


def _shares(feature: Column, about: About) -> np.ndarray:
    """How many rows have each level, the most being 1."""
    x = np.asarray(about.x)[:, list(feature.places)]
    counts = (x > (x.min(axis=0) + x.max(axis=0)) / 2).sum(axis=0)
    if len(feature.places) == 1:
        counts = np.array([len(x) - counts[0], counts[0]])
    return counts / max(counts.max(), 1)


def _heights(axes: list[Axes], outputs: list[int], share_y: bool, about: About) -> None:
    """One scale for the panels of an output, and its name where a row of panels begins."""
    for output in dict.fromkeys(outputs):
        own = [ax for ax, of in zip(axes, outputs, strict=True) if of == output]
        ends = np.array([ax.get_ylim() for ax in own])
        for ax in own if share_y else ():
            ax.set_ylim(ends[:, 0].min(), ends[:, 1].max())
    for ax, output in zip(axes, outputs, strict=True):
        place = ax.get_subplotspec()
        begins = place is None or place.is_first_col()
        if begins or len(set(outputs)) > 1:
            look.label(ax, y=f"effect on {about.output(output)}")
        elif share_y:
            ax.tick_params(axis="y", labelleft=False)
