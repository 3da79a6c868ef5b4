"""What a fit found: the importance of columns, and a summary to print."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from spline_fc.arrays import as_names
from spline_fc.cpwl.labels import coefficient_cells
from spline_fc.cpwl.result import FitResult
from spline_fc.cpwl.spline import Spline, spline_of
from spline_fc.cpwl.terms import live_terms
from spline_fc.printing import printed


@printed
class Importance(NamedTuple):
    """How much each column of z matters, by the three criteria of earth's `evimp`."""

    nsubsets: np.ndarray  # (d + q,) int, subsets of the pruning path that read the column
    gcv: np.ndarray  # (d + q,) float64, the largest magnitude is 100; may be negative
    rss: np.ndarray  # (d + q,) float64, scaled likewise

    def order(self) -> np.ndarray:
        """Columns that some subset reads, most important first: by nsubsets, then by gcv."""
        ranked = np.lexsort((-self.gcv, -self.nsubsets))
        return ranked[self.nsubsets[ranked] > 0]


def importance(fitted: FitResult | Spline | Any) -> Importance:
    """Measures the importance of the columns of z on the pruning path, as earth's `evimp` does.

    Looked at are the subsets from the chosen one down to the intercept alone. A column's
    `nsubsets` counts the subsets that read it. For `gcv` and `rss`, every subset credits all the
    columns it reads with what its last term gained over the next smaller subset; the square roots
    of the sums (with their signs) are scaled to a maximum of 100. A step between subsets whose GCV
    is infinite gains nothing.

    Args:
      fitted: any FitResult, or a record that holds one as its `fit`; outputs count together,
        weights as in its RSS. Of a Spline alone there is one subset, its gains unknown: NaN.

    Returns:
      Importance, all fields (d + q,): of the features and then of the directions, as in fit.names.
      A direction's importance is its own; nothing of it is handed on to the features it combines.

    Reference:
      Milborrow, Notes on the earth package, section "Estimating variable importance".
    """
    fit = fit_of(fitted)
    if fit is None:
        spline = spline_of(fitted)
        read = {v for term in live_terms(spline).terms for v in term.features}
        columns = np.arange(sum(np.shape(spline.projection)))
        unknown = np.full(len(columns), np.nan)
        return Importance(np.isin(columns, list(read)).astype(int), unknown, unknown)
    reads = np.zeros((len(fit.terms), len(fit.names)), bool)
    for m, term in enumerate(fit.terms):
        reads[m, list(term.features)] = True
    path = fit.pruning
    # (subsets, d + q)
    in_subset = (path.kept[path.chosen : -1].astype(int) @ reads > 0).astype(int)
    scores = [_scaled(_gains(column[path.chosen :]) @ in_subset) for column in (path.gcv, path.rss)]
    return Importance(in_subset.sum(0), *scores)


def _gains(path: np.ndarray) -> np.ndarray:
    """What each subset gains over the next smaller one; nothing where either is infinite."""
    known = np.isfinite(path)
    return np.where(known[:-1] & known[1:], np.diff(np.where(known, path, 0)), 0)


def _scaled(total: np.ndarray) -> np.ndarray:
    """Signed square roots, largest magnitude 100."""
    root = np.sign(total) * np.sqrt(np.abs(total))
    return 100 * root / (np.abs(root).max() or 1)


def fit_of(fitted: FitResult | Spline | Any) -> FitResult | None:
    """The FitResult itself, or that which a record holds as its `fit`; None of a bare Spline.

    Raises:
      TypeError: it is none of these.
    """
    fit = getattr(fitted, "fit", fitted)
    spline_of(fit)
    return fit if isinstance(fit, FitResult) else None


def summarize(fitted: FitResult | Spline | Any, feature_names: Sequence[str] | None = None) -> str:
    """Writes a summary to print, in the manner of earth's.

    Args:
      fitted: any FitResult, with one or several outputs, or a record that holds one as its `fit`;
        of a Spline the coefficients are all there is to tell.
      feature_names: of the d features, in place of those in fit.names; directions keep theirs.

    Returns:
      Several lines: the terms with their coefficients (a hinge is h(...), a linear term bare
      parentheses, an interaction the min(...) of its hinges), how many terms and columns were
      chosen, why the forward pass ended, importance, quality and seconds. GRSq is 1 minus the GCV
      over that of the intercept alone. No newline at the end.

    Raises:
      ValueError: another number of names than of features.
    """
    fit, spline = fit_of(fitted), spline_of(fitted)
    wanted, q = np.shape(spline.projection)
    own = (*(f"x{j}" for j in range(wanted)), *(f"direction {j + 1}" for j in range(q)))
    names = own if fit is None else fit.names
    given = as_names("feature_names", feature_names, wanted)
    names = names if given is None else (*given, *names[wanted:])
    if fit is None:
        return "\n".join(_coefficient_lines(spline, names))
    scores = importance(fit)
    path = fit.pruning
    kept = path.kept[path.chosen]
    used = {v for term, keep in zip(fit.terms, kept, strict=True) if keep for v in term.features}
    ranking = [f"{names[v]} ({scores.gcv[v]:.0f})" for v in scores.order()]
    null = float(path.gcv[-1])
    grsq = 1 - fit.gcv / null if null > 0 else 0.0
    columns = f"{len(names) - q} features" + (f" and {q} directions" if q else "")
    lines = [
        *_coefficient_lines(fit.spline, names),
        "",
        f"Selected {1 + kept.sum()} of {1 + len(kept)} terms, and {len(used)} of {columns}",
        f"Terms at each degree of interaction: {_degrees(fit, kept)}",
        f"Forward pass: {fit.stop_reason}",
        f"Importance (gcv): {', '.join(ranking) or 'no feature matters'}",
        f"GCV {fit.gcv:.6g}   RSS {fit.rss:.6g}   GRSq {grsq:.4f}   R2 {fit.r2:.4f}   "
        f"penalty {fit.penalty:g}   rows {fit.num_rows:g}",
        f"Seconds: {fit.seconds.run:.3g}, and {fit.seconds.compile:.3g} of compilation",
    ]
    return "\n".join(lines)


def _degrees(fit: FitResult, kept: np.ndarray) -> str:
    """Counts of kept terms by number of factors, the intercept first."""
    degrees = [len(term.factors) for term, keep in zip(fit.terms, kept, strict=True) if keep]
    counts = np.bincount([0, *degrees])
    return " ".join(map(str, counts)) + (" (additive)" if len(counts) <= 2 else "")


def _coefficient_lines(spline: Spline, names: Sequence[str]) -> list[str]:
    """A table with one line per term and one column per output."""
    cells = coefficient_cells(spline, names)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in cells
    ]
