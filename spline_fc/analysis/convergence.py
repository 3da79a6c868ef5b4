"""How fast training got where: measures of loss curves, with bootstrap intervals over seeds.

Everything here works from the metrics files alone.
"""

import contextlib
import itertools
import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from spline_fc import files
from spline_fc.arrays import numbers_float64
from spline_fc.checks import (
    check,
    check_integer,
    check_not_empty,
    check_number,
    check_rank,
    check_same_length,
    shown,
)
from spline_fc.data.records import PARTS
from spline_fc.printing import printed

CURVES = tuple(f"{part}_{kind}" for kind in ("loss", "accuracy") for part in PARTS)
LEAST_FOR_INTERVAL = 3  # fewer values tell nothing of their spread


@printed
class History(NamedTuple):
    """The curves of one run; row 0 is before training."""

    epoch: np.ndarray  # (e,)
    step: np.ndarray  # (e,)
    train_loss: np.ndarray  # (e,), nan where not recorded or not finite
    validation_loss: np.ndarray  # (e,), that was trained on: of classes the log loss
    test_loss: np.ndarray  # (e,)
    train_accuracy: np.ndarray  # (e,), nan where not recorded, as of a regression
    validation_accuracy: np.ndarray  # (e,)
    test_accuracy: np.ndarray  # (e,)
    seconds: np.ndarray  # (e,) from the first thing done for the run, nan where not recorded


class Interval(NamedTuple):
    """A statistic with its percentile bootstrap interval, whose ends are nan if there is none."""

    value: float
    low: float
    high: float


@printed
class PairedRatio(NamedTuple):
    """Ratios of paired runs, e.g. per seed the steps of one start over those of another."""

    median: Interval  # of the ratios that exist
    pairs: int  # pairs with a ratio
    wins: int  # pairs with a ratio below 1
    undefined: int  # pairs without one, as neither side arrived
    ratio: np.ndarray  # (s,) one per pair, nan where undefined


class RateFit(NamedTuple):
    """loss(t) = floor + amplitude * exp(-rate * t), by least squares."""

    floor: float
    amplitude: float
    rate: float
    r2: float


def read_history(path: Any) -> History:
    """Reads one metrics file.

    Args:
      path: JSON lines with "epoch", "step", the three losses, and of a classification the three
        accuracies; a last line cut short by a run that is still writing is left out. Values that
        are not finite are null.

    Returns:
      History, float64.

    Raises:
      OSError: the file cannot be read.
      ValueError: a line before the last is not JSON, a line lacks epoch or step or gives something
        else than a number or null, epochs do not rise, or there is no line.
    """
    path = files.as_path(path)
    *lines, last = path.read_bytes().split(b"\n")
    records = [_record(path, number, line) for number, line in enumerate(lines, start=1)]
    with contextlib.suppress(ValueError):  # still being written, or nothing
        records.append(_record(path, len(lines) + 1, last))
    check(len(records) > 0, f"{path} must hold at least one line of metrics; got none.")
    epochs = [record["epoch"] for record in records]
    rises = all(before < after for before, after in itertools.pairwise(epochs))
    check(rises, f"{path} must hold epochs that rise; got {epochs[:3]} and so on.")
    columns = ("epoch", "step", *CURVES, "seconds")
    return History(*(np.array([r.get(c) for r in records], np.float64) for c in columns))


def _record(path: pathlib.Path, number: int, line: bytes) -> dict[str, Any]:
    """One line of metrics, each a number or null."""
    try:
        record = files.parse_json(line.decode("utf-8"))
    except ValueError as error:
        told = files.sentence(error)
        raise ValueError(f"{path} must hold JSON lines; line {number}: {told}") from error
    complete = isinstance(record, dict) and {"epoch", "step"} <= set(record)
    check(complete, f"{path} must give epoch and step in every line; line {number} does not.")
    for name, value in record.items():
        where = f"{name} in line {number} of {path}"
        if name in ("epoch", "step"):
            check_integer(where, value, 0)
        elif value is not None:
            check_number(where, value)
    return record


def steps_to_target(step: Any, loss: Any, target: float) -> float:
    """Finds the first recorded step at which a loss is at or below a target.

    Args:
      step: (e,) steps, or seconds for the time to the target; increasing.
      loss: (e,) losses; nan never counts as arrived.
      target: the loss to reach.

    Returns:
      The step, inf if the run never arrives, nan if the target is nan.
    """
    step, loss = numbers_float64("step", step), numbers_float64("loss", loss)
    check_same_length("loss", loss, "step", step)
    check_rank("step", step, 1, "(e,)")
    check(
        isinstance(target, (int, float, np.integer, np.floating)),
        f"target must be a number; got {shown(target)}.",
    )
    if np.isnan(target):
        return float("nan")
    arrived = np.flatnonzero(loss <= target)
    return float(step[arrived[0]]) if arrived.size else float("inf")


