"""The way back from a trained network to a readable model: a spline fitted to its outputs."""

from typing import Any, NamedTuple

import numpy as np

from spline_fc.analysis.models import Model, checked_model_rows, model_output, names_of
from spline_fc.analysis.shapes import share_explained
from spline_fc.arrays import columns
from spline_fc.checks import check, check_integer
from spline_fc.cpwl import FitResult, fit_mars
from spline_fc.printing import printed


@printed
class Distillation(NamedTuple):
    """A spline in place of a model, and how much of the model it is."""

    fit: FitResult  # fitted to the model's outputs; its spline takes the model's units
    share: np.ndarray  # (k,) of the model's variance on the rows that the spline explains
    held_out_share: np.ndarray | None  # (k,) the same on rows that the fit has not seen
    worst_error: np.ndarray  # (k,) largest absolute difference on the rows


EVERY_ROW = 2000  # rows up to which each of them is a candidate


def distil(
    model: Model,
    x: Any,
    *,
    max_terms: int = 121,
    max_degree: int = 1,
    held_out: Any = None,
    threshold: float = 1e-7,
    **options: Any,
) -> Distillation:
    """Fits a spline to what a model returns on given rows.

    A model's outputs bear no noise, so steps go on while they explain 1e-7 of the variance, and up
    to 2000 rows each of them may have a knot and each step looks at every parent. The guards of a
    fit to data stay: what a spline of this degree cannot say, as the interactions in an additive
    fit, acts as noise, and with a knot on any row the spline would run after it. Fewer terms make a
    model that is easier to read; `share` says at what price. Several outputs share one basis,
    chosen by the sum of their squared errors as they are. A network that still is a spline can also
    be read without a fit, by `network.spline_from_params`.

    Args:
      model: a network's parameters, a Spline, or a function from (n, d) to (n,) or (n, k).
      x: (n, d), the model's own training rows or more of their kind: the spline is fitted, and
        means something, where these are.
      max_terms: upper bound on the terms before pruning, intercept included; the number of rows
        and 1 if that is lower.
      max_degree: hinges per term at most; 1 explains by one curve per feature.
      held_out: (m, d), rows to judge the spline on that it has not seen.
      threshold: as in `fit_mars`.
      options: further arguments of `fit_mars`, as knots, allowed, weights or max_hinges.

    Returns:
      Distillation; shares are nan for an output that does not vary.

    Raises:
      ValueError: rows that do not fit the model, or as `fit_mars` says.
    """
    check_integer("max_terms", max_terms, at_least=1)
    x, names = columns("x", x, names_of(model) if hasattr(x, "to_numpy") else None)
    rows = checked_model_rows(model, x)
    unseen = None if held_out is None else checked_model_rows(model, held_out, "held_out")
    check(
        unseen is None or unseen.shape[1] == rows.shape[1],
        f"held_out must have {rows.shape[1]} columns, as x has; got {np.shape(held_out)}.",
    )
    wanted = model_output(model, rows)
    if len(rows) <= EVERY_ROW:
        options.setdefault("knots", "all")
        options.setdefault("fast_k", None)
    fit = fit_mars(  # x as it came: the spline is returned in its dtype
        x,
        wanted,
        max_terms=min(max_terms, len(rows) + 1),
        max_degree=max_degree,
        threshold=threshold,
        names=options.pop("names", names),
        **options,
    )
    given = model_output(fit.spline, rows)
    share = None
    if unseen is not None:
        share = share_explained(model_output(model, unseen), model_output(fit.spline, unseen))
    worst = np.abs(wanted - given).max(axis=0)
    return Distillation(fit, share_explained(wanted, given), share, worst)
