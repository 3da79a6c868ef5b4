"""How numbers and names are written in tables, figures and sentences.

Spaces inside a number, a percentage or an interval are non-breaking: a narrow column may break
between a value and its interval, and nowhere else.
"""

import math
from typing import Any

import numpy as np

from spline_fc.analysis import Interval, PairedRatio, bootstrap
from spline_fc.printing import NONE, significant

NAMES = {
    "he_normal": "He",
    "glorot_uniform": "Glorot",
    "lecun_normal": "LeCun",
    "lsuv": "LSUV",
    "swim": "SWIM",
    "box_lsq": "box",
}
MUCH = 1.5  # a ratio from which "times" is said, not per cent
NBSP = "\N{NO-BREAK SPACE}"


def display_name(init: str) -> str:
    """The name of an initialisation as a reader would say it."""
    return NAMES.get(init, init.replace("_", " "))


def percent(share: float) -> str:
    """Formats a share: 0.123 as "12 %", 0.0123 as "1.2 %"."""
    if math.isnan(share):
        return NONE
    if math.isinf(share):
        return "∞"
    value = 100 * share
    if 99.5 <= value < 100:  # never round what is not all up to all
        return f"{math.floor(value * 100) / 100:.2f}{NBSP}%"
    written = f"{value:.0f}" if abs(value) >= 10 or value == 0 else significant(value, 2)
    return f"{written}{NBSP}%"


def share(ratio: float) -> str:
    """Formats a ratio: 0.12 as "12 %", 4.6 as "4.6 times"."""
    return percent(ratio) if ratio < MUCH else f"{significant(ratio, 2)}{NBSP}times"


def mean_error(values: Any) -> str:
    """Formats mean and standard error, as many digits as the error allows; "–" without values."""
    values = np.asarray(values, np.float64)
    known = values[~np.isnan(values)]
    if known.size == 0:
        return NONE
    mean = float(known.mean())
    if known.size == 1 or not math.isfinite(mean):
        return significant(mean, 4)
    error = float(known.std(ddof=1) / math.sqrt(known.size))
    if error == 0 or mean == 0:
        return f"{significant(mean, 4)} ± {significant(error, 2)}".replace(" ", NBSP)
    digits = max(1 - math.floor(math.log10(error)), 0)
    written = f"{mean:,.{digits}f} ± {error:,.{digits}f}"
    written = written if digits <= 6 else f"{mean:.3g} ± {error:.1g}"
    return written.replace(" ", NBSP).replace("-", "−")


def mean_interval(values: Any) -> str:
    """Formats the mean over seeds and its bootstrap interval; "–" without values."""
    values = np.asarray(values, np.float64)
    return interval(bootstrap(values[~np.isnan(values)]))


def interval(found: Interval) -> str:
    """Formats a statistic with its interval, if there is one, digits by the interval's width."""
    value, low, high = found
    if math.isnan(value):
        return NONE
    width = high - low
    if math.isnan(low) or math.isnan(high):
        return significant(value, 4)
    if not math.isfinite(width) or width <= 0:
        return with_range(*(significant(v, 3) for v in found))
    digits = max(1 - math.floor(math.log10(width)), 0)
    if digits > 6:
        return with_range(*(f"{v:.3g}".replace("-", "−") for v in found))
    return with_range(*(f"{v:,.{digits}f}".replace("-", "−") for v in found))


def ratio(found: PairedRatio | None) -> str:
    """Formats a median of paired ratios with its interval; empty without one."""
    if found is None or found.pairs == 0:
        return ""
    if math.isnan(found.median.low):
        return significant(found.median.value, 2)
    return with_range(*(significant(v, 2) for v in found.median))


def with_range(value: str, low: str, high: str) -> str:
    """Sets a value and, in brackets, its range: "1.2 [1.0, 1.3]"."""
    return f"{value} [{low},{NBSP}{high}]"


def count(number: int, what: str) -> str:
    """A number with its noun in the right number: "1 unit", "2 units"."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")
