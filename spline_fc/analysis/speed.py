"""Contenders compared by how fast they trained, from metrics files alone."""

import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from spline_fc.analysis.convergence import (
    History,
    Interval,
    PairedRatio,
    area_under_curve,
    bootstrap,
    fit_rate,
    paired_ratio,
    read_history,
    steps_to_target,
)
from spline_fc.checks import check
from spline_fc.printing import printed

Curves = Mapping[str, Mapping[int, History]]  # initialisation -> seed -> loss curves

_RUN = re.compile(r"(?P<init>.+)-seed(?P<seed>\d+)-lr(?P<rate>[^/]+)$")
_ROUNDING = 1e-6  # a target is itself a recorded loss, perhaps with other last digits


@printed
class Reach(NamedTuple):
    """What it took one contender to reach one target; arrays have an entry per seed."""

    target: str
    loss: np.ndarray  # (s,) the target of each seed
    steps: np.ndarray  # (s,) inf where never reached, nan where the seed has no target
    seconds: np.ndarray  # (s,) the same in seconds, nan where they were not recorded
    step_ratio: PairedRatio | None  # over those of the reference; None for the reference itself
    second_ratio: PairedRatio | None


@printed
class Speed(NamedTuple):
    """How fast one contender trained; arrays have an entry per seed."""

    init: str
    seeds: np.ndarray  # (s,) int
    reaches: list[Reach]  # one per target, in their order
    area: np.ndarray  # (s,) mean validation loss over the steps that all contenders had
    area_ratio: PairedRatio | None
    half_life: np.ndarray  # (s,) steps in which the loss above its floor halves, nan without decay
    half_life_interval: Interval  # bootstrap of the median of those that exist


def metrics_curves(folder: Any) -> dict[str, dict[int, History]]:
    """Reads the curves of a run's metrics folder, the best learning rate of each start and seed.

    Args:
      folder: holds "<init>-seed<s>-lr<rate>.jsonl" files.

    Returns:
      {init: {seed: History}}; among learning rates the one of least validation loss.

    Raises:
      ValueError: a file is malformed, or none has such a name.
    """
    found: dict[str, dict[int, History]] = {}
    for file in sorted(pathlib.Path(folder).glob("*.jsonl")):
        name = _RUN.match(file.stem)
        if name is None:
            continue
        history, seeds = read_history(file), found.setdefault(name["init"], {})
        seed = int(name["seed"])
        if seed not in seeds or best_loss(history) < best_loss(seeds[seed]):
            seeds[seed] = history
    check(
        bool(found),
        f"folder must hold metrics named <init>-seed<s>-lr<rate>.jsonl; "
        f"{str(folder)!r} holds none.",
    )
    return found


def best_loss(history: History) -> float:
    """The least validation loss of a run; inf if none is finite."""
    known = history.validation_loss[np.isfinite(history.validation_loss)]
    return float(known.min()) if known.size else float("inf")


def relative_targets(
    best: Mapping[int, float], multiples: Sequence[float] = (2.0, 1.2, 1.0), of: str = "best"
) -> dict[str, dict[int, float]]:
    """Makes targets that are multiples of the best loss of a reference, seed by seed.

    Args:
      best: {seed: loss}, e.g. `best_loss` of each run of the reference.
      multiples: of that loss.
      of: what the loss is called in the names of the targets.

    Returns:
      {name: {seed: loss}}, as `compare_speed` takes it.
    """
    return {
        of if multiple == 1 else f"{multiple:g} × {of}": {s: multiple * v for s, v in best.items()}
        for multiple in multiples
    }


def fixed_targets(losses: Sequence[float], seeds: Sequence[int]) -> dict[str, dict[int, float]]:
    """Makes targets that are the same for all seeds: {"0.1": {seed: 0.1}, ...}."""
    return {f"{loss:g}": {seed: float(loss) for seed in seeds} for loss in losses}


