"""A spline's exact functional ANOVA: main effects, pairwise surfaces, the rest.

The definition. Terms are grouped by the variables they read, and each term is then purified: what
one variable, or two, explain of it on average is moved down to their own effects. Averages are
taken with every other variable drawn independently from its own column of the data (the product of
the empirical marginals), for effects that do not depend on how the columns happen to go together.
A main effect is then the conditional mean given its variable less the overall mean; a surface the
mean given both variables less the two main effects and the overall mean. Each has mean zero along
every one of its variables. For terms of up to two variables a main effect is the same as the
centred partial dependence.

Nothing is sampled. Given some of its variables, the mean of a minimum term is E min(u, V) with u
the minimum over the known ones and V over the others: in u the integral of P(V > t) from 0 to u, a
piecewise-linear function with a knot at every value that V takes.

Reference: Friedman (1991), Multivariate Adaptive Regression Splines, section 3.5, for the grouping;
Hooker (2007), Generalized functional ANOVA diagnostics, for purified effects.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from spline_fc.analysis.models import (
    MinimumTerm,
    checked_model_rows,
    knots_of,
    level,
    minimum,
    minimum_terms,
    spline_columns,
)
from spline_fc.analysis.shapes import (
    Curve,
    Surface,
    checked_feature,
    checked_grid,
    checked_pair,
    checked_range,
    checked_rows,
    raw_curve,
    raw_output,
    raw_surface,
)
from spline_fc.checks import check_kind
from spline_fc.cpwl import FitResult, Spline
from spline_fc.cpwl.spline import num_features, spline_of
from spline_fc.network import SplineStart
from spline_fc.printing import printed


@printed
class MeanMinimum(NamedTuple):
    """u -> E min(u, V), by its values at the values that V takes; constant beyond the last."""

    at: np.ndarray  # (a,) increasing, starts with 0
    value: np.ndarray  # (a,)

    def __call__(self, level: np.ndarray) -> np.ndarray:
        return np.interp(level, self.at, self.value)


@printed
class PurifiedTerm(NamedTuple):
    """A term with the means that take it apart."""

    term: MinimumTerm
    mean: float  # over all its variables, without coef
    given: dict[tuple[int, ...], MeanMinimum]  # by one or two variables, unless these are all


@printed
class Decomposition(NamedTuple):
    """constant + sum of components = the spline, everywhere; `component_values` evaluates them."""

    constant: np.ndarray  # (k,)
    components: tuple[tuple[int, ...], ...]  # (j,) main, (i, j) pair; () last, for what is left
    share: np.ndarray  # (c, k) covariance with the prediction over its variance; sums to 1 over c
    deviation: np.ndarray  # (c, k) standard deviation over the rows
    terms: tuple[PurifiedTerm, ...]
    knots: dict[int, np.ndarray]  # by feature, the knots of the spline inside the data's range
    rows: np.ndarray  # (n, d + q), the data: z = [x, x projection]
    spline: Spline
    scaler: Any  # data.Scaler or None


def decompose(
    spline: Spline | FitResult | SplineStart, x: Any, *, scaler: Any = None
) -> Decomposition:
    """Takes a spline apart into main effects, pairwise surfaces and the rest, exactly.

    Args:
      spline: a Spline with minimum terms of any degree and k outputs, or a whole fit. A direction
        that it bends along is one more variable, with a number beyond the features', as in z.
      x: (n, d) float, finite: the data under which effects are centred, in the spline's units.
      scaler: a data.Scaler; constant, deviations, curves, surfaces and component values are then
        returned in raw units. Rows are always taken in the spline's units.

    Returns:
      Decomposition. Shares are taken on the rows as they are: correlated columns can make one
      negative. They are nan for an output that does not vary.

    Raises:
      ValueError: no row, a wrong rank, non-finite values, or another number of columns.
    """
    own = spline_of(spline)
    x, spline = checked_model_rows(spline, x), own
    z, terms = spline_columns(spline, x), minimum_terms(spline)
    purified = tuple(_purify(term, z) for term in terms)
    mean = sum((p.mean * p.term.coef for p in purified), np.asarray(spline.intercept, np.float64))
    result = Decomposition(
        constant=raw_output(mean, scaler, effect=False),
        components=_components(terms),
        share=np.empty(0),
        deviation=np.empty(0),
        terms=purified,
        knots={v: knots_of(terms, v) for v in sorted({v for t in terms for v in t.features})},
        rows=z,
        spline=spline,
        scaler=scaler,
    )
    values = component_values(result, x)
    values = values - values.mean(axis=0)
    total = values.sum(axis=1)  # (n, k)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.einsum("nck,nk->ck", values, total) / (total**2).sum(axis=0)
    return result._replace(share=share, deviation=values.std(axis=0))


def component_values(decomposition: Decomposition, x: Any) -> np.ndarray:
    """Evaluates every component on rows.

    Args:
      decomposition: from `decompose`.
      x: (n, d), in the spline's units; not only the rows the effects were centred under.

    Returns:
      (n, c, k) float64 in the order of `components`; with the constant they sum to the prediction.

    Raises:
      ValueError: rows that do not fit the spline.
    """
    check_kind("decomposition", decomposition, Decomposition)
    spline = decomposition.spline
    z = spline_columns(spline, checked_rows(x, exactly=num_features(spline)))
    where = {features: c for c, features in enumerate(decomposition.components)}
    values = np.zeros((len(z), len(where), len(decomposition.constant)))
    for purified in decomposition.terms:
        term = purified.term
        columns = {v: z[:, v] for v in term.features}
        parts = _parts(purified, columns)
        for features, part in parts.items():
            values[:, where[features]] += part[:, None] * term.coef
        if len(term.features) > 2:
            rest = minimum(term, term.features, columns) - purified.mean - sum(parts.values())
            values[:, where[()]] += rest[:, None] * term.coef
    return raw_output(values, decomposition.scaler, effect=True)


def main_effect(
    decomposition: Decomposition,
    feature: int,
    *,
    low: float | None = None,
    high: float | None = None,
) -> Curve:
    """Draws a main effect with every breakpoint.

    Args:
      decomposition: from `decompose`.
      feature: the column; one that the spline does not read gives a flat curve.
      low, high: ends of the curve in the spline's units; the data's range by default.

    Returns:
      Curve of mean zero under the data.

    Raises:
      ValueError: no such column, or low not below high.
    """
    x = decomposition.rows
    checked_feature(feature, x.shape[1])
    low, high = checked_range(x[:, feature], low, high)
    own = [p for p in decomposition.terms if feature in p.term.features]
    grid = exact_grid([(p.term, p.given.get((feature,))) for p in own], feature, low, high)
    value = np.zeros((grid.size, len(decomposition.constant)))
    for purified in own:
        part = _parts(purified, {feature: grid})[(feature,)]
        value += part[:, None] * purified.term.coef
    return raw_curve(Curve(feature, grid, value, exact=True), decomposition.scaler, effect=True)


def pair_surface(
    decomposition: Decomposition, features: Any, *, first: Any = None, second: Any = None
) -> Surface:
    """Evaluates what two features do together beyond their main effects, on a grid.

    Args:
      decomposition: from `decompose`.
      features: (i, j), two different columns; without a common term the surface is zero.
      first, second: increasing values of i and of j, in the spline's units; by default 41 even
        points over the data's range and the spline's knots in it.

    Returns:
      Surface, exact at its grid, of mean zero along either feature.

    Raises:
      ValueError: features that are not two columns of the data, or grids that are not finite.
    """
    x = decomposition.rows
    i, j = checked_pair(features, x.shape[1])
    first = checked_grid("first", first, x, i, decomposition.knots.get(i, ()))
    second = checked_grid("second", second, x, j, decomposition.knots.get(j, ()))
    columns = {i: first[:, None], j: second[None, :]}
    value = np.zeros((first.size, second.size, len(decomposition.constant)))
    for purified in decomposition.terms:
        if {i, j} <= set(purified.term.features):
            part = _parts(purified, columns)[tuple(sorted((i, j)))]
            value += part[..., None] * purified.term.coef
    surface = Surface((i, j), first, second, value)
    return raw_surface(surface, decomposition.scaler, effect=True)


def mean_minimum(levels: list[np.ndarray]) -> MeanMinimum:
    """Integrates P(V > t), V the minimum of one draw from each of some samples (n,) of levels >= 0.

    The last value is the mean of V.
    """
    at = np.unique(np.concatenate([[0.0], *levels]))
    beyond = np.ones(at.size)
    for sample in levels:
        beyond *= 1.0 - np.searchsorted(np.sort(sample), at, side="right") / sample.size
    return MeanMinimum(at, np.concatenate([[0.0], np.cumsum(beyond[:-1] * np.diff(at))]))


def exact_grid(
    pieces: Sequence[tuple[MinimumTerm, MeanMinimum | None]], feature: int, low: float, high: float
) -> np.ndarray:
    """Gathers the ends of a curve and all breakpoints between them, increasing.

    Pieces are terms that read the feature, each with the law of the minimum of its other hinges.
    """
    knots = [breakpoints(t, feature, () if law is None else law.at) for t, law in pieces]
    grid = np.unique(np.concatenate([[low, high], *knots]))
    return grid[(grid >= low) & (grid <= high)]


def breakpoints(term: MinimumTerm, feature: int, levels: Any) -> np.ndarray:
    """Finds where a term's minimum over one feature has a kink or reaches a level, in no order."""
    hinges = term.hinges[term.features.index(feature)]
    levels = np.concatenate([[0.0], np.asarray(levels, np.float64)])
    found = []
    for slope, knot in hinges:
        points = knot + levels / slope
        if len(hinges) > 1:  # where another hinge of the feature is lower, nothing happens
            points = points[np.isclose(level(term, feature, points), levels)]
        found.append(points)
    tips = [(s * t - r * u) / (s - r) for (s, t), (r, u) in combinations(hinges, 2) if s != r]
    return np.concatenate([*found, tips])


