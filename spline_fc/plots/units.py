"""Pictures of hidden units: which left their axis, and what switched."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from spline_fc.analysis import KnotTrack
from spline_fc.arrays import numbers_float64
from spline_fc.checks import check, check_kind, check_mapping, check_number
from spline_fc.plots import look

BINS = np.linspace(0, 1, 21)


@look.styled
def alignment(
    tracks: KnotTrack | Mapping[str, KnotTrack],
    *,
    threshold: float = 0.5,
    ax: look.AxesLike = None,
) -> Axes | np.ndarray:
    """Draws how much of the weight of first-layer units lies on one feature, start and end.

    The dashed outline is the first record, the filled histogram the last. Left of the dotted line a
    unit mixes features and has no knot.

    Args:
      tracks: of `analysis.knot_drift` or `analysis.knot_track`; several by name, a panel each.
      threshold: where the dotted line stands; `min_alignment` of the track.
      ax: an Axes for each track.

    Returns:
      The Axes, an array of them unless there is one track.

    Raises:
      TypeError: no KnotTrack.
      ValueError: no track, or another number of Axes.
    """
    check_number("threshold", threshold)
    named = tracks if isinstance(tracks, Mapping) else {"": tracks}
    check(len(named) > 0, "tracks must hold at least one KnotTrack; got none.")
    axes = look.axes_for(len(named), ax, size=(2.6, 2.4))
    dashed = {"color": look.INK, "linewidth": 1.3, "linestyle": (0, (3, 1.5))}
    for panel, (name, track) in zip(axes, named.items(), strict=True):
        check_kind("tracks", track, KnotTrack)
        before, after = (np.histogram(_known(track.alignment[i]), BINS)[0] for i in (0, -1))
        panel.stairs(after, BINS, fill=True, color=look.SKY, alpha=0.75, label="end")
        panel.stairs(before, BINS, label="start", **dashed)
        panel.axvline(threshold, color=look.MUTED, linewidth=0.9, linestyle=(0, (1, 2)))
        panel.set_xlim(0, 1.02)
        look.label(panel, title=name, x="alignment, |w_v| / |w|")
        panel.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    look.label(axes[0], y="units of the first layer")
    if look.is_own(ax):
        look.legend(axes[0])
    return look.squeezed(axes)


@look.styled
def flipped(
    shares: Mapping[str, Mapping[str, np.ndarray]], *, ax: look.AxesLike = None
) -> Axes | np.ndarray:
    """Draws on how many rows the units of each hidden layer changed sides, as cumulative shares.

    A line in the upper left corner: activations stayed what they were.

    Args:
      shares: {name: {layer: (h,) shares of rows}}, e.g. the last records of
        `analysis.activation_flips`, by start.
      ax: an Axes for each layer.

    Returns:
      The Axes, an array of them unless there is one layer.

    Raises:
      ValueError: no layer, or another number of Axes.
    """
    check_mapping("shares", shares)
    for name, found in shares.items():
        check_mapping(f"shares[{name!r}]", found)
    layers = max((len(found) for found in shares.values()), default=0)
    check(layers > 0, "shares must hold at least one layer; got none.")
    axes = look.axes_for(layers, ax, size=(3.2, 2.6))
    for index, (name, found) in enumerate(shares.items()):
        style = {key: look.contender(index)[key] for key in ("color", "linestyle")}
        for panel, values in zip(axes, found.values(), strict=False):
            known = np.sort(_known(numbers_float64("shares", values)))
            if known.size:
                share = np.arange(1, known.size + 1) / known.size
                ends = np.r_[0, known, max(1.0, known[-1])], np.r_[0, share, 1]
                panel.step(*ends, where="post", linewidth=1.8, label=name, **style)
    for index, panel in enumerate(axes):
        panel.set(xlim=(0, 1), ylim=(0, 1.03))
        look.label(panel, title=f"hidden layer {index + 1}", x="share of rows that changed sides")
    look.label(axes[0], y="share of units at or below")
    if look.is_own(ax):
        look.legend(axes[0])
    return look.squeezed(axes)


def _known(values: np.ndarray) -> np.ndarray:
    return values[~np.isnan(values)]