def compare_speed(
    curves: Curves, targets: Mapping[str, Mapping[int, float]], reference: str | None = None
) -> list[Speed]:
    """Measures what each contender needed to reach each target, paired by seed.

    Example:
      curves = analysis.metrics_curves("runs/quickstart/metrics")
      best = {seed: analysis.best_loss(h) for seed, h in curves["he_normal"].items()}
      for speed in analysis.compare_speed(curves, analysis.relative_targets(best), "he_normal"):
          print(speed.init, [reach.step_ratio for reach in speed.reaches])

    Args:
      curves: {init: {seed: History}}, from `metrics_curves` or by hand.
      targets: {name: {seed: loss}}, from `relative_targets` and `fixed_targets`.
      reference: the initialisation that ratios are taken over.

    Returns:
      One Speed per initialisation, in the order of `curves`.

    Raises:
      ValueError: the reference is not among the curves.
    """
    check(
        reference is None or reference in curves,
        f"reference must be one of {sorted(curves)}; got {reference!r}.",
    )
    until = min((h.step[-1] for seeds in curves.values() for h in seeds.values()), default=0.0)
    speeds = {init: _measure(init, seeds, targets, until) for init, seeds in curves.items()}
    base = None if reference is None else speeds[reference]
    return [s if base is None or s is base else _over(s, base) for s in speeds.values()]


def _measure(
    init: str,
    seeds: Mapping[int, History],
    targets: Mapping[str, Mapping[int, float]],
    until: float,
) -> Speed:
    """The speed of one contender by itself."""
    order = sorted(seeds)
    histories, reaches = [seeds[seed] for seed in order], []
    for name, losses in targets.items():
        wanted = np.array([losses.get(seed, np.nan) for seed in order])
        steps, seconds = np.full((2, len(order)), np.nan)
        for i, history in enumerate(histories):
            loss, allowed = history.validation_loss, wanted[i] + _ROUNDING * abs(wanted[i])
            steps[i] = steps_to_target(history.step, loss, allowed)
            if np.isfinite(history.seconds).all():
                seconds[i] = steps_to_target(history.seconds, loss, allowed)
        reaches.append(Reach(name, wanted, steps, seconds, None, None))
    halves = np.array([half_life(history) for history in histories])
    return Speed(
        init=init,
        seeds=np.array(order),
        reaches=reaches,
        area=np.array([area_under_curve(h.step, h.validation_loss, until) for h in histories]),
        area_ratio=None,
        half_life=halves,
        half_life_interval=bootstrap(halves[~np.isnan(halves)], np.median),
    )


def _over(own: Speed, base: Speed) -> Speed:
    """A speed with its ratios to another's, paired by the seeds that both sides ran."""
    _, ours, theirs = np.intersect1d(own.seeds, base.seeds, return_indices=True)

    def ratio(numerator: np.ndarray, denominator: np.ndarray) -> PairedRatio:
        return paired_ratio(numerator[ours], denominator[theirs])

    reaches = [
        mine._replace(
            step_ratio=ratio(mine.steps, its.steps), second_ratio=ratio(mine.seconds, its.seconds)
        )
        for mine, its in zip(own.reaches, base.reaches, strict=True)
    ]
    return own._replace(reaches=reaches, area_ratio=ratio(own.area, base.area))


def half_life(history: History) -> float:
    """Steps in which the validation loss above its floor halves, up to the best epoch.

    Args:
      history: of one run.

    Returns:
      Steps; nan with fewer than 4 finite epochs up to the best, or without a decay.
    """
    known = np.isfinite(history.validation_loss)
    step, loss = history.step[known], history.validation_loss[known]
    end = int(np.argmin(loss)) + 1 if loss.size else 0
    if end < 4:
        return float("nan")
    fit = fit_rate(step[:end], loss[:end])
    return float(np.log(2) / fit.rate) if fit.amplitude > 0 else float("nan")
