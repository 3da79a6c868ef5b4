"""Pictures of how good a model is, and of what it lives on."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from spline_fc.analysis import ImportanceTable, Permutation
from spline_fc.arrays import numbers_float64
from spline_fc.checks import as_list, check, check_finite, check_integer, check_rank
from spline_fc.plots import look
from spline_fc.plots.about import About, AboutLike, known
from spline_fc.printing import significant
from spline_fc.training import calibration as bins_of

MOST_FEATURES = 20
MOST_POINTS = 2000  # drawn one by one; of more rows so many, evenly chosen
SHARES = 10  # bins of the predicted probability of one class
_MEASURES = {
    "permutation": "rise of the mean squared error when shuffled",
    "contribution": "mean absolute effect on the prediction",
}
Values = Permutation | np.ndarray | Sequence[float]


@look.styled
def importance(
    found: ImportanceTable | Values | Mapping[str, Values],
    about: AboutLike = None,
    *,
    measure: str = "permutation",
    most: int = MOST_FEATURES,
    ax: look.AxesLike = None,
) -> Axes:
    """Draws how much features matter, a mark for each model; on top what matters most to the last.

    Args:
      found: an ImportanceTable, whose columns "<model>: <measure>" are drawn; or a Permutation,
        with its deviation over shuffles; or (d,) numbers; or one of the latter two for each model,
        by name.
      about: a Dataset, Model or About: names of features, which a table has itself.
      measure: what is taken from a table: "permutation", "contribution", or a column of its own.
      most: features that are drawn at most.
      ax: where to draw.

    Returns:
      The Axes; marks carry the names of models, for a legend.

    Raises:
      ValueError: no such measure, or numbers of features that differ.
    """
    check_integer("most", most, at_least=1)
    check(isinstance(measure, str), f"measure must be text; got {measure!r:.80}.")
    about = known(about)
    names, values = _importances(found, about, measure)
    ranking = list(values.values())[-1][0]
    shown = np.argsort(-ranking, kind="stable")[:most][::-1]
    own, (ax,) = look.is_own(ax), look.axes_for(1, ax, size=(4.8, 0.95 + 0.21 * len(shown)))
    places = np.arange(len(shown))
    largest = np.max([mean[shown] for mean, _ in values.values()], axis=0)
    ax.hlines(places, 0, largest, color=look.HAIR, linewidth=0.9, zorder=1)
    ax.axvline(0, color=look.HAIR, linewidth=0.9, zorder=1)
    styles = look.pair_or_contenders(len(values))
    apart = 0.24 if any(deviation is not None for _, deviation in values.values()) else 0.0
    for index, (name, (mean, deviation)) in enumerate(values.items()):
        style, lift = styles[index], apart * ((len(values) - 1) / 2 - index)
        dot = {"color": style["color"], "markerfacecolor": style["face"], "zorder": 3}
        ax.errorbar(
            mean[shown], places + lift, fmt=style["marker"], markersize=style["size"],
            xerr=None if deviation is None else deviation[shown], label=name or None, **dot,
        )  # fmt: skip
    look.names(ax, places, [names[j] for j in shown])
    ax.set_ylim(-0.6, len(shown) - 0.4)
    some = f"{len(shown)} of {len(names)} features" if len(names) > len(shown) else ""
    label = _MEASURES.get(measure, measure)
    label = label.replace("prediction", "logit") if about.is_logit else label
    look.label(ax, x=label, aside=some)
    look.ticks(ax.xaxis, 5)
    if len(values) > 1 and own:
        look.legend(ax)
    return ax


@look.styled
def predicted_against_observed(
    predicted: Any,
    observed: Any,
    about: AboutLike = None,
    *,
    interval: tuple[Any, Any] | None = None,
    ax: look.AxesLike = None,
) -> Axes | np.ndarray:
    """Draws predictions over what came, a panel for each target; on the line they are right.

    Numbers are dots, with R2 and the mean absolute error over all rows. Of classes, whose
    predictions are probabilities, rows are gathered by their prediction: the share of them that
    belong to the class is drawn over it, with the standard error of a share.

    Args:
      predicted: (n,) or (n, k), in raw units; probabilities of a class.
      observed: (n,) or (n, k) alike; 0 and 1 for a class.
      about: a Dataset, Model or About: names of targets, and the task.
      interval: lower and upper, each as `predicted`, of numbers: bands through the dots, pale where
        what came lies within and red where it does not, and told what share does.
      ax: an Axes for each target.

    Returns:
      The Axes, an array of them unless there is one target.

    Raises:
      ValueError: shapes that differ, no row, or numbers that are not finite.
    """
    given, came = (_rows(n, v) for n, v in (("predicted", predicted), ("observed", observed)))
    check(given.shape == came.shape, f"predicted must have shape {came.shape}; got {given.shape}.")
    about = known(about)
    numeric = about.task == "regression"
    bands = None if interval is None else _bands(interval, given.shape, numeric)
    axes = look.axes_for(given.shape[1], ax, columns=3, size=(3.3, 3.2))
    for index, panel in enumerate(axes):
        draw = _scatter if numeric else _shares
        said = draw(panel, given[:, index], came[:, index])
        if bands is not None:
            _draw_band(panel, bands[0][:, index], bands[1][:, index], came[:, index])
        look.label(panel, title=about.target(index), aside=said)
        look.ticks(panel.xaxis, 5)
        look.ticks(panel.yaxis, 5)
    return look.squeezed(axes)


@look.styled
def calibration(
    probability: Any, observed: Any, *, name: str = "", ax: look.AxesLike = None
) -> Axes:
    """Draws a reliability diagram: how often the class that is most probable is the true one.

    Rows are gathered in 15 equal bins of their confidence, the probability of the most probable
    class. A dot stands at the mean confidence of a bin and its accuracy, with the standard error of
    a share; below the dashed line predictions are too sure. Grey bars tell how many rows a bin has.
    Above them stands the expected calibration error (ECE), as `training.scores` has it.

    Args:
      probability: (n,) or (n, 1) of the second of two classes, or (n, c) of every class.
      observed: alike, 0 and 1.
      name: of the model, for the title.
      ax: where to draw.

    Returns:
      The Axes.

    Raises:
      ValueError: as for `training.calibration`.
    """
    check(isinstance(name, str), f"name must be text; got {name!r:.80}.")
    found = bins_of(probability, observed)
    (ax,) = look.axes_for(1, ax, size=(3.5, 3.4))
    kept = np.flatnonzero(found.rows)
    share, rows = found.accuracy[kept], found.rows[kept]
    error = np.sqrt(share * (1 - share) / rows)
    ends = np.linspace(0, 1, found.rows.size + 1)
    least = max(min(ends[kept[0]], (share - error).min()), 0.0)
    ax.set(xlim=(least - 0.02, 1.02), ylim=(least - 0.02, 1.02), box_aspect=1)
    ax.plot((0, 1), (0, 1), color=look.INK, linewidth=0.9, linestyle=(0, (3, 2)), zorder=1)
    bars = {"transform": ax.get_xaxis_transform(), "color": look.DENSITY, "zorder": 0}
    ax.stairs(0.25 * found.rows / rows.max(), ends, fill=True, **bars)
    ax.errorbar(
        found.confidence[kept], share, error, fmt="o-", color=look.BLUE, markersize=4.5,
        linewidth=1.4,
    )  # fmt: skip
    said = f"ECE {significant(found.error, 2)}, {rows.sum():,.0f} rows"
    look.label(ax, title=name, x="confidence", y="share right", aside=said)
    look.ticks(ax.xaxis, 5)
    look.ticks(ax.yaxis, 5)
    return ax


def _importances(found: Any, about: About, measure: str) -> tuple[Any, dict[str, Any]]:
    """Names of features, and {model: (mean, deviation or None)}."""
    if isinstance(found, ImportanceTable):
        own = {name.removesuffix(f": {measure}"): i for i, name in enumerate(found.columns)
               if name.endswith(f": {measure}") or name == measure}  # fmt: skip
        check(bool(own), f"measure must be one of found; {measure!r} is not in {found.columns}.")
        values = {"" if n == measure else n: (found.value[:, i], None) for n, i in own.items()}
        return found.feature_names, values
    named = found if isinstance(found, Mapping) else {"": found}
    values = {}
    for name, one in named.items():
        pair = (one.mean, one.deviation) if isinstance(one, Permutation) else (one, None)
        values[name] = (numbers_float64("found", pair[0]), pair[1])
        check_rank("found", values[name][0], 1, "(d,)")
    count = max((mean.size for mean, _ in values.values()), default=0)
    same = all(mean.size == count for mean, _ in values.values())
    check(count > 0 and same, "found must hold one number for each feature, as many per model.")
    return tuple(about.feature(j) for j in range(count)), values


def _rows(name: str, values: Any) -> np.ndarray:
    array = numbers_float64(name, values)
    array = array[:, None] if array.ndim == 1 else array
    check_rank(name, array, 2, "(n,) or (n, k)")
    check(len(array) > 0, f"{name} must have at least one row; got none.")
    check_finite(name, array)
    return array


def _bands(interval: Any, shape: tuple[int, ...], numeric: bool) -> list[np.ndarray]:
    """Lower and upper ends (n, k) of intervals."""
    check(numeric, "interval must be None of classes, which have sets; got one.")
    pair = as_list("interval", interval, "lower and upper")
    check(len(pair) == 2, f"interval must be lower and upper; got {len(pair)} arrays.")
    ends = [_rows(n, end) for n, end in zip(("lower", "upper"), pair, strict=True)]
    for name, end in zip(("lower", "upper"), ends, strict=True):
        check(end.shape == shape, f"{name} must have shape {shape}; got {end.shape}.")
    return ends


def _draw_band(ax: Axes, lower: np.ndarray, upper: np.ndarray, came: np.ndarray) -> None:
    """Draws an interval per row through its dot, and says what share of the rows lie within."""
    some, within = (
        slice(None, None, -(-came.size // MOST_POINTS)),
        (lower <= came) & (came <= upper),
    )
    colors = np.where(within[some], look.SKY, look.VERMILION)
    ends = lower[some], upper[some]
    width = 0.9 if came.size > 500 else 1.4
    lines = {"linewidth": width, "alpha": 0.4, "zorder": 1, "rasterized": came.size > 500}
    ax.vlines(came[some], *ends, color=colors, **lines)
    bottom, top = ax.get_ylim()
    ax.set_ylim(min(bottom, ends[0].min()), max(top, ends[1].max()))
    ax.set_xlim(ax.get_ylim())
    # Below the dashed line on the right, where dots are few.
    said, place = f"{100 * within.mean():.1f} % within", {"ha": "right", "va": "bottom"}
    ax.text(0.98, 0.02, said, transform=ax.transAxes, color=look.MUTED, fontsize=7.5, **place)


def _scatter(ax: Axes, given: np.ndarray, came: np.ndarray) -> str:
    """Draws dots; returns what they come to."""
    some = slice(None, None, -(-given.size // MOST_POINTS))
    size = np.clip(300 / np.sqrt(min(given.size, MOST_POINTS)) / 5, 1.5, 4.5)
    dots = {"color": look.BLUE, "alpha": 0.35, "markeredgewidth": 0, "markersize": size}
    ax.plot(came[some], given[some], "o", rasterized=given.size > 500, zorder=2, **dots)
    both = np.concatenate([given, came])
    margin = 0.04 * np.ptp(both) or 1.0
    ends = both.min() - margin, both.max() + margin
    right = {"color": look.INK, "linewidth": 0.9, "linestyle": (0, (3, 2)), "zorder": 1}
    ax.axline((ends[0], ends[0]), slope=1, **right)  # as far as bands or a caller widen the panel
    ax.set(xlim=ends, ylim=ends, box_aspect=1)
    look.label(ax, x="observed", y="predicted")
    error, spread = given - came, ((came - came.mean()) ** 2).sum()
    said = [f"R² {significant(1 - (error**2).sum() / spread, 3)}"] if spread > 0 else []
    return ", ".join([*said, f"MAE {significant(float(np.abs(error).mean()), 3)}"])


def _shares(ax: Axes, given: np.ndarray, came: np.ndarray) -> str:
    """Draws shares over probabilities; returns of how many rows."""
    bins = np.clip((given * SHARES).astype(int), 0, SHARES - 1)
    counts = np.bincount(bins, minlength=SHARES)
    kept = np.flatnonzero(counts)
    means = (np.bincount(bins, v, SHARES)[kept] / counts[kept] for v in (given, came))
    place, share = means
    error = np.sqrt(share * (1 - share) / counts[kept])
    ax.plot((0, 1), (0, 1), color=look.INK, linewidth=0.9, linestyle=(0, (3, 2)), zorder=1)
    look.density(ax, given, 0.25)
    ax.errorbar(place, share, error, fmt="o-", color=look.BLUE, markersize=4.5, linewidth=1.4)
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), box_aspect=1)
    look.label(ax, x="predicted probability", y="share observed")
    return f"{given.size:,} rows"
