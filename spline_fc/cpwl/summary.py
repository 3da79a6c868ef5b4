"""What a fit found: the importance of features, and a summary to print."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from spline_fc.checks import check, check_integer
from spline_fc.cpwl.fit import FitResult
from spline_fc.cpwl.spline import Spline


class Importance(NamedTuple):
    """How much each feature matters, by the three criteria of earth's `evimp`."""

    nsubsets: np.ndarray  # (d,) int, subsets of the pruning path that read the feature
    gcv: np.ndarray  # (d,) float64, scaled so that the largest magnitude is 100; may be negative
    rss: np.ndarray  # (d,) float64, scaled likewise

    def order(self) -> np.ndarray:
        """Features that some subset reads, most important first: by nsubsets, then by gcv."""
        ranked = np.lexsort((-self.gcv, -self.nsubsets))
        return ranked[self.nsubsets[ranked] > 0]


def importance(fit: FitResult, num_features: int) -> Importance:
    """Measures the importance of features on the pruning path, as earth's `evimp` does.

    Looked at are the subsets from the chosen one down to the intercept alone. A feature's
    `nsubsets` counts the subsets that read it. For `gcv` and `rss`, every subset credits all the
    features it reads with what its last term gained over the next smaller subset; the square roots
    of the sums (with their signs) are scaled to a maximum of 100. A step between subsets whose GCV
    is infinite gains nothing.

    Args:
      fit: any FitResult; outputs count together, weights as in its RSS.
      num_features: d, the columns of x.

    Returns:
      Importance, all fields (d,).

    Raises:
      ValueError: the fit reads a column beyond num_features.

    Reference:
      Milborrow, Notes on the earth package, section "Estimating variable importance".
    """
    check_integer("num_features", num_features, 1)
    needed = _columns_read(fit)
    check(
        num_features >= needed,
        f"num_features must be at least {needed}, as the fit reads column {needed - 1}; "
        f"got {num_features}.",
    )
    reads = np.zeros((len(fit.terms), num_features), bool)
    for m, term in enumerate(fit.terms):
        reads[m, list(term.features)] = True
    path = fit.pruning
    in_subset = (path.kept[path.chosen : -1].astype(int) @ reads > 0).astype(int)  # (subsets, d)
    scores = [_scaled(_gains(column[path.chosen :]) @ in_subset) for column in (path.gcv, path.rss)]
    return Importance(in_subset.sum(0), *scores)


def _columns_read(fit: FitResult) -> int:
    """The least number of columns that x can have had."""
    return 1 + max((feature for term in fit.terms for feature in term.features), default=-1)


def _gains(path: np.ndarray) -> np.ndarray:
    """What each subset gains over the next smaller one; nothing where either is infinite."""
    known = np.isfinite(path)
    return np.where(known[:-1] & known[1:], np.diff(np.where(known, path, 0)), 0)


def _scaled(total: np.ndarray) -> np.ndarray:
    """Signed square roots, largest magnitude 100."""
    root = np.sign(total) * np.sqrt(np.abs(total))
    return 100 * root / (np.abs(root).max() or 1)


