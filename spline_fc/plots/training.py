"""Pictures of training: losses on the way, and starts beside one another."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullLocator

from spline_fc.analysis import History, Interval
from spline_fc.checks import (
    check,
    check_boolean,
    check_kind,
    check_mapping,
    check_number,
    check_one_of,
    shown,
)
from spline_fc.data.records import PARTS
from spline_fc.plots import look
from spline_fc.printing import significant
from spline_fc.training import TrainResult

Run = TrainResult | History
NARROW = 4.0  # the largest loss over the least, below which the axis is no logarithm
_NO_ACCURACY = "measure must be 'loss' for runs that recorded no accuracy; got 'accuracy'."
_CLOCKS = {"step": "training steps", "epoch": "epochs", "seconds": "seconds"}


@look.styled
def convergence(
    runs: Run | Sequence[Run] | Mapping[str, Run | Sequence[Run]],
    *,
    over: str = "step",
    part: str = "validation",
    measure: str = "loss",
    levels: Mapping[str, float] | None = None,
    names: bool = True,
    ax: look.AxesLike = None,
) -> Axes:
    """Draws curves of training: seeds as thin lines, their median strong, its best marked.

    Args:
      runs: a TrainResult, also of replicas, or a History; several of them, e.g. seeds; or either by
        the name of the start, as {"spline": result, "He": [first, second]}.
      over: "step", "epoch", or "seconds", which a History has.
      part: "train", "validation" or "test".
      measure: "loss", or of runs on labels by a cross-entropy, whose loss is the log loss,
        "accuracy".
      levels: heights that are no curve, by name, e.g. of the spline alone.
      names: whether names stand beside the right end of the axes.
      ax: where to draw.

    Returns:
      The Axes.

    Raises:
      TypeError: something else than such runs.
      ValueError: no run, an unknown clock, part or measure, or one that a run does not have.
    """
    check_one_of("over", over, _CLOCKS)
    check_one_of("part", part, PARTS)
    check_one_of("measure", measure, ("loss", "accuracy"))
    levels = {} if levels is None else levels
    check_mapping("levels", levels)
    for name, level in levels.items():
        check_number(f"levels[{name!r}]", level)
    check_boolean("names", names)
    named = runs if isinstance(runs, Mapping) else {"": runs}
    curve = f"{part}_{measure}"
    lines = {name: _lines(some, over, curve) for name, some in named.items()}
    check(any(lines.values()), "runs must hold at least one run; got none.")
    (ax,) = look.axes_for(1, ax, size=(5.0, 3.4))
    labels: list[tuple[float, str, Any]] = []
    for index, (name, own) in enumerate(lines.items()):
        if own:
            style = look.contender(index)
            labels.append((_draw(ax, own, style, measure), name, style["color"]))
    for name, level in levels.items():
        ax.axhline(level, color=look.INK, linewidth=0.9, linestyle=(0, (2, 2)), zorder=1)
        labels.append((level, name, look.INK))
    steps = [x[1] for own in lines.values() for x, _ in own if x.size > 1]
    _scale(ax, over, steps)
    look.label(ax, x=_CLOCKS[over], y=f"{part} {measure}")
    if names:
        look.beside(ax, labels)
    return ax


@look.styled
def intervals(
    values: Mapping[str, Mapping[str, Interval]],
    *,
    par: float | None = None,
    logarithmic: bool = False,
    ax: look.AxesLike = None,
) -> Axes:
    """Draws statistics with their intervals, a line for each row and a mark for each contender.

    Args:
      values: {row: {contender: Interval}}; rows may lack contenders. What is not finite is not
        drawn.
      par: where a line stands for "as good as", e.g. 1 for ratios.
      logarithmic: the scale, which has a place for 0 all the same.
      ax: where to draw.

    Returns:
      The Axes; marks carry the names of contenders, for a legend.

    Raises:
      TypeError: something else than intervals.
      ValueError: there is no row, or no mapping of mappings.
    """
    check_mapping("values", values)
    check(len(values) > 0, "values must hold at least one row; got none.")
    for row, own in values.items():
        check_mapping(f"values[{row!r}]", own)
        for name, one in own.items():
            check_kind(f"values[{row!r}][{name!r}]", one, Interval, "an")
    if par is not None:
        check_number("par", par)
    check_boolean("logarithmic", logarithmic)
    contenders = list(dict.fromkeys(name for row in values.values() for name in row))
    (ax,) = look.axes_for(1, ax, size=(4.6, 1.0 + 0.32 * len(values)))
    height = 0.7 / max(len(contenders), 1)
    for index, name in enumerate(contenders):
        rows = [place for place, row in enumerate(values.values()) if name in row]
        found = np.array([row[name] for row in values.values() if name in row], np.float64)
        found = np.where(np.isfinite(found), found, np.nan)
        y = -np.array(rows, float) - (index - (len(contenders) - 1) / 2) * height
        marker, colour = (look.contender(index)[key] for key in ("marker", "color"))
        ax.hlines(y, found[:, 1], found[:, 2], color=colour, linewidth=1.4)
        ax.plot(found[:, 0], y, marker, color=colour, markersize=5, label=name)
    if par is not None:
        ax.axvline(par, color=look.INK, linewidth=0.9, zorder=1)
    ax.grid(True, axis="x", color=look.HAIR, linewidth=0.5)
    if logarithmic:
        look.ratios(ax)
    look.names(ax, [-i for i in range(len(values))], list(values))
    ax.set_ylim(0.6 - len(values), 0.6)
    return ax


def _lines(runs: Any, over: str, curve: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """(clock, height) of every run and replica."""
    if isinstance(runs, History):
        heights = getattr(runs, curve)
        check("loss" in curve or not np.isnan(heights).all(), _NO_ACCURACY)
        return [(getattr(runs, over), heights)]
    if isinstance(runs, TrainResult):
        check(
            over != "seconds",
            "over must be 'step' or 'epoch' for a TrainResult, which has no seconds by epoch; got "
            "'seconds'.",
        )
        check(curve in runs.history, _NO_ACCURACY)
        losses = np.asarray(runs.history[curve], np.float64)
        epochs = np.arange(losses.shape[-1]) * (runs.steps_per_epoch if over == "step" else 1)
        return [(epochs, loss) for loss in losses.reshape(-1, losses.shape[-1])]
    if isinstance(runs, Sequence) and not isinstance(runs, str):
        return [line for run in runs for line in _lines(run, over, curve)]
    raise TypeError(f"runs must be TrainResults or Histories; got {shown(runs)}.")


def _draw(
    ax: Axes, lines: list[tuple[np.ndarray, np.ndarray]], style: dict[str, Any], measure: str
) -> float:
    """Draws seeds and their median; returns where the median ends."""
    colour = style["color"]
    if len(lines) > 1:
        for x, y in lines:
            ax.plot(x, y, color=colour, linewidth=0.7, alpha=0.3, zorder=2)
    size = min(y.size for _, y in lines)
    x, y = (np.median([line[i][:size] for line in lines], axis=0) for i in (0, 1))
    ax.plot(x, y, color=colour, linestyle=style["linestyle"], linewidth=2.0, zorder=3)
    if not np.isfinite(y).any():
        return float("nan")
    best = int(np.nanargmin(y) if measure == "loss" else np.nanargmax(y))
    dot = {"color": colour, "markersize": 6, "markeredgecolor": "white", "zorder": 4}
    ax.plot(x[best : best + 1], y[best : best + 1], style["marker"], **dot)
    return float(y[np.flatnonzero(np.isfinite(y))[-1]])


def _scale(ax: Axes, over: str, steps: list[float]) -> None:
    """Logarithms where they serve, with ticks that people read."""
    if over != "seconds" and steps:
        # Step 0 has no place on a logarithm: the first epoch is drawn linearly, on so little room
        # that no other tick fits beside its 0.
        first = max(min(steps), 1.0)
        ax.set_xscale("symlog", linthresh=first, linscale=0.35)
        ax.xaxis.set_major_formatter(
            FuncFormatter(lambda v, _: "" if 0 < v < first else look.plain_number(v))
        )
        ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlim(0, None)
    ax.grid(True, axis="y", color=look.HAIR, linewidth=0.5)
    drawn = np.concatenate([np.asarray(line.get_ydata(), float) for line in ax.get_lines()])
    drawn = drawn[np.isfinite(drawn) & (drawn > 0)]
    if drawn.size and drawn.max() > NARROW * drawn.min():
        ax.set_yscale("log")
        ax.yaxis.set_minor_formatter(FuncFormatter(lambda v, _: _between(v)))
        ax.tick_params(axis="y", which="minor", labelsize=6.5)
        ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: significant(v, 1)))


def _between(value: float) -> str:
    """Of the minor ticks of a logarithm, those at 2 and at 5 are told."""
    return significant(value, 1) if f"{value:e}"[0] in "25" else ""
