"""How numbers and names are written in tables, figures and sentences."""

import math
from typing import Any

import numpy as np

from spline_fc.analysis.convergence import Interval, PairedRatio, bootstrap

NAMES = {
    "spline": "spline", "he_normal": "He", "glorot_uniform": "Glorot", "lecun_normal": "LeCun",
    "orthogonal": "orthogonal", "lsuv": "LSUV", "swim": "SWIM", "box_lsq": "box", "tree": "tree",
}  # fmt: skip


def display_name(init: str) -> str:
    """The name of an initialisation as a reader would say it."""
    return NAMES.get(init, init.replace("_", " "))


def significant(value: float, digits: int = 3) -> str:
    """Formats a number with so many significant digits, without exponents in the common range."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if size < -4 or size > 6:
        return f"{value:.{digits - 1}e}".replace("-", "−")
    return f"{value:,.{max(digits - 1 - size, 0)}f}".replace("-", "−")


def percent(share: float) -> str:
    """Formats a share: 0.123 as "12 %", 0.0123 as "1.2 %"."""
    if math.isnan(share):
        return "–"
    if math.isinf(share):
        return "∞"
    value = 100 * share
    if 99.5 <= value < 100:  # never round what is not all up to all
        return f"{math.floor(value * 100) / 100:.2f} %"
    return f"{value:.0f} %" if abs(value) >= 10 or value == 0 else f"{significant(value, 2)} %"


def mean_error(values: Any) -> str:
    """Formats mean and standard error, as many digits as the error allows; "–" without values."""
    values = np.asarray(values, np.float64)
    known = values[~np.isnan(values)]
    if known.size == 0:
        return "–"
    mean = float(known.mean())
    if known.size == 1 or not math.isfinite(mean):
        return significant(mean, 4)
    error = float(known.std(ddof=1) / math.sqrt(known.size))
    if error == 0 or mean == 0:
        return f"{significant(mean, 4)} ± {significant(error, 2)}"
    digits = max(1 - math.floor(math.log10(error)), 0)
    if digits > 6:
        return f"{mean:.3g} ± {error:.1g}"
    return f"{mean:,.{digits}f} ± {error:,.{digits}f}"


def mean_interval(values: Any) -> str:
    """Formats the mean over seeds and its bootstrap interval; "–" without values."""
    values = np.asarray(values, np.float64)
    return interval(bootstrap(values[~np.isnan(values)]))


def interval(found: Interval) -> str:
    """Formats a statistic with its interval, digits by the width of the interval."""
    value, low, high = found
    if math.isnan(value):
        return "–"
    width = high - low
    if not math.isfinite(width) or width <= 0:
        return f"{significant(value, 3)} [{significant(low, 3)}, {significant(high, 3)}]"
    digits = max(1 - math.floor(math.log10(width)), 0)
    if digits > 6:
        return f"{value:.3g} [{low:.3g}, {high:.3g}]".replace("-", "−")
    return f"{value:,.{digits}f} [{low:,.{digits}f}, {high:,.{digits}f}]".replace("-", "−")


def ratio(found: PairedRatio | None) -> str:
    """Formats a median of paired ratios with its interval; empty without one."""
    if found is None or found.pairs == 0:
        return ""
    value, low, high = (significant(v, 2) for v in found.median)
    return f"{value} [{low}, {high}]"


def shortened(name: str, limit: int = 22) -> str:
    """Cuts a long feature name for a panel title."""
    return name if len(name) <= limit else name[: limit - 1] + "…"


def count(number: int, what: str) -> str:
    """A number with its noun in the right number: "1 unit", "2 units"."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")