def summarize(fit: FitResult, feature_names: Sequence[str] | None = None) -> str:
    """Writes a summary to print, in the manner of earth's.

    Args:
      fit: any FitResult, with one or several outputs.
      feature_names: one name per column of x; "x0", "x1", ... up to the last column that the fit
        reads if None.

    Returns:
      Several lines: the terms with their coefficients (a hinge is h(...), a linear term bare
      parentheses, an interaction the min(...) of its hinges), how many terms and features were
      chosen, why the forward pass ended, importance, quality and seconds. GRSq is 1 minus the GCV
      over that of the intercept alone. No newline at the end.

    Raises:
      ValueError: fewer names than the fit reads columns.
    """
    needed = _columns_read(fit)
    if feature_names is None:
        feature_names = [f"x{j}" for j in range(max(needed, 1))]
    check(
        len(feature_names) >= max(needed, 1),
        f"feature_names must name at least {max(needed, 1)} columns, as the fit reads column "
        f"{needed - 1}; got {len(feature_names)}.",
    )
    scores = importance(fit, len(feature_names))
    path = fit.pruning
    kept = path.kept[path.chosen]
    used = {v for term, keep in zip(fit.terms, kept, strict=True) if keep for v in term.features}
    ranking = [f"{feature_names[v]} ({scores.gcv[v]:.0f})" for v in scores.order()]
    null = float(path.gcv[-1])
    grsq = 1 - fit.gcv / null if null > 0 else 0.0
    return "\n".join([
        *_coefficient_lines(fit.spline, feature_names),
        "",
        f"Selected {1 + kept.sum()} of {1 + len(kept)} terms, and {len(used)} of "
        f"{len(feature_names)} features",
        f"Terms at each degree of interaction: {_degrees(fit, kept)}",
        f"Forward pass: {fit.stop_reason}",
        f"Importance (gcv): {', '.join(ranking) or 'no feature matters'}",
        f"GCV {fit.gcv:.6g}   RSS {fit.rss:.6g}   GRSq {grsq:.4f}   R2 {fit.r2:.4f}   "
        f"penalty {fit.penalty:g}   rows {fit.num_rows:g}",
        f"Seconds: {fit.seconds.run:.3g}, and {fit.seconds.compile:.3g} of compilation",
    ])  # fmt: skip


def _degrees(fit: FitResult, kept: np.ndarray) -> str:
    """Counts of kept terms by number of factors, the intercept first."""
    degrees = [len(term.factors) for term, keep in zip(fit.terms, kept, strict=True) if keep]
    counts = np.bincount([0, *degrees])
    return " ".join(map(str, counts)) + (" (additive)" if len(counts) <= 2 else "")


def _coefficient_lines(spline: Spline, names: Sequence[str]) -> list[str]:
    """A table with one line per term and one column per output."""
    intercept, coef = np.asarray(spline.intercept), np.asarray(spline.coef)
    rows = [("(Intercept)", intercept), *_labelled(spline, coef, names)]
    single = coef.shape[1] == 1
    heads = ["coefficient"] if single else [f"output {k}" for k in range(coef.shape[1])]
    cells = [[label, *(f"{value:.7g}" for value in values)] for label, values in rows]
    cells.insert(0, ["", *heads])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in cells
    ]


def _labelled(spline: Spline, coef: np.ndarray, names: Sequence[str]):
    """Label and coefficients of each live term; the two halves of a linear term become one."""
    tables = [np.asarray(table) for table in (spline.feature, spline.sign, spline.knot)]
    factors = [
        tuple((int(v), float(s), float(t)) for v, s, t in zip(*row, strict=True) if s != 0)
        for row in zip(*tables, strict=True)
    ]
    rows, done = [], set()
    for m, own in enumerate(factors):
        if m in done or not own or not coef[m].any():
            continue
        mirror = [(v, -s, t) for v, s, t in own]
        partner = [
            j
            for j in range(m + 1, len(factors))
            if len(own) == 1 and list(factors[j]) == mirror and (coef[j] == -coef[m]).all()
        ]
        done.update(partner[:1])
        rows.append((_label(own, names, linear=bool(partner)), coef[m]))
    return rows


def _label(factors: tuple, names: Sequence[str], linear: bool) -> str:
    inner = [_distance(names[v], sign, knot) for v, sign, knot in factors]
    hinges = [f"({text})" if linear else f"h({text})" for text in inner]
    return hinges[0] if len(hinges) == 1 else f"min({', '.join(hinges)})"


def _distance(name: str, sign: float, knot: float) -> str:
    if sign < 0:
        return f"{knot:.6g}-{name}"
    return f"{name}-{knot:.6g}" if knot >= 0 else f"{name}+{-knot:.6g}"