def _purify(term: MinimumTerm, x: np.ndarray) -> PurifiedTerm:
    samples = {v: level(term, v, x[:, v]) for v in term.features}
    given = {}
    for size in (1, 2):
        for known in combinations(term.features, size):
            others = [samples[v] for v in term.features if v not in known]
            if others:
                given[known] = mean_minimum(others)
    return PurifiedTerm(term, float(mean_minimum(list(samples.values())).value[-1]), given)


def _parts(purified: PurifiedTerm, columns: dict) -> dict[tuple[int, ...], np.ndarray]:
    """The main effects and surfaces of one term, without coef, of the features in `columns`."""

    def mean_given(known: tuple[int, ...]) -> np.ndarray:
        smallest = minimum(purified.term, known, columns)
        mean = purified.given.get(known)
        return (smallest if mean is None else mean(smallest)) - purified.mean

    present = [v for v in purified.term.features if v in columns]
    parts: dict[tuple[int, ...], np.ndarray] = {(v,): mean_given((v,)) for v in present}
    for i, j in combinations(present, 2):
        parts[i, j] = mean_given((i, j)) - parts[i,] - parts[j,]
    return parts


def _components(terms: list[MinimumTerm]) -> tuple[tuple[int, ...], ...]:
    mains = sorted({(v,) for term in terms for v in term.features})
    pairs = sorted({pair for term in terms for pair in combinations(term.features, 2)})
    rest = [()] if any(len(term.features) > 2 for term in terms) else []
    return (*mains, *pairs, *rest)
