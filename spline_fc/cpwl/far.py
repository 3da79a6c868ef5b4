"""The last least squares where values lie far that the search saw nearer."""

from collections.abc import Sequence

import jax
import numpy as np

from spline_fc.cpwl.scaling import Units
from spline_fc.cpwl.sharded.inputs import AnyData
from spline_fc.cpwl.sharded.rows import rows_of
from spline_fc.cpwl.terms import Term, hinge_use


def room_beside_far(
    max_hinges: int | None, terms: Sequence[Term], is_far: np.ndarray
) -> int | None:
    """What of a cap on hinges is left if every far side that the terms read gets two of its own.

    Args:
      max_hinges: the cap, or None.
      terms: of the forward pass. Columns that they do not read, such as hundreds of dark pixels of
        which a few are lit, reserve nothing.
      is_far: (D, 2) bool, as of `Units.far`, of the columns of the terms.

    Returns:
      At least half of the cap.
    """
    if max_hinges is None:
        return None
    read = sorted(set().union(*(term.features for term in terms)))
    return max(max_hinges - 2 * int(is_far[read].sum()), max_hinges // 2)


def with_far_values(
    terms: Sequence[Term], data: AnyData, projection: np.ndarray, units: Units,
    linear: frozenset[int], y: np.ndarray | jax.Array, wanted: float, max_hinges: int | None,
) -> tuple[list[Term], np.ndarray, float]:  # fmt: skip
    """Raw terms with coefficients, and the RSS, where values are far that the search saw nearer.

    If the terms cannot leave the RSS `wanted` they get hinges for the far values, should the cap on
    hinges leave room for them.
    """
    rows = rows_of(data)
    terms = [units.from_the_middle(term, linear) for term in terms]
    coef, rss = rows.least_squares(terms, linear, projection, y)
    others = units.with_tails(terms, linear)
    room = max_hinges is None or hinge_use(others, linear).shape[1] <= max_hinges
    if rss <= wanted or not room:
        return terms, coef, rss
    return others, *rows.least_squares(others, linear, projection, y)
