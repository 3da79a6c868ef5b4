"""Why a search ended, in sentences."""

from typing import NamedTuple

import numpy as np

from spline_fc.cpwl.pruning import PruningPath
from spline_fc.cpwl.search import Limits


class Stop(NamedTuple):
    """Why the forward pass ended."""

    reason: str  # a sentence
    starved: bool  # no candidate was left that adds anything to the terms


def why_stop(limits: Limits, gain: float, num_terms: int, rss: float, total: float) -> Stop | None:
    """Why a search ends that has found `num_terms` terms; None if it goes on.

    Args:
      gain: of the best candidate. rss, total: residual sum of squares now, and with no term.
    """
    starved = False
    if num_terms >= limits.max_terms:
        reason = f"Reached max_terms = {limits.max_terms}."
    elif rss <= total * limits.floor:
        reason = f"The residual reached rounding level after {num_terms} terms."
    elif not gain > 0:
        reason = f"No candidate is left outside the span of the {num_terms} terms found."
        starved = True
    elif gain < limits.threshold * total:
        reason = (f"The best of the remaining candidates would explain {gain / total:.2g} of the "
                  f"variance, less than threshold = {limits.threshold:g}.")  # fmt: skip
    else:
        return None
    return Stop(reason, starved)


def told(reason: str, tracked: float, exact: float, num_terms: int) -> str:
    """The reason of a search whose count of the residual was off."""
    return (
        f"The search lost its digits within {1 + num_terms} terms, as columns far from the others "
        f"or nearly dependent do: it counted a residual {tracked / exact if exact else np.inf:.2g} "
        f"times that of least squares, which stands in its place. It said: {reason}"
    )


def with_causes(stop: Stop, path: PruningPath, num_rows: float) -> str:
    """The reason of the search, and what else kept terms out."""
    num_terms = 1 + path.kept.shape[1]
    if num_terms == 1 and stop.starved:
        return (
            f"{stop.reason} Every column is constant, or end_span and min_span leave no knot among "
            f"rows that count as {num_rows:g}."
        )
    if num_terms > 1 and np.isinf(path.gcv[:-1]).all():
        return (
            f"{stop.reason} Of these none is kept: GCV charges more for a single one than rows "
            f"that count as {num_rows:g} bear."
        )
    return stop.reason