def area_under_curve(step: Any, loss: Any, until: float | None = None) -> float:
    """Averages a loss over the steps of a run (trapezoid rule over steps, divided by their span).

    Args:
      step: (e,) increasing.
      loss: (e,); a value that is not finite makes the result inf, since no average exists.
      until: where to stop; a run that ended before it keeps its last loss, one that went on is cut.
        By default the last step.

    Returns:
      The mean loss along the way, in the units of the loss.

    Raises:
      ValueError: the lengths differ, or `until` lies before the first step.
    """
    step, loss = numbers_float64("step", step), numbers_float64("loss", loss)
    check_same_length("loss", loss, "step", step)
    check_not_empty("step", step)
    if until is not None:
        check_number("until", until, at_least=float(step[0]))
        last = np.interp(until, step, loss)
        before = step < until
        step, loss = np.append(step[before], until), np.append(loss[before], last)
    if not np.isfinite(loss).all():
        return float("inf")
    if step.size < 2 or step[-1] == step[0]:
        return float(loss[-1])
    return float(np.trapezoid(loss, step) / (step[-1] - step[0]))


def bootstrap(
    values: Any,
    statistic: Callable[..., Any] = np.mean,
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Computes a statistic over seeds and its percentile bootstrap interval.

    Args:
      values: (s,), one per seed; inf is allowed for statistics that bear it, such as the median.
      statistic: takes an array and `axis=`, e.g. np.mean or np.median.
      level: coverage of the interval.
      resamples: number of bootstrap draws.
      seed: of the draws; the same values give the same interval.

    Returns:
      Interval; its ends are nan for fewer than LEAST_FOR_INTERVAL values, the statistic without
      any.

    Raises:
      ValueError: values is not a vector, level not in (0, 1), resamples < 1.
    """
    values = numbers_float64("values", values)
    check_rank("values", values, 1, "(s,)")
    check_number("level", level, above=0, below=1)
    check_integer("resamples", resamples, at_least=1)
    check_integer("seed", seed, at_least=0)
    check(callable(statistic), f"statistic must be a function; got {shown(statistic)}.")
    if values.size == 0:
        return Interval(np.nan, np.nan, np.nan)
    if values.size < LEAST_FOR_INTERVAL:
        return Interval(float(statistic(values, axis=0)), np.nan, np.nan)
    draws = np.random.default_rng(seed).integers(values.size, size=(resamples, values.size))
    with np.errstate(invalid="ignore"):
        estimates = statistic(values[draws], axis=1)
        tail = (1 - level) / 2
        # The nearest order statistic: interpolating between a number and inf would give nan.
        low, high = np.quantile(estimates, (tail, 1 - tail), method="nearest")
        return Interval(float(statistic(values, axis=0)), float(low), float(high))


def paired_ratio(numerator: Any, denominator: Any, **options: Any) -> PairedRatio:
    """Compares paired costs: the bootstrap interval of the median ratio, and the wins.

    Args:
      numerator: (s,) costs of the contender, inf for never.
      denominator: (s,) costs of the reference in the same pairs.
      **options: of `bootstrap`; pairs are drawn, never the two sides apart.

    Returns:
      PairedRatio; 0/0 is a tie, 1, and a pair without a ratio (inf/inf, nan) is counted apart.

    Raises:
      ValueError: the lengths differ.
    """
    a, b = numbers_float64("numerator", numerator), numbers_float64("denominator", denominator)
    check_same_length("numerator", a, "denominator", b)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where((a == 0) & (b == 0), 1.0, a / b)
    known = ratio[~np.isnan(ratio)]
    return PairedRatio(
        median=bootstrap(known, np.median, **options),
        pairs=int(known.size),
        wins=int((known < 1).sum()),
        undefined=int(ratio.size - known.size),
        ratio=ratio,
    )


def fit_rate(time: Any, loss: Any) -> RateFit:
    """Fits an exponential decay towards a floor.

    The rate is searched on a logarithmic grid; floor and amplitude are then linear least squares,
    which has one solution and needs no starting point.

    Args:
      time: (e,) epochs, steps or seconds, increasing, at least 4.
      loss: (e,) finite losses.

    Returns:
      RateFit; rate in 1 / unit of time.

    Raises:
      ValueError: fewer than 4 points, a time that does not increase, or a loss that is not finite.
    """
    time, loss = numbers_float64("time", time), numbers_float64("loss", loss)
    check_same_length("loss", loss, "time", time)
    check(loss.size >= 4, f"loss must have at least 4 points; got {loss.size}.")
    check(bool((np.diff(time) > 0).all()), "time must increase from point to point; it does not.")
    check(bool(np.isfinite(loss).all()), "loss must be finite to fit a rate; got others.")
    elapsed = time - time[0]
    rates = np.geomspace(0.1 / elapsed[-1], 10 / np.diff(elapsed).min(), 400)
    decay = np.exp(-rates[:, None] * elapsed)  # (g, e)
    centred, target = decay - decay.mean(axis=1, keepdims=True), loss - loss.mean()
    amplitude = centred @ target / np.maximum((centred**2).sum(axis=1), 1e-300)
    rss = ((target - amplitude[:, None] * centred) ** 2).sum(axis=1)
    best = int(np.argmin(rss))
    total = float((target**2).sum())
    return RateFit(
        floor=float(loss.mean() - amplitude[best] * decay[best].mean()),
        amplitude=float(amplitude[best]),
        rate=float(rates[best]),
        r2=float(1 - rss[best] / total) if total > 0 else 1.0,
    )
